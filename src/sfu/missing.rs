//! What is missing of one received track and when to ask for it (RFC 4585 §6.2.1). Knows numbers only; late is not lost until it has been waited for.

use std::time::Duration;

use crate::limits::{NACK_AGE, NACK_MISSING, NACK_TRIES, REORDER_TOLERANCE_MAX};
use crate::time::Instant;

/// Packets are rarely further apart than this when they were only reordered.
const TOLERANCE_MIN: Duration = Duration::from_millis(12);
/// After this long without a reason for it the tolerance falls back towards quick repair.
const TOLERANCE_KEPT: Duration = Duration::from_secs(5);
/// Round trip until one is measured.
const ROUND_TRIP_GUESS: Duration = Duration::from_millis(100);
/// Asking again earlier makes no sense, even in the same room.
const RETRY_MIN: Duration = Duration::from_millis(25);

#[derive(Debug, Clone, Copy)]
struct Hole {
    sequence: u16,
    noticed: Instant,
    due: Instant,
    /// When it was last asked for.
    asked: Instant,
    tries: u8,
}

/// The holes of one track.
#[derive(Debug, Clone)]
pub struct Missing {
    holes: Vec<Hole>,
    tolerance: Duration,
    tolerance_since: Option<Instant>,
    /// From the question to the repair, smoothed: what a line with jitter really takes.
    repair: Option<Duration>,
}

impl Default for Missing {
    fn default() -> Self {
        Self { holes: Vec::new(), tolerance: TOLERANCE_MIN, tolerance_since: None, repair: None }
    }
}

impl Missing {
    /// `count` packets before `sequence` were skipped. False when there are too many to ask for: only a key frame helps then.
    pub fn skipped(&mut self, sequence: u16, count: u16, now: Instant) -> bool {
        if self.holes.len() + usize::from(count) > NACK_MISSING {
            self.holes.clear();
            return false;
        }
        if self.tolerance_since.is_some_and(|since| now.saturating_duration_since(since) > TOLERANCE_KEPT) {
            self.tolerance = (self.tolerance * 3 / 4).max(TOLERANCE_MIN);
            self.tolerance_since = Some(now);
        }
        let due = now + self.tolerance;
        for back in (1..=count).rev() {
            self.holes.push(Hole { sequence: sequence.wrapping_sub(back), noticed: now, due, asked: now, tries: 0 });
        }
        true
    }

    /// A late packet came: by itself (then waiting longer would have spared the question) or because it was asked for.
    pub fn filled(&mut self, sequence: u16, repaired: bool, now: Instant) {
        let Some(at) = self.holes.iter().position(|hole| hole.sequence == sequence) else { return };
        let hole = self.holes.remove(at);
        if repaired && hole.tries == 1 {
            let took = now.saturating_duration_since(hole.asked);
            self.repair = Some(self.repair.map_or(took, |before| (before * 3 + took) / 4));
        }
        if !repaired {
            let took = now.saturating_duration_since(hole.noticed);
            if took > self.tolerance {
                self.tolerance = (took + took / 4).min(REORDER_TOLERANCE_MAX);
                self.tolerance_since = Some(now);
            }
        }
    }

    /// Everything starts anew.
    pub fn clear(&mut self) {
        self.holes.clear();
    }

    /// When `ask` has something to say.
    pub fn due(&self) -> Option<Instant> {
        self.holes.iter().map(|hole| hole.due).min()
    }

    /// Puts the sequence numbers to ask for now into `wanted`, in order.
    pub fn ask(&mut self, round_trip: Option<Duration>, now: Instant, wanted: &mut Vec<u16>) {
        wanted.clear();
        let expected = self.repair.or(round_trip).unwrap_or(ROUND_TRIP_GUESS);
        let retry = (expected * 5 / 4 + self.tolerance / 2).max(RETRY_MIN);
        self.holes.retain_mut(|hole| {
            if now.saturating_duration_since(hole.noticed) >= NACK_AGE {
                return false;
            }
            if hole.due <= now {
                wanted.push(hole.sequence);
                hole.tries += 1;
                hole.asked = now;
                // Each question waits longer than the one before: a link that is full does not need more of them.
                hole.due = now + retry * u32::from(hole.tries.min(4));
            }
            hole.tries < NACK_TRIES
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn ask(missing: &mut Missing, now: Instant) -> Vec<u16> {
        let mut wanted = vec![9];
        missing.ask(Some(ms(40)), now, &mut wanted);
        wanted
    }

    #[test]
    fn a_hole_is_asked_for_after_the_tolerance_and_again_after_a_round_trip() {
        let begin = Instant::now();
        let mut missing = Missing::default();
        assert!(missing.skipped(1, 3, begin));
        assert_eq!(missing.due(), Some(begin + ms(12)));
        assert!(ask(&mut missing, begin + ms(11)).is_empty());
        assert_eq!(ask(&mut missing, begin + ms(12)), [65_534, 65_535, 0]);
        missing.filled(65_535, true, begin + ms(50));
        assert!(ask(&mut missing, begin + ms(67)).is_empty());
        assert_eq!(ask(&mut missing, begin + ms(68)), [65_534, 0]);
        assert!(ask(&mut missing, begin + ms(174)).is_empty());
        assert_eq!(ask(&mut missing, begin + ms(175)), [65_534, 0]);
    }

    #[test]
    fn reordering_teaches_patience_and_quiet_unlearns_it() {
        let begin = Instant::now();
        let mut missing = Missing::default();
        missing.skipped(10, 1, begin);
        missing.filled(9, false, begin + ms(40));
        missing.skipped(20, 1, begin + ms(50));
        assert_eq!(missing.due(), Some(begin + ms(100)), "40 ms and a quarter more");
        missing.clear();
        for step in 1..=20 {
            missing.skipped(30, 1, begin + Duration::from_secs(6 * step));
            missing.clear();
        }
        missing.skipped(31, 1, begin);
        assert_eq!(missing.due(), Some(begin + ms(12)));
    }

    #[test]
    fn what_stays_away_is_given_up() {
        let begin = Instant::now();
        let mut missing = Missing::default();
        missing.skipped(10, 1, begin);
        let mut asked = 0;
        while let Some(due) = missing.due() {
            asked += ask(&mut missing, due).len();
        }
        assert!((4..=usize::from(NACK_TRIES)).contains(&asked), "asked {asked} times");
    }

    #[test]
    fn too_many_at_once_need_a_key_frame() {
        let mut missing = Missing::default();
        assert!(missing.skipped(300, 256, Instant::now()));
        assert!(!missing.skipped(302, 1, Instant::now()));
        assert_eq!(missing.due(), None);
    }
}
