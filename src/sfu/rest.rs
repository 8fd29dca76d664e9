//! When pictures rest because the line carries sound alone, when they come back, and when it is time to probe whether they may. Told what the line leaves for a
//! picture, measures nothing.

use std::time::Duration;

use crate::limits::PICTURE_MIN;
use crate::sfu::schedule::Schedule;
use crate::time::Instant;

/// How long the line must be too small, and large enough.
const TOO_SMALL: Duration = Duration::from_millis(800);
const LARGE_ENOUGH: Duration = Duration::from_millis(700);
/// The first wait before a probe, and the longest.
const WAIT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(3));
/// Bits a second for each picture with which any picture is at its best: nothing is asked of such a line.
const ENOUGH: u64 = 2_000_000;
/// Probes are sent on an empty line only, and pictures come back on one.
const QUEUE_MS: f64 = 30.0;
/// A probe makes a queue of its own, up to this.
const PROBE_QUEUE_MS: f64 = 100.0;
/// When packets wait longer than this, pictures rest at once: sound would come too late for talking.
const FLOODED_MS: f64 = 400.0;

/// The state of one receiver.
#[derive(Debug, Clone, Default)]
pub struct Rest {
    on: bool,
    /// Since when the line says the opposite.
    since: Option<Instant>,
    /// The probes that find out whether they may come back; none while they are shown, and for a line that has enough.
    pub schedule: Schedule,
}

impl Rest {
    /// Whether pictures rest.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// `share`: bits a second for each picture; `None` when nobody judges or nothing is watched. `back`: the share with which they come back. The line: how often it
    /// was found full, how long packets wait in it, whether a probe is under way. True when pictures went to rest or came back.
    pub fn judge(&mut self, share: Option<u64>, back: u64, (cuts, queue_ms, probing): (u32, f64, bool), now: Instant) -> bool {
        let flooded = !self.on && queue_ms > FLOODED_MS;
        let empty = queue_ms < if probing { PROBE_QUEUE_MS } else { QUEUE_MS };
        let turns = share.is_some_and(|share| if self.on { share >= back && empty } else { share < PICTURE_MIN || flooded });
        if !turns {
            self.since = None;
        }
        let since = if turns { *self.since.get_or_insert(now) } else { now };
        let enough = flooded || now.saturating_duration_since(since) >= if self.on { LARGE_ENOUGH } else { TOO_SMALL };
        if turns && enough || self.on && share.is_none() {
            let on = !self.on;
            *self = Self { on, since: None, schedule: Schedule::new(WAIT, cuts) };
            if on {
                self.schedule.look(share.unwrap_or(0), cuts, (true, false, true), now);
            }
            return true;
        }
        if self.on {
            let share = share.unwrap_or(0);
            self.schedule.look(share, cuts, (queue_ms < QUEUE_MS, probing, share < ENOUGH), now);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PICTURE_BACK;
    use crate::sfu::schedule::{FACTOR, PUT_OFF};

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn pictures_rest_when_the_line_stays_too_small_and_come_back_when_it_stays_large_enough() {
        let begin = Instant::now();
        let mut rest = Rest::default();
        let turned: Vec<u64> = (0..100)
            .filter(|n| {
                rest.judge(Some(if *n < 10 || *n >= 50 { 300_000 } else { 20_000 }), PICTURE_BACK, (0, 0.0, false), begin + ms(100 * n))
            })
            .collect();
        assert_eq!(turned, [18, 57]);
        assert!(!rest.judge(Some(PICTURE_MIN - 1), PICTURE_BACK, (0, 0.0, false), begin + ms(10_000)));
        assert!(!rest.judge(Some(PICTURE_MIN), PICTURE_BACK, (0, 0.0, false), begin + ms(10_500)), "a moment is not enough");
        assert!(!rest.judge(Some(PICTURE_MIN - 1), PICTURE_BACK, (0, 0.0, false), begin + ms(11_000)));
    }

    #[test]
    fn a_flooded_line_lets_pictures_rest_at_once_until_it_is_empty() {
        let begin = Instant::now();
        let mut rest = Rest::default();
        assert!(rest.judge(Some(500_000), PICTURE_BACK, (0, FLOODED_MS + 1.0, false), begin));
        assert!(!rest.judge(Some(500_000), PICTURE_BACK, (0, FLOODED_MS / 2.0, false), begin + ms(1_000)));
        assert!(!rest.judge(Some(500_000), PICTURE_BACK, (0, 0.0, false), begin + ms(1_100)));
        assert!(rest.judge(Some(500_000), PICTURE_BACK, (0, 0.0, false), begin + ms(1_800)));
    }

    /// Rests from 800 ms after `begin`.
    fn resting(begin: Instant) -> Rest {
        let mut rest = Rest::default();
        rest.judge(Some(0), PICTURE_BACK, (0, 0.0, false), begin);
        assert!(rest.judge(Some(0), PICTURE_BACK, (0, 0.0, false), begin + ms(800)));
        rest
    }

    #[test]
    fn a_probe_waits_longer_each_time_that_the_line_was_full() {
        let begin = Instant::now();
        let mut rest = resting(begin);
        let (mut waits, mut now) = (Vec::new(), begin + ms(800));
        for cuts in 1..=6 {
            let due = rest.schedule.due().unwrap();
            waits.push(due.duration_since(now).as_millis());
            now = due;
            assert_eq!(rest.schedule.probes(now), FACTOR.0);
            rest.judge(Some(10_000), PICTURE_BACK, (0, 90.0, true), now);
            rest.judge(Some(10_000), PICTURE_BACK, (cuts, 0.0, false), now);
        }
        assert_eq!(waits, [500, 1_000, 2_000, 3_000, 3_000, 3_000]);
    }

    #[test]
    fn where_there_was_room_the_next_probe_comes_at_once_and_asks_for_more() {
        let begin = Instant::now();
        let mut rest = resting(begin);
        let now = rest.schedule.due().unwrap();
        assert_eq!(rest.schedule.probes(now), FACTOR.0);
        rest.judge(Some(10_000), PICTURE_BACK, (0, 0.0, true), now);
        assert!(rest.schedule.due().unwrap() > now);
        rest.judge(Some(50_000), PICTURE_BACK, (0, 0.0, false), now + ms(200));
        assert_eq!(rest.schedule.due(), Some(now + ms(200)));
        assert_eq!(rest.schedule.probes(now + ms(200)), FACTOR.1);
        rest.judge(Some(ENOUGH), PICTURE_BACK, (0, 0.0, false), now + ms(400));
        assert_eq!(rest.schedule.due(), None, "no line needs more");
        assert!(rest.judge(Some(ENOUGH), PICTURE_BACK, (0, 0.0, false), now + ms(400) + LARGE_ENOUGH) && rest.schedule.due().is_none());
    }

    #[test]
    fn a_line_on_which_packets_wait_is_left_in_peace() {
        let begin = Instant::now();
        let mut rest = resting(begin);
        let due = rest.schedule.due().unwrap();
        rest.judge(Some(0), PICTURE_BACK, (0, QUEUE_MS, false), due);
        assert_eq!(rest.schedule.due(), Some(due + PUT_OFF));
    }

    #[test]
    fn who_is_not_judged_any_more_sees_pictures_again() {
        let begin = Instant::now();
        let mut rest = Rest::default();
        rest.judge(Some(0), PICTURE_BACK, (0, 0.0, false), begin);
        assert!(rest.judge(Some(0), PICTURE_BACK, (0, 0.0, false), begin + ms(800)));
        assert!(rest.judge(None, PICTURE_BACK, (0, 0.0, false), begin + ms(900)) && !rest.is_on());
    }
}
