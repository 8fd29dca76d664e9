//! What arrives of one SSRC: new, late or repeated; extended sequence, loss and jitter (RFC 3550 §6.4.1, appendix A). Knows no payload.

use crate::limits::{RTP_JUMP_MAX, RTP_REORDER_WINDOW};
use crate::time::Instant;

/// Extended numbers begin in the second turn, so that something before the first needs no negative number.
const FIRST_TURN: u64 = 0x1_0000;
/// How far before the first packet, and how long after it, an earlier one is still taken.
const START_REORDER: u64 = 64;
const WORDS: usize = RTP_REORDER_WINDOW as usize / 64;

/// What a sequence number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The next one, or one further ahead: so many are missing before it.
    New {
        /// Packets skipped.
        missing: u16,
    },
    /// Behind the newest, for the first time.
    Late,
    /// Seen before, or too old to tell.
    Repeated,
    /// A jump that is not believed yet.
    Doubtful,
    /// A confirmed jump, or the very first packet: everything starts anew.
    Fresh,
}

/// Receiver state of one SSRC.
#[derive(Debug, Clone, Default)]
pub struct Reception {
    started: bool,
    first: u64,
    highest: u64,
    /// Bit `place % RTP_REORDER_WINDOW`: that place has arrived. A ring, so that going on touches one bit and not all of them.
    seen: [u64; WORDS],
    after_jump: Option<u16>,
    received: u64,
    reported: (u64, u64),
    transit: Option<i64>,
    jitter_16: u64,
    origin: Option<Instant>,
}

/// The figures of one report block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// In 1/256 since the last report.
    pub fraction: u8,
    /// Since the beginning, at most 2^23 - 1.
    pub cumulative: u32,
    /// Extended highest sequence.
    pub highest: u32,
    /// In the codec's ticks.
    pub jitter: u32,
}

impl Reception {
    /// Places a sequence number. `repaired` packets (through RTX) fill holes, but leave loss as the path made it.
    pub fn place(&mut self, sequence: u16, repaired: bool) -> Arrival {
        if !self.started {
            // A retransmission cannot be the first: its place is not known.
            return if repaired { Arrival::Doubtful } else { self.restart(sequence) };
        }
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if ahead == 0 {
            return Arrival::Repeated;
        }
        if ahead <= RTP_JUMP_MAX {
            if repaired {
                return Arrival::Doubtful;
            }
            self.advance(ahead);
            self.after_jump = None;
            self.received += 1;
            return Arrival::New { missing: ahead - 1 };
        }
        let behind = ahead.wrapping_neg();
        if behind < RTP_REORDER_WINDOW {
            let place = self.highest - u64::from(behind);
            let before_first = self.first.saturating_sub(place);
            // At the very start packets may have overtaken the first one: it is most likely the beginning of a key frame.
            if before_first > 0 && (before_first > START_REORDER || self.highest - self.first > START_REORDER) {
                return Arrival::Repeated;
            }
            if !self.mark(behind) {
                return Arrival::Repeated;
            }
            self.first = self.first.min(place);
            if !repaired {
                self.received += 1;
            }
            return Arrival::Late;
        }
        if repaired {
            return Arrival::Repeated;
        }
        if self.after_jump == Some(sequence) {
            return self.restart(sequence);
        }
        self.after_jump = Some(sequence.wrapping_add(1));
        Arrival::Doubtful
    }

    /// The newest sequence number.
    pub fn newest(&self) -> u16 {
        self.highest as u16
    }

    /// Interarrival jitter (RFC 3550 appendix A.8) of packets that were not repaired.
    pub fn time(&mut self, timestamp: u32, clock_rate: u32, now: Instant) {
        let origin = *self.origin.get_or_insert(now);
        let arrival = super::rewrite::ticks(now.saturating_duration_since(origin), clock_rate);
        let transit = i64::from(arrival.wrapping_sub(timestamp) as i32);
        if let Some(before) = self.transit.replace(transit) {
            let difference = u64::from((transit as i32).wrapping_sub(before as i32).unsigned_abs());
            // A jump of a source's clock would otherwise stay in the figure for minutes.
            if difference < u64::from(clock_rate) * 10 {
                self.jitter_16 = self.jitter_16 + difference - ((self.jitter_16 + 8) >> 4).min(self.jitter_16 + difference);
            }
        }
    }

    /// Closes a report interval; `None` while nothing has arrived.
    pub fn report(&mut self) -> Option<Loss> {
        if !self.started {
            return None;
        }
        let expected = self.highest + 1 - self.first;
        let (expected_before, received_before) = self.reported;
        self.reported = (expected, self.received);
        let interval = expected.saturating_sub(expected_before);
        let lost = interval.saturating_sub(self.received.saturating_sub(received_before));
        let fraction = (lost * 256).checked_div(interval).unwrap_or(0).min(255) as u8;
        Some(Loss {
            fraction,
            cumulative: expected.saturating_sub(self.received).min(0x7f_ffff) as u32,
            highest: (self.highest - FIRST_TURN) as u32,
            jitter: (self.jitter_16 >> 4) as u32,
        })
    }

    fn restart(&mut self, sequence: u16) -> Arrival {
        let origin = self.origin;
        let place = FIRST_TURN + u64::from(sequence);
        *self = Self { started: true, first: place, highest: place, received: 1, origin, ..Self::default() };
        self.mark(0);
        Arrival::Fresh
    }

    fn advance(&mut self, by: u16) {
        if by >= RTP_REORDER_WINDOW {
            self.seen.fill(0);
        } else {
            (1..=u64::from(by)).for_each(|step| {
                let (word, bit) = place(self.highest + step);
                self.seen[word] &= !bit;
            });
        }
        self.highest += u64::from(by);
        self.mark(0);
    }

    /// Notes a packet at most `RTP_REORDER_WINDOW - 1` behind the newest; false when it was noted before.
    fn mark(&mut self, behind: u16) -> bool {
        let (word, bit) = place(self.highest - u64::from(behind));
        let fresh = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        fresh
    }
}

/// Word and bit of a place.
fn place(number: u64) -> (usize, u64) {
    ((number / 64) as usize % WORDS, 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn new_late_and_repeated_packets_are_told_apart_over_the_wrap() {
        let mut reception = Reception::default();
        assert_eq!(reception.place(65_534, false), Arrival::Fresh);
        assert_eq!(reception.place(1, false), Arrival::New { missing: 2 });
        assert_eq!(reception.place(65_535, false), Arrival::Late);
        assert_eq!(reception.place(65_535, false), Arrival::Repeated);
        assert_eq!(reception.place(0, true), Arrival::Late);
        assert_eq!(reception.place(1, false), Arrival::Repeated);
        assert_eq!(reception.place(65_533, false), Arrival::Late, "overtaken at the start");
        assert_eq!(reception.place(65_000, false), Arrival::Repeated, "from before the first");
        assert_eq!(reception.place(70, false), Arrival::New { missing: 68 });
        assert_eq!(reception.place(0, false), Arrival::Repeated, "remembered across a word");
        assert_eq!(reception.place(2, false), Arrival::Late);
        assert_eq!(reception.place(65_532, false), Arrival::Repeated, "no longer the start");
    }

    #[test]
    fn a_jump_counts_when_a_second_packet_confirms_it() {
        let mut reception = Reception::default();
        reception.place(100, false);
        assert_eq!(reception.place(30_000, false), Arrival::Doubtful);
        assert_eq!(reception.place(101, false), Arrival::New { missing: 0 });
        assert_eq!(reception.place(40_000, false), Arrival::Doubtful);
        assert_eq!(reception.place(40_001, false), Arrival::Fresh);
        assert_eq!(reception.place(40_002, false), Arrival::New { missing: 0 });
    }

    #[test]
    fn loss_is_counted_as_the_path_made_it() {
        let mut reception = Reception::default();
        assert_eq!(reception.report(), None);
        for sequence in (0..100).filter(|n| n % 4 != 1) {
            reception.place(sequence, false);
        }
        reception.place(1, true);
        let loss = reception.report().unwrap();
        assert_eq!((loss.fraction, loss.cumulative, loss.highest), (64, 25, 99));
        reception.place(100, false);
        assert_eq!(reception.report().unwrap().fraction, 0);
        assert_eq!(reception.report().unwrap().fraction, 0, "an interval without packets");
    }

    #[test]
    fn even_packets_have_no_jitter_and_late_ones_have() {
        let begin = Instant::now();
        let mut reception = Reception::default();
        for n in 0..50_u16 {
            reception.place(n, false);
            reception.time(u32::from(n) * 960, 48_000, begin + Duration::from_millis(20) * u32::from(n));
        }
        assert_eq!(reception.report().unwrap().jitter, 0);
        reception.place(50, false);
        reception.time(50 * 960, 48_000, begin + Duration::from_millis(20 * 50 + 10));
        assert_eq!(reception.report().unwrap().jitter, 480 / 16);
    }
}
