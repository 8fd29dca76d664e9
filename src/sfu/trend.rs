//! Whether packets take longer and longer: the delay gradient of groups of packets, its slope over the last ones, and a threshold that learns how restless
//! the line is (the ideas of draft-ietf-rmcat-gcc-02 §5). Knows times only.

/// Packets sent within this many microseconds of the first are one group: they wait for each other on the line anyway.
const GROUP_MICROS: i64 = 5_000;
/// A group is at most this long, however its packets bunch up.
const GROUP_MICROS_MAX: i64 = 100_000;
/// Groups on which the slope is taken.
const POINTS: usize = 20;
/// How much of the accumulated delay is kept from group to group.
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
/// Groups that count as certainty.
const CERTAIN: f64 = 60.0;
/// In milliseconds: where the threshold begins and between what it moves.
const THRESHOLD: (f64, f64, f64) = (12.5, 6.0, 600.0);
/// How fast it rises and falls, per millisecond.
const ADAPT: (f64, f64) = (0.0087, 0.039);
/// Milliseconds for which the slope must lie above the threshold.
const OVER_MS: f64 = 10.0;
/// Arrivals so far apart are a pause, after which nothing before says anything.
const PAUSE_MICROS: i64 = 3_000_000;

/// What the slope says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signal {
    /// Neither.
    #[default]
    Even,
    /// A queue grows.
    Over,
    /// A queue empties.
    Under,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent: i64,
    last_sent: i64,
    first_arrival: i64,
    last_arrival: i64,
}

/// The detector.
#[derive(Debug, Clone)]
pub struct Trend {
    group: Option<Group>,
    before: Option<Group>,
    origin: i64,
    accumulated: f64,
    smoothed: f64,
    points: [(f64, f64); POINTS],
    /// Points in all.
    count: usize,
    threshold: f64,
    adapted: Option<i64>,
    over_ms: f64,
    over_count: u32,
    slope_before: f64,
    signal: Signal,
}

impl Default for Trend {
    fn default() -> Self {
        Self {
            group: None,
            before: None,
            origin: 0,
            accumulated: 0.0,
            smoothed: 0.0,
            points: [(0.0, 0.0); POINTS],
            count: 0,
            threshold: THRESHOLD.0,
            adapted: None,
            over_ms: 0.0,
            over_count: 0,
            slope_before: 0.0,
            signal: Signal::Even,
        }
    }
}

impl Trend {
    /// What the newest complete group said.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// Nothing of before holds any more, but the threshold.
    pub fn restart(&mut self) {
        *self = Self { threshold: self.threshold, ..Self::default() };
    }

    /// A packet that arrived; in the order of sending. Both in microseconds, each of its own clock.
    pub fn packet(&mut self, sent: i64, arrival: i64) {
        let Some(group) = &mut self.group else {
            self.group = Some(Group { first_sent: sent, last_sent: sent, first_arrival: arrival, last_arrival: arrival });
            return;
        };
        if sent < group.first_sent {
            return;
        }
        let bunched = arrival - group.last_arrival < sent - group.last_sent
            && arrival - group.last_arrival <= GROUP_MICROS
            && arrival - group.first_arrival < GROUP_MICROS_MAX;
        if sent - group.first_sent <= GROUP_MICROS || bunched {
            group.last_sent = group.last_sent.max(sent);
            group.last_arrival = group.last_arrival.max(arrival);
            return;
        }
        let complete = *group;
        *group = Group { first_sent: sent, last_sent: sent, first_arrival: arrival, last_arrival: arrival };
        if let Some(before) = self.before.replace(complete) {
            let (sent, arrived) = (complete.last_sent - before.last_sent, complete.last_arrival - before.last_arrival);
            if arrived.abs() > PAUSE_MICROS || sent > PAUSE_MICROS {
                self.restart();
            } else {
                self.point(sent as f64 / 1_000.0, arrived as f64 / 1_000.0, complete.last_arrival);
            }
        }
    }

    fn point(&mut self, sent_ms: f64, arrived_ms: f64, arrival: i64) {
        if self.count == 0 {
            self.origin = arrival;
        }
        self.accumulated += arrived_ms - sent_ms;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        self.points[self.count % POINTS] = ((arrival - self.origin) as f64 / 1_000.0, self.smoothed);
        self.count += 1;
        let Some(slope) = self.slope() else { return };
        let judged = slope * GAIN * (self.count as f64).min(CERTAIN);
        self.judge(judged, slope, sent_ms);
        self.adapt(judged, arrival);
    }

    /// Least squares over the last points; `None` until there are enough.
    fn slope(&self) -> Option<f64> {
        if self.count < POINTS {
            return None;
        }
        let number = POINTS as f64;
        let (x, y) = self.points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        let (x, y) = (x / number, y / number);
        let (above, below) = self
            .points
            .iter()
            .fold((0.0, 0.0), |sum, point| (sum.0 + (point.0 - x) * (point.1 - y), sum.1 + (point.0 - x) * (point.0 - x)));
        (below > 0.0).then_some(above / below)
    }

    fn judge(&mut self, judged: f64, slope: f64, sent_ms: f64) {
        if judged > self.threshold {
            self.over_ms += if self.over_count == 0 { sent_ms / 2.0 } else { sent_ms };
            self.over_count += 1;
            if self.over_ms > OVER_MS && self.over_count > 1 && slope >= self.slope_before {
                self.over_ms = 0.0;
                self.over_count = 0;
                self.signal = Signal::Over;
            }
        } else {
            self.over_ms = 0.0;
            self.over_count = 0;
            self.signal = if judged < -self.threshold { Signal::Under } else { Signal::Even };
        }
        self.slope_before = slope;
    }

    fn adapt(&mut self, judged: f64, arrival: i64) {
        let before = self.adapted.replace(arrival).unwrap_or(arrival);
        let distance = judged.abs() - self.threshold;
        // A leap says nothing of how restless the line usually is.
        if distance > 15.0 {
            return;
        }
        let speed = if distance < 0.0 { ADAPT.1 } else { ADAPT.0 };
        let passed_ms = ((arrival - before) as f64 / 1_000.0).clamp(0.0, 100.0);
        self.threshold = (self.threshold + speed * distance * passed_ms).clamp(THRESHOLD.1, THRESHOLD.2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sfu::seed::Seed;

    /// Packets every 10 ms, each `delay(n)` microseconds under way; how often each signal was given.
    fn run(count: i64, mut delay: impl FnMut(i64) -> i64) -> (usize, usize) {
        let mut trend = Trend::default();
        let (mut over, mut under) = (0, 0);
        for n in 0..count {
            let sent = n * 10_000;
            trend.packet(sent, sent + delay(n));
            over += usize::from(trend.signal() == Signal::Over);
            under += usize::from(trend.signal() == Signal::Under);
        }
        (over, under)
    }

    #[test]
    fn an_even_line_is_even() {
        assert_eq!(run(1_000, |_| 40_000), (0, 0));
    }

    #[test]
    fn a_queue_that_grows_and_empties_is_seen_both_times() {
        // From one second on, 20 % more is sent than goes through; from two seconds on 20 % less.
        let queue = |n: i64| {
            40_000
                + if n < 100 {
                    0
                } else if n < 200 {
                    (n - 100) * 2_000
                } else {
                    ((300 - n) * 2_000).max(0)
                }
        };
        let (over, _) = run(200, queue);
        assert!(over > 50, "{over}");
        let (_, under) = run(300, queue);
        assert!(under > 50, "{under}");
    }

    #[test]
    fn jitter_of_thirty_milliseconds_is_rarely_taken_for_a_queue() {
        let mut seed = Seed(3);
        let (over, _) = run(6_000, |_| 40_000 + (seed.draw() % 30_000) as i64);
        assert!(over < 300, "{over} of 6,000");
    }

    #[test]
    fn after_a_pause_nothing_of_before_counts() {
        let mut trend = Trend::default();
        for n in 0..100 {
            trend.packet(n * 10_000, n * 12_000);
        }
        assert_eq!(trend.signal(), Signal::Over);
        trend.packet(10_000_000, 10_000_000);
        trend.packet(10_010_000, 10_010_000);
        trend.packet(10_020_000, 10_020_000);
        assert_eq!(trend.signal(), Signal::Even);
    }
}
