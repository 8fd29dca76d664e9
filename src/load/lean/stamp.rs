//! What each payload says at its end about itself: whose it is, its number, when it left and whether it counts. Both ends are this process, so one clock serves.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes at the end of a payload.
pub const BYTES: usize = 16;
/// Time has this many bits, in microseconds: more than a month, which wraps.
const TIME_BITS: u32 = 56;
const TIME: u64 = (1 << TIME_BITS) - 1;

/// See the file's sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The sender's transport.
    pub from: u32,
    /// Counts the packets of its stream.
    pub number: u32,
    /// The window of the test that it belongs to; 0: none.
    pub window: u8,
    /// When it left, in microseconds since 1970, the lower 56 bits.
    pub left_us: u64,
}

impl Stamp {
    /// Appends it.
    pub fn write(self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.from.to_be_bytes());
        into.extend_from_slice(&self.number.to_be_bytes());
        into.extend_from_slice(&(u64::from(self.window) << TIME_BITS | self.left_us & TIME).to_be_bytes());
    }

    /// Reads the end of a payload.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let bytes = payload.last_chunk::<BYTES>()?;
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let last = u64::from(word(8)) << 32 | u64::from(word(12));
        Some(Self { from: word(0), number: word(4), window: (last >> TIME_BITS) as u8, left_us: last & TIME })
    }

    /// How long it was on its way when it arrives at `now_us`.
    pub fn age(self, now_us: u64) -> Duration {
        Duration::from_micros((now_us & TIME).saturating_sub(self.left_us))
    }
}

/// Microseconds since 1970: what the system stamps arriving packets with.
pub fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamp_reads_back_from_the_end_of_a_payload() {
        let stamp = Stamp { from: 7, number: 1 << 31, window: 200, left_us: 1_800_000_000_000_000 };
        let mut payload = vec![1, 2, 3];
        stamp.write(&mut payload);
        assert_eq!(Stamp::read(&payload), Some(stamp));
        assert_eq!(stamp.age(1_800_000_000_000_250), Duration::from_micros(250));
        assert_eq!(stamp.age(1_799_999_999_999_999), Duration::ZERO);
        assert_eq!(Stamp::read(&payload[..12]), None);
    }
}
