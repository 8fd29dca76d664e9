//! What of an SCTP packet the engine may see (trust.md O11): the engine keeps pieces of messages that never end, streams that nobody opened and numbers far ahead
//! without a bound but the window, which counts payload alone. Browsers send none of that. Reads chunks (RFC 9260 §3); keeps no payload and knows no channel's label.

use crate::limits;

const DATA: u8 = 0;
const INIT: u8 = 1;
const SACK: u8 = 3;
const ABORT: u8 = 6;
const ERROR: u8 = 9;
const HEADER: usize = 12;
/// Payload protocol identifier of a DATA_CHANNEL_OPEN or ACK (RFC 8832 §8.1).
const DCEP: u32 = 50;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The engine sees it.
    Pass,
    /// As if it had been lost: an honest client sends it again.
    Drop,
    /// No client that follows RFC 9260 sends this: the association ends.
    Bar,
}

/// One association's.
#[derive(Debug)]
pub struct ChunkGuard {
    /// Up to this number everything was acknowledged.
    acknowledged: u32,
    /// Which numbers of the window came, and whether a message begins and ends there; by number modulo the length.
    came: Vec<Option<(u32, Ends)>>,
    /// Pieces of messages since one that ends a message.
    pieces: usize,
    /// Streams on which a channel was to be opened.
    opened: Vec<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ends {
    begins: bool,
    ends: bool,
}

impl ChunkGuard {
    /// For an association whose client numbers its data from here on.
    pub fn new(first: u32) -> Self {
        Self { acknowledged: first.wrapping_sub(1), came: vec![None; limits::DATA_CHUNKS_AHEAD], pieces: 0, opened: Vec::new() }
    }

    /// A packet of the client, complete with its common header.
    pub fn judge(&mut self, packet: &[u8]) -> Verdict {
        for (kind, flags, value) in chunks(packet) {
            if kind == DATA {
                match self.data(flags, value) {
                    Verdict::Pass => {}
                    other => return other,
                }
            }
        }
        Verdict::Pass
    }

    /// A packet of the server: it tells how far its engine has come.
    pub fn answered(&mut self, packet: &[u8]) {
        for (kind, _, value) in chunks(packet) {
            if let (SACK, Some(number)) = (kind, word(value, 0)) {
                self.acknowledged = number;
            }
        }
    }

    fn data(&mut self, flags: u8, value: &[u8]) -> Verdict {
        let (Some(number), Some(stream), Some(protocol)) = (word(value, 0), word(value, 4), word(value, 8)) else { return Verdict::Bar };
        let stream = (stream >> 16) as u16;
        let ahead = number.wrapping_sub(self.acknowledged);
        if ahead > u32::MAX / 2 || ahead == 0 {
            return Verdict::Pass; // acknowledged long ago: the engine says so again
        }
        if ahead as usize >= self.came.len() {
            return Verdict::Drop;
        }
        let here = Ends { begins: flags & 2 != 0, ends: flags & 1 != 0 };
        if !self.opened.contains(&stream) {
            if protocol != DCEP || here != (Ends { begins: true, ends: true }) || self.opened.len() >= limits::DATA_STREAMS {
                return Verdict::Drop;
            }
            self.opened.push(stream);
        }
        if self.at(number) == Some(here) {
            return Verdict::Pass;
        }
        let torn = |before: Option<Ends>, after: Option<Ends>| before.zip(after).is_some_and(|(before, after)| before.ends != after.begins);
        if torn(self.at(number.wrapping_sub(1)), Some(here)) || torn(Some(here), self.at(number.wrapping_add(1))) {
            return Verdict::Bar;
        }
        self.pieces = if here.ends { 0 } else { self.pieces + 1 };
        if self.pieces > limits::DATA_MESSAGE_PIECES {
            return Verdict::Bar;
        }
        let place = number as usize % self.came.len();
        self.came[place] = Some((number, here));
        Verdict::Pass
    }

    fn at(&self, number: u32) -> Option<Ends> {
        self.came[number as usize % self.came.len()].filter(|(whose, _)| *whose == number).map(|(_, ends)| ends)
    }
}

/// The tag of an INIT and the number of the client's first data (RFC 9260 §3.3.2); `None` for every other packet.
pub fn initiation(packet: &[u8]) -> Option<(u32, u32)> {
    (word(packet, 4)? == 0 && *packet.get(HEADER)? == INIT).then(|| word(packet, 16).zip(word(packet, 28))).flatten()
}

/// Whether every error cause of ABORT and ERROR lies within its chunk (RFC 9260 §3.3.10). The engine panics where one does not (rtc-sctp 0.21.1).
pub fn causes_fit(packet: &[u8]) -> bool {
    chunks(packet).filter(|(kind, ..)| matches!(*kind, ABORT | ERROR)).all(|(_, _, value)| fit(value))
}

fn fit(mut causes: &[u8]) -> bool {
    while let Some([_, _, length @ ..]) = causes.first_chunk::<4>() {
        // The engine does not pad: it looks for the next cause right behind.
        match causes.get(usize::from(u16::from_be_bytes(*length)).max(4)..) {
            Some(rest) => causes = rest,
            None => return false,
        }
    }
    true
}

/// Kind, flags and value of each chunk, up to the first that is none: that one the engine refuses by itself.
fn chunks(packet: &[u8]) -> impl Iterator<Item = (u8, u8, &[u8])> {
    let mut rest = packet.get(HEADER..).unwrap_or_default();
    std::iter::from_fn(move || {
        let [kind, flags, length @ ..] = rest.first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((*kind, *flags, value))
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: u8 = 2;
    const END: u8 = 1;

    fn data(number: u32, flags: u8, stream: u16, protocol: u32) -> Vec<u8> {
        let mut packet = vec![0; HEADER];
        packet.extend_from_slice(&[DATA, flags, 0, 17]);
        packet.extend_from_slice(&number.to_be_bytes());
        packet.extend_from_slice(&stream.to_be_bytes());
        packet.extend_from_slice(&[0, 0]);
        packet.extend_from_slice(&protocol.to_be_bytes());
        packet.extend_from_slice(&[7, 0, 0, 0]);
        packet
    }

    /// Channel 0 was opened with number `first`.
    fn opened(first: u32) -> ChunkGuard {
        let mut guard = ChunkGuard::new(first);
        assert_eq!(guard.judge(&data(first, BEGIN | END, 0, DCEP)), Verdict::Pass);
        guard
    }

    #[test]
    fn messages_in_pieces_pass_in_any_order_and_twice() {
        let mut guard = opened(u32::MAX);
        for (number, flags) in [(2, END), (0, BEGIN), (1, 0), (1, 0), (3, BEGIN | END), (2, END)] {
            assert_eq!(guard.judge(&data(number, flags, 0, 53)), Verdict::Pass, "{number}");
        }
    }

    #[test]
    fn a_message_inside_a_message_bars() {
        for (first, second) in [((2, BEGIN), (3, BEGIN | END)), ((3, BEGIN | END), (2, BEGIN)), ((4, END), (5, 0))] {
            let mut guard = opened(1);
            assert_eq!(guard.judge(&data(first.0, first.1, 0, 53)), Verdict::Pass);
            assert_eq!(guard.judge(&data(second.0, second.1, 0, 53)), Verdict::Bar, "{first:?} {second:?}");
        }
    }

    #[test]
    fn data_of_a_channel_that_was_not_opened_is_as_lost() {
        let mut guard = opened(1);
        assert_eq!(guard.judge(&data(2, BEGIN | END, 4, 53)), Verdict::Drop);
        assert_eq!(guard.judge(&data(2, BEGIN | END, 4, DCEP)), Verdict::Pass);
        assert_eq!(guard.judge(&data(3, BEGIN | END, 4, 53)), Verdict::Pass);
    }

    #[test]
    fn so_many_streams_and_no_more() {
        let mut guard = ChunkGuard::new(1);
        let passed = (1..1_000).filter(|n| guard.judge(&data(*n, BEGIN | END, *n as u16, DCEP)) == Verdict::Pass).count();
        assert_eq!(passed, limits::DATA_STREAMS);
    }

    #[test]
    fn numbers_beyond_the_window_are_as_lost_until_the_engine_has_come_so_far() {
        let mut guard = opened(1);
        let far = limits::DATA_CHUNKS_AHEAD as u32;
        assert_eq!(guard.judge(&data(far, BEGIN | END, 0, 53)), Verdict::Drop);
        let mut sack = vec![0; HEADER];
        sack.extend_from_slice(&[SACK, 0, 0, 16, 0, 0, 0, 9, 0, 1, 0, 0, 0, 0, 0, 0]);
        guard.answered(&sack);
        assert_eq!(guard.judge(&data(far, BEGIN | END, 0, 53)), Verdict::Pass);
        assert_eq!(guard.judge(&data(9, BEGIN, 0, 53)), Verdict::Pass, "acknowledged already, whatever it says now");
    }

    #[test]
    fn a_message_of_too_many_pieces_bars() {
        let mut guard = opened(1);
        let mut passed = 0;
        for n in 0.. {
            guard.acknowledged = n;
            match guard.judge(&data(n + 2, if n == 0 { BEGIN } else { 0 }, 0, 53)) {
                Verdict::Pass => passed += 1,
                Verdict::Bar => break,
                Verdict::Drop => panic!(),
            }
        }
        assert_eq!(passed, limits::DATA_MESSAGE_PIECES);
    }

    #[test]
    fn data_too_short_for_its_own_head_bars() {
        let mut packet = data(2, BEGIN | END, 0, 53);
        packet[HEADER + 3] = 12;
        assert_eq!(opened(1).judge(&packet), Verdict::Bar);
    }

    #[test]
    fn causes_lie_within_their_chunk() {
        for kind in [ABORT, ERROR] {
            for causes in [&[0, 12, 6, 10, 1, 2][..], &[0, 12, 0, 6, 1, 2, 0, 3, 0, 7, 0, 0], &[0, 12, 0xff, 0xff]] {
                let mut packet = [&[0; HEADER][..], &[kind, 0, 0, causes.len() as u8 + 4], causes].concat();
                packet.resize(packet.len().next_multiple_of(4), 0);
                assert!(!causes_fit(&packet), "{kind} {causes:?}");
            }
        }
        assert!(causes_fit(&[&[0; HEADER][..], &[9, 0, 0, 16, 0, 1, 0, 8, 0, 7, 0, 0, 0, 10, 0, 4]].concat()));
    }
}
