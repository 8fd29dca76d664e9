//! When it is worth a probe that a line carries again what it carried a while ago: a picture that is shown grows only by what is sent of it, which takes long from
//! far below. Told what the line is taken to carry, measures nothing.

use std::time::Duration;

use crate::time::Instant;

/// What a line carried is remembered so long.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Below so much of it a probe is worth its queue.
const FAR_BELOW: f64 = 0.7;
/// The first wait before a probe, and the longest: each that fills the line makes the next one wait twice as long.
const WAIT: (Duration, Duration) = (Duration::from_millis(1_500), Duration::from_secs(5));
/// On a line where packets wait a probe is put off by this.
const PUT_OFF: Duration = Duration::from_millis(200);
const QUEUE_MS: f64 = 25.0;
/// How many times the estimate a probe sends on top of what is sent anyway.
const FACTOR: f64 = 2.0;
/// A probe that raised the estimate by this found room.
const ROOM: f64 = 1.1;

/// The state of one receiver.
#[derive(Debug, Clone, Default)]
pub struct Climb {
    /// The most that came through lately, and when.
    best: Option<(u64, Instant)>,
    due: Option<Instant>,
    wait: Duration,
    /// The estimate when the last probe began, if it is not judged yet.
    probed: Option<u64>,
    bits_per_s: u64,
    cuts: u32,
}

impl Climb {
    /// When a probe is due.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Not yet.
    pub fn put_off(&mut self, now: Instant) {
        self.due = Some(now + PUT_OFF);
    }

    /// A probe begins: the bits a second that it sends.
    pub fn probes(&mut self, now: Instant) -> f64 {
        self.due = Some(now + self.wait);
        self.probed = Some(self.bits_per_s);
        let best = self.best.map_or(0, |(best, _)| best);
        (self.bits_per_s as f64 * FACTOR).min(best as f64)
    }

    /// What the line is taken to carry, and what came through; how often it was found full, how long packets wait, whether a probe is under way.
    pub fn judge(&mut self, (bits_per_s, through): (u64, u64), cuts: u32, queue_ms: f64, probing: bool, now: Instant) {
        self.bits_per_s = bits_per_s;
        let cut = std::mem::replace(&mut self.cuts, cuts) != cuts;
        let (best, at) = *self.best.get_or_insert((through, now));
        if through >= best || now.saturating_duration_since(at) > REMEMBERED {
            self.best = Some((through, now));
        }
        if bits_per_s as f64 >= best as f64 * FAR_BELOW {
            (self.due, self.wait, self.probed) = (None, WAIT.0, None);
        } else if cut {
            if self.probed.take().is_some() {
                self.wait = (self.wait * 2).min(WAIT.1);
            }
            self.due = Some(now + self.wait);
        } else if let Some(before) = self.probed.filter(|_| !probing) {
            self.probed = None;
            if bits_per_s as f64 > before as f64 * ROOM {
                (self.due, self.wait) = (Some(now), WAIT.0);
            }
        } else if queue_ms > QUEUE_MS && !probing {
            self.due = self.due.map(|due| due.max(now + PUT_OFF));
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
        assert_eq!(climb.due(), None);
    }

    #[test]
    fn a_line_that_fell_is_probed_and_at_once_again_when_there_was_room() {
        let begin = Instant::now();
        let mut climb = cut(begin);
        assert_eq!(climb.due(), Some(begin + ms(1_500)));
        assert_eq!(climb.probes(begin + ms(1_500)), 500_000.0);
        climb.judge((250_000, 250_000), 1, 0.0, true, begin + ms(1_600));
        climb.judge((450_000, 450_000), 1, 0.0, false, begin + ms(1_700));
        assert_eq!(climb.due(), Some(begin + ms(1_700)));
        climb.judge((1_800_000, 1_800_000), 1, 0.0, false, begin + ms(2_000));
        assert_eq!(climb.due(), None);
    }

    #[test]
    fn each_probe_that_fills_the_line_makes_the_next_one_wait_longer() {
        let mut now = Instant::now();
        let (mut climb, mut cuts, mut waits) = (cut(now), 1, Vec::new());
        for _ in 0..5 {
            let due = climb.due().unwrap();
            waits.push((due - now).as_millis());
            now = due;
            climb.probes(now);
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
        assert_eq!(climb.due(), Some(begin + ms(1_650)));
        climb.judge((250_000, 250_000), 1, 0.0, false, begin + ms(60_001));
        climb.judge((250_000, 250_000), 1, 0.0, false, begin + ms(60_100));
        assert_eq!(climb.due(), None);
    }
}
