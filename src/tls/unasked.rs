//! What one HTTP/2 connection may send beside its requests: HTTP/2 lets a client send frames without end that ask for nothing and cost work. Told the time.

use crate::limits;
use crate::time::Instant;

/// Bytes that may still come.
#[derive(Debug)]
pub(super) struct Unasked {
    left: u64,
    at: Instant,
}

impl Unasked {
    /// Of a new connection.
    pub(super) fn new(now: Instant) -> Self {
        Self { left: limits::WEB_UNASKED_BYTES, at: now }
    }

    /// A request came that announces a body of so many bytes.
    pub(super) fn asked(&mut self, bytes: u64) {
        let more = limits::WEB_ASKED_BYTES.saturating_add(bytes);
        self.left = self.left.saturating_add(more).min(limits::WEB_ANNOUNCED_BYTES.max(self.left));
    }

    /// So many bytes came. False when that is too much.
    pub(super) fn take(&mut self, bytes: u64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs();
        if passed > 0 && self.left < limits::WEB_UNASKED_BYTES {
            self.left = (self.left + passed.saturating_mul(limits::WEB_UNASKED_PER_S)).min(limits::WEB_UNASKED_BYTES);
        }
        if passed > 0 {
            self.at = now;
        }
        let enough = bytes <= self.left;
        self.left = self.left.saturating_sub(bytes);
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_asks_for_nothing_is_soon_too_much_and_time_gives_it_back() {
        let begin = Instant::now();
        let mut unasked = Unasked::new(begin);
        assert!(unasked.take(limits::WEB_UNASKED_BYTES, begin));
        assert!(!unasked.take(1, begin));
        assert!(unasked.take(limits::WEB_UNASKED_PER_S, begin + Duration::from_secs(1)));
        assert!(!unasked.take(1, begin + Duration::from_secs(1)));
        assert!(!unasked.take(limits::WEB_UNASKED_BYTES + 1, begin + Duration::from_secs(3600)), "it does not pile up");
    }

    #[test]
    fn a_request_may_have_its_header_and_what_it_announces() {
        let begin = Instant::now();
        let mut unasked = Unasked::new(begin);
        unasked.asked(20 * 1024 * 1024);
        assert!(unasked.take(20 * 1024 * 1024, begin));
        for _ in 0..1_000 {
            unasked.asked(0);
            assert!(unasked.take(16 * 1024, begin), "as many requests as one likes");
        }
        unasked.asked(u64::MAX);
        assert!(!unasked.take(limits::WEB_ANNOUNCED_BYTES + 1, begin), "an announcement has a bound");
    }
}
