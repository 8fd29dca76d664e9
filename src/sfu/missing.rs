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
/// A repair may come this much later than expected before it is asked for again.
const SLACK_MIN: Duration = Duration::from_millis(8);
/// So many questions come a round trip apart: a second loss of the same packet is chance. Then each waits longer: a link that is full does not need more of them.
const PROMPT_TRIES: u8 = 4;
/// On a line that loses this share of first questions or of what they bring, each question is said twice, an instant apart: who heard the first passes the second
/// over (browsers resend a packet once a round trip), and a lost one costs no round trip.
const LOSES_QUESTIONS: f32 = 0.04;
const SAID_TWICE: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy)]
struct Hole {
    sequence: u16,
    noticed: Instant,
    due: Instant,
    /// When it was last asked for.
    asked: Instant,
    tries: u8,
    /// The question is said once more when this hole is due.
    again: bool,
}

/// The holes of one track.
#[derive(Debug, Clone)]
pub struct Missing {
    holes: Vec<Hole>,
    tolerance: Duration,
    tolerance_since: Option<Instant>,
    /// From the question to the repair, smoothed: what a line with jitter really takes.
    repair: Option<Duration>,
    /// How far repairs are from that, smoothed.
    spread: Duration,
    /// Share of holes that one question did not fill, smoothed.
    in_vain: f32,
}

impl Default for Missing {
    fn default() -> Self {
        Self { holes: Vec::new(), tolerance: TOLERANCE_MIN, tolerance_since: None, repair: None, spread: Duration::ZERO, in_vain: 0.0 }
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
            self.holes.push(Hole { sequence: sequence.wrapping_sub(back), noticed: now, due, asked: now, tries: 0, again: false });
        }
        true
    }

    /// A late packet came: by itself (then waiting longer would have spared the question) or because it was asked for.
    pub fn filled(&mut self, sequence: u16, repaired: bool, now: Instant) {
        let Some(at) = self.holes.iter().position(|hole| hole.sequence == sequence) else { return };
        let hole = self.holes.remove(at);
        if repaired {
            self.in_vain += (if hole.tries > 1 { 1.0 } else { 0.0 } - self.in_vain) / 32.0;
        }
        if repaired && hole.tries == 1 {
            let took = now.saturating_duration_since(hole.asked);
            // As a retransmission time-out is learnt (RFC 6298 §2).
            (self.repair, self.spread) = match self.repair {
                None => (Some(took), took / 2),
                Some(before) => (Some((before * 3 + took) / 4), (self.spread * 3 + took.abs_diff(before)) / 4),
            };
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

    /// Puts the sequence numbers to ask for now into `wanted`, in order. `at_least`: what the questions wait on their way and a round trip, where that is known.
    pub fn ask(&mut self, round_trip: Option<Duration>, at_least: Duration, now: Instant, wanted: &mut Vec<u16>) {
        wanted.clear();
        let round_trip = round_trip.unwrap_or(ROUND_TRIP_GUESS);
        let (expected, slack) = match self.repair {
            Some(repair) => (repair.max(at_least), (self.spread * 4).max(SLACK_MIN)),
            None => (round_trip.max(at_least), round_trip / 4),
        };
        let retry = (expected + slack + self.tolerance / 2).max(RETRY_MIN);
        // Where repairs come and go with jitter, a second question would be asked for nothing.
        let twice = self.in_vain >= LOSES_QUESTIONS && self.spread * 8 <= expected && expected > SAID_TWICE * 3;
        self.holes.retain_mut(|hole| {
            if now.saturating_duration_since(hole.noticed) >= NACK_AGE {
                return false;
            }
            if hole.due <= now {
                wanted.push(hole.sequence);
                if !std::mem::take(&mut hole.again) {
                    hole.tries += 1;
                    hole.asked = now;
                    hole.again = twice && hole.tries < PROMPT_TRIES;
                }
                let next = hole.asked + retry * u32::from(hole.tries.saturating_sub(PROMPT_TRIES - 1).max(1));
                hole.due = if hole.again { now + SAID_TWICE } else { next };
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
        missing.ask(Some(ms(40)), Duration::ZERO, now, &mut wanted);
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
        assert!(ask(&mut missing, begin + ms(187)).is_empty());
        assert_eq!(ask(&mut missing, begin + ms(188)), [65_534, 0], "38 ms, twice as much of slack after one repair, 6 of tolerance");
    }

    #[test]
    fn a_packet_lost_twice_is_asked_for_a_round_trip_later_and_only_then_more_seldom() {
        let begin = Instant::now();
        let mut missing = Missing::default();
        for at in (0..4000).step_by(200) {
            missing.skipped(10, 1, begin + ms(at));
            ask(&mut missing, begin + ms(at + 12));
            missing.filled(9, true, begin + ms(at + 112));
        }
        missing.skipped(20, 1, begin + ms(4000));
        let mut asked = Vec::new();
        while let Some(due) = missing.due() {
            if !ask(&mut missing, due).is_empty() {
                asked.push((due - begin).as_millis() - 4000);
            }
        }
        assert_eq!(asked, [12, 126, 240, 354, 468, 696]);
    }

    #[test]
    fn on_a_line_that_loses_questions_each_is_said_twice() {
        let begin = Instant::now();
        let mut missing = Missing::default();
        let mut twice = Vec::new();
        let ask = |missing: &mut Missing, now| missing.ask(Some(ms(100)), Duration::ZERO, now, &mut Vec::new());
        for n in 0..60 {
            let at = 1000 * n;
            missing.skipped(10, 1, begin + ms(at));
            ask(&mut missing, begin + ms(at + 12));
            let mut asked = vec![12];
            // Every fifth first question brings nothing.
            let filled = at + if n % 5 == 0 { 330 } else { 112 };
            while let Some(due) = missing.due().filter(|due| *due < begin + ms(filled)) {
                ask(&mut missing, due);
                asked.push((due - begin).as_millis() as u64 - at);
            }
            missing.filled(9, true, begin + ms(filled));
            twice.push(asked);
        }
        assert_eq!(twice[1], [12], "no loss of questions is known yet");
        assert_eq!(twice[55], [12, 32, 126, 146, 240, 260]);
        assert_eq!(twice[56], [12, 32]);
    }

    #[test]
    fn a_line_with_jitter_is_given_more_time() {
        let begin = Instant::now();
        let mut missing = Missing::default();
        for (n, took) in [60, 140, 70, 150, 60, 130, 80, 140].into_iter().enumerate() {
            let at = 300 * n as u64;
            missing.skipped(10, 1, begin + ms(at));
            ask(&mut missing, begin + ms(at + 12));
            missing.filled(9, true, begin + ms(at + 12 + took));
        }
        missing.skipped(20, 1, begin + ms(5000));
        ask(&mut missing, begin + ms(5012));
        let wait = missing.due().map(|due| (due - begin).as_millis() - 5012);
        assert!(wait.is_some_and(|wait| (180..330).contains(&wait)), "{wait:?}");
    }

    #[test]
    fn where_questions_are_known_to_wait_nothing_is_asked_twice_meanwhile() {
        let begin = Instant::now();
        let mut missing = Missing::default();
        missing.skipped(10, 1, begin);
        missing.ask(Some(ms(40)), ms(900), begin + ms(12), &mut Vec::new());
        assert!(missing.due().is_some_and(|due| due >= begin + ms(912)));
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
