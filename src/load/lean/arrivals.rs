//! When packets with which transport-wide number came, until the next feedback says so. Bounded: what does not fit is told as lost.

use super::rtcp;
use super::srtp::nearest;

/// Numbers of one feedback; what lies beyond goes with the next.
const NUMBERS: u64 = 1_000;

/// See the file's sentence.
#[derive(Debug, Default)]
pub struct Arrivals {
    highest: Option<u64>,
    /// The first number of the next feedback.
    next: u64,
    times: Vec<(u64, u64)>,
    count: u8,
}

impl Arrivals {
    /// One packet came.
    pub fn note(&mut self, number: u16, at_us: u64) {
        let index = match self.highest {
            Some(highest) => nearest(highest, number),
            None => {
                self.next = u64::from(number);
                u64::from(number)
            }
        };
        self.highest = self.highest.max(Some(index));
        if index >= self.next && self.times.len() < NUMBERS as usize {
            self.times.push((index, at_us));
        }
    }

    /// What came since the last one, as feedback from `own` about `media`; `None` when nothing did.
    pub fn feedback(&mut self, own: u32, media: u32) -> Option<Vec<u8>> {
        let last = self.times.iter().map(|(index, _)| *index).max()?;
        let first = self.next.max(last.saturating_sub(NUMBERS - 1));
        let mut arrivals = vec![None; (last - first + 1) as usize];
        for (index, at) in self.times.drain(..).filter(|(index, _)| *index >= first) {
            arrivals[(index - first) as usize] = Some(at);
        }
        self.next = last + 1;
        self.count = self.count.wrapping_add(1);
        Some(rtcp::transport_feedback(own, media, self.count.wrapping_sub(1), first as u16, &arrivals))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_came_is_told_even_between_two_feedbacks() {
        let mut arrivals = Arrivals::default();
        assert_eq!(arrivals.feedback(1, 2), None);
        arrivals.note(65_534, 1_000);
        let feedback = arrivals.feedback(1, 2).unwrap();
        assert_eq!(feedback[12..16], [0xff, 0xfe, 0, 1]);
        arrivals.note(1, 3_000);
        arrivals.note(0, 2_000);
        let feedback = arrivals.feedback(1, 2).unwrap();
        // 65,535 was lost.
        assert_eq!(feedback[12..16], [0xff, 0xff, 0, 3]);
        assert_eq!(feedback[20..22], (0xc000_u16 | 1 << 10 | 1 << 8).to_be_bytes());
    }
}
