//! RTCP packets (RFC 3550 §6, RFC 4585, RFC 5104) that forwarding reads and writes. Reads in place, believes no length; decides nothing.

use crate::limits;
use crate::sfu::feedback::Feedback;

/// What one RTCP packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// SR, type 200: where the source's clocks stand.
    SenderReport {
        /// Who sends.
        ssrc: u32,
        /// The sender's wall clock in 32.32 seconds.
        ntp: u64,
        /// The same moment in the codec's clock.
        rtp: u32,
        /// What the sender receives.
        blocks: Blocks<'a>,
    },
    /// RR, type 201.
    ReceiverReport(Blocks<'a>),
    /// Generic NACK, RFC 4585 §6.2.1.
    Nack {
        /// Whose packets are missing.
        ssrc: u32,
        /// Which.
        missing: Lost<'a>,
    },
    /// PLI, RFC 4585 §6.3.1, or one entry of a FIR, RFC 5104 §4.3.1: a key frame is wanted of this SSRC.
    KeyFrameRequest(u32),
    /// REMB (draft-alvestrand-rmcat-remb §2.2), bits a second.
    Estimate(u64),
    /// Transport-wide feedback on our own numbers.
    TransportFeedback(Feedback<'a>),
    /// Anything else that is well-formed.
    Other,
}

/// One report block (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Block {
    /// Whose packets.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256.
    pub fraction: u8,
    /// Lost since the beginning.
    pub cumulative: u32,
    /// Extended highest sequence.
    pub highest: u32,
    /// In the codec's ticks.
    pub jitter: u32,
    /// Middle of the last SR's NTP time, 0 = none.
    pub last_report: u32,
    /// Since then, in 1/65,536 s.
    pub delay: u32,
}

/// Reads the messages of a compound packet, at most `limits::RTCP_PACKETS`; stops at the first that is malformed.
pub fn messages(compound: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = compound;
    std::iter::from_fn(move || {
        let (message, after) = split(rest)?;
        rest = after;
        Some(message)
    })
    .take(limits::RTCP_PACKETS)
}

fn split(bytes: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let (head, after) = bytes.split_first_chunk::<4>()?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
    let (body, after) = after.split_at_checked(length)?;
    if head[0] >> 6 != 2 {
        return None;
    }
    Some((read(head[0] & 0x1f, head[1], body).unwrap_or(Message::Other), after))
}

fn read(count: u8, kind: u8, body: &[u8]) -> Option<Message<'_>> {
    match (kind, count) {
        (200, count) => {
            let ntp = u64::from_be_bytes(*body.get(4..)?.first_chunk()?);
            let rest = body.get(24..)?;
            Some(Message::SenderReport { ssrc: word(body, 0)?, ntp, rtp: word(body, 12)?, blocks: Blocks { left: count, rest } })
        }
        (201, count) => Some(Message::ReceiverReport(Blocks { left: count, rest: body.get(4..)? })),
        (205, 1) => Some(Message::Nack { ssrc: word(body, 4)?, missing: Lost { rest: body.get(8..)?, first: 0, mask: 0 } }),
        (205, 15) => Some(Message::TransportFeedback(Feedback::parse(body)?)),
        (206, 1) => Some(Message::KeyFrameRequest(word(body, 4)?)),
        // A FIR names its target in the entry; browsers send one entry.
        (206, 4) => Some(Message::KeyFrameRequest(word(body, 8)?)),
        (206, 15) if body.get(8..12)? == b"REMB" => {
            let [_, head, middle, low] = *body.get(12..)?.first_chunk()?;
            let mantissa = u64::from(u32::from_be_bytes([0, head & 0x03, middle, low]));
            // The exponent has six bits; what does not fit is more than any line carries.
            Some(Message::Estimate(
                mantissa.checked_shl(u32::from(head >> 2)).filter(|bits| bits >> (head >> 2) == mantissa).unwrap_or(u64::MAX),
            ))
        }
        _ => None,
    }
}

fn word(body: &[u8], at: usize) -> Option<u32> {
    body.get(at..)?.first_chunk().map(|octets| u32::from_be_bytes(*octets))
}

/// The report blocks of one SR or RR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks<'a> {
    left: u8,
    rest: &'a [u8],
}

impl Iterator for Blocks<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        self.left = self.left.checked_sub(1)?;
        let (block, rest) = self.rest.split_first_chunk::<24>()?;
        self.rest = rest;
        let loss = word(block, 4)?;
        Some(Block {
            ssrc: word(block, 0)?,
            fraction: (loss >> 24) as u8,
            cumulative: loss & 0xff_ffff,
            highest: word(block, 8)?,
            jitter: word(block, 12)?,
            last_report: word(block, 16)?,
            delay: word(block, 20)?,
        })
    }
}

/// The sequence numbers of a NACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost<'a> {
    rest: &'a [u8],
    first: u16,
    /// Bit n: `first + n` is missing too; bit 0 is `first` itself.
    mask: u32,
}

impl Iterator for Lost<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.mask == 0 {
            let (entry, rest) = self.rest.split_first_chunk::<4>()?;
            self.rest = rest;
            self.first = u16::from_be_bytes([entry[0], entry[1]]);
            self.mask = u32::from(u16::from_be_bytes([entry[2], entry[3]])) << 1 | 1;
        }
        let place = self.mask.trailing_zeros();
        self.mask &= self.mask - 1;
        Some(self.first.wrapping_add(place as u16))
    }
}

/// Begins an RTCP packet; `close` it with what is returned.
pub fn open(out: &mut Vec<u8>, count: u8, kind: u8, sender_ssrc: u32) -> usize {
    let begin = out.len();
    out.extend_from_slice(&[0x80 | (count & 0x1f), kind, 0, 0]);
    out.extend_from_slice(&sender_ssrc.to_be_bytes());
    begin
}

/// Pads to a whole word (RFC 3550 §6.4.1) and writes the length.
pub fn close(out: &mut Vec<u8>, begin: usize) {
    let over = (out.len() - begin) % 4;
    if over != 0 {
        let padding = 4 - over;
        out.resize(out.len() + padding - 1, 0);
        out.push(padding as u8);
        out[begin] |= 0x20;
    }
    let words = ((out.len() - begin) / 4 - 1) as u16;
    out[begin + 2..begin + 4].copy_from_slice(&words.to_be_bytes());
}

/// SR of one of our SSRCs, without blocks.
pub fn write_sender_report(out: &mut Vec<u8>, ssrc: u32, ntp: u64, rtp: u32, packets: u32, octets: u32) {
    let begin = open(out, 0, 200, ssrc);
    out.extend_from_slice(&ntp.to_be_bytes());
    for value in [rtp, packets, octets] {
        out.extend_from_slice(&value.to_be_bytes());
    }
    close(out, begin);
}

/// RR with up to 31 blocks.
pub fn write_receiver_report(out: &mut Vec<u8>, sender_ssrc: u32, blocks: &[Block]) {
    let blocks = blocks.get(..31).unwrap_or(blocks);
    let begin = open(out, blocks.len() as u8, 201, sender_ssrc);
    for block in blocks {
        let loss = u32::from(block.fraction) << 24 | (block.cumulative & 0xff_ffff);
        for value in [block.ssrc, loss, block.highest, block.jitter, block.last_report, block.delay] {
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
    close(out, begin);
}

/// SDES with one chunk: the CNAME of an SSRC (RFC 3550 §6.5). The name has at most 255 octets.
pub fn write_cname(out: &mut Vec<u8>, ssrc: u32, name: &[u8]) {
    let begin = open(out, 1, 202, ssrc);
    let name = name.get(..255).unwrap_or(name);
    out.extend_from_slice(&[1, name.len() as u8]);
    out.extend_from_slice(name);
    // The chunk ends with a zero octet and is filled to a whole word: part of the chunk, no padding of the packet.
    let length = out.len() - begin + 1;
    out.resize(begin + length.next_multiple_of(4), 0);
    close(out, begin);
}

/// Generic NACK for sequence numbers in order.
pub fn write_nack(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32, missing: &[u16]) {
    let begin = open(out, 1, 205, sender_ssrc);
    out.extend_from_slice(&media_ssrc.to_be_bytes());
    let mut rest = missing;
    while let Some((first, after)) = rest.split_first() {
        let mut mask: u16 = 0;
        let near = after.iter().take_while(|next| (1..=16).contains(&next.wrapping_sub(*first))).count();
        for next in &after[..near] {
            mask |= 1 << (next.wrapping_sub(*first) - 1);
        }
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&mask.to_be_bytes());
        rest = &after[near..];
    }
    close(out, begin);
}

/// PLI.
pub fn write_pli(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32) {
    let begin = open(out, 1, 206, sender_ssrc);
    out.extend_from_slice(&media_ssrc.to_be_bytes());
    close(out, begin);
}

/// FIR; `number` grows with every new request (RFC 5104 §4.3.1.1).
pub fn write_fir(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32, number: u8) {
    let begin = open(out, 4, 206, sender_ssrc);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&media_ssrc.to_be_bytes());
    out.extend_from_slice(&[number, 0, 0, 0]);
    close(out, begin);
}

/// REMB over these SSRCs: at most `bits_per_s` together.
pub fn write_estimate(out: &mut Vec<u8>, sender_ssrc: u32, bits_per_s: u64, ssrcs: &[u32]) {
    let begin = open(out, 15, 206, sender_ssrc);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(b"REMB");
    let exponent = (64 - bits_per_s.leading_zeros()).saturating_sub(18);
    let mantissa = (bits_per_s >> exponent) as u32;
    let ssrcs = ssrcs.get(..255).unwrap_or(ssrcs);
    out.extend_from_slice(&((ssrcs.len() as u32) << 24 | exponent << 18 | mantissa).to_be_bytes());
    for ssrc in ssrcs {
        out.extend_from_slice(&ssrc.to_be_bytes());
    }
    close(out, begin);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(packet: &[u8]) -> Message<'_> {
        let all: Vec<_> = messages(packet).collect();
        assert_eq!(all.len(), 1);
        all[0]
    }

    #[test]
    fn a_nack_is_written_octet_by_octet_and_read_back() {
        let mut out = Vec::new();
        write_nack(&mut out, 1, 2, &[65_535, 0, 15, 17, 40]);
        assert_eq!(out, [0x81, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xff, 0x80, 0x01, 0, 17, 0, 0, 0, 40, 0, 0]);
        let Message::Nack { ssrc: 2, missing } = one(&out) else { panic!("no NACK") };
        assert_eq!(missing.collect::<Vec<_>>(), [65_535, 0, 15, 17, 40]);
    }

    #[test]
    fn key_frame_requests_are_read_in_both_forms() {
        let mut out = Vec::new();
        write_pli(&mut out, 1, 2);
        assert_eq!(out, [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);
        write_fir(&mut out, 1, 3, 9);
        assert_eq!(messages(&out).collect::<Vec<_>>(), [Message::KeyFrameRequest(2), Message::KeyFrameRequest(3)]);
    }

    #[test]
    fn reports_are_read_back() {
        let mut out = Vec::new();
        let block = Block { ssrc: 7, fraction: 12, cumulative: 345, highest: 0x1_0005, jitter: 6, last_report: 0xaabb_ccdd, delay: 65_536 };
        write_sender_report(&mut out, 5, 0x0102_0304_0506_0708, 90_000, 10, 1000);
        write_receiver_report(&mut out, 5, &[block]);
        write_cname(&mut out, 5, b"slot0");
        let all: Vec<_> = messages(&out).collect();
        assert!(matches!(all[0], Message::SenderReport { ssrc: 5, ntp: 0x0102_0304_0506_0708, rtp: 90_000, .. }));
        let Message::ReceiverReport(mut blocks) = all[1] else { panic!("no RR") };
        assert_eq!((blocks.next(), blocks.next()), (Some(block), None));
        assert_eq!(out[out.len() - 16..], [0x81, 202, 0, 3, 0, 0, 0, 5, 1, 5, b's', b'l', b'o', b't', b'0', 0]);
    }

    #[test]
    fn an_estimate_keeps_its_eighteen_bits() {
        for bits in [0, 1, 300_000, 3_000_000, 1 << 40] {
            let mut out = Vec::new();
            write_estimate(&mut out, 1, bits, &[2, 3]);
            let Message::Estimate(read) = one(&out) else { panic!("no REMB") };
            assert!(read <= bits && bits - read <= bits >> 17, "{bits} became {read}");
        }
        let huge = [0x8f, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 0, 0xff, 0xff, 0xff];
        assert_eq!(one(&huge), Message::Estimate(u64::MAX));
    }

    #[test]
    fn a_length_beyond_the_end_stops_the_reading() {
        let mut out = Vec::new();
        write_pli(&mut out, 1, 2);
        out.extend_from_slice(&[0x81, 206, 0, 200, 0, 0, 0, 1]);
        assert_eq!(messages(&out).count(), 1);
        assert_eq!(one(&[0x9f, 201, 0, 1, 0, 0, 0, 1]), Message::ReceiverReport(Blocks { left: 31, rest: &[] }));
        assert_eq!(messages(&[0x80, 200, 0, 0].repeat(100)).count(), limits::RTCP_PACKETS);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..120), kind in 200u8..208, count in 0u8..32) {
            let mut packet = bytes;
            let words = (packet.len() / 4).saturating_sub(1) as u16;
            if let Some(head) = packet.first_chunk_mut::<4>() {
                *head = [0x80 | count, kind, (words >> 8) as u8, words as u8];
            }
            for message in messages(&packet) {
                match message {
                    Message::SenderReport { blocks, .. } | Message::ReceiverReport(blocks) => prop_assert!(blocks.count() <= 31),
                    Message::Nack { missing, .. } => prop_assert!(missing.count() <= 17 * 30),
                    _ => {}
                }
            }
        }
    }
}
