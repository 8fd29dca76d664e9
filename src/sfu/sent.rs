//! What was sent to one receiver under which transport-wide number: a ring of fixed size. Knows numbers, sizes and times, no packet.

use crate::limits::SENT_PACKETS;

const VACANT: u16 = 0;
const OPEN: u16 = 1;
const LOST: u16 = 2;
const ARRIVED: u16 = 3;

/// Eight octets, so that a packet costs the forwarding path an eighth of a cache line.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// Microseconds, wrapping after 71 minutes; nothing is asked for that long.
    micros: u32,
    number: u16,
    /// Octets in the upper fourteen bits, what is known of it below.
    octets_and_fate: u16,
}

/// The ring; takes its memory with the first packet.
#[derive(Debug, Clone, Default)]
pub struct SentPackets {
    entries: Vec<Entry>,
}

/// A packet of which the receiver has said something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// When it was sent, in the microseconds of whoever asks.
    pub micros: i64,
    /// On the line.
    pub octets: u16,
    /// It was said to be lost before.
    pub was_lost: bool,
}

impl SentPackets {
    /// A packet left; the oldest one makes room.
    pub fn sent(&mut self, number: u16, octets: usize, micros: i64) {
        if self.entries.is_empty() {
            self.entries = vec![Entry::default(); SENT_PACKETS];
        }
        if let Some(entry) = self.entries.get_mut(usize::from(number) % SENT_PACKETS) {
            *entry = Entry { micros: micros as u32, number, octets_and_fate: (octets.min(0x3fff) as u16) << 2 | OPEN };
        }
    }

    /// Octets sent after `told` up to `newest`.
    pub fn after(&self, told: u16, newest: u16) -> u64 {
        let count = usize::from(newest.wrapping_sub(told)).min(SENT_PACKETS);
        let entry = |back: usize| self.entries.get(usize::from(newest.wrapping_sub(back as u16)) % SENT_PACKETS);
        (0..count).filter_map(entry).map(|entry| u64::from(entry.octets_and_fate >> 2)).sum()
    }

    /// The receiver's word on a number; `None` when it is not news, or of no packet that is remembered.
    pub fn told(&mut self, number: u16, arrived: bool, now_micros: i64) -> Option<Told> {
        let entry = self.entries.get_mut(usize::from(number) % SENT_PACKETS)?;
        let fate = entry.octets_and_fate & 3;
        let is_news = matches!((fate, arrived), (OPEN, _) | (LOST, true));
        if entry.number != number || fate == VACANT || !is_news {
            return None;
        }
        entry.octets_and_fate = (entry.octets_and_fate & !3) | if arrived { ARRIVED } else { LOST };
        let age = (now_micros as u32).wrapping_sub(entry.micros);
        Some(Told { micros: now_micros - i64::from(age), octets: entry.octets_and_fate >> 2, was_lost: fate == LOST })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_on_a_packet_counts_once_and_a_late_arrival_mends_a_loss() {
        let mut sent = SentPackets::default();
        assert_eq!(sent.told(7, true, 0), None, "nothing was sent");
        sent.sent(7, 1_200, 5_000_000_000);
        sent.sent(8, 100, 5_000_001_000);
        assert_eq!((sent.after(7, 8), sent.after(6, 8), sent.after(8, 8)), (100, 1_300, 0));
        assert_eq!(sent.told(7, true, 5_000_050_000), Some(Told { micros: 5_000_000_000, octets: 1_200, was_lost: false }));
        assert_eq!(sent.told(7, true, 5_000_050_000), None);
        assert_eq!(sent.told(7, false, 5_000_050_000), None, "it cannot be lost any more");
        assert_eq!(sent.told(8, false, 5_000_050_000), Some(Told { micros: 5_000_001_000, octets: 100, was_lost: false }));
        assert_eq!(sent.told(8, false, 5_000_050_000), None);
        assert_eq!(sent.told(8, true, 5_000_060_000), Some(Told { micros: 5_000_001_000, octets: 100, was_lost: true }));
    }

    #[test]
    fn the_oldest_make_room_and_numbers_are_told_apart() {
        let mut sent = SentPackets::default();
        for number in 0..SENT_PACKETS as u16 + 1 {
            sent.sent(number, 10, i64::from(number));
        }
        assert_eq!(sent.told(0, true, 10_000), None);
        assert_eq!(sent.told(1, true, 10_000).map(|told| told.micros), Some(1));
        assert_eq!(sent.told(SENT_PACKETS as u16, true, 10_000).map(|told| told.micros), Some(SENT_PACKETS as i64));
    }
}
