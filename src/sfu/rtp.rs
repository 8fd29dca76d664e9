//! One RTP packet (RFC 3550 §5.1) with its header extensions (RFC 8285): read in place, written for another leg. Knows no payload.

use crate::limits;
use crate::sfu::negotiated::ExtensionIds;

/// A received packet, borrowed. Padding is already cut off the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtp<'a> {
    /// Last packet of a frame (video) or first of a talk spurt (audio).
    pub marker: bool,
    /// 0 to 127.
    pub payload_type: u8,
    /// Wraps at 2^16.
    pub sequence: u16,
    /// In the codec's clock.
    pub timestamp: u32,
    /// Who sends.
    pub ssrc: u32,
    /// What follows header and extensions, without padding; may be empty.
    pub payload: &'a [u8],
    two_byte: bool,
    extensions: &'a [u8],
}

/// The header extensions that forwarding reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carried<'a> {
    /// Which section the packet belongs to.
    pub mid: Option<&'a [u8]>,
    /// Which encoding of it, itself or repaired (RFC 8852).
    pub rid: Option<&'a [u8]>,
    /// Voice flag and level as they are on the wire (RFC 6464).
    pub audio_level: Option<u8>,
    /// Rotation and camera as they are on the wire (3GPP TS 26.114 §7.4.5).
    pub video_orientation: Option<u8>,
}

impl<'a> Rtp<'a> {
    /// Reads a packet; `None` when its lengths do not fit each other.
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        let (head, rest) = packet.split_first_chunk::<12>()?;
        if head[0] >> 6 != 2 || packet.len() > limits::RTP_BYTES {
            return None;
        }
        let mut rest = rest.get(usize::from(head[0] & 0x0f) * 4..)?;
        let (mut two_byte, mut extensions) = (false, &[][..]);
        if head[0] & 0x10 != 0 {
            let (profile, after) = rest.split_first_chunk::<4>()?;
            let length = usize::from(u16::from_be_bytes([profile[2], profile[3]])) * 4;
            let (inside, after) = after.split_at_checked(length)?;
            rest = after;
            match u16::from_be_bytes([profile[0], profile[1]]) {
                0xbede => extensions = inside,
                form if form & 0xfff0 == 0x1000 => (two_byte, extensions) = (true, inside),
                _ => {}
            }
        }
        if head[0] & 0x20 != 0 {
            let padding = usize::from(*rest.last()?);
            rest = rest.get(..rest.len().checked_sub(padding)?).filter(|_| padding > 0)?;
        }
        Some(Self {
            marker: head[1] & 0x80 != 0,
            payload_type: head[1] & 0x7f,
            sequence: u16::from_be_bytes([head[2], head[3]]),
            timestamp: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
            payload: rest,
            two_byte,
            extensions,
        })
    }

    /// The transport-wide sequence number under this extension id (0 = not negotiated).
    pub fn transport_number(&self, id: u8) -> Option<u16> {
        let value = (id != 0).then(|| self.elements().find(|(found, _)| *found == id))??.1;
        value.first_chunk().map(|octets| u16::from_be_bytes(*octets))
    }

    /// What `ids` name among the extensions.
    pub fn carried(&self, ids: &ExtensionIds) -> Carried<'a> {
        let mut carried = Carried::default();
        for (id, value) in self.elements() {
            if id == ids.mid {
                carried.mid = Some(value);
            } else if id == ids.rid || id == ids.repaired_rid {
                carried.rid = Some(value);
            } else if id == ids.audio_level {
                carried.audio_level = value.first().copied();
            } else if id == ids.video_orientation {
                carried.video_orientation = value.first().copied();
            }
        }
        carried
    }

    fn elements(&self) -> Elements<'a> {
        Elements { two_byte: self.two_byte, rest: self.extensions }
    }
}

/// The elements of the extension block; ends early where a length points beyond it. Ids are never 0.
struct Elements<'a> {
    two_byte: bool,
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (first, after) = self.rest.split_first()?;
            if *first == 0 {
                self.rest = after;
                continue;
            }
            let (id, length, after) = if self.two_byte {
                let (length, after) = after.split_first()?;
                (*first, usize::from(*length), after)
            } else if first >> 4 == 15 {
                return None;
            } else {
                (first >> 4, usize::from(first & 0x0f) + 1, after)
            };
            let (value, rest) = after.split_at_checked(length)?;
            self.rest = rest;
            return Some((id, value));
        }
    }
}

/// Octets of padding in one packet: what its last octet can count.
const PADDING: u8 = 255;

/// A packet to be written: the numbers of the leg that it leaves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outgoing<'a> {
    /// As the source set it.
    pub marker: bool,
    /// The leg's own.
    pub payload_type: u8,
    /// The slot's own.
    pub sequence: u16,
    /// The slot's own.
    pub timestamp: u32,
    /// The slot's own.
    pub ssrc: u32,
    /// `a=mid` of the section, left out when its id is 0.
    pub mid: &'a [u8],
    /// Number of this packet on the whole transport, when it was negotiated.
    pub transport_number: Option<u16>,
    /// Passed on as it came.
    pub audio_level: Option<u8>,
    /// Passed on as it came.
    pub video_orientation: Option<u8>,
    /// The original sequence number that starts an RTX payload (RFC 4588 §4).
    pub original_sequence: Option<u16>,
}

impl Outgoing<'_> {
    /// Appends header, extensions under the leg's `ids` and payload.
    pub fn write(&self, ids: &ExtensionIds, payload: &[u8], out: &mut Vec<u8>) {
        let mut head = Head { octets: [0; HEAD_MAX], length: 0 };
        head.put(&[0x80, (u8::from(self.marker) << 7) | (self.payload_type & 0x7f)]);
        head.put(&self.sequence.to_be_bytes());
        head.put(&self.timestamp.to_be_bytes());
        head.put(&self.ssrc.to_be_bytes());
        self.write_extensions(ids, &mut head);
        if let Some(original) = self.original_sequence {
            head.put(&original.to_be_bytes());
        }
        out.extend_from_slice(&head.octets[..head.length]);
        out.extend_from_slice(payload);
    }

    /// The same with as much padding as a packet can bear (RFC 3550 §5.1), and no payload.
    pub fn write_padding(&self, ids: &ExtensionIds, out: &mut Vec<u8>) {
        let begin = out.len();
        self.write(ids, &[0; PADDING as usize - 1], out);
        out.push(PADDING);
        if let Some(flags) = out.get_mut(begin) {
            *flags |= 0x20;
        }
    }

    fn write_extensions(&self, ids: &ExtensionIds, head: &mut Head) {
        let begin = head.length;
        head.put(&[0xbe, 0xde, 0, 0]);
        head.element(ids.mid, self.mid);
        if let Some(number) = self.transport_number {
            head.element(ids.transport_cc, &number.to_be_bytes());
        }
        if let Some(level) = self.audio_level {
            head.element(ids.audio_level, &[level]);
        }
        if let Some(orientation) = self.video_orientation {
            head.element(ids.video_orientation, &[orientation]);
        }
        let length = head.length - begin - 4;
        if length == 0 {
            head.length = begin;
            return;
        }
        head.length = begin + 4 + length.next_multiple_of(4);
        // At most 17 + 3 + 2 + 2 bytes, so the count of words fits one octet.
        head.octets[0] |= 0x10;
        head.octets[begin + 3] = length.div_ceil(4) as u8;
    }
}

/// Header, extension block with four elements of which only one is longer than two octets, original sequence.
const HEAD_MAX: usize = 12 + 4 + 24 + 2;

/// What stands before the payload, zeros where nothing was put: gathered here, so that the packet's buffer is asked for room twice and not for every field.
struct Head {
    octets: [u8; HEAD_MAX],
    length: usize,
}

impl Head {
    fn put(&mut self, value: &[u8]) {
        let end = self.length + value.len();
        if let Some(place) = self.octets.get_mut(self.length..end) {
            place.copy_from_slice(value);
            self.length = end;
        }
    }

    /// One element in the one-byte form; ids outside it are left out.
    fn element(&mut self, id: u8, value: &[u8]) {
        if (1..=14).contains(&id) && (1..=16).contains(&value.len()) {
            self.put(&[(id << 4) | (value.len() as u8 - 1)]);
            self.put(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IDS: ExtensionIds =
        ExtensionIds { mid: 4, transport_cc: 3, audio_level: 1, rid: 0, repaired_rid: 0, abs_send_time: 0, video_orientation: 13 };

    #[test]
    fn a_packet_of_the_wire_is_read() {
        let packet = [
            0xb2, 0xe0, 0x12, 0x34, 0, 0, 0, 9, 0xaa, 0xbb, 0xcc, 0xdd, // P, X, two CSRCs, marker, type 96
            0, 0, 0, 1, 0, 0, 0, 2, // CSRCs
            0xbe, 0xde, 0, 2, 0x31, 0x00, 0x07, 0, 0x40, b'1', 0, 0, // transport number 7, padding, mid "1"
            0x55, 0x66, 0, 0, 3, // payload of two, padding of three
        ];
        let rtp = Rtp::parse(&packet).unwrap();
        assert_eq!((rtp.marker, rtp.payload_type, rtp.sequence, rtp.timestamp, rtp.ssrc), (true, 96, 0x1234, 9, 0xaabb_ccdd));
        assert_eq!(rtp.payload, [0x55, 0x66]);
        assert_eq!(rtp.transport_number(3), Some(7));
        assert_eq!(rtp.transport_number(0), None);
        assert_eq!(rtp.carried(&IDS).mid, Some(&b"1"[..]));
    }

    #[test]
    fn the_two_byte_form_is_read() {
        let packet = [0x90, 96, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0x10, 0x00, 0, 2, 4, 1, b'7', 0, 3, 2, 1, 0, 0xff];
        let rtp = Rtp::parse(&packet).unwrap();
        assert_eq!(rtp.carried(&IDS).mid, Some(&b"7"[..]));
        assert_eq!(rtp.transport_number(3), Some(256));
        assert_eq!(rtp.payload, [0xff]);
    }

    #[test]
    fn a_packet_is_written_octet_by_octet() {
        let outgoing = Outgoing {
            marker: true,
            payload_type: 120,
            sequence: 0x0102,
            timestamp: 0x03040506,
            ssrc: 0x0708090a,
            mid: b"10",
            transport_number: Some(0x1122),
            audio_level: Some(0x85),
            original_sequence: Some(0x3344),
            ..Outgoing::default()
        };
        let mut out = Vec::new();
        outgoing.write(&IDS, &[0xee], &mut out);
        let expected =
            [0x90, 0xf8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xbe, 0xde, 0, 2, 0x41, b'1', b'0', 0x31, 0x11, 0x22, 0x10, 0x85, 0x33, 0x44, 0xee];
        assert_eq!(out, expected);
    }

    #[test]
    fn padding_is_read_as_nothing() {
        let mut out = Vec::new();
        Outgoing { payload_type: 97, mid: b"1", transport_number: Some(7), ..Outgoing::default() }.write_padding(&IDS, &mut out);
        let rtp = Rtp::parse(&out).unwrap();
        assert_eq!((out.len(), rtp.payload.len(), rtp.transport_number(3), out[0]), (12 + 4 + 8 + 255, 0, Some(7), 0xb0));
    }

    #[test]
    fn without_extensions_there_is_no_extension_block() {
        let mut out = Vec::new();
        Outgoing { mid: b"1", ..Outgoing::default() }.write(&ExtensionIds::default(), &[1], &mut out);
        assert_eq!(out, [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let mut packet = [0x80, 96, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 5];
        assert!(Rtp::parse(&packet).is_some());
        assert!(Rtp::parse(&packet[..11]).is_none());
        packet[0] = 0x81; // a CSRC that is not there
        assert!(Rtp::parse(&packet).is_none());
        packet[0] = 0xa0; // five octets of padding in a payload of one
        assert!(Rtp::parse(&packet).is_none());
        packet[12] = 0; // padding of none
        assert!(Rtp::parse(&packet).is_none());
        packet[0] = 0x40;
        assert!(Rtp::parse(&packet).is_none());
        assert!(Rtp::parse(&vec![0x80; limits::RTP_BYTES + 1]).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..80), first in 0x80u8..0xc0) {
            if let Some(head) = bytes.first_mut() {
                *head = first;
            }
            if let Some(rtp) = Rtp::parse(&bytes) {
                let _ = (rtp.carried(&IDS), rtp.transport_number(3));
                prop_assert!(rtp.payload.len() <= bytes.len() - 12);
            }
        }

        #[test]
        fn what_is_written_is_read_back(marker: bool, sequence: u16, timestamp: u32, number: u16, level: u8, mid in "[a-z0-9]{1,16}") {
            let outgoing = Outgoing {
                marker, payload_type: 96, sequence, timestamp, ssrc: 7, mid: mid.as_bytes(),
                transport_number: Some(number), audio_level: Some(level), video_orientation: Some(1), original_sequence: None,
            };
            let mut out = Vec::new();
            outgoing.write(&IDS, &[1, 2, 3], &mut out);
            let rtp = Rtp::parse(&out).unwrap();
            prop_assert_eq!((rtp.marker, rtp.sequence, rtp.timestamp, rtp.payload), (marker, sequence, timestamp, &[1u8, 2, 3][..]));
            prop_assert_eq!(rtp.transport_number(3), Some(number));
            let carried = rtp.carried(&IDS);
            prop_assert_eq!((carried.mid, carried.audio_level, carried.video_orientation), (Some(mid.as_bytes()), Some(level), Some(1)));
        }
    }
}
