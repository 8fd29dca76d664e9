//! How many messages one socket may still send (trust.md O12). Told the time; knows no message.

use crate::limits;
use crate::time::Instant;

/// A bucket that holds `limits::SIGNALING_BURST` messages and fills at `limits::SIGNALING_RATE_PER_S`.
pub(super) struct Rate {
    /// Messages left, in thousandths.
    left: u64,
    at: Instant,
}

const FULL: u64 = limits::SIGNALING_BURST as u64 * 1000;

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: FULL, at: now }
    }

    /// Takes one message out; false when there is none left.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.take_part(now, 1000)
    }

    /// Takes so many thousandths of one out.
    pub(super) fn take_part(&mut self, now: Instant, thousandths: u64) -> bool {
        let passed = u64::try_from(now.saturating_duration_since(self.at).as_millis()).unwrap_or(u64::MAX);
        if passed > 0 {
            self.left = self.left.saturating_add(passed.saturating_mul(u64::from(limits::SIGNALING_RATE_PER_S))).min(FULL);
            self.at = now;
        }
        let enough = self.left >= thousandths;
        if enough {
            self.left -= thousandths;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_minute_of_letters_that_comes_at_once_passes() {
        let now = Instant::now();
        let mut rate = Rate::new(now);
        assert!((0..16 * 60).all(|_| rate.take_part(now, limits::LIVE_TEXT_PART)));
        assert!(!(0..16 * 60).all(|_| rate.take_part(now, limits::LIVE_TEXT_PART)), "and there is a bound");
    }

    #[test]
    fn sixty_at_once_pass_and_the_next_does_not() {
        let now = Instant::now();
        let mut rate = Rate::new(now);
        assert!((0..60).all(|_| rate.take(now)));
        assert!(!rate.take(now));
        assert!(rate.take(now + Duration::from_millis(50)));
        assert!(!rate.take(now + Duration::from_millis(50)));
    }

    #[test]
    fn twenty_a_second_pass_for_ever_and_thirty_do_not() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        assert!((0..10_000).all(|n| rate.take(start + Duration::from_millis(50 * n))));
        let mut rate = Rate::new(start);
        assert!(!(0..10_000).all(|n| rate.take(start + Duration::from_millis(33 * n))));
    }
}
