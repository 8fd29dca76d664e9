//! How much one slot's line to its receiver carries, judged by the receiver's own reports: the lid that the source is asked to stay under.
//! A stand-in for a real estimate; it does nothing on a line that loses little and delays little.

use std::time::Duration;

use crate::limits::{LID_MAX, LID_MIN};
use crate::time::Instant;

/// Reports closer together than this are judged with the next one.
const INTERVAL_MIN: Duration = Duration::from_millis(200);
/// A queue that adds this much to the shortest round trip is being filled.
const QUEUE: Duration = Duration::from_millis(300);
/// After a cut the lid rises slowly for this long, then fast.
const CAREFUL: Duration = Duration::from_secs(3);
/// After so many cuts in a row the loss must have fallen, or it is not ours.
const CUTS_TO_JUDGE: u8 = 3;

/// The lid of one slot.
#[derive(Debug, Clone, Default)]
pub struct Lid {
    bits_per_s: Option<f64>,
    judged: Option<(Instant, u64)>,
    cut: Option<Instant>,
    shortest: Option<Duration>,
    /// Cuts in a row for loss, and the loss at the first of them.
    cuts: (u8, f64),
    /// Loss that sending less does not change: the air's, not a queue's.
    inherent: f64,
}

impl Lid {
    /// Bits a second; `None` while the line needs no lid.
    pub fn bits_per_s(&self) -> Option<u64> {
        self.bits_per_s.map(|bits| bits.round() as u64)
    }

    /// Another source begins: what was sent says nothing of it, what the line carries still holds.
    pub fn restart(&mut self) {
        self.judged = None;
    }

    /// A report of the receiver: share of packets lost since the last one (0 to 1), round trip, and the octets sent in all. True when the lid came down.
    pub fn judge(&mut self, loss: f64, round_trip: Option<Duration>, octets: u64, now: Instant) -> bool {
        let Some((before, octets_before)) = self.judged else {
            self.judged = Some((now, octets));
            return false;
        };
        let elapsed = now.saturating_duration_since(before);
        if elapsed < INTERVAL_MIN {
            return false;
        }
        self.judged = Some((now, octets));
        let seconds = elapsed.as_secs_f64();
        let rate = octets.saturating_sub(octets_before) as f64 * 8.0 / seconds;
        if let Some(round_trip) = round_trip {
            self.shortest = Some(self.shortest.map_or(round_trip, |shortest| shortest.min(round_trip)));
        }
        let queued = round_trip.zip(self.shortest).is_some_and(|(now, shortest)| now > shortest + QUEUE);
        self.inherent = self.inherent.min(loss);
        let loss = loss - self.inherent;
        let target = if loss > 0.4 {
            // The line is far too small: what came through is what it carries.
            Some(rate * (1.0 - loss) * 0.85)
        } else if loss > 0.1 {
            Some(rate * (1.0 - 0.5 * loss))
        } else if queued {
            Some(rate * 0.85)
        } else {
            None
        };
        match target {
            Some(target) if !self.is_in_vain(loss) => {
                let target = target.max(LID_MIN as f64);
                let lower = self.bits_per_s.is_none_or(|bits| target < bits);
                if lower {
                    self.bits_per_s = Some(target);
                }
                self.cut = Some(now);
                lower
            }
            _ => {
                if loss < 0.03 {
                    self.rise(seconds, now);
                }
                false
            }
        }
    }

    /// The line took less than was sent since the last report, however much that was: the source sends half of it from now on.
    pub fn cut(&mut self, octets: u64, now: Instant) {
        let rate = self.judged.replace((now, octets)).and_then(|(before, octets_before)| {
            let seconds = now.saturating_duration_since(before).as_secs_f64();
            (seconds > 0.05).then(|| octets.saturating_sub(octets_before) as f64 * 8.0 / seconds)
        });
        if let Some(bits) = self.bits_per_s.into_iter().chain(rate).reduce(f64::min) {
            self.bits_per_s = Some((bits / 2.0).max(LID_MIN as f64));
            self.cut = Some(now);
        }
    }

    /// Whether cuts have not helped against this loss; then it is taken as the line's own.
    fn is_in_vain(&mut self, loss: f64) -> bool {
        if loss <= 0.1 {
            self.cuts = (0, 0.0);
            return false;
        }
        let (count, first) = self.cuts;
        self.cuts = if count == 0 { (1, loss) } else { (count + 1, first) };
        if count < CUTS_TO_JUDGE || loss < first * 0.7 || loss > 0.4 {
            return false;
        }
        self.inherent += loss * 0.9;
        self.cuts = (0, 0.0);
        self.cut = None;
        true
    }

    fn rise(&mut self, seconds: f64, now: Instant) {
        let careful = self.cut.is_some_and(|cut| now.saturating_duration_since(cut) < CAREFUL);
        let factor: f64 = if careful { 1.08 } else { 1.5 };
        self.bits_per_s = self.bits_per_s.map(|bits| bits * factor.powf(seconds)).filter(|bits| *bits < LID_MAX as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One report each second at this rate and loss; the lid after each.
    fn reports(lid: &mut Lid, octets: &mut u64, now: &mut Instant, count: u32, bits_per_s: u64, loss: f64) -> Vec<Option<u64>> {
        let one = |_| {
            *octets += bits_per_s / 8;
            *now += Duration::from_secs(1);
            lid.judge(loss, Some(Duration::from_millis(50)), *octets, *now);
            lid.bits_per_s()
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn little_loss_needs_no_lid() {
        let (mut lid, mut octets, mut now) = (Lid::default(), 0, Instant::now());
        assert!(reports(&mut lid, &mut octets, &mut now, 60, 1_500_000, 0.08).iter().all(Option::is_none));
    }

    #[test]
    fn a_collapsed_line_is_met_with_one_report_and_left_within_ten_seconds() {
        let (mut lid, mut octets, mut now) = (Lid::default(), 0, Instant::now());
        reports(&mut lid, &mut octets, &mut now, 3, 1_500_000, 0.0);
        assert_eq!(reports(&mut lid, &mut octets, &mut now, 1, 1_500_000, 0.9), [Some(127_500)]);
        let after = reports(&mut lid, &mut octets, &mut now, 13, 127_500, 0.0);
        assert!(after[1].is_some_and(|bits| bits < 150_000), "{after:?}");
        assert!(after[10].is_none_or(|bits| bits > 2_000_000), "{after:?}");
        assert_eq!(after[12], None);
    }

    #[test]
    fn loss_that_cuts_do_not_change_is_the_lines_own() {
        let (mut lid, mut octets, mut now) = (Lid::default(), 0, Instant::now());
        let mut rate = 1_500_000;
        let mut lowest = rate;
        for _ in 0..20 {
            rate = reports(&mut lid, &mut octets, &mut now, 1, rate, 0.2)[0].unwrap_or(1_500_000).min(1_500_000);
            lowest = lowest.min(rate);
        }
        assert!(lowest > 900_000 && rate == 1_500_000, "down to {lowest}, then {rate}");
    }

    #[test]
    fn a_queue_that_fills_brings_the_lid_down() {
        let (mut lid, mut octets, mut now) = (Lid::default(), 0, Instant::now());
        reports(&mut lid, &mut octets, &mut now, 3, 1_000_000, 0.0);
        octets += 125_000;
        now += Duration::from_secs(1);
        assert!(lid.judge(0.0, Some(Duration::from_millis(400)), octets, now));
        assert_eq!(lid.bits_per_s(), Some(850_000));
    }

    #[test]
    fn the_lid_has_a_floor() {
        let (mut lid, mut octets, mut now) = (Lid::default(), 0, Instant::now());
        let last = reports(&mut lid, &mut octets, &mut now, 5, 200_000, 1.0);
        assert_eq!(last[4], Some(LID_MIN));
    }
}
