//! The numbers of one slot: sequence and timestamp that go on without a break while sources come and go. Knows no packet.
//!
//! A worked example (video, 90,000 ticks a second). The slot last sent sequence 1000, timestamp 90,000. 500 ms later another camera takes the
//! slot; its key frame starts with sequence 7, timestamp 5. The slot sends 1001 and 90,000 + 45,000 = 135,000. The camera's 9, 3,005 becomes
//! 1003 and 138,000: the hole at 8 stays a hole (1002), so that a NACK for it can be answered. A late 6 from before the start is not sent.

use std::time::Duration;

use crate::time::Instant;

/// How far behind the newest packet a late one may be.
const LATE_MAX: u16 = 8_192;

/// Sequence and timestamp of one outgoing SSRC. A pair of sequence numbers never leaves twice: SRTP would use a nonce twice.
#[derive(Debug, Clone)]
pub struct Rewriter {
    clock_rate: u32,
    sequence_offset: u16,
    timestamp_offset: u32,
    /// Oldest sequence that may still leave.
    floor: u16,
    newest: u16,
    newest_timestamp: u32,
    newest_at: Option<Instant>,
    anchored: bool,
}

impl Rewriter {
    /// `sequence` and `timestamp` are the first that will leave; `clock_rate` in ticks a second.
    pub fn new(clock_rate: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            clock_rate,
            sequence_offset: 0,
            timestamp_offset: 0,
            floor: sequence,
            newest: sequence.wrapping_sub(1),
            newest_timestamp: timestamp,
            newest_at: None,
            anchored: false,
        }
    }

    /// Whether packets are being mapped; false at first and after `release`.
    pub fn is_anchored(&self) -> bool {
        self.anchored
    }

    /// Whether the source's `sequence` is the anchor, and nothing newer has left.
    pub fn began_with(&self, sequence: u16) -> bool {
        self.anchored && self.newest == self.floor && sequence.wrapping_add(self.sequence_offset) == self.floor
    }

    /// The source goes away or jumps: nothing leaves until the next `anchor`.
    pub fn release(&mut self) {
        self.anchored = false;
    }

    /// The packet with these numbers is the first of a source: it follows directly on what was sent last, at the time that has passed since.
    pub fn anchor(&mut self, sequence: u16, timestamp: u32, now: Instant) {
        let first = self.newest.wrapping_add(1);
        let elapsed = self.newest_at.map_or(0, |at| ticks(now.saturating_duration_since(at), self.clock_rate).max(1));
        self.sequence_offset = first.wrapping_sub(sequence);
        self.timestamp_offset = self.newest_timestamp.wrapping_add(elapsed).wrapping_sub(timestamp);
        self.floor = first;
        self.anchored = true;
    }

    /// The slot's numbers for a packet of the source; `None` when it belongs to before the anchor or is far too late.
    pub fn map(&mut self, sequence: u16, timestamp: u32, now: Instant) -> Option<(u16, u32)> {
        let out = sequence.wrapping_add(self.sequence_offset);
        if !self.anchored || is_before(out, self.floor) {
            return None;
        }
        let out_timestamp = timestamp.wrapping_add(self.timestamp_offset);
        if is_before(self.newest, out) {
            self.newest = out;
            self.newest_timestamp = out_timestamp;
            self.newest_at = Some(now);
            let oldest = out.wrapping_sub(LATE_MAX);
            if is_before(self.floor, oldest) {
                self.floor = oldest;
            }
        }
        Some((out, out_timestamp))
    }

    /// The source's sequence of something that left since the anchor.
    pub fn source_sequence(&self, out: u16) -> Option<u16> {
        let known = self.anchored && !is_before(out, self.floor) && !is_before(self.newest, out);
        known.then(|| out.wrapping_sub(self.sequence_offset))
    }

    /// The timestamp that was sent last.
    pub fn newest_timestamp(&self) -> u32 {
        self.newest_timestamp
    }

    /// The slot's timestamp for one of the source.
    pub fn timestamp(&self, timestamp: u32) -> u32 {
        timestamp.wrapping_add(self.timestamp_offset)
    }
}

/// RFC 1982: `one` lies up to half the circle before `other`.
pub fn is_before(one: u16, other: u16) -> bool {
    one != other && other.wrapping_sub(one) < 0x8000
}

/// A duration in ticks of a clock, wrapping as RTP timestamps do.
pub fn ticks(duration: Duration, clock_rate: u32) -> u32 {
    let rate = u64::from(clock_rate);
    // Half a tick is added because 1/90,000 s is no whole number of nanoseconds.
    duration.as_secs().wrapping_mul(rate).wrapping_add((u64::from(duration.subsec_nanos()) * rate + 500_000_000) / 1_000_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_holds() {
        let begin = Instant::now();
        let later = begin + Duration::from_millis(500);
        let mut rewriter = Rewriter::new(90_000, 1000, 90_000);
        rewriter.anchor(40_000, 7, begin);
        assert_eq!(rewriter.map(40_000, 7, begin), Some((1000, 90_000)));
        rewriter.anchor(7, 5, later);
        assert_eq!(rewriter.map(7, 5, later), Some((1001, 135_000)));
        assert_eq!(rewriter.map(9, 3_005, later), Some((1003, 138_000)));
        assert_eq!(rewriter.map(6, 5, later), None);
        assert_eq!(rewriter.source_sequence(1002), Some(8));
        assert_eq!(rewriter.source_sequence(1000), None, "sent by another source");
        assert_eq!(rewriter.source_sequence(1004), None, "not sent yet");
    }

    #[test]
    fn sequence_and_timestamp_wrap() {
        let now = Instant::now();
        let mut rewriter = Rewriter::new(48_000, 65_535, u32::MAX - 10);
        rewriter.anchor(65_534, 100, now);
        assert_eq!(rewriter.map(65_534, 100, now), Some((65_535, u32::MAX - 10)));
        assert_eq!(rewriter.map(65_535, 120, now), Some((0, 9)));
        assert_eq!(rewriter.map(0, 140, now), Some((1, 29)));
        assert_eq!(rewriter.map(65_535, 120, now), Some((0, 9)), "a late one keeps its place");
    }

    #[test]
    fn a_swap_within_one_tick_still_moves_the_timestamp() {
        let now = Instant::now();
        let mut rewriter = Rewriter::new(48_000, 1, 10);
        rewriter.anchor(5, 5, now);
        assert_eq!(rewriter.map(5, 5, now), Some((1, 10)));
        rewriter.anchor(5, 5, now);
        assert_eq!(rewriter.map(5, 5, now), Some((2, 11)));
    }

    #[test]
    fn no_number_leaves_twice_over_a_hundred_thousand_packets_and_swaps() {
        let now = Instant::now();
        let mut rewriter = Rewriter::new(90_000, 60_000, 0);
        let mut last = None;
        for swap in 0..100_u16 {
            rewriter.anchor(swap.wrapping_mul(977), 0, now);
            for step in 0..1000_u16 {
                let (out, _) = rewriter.map(swap.wrapping_mul(977).wrapping_add(step), 0, now).unwrap();
                assert!(last.is_none_or(|last: u16| out == last.wrapping_add(1)));
                last = Some(out);
            }
        }
    }

    #[test]
    fn a_packet_from_before_the_anchor_stays_out_even_after_half_the_circle() {
        let now = Instant::now();
        let mut rewriter = Rewriter::new(90_000, 0, 0);
        rewriter.anchor(0, 0, now);
        for sequence in 0..40_000 {
            rewriter.map(sequence, 0, now);
        }
        assert_eq!(rewriter.map(65_535, 0, now), None);
        assert_eq!(rewriter.map(39_999 - LATE_MAX - 1, 0, now), None);
        assert_eq!(rewriter.map(39_999 - LATE_MAX, 0, now), Some((39_999 - LATE_MAX, 0)));
    }
}
