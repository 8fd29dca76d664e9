//! What one transport hears: streams by SSRC with what reports need, packets that are missing, payloads that came before. Knows no keys and no socket.

use std::time::{Duration, Instant};

use super::rtcp::{self, Block};
use super::srtp::nearest;

/// Missing packets of one stream that are asked for; more ask for a picture from the beginning instead.
const MISSING: usize = 200;
/// From one question for a packet to the next.
const ASK_AGAIN: Duration = Duration::from_millis(60);
/// Questions for one packet.
const TRIES: u8 = 6;
/// From one wish for a key frame to the next.
const KEY_FRAME: Duration = Duration::from_millis(500);
/// SSRCs of one transport; packets of one more are not reported on.
const STREAMS: usize = 16;

/// See the file's sentence.
#[derive(Debug, Default)]
pub struct Ear {
    streams: Vec<Stream>,
    key_frame_asked: Option<Instant>,
    seen: [Seen; 2],
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    is_video: bool,
    first: u64,
    highest: u64,
    received: u64,
    /// Expected and received at the last report.
    reported: (u64, u64),
    jitter: f64,
    transit: Option<i64>,
    clock: Option<(u32, Instant)>,
    missing: Vec<Missing>,
}

#[derive(Debug)]
struct Missing {
    index: u64,
    tries: u8,
    asked: Option<Instant>,
}

impl Ear {
    /// An original packet, not a resent one, with its arrival in microseconds.
    pub fn note(&mut self, ssrc: u32, sequence: u16, timestamp: u32, is_video: bool, at_us: u64) {
        let Some(place) = self.streams.iter().position(|stream| stream.ssrc == ssrc) else {
            if self.streams.len() < STREAMS {
                let first = u64::from(sequence);
                self.streams.push(Stream {
                    ssrc,
                    is_video,
                    first,
                    highest: first,
                    received: 1,
                    reported: (0, 0),
                    jitter: 0.0,
                    transit: None,
                    clock: None,
                    missing: Vec::new(),
                });
            }
            return;
        };
        let stream = &mut self.streams[place];
        stream.received += 1;
        let index = nearest(stream.highest, sequence);
        if index > stream.highest {
            if is_video {
                let skipped = (stream.highest + 1..index).take(MISSING);
                stream.missing.extend(skipped.map(|index| Missing { index, tries: 0, asked: None }));
            }
            stream.highest = index;
        } else {
            stream.missing.retain(|missing| missing.index != index);
        }
        // RFC 3550 appendix A.8.
        let rate = if is_video { 90_000 } else { 48_000 };
        let transit = (at_us as i64).wrapping_mul(rate) / 1_000_000 - i64::from(timestamp);
        if let Some(before) = stream.transit.replace(transit) {
            let difference = (transit.wrapping_sub(before)).unsigned_abs().min(10 * rate.unsigned_abs());
            stream.jitter += (difference as f64 - stream.jitter) / 16.0;
        }
    }

    /// A packet was resent.
    pub fn note_resent(&mut self, sequence: u16) {
        for stream in self.streams.iter_mut().filter(|stream| stream.is_video) {
            stream.missing.retain(|missing| missing.index as u16 != sequence);
        }
    }

    /// A sender report of the server.
    pub fn note_clock(&mut self, ssrc: u32, middle: u32, now: Instant) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc) {
            stream.clock = Some((middle, now));
        }
    }

    /// Whether this payload is the first of its number from this transport.
    pub fn is_fresh(&mut self, from: u32, is_video: bool, number: u32) -> bool {
        self.seen[usize::from(is_video)].note(from, number)
    }

    /// Questions for what is missing, as RTCP of `own`; how many packets they are for.
    pub fn questions(&mut self, own: u32, now: Instant, out: &mut Vec<u8>) -> u64 {
        let mut asked = 0;
        for stream in &mut self.streams {
            if stream.missing.is_empty() {
                continue;
            }
            let given_up = stream.missing.len() > MISSING || stream.missing.iter().any(|missing| missing.tries >= TRIES);
            if given_up {
                stream.missing.clear();
                if self.key_frame_asked.is_none_or(|at| now - at >= KEY_FRAME) {
                    self.key_frame_asked = Some(now);
                    out.extend(rtcp::pli(own, stream.ssrc));
                }
                continue;
            }
            let due = stream.missing.iter_mut().filter(|missing| missing.asked.is_none_or(|at| now - at >= ASK_AGAIN));
            let numbers: Vec<u16> = due
                .map(|missing| {
                    missing.tries += 1;
                    missing.asked = Some(now);
                    missing.index as u16
                })
                .collect();
            if !numbers.is_empty() {
                asked += numbers.len() as u64;
                out.extend(rtcp::nack(own, stream.ssrc, &numbers));
            }
        }
        asked
    }

    /// Video is heard that nobody can show, since it did not begin with a key frame: asks for one, as a decoder does.
    pub fn wish_for_key_frame(&mut self, own: u32, now: Instant, out: &mut Vec<u8>) {
        let rests = self.key_frame_asked.is_some_and(|at| now - at < KEY_FRAME);
        let Some(stream) = self.streams.iter().find(|stream| stream.is_video).filter(|_| !rests) else { return };
        self.key_frame_asked = Some(now);
        out.extend(rtcp::pli(own, stream.ssrc));
    }

    /// Something is missing.
    pub fn misses(&self) -> bool {
        self.streams.iter().any(|stream| !stream.missing.is_empty())
    }

    /// What a report says of each stream.
    pub fn blocks(&mut self, now: Instant) -> Vec<Block> {
        self.streams.iter_mut().map(|stream| stream.block(now)).collect()
    }

    /// Some SSRC that is heard; 0 when there is none.
    pub fn any_ssrc(&self) -> u32 {
        self.streams.first().map_or(0, |stream| stream.ssrc)
    }
}

impl Stream {
    fn block(&mut self, now: Instant) -> Block {
        let expected = self.highest - self.first + 1;
        let (expected_before, received_before) = std::mem::replace(&mut self.reported, (expected, self.received));
        let (due, came) = (expected - expected_before, self.received - received_before);
        let fraction = if due > came { ((due - came) * 256 / due).min(255) as u8 } else { 0 };
        let since = self.clock.map_or(0, |(_, at)| ((now - at).as_micros() * 65_536 / 1_000_000) as u32);
        Block {
            ssrc: self.ssrc,
            fraction,
            lost: expected.saturating_sub(self.received) as u32,
            highest: self.highest as u32,
            jitter: self.jitter as u32,
            last_report: self.clock.map_or(0, |(middle, _)| middle),
            since,
        }
    }
}

/// Which of the last 1,024 payloads of a sender came.
#[derive(Debug, Default)]
struct Seen {
    from: Option<u32>,
    highest: u32,
    bits: [u64; 16],
}

impl Seen {
    fn note(&mut self, from: u32, number: u32) -> bool {
        if self.from != Some(from) {
            *self = Self { from: Some(from), highest: number, bits: [0; 16] };
        } else if number > self.highest {
            let skipped = (number - self.highest).min(1_024);
            (1..=skipped).for_each(|step| self.set(self.highest + step, false));
            self.highest = number;
        } else if self.highest - number >= 1_024 || self.bits[Self::word(number)] & Self::bit(number) != 0 {
            return false;
        }
        self.set(number, true);
        true
    }

    fn word(number: u32) -> usize {
        (number / 64 % 16) as usize
    }

    fn bit(number: u32) -> u64 {
        1 << (number % 64)
    }

    fn set(&mut self, number: u32, on: bool) {
        let word = &mut self.bits[Self::word(number)];
        *word = if on { *word | Self::bit(number) } else { *word & !Self::bit(number) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_asked_for_until_it_is_filled_or_given_up() {
        let (mut ear, begin) = (Ear::default(), Instant::now());
        for sequence in [65_534, 65_535, 2] {
            ear.note(9, sequence, 0, true, 0);
        }
        let mut out = Vec::new();
        assert_eq!(ear.questions(1, begin, &mut out), 2);
        assert_eq!(out, rtcp::nack(1, 9, &[0, 1]));
        assert_eq!(ear.questions(1, begin, &mut out), 0, "not at once again");
        ear.note(9, 0, 0, true, 0);
        ear.note_resent(1);
        assert!(!ear.misses());
        ear.note(9, 4, 0, true, 0);
        let mut out = Vec::new();
        for step in 0..10 {
            ear.questions(1, begin + ASK_AGAIN * step, &mut out);
        }
        assert!(out.ends_with(&rtcp::pli(1, 9)) && !ear.misses());
    }

    #[test]
    fn video_without_a_beginning_is_asked_for_one_until_it_comes() {
        let (mut ear, begin) = (Ear::default(), Instant::now());
        let mut out = Vec::new();
        ear.note(8, 1, 0, false, 0);
        ear.wish_for_key_frame(1, begin, &mut out);
        assert!(out.is_empty(), "sound has no pictures");
        ear.note(9, 1, 0, true, 0);
        for at in [begin, begin + KEY_FRAME / 2, begin + KEY_FRAME] {
            ear.wish_for_key_frame(1, at, &mut out);
        }
        assert_eq!(out, [rtcp::pli(1, 9), rtcp::pli(1, 9)].concat());
    }

    #[test]
    fn sound_is_never_asked_for_and_reports_tell_what_was_lost() {
        let (mut ear, now) = (Ear::default(), Instant::now());
        for sequence in [1, 2, 5, 6] {
            ear.note(9, sequence, 0, false, 0);
        }
        assert!(!ear.misses());
        let block = ear.blocks(now)[0];
        assert_eq!((block.highest, block.lost, block.fraction), (6, 2, 85));
        assert_eq!(ear.blocks(now)[0].fraction, 0, "since the last report");
    }

    #[test]
    fn a_payload_counts_once() {
        let mut ear = Ear::default();
        assert!([5, 7, 6, 2_000].into_iter().all(|number| ear.is_fresh(1, true, number)));
        assert!(!ear.is_fresh(1, true, 2_000) && !ear.is_fresh(1, true, 6));
        assert!(ear.is_fresh(1, true, 1_999) && ear.is_fresh(1, false, 5) && ear.is_fresh(2, true, 5));
    }
}
