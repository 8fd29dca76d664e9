//! The estimator on made-up lines: a sender that follows it, a bottleneck with a queue, feedback in the octets of the wire. Virtual time, seeded.

#![cfg(test)]

use std::collections::VecDeque;
use std::time::Duration;

use super::arrivals::Arrivals;
use super::estimator::Estimator;
use super::feedback::Feedback;
use super::seed::Seed;
use crate::time::Instant;

/// A line at one moment.
#[derive(Debug, Clone, Copy)]
struct Line {
    bits_per_s: u64,
    /// Taken by others, at a constant rate.
    cross: u64,
    jitter_ms: u64,
    /// In 1/1000, of packets and of feedback packets.
    loss: u64,
    /// Packets lost one after the other.
    hole: u64,
    feedback_loss: u64,
    /// How much longer the route is.
    longer_ms: u64,
    queue_ms: u64,
}

impl Line {
    fn of(bits_per_s: u64) -> Self {
        Self { bits_per_s, cross: 0, jitter_ms: 0, loss: 0, hole: 1, feedback_loss: 0, longer_ms: 0, queue_ms: 1_000 }
    }
}

/// What is known of each tenth of a second.
#[derive(Debug, Clone, Copy)]
struct Moment {
    estimate: u64,
    queue_ms: f64,
    /// As the estimator sees it.
    foreseen_ms: f64,
    delivered: u64,
}

const DELAY_MS: u64 = 30;
const STEP_MICROS: u64 = 1_000;

/// So many seconds on a line that changes with the time in milliseconds. The sender sends what it is allowed, up to `most`, in frames of 33 ms.
fn run(seed: u64, seconds: u64, most: u64, line: impl Fn(u64) -> Line) -> Vec<Moment> {
    let begin = Instant::now();
    let mut seed = Seed(seed);
    let mut estimator = Estimator::default();
    let mut arrivals = Arrivals::default();
    let mut flying: VecDeque<(u64, u16, usize)> = VecDeque::new();
    let mut feedbacks: VecDeque<(u64, Vec<u8>)> = VecDeque::new();
    let (mut number, mut free_at, mut credit, mut to_send) = (0_u16, 0_u64, 0.0_f64, 0.0_f64);
    let mut moments = Vec::new();
    let (mut delivered, mut losing) = (0, 0);
    for step in 0..seconds * 1_000_000 / STEP_MICROS {
        let micros = step * STEP_MICROS;
        let (ms, now) = (micros / 1_000, begin + Duration::from_micros(micros));
        let line = line(ms);
        let allowed = estimator.allowed().unwrap_or(300_000).min(most) as f64;
        credit += allowed * STEP_MICROS as f64 / 8e6;
        if ms % 33 == 0 {
            to_send += std::mem::take(&mut credit);
        }
        // The frame leaves at two and a half times the rate, as browsers pace it.
        let mut pace = (allowed * 2.5 * STEP_MICROS as f64 / 8e6).max(120.0);
        while to_send > 150.0 && pace > 0.0 {
            let octets = to_send.min(1_200.0) as usize;
            to_send -= octets as f64;
            pace -= octets as f64;
            number = number.wrapping_add(1);
            estimator.sent(number, octets - 44, now);
            free_at = free_at.max(micros);
            let waits = (free_at - micros) / 1_000;
            if losing == 0 && seed.draw() % (1_000 * line.hole) < line.loss {
                losing = line.hole;
            }
            if losing > 0 || waits > line.queue_ms {
                losing = losing.saturating_sub(1);
                continue;
            }
            free_at += octets as u64 * 8_000_000 / (line.bits_per_s - line.cross);
            let jitter = if line.jitter_ms > 0 { seed.draw() % (line.jitter_ms * 1_000) } else { 0 };
            // A line that shakes keeps the order.
            let at = (free_at + (DELAY_MS + line.longer_ms) * 1_000 + jitter).max(flying.back().map_or(0, |last| last.0));
            flying.push_back((at, number, octets));
        }
        while let Some((at, number, octets)) = flying.front().copied().filter(|(at, ..)| *at <= micros) {
            flying.pop_front();
            arrivals.record(number, begin + Duration::from_micros(at));
            delivered += octets as u64 * 8;
        }
        if ms % 100 == 50 {
            let mut out = Vec::new();
            while arrivals.feedback(1, 2, &mut out) {
                if seed.draw() % 1_000 >= line.feedback_loss {
                    feedbacks.push_back((micros + (DELAY_MS + line.longer_ms) * 1_000, out.clone()));
                }
                out.clear();
            }
        }
        while feedbacks.front().is_some_and(|(at, _)| *at <= micros) {
            let Some((_, packet)) = feedbacks.pop_front() else { break };
            estimator.told(&Feedback::parse(&packet[4..]).unwrap(), now);
        }
        if ms % 100 == 99 {
            estimator.pass(now);
            let queue_ms = free_at.saturating_sub(micros) as f64 / 1_000.0;
            moments.push(Moment {
                estimate: estimator.bits_per_s().unwrap_or(0),
                queue_ms,
                foreseen_ms: estimator.queue_ms(),
                delivered: std::mem::take(&mut delivered) * 10,
            });
        }
    }
    moments
}

fn mean(moments: &[Moment], pick: impl Fn(&Moment) -> u64) -> f64 {
    moments.iter().map(pick).sum::<u64>() as f64 / moments.len() as f64
}

fn queue_p95(moments: &[Moment]) -> f64 {
    let mut queues: Vec<f64> = moments.iter().map(|moment| moment.queue_ms).collect();
    queues.sort_by(f64::total_cmp);
    queues[queues.len() * 95 / 100]
}

#[test]
fn a_stable_line_is_used_and_its_queue_stays_short() {
    for bits_per_s in [150_000, 300_000, 600_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000] {
        let moments = run(1, 60, u64::MAX / 4, |_| Line::of(bits_per_s));
        let settled = &moments[100..];
        let used = mean(settled, |moment| moment.delivered) / bits_per_s as f64;
        let p95 = queue_p95(settled);
        assert!(used > 0.93, "{bits_per_s}: {used:.3} used, queue {p95:.0} ms");
        assert!(p95 < 90.0, "{bits_per_s}: {used:.3} used, queue {p95:.0} ms");
    }
}

#[test]
fn a_route_that_becomes_longer_and_loses_packets_in_holes_is_no_collapse() {
    let other =
        |ms| Line { longer_ms: if ms < 2_000 { 0 } else { 40 }, loss: if ms < 2_000 { 0 } else { 50 }, hole: 4, ..Line::of(5_000_000) };
    for seed in 1..=20 {
        let moments = run(seed, 25, 800_000, other);
        let least = moments[20..].iter().map(|moment| moment.estimate).min().unwrap();
        assert!(least > 330_000, "seed {seed}: {least}");
    }
}

#[test]
fn a_line_that_begins_to_shake_and_becomes_longer_is_used_again_soon() {
    let other = |ms| Line { longer_ms: if ms < 5_000 { 0 } else { 80 }, jitter_ms: if ms < 5_000 { 0 } else { 40 }, ..Line::of(5_000_000) };
    for seed in 1..=10 {
        let moments = run(seed, 40, 1_500_000, other);
        let settled = mean(&moments[200..], |moment| moment.estimate);
        assert!(settled > 1_000_000.0, "seed {seed}: {settled:.0} from fifteen seconds after it on");
    }
}

#[test]
fn a_collapse_is_met_within_two_seconds_and_left_within_ten() {
    for phase in 0..10 {
        let collapse = |ms: u64| (20_000 + phase * 370..50_000).contains(&ms);
        let moments = run(phase, 80, 1_800_000, |ms| Line::of(if collapse(ms) { 150_000 } else { 2_000_000 }));
        let begin = (200 + phase * 37 / 10) as usize;
        assert!(moments[begin - 10].estimate > 1_700_000, "{}", moments[begin - 10].estimate);
        let met = moments[begin..].iter().position(|moment| moment.estimate < 165_000).unwrap();
        assert!(met <= 15, "met after {met} tenths");
        let worst = moments[begin + 30..500].iter().map(|moment| moment.queue_ms).fold(0.0, f64::max);
        assert!(worst < 150.0, "three seconds after the collapse packets still wait {worst:.0} ms");
        let used = mean(&moments[begin + 60..500], |moment| moment.delivered) / 150_000.0;
        assert!(used > 0.85, "{used:.2} of 150 kbit/s used");
        let back = moments[500..].iter().position(|moment| moment.estimate > 1_300_000).unwrap();
        assert!(back <= 90, "back after {back} tenths");
    }
}

#[test]
fn a_flood_is_foreseen_from_the_first_packets_that_waited() {
    let mut took = Vec::new();
    for phase in 0..10 {
        let from = 20_000 + phase * 37;
        let moments = run(phase, 24, 1_800_000, |ms| Line::of(if ms >= from { 150_000 } else { 2_000_000 }));
        let at = moments.iter().position(|moment| moment.foreseen_ms > 400.0).unwrap() as u64;
        took.push((at + 1) * 100 - from);
    }
    // A packet takes 64 ms on such a line, the way there and back 60, and feedback comes each 100.
    took.sort_unstable();
    assert!(took[5] <= 300 && took[9] <= 350, "{took:?} ms");
}

#[test]
fn cross_traffic_takes_its_part_and_gives_it_back() {
    let busy = |ms: u64| (20_000..40_000).contains(&ms);
    let moments = run(1, 70, 1_900_000, |ms| Line { cross: if busy(ms) { 1_200_000 } else { 0 }, ..Line::of(2_000_000) });
    let (during, after) = (mean(&moments[250..400], |moment| moment.delivered), mean(&moments[550..], |moment| moment.delivered));
    assert!((700_000.0..810_000.0).contains(&during), "{during} of 800,000");
    assert!(after > 1_600_000.0, "{after} afterwards");
    assert!(queue_p95(&moments[250..400]) < 150.0);
}

#[test]
fn jitter_is_not_congestion() {
    for jitter_ms in [10, 30, 60, 100] {
        let moments = run(1, 60, 1_500_000, |_| Line { jitter_ms, ..Line::of(5_000_000) });
        let lowest = moments[100..].iter().map(|moment| moment.estimate).min().unwrap();
        assert!(lowest > 1_500_000, "{jitter_ms} ms of jitter: down to {lowest}");
    }
}

#[test]
fn ten_per_cent_of_random_loss_is_not_congestion() {
    for seed in 1..=5 {
        let moments = run(seed, 60, 1_500_000, |_| Line { loss: 100, ..Line::of(5_000_000) });
        let mean = mean(&moments[100..], |moment| moment.estimate.min(1_500_000));
        assert!(mean > 1_350_000.0, "{mean}");
    }
}

#[test]
fn loss_on_a_full_line_still_leaves_most_of_it() {
    for (loss, share) in [(20, 0.93), (50, 0.90), (100, 0.88)] {
        let moments = run(2, 60, u64::MAX / 4, |_| Line { loss, ..Line::of(1_000_000) });
        let used = mean(&moments[100..], |moment| moment.delivered) / 1_000_000.0;
        assert!(used > share, "{loss}/1000 lost: {used:.2} used");
        assert!(queue_p95(&moments[100..]) < 150.0);
    }
}

#[test]
fn a_line_with_hardly_a_queue_shows_itself_by_loss() {
    let moments = run(1, 60, u64::MAX / 4, |_| Line { queue_ms: 30, ..Line::of(800_000) });
    let used = mean(&moments[100..], |moment| moment.delivered) / 800_000.0;
    let estimate = mean(&moments[100..], |moment| moment.estimate) / 800_000.0;
    assert!(used > 0.8 && estimate < 1.15, "{used:.2} used, estimate {estimate:.2}");
}

#[test]
fn lost_feedback_costs_little() {
    for feedback_loss in [50, 200, 400] {
        let moments = run(3, 60, u64::MAX / 4, |_| Line { feedback_loss, ..Line::of(1_000_000) });
        let used = mean(&moments[100..], |moment| moment.delivered) / 1_000_000.0;
        assert!(
            used > 0.93 && queue_p95(&moments[100..]) < 110.0,
            "{feedback_loss}/1000 lost: {used:.2} used, {:.0} ms",
            queue_p95(&moments[100..])
        );
    }
}

#[test]
fn a_silent_line_is_trusted_with_less_and_found_again() {
    let moments =
        run(1, 60, 1_800_000, |ms| Line { feedback_loss: if (20_000..30_000).contains(&ms) { 1_000 } else { 0 }, ..Line::of(2_000_000) });
    assert!(moments[299].estimate < 100_000, "{}", moments[299].estimate);
    let back = moments[300..].iter().position(|moment| moment.estimate > 1_300_000).unwrap();
    assert!(back <= 40, "back after {back} tenths");
}

#[test]
fn nothing_is_judged_before_the_receiver_has_told_anything() {
    let mut estimator = Estimator::default();
    let begin = Instant::now();
    for n in 0..1_000 {
        estimator.sent(n, 1_200, begin + Duration::from_millis(u64::from(n) * 10));
        estimator.pass(begin + Duration::from_millis(u64::from(n) * 10));
    }
    assert_eq!((estimator.bits_per_s(), estimator.allowed()), (None, None));
}
