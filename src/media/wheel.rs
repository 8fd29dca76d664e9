//! The timers of one worker: a wheel of equal steps, so that setting one costs the same among ten and among thousands, and those due together are one wake-up.
//! Knows names and moments, not what is due.

use std::time::Duration;

use super::core::RoomId;
use crate::limits;
use crate::time::Instant;

const STEP_NANOS: u64 = limits::TIMER_STEP.as_nanos() as u64;
const WORDS: usize = limits::TIMER_SLOTS / 64;

/// See the file's sentence. Each slot keeps its memory.
pub struct Wheel {
    /// Step 0.
    origin: Option<Instant>,
    /// The first step that was not taken yet.
    next: u64,
    slots: Vec<Vec<RoomId>>,
    /// One bit for each slot that is not empty.
    occupied: [u64; WORDS],
}

impl Default for Wheel {
    fn default() -> Self {
        Self { origin: None, next: 0, slots: vec![Vec::new(); limits::TIMER_SLOTS], occupied: [0; WORDS] }
    }
}

impl Wheel {
    /// Sets a timer and says when it comes: at `due` or up to a step later, never within the step of `now`, and early where `due` is beyond one turn of the wheel
    /// (who sets it looks again then). `known` is when one comes that was set for the same name before: with it nothing is set that would not come sooner, and where
    /// something is, both come: whoever takes them compares.
    pub fn set(&mut self, id: RoomId, due: Instant, now: Instant, known: Option<Instant>) -> Instant {
        self.origin.get_or_insert(now);
        // Steps that passed while nothing was set need no look.
        let pending = self.due().map_or(u64::MAX, |due| self.step(due));
        self.next = self.next.max(self.step(now).min(pending));
        let chosen = self.step(due).max(self.step(now) + 1).min(self.next + limits::TIMER_SLOTS as u64 - 1);
        let comes = self.moment(chosen).unwrap_or(due);
        if let Some(known) = known.filter(|known| *known <= comes) {
            return known;
        }
        let slot = (chosen % limits::TIMER_SLOTS as u64) as usize;
        if let Some(names) = self.slots.get_mut(slot) {
            names.push(id);
        }
        self.occupied[slot / 64] |= 1 << (slot % 64);
        comes
    }

    /// When the next one comes.
    pub fn due(&self) -> Option<Instant> {
        let first = (self.next % limits::TIMER_SLOTS as u64) as usize;
        // Once around by words: the first word twice, its bits from `first` on, and those before it at the end.
        let found = (0..=WORDS).find_map(|turn| {
            let word = (first / 64 + turn) % WORDS;
            let bits = match turn {
                0 => self.occupied[word] & (u64::MAX << (first % 64)),
                WORDS => self.occupied[word] & !(u64::MAX << (first % 64)),
                _ => self.occupied[word],
            };
            (bits != 0).then(|| word * 64 + bits.trailing_zeros() as usize)
        })?;
        let ahead = (found + limits::TIMER_SLOTS - first) % limits::TIMER_SLOTS;
        self.moment(self.next + ahead as u64)
    }

    /// Takes one whose moment has come. `None` when there is no more.
    pub fn take(&mut self, now: Instant) -> Option<RoomId> {
        let due = self.due().filter(|due| *due <= now)?;
        let step = self.step(due);
        self.next = self.next.max(step);
        let slot = (step % limits::TIMER_SLOTS as u64) as usize;
        let names = self.slots.get_mut(slot)?;
        let taken = names.pop();
        if names.is_empty() {
            self.occupied[slot / 64] &= !(1 << (slot % 64));
        }
        taken
    }

    fn moment(&self, step: u64) -> Option<Instant> {
        Some(self.origin? + Duration::from_nanos(step * STEP_NANOS))
    }

    /// The first step that is not before `at`.
    fn step(&self, at: Instant) -> u64 {
        let since = self.origin.map_or(Duration::ZERO, |origin| at.saturating_duration_since(origin));
        (since.as_nanos() as u64).div_ceil(STEP_NANOS)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn what_is_due_together_comes_together_and_nothing_comes_early() {
        let begin = Instant::now();
        let mut wheel = Wheel::default();
        assert_eq!((wheel.due(), wheel.take(begin)), (None, None));
        assert_eq!(wheel.set(RoomId(1), begin + ms(79), begin, None), begin + ms(80));
        assert_eq!(wheel.set(RoomId(2), begin + ms(80), begin, None), begin + ms(80));
        assert_eq!(wheel.set(RoomId(3), begin + ms(3), begin + ms(3), None), begin + ms(6), "not within the step of now");
        assert_eq!(wheel.due(), Some(begin + ms(6)));
        assert_eq!(wheel.take(begin + ms(5)), None);
        assert_eq!(wheel.take(begin + ms(200)), Some(RoomId(3)));
        assert_eq!((wheel.take(begin + ms(200)), wheel.take(begin + ms(200))), (Some(RoomId(2)), Some(RoomId(1))));
        assert_eq!(wheel.take(begin + ms(200)), None);
        assert_eq!(wheel.due(), None);
    }

    #[test]
    fn setting_the_same_timer_again_sets_nothing_unless_it_comes_sooner() {
        let begin = Instant::now();
        let mut wheel = Wheel::default();
        let mut known = None;
        // Now, and what is overdue: the step that follows serves both.
        for due in [21, 20, 21, 22, 30, 5, 0, 5] {
            let comes = wheel.set(RoomId(1), begin + ms(due), begin + ms(6), known);
            assert!(known.is_none_or(|known| comes <= known));
            known = Some(comes);
        }
        assert_eq!(known, Some(begin + ms(8)));
        let taken: Vec<_> = std::iter::from_fn(|| wheel.take(begin + ms(100))).collect();
        assert_eq!(taken.len(), 3, "for 22, sooner for 20, sooner for 5");
    }

    #[test]
    fn a_wheel_that_stood_still_for_an_hour_goes_on() {
        let begin = Instant::now();
        let mut wheel = Wheel::default();
        wheel.set(RoomId(1), begin, begin, None);
        let later = begin + Duration::from_secs(3600);
        assert_eq!(wheel.take(later), Some(RoomId(1)));
        assert_eq!(wheel.set(RoomId(2), later + ms(10), later, None), later + ms(10));
        assert_eq!((wheel.take(later + ms(9)), wheel.take(later + ms(10))), (None, Some(RoomId(2))));
    }

    #[test]
    fn a_timer_beyond_one_turn_comes_early() {
        let begin = Instant::now();
        let mut wheel = Wheel::default();
        let comes = wheel.set(RoomId(1), begin + Duration::from_secs(60), begin, None);
        assert_eq!(comes, begin + limits::TIMER_STEP * (limits::TIMER_SLOTS as u32 - 1));
        assert_eq!(wheel.due(), Some(comes));
        assert_eq!(wheel.take(comes), Some(RoomId(1)));
    }

    proptest! {
        #[test]
        fn every_timer_comes_at_the_moment_that_was_said(steps in proptest::collection::vec((0u64..4_000, 0u64..60), 1..300)) {
            let mut now = Instant::now();
            let mut wheel = Wheel::default();
            let mut waiting: Vec<(Instant, RoomId)> = Vec::new();
            for (n, (ahead, wait)) in steps.into_iter().enumerate() {
                let id = RoomId(n as u64);
                let comes = wheel.set(id, now + ms(ahead), now, None);
                prop_assert!(comes >= now + ms(ahead) && comes <= now + ms(ahead) + limits::TIMER_STEP * 2);
                waiting.push((comes, id));
                prop_assert_eq!(wheel.due(), waiting.iter().map(|(at, _)| *at).min());
                now += ms(wait);
                while let Some(taken) = wheel.take(now) {
                    let at = waiting.iter().position(|(_, id)| *id == taken).unwrap();
                    prop_assert!(waiting.swap_remove(at).0 <= now);
                }
                prop_assert!(waiting.iter().all(|(at, _)| *at > now));
            }
        }
    }
}
