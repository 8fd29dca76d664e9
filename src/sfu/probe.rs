//! A short burst of padding at a known rate, and what its arrival says of the line: whether there is room is known after a round trip, not after seconds of
//! feeling upwards. Knows numbers, sizes and times; neither when a probe is worth its queue nor what the packets hold.

use std::time::Duration;

use crate::time::Instant;

/// How long a burst takes: long enough that a picture's packets in between do not decide, short enough that what does not fit waits for less than itself.
const LENGTH: Duration = Duration::from_millis(100);
/// Between two pieces of it.
const STEP: Duration = Duration::from_millis(10);
/// Octets of one packet of padding on the line.
const OCTETS: f64 = 320.0;
/// Packets on which a rate is believed.
const PACKETS_MIN: u32 = 5;
/// So much of the burst must have arrived, and be told of within this.
const ARRIVED: f64 = 0.7;
const PATIENCE_MICROS: i64 = 2_000_000;
/// A burst that took this many microseconds longer to arrive than to leave filled the line; jitter comes on top.
const FILLED_MICROS: f64 = 15_000.0;
/// What is taken of a rate that went through, and of what a full line let through.
const TRUST: (f64, f64) = (0.9, 0.85);

/// What a burst showed, in bits a second of the line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Finding {
    /// It went through as it was sent: at least this is there.
    Room(f64),
    /// It filled the line, which carries this.
    Full(f64),
}

/// The bursts to one receiver: one at a time.
#[derive(Debug, Clone, Default)]
pub struct Probe {
    /// While it is being sent: when the next piece is due, when it ends, octets a second, octets owed.
    due: Option<Instant>,
    ends: Option<Instant>,
    octets_per_s: f64,
    owed: f64,
    /// The numbers of its packets, and of what else left between them.
    numbers: Option<(u16, u16)>,
    sent: u32,
    seen: Seen,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    packets: u32,
    octets: u64,
    sent: Option<(i64, i64)>,
    arrived: (i64, i64),
    /// What came with the first packet came before the counting began.
    first_octets: u64,
}

impl Probe {
    /// Whether a burst is being sent, or not judged yet.
    pub fn is_under_way(&self) -> bool {
        self.ends.is_some() || self.numbers.is_some()
    }

    /// When the next piece is due.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Begins a burst of so many bits a second of padding.
    pub fn begin(&mut self, bits_per_s: f64, now: Instant) {
        *self = Self { due: Some(now), ends: Some(now + LENGTH), octets_per_s: bits_per_s / 8.0, owed: OCTETS, ..Self::default() };
    }

    /// How many packets of padding leave now; to be asked when a piece is due.
    pub fn piece(&mut self, now: Instant) -> u32 {
        let Some(ends) = self.ends else { return 0 };
        self.owed += self.octets_per_s * STEP.as_secs_f64();
        let packets = (self.owed / OCTETS) as u32;
        self.owed -= f64::from(packets) * OCTETS;
        self.due = (now + STEP < ends).then(|| now + STEP);
        if self.due.is_none() {
            self.ends = None;
        }
        packets
    }

    /// A packet of the burst left under this number.
    pub fn left(&mut self, number: u16) {
        self.sent += 1;
        self.numbers = Some(self.numbers.map_or((number, number), |(first, _)| (first, number)));
    }

    /// Nothing that is under way counts any more.
    pub fn give_up(&mut self) {
        *self = Self::default();
    }

    /// The receiver told of a packet that arrived; both times in microseconds, each of its own clock.
    pub fn arrived(&mut self, number: u16, octets: u16, sent: i64, arrival: i64) {
        let Some((first, last)) = self.numbers else { return };
        if number.wrapping_sub(first) > last.wrapping_sub(first) {
            return;
        }
        let octets = u64::from(octets);
        let seen = &mut self.seen;
        seen.packets += 1;
        seen.octets += octets;
        match &mut seen.sent {
            None => {
                seen.sent = Some((sent, sent));
                seen.arrived = (arrival, arrival);
                seen.first_octets = octets;
            }
            Some((from, to)) => {
                seen.arrived.1 = seen.arrived.1.max(arrival);
                (*from, *to) = ((*from).min(sent), (*to).max(sent));
            }
        }
    }

    /// The receiver has told of everything up to `newest`: what the burst showed, once it is complete, on a line that shakes by so many microseconds. `None` too
    /// when too little of it arrived.
    pub fn judge(&mut self, newest: u16, jitter: f64, now: i64) -> Option<Finding> {
        let (first, last) = self.numbers.filter(|_| self.ends.is_none())?;
        let sent = self.seen.sent;
        let complete = newest.wrapping_sub(last) < 0x8000;
        let late = sent.is_some_and(|(from, _)| now - from > PATIENCE_MICROS);
        if !complete && !late {
            return None;
        }
        let (seen, wanted) = (self.seen, f64::from(last.wrapping_sub(first)) + 1.0);
        self.give_up();
        let (from, to) = sent?;
        if seen.packets < PACKETS_MIN || f64::from(seen.packets) < wanted * ARRIVED {
            return None;
        }
        let rate = |octets: u64, micros: i64| (micros > 0).then(|| octets as f64 * 8e6 / micros as f64);
        let sent = rate(seen.octets, to - from + STEP.as_micros() as i64)?;
        let (took, longer) = (seen.arrived.1 - seen.arrived.0, (seen.arrived.1 - seen.arrived.0) - (to - from));
        let arrived = rate(seen.octets - seen.first_octets, took).unwrap_or(sent);
        let full = longer as f64 > FILLED_MICROS + 2.0 * jitter;
        Some(if full { Finding::Full(arrived * TRUST.1) } else { Finding::Room(sent.min(arrived) * TRUST.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A burst over a line of so many bits a second, 40 ms long; every `lost`th packet is lost.
    fn burst(probed: f64, line: f64, lost: u16) -> Option<Finding> {
        let begin = Instant::now();
        let mut probe = Probe::default();
        probe.begin(probed, begin);
        let (mut number, mut free_at, mut told) = (65_520_u16, 0.0_f64, Vec::new());
        while let Some(due) = probe.due() {
            let micros = due.duration_since(begin).as_micros() as i64;
            for _ in 0..probe.piece(due) {
                number = number.wrapping_add(1);
                probe.left(number);
                free_at = free_at.max(micros as f64) + OCTETS * 8e6 / line;
                told.push((number, micros, free_at as i64 + 40_000));
            }
        }
        assert!(probe.is_under_way() || told.is_empty());
        for (n, (number, sent, arrival)) in told.iter().enumerate() {
            if lost == 0 || n as u16 % lost != 1 {
                probe.arrived(*number, OCTETS as u16, *sent, *arrival);
            }
        }
        let finding = probe.judge(number, 0.0, 1_000_000);
        assert!(!probe.is_under_way());
        finding
    }

    #[test]
    fn a_burst_that_goes_through_shows_room_and_one_that_does_not_shows_what_there_is() {
        for probed in [300_000.0, 1_000_000.0, 3_000_000.0] {
            let Some(Finding::Room(found)) = burst(probed, 10_000_000.0, 0) else {
                panic!("{probed}: {:?}", burst(probed, 10_000_000.0, 0))
            };
            assert!((0.75..1.0).contains(&(found / probed)), "{probed}: {found}");
            let Some(Finding::Full(found)) = burst(probed, probed / 2.0, 0) else { panic!("{probed}") };
            assert!((0.75..1.0).contains(&(found / probed * 2.0)), "{probed}: {found} of half of it");
        }
    }

    #[test]
    fn a_little_loss_does_not_hide_it_and_much_of_it_shows_nothing() {
        assert!(matches!(burst(1_000_000.0, 10_000_000.0, 10), Some(Finding::Room(_))));
        assert_eq!(burst(1_000_000.0, 10_000_000.0, 3), None);
        assert_eq!(burst(50_000.0, 10_000_000.0, 0), None, "too few packets");
    }

    #[test]
    fn it_is_judged_when_all_of_it_was_told_of_and_not_before() {
        let begin = Instant::now();
        let mut probe = Probe::default();
        probe.begin(1_000_000.0, begin);
        let mut number = 0;
        while let Some(due) = probe.due() {
            assert_eq!(probe.judge(number, 0.0, 0), None, "it is being sent");
            for _ in 0..probe.piece(due) {
                number += 1;
                probe.left(number);
                probe.arrived(number, 320, i64::from(number) * 2_500, i64::from(number) * 2_500);
            }
        }
        assert_eq!(probe.judge(number - 1, 0.0, 200_000), None);
        assert!(probe.judge(number, 0.0, 200_000).is_some());
        probe.arrived(number, 320, 0, 0);
        assert_eq!(probe.judge(number, 0.0, 200_000), None, "nothing is under way");
    }
}
