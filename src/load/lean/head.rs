//! The header of RTP packets (RFC 3550 §5.1) with the one-byte extension that carries the transport-wide number (RFC 8285). Knows no payload.

use super::offer::TRANSPORT_NUMBER;

/// The fixed header of an RTP packet and where its payload begins.
pub struct Head {
    /// Its length, extensions included.
    pub bytes: usize,
    /// Payload type.
    pub kind: u8,
    /// Sequence number.
    pub sequence: u16,
    /// RTP time.
    pub timestamp: u32,
    /// Of its stream.
    pub ssrc: u32,
    /// Of the transport's feedback.
    pub transport_number: Option<u16>,
    /// Sent to measure the line: it carries nothing.
    pub is_padded: bool,
}

impl Head {
    /// `None` when the packet is shorter than it says.
    pub fn read(packet: &[u8]) -> Option<Self> {
        let word = |at: usize| packet.get(at..at + 4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        let mut bytes = 12 + 4 * usize::from(packet.first()? & 0x0f);
        let mut transport_number = None;
        if packet[0] & 0x10 != 0 {
            let head = word(bytes)?;
            let end = bytes + 4 + 4 * (head & 0xffff) as usize;
            let mut rest = packet.get(bytes + 4..end)?;
            while let [id, after @ ..] = rest {
                if *id == 0 {
                    rest = after;
                    continue;
                }
                let length = usize::from(id & 0x0f) + 1;
                if head >> 16 == 0xbede && id >> 4 == TRANSPORT_NUMBER && length == 2 {
                    transport_number = Some(u16::from_be_bytes([*after.first()?, *after.get(1)?]));
                }
                rest = after.get(length..)?;
            }
            bytes = end;
        }
        let first = word(0)?;
        Some(Self {
            bytes,
            kind: (first >> 16) as u8 & 0x7f,
            sequence: first as u16,
            timestamp: word(4)?,
            ssrc: word(8)?,
            transport_number,
            is_padded: packet[0] & 0x20 != 0,
        })
    }
}

/// Bytes of a header that [`write`] writes: twelve octets and one word of extension with its head.
pub const BYTES: usize = 20;

/// Appends a header with its transport-wide number.
pub fn write(into: &mut Vec<u8>, (kind, marker): (u8, bool), sequence: u16, timestamp: u32, ssrc: u32, transport_number: u16) {
    let [high, low] = transport_number.to_be_bytes();
    into.extend_from_slice(&[0x90, kind | u8::from(marker) << 7]);
    into.extend_from_slice(&sequence.to_be_bytes());
    into.extend_from_slice(&timestamp.to_be_bytes());
    into.extend_from_slice(&ssrc.to_be_bytes());
    into.extend_from_slice(&[0xbe, 0xde, 0, 1, TRANSPORT_NUMBER << 4 | 1, high, low, 0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_reads_back_as_written() {
        let mut packet = Vec::new();
        write(&mut packet, (96, true), 7, 8, 9, 0x1234);
        assert_eq!(packet.len(), BYTES);
        let head = Head::read(&packet).unwrap();
        assert_eq!((head.bytes, head.kind, head.sequence, head.timestamp, head.ssrc), (BYTES, 96, 7, 8, 9));
        assert_eq!((head.transport_number, head.is_padded), (Some(0x1234), false));
        assert!((0..BYTES).all(|length| Head::read(&packet[..length]).is_none()));
    }
}
