//! The two clocks: `Instant` for running things, `Timestamp` for the rules of a calendar. Holds values only; the one place that asks the system is `Clock`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use std::time::Instant;

/// Wall-clock time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Later by `duration`; stays at the end of time rather than wrapping.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Earlier by `duration`.
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// RFC 3339, UTC, milliseconds: the form of the wire.
    pub fn rfc3339(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => format!("{at:.3}"),
            Err(_) => String::from("9999-12-31T23:59:59.999Z"),
        }
    }

    /// RFC 3339 with any offset.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|at| Self(at.as_millisecond()))
    }
}

/// The server's wall clock, handed to whoever needs it. Tests move it.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    shift_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The system's time plus the shift.
    pub fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX) + self.shift_ms.load(Ordering::Relaxed))
    }

    /// From now on this clock and all its clones go `by_ms` milliseconds ahead of the system's time, for the demo.
    pub fn set_shift(&self, by_ms: i64) {
        self.shift_ms.store(by_ms, Ordering::Relaxed);
    }

    /// The shift alone, in milliseconds: what a test moved is meant.
    pub fn shifted(&self) -> i64 {
        self.shift_ms.load(Ordering::Relaxed)
    }

    /// Moves this clock and all its clones by `by_ms` milliseconds, for tests.
    pub fn shift(&self, by_ms: i64) {
        self.shift_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

/// How far the wall clock is believed where something is destroyed. A clock that jumps ahead is believed after it went evenly for `PROOF`; until then time goes on
/// as before the jump. A clock that jumps back is believed at once, and one that comes back to where it was too: nothing goes early, and nothing goes late by more than `PROOF`
/// because of a jump that was right. Slow correction is followed (trust.md R7).
#[derive(Debug, Clone, Copy)]
pub struct Proven {
    /// Wall clock minus running time, in milliseconds, as it is believed.
    believed: i64,
    /// The same at the last look.
    last: i64,
    /// Since when there was no jump.
    even_since: Instant,
    begun: Instant,
}

impl Proven {
    /// How long a clock that jumped ahead must go evenly. With a look each second the deletion stays within a quarter of an hour.
    pub const PROOF: Duration = Duration::from_secs(10 * 60);
    /// What lies between two looks and is more than this is a jump, in milliseconds.
    const EVEN: i64 = 1_000;

    /// The clock is believed as it is at the start.
    pub fn new(wall: Timestamp, now: Instant) -> Self {
        Self { believed: wall.0, last: wall.0, even_since: now, begun: now }
    }

    /// What the wall clock says, as far as it is believed. To be asked each second or so.
    pub fn look(&mut self, wall: Timestamp, now: Instant) -> Timestamp {
        let running = i64::try_from(now.saturating_duration_since(self.begun).as_millis()).unwrap_or(i64::MAX);
        let offset = wall.0.saturating_sub(running);
        if offset.abs_diff(self.last) > Self::EVEN.unsigned_abs() {
            self.even_since = now;
        }
        self.last = offset;
        let is_back = offset.abs_diff(self.believed) <= Self::EVEN.unsigned_abs();
        if is_back || now.saturating_duration_since(self.even_since) >= Self::PROOF {
            self.believed = offset;
        }
        Timestamp(offset.min(self.believed).saturating_add(running))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_800_000_000_000);
    const HOUR: i64 = 3_600_000;

    /// Looks each second for so long with the wall clock off by `off` milliseconds; the last answer less what really passed since `START`, in milliseconds.
    fn looks(proven: &mut Proven, at: &mut Duration, begun: Instant, off: i64, seconds: u64) -> i64 {
        let mut error = 0;
        for _ in 0..seconds {
            *at += Duration::from_secs(1);
            let truth = START.after(*at);
            error = proven.look(Timestamp(truth.0 + off), begun + *at).0 - truth.0;
        }
        error
    }

    #[test]
    fn a_clock_that_jumps_an_hour_ahead_and_comes_back_deletes_nothing_early() {
        let (begun, mut at) = (Instant::now(), Duration::ZERO);
        let mut proven = Proven::new(START, begun);
        assert_eq!(looks(&mut proven, &mut at, begun, 0, 60), 0);
        assert_eq!(looks(&mut proven, &mut at, begun, HOUR, 599), 0, "for ten minutes");
        assert_eq!(looks(&mut proven, &mut at, begun, 0, 1), 0);
        assert_eq!(looks(&mut proven, &mut at, begun, HOUR, 300), 0, "and again");
    }

    #[test]
    fn a_clock_that_stays_ahead_was_corrected_and_is_followed_after_ten_minutes() {
        let (begun, mut at) = (Instant::now(), Duration::ZERO);
        let mut proven = Proven::new(START, begun);
        assert_eq!(looks(&mut proven, &mut at, begun, HOUR, 601), HOUR);
    }

    #[test]
    fn a_clock_that_jumps_back_is_followed_at_once_and_its_return_too() {
        let (begun, mut at) = (Instant::now(), Duration::ZERO);
        let mut proven = Proven::new(START, begun);
        assert_eq!(looks(&mut proven, &mut at, begun, -HOUR, 300), -HOUR);
        assert_eq!(looks(&mut proven, &mut at, begun, 0, 1), 0, "late by no more than the jump lasted");
    }

    #[test]
    fn a_leap_second_and_a_clock_that_is_corrected_slowly_are_followed() {
        let (begun, mut at) = (Instant::now(), Duration::ZERO);
        let mut proven = Proven::new(START, begun);
        assert_eq!(looks(&mut proven, &mut at, begun, 1_000, 1), 1_000);
        for off in 1..=900 {
            assert_eq!(looks(&mut proven, &mut at, begun, 1_000 + off * 83, 1), 1_000 + off * 83, "as fast as a clock is ever slewed");
        }
    }
}
