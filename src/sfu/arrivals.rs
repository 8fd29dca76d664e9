//! When the packets of one transport arrived, by transport-wide number, and the feedback that tells the sender
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1). Knows nothing of tracks.

use crate::limits::TRANSPORT_NUMBERS;
use crate::sfu::rtcp;
use crate::time::Instant;

/// Not arrived.
const NEVER: u64 = u64::MAX;
/// Statuses in one feedback packet: with two-octet deltas it stays below 1,200 octets.
const STATUSES_MAX: u64 = 400;
/// How far back a late packet makes us report again.
const LATE_MAX: u64 = 256;
/// One tick of the deltas.
const TICK_MICROS: u64 = 250;

/// Ring of arrival times.
#[derive(Debug, Clone, Default)]
pub struct Arrivals {
    origin: Option<Instant>,
    /// Extended number of the next status to report, and one behind the newest.
    next: u64,
    end: u64,
    pending: u32,
    feedback_count: u8,
    micros: Vec<u64>,
}

impl Arrivals {
    /// A packet with this number arrived.
    pub fn record(&mut self, number: u16, now: Instant) {
        let origin = *self.origin.get_or_insert(now);
        let micros = u64::try_from(now.saturating_duration_since(origin).as_micros()).unwrap_or(u64::MAX - 1);
        if self.micros.is_empty() {
            self.micros = vec![NEVER; TRANSPORT_NUMBERS];
            // Starts in the second turn, so that going back a little needs no negative number.
            self.next = 0x1_0000 + u64::from(number);
            self.end = self.next;
        }
        let ahead = number.wrapping_sub(self.end as u16);
        let extended = if ahead < 0x8000 { self.end + u64::from(ahead) } else { self.end.saturating_sub(u64::from(ahead.wrapping_neg())) };
        if extended >= self.end {
            if extended - self.next >= TRANSPORT_NUMBERS as u64 {
                self.micros.fill(NEVER);
                self.next = extended;
                self.pending = 0;
            } else {
                (self.end..extended).for_each(|missing| self.set(missing, NEVER));
            }
            self.end = extended + 1;
        } else if self.end - extended > LATE_MAX || self.get(extended) != NEVER {
            return;
        } else {
            self.next = self.next.min(extended);
        }
        self.set(extended, micros);
        self.pending += 1;
    }

    /// Packets since the last feedback.
    pub fn pending(&self) -> u32 {
        self.pending
    }

    /// Appends the feedback on what has not been reported yet, as one RTCP packet; call until it returns false.
    pub fn feedback(&mut self, sender_ssrc: u32, media_ssrc: u32, out: &mut Vec<u8>) -> bool {
        let first = (self.next..self.end).find(|number| self.get(*number) != NEVER);
        let Some(first) = first.filter(|_| self.pending > 0) else {
            self.pending = 0;
            return false;
        };
        // What is missing in front is told as well: nobody else would.
        self.next = self.next.max(first.saturating_sub(STATUSES_MAX / 2));
        let reference = self.get(first) / (TICK_MICROS * 256);
        let last = self.reach(reference);
        let begin = rtcp::open(out, 15, 205, sender_ssrc);
        out.extend_from_slice(&media_ssrc.to_be_bytes());
        out.extend_from_slice(&(self.next as u16).to_be_bytes());
        out.extend_from_slice(&((last - self.next) as u16).to_be_bytes());
        out.extend_from_slice(&((reference as u32) << 8 | u32::from(self.feedback_count)).to_be_bytes());
        self.write_statuses(last, reference, out);
        rtcp::close(out, begin);
        self.feedback_count = self.feedback_count.wrapping_add(1);
        self.next = last;
        if self.next >= self.end {
            self.pending = 0;
        }
        true
    }

    /// One behind the last status that fits: by number, and by the 8 s that a delta can span.
    fn reach(&self, reference: u64) -> u64 {
        let mut clock = reference * 256;
        for number in self.next..self.end.min(self.next + STATUSES_MAX) {
            let micros = self.get(number);
            if micros == NEVER {
                continue;
            }
            let tick = micros / TICK_MICROS;
            if i16::try_from(tick as i64 - clock as i64).is_err() {
                return number;
            }
            clock = tick;
        }
        self.end.min(self.next + STATUSES_MAX)
    }

    /// Chunks of seven two-bit symbols, runs for what never came, then the deltas.
    fn write_statuses(&self, last: u64, reference: u64, out: &mut Vec<u8>) {
        let mut deltas = [0_u8; 2 * STATUSES_MAX as usize];
        let mut used = 0;
        let mut clock = reference * 256;
        let mut at = self.next;
        while at < last {
            let absent = (at..last).take_while(|number| self.get(*number) == NEVER).count();
            if absent >= 7 {
                out.extend_from_slice(&(absent as u16).to_be_bytes());
                at += absent as u64;
                continue;
            }
            let mut chunk: u16 = 0xc000;
            for place in 0..7 {
                let micros = if at + place < last { self.get(at + place) } else { NEVER };
                if micros == NEVER {
                    continue;
                }
                let tick = micros / TICK_MICROS;
                let delta = tick as i64 - clock as i64;
                clock = tick;
                let symbol: u16 = if let Ok(small) = u8::try_from(delta) {
                    deltas[used] = small;
                    used += 1;
                    1
                } else {
                    deltas[used..used + 2].copy_from_slice(&(delta as i16).to_be_bytes());
                    used += 2;
                    2
                };
                chunk |= symbol << (12 - 2 * place);
            }
            at += 7;
            out.extend_from_slice(&chunk.to_be_bytes());
        }
        out.extend_from_slice(&deltas[..used]);
    }

    fn get(&self, number: u64) -> u64 {
        self.micros.get(number as usize % TRANSPORT_NUMBERS).copied().unwrap_or(NEVER)
    }

    fn set(&mut self, number: u64, micros: u64) {
        if let Some(place) = self.micros.get_mut(number as usize % TRANSPORT_NUMBERS) {
            *place = micros;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(begin: Instant, micros: u64) -> Instant {
        begin + Duration::from_micros(micros)
    }

    /// What a sender reads: (number, microseconds since the receiver's origin) of each packet that arrived.
    fn read(packet: &[u8]) -> Vec<(u16, u64)> {
        let base = u16::from_be_bytes([packet[12], packet[13]]);
        let count = usize::from(u16::from_be_bytes([packet[14], packet[15]]));
        let reference = u64::from(u32::from_be_bytes([0, packet[16], packet[17], packet[18]]));
        let (mut symbols, mut place) = (Vec::new(), 20);
        while symbols.len() < count {
            let chunk = u16::from_be_bytes([packet[place], packet[place + 1]]);
            place += 2;
            if chunk >> 15 == 0 {
                symbols.extend(std::iter::repeat_n((chunk >> 13) & 3, usize::from(chunk & 0x1fff)));
            } else {
                assert_eq!(chunk >> 14, 3);
                symbols.extend((0..7).map(|n| (chunk >> (12 - 2 * n)) & 3));
            }
        }
        let (mut ticks, mut found) = (reference as i64 * 256, Vec::new());
        for (n, symbol) in symbols.into_iter().take(count).enumerate() {
            match symbol {
                0 => continue,
                1 => (ticks, place) = (ticks + i64::from(packet[place]), place + 1),
                2 => (ticks, place) = (ticks + i64::from(i16::from_be_bytes([packet[place], packet[place + 1]])), place + 2),
                _ => panic!("reserved symbol"),
            }
            found.push((base.wrapping_add(n as u16), ticks as u64 * TICK_MICROS));
        }
        let padding = if packet[0] & 0x20 != 0 { usize::from(packet[packet.len() - 1]) } else { 0 };
        assert_eq!(place + padding, packet.len());
        assert_eq!((usize::from(u16::from_be_bytes([packet[2], packet[3]])) + 1) * 4, packet.len());
        found
    }

    #[test]
    fn feedback_is_written_octet_by_octet() {
        let begin = Instant::now();
        let mut arrivals = Arrivals::default();
        arrivals.record(65_535, begin);
        arrivals.record(0, at(begin, 1_000));
        arrivals.record(2, at(begin, 101_000));
        let mut out = Vec::new();
        assert!(arrivals.feedback(7, 9, &mut out));
        // Header, base 65,535, four statuses, reference 0, feedback 0.
        let head = [0xaf, 205, 0, 6, 0, 0, 0, 7, 0, 0, 0, 9, 0xff, 0xff, 0, 4, 0, 0, 0, 0];
        // Small, small, absent, large; 0, 4 and 400 ticks; padding of two.
        let expected = [&head[..], &[0xd4, 0x80, 0, 4, 0x01, 0x90, 0, 2]].concat();
        assert_eq!(read(&out), [(65_535, 0), (0, 1_000), (2, 101_000)]);
        assert_eq!(out, expected);
        assert!(!arrivals.feedback(7, 9, &mut out));
    }

    #[test]
    fn what_is_missing_between_two_feedbacks_is_told_with_the_second() {
        let begin = Instant::now();
        let mut arrivals = Arrivals::default();
        arrivals.record(10, begin);
        assert!(arrivals.feedback(1, 2, &mut Vec::new()));
        arrivals.record(13, at(begin, 1_000));
        let mut out = Vec::new();
        assert!(arrivals.feedback(1, 2, &mut out));
        assert_eq!((&out[12..16], read(&out)), (&[0, 11, 0, 3][..], vec![(13, 1_000)]));
        arrivals.record(1_013, at(begin, 2_000));
        out.clear();
        assert!(arrivals.feedback(1, 2, &mut out));
        assert_eq!((&out[12..16], read(&out)), (&[0x03, 0x2d, 0, 201][..], vec![(1_013, 2_000)]), "of a long hole the end");
        assert!(!arrivals.feedback(1, 2, &mut out));
    }

    #[test]
    fn a_late_packet_is_told_with_the_next_feedback() {
        let begin = Instant::now();
        let mut arrivals = Arrivals::default();
        arrivals.record(10, begin);
        arrivals.record(12, at(begin, 500));
        assert!(arrivals.feedback(1, 2, &mut Vec::new()));
        arrivals.record(11, at(begin, 2_000));
        arrivals.record(13, at(begin, 2_250));
        let mut out = Vec::new();
        assert!(arrivals.feedback(1, 2, &mut out));
        assert_eq!(read(&out), [(11, 2_000), (12, 500), (13, 2_250)]);
    }

    #[test]
    fn a_jump_of_numbers_starts_afresh() {
        let begin = Instant::now();
        let mut arrivals = Arrivals::default();
        arrivals.record(1, begin);
        arrivals.record(20_000, at(begin, 250));
        let mut out = Vec::new();
        assert!(arrivals.feedback(1, 2, &mut out));
        assert_eq!(read(&out), [(20_000, 250)]);
    }

    #[test]
    fn a_pause_of_ten_seconds_takes_two_feedbacks() {
        let begin = Instant::now();
        let mut arrivals = Arrivals::default();
        arrivals.record(1, begin);
        arrivals.record(2, at(begin, 10_000_000));
        let (mut first, mut second) = (Vec::new(), Vec::new());
        assert!(arrivals.feedback(1, 2, &mut first));
        assert!(arrivals.feedback(1, 2, &mut second));
        assert_eq!((read(&first), read(&second)), (vec![(1, 0)], vec![(2, 10_000_000)]));
    }

    proptest! {
        #[test]
        fn every_arrival_is_told_within_a_tick(steps in proptest::collection::vec((0u16..40, 0u64..30_000), 1..600), first: u16) {
            let begin = Instant::now();
            let mut arrivals = Arrivals::default();
            let (mut number, mut micros, mut sent) = (first, 0, Vec::new());
            let mut told = Vec::new();
            for (n, (skip, wait)) in steps.iter().enumerate() {
                number = number.wrapping_add(1 + skip);
                micros += if n == 0 { 0 } else { *wait };
                arrivals.record(number, at(begin, micros));
                sent.push((number, micros / TICK_MICROS * TICK_MICROS));
                if n % 40 == 39 || n + 1 == steps.len() {
                    let mut out = Vec::new();
                    while arrivals.feedback(1, 2, &mut out) {
                        prop_assert!(out.len() <= 1_200);
                        told.extend(read(&out));
                        out.clear();
                    }
                }
            }
            prop_assert_eq!(told, sent);
        }

        #[test]
        fn no_order_of_numbers_makes_it_panic(numbers in proptest::collection::vec((any::<u16>(), 0u64..20_000_000), 0..300)) {
            let begin = Instant::now();
            let mut arrivals = Arrivals::default();
            let mut out = Vec::new();
            for (number, micros) in numbers {
                arrivals.record(number, at(begin, micros));
                out.clear();
                if micros % 3 == 0 && arrivals.feedback(1, 2, &mut out) {
                    read(&out);
                }
            }
        }
    }
}
