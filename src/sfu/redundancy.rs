//! How often one slot's sound is said again in the packets that follow (RFC 2198): not while its line loses nothing, since it takes half as much again.
//! Keeps the last packets that it says again; told what the line loses and carries.

use std::time::Duration;

use crate::limits;
use crate::sfu::red::{self, Block};
use crate::time::Instant;

/// Share of packets lost from which each packet is said again once, and twice; and below which it is, after `CALM`, once less.
const FROM: [f64; limits::REDUNDANT_BLOCKS] = [0.01, 0.08];
const UNTIL: [f64; limits::REDUNDANT_BLOCKS] = [0.004, 0.04];
const CALM: Duration = Duration::from_secs(10);
/// A line that carries less is full of other things: saying more would lose more.
const ROOM: u64 = 200_000;

/// One slot's.
#[derive(Debug, Clone, Default)]
pub struct Redundancy {
    times: usize,
    /// Since when less would do.
    calm: Option<Instant>,
    said: [Said; limits::REDUNDANT_BLOCKS],
}

/// A packet as it left.
#[derive(Debug, Clone, Default)]
struct Said {
    sequence: u16,
    timestamp: u32,
    /// Empty: none.
    payload: Vec<u8>,
}

impl Redundancy {
    /// How often each packet is said again.
    pub fn times(&self) -> usize {
        self.times
    }

    /// What the line loses lately (0 to 1) and carries, as far as that is known.
    pub fn judge(&mut self, loss: f64, bits_per_s: Option<u64>, now: Instant) {
        if bits_per_s.is_some_and(|bits| bits < ROOM) {
            (self.times, self.calm) = (0, None);
            return;
        }
        let wanted = FROM.iter().filter(|from| loss >= **from).count();
        let calm = self.times.checked_sub(1).is_some_and(|last| loss < UNTIL[last]);
        if wanted > self.times {
            (self.times, self.calm) = (wanted, None);
        } else if !calm {
            self.calm = None;
        } else if now.saturating_duration_since(*self.calm.get_or_insert(now)) >= CALM {
            (self.times, self.calm) = (self.times - 1, None);
        }
    }

    /// Another source comes: nothing of the one before is said again.
    pub fn forget(&mut self) {
        self.said.iter_mut().for_each(|said| said.payload.clear());
    }

    /// Appends the payload of the packet with these numbers, with what is said again, and keeps it for the next. A payload longer than
    /// `limits::REDUNDANT_BYTES` is not kept.
    pub fn write(&mut self, (sequence, timestamp): (u16, u32), payload: &[u8], payload_type: u8, out: &mut Vec<u8>) {
        let mut earlier = [None; limits::REDUNDANT_BLOCKS];
        for (back, place) in (1..).zip(earlier.iter_mut().take(self.times)) {
            let before = self.said.iter().find(|said| said.sequence == sequence.wrapping_sub(back) && !said.payload.is_empty());
            *place = before.map(|said| Block { offset: timestamp.wrapping_sub(said.timestamp), payload: &said.payload });
        }
        red::write(payload, earlier, payload_type, out);
        let place = usize::from(sequence) % limits::REDUNDANT_BLOCKS;
        if let Some(said) = self.said.get_mut(place) {
            (said.sequence, said.timestamp) = (sequence, timestamp);
            said.payload.clear();
            said.payload.extend_from_slice(Some(payload).filter(|payload| payload.len() <= limits::REDUNDANT_BYTES).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(redundancy: &mut Redundancy, sequence: u16, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        redundancy.write((sequence, u32::from(sequence.wrapping_add(1)) * 960), payload, 111, &mut out);
        out
    }

    const NOTHING: Vec<u8> = Vec::new();

    fn said_again(payload: &[u8]) -> [Vec<u8>; limits::REDUNDANT_BLOCKS] {
        red::read(payload, 111).unwrap().earlier.map(|block| block.map_or(NOTHING, |block| block.payload.to_vec()))
    }

    #[test]
    fn the_more_is_lost_the_more_often_it_is_said() {
        let (mut redundancy, begin) = (Redundancy::default(), Instant::now());
        redundancy.judge(0.005, Some(1_000_000), begin);
        assert_eq!(redundancy.times(), 0);
        redundancy.judge(0.02, Some(1_000_000), begin);
        assert_eq!(redundancy.times(), 1);
        redundancy.judge(0.2, None, begin);
        assert_eq!(redundancy.times(), 2);
    }

    #[test]
    fn a_line_that_lost_nothing_for_ten_seconds_hears_it_once() {
        let (mut redundancy, begin) = (Redundancy::default(), Instant::now());
        let second = |n: u32| begin + Duration::from_secs(1) * n;
        redundancy.judge(0.2, None, begin);
        for n in 1..=10 {
            redundancy.judge(0.0, None, second(n));
        }
        redundancy.judge(0.05, None, second(11));
        assert_eq!(redundancy.times(), 2, "it was not calm for ten seconds");
        for n in 12..=22 {
            redundancy.judge(0.0, None, second(n));
        }
        assert_eq!(redundancy.times(), 1, "one less at a time");
        for n in 23..=33 {
            redundancy.judge(0.0, None, second(n));
        }
        assert_eq!(redundancy.times(), 0);
    }

    #[test]
    fn a_line_that_is_full_is_not_filled_more() {
        let (mut redundancy, now) = (Redundancy::default(), Instant::now());
        redundancy.judge(0.1, Some(150_000), now);
        assert_eq!(redundancy.times(), 0);
        redundancy.judge(0.1, Some(250_000), now);
        redundancy.judge(0.1, Some(150_000), now);
        assert_eq!(redundancy.times(), 0);
    }

    #[test]
    fn what_did_not_come_just_before_is_not_said_again() {
        let mut redundancy = Redundancy { times: 2, ..Redundancy::default() };
        assert_eq!(said_again(&written(&mut redundancy, 65_535, &[1])), [NOTHING, NOTHING]);
        assert_eq!(said_again(&written(&mut redundancy, 0, &[2])), [vec![1], NOTHING]);
        assert_eq!(said_again(&written(&mut redundancy, 1, &[3])), [vec![2], vec![1]]);
        assert_eq!(said_again(&written(&mut redundancy, 3, &[5])), [NOTHING, NOTHING], "a hole before it");
        assert_eq!(said_again(&written(&mut redundancy, 4, &[6; 500])), [vec![5], NOTHING]);
        assert_eq!(said_again(&written(&mut redundancy, 5, &[7])), [NOTHING, NOTHING], "the one before was too long");
        redundancy.forget();
        assert_eq!(said_again(&written(&mut redundancy, 6, &[8])), [NOTHING, NOTHING]);
    }
}
