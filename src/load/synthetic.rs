//! Synthetic media: VP8 and Opus RTP payloads whose bytes can be checked at the far end. Knows headers and a counter; nothing is encoded.

/// What a payload says about itself: who made it and which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stamp {
    /// Chosen by the sender, unique in one test.
    pub stream: u32,
    /// Counts payloads of this stream from 0.
    pub number: u32,
}

/// One RTP payload with the header fields that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntheticPacket {
    /// Payload descriptor and body.
    pub payload: Vec<u8>,
    /// RTP marker: last packet of a frame (video), start of a talk spurt (audio).
    pub marker: bool,
    /// Media time in units of the codec's clock (90 kHz or 48 kHz).
    pub timestamp: u32,
}

const MAGIC: [u8; 4] = *b"VISV";
const STAMP_BYTES: usize = 14;

/// A VP8 picture source (RFC 7741): 15-bit picture ids, real frame tags, key frames with a start code.
#[derive(Debug, Clone)]
pub struct Vp8Source {
    stream: u32,
    number: u32,
    picture: u16,
    timestamp: u32,
    step: u32,
    packets_per_frame: usize,
    packet_bytes: usize,
}

impl Vp8Source {
    /// `fps` frames a second of `packets_per_frame` packets of about `packet_bytes` bytes each (at least 40).
    pub fn new(stream: u32, fps: u32, packets_per_frame: usize, packet_bytes: usize) -> Self {
        let first = mix(u64::from(stream));
        Self {
            stream,
            number: 0,
            picture: (first as u16) & 0x7fff,
            timestamp: (first >> 16) as u32,
            step: 90_000 / fps.max(1),
            packets_per_frame: packets_per_frame.max(1),
            packet_bytes: packet_bytes.max(40),
        }
    }

    /// The packets of the next frame.
    pub fn frame(&mut self, key: bool) -> Vec<SyntheticPacket> {
        let packets = (0..self.packets_per_frame).map(|index| {
            let mut payload = Vec::with_capacity(self.packet_bytes);
            // X set; S on the first packet; partition 0. Then I, then the 15-bit picture id.
            payload.push(if index == 0 { 0x90 } else { 0x80 });
            payload.push(0x80);
            payload.extend_from_slice(&(self.picture | 0x8000).to_be_bytes());
            if index == 0 {
                frame_tag(&mut payload, key);
            }
            let number = self.number.wrapping_add(index as u32);
            stamp(&mut payload, Stamp { stream: self.stream, number }, self.packet_bytes);
            SyntheticPacket { payload, marker: index + 1 == self.packets_per_frame, timestamp: self.timestamp }
        });
        let packets = packets.collect();
        self.number = self.number.wrapping_add(self.packets_per_frame as u32);
        self.picture = (self.picture + 1) & 0x7fff;
        self.timestamp = self.timestamp.wrapping_add(self.step);
        packets
    }
}

/// RFC 6386 §9.1: three bytes, and for a key frame the start code and 640 × 480.
fn frame_tag(payload: &mut Vec<u8>, key: bool) {
    let tag: u32 = u32::from(!key) | 1 << 4 | 100 << 5;
    payload.extend_from_slice(&tag.to_le_bytes()[..3]);
    if key {
        payload.extend_from_slice(&[0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01]);
    }
}

/// An Opus source (RFC 7587): one 20 ms packet at a time.
#[derive(Debug, Clone)]
pub struct OpusSource {
    stream: u32,
    number: u32,
    timestamp: u32,
    packet_bytes: usize,
}

impl OpusSource {
    /// Packets of `packet_bytes` bytes (at least 40).
    pub fn new(stream: u32, packet_bytes: usize) -> Self {
        Self { stream, number: 0, timestamp: mix(u64::from(stream) ^ 0x0b05) as u32, packet_bytes: packet_bytes.max(40) }
    }

    /// The next 20 ms.
    pub fn packet(&mut self) -> SyntheticPacket {
        // TOC: CELT full band, 20 ms, stereo, one frame.
        let mut payload = vec![0xfc];
        stamp(&mut payload, Stamp { stream: self.stream, number: self.number }, self.packet_bytes);
        let packet = SyntheticPacket { payload, marker: self.number == 0, timestamp: self.timestamp };
        self.number = self.number.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(960);
        packet
    }
}

/// What a received payload turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Every byte is as it left.
    Whole(Stamp),
    /// It carries a stamp, but bytes after it differ.
    Damaged(Stamp),
    /// Not from here.
    Foreign,
}

/// Reads a payload back, byte by byte.
pub fn read(payload: &[u8]) -> Reading {
    let Some(at) = payload.windows(MAGIC.len()).take(24).position(|window| window == MAGIC) else { return Reading::Foreign };
    let body = &payload[at..];
    let Some(header) = body.get(..STAMP_BYTES) else { return Reading::Foreign };
    let word = |from: usize| u32::from_be_bytes([header[from], header[from + 1], header[from + 2], header[from + 3]]);
    let stamp = Stamp { stream: word(4), number: word(8) };
    let length = usize::from(u16::from_be_bytes([header[12], header[13]]));
    let whole = body.len() == length && body[STAMP_BYTES..].iter().copied().eq(filling(stamp).take(length - STAMP_BYTES.min(length)));
    if whole { Reading::Whole(stamp) } else { Reading::Damaged(stamp) }
}

/// Whether a VP8 payload begins a key frame.
pub fn begins_vp8_key_frame(payload: &[u8]) -> bool {
    payload.len() > 7
        && payload[0] & 0x10 != 0
        && payload[0] & 0x80 != 0
        && payload[4] & 1 == 0
        && payload[7..].starts_with(&[0x9d, 0x01, 0x2a])
}

fn stamp(payload: &mut Vec<u8>, stamp: Stamp, total: usize) {
    let length = total.saturating_sub(payload.len()).max(STAMP_BYTES);
    payload.extend_from_slice(&MAGIC);
    payload.extend_from_slice(&stamp.stream.to_be_bytes());
    payload.extend_from_slice(&stamp.number.to_be_bytes());
    payload.extend_from_slice(&(length as u16).to_be_bytes());
    payload.extend(filling(stamp).take(length - STAMP_BYTES));
}

fn filling(stamp: Stamp) -> impl Iterator<Item = u8> {
    let seed = u64::from(stamp.stream) << 32 | u64::from(stamp.number);
    (0_u64..).flat_map(move |block| mix(seed.wrapping_add(block.wrapping_mul(0x9e37_79b9))).to_le_bytes())
}

/// SplitMix64's finaliser: cheap, and every bit depends on every other.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_reads_back_as_itself() {
        let mut video = Vp8Source::new(7, 30, 5, 1000);
        for (index, packet) in video.frame(true).into_iter().chain(video.frame(false)).enumerate() {
            assert_eq!(read(&packet.payload), Reading::Whole(Stamp { stream: 7, number: index as u32 }));
            assert_eq!(packet.payload.len(), 1000);
            assert_eq!(begins_vp8_key_frame(&packet.payload), index == 0);
            assert_eq!(packet.marker, index % 5 == 4);
        }
        let mut audio = OpusSource::new(9, 80);
        audio.packet();
        assert_eq!(read(&audio.packet().payload), Reading::Whole(Stamp { stream: 9, number: 1 }));
    }

    #[test]
    fn a_changed_byte_is_seen() {
        let mut payload = OpusSource::new(9, 80).packet().payload;
        payload[50] ^= 1;
        assert_eq!(read(&payload), Reading::Damaged(Stamp { stream: 9, number: 0 }));
        payload.truncate(60);
        assert!(matches!(read(&payload), Reading::Damaged(_)));
        assert_eq!(read(&[0; 100]), Reading::Foreign);
        assert_eq!(read(b"VISV"), Reading::Foreign);
    }
}
