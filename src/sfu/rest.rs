//! When pictures rest because the line carries sound alone, and when they come back. While they rest, padding in their place shows whether there is room;
//! each time it fills the line the next try waits longer. Told what the line leaves for a picture, measures nothing.

use std::time::Duration;

use crate::limits::{PICTURE_BACK, PICTURE_MIN};
use crate::time::Instant;

/// How long the line must be too small, and large enough.
const TOO_SMALL: Duration = Duration::from_millis(800);
const LARGE_ENOUGH: Duration = Duration::from_millis(700);
/// Between two pieces of padding.
const STEP: Duration = Duration::from_millis(20);
/// Octets of one packet of padding on the line.
const OCTETS: f64 = 320.0;
/// The first wait before padding, and the longest.
const WAIT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(4));
/// Padding is sent on an empty line only, and pictures come back on one.
const QUEUE_MS: f64 = 30.0;
/// When packets wait longer than this, pictures rest at once: sound would come too late for talking.
const FLOODED_MS: f64 = 400.0;

/// The state of one receiver.
#[derive(Debug, Clone, Default)]
pub struct Rest {
    on: bool,
    /// Since when the line says the opposite.
    since: Option<Instant>,
    /// When the next padding is due; `None` while none is sent.
    due: Option<Instant>,
    /// When padding may begin, and how long the next wait is.
    from: Option<Instant>,
    wait: Duration,
    credit: f64,
    cuts: u32,
}

impl Rest {
    /// Whether pictures rest.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// When padding is due.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// `share`: bits a second for each picture; `None` when nobody judges or nothing is watched. `cuts`: how often the line was found full. True when pictures
    /// went to rest or came back.
    pub fn judge(&mut self, share: Option<u64>, cuts: u32, queue_ms: f64, now: Instant) -> bool {
        let flooded = queue_ms > FLOODED_MS;
        let empty = queue_ms < QUEUE_MS;
        let turns = share.is_some_and(|share| if self.on { share >= PICTURE_BACK && empty } else { share < PICTURE_MIN || flooded });
        if !turns {
            self.since = None;
        }
        let since = if turns { *self.since.get_or_insert(now) } else { now };
        let enough = flooded || now.saturating_duration_since(since) >= if self.on { LARGE_ENOUGH } else { TOO_SMALL };
        if turns && enough || self.on && share.is_none() {
            *self = Self { on: !self.on, cuts, from: Some(now + WAIT.0), wait: WAIT.0, ..Self::default() };
            return true;
        }
        if self.on {
            self.look(cuts, queue_ms, now);
        }
        false
    }

    /// How many packets of padding fit into this step, `free` bits a second being left beside the sound.
    pub fn pad(&mut self, free: u64, now: Instant) -> u32 {
        self.due = Some(now + STEP);
        self.credit = (self.credit + free as f64 * STEP.as_secs_f64() / 8.0).min(OCTETS * 8.0);
        let packets = (self.credit / OCTETS) as u32;
        self.credit -= f64::from(packets) * OCTETS;
        packets
    }

    fn look(&mut self, cuts: u32, queue_ms: f64, now: Instant) {
        if cuts != self.cuts {
            self.cuts = cuts;
            self.wait = if self.due.take().is_some() { (self.wait * 2).min(WAIT.1) } else { self.wait };
            self.from = Some(now + self.wait);
            self.credit = 0.0;
        } else if self.due.is_none() && queue_ms < QUEUE_MS && self.from.is_none_or(|from| now >= from) {
            self.due = Some(now + STEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn pictures_rest_when_the_line_stays_too_small_and_come_back_when_it_stays_large_enough() {
        let begin = Instant::now();
        let mut rest = Rest::default();
        let turned: Vec<u64> = (0..100)
            .filter(|n| rest.judge(Some(if *n < 10 || *n >= 50 { 300_000 } else { 20_000 }), 0, 0.0, begin + ms(100 * n)))
            .collect();
        assert_eq!(turned, [18, 57]);
        assert!(!rest.judge(Some(PICTURE_MIN - 1), 0, 0.0, begin + ms(10_000)));
        assert!(!rest.judge(Some(PICTURE_MIN), 0, 0.0, begin + ms(10_500)), "a moment is not enough");
        assert!(!rest.judge(Some(PICTURE_MIN - 1), 0, 0.0, begin + ms(11_000)));
    }

    #[test]
    fn a_flooded_line_lets_pictures_rest_at_once_until_it_is_empty() {
        let begin = Instant::now();
        let mut rest = Rest::default();
        assert!(rest.judge(Some(500_000), 0, FLOODED_MS + 1.0, begin));
        assert!(!rest.judge(Some(500_000), 0, FLOODED_MS / 2.0, begin + ms(1_000)));
        assert!(!rest.judge(Some(500_000), 0, 0.0, begin + ms(1_100)));
        assert!(rest.judge(Some(500_000), 0, 0.0, begin + ms(1_800)));
    }

    #[test]
    fn padding_waits_longer_each_time_that_it_filled_the_line() {
        let begin = Instant::now();
        let mut rest = Rest::default();
        rest.judge(Some(0), 0, 0.0, begin);
        assert!(rest.judge(Some(0), 0, 0.0, begin + ms(800)) && rest.due().is_none());
        let mut waits = Vec::new();
        let (mut now, mut cuts) = (begin + ms(800), 0);
        for _ in 0..6 {
            let from = now;
            while rest.due().is_none() {
                now += ms(50);
                rest.judge(Some(0), cuts, 0.0, now);
            }
            waits.push(now.duration_since(from).as_millis());
            cuts += 1;
            rest.judge(Some(0), cuts, 0.0, now);
            assert_eq!(rest.due(), None);
        }
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 4_000, 4_000]);
    }

    #[test]
    fn padding_keeps_to_what_is_free() {
        let begin = Instant::now();
        let mut rest = Rest::default();
        let packets: u32 = (0..50).map(|n| rest.pad(100_000, begin + ms(20 * n))).sum();
        assert!((38..=39).contains(&packets), "{packets} packets of 320 octets in a second of 100 kbit/s");
    }

    #[test]
    fn who_is_not_judged_any_more_sees_pictures_again() {
        let begin = Instant::now();
        let mut rest = Rest::default();
        rest.judge(Some(0), 0, 0.0, begin);
        assert!(rest.judge(Some(0), 0, 0.0, begin + ms(800)));
        assert!(rest.judge(None, 0, 0.0, begin + ms(900)) && !rest.is_on());
    }
}
