//! When it is worth a probe that a line carries again what it carried a while ago: a picture that is shown grows only by what is sent of it, which takes long from
//! far below. Told what the line is taken to carry, measures nothing.

use std::time::Duration;

use crate::sfu::schedule::Schedule;
use crate::time::Instant;

/// What a line carried is remembered so long.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Below so much of it a probe is worth its queue.
const FAR_BELOW: f64 = 0.7;
/// The first wait before a probe, and the longest.
const WAIT: (Duration, Duration) = (Duration::from_millis(1_500), Duration::from_secs(5));
/// Packets wait: probes are sent on an empty line only.
const QUEUE_MS: f64 = 25.0;

/// The state of one receiver.
#[derive(Debug, Clone)]
pub struct Climb {
    /// The most that came through lately, and when.
    best: Option<(u64, Instant)>,
    /// The probes; none while the line carries about what it did.
    pub schedule: Schedule,
}

impl Default for Climb {
    fn default() -> Self {
        Self { best: None, schedule: Schedule::new(WAIT, 0) }
    }
}

impl Climb {
    /// The most that came through lately, in bits a second: no probe needs more.
    pub fn best(&self) -> u64 {
        self.best.map_or(0, |(best, _)| best)
    }

    /// What the line is taken to carry, and what came through; how often it was found full, how long packets wait, whether a probe is under way.
    pub fn judge(&mut self, (bits_per_s, through): (u64, u64), cuts: u32, queue_ms: f64, probing: bool, now: Instant) {
        let (best, at) = *self.best.get_or_insert((through, now));
        if through >= best || now.saturating_duration_since(at) > REMEMBERED {
            self.best = Some((through, now));
        }
        if bits_per_s as f64 >= best as f64 * FAR_BELOW {
            self.schedule = Schedule::new(WAIT, cuts);
        } else {
            self.schedule.look(bits_per_s, cuts, (queue_ms <= QUEUE_MS, probing, true), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// A line of 2 Mbit/s that was cut to 250 kbit/s.
    fn cut(begin: Instant) -> Climb {
        let mut climb = Climb::default();
        climb.judge((2_000_000, 2_000_000), 0, 0.0, false, begin);
        climb.judge((250_000, 250_000), 1, 80.0, false, begin);
        climb
    }

    #[test]
    fn a_line_that_carries_what_it_carried_is_left_in_peace() {
        let begin = Instant::now();
        let mut climb = Climb::default();
        climb.judge((2_000_000, 2_000_000), 0, 0.0, false, begin);
        climb.judge((1_500_000, 1_500_000), 1, 40.0, false, begin);
        assert_eq!(climb.schedule.due(), None);
    }

    #[test]
    fn a_line_that_fell_is_probed_and_at_once_again_when_there_was_room() {
        let begin = Instant::now();
        let mut climb = cut(begin);
        assert_eq!(climb.schedule.due(), Some(begin + ms(1_500)));
        assert_eq!((climb.schedule.probes(begin + ms(1_500)), climb.best()), (2.0, 2_000_000));
        climb.judge((250_000, 250_000), 1, 0.0, true, begin + ms(1_600));
        climb.judge((450_000, 450_000), 1, 0.0, false, begin + ms(1_700));
        assert_eq!(climb.schedule.due(), Some(begin + ms(1_700)));
        climb.judge((1_800_000, 1_800_000), 1, 0.0, false, begin + ms(2_000));
        assert_eq!(climb.schedule.due(), None);
    }

    #[test]
    fn each_probe_that_fills_the_line_makes_the_next_one_wait_longer() {
        let mut now = Instant::now();
        let (mut climb, mut cuts, mut waits) = (cut(now), 1, Vec::new());
        for _ in 0..5 {
            let due = climb.schedule.due().unwrap();
            waits.push((due - now).as_millis());
            now = due;
            climb.schedule.probes(now);
            cuts += 1;
            climb.judge((250_000, 250_000), cuts, 0.0, false, now);
        }
        assert_eq!(waits, [1_500, 3_000, 5_000, 5_000, 5_000]);
    }

    #[test]
    fn nothing_is_put_on_a_queue_and_after_a_minute_the_line_is_what_it_is() {
        let begin = Instant::now();
        let mut climb = cut(begin);
        climb.judge((250_000, 250_000), 1, 80.0, false, begin + ms(1_450));
        assert_eq!(climb.schedule.due(), Some(begin + ms(1_650)));
        climb.judge((250_000, 250_000), 1, 0.0, false, begin + ms(60_001));
        climb.judge((250_000, 250_000), 1, 0.0, false, begin + ms(60_100));
        assert_eq!(climb.schedule.due(), None);
    }
}
