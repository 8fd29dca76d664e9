//! How long a worker leaves its sockets alone when packets come densely, so that one wake-up, one look at the sockets and one flush serve several clients.
//! Knows a rate and a clock; the worker sleeps.

use std::time::Duration;

use crate::limits;
use crate::time::Instant;

/// Share of the newest turn in the rate.
const WEIGHT: f64 = 1.0 / 16.0;

/// See the file's sentence.
#[derive(Debug, Default)]
pub struct Gather {
    last: Option<Instant>,
    /// Datagrams that came within `limits::GATHER` lately.
    within: f64,
}

impl Gather {
    /// A turn that began at `now` read so many datagrams. The pause until the sockets are to be looked at again, counted from `now`; `None`: as soon as they have
    /// anything, because little comes or because there may be more already.
    pub fn rest(&mut self, now: Instant, read: usize, more: bool) -> Option<Duration> {
        let passed = self.last.replace(now).map_or(limits::GATHER, |last| now.saturating_duration_since(last));
        let within = read as f64 * limits::GATHER.as_secs_f64() / passed.max(Duration::from_micros(1)).as_secs_f64();
        self.within += (within.min(64.0) - self.within) * WEIGHT;
        (self.within >= limits::GATHER_DATAGRAMS && !more).then_some(limits::GATHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it rests after a second of `turns` turns of `read` datagrams.
    fn rests(turns: u32, read: usize) -> bool {
        let begin = Instant::now();
        let mut gather = Gather::default();
        let mut rest = None;
        for turn in 0..turns {
            rest = gather.rest(begin + Duration::from_secs(1) / turns * turn, read, false);
        }
        rest.is_some()
    }

    #[test]
    fn one_call_is_served_at_once_and_fifty_are_gathered() {
        assert!(!rests(150, 3), "one call");
        assert!(!rests(1_200, 2));
        assert!(rests(7_500, 3), "fifty calls, each wake-up for one of them");
        assert!(rests(2_000, 10), "and still so when gathered");
    }

    #[test]
    fn nothing_rests_while_there_may_be_more() {
        let begin = Instant::now();
        let mut gather = Gather::default();
        for turn in 0..100 {
            assert_eq!(gather.rest(begin + Duration::from_micros(300) * turn, 32, true), None);
        }
    }
}
