//! Whether a worker has work enough: above that it takes no further people, so that running calls do not suffer (trust.md R2). Told when it works; measures nothing.

use std::time::Duration;

use crate::limits;
use crate::time::Instant;

/// The share is taken over so long.
const WINDOW: Duration = Duration::from_secs(1);

/// How much of the time one worker works. Time in which the system gives the processor to others counts as work: then there is too little of it, whoever uses it.
#[derive(Debug, Clone, Default)]
pub struct Pressure {
    /// Since when, and how long it worked since.
    window: Option<(Instant, Duration)>,
    /// Full windows in a row.
    full_windows: u32,
    full: bool,
}

impl Pressure {
    /// A turn of work.
    pub fn worked(&mut self, begin: Instant, end: Instant) {
        self.turn(begin);
        if let Some((_, worked)) = &mut self.window {
            *worked += end.saturating_duration_since(begin);
        }
        self.turn(end);
    }

    /// Nobody further should come.
    pub fn is_full(&mut self, now: Instant) -> bool {
        self.turn(now);
        self.full
    }

    /// Closes the window if it is over.
    fn turn(&mut self, now: Instant) {
        let (begin, worked) = *self.window.get_or_insert((now, Duration::ZERO));
        let passed = now.saturating_duration_since(begin);
        if passed < WINDOW {
            return;
        }
        let share = worked.as_secs_f64() / passed.as_secs_f64();
        self.full_windows = if share >= limits::WORKER_FULL { self.full_windows + 1 } else { 0 };
        self.full = if self.full { share >= limits::WORKER_EASED } else { self.full_windows >= limits::WORKER_FULL_WINDOWS };
        self.window = Some((now, Duration::ZERO));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(10);

    /// So many seconds in which it works for this share of each hundredth.
    fn run(pressure: &mut Pressure, from: Instant, seconds: u32, share: f64) -> Instant {
        (0..seconds * 100).fold(from, |now, _| {
            pressure.worked(now, now + STEP.mul_f64(share));
            now + STEP
        })
    }

    #[test]
    fn a_worker_is_full_after_two_seconds_of_work_and_eased_after_one_with_less() {
        let mut pressure = Pressure::default();
        let now = run(&mut pressure, Instant::now(), 5, 0.8);
        assert!(!pressure.is_full(now), "it works much, and has room");
        let now = run(&mut pressure, now, 1, 1.0);
        assert!(!pressure.is_full(now), "a moment is not enough");
        let now = run(&mut pressure, now, 2, 1.0);
        assert!(pressure.is_full(now));
        let now = run(&mut pressure, now, 3, 0.85);
        assert!(pressure.is_full(now), "it does not come and go");
        let now = run(&mut pressure, now, 2, 0.5);
        assert!(!pressure.is_full(now));
    }

    #[test]
    fn a_worker_that_was_full_and_then_slept_is_not_full() {
        let mut pressure = Pressure::default();
        let now = run(&mut pressure, Instant::now(), 4, 1.0);
        assert!(pressure.is_full(now));
        assert!(!pressure.is_full(now + Duration::from_secs(10)));
    }
}
