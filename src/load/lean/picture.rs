//! A picture on its way: VP8 packets (RFC 7741) that can be written again, in groups as browsers pace them. Encodes nothing: what matters of a payload is its
//! descriptor, the frame tag and the stamp.

use std::time::Duration;

use super::stamp::{self, Stamp};

/// Groups of packets of a picture follow each other so.
pub const GROUP: Duration = Duration::from_millis(5);
/// Packets of a group, where that brings the picture out in its time.
const GROUP_PACKETS: usize = 2;

/// One packet, as long as it may be asked for again.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Of its first sending.
    pub sequence: u16,
    /// Of its picture.
    pub timestamp: u32,
    /// 15 bits.
    pub picture: u16,
    /// Of its picture.
    pub is_first: bool,
    /// Its picture is a key frame.
    pub is_key: bool,
    /// Of its picture.
    pub is_last: bool,
    /// Payload bytes.
    pub bytes: usize,
    /// At their end.
    pub stamp: Stamp,
}

impl Kept {
    /// Appends the payload: the same at each time.
    pub fn write(&self, into: &mut Vec<u8>) {
        let start = into.len();
        // X; S on the first packet; I; a picture id of 15 bits (RFC 7741 §4.2).
        into.extend_from_slice(&[if self.is_first { 0x90 } else { 0x80 }, 0x80]);
        into.extend_from_slice(&(self.picture | 0x8000).to_be_bytes());
        if self.is_first {
            // RFC 6386 §9.1: three bytes, and for a key frame the start code and 640 × 480.
            let tag: u32 = u32::from(!self.is_key) | 1 << 4 | 100 << 5;
            into.extend_from_slice(&tag.to_le_bytes()[..3]);
            if self.is_key {
                into.extend_from_slice(&[0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01]);
            }
        }
        let filled = (start + self.bytes).saturating_sub(stamp::BYTES).max(into.len());
        into.resize(filled, 0x33);
        self.stamp.write(into);
    }
}

/// What is left of a picture.
#[derive(Debug)]
pub struct Rest {
    /// Its kind.
    pub key: bool,
    /// The next packet, of how many.
    pub at: usize,
    /// See above.
    pub packets: usize,
    /// Payload bytes of each but the last.
    pub each: usize,
    /// Of the last.
    pub last: usize,
    /// Packets of the next group.
    pub group: usize,
}

impl Rest {
    /// All of it; out a group's time before the next picture.
    pub fn begin(key: bool, (packets, each, last): (usize, usize, usize), period: Duration) -> Self {
        let groups = (period.as_micros() / GROUP.as_micros()).saturating_sub(1).max(1) as usize;
        Self { key, at: 0, packets, each, last, group: packets.div_ceil(groups).max(GROUP_PACKETS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::synthetic::begins_vp8_key_frame;

    #[test]
    fn payload_is_as_long_as_said_and_tells_a_key_frame() {
        let stamp = Stamp { from: 1, number: 2, window: 3, left_us: 4 };
        let kept = Kept { sequence: 5, timestamp: 6, picture: 7, is_first: true, is_key: true, is_last: false, bytes: 900, stamp };
        let mut payload = vec![0xff];
        kept.write(&mut payload);
        assert_eq!((payload.len(), Stamp::read(&payload)), (901, Some(stamp)));
        assert!(begins_vp8_key_frame(&payload[1..]));
        let mut payload = Vec::new();
        Kept { is_key: false, ..kept }.write(&mut payload);
        assert!(!begins_vp8_key_frame(&payload));
    }

    #[test]
    fn a_large_picture_goes_in_larger_groups() {
        let period = Duration::from_millis(40);
        assert_eq!(Rest::begin(false, (5, 1_000, 900), period).group, 2);
        let rest = Rest::begin(true, (28, 1_000, 900), period);
        assert_eq!(rest.group * 7, 28);
    }
}
