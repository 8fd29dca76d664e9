//! How much the line to one receiver carries, judged from what it tells of our packets: the waiting time and its trend, the loss, what came through.
//! Knows numbers, sizes and times; not what is in the packets, nor who is asked to send less.
//!
//! A worked example. 2 Mbit/s flow over a line that falls to 150 kbit/s. 100 ms later the feedback tells of packets that waited 90 ms: a cut, to nine tenths
//! of what came through lately (1.4 Mbit/s, still mostly of before). 250 ms later the quick average stands at 180 kbit/s: the next cut, to 160. While packets
//! wait, less than the estimate is allowed, so that the queue empties. Then it grows by a tenth a second up to the knee (150, where it was cut), slowly across it, and
//! the more comes through above the knee, the faster: once that is a third more, the line has become better, and it doubles each second as far as what is really
//! sent lets it.

use std::time::Duration;

use crate::limits::{DOWNLINK_MAX, DOWNLINK_MIN, DOWNLINK_START};
use crate::sfu::feedback::Feedback;
use crate::sfu::loss::{Loss, Verdict};
use crate::sfu::probe::{Finding, Probe};
use crate::sfu::queue::Queue;
use crate::sfu::sent::SentPackets;
use crate::sfu::throughput::Throughput;
use crate::sfu::trend::{Signal, Trend};
use crate::time::Instant;

/// IPv4, UDP and the tag of SRTP: what a packet costs on the line beyond its plain octets.
const OVERHEAD: usize = 20 + 8 + 16;
/// Waiting time in milliseconds: below the first a trend is jitter, above the second it is congestion without one, above the third no longer route.
const QUEUE_NOISE_MS: f64 = 12.0;
const QUEUE_HIGH_MS: f64 = 60.0;
const QUEUE_DEEP_MS: f64 = 120.0;
/// Shares of what is sent that come through, of late and on the quick average, below which packets that wait longer and longer show a collapse: the last span alone
/// may be jitter.
const FLOOD: (f64, f64) = (0.5, 0.8);
/// The rate grows only while packets wait less.
const QUEUE_CLEAR_MS: f64 = 25.0;
/// What waits longer than this is emptied: the longer, the less is allowed, down to a share of the estimate.
const DRAIN_FROM_MS: f64 = 40.0;
const DRAIN_MS: f64 = 400.0;
const DRAIN_MIN: f64 = 0.4;
/// What is left of the throughput at a cut.
const CUT: f64 = 0.92;
/// Growth in a second: unknown line, below the knee, across it.
const GROWTH: (f64, f64, f64) = (2.0, 1.10, 1.05);
/// The knee reaches so far to both sides.
const KNEE: (f64, f64) = (0.97, 1.10);
/// What came through stands so much above the knee where the growth begins to quicken, and where it is free: a line that became better is told by what passes it,
/// since an estimate that stands there alone is a guess.
const ABOVE: (f64, f64) = (1.03, 1.35);
/// What came through allows no more than this, and a little.
const THROUGH: (f64, f64) = (1.5, 20_000.0);
/// The estimate grows only when this share of it is sent: more would be a guess.
const USED: f64 = 0.65;
/// So much above what a burst showed of a full line an estimate of before may stand.
const FOUND: f64 = 1.1;
/// A source that sends less than this share is not the one that fills the line.
const IDLE: f64 = 0.5;
/// A cut must have had its effect before the next: a round trip (up to this) and a little.
const ROUND_TRIP_MAX: i64 = 500_000;
const EFFECT_MICROS: i64 = 150_000;
/// Without a word for this long while packets are sent, half is the better guess; then again each time.
const SILENCE_MICROS: i64 = 1_000_000;
/// A queue that has not moved for this long though less is sent is somebody else's.
const FOREIGN_MICROS: i64 = 1_000_000;
/// Milliseconds: less is none, more is bad either way; and the share of what came through at first that must not have moved it.
const FOREIGN_MS: (f64, f64) = (30.0, 250.0);
const FOREIGN: f64 = 0.6;

/// A queue that is watched: since when, its least since then and in as long a time before, and what came through when it was first seen.
#[derive(Debug, Clone, Copy)]
struct Standing {
    since: i64,
    least: f64,
    before: Option<f64>,
    through: f64,
}

/// The judgement on one receiver's line.
#[derive(Debug, Clone)]
pub struct Estimator {
    origin: Option<Instant>,
    sent: SentPackets,
    sent_octets: u64,
    sent_rate: f64,
    trend: Trend,
    queue: Queue,
    throughput: Throughput,
    loss: Loss,
    /// A burst of padding under way.
    pub probe: Probe,
    /// Reference time of the last feedback as it stood in it, and unwound.
    reference: Option<(u32, i64)>,
    count: u8,
    bits_per_s: f64,
    /// Throughput at the last cut.
    knee: Option<f64>,
    /// The estimate before the first of the cuts for loss.
    before_loss: f64,
    told_at: Option<i64>,
    cut_at: Option<i64>,
    cuts: u32,
    silent_from: Option<i64>,
    /// The estimate when the receiver fell silent.
    before_silence: Option<f64>,
    /// Without the waiting on the line.
    round_trip: i64,
    /// The number sent last, and the newest that was told of.
    newest: u16,
    newest_told: u16,
    expected_ms: f64,
    /// In the last feedback packets waited longer and longer; and it shows a collapse.
    grows: bool,
    flooded: bool,
    /// The queue that is watched.
    standing: Option<Standing>,
}

impl Default for Estimator {
    fn default() -> Self {
        Self {
            origin: None,
            sent: SentPackets::default(),
            sent_octets: 0,
            sent_rate: 0.0,
            trend: Trend::default(),
            queue: Queue::default(),
            throughput: Throughput::default(),
            loss: Loss::default(),
            probe: Probe::default(),
            reference: None,
            count: 0,
            bits_per_s: DOWNLINK_START as f64,
            knee: None,
            before_loss: 0.0,
            told_at: None,
            cut_at: None,
            cuts: 0,
            silent_from: None,
            before_silence: None,
            round_trip: 0,
            newest: 0,
            newest_told: 0,
            expected_ms: 0.0,
            grows: false,
            flooded: false,
            standing: None,
        }
    }
}

impl Estimator {
    /// A numbered packet leaves, so many plain octets long.
    pub fn sent(&mut self, number: u16, octets: usize, now: Instant) {
        let micros = self.micros(now);
        self.sent.sent(number, octets + OVERHEAD, micros);
        self.newest = number;
        self.sent_octets += (octets + OVERHEAD) as u64;
        self.silent_from.get_or_insert(micros);
    }

    /// The same for a packet that left when the numbers had come to `number`; one that bore none since `before` cannot be told of.
    pub fn left(&mut self, before: u16, number: u16, octets: usize, now: Instant) {
        if before != number {
            self.sent(number, octets, now);
        }
    }

    /// Bits a second on the line, headers included; `None` until the receiver has told of anything.
    pub fn bits_per_s(&self) -> Option<u64> {
        self.told_at.map(|_| self.bits_per_s.round() as u64)
    }

    /// What may be sent now: less than the estimate while packets wait.
    pub fn allowed(&self) -> Option<u64> {
        let drained = 1.0 - (self.expected_ms - DRAIN_FROM_MS - self.queue.spread_ms()).max(0.0) / DRAIN_MS;
        self.told_at.map(|_| (self.bits_per_s * drained.max(DRAIN_MIN)).max(DOWNLINK_MIN as f64).round() as u64)
    }

    /// How long a packet that is sent now will wait on the line, in milliseconds.
    pub fn queue_ms(&self) -> f64 {
        self.expected_ms
    }

    /// How long what is sent now takes to be answered: a round trip and the waiting on the line; zero until a queue is known.
    pub fn answers_after(&self) -> Duration {
        let waits = if self.expected_ms > QUEUE_HIGH_MS { (self.expected_ms * 1_000.0) as u64 } else { return Duration::ZERO };
        Duration::from_micros(waits.saturating_add(self.round_trip.max(0) as u64))
    }

    /// Packets go another way from here on: times under way of before say nothing.
    pub fn path_moved(&mut self) {
        self.trend.restart();
        self.queue = Queue::default();
        self.expected_ms = 0.0;
        self.throughput.interrupt();
        self.probe.give_up();
    }

    /// Pictures rest: hardly anything is sent.
    pub fn rests(&mut self) {
        if self.queue.rests() {
            self.trend.restart();
            self.expected_ms = self.queue.ms();
        }
    }

    /// What the receiver tells.
    pub fn told(&mut self, feedback: &Feedback<'_>, now: Instant) {
        let now = self.micros(now);
        let (before, zero) = self.reference.unwrap_or((feedback.reference(), 0));
        let zero = zero + feedback.reference_since(before);
        self.reference = Some((feedback.reference(), zero));
        if self.told_at.is_some() && feedback.count != self.count.wrapping_add(1) {
            self.throughput.interrupt();
        }
        self.count = feedback.count;
        let (mut told, mut lost, mut holes, mut newest, mut in_hole) = (0, 0, 0, None, false);
        for status in feedback.statuses() {
            let Some(packet) = self.sent.told(status.number, status.arrived.is_some(), now) else { continue };
            told += u32::from(!packet.was_lost);
            let Some(arrived) = status.arrived else {
                lost += 1;
                holes += u32::from(!std::mem::replace(&mut in_hole, true));
                continue;
            };
            in_hole = false;
            lost -= i32::from(packet.was_lost);
            let arrival = zero + arrived;
            self.throughput.arrived(packet.octets, arrival);
            self.probe.arrived(status.number, packet.octets, packet.micros, arrival);
            if !packet.was_lost {
                self.trend.packet(packet.micros, arrival);
                self.queue.packet(packet.micros, arrival);
                newest = Some((status.number, now - packet.micros));
            }
        }
        self.throughput.close();
        if told == 0 {
            return;
        }
        if let Some((number, trip)) = newest {
            self.newest_told = number;
            self.round_trip = (trip - (self.queue.ms() * 1_000.0) as i64).max(0);
        }
        self.expect(lost > 0);
        let elapsed = self.told_at.map_or(0, |at| now - at);
        self.told_at = Some(now);
        self.silent_from = None;
        // Whoever was silent and has no queue was away, not slow.
        if let Some(before) = self.before_silence.take().filter(|_| self.queue.ms() < QUEUE_HIGH_MS) {
            self.bits_per_s = self.bits_per_s.max(before * 0.5);
        }
        self.loss.told(told, (lost, holes), elapsed);
        if elapsed > 0 {
            let rate = std::mem::take(&mut self.sent_octets) as f64 * 8_000_000.0 / elapsed as f64;
            self.sent_rate += (1.0 - (-(elapsed as f64) / 400_000.0).exp()) * (rate - self.sent_rate);
            // A burst makes a queue on purpose: what it says is its own.
            if self.probe.is_under_way() {
                if let Some(finding) = self.probe.judge(self.newest_told, self.queue.spread_ms() * 1_000.0, now) {
                    self.found(finding, now);
                }
            } else {
                self.judge(elapsed, now);
            }
        }
    }

    fn found(&mut self, finding: Finding, now: i64) {
        match finding {
            Finding::Room(rate) => {
                self.bits_per_s = self.bits_per_s.max(rate.min(DOWNLINK_MAX as f64));
                self.knee = self.knee.filter(|knee| *knee > rate);
            }
            Finding::Full(rate) => {
                self.bits_per_s = self.bits_per_s.clamp(rate, rate * FOUND).max(DOWNLINK_MIN as f64);
                self.knee = Some(rate * FOUND);
                self.cuts += 1;
                self.cut_at = Some(now);
            }
        }
    }

    /// What was sent lately, in bits a second.
    pub fn sent_bits(&self) -> u64 {
        self.sent_rate as u64
    }

    /// What came through lately, in bits a second.
    pub fn through_bits(&self) -> u64 {
        self.throughput.calm().unwrap_or(0.0) as u64
    }

    /// Share of packets that get lost on it lately, 0 to 1.
    pub fn loss_share(&self) -> f64 {
        self.loss.share()
    }

    /// How often the line was found full, or silent.
    pub fn cuts(&self) -> u32 {
        self.cuts
    }

    /// Time passes: a line from which nothing is heard any more is trusted with less. True when it was.
    pub fn pass(&mut self, now: Instant) -> bool {
        let now = self.micros(now);
        let Some(from) = self.silent_from.filter(|_| self.told_at.is_some()) else { return false };
        let silent = now - from > SILENCE_MICROS + self.round_trip.min(ROUND_TRIP_MAX);
        if silent {
            self.before_silence.get_or_insert(self.bits_per_s);
            self.cuts += 1;
            self.bits_per_s = (self.bits_per_s * 0.5).max(DOWNLINK_MIN as f64);
            self.knee = None;
            self.silent_from = Some(now);
            self.throughput.interrupt();
            self.probe.give_up();
        }
        silent
    }

    /// What is under way beyond a round trip waits too, though nothing has been told of it yet.
    fn expect(&mut self, lossy: bool) {
        self.expected_ms = self.queue.ms();
        // What was just told of waits longer and longer, and came far slower than it is sent: the line has collapsed, whatever the averages still say. Where
        // something was lost, less comes for that reason.
        self.grows = self.queue.is_flooded();
        self.flooded = false;
        let (Some(quick), Some(calm)) = (self.throughput.quick(), self.throughput.calm()) else { return };
        self.flooded = self.grows && !lossy && self.throughput.latest() < self.sent_rate * FLOOD.0 && quick < self.sent_rate * FLOOD.1;
        let rate = if self.flooded {
            self.throughput.latest().max(DOWNLINK_MIN as f64)
        } else if self.expected_ms > DRAIN_FROM_MS + self.queue.spread_ms() {
            // The last span alone is mostly chance: it counts where packets wait longer and longer.
            let latest = if self.grows { self.throughput.latest() * 2.0 } else { f64::INFINITY };
            quick.min(latest).max(calm * 0.25)
        } else {
            return;
        };
        let under_way = self.sent.after(self.newest_told, self.newest) as f64 * 8_000.0 / rate;
        self.expected_ms = self.expected_ms.max(under_way - self.round_trip as f64 / 1_000.0);
    }

    fn judge(&mut self, elapsed: i64, now: i64) {
        let (Some(calm), Some(quick)) = (self.throughput.calm(), self.throughput.quick()) else { return };
        let through = 1.0 / (1.0 - self.loss.inherent());
        let (calm, quick) = (calm * through, quick * through);
        let queue = self.queue.ms();
        let signal = self.trend.signal();
        let noise = self.queue.spread_ms();
        let congested =
            (signal == Signal::Over && queue > QUEUE_NOISE_MS + noise) || (signal != Signal::Under && queue > QUEUE_HIGH_MS + noise);
        let effect = self.round_trip.clamp(0, ROUND_TRIP_MAX) + EFFECT_MICROS;
        let may_cut = self.cut_at.is_none_or(|at| now - at > effect);
        self.look_for_foreign_queue(queue, calm, now);
        if self.flooded && may_cut {
            let rate = self.throughput.latest().max(DOWNLINK_MIN as f64);
            self.cut(rate, rate, now);
            return;
        }
        if congested {
            if may_cut {
                // Holes can make the quick average small, and a longer route a queue: together they are no collapse yet.
                let collapsed = quick < calm * 0.6 && (self.grows || queue > QUEUE_DEEP_MS);
                let rate = if collapsed { quick } else { calm };
                // Who hardly sends is not the cause; the line may have become worse all the same.
                let floor = if self.sent_rate < self.bits_per_s * IDLE && !collapsed { self.bits_per_s * 0.7 } else { 0.0 };
                self.cut(rate, (rate * CUT).max(floor), now);
            }
            return;
        }
        if !may_cut {
            return;
        }
        match self.loss.judge() {
            Verdict::Cut => {
                self.before_loss = self.before_loss.max(self.bits_per_s);
                // Who hardly sends learns nothing of the line by sending much less.
                let floor = if self.sent_rate < self.bits_per_s * IDLE { self.bits_per_s * 0.7 } else { 0.0 };
                self.cut(calm, (calm * 0.97).max(floor), now);
            }
            Verdict::Vain => {
                self.bits_per_s = self.bits_per_s.max(self.before_loss);
                self.before_loss = 0.0;
                self.knee = None;
            }
            Verdict::Hold => {}
            Verdict::Fine => {
                self.before_loss = 0.0;
                if queue < QUEUE_CLEAR_MS + noise / 2.0 && signal != Signal::Under {
                    self.grow(elapsed, calm);
                }
            }
        }
    }

    fn cut(&mut self, rate: f64, to: f64, now: i64) {
        self.knee = Some(rate);
        self.bits_per_s = self.bits_per_s.min(to).max(DOWNLINK_MIN as f64);
        self.cut_at = Some(now);
        self.cuts += 1;
    }

    fn grow(&mut self, elapsed: i64, through: f64) {
        if self.sent_rate < self.bits_per_s * USED {
            return;
        }
        let factor = match self.knee {
            Some(knee) if self.bits_per_s < knee * KNEE.0 => GROWTH.1,
            Some(knee) if self.bits_per_s < knee * KNEE.1 || through < knee * ABOVE.1 => {
                let above = ((through / knee - ABOVE.0) / (ABOVE.1 - ABOVE.0)).clamp(0.0, 1.0);
                GROWTH.2 + (GROWTH.0 - GROWTH.2) * above
            }
            _ => {
                self.knee = None;
                GROWTH.0
            }
        };
        let seconds = (elapsed as f64 / 1e6).min(0.3);
        let grown = self.bits_per_s * factor.powf(seconds);
        let bound = (through * THROUGH.0 + THROUGH.1).min(DOWNLINK_MAX as f64);
        self.bits_per_s = self.bits_per_s.max(grown.min(bound));
    }

    /// A queue that stands still although much less is sent than came through when it was first seen is not ours: it is taken for a part of the way, and what it
    /// cost is given back. What shakes is judged by its least.
    fn look_for_foreign_queue(&mut self, queue: f64, through: f64, now: i64) {
        let mut standing = self.standing.unwrap_or(Standing { since: now, least: f64::INFINITY, before: None, through });
        standing.least = standing.least.min(queue);
        if now - standing.since < FOREIGN_MICROS {
            self.standing = Some(standing);
            return;
        }
        let Standing { least, before, through: at_first, .. } = standing;
        if least < FOREIGN_MS.0 {
            self.standing = None;
            return;
        }
        let still = least < FOREIGN_MS.1 && before.is_some_and(|before| least > before * 0.75 && least < before * 1.3);
        if still && through < at_first * FOREIGN {
            self.queue.accept();
            self.trend.restart();
            self.bits_per_s = self.bits_per_s.max(at_first * FOREIGN);
            (self.standing, self.knee) = (None, None);
        } else {
            self.standing = Some(Standing { since: now, least: f64::INFINITY, before: Some(least), ..standing });
        }
    }

    fn micros(&mut self, now: Instant) -> i64 {
        let origin = *self.origin.get_or_insert(now);
        now.saturating_duration_since(origin).as_micros() as i64
    }
}
