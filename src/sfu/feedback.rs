//! Transport-wide feedback of a receiver on our own packets (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1): read in place, no length believed.
//! Knows numbers and arrival times; what was sent under them is somebody else's.

use crate::limits::SENT_PACKETS;

/// One tick of the deltas.
const TICK_MICROS: i64 = 250;
/// One step of the reference time: 256 ticks.
const REFERENCE_MICROS: i64 = 64_000;

/// One feedback packet, checked as a whole before anything of it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feedback<'a> {
    /// Counts the receiver's feedback packets, so that a lost one is noticed.
    pub count: u8,
    first: u16,
    /// 24 bits.
    reference: u32,
    symbols: Symbols<'a>,
    deltas: &'a [u8],
}

/// What the receiver says of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Transport-wide number.
    pub number: u16,
    /// Microseconds since the reference time of this feedback; `None`: not arrived.
    pub arrived: Option<i64>,
}

impl<'a> Feedback<'a> {
    /// `body`: everything behind the first word of the RTCP packet. `None` when lengths do not fit, and for more statuses than packets are remembered.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let (head, rest) = body.split_first_chunk::<16>()?;
        let statuses = u16::from_be_bytes([head[10], head[11]]);
        if statuses == 0 || usize::from(statuses) > SENT_PACKETS {
            return None;
        }
        let symbols = Symbols { rest, left: statuses, chunk: 0, in_chunk: 0 };
        let mut walk = symbols;
        let (mut seen, mut octets) = (0, 0);
        for symbol in walk.by_ref() {
            // Three is reserved: a packet that uses it is not one that we understand.
            octets += usize::from(Some(symbol).filter(|symbol| *symbol < 3)?);
            seen += 1;
        }
        let deltas = walk.rest.get(..octets).filter(|_| seen == statuses)?;
        Some(Self {
            count: head[15],
            first: u16::from_be_bytes([head[8], head[9]]),
            reference: u32::from_be_bytes([0, head[12], head[13], head[14]]),
            symbols,
            deltas,
        })
    }

    /// Microseconds by which this feedback's reference lies behind another's, by the shorter way around its 24 bits.
    pub fn reference_since(&self, before: u32) -> i64 {
        let steps = (self.reference.wrapping_sub(before) << 8).cast_signed() >> 8;
        i64::from(steps) * REFERENCE_MICROS
    }

    /// The reference time as it stands in the packet.
    pub fn reference(&self) -> u32 {
        self.reference
    }

    /// Every status, in the order of numbers.
    pub fn statuses(&self) -> impl Iterator<Item = Status> + use<'a> {
        let (mut symbols, mut deltas, mut number, mut micros) = (self.symbols, self.deltas, self.first, 0);
        std::iter::from_fn(move || {
            let symbol = symbols.next()?;
            let delta = match symbol {
                1 => deltas.split_first().map(|(small, rest)| (i64::from(*small), rest)),
                2 => deltas.split_first_chunk::<2>().map(|(large, rest)| (i64::from(i16::from_be_bytes(*large)), rest)),
                _ => None,
            };
            let status = Status { number, arrived: delta.map(|(delta, _)| micros + delta * TICK_MICROS) };
            if let Some((_, rest)) = delta {
                deltas = rest;
                micros = status.arrived.unwrap_or(micros);
            }
            number = number.wrapping_add(1);
            Some(status)
        })
    }
}

/// The symbols of the status chunks: 0 absent, 1 with a small delta, 2 with a large one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Symbols<'a> {
    rest: &'a [u8],
    left: u16,
    chunk: u16,
    in_chunk: u16,
}

impl Iterator for Symbols<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        self.left = self.left.checked_sub(1)?;
        while self.in_chunk == 0 {
            let (chunk, rest) = self.rest.split_first_chunk::<2>()?;
            self.rest = rest;
            self.chunk = u16::from_be_bytes(*chunk);
            self.in_chunk = match self.chunk >> 14 {
                0b10 => 14,
                0b11 => 7,
                _ => self.chunk & 0x1fff,
            };
        }
        self.in_chunk -= 1;
        Some(match self.chunk >> 14 {
            0b10 => (self.chunk >> self.in_chunk) & 1,
            0b11 => (self.chunk >> (2 * self.in_chunk)) & 3,
            _ => (self.chunk >> 13) & 3,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::sfu::arrivals::Arrivals;
    use crate::time::Instant;

    fn read(body: &[u8]) -> Option<Vec<(u16, Option<i64>)>> {
        Some(Feedback::parse(body)?.statuses().map(|status| (status.number, status.arrived)).collect())
    }

    /// SSRCs, first number 65,534, so many statuses, reference 0x010203, feedback 9.
    fn head(statuses: u16) -> Vec<u8> {
        [&[0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xfe][..], &statuses.to_be_bytes(), &[1, 2, 3, 9]].concat()
    }

    #[test]
    fn two_bit_symbols_runs_and_one_bit_symbols_are_read_octet_by_octet() {
        // Small, large, absent, small, then three that do not count.
        let two_bits = [head(4), vec![0b1101_1000, 0b0100_0000, 4, 0xff, 0xfe, 8, 0, 0]].concat();
        assert_eq!(read(&two_bits).unwrap(), [(65_534, Some(1_000)), (65_535, Some(500)), (0, None), (1, Some(2_500))]);
        let runs = [head(5), vec![0x20, 3, 0x00, 2, 1, 0, 2]].concat();
        assert_eq!(read(&runs).unwrap(), [(65_534, Some(250)), (65_535, Some(250)), (0, Some(750)), (1, None), (2, None)]);
        let one_bit = [head(3), vec![0b1010_1000, 0, 7, 9]].concat();
        assert_eq!(read(&one_bit).unwrap(), [(65_534, Some(1_750)), (65_535, None), (0, Some(4_000))]);
        let parsed = Feedback::parse(&runs).unwrap();
        assert_eq!((parsed.count, parsed.reference()), (9, 0x01_0203));
    }

    #[test]
    fn the_reference_time_goes_around() {
        let feedback = |reference: u32| Feedback {
            count: 0,
            first: 0,
            reference,
            symbols: Symbols { rest: &[], left: 0, chunk: 0, in_chunk: 0 },
            deltas: &[],
        };
        assert_eq!(feedback(1).reference_since(0xff_ffff), 128_000);
        assert_eq!(feedback(0xff_ffff).reference_since(1), -128_000);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(read(&[head(4), vec![0b1101_1000, 0b0100_0000, 4, 0xff]].concat()), None, "deltas are missing");
        assert_eq!(read(&[head(4), vec![0x20, 3, 1, 1, 1]].concat()), None, "chunks are missing");
        assert_eq!(read(&[head(1), vec![0x60, 1, 1, 1]].concat()), None, "the reserved symbol");
        assert_eq!(read(&[head(0), vec![0x20, 0]].concat()), None, "nothing is said");
        assert_eq!(read(&[head(u16::MAX), [0x1f, 0xff].repeat(9)].concat()), None, "more than is remembered");
        assert_eq!(read(&head(4)[..15]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), statuses in 0u16..300) {
            if let Some(place) = bytes.get_mut(10..12) {
                place.copy_from_slice(&statuses.to_be_bytes());
            }
            if let Some(read) = read(&bytes) {
                prop_assert_eq!(read.len(), usize::from(statuses));
            }
        }

        #[test]
        fn what_we_write_to_senders_is_read_back(steps in proptest::collection::vec((0u16..30, 0u64..40_000), 1..200), first: u16) {
            let begin = Instant::now();
            let mut arrivals = Arrivals::default();
            let (mut number, mut micros, mut sent) = (first, 0, Vec::new());
            let (mut out, mut told) = (Vec::new(), Vec::new());
            for (n, (skip, wait)) in steps.iter().enumerate() {
                number = number.wrapping_add(1 + skip);
                micros += if n == 0 { 0 } else { *wait };
                arrivals.record(number, begin + Duration::from_micros(micros));
                sent.push((number, micros.cast_signed() / TICK_MICROS * TICK_MICROS));
                let is_due = n % 40 == 39 || n + 1 == steps.len();
                while is_due && arrivals.feedback(1, 2, &mut out) {
                    let feedback = Feedback::parse(&out[4..]).unwrap();
                    let reference = feedback.reference_since(0);
                    told.extend(feedback.statuses().filter_map(|status| Some((status.number, status.arrived? + reference))));
                    out.clear();
                }
            }
            prop_assert_eq!(told, sent);
        }
    }
}
