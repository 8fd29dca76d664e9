//! RTCP as a lean client writes and reads it: reports (RFC 3550), NACK and PLI (RFC 4585), FIR (RFC 5104), REMB, transport-wide feedback. Keeps nothing.

/// One thing that the server said about what we send, or of its clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// These packets of this SSRC are missing.
    Missing(u32, Vec<u16>),
    /// A key frame of this SSRC is wanted.
    KeyFrame(u32),
    /// No more than so many bits a second.
    Lid(u64),
    /// A sender report of this SSRC: the middle of its time.
    Clock(u32, u32),
}

/// Reads a compound; what it does not know it leaves out.
pub fn read(compound: &[u8], mut hear: impl FnMut(Said)) {
    let mut rest = compound;
    while let Some(head) = rest.first_chunk::<4>() {
        let length = 4 + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
        let Some((packet, after)) = rest.split_at_checked(length) else { return };
        rest = after;
        let (kind, format) = (packet[1], packet[0] & 0x1f);
        let Some(media) = word(packet, 8) else { continue };
        match (kind, format) {
            (200, _) => {
                if let (Some(ssrc), Some(low)) = (word(packet, 4), word(packet, 12)) {
                    hear(Said::Clock(ssrc, media << 16 | low >> 16));
                }
            }
            (205, 1) => hear(Said::Missing(media, packet[12..].chunks_exact(4).flat_map(asked).collect())),
            (206, 1) => hear(Said::KeyFrame(media)),
            (206, 4) => packet[12..].chunks_exact(8).filter_map(|entry| word(entry, 0)).for_each(|ssrc| hear(Said::KeyFrame(ssrc))),
            (206, 15) if packet.get(12..16) == Some(b"REMB") => {
                if let Some(field) = word(packet, 16) {
                    hear(Said::Lid(u64::from(field & 0x3_ffff) << (field >> 18 & 0x3f)));
                }
            }
            _ => {}
        }
    }
}

fn asked(entry: &[u8]) -> Vec<u16> {
    let (first, mask) = (u16::from_be_bytes([entry[0], entry[1]]), u16::from_be_bytes([entry[2], entry[3]]));
    let more = (0..16).filter(|bit| mask >> bit & 1 != 0).map(|bit| first.wrapping_add(bit + 1));
    std::iter::once(first).chain(more).collect()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// A packet with its body of whole words.
fn packet(kind: u8, format: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80 | format, kind];
    out.extend_from_slice(&((body.len() / 4) as u16).to_be_bytes());
    out.extend_from_slice(body);
    out
}

/// Asks for packets of `media`.
pub fn nack(own: u32, media: u32, missing: &[u16]) -> Vec<u8> {
    let mut body = [own.to_be_bytes(), media.to_be_bytes()].concat();
    for number in missing {
        body.extend_from_slice(&number.to_be_bytes());
        body.extend_from_slice(&[0, 0]);
    }
    packet(205, 1, &body)
}

/// Asks for a key frame of `media`.
pub fn pli(own: u32, media: u32) -> Vec<u8> {
    packet(206, 1, &[own.to_be_bytes(), media.to_be_bytes()].concat())
}

/// What a sender says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Sender {
    /// Microseconds since 1970.
    pub now_us: u64,
    /// RTP time at that moment.
    pub timestamp: u32,
    /// Packets and payload octets so far.
    pub packets: u32,
    /// See above.
    pub octets: u32,
}

/// What a receiver says of one SSRC.
#[derive(Debug, Clone, Copy)]
pub struct Block {
    /// Of whom.
    pub ssrc: u32,
    /// Part lost since the last report, in 256ths, and lost in all.
    pub fraction: u8,
    /// See above.
    pub lost: u32,
    /// Highest sequence number with its rounds.
    pub highest: u32,
    /// In units of the RTP clock.
    pub jitter: u32,
    /// Middle of the last sender report's time, and how long ago it came in 65,536ths of a second.
    pub last_report: u32,
    /// See above.
    pub since: u32,
}

/// A sender or receiver report.
pub fn report(own: u32, sender: Option<Sender>, blocks: &[Block]) -> Vec<u8> {
    let mut body = own.to_be_bytes().to_vec();
    if let Some(sender) = sender {
        let seconds = sender.now_us / 1_000_000 + 2_208_988_800;
        let fraction = ((sender.now_us % 1_000_000) << 32) / 1_000_000;
        for word in [seconds as u32, fraction as u32, sender.timestamp, sender.packets, sender.octets] {
            body.extend_from_slice(&word.to_be_bytes());
        }
    }
    for block in blocks.iter().take(31) {
        let lost = u32::from(block.fraction) << 24 | block.lost & 0xff_ffff;
        for word in [block.ssrc, lost, block.highest, block.jitter, block.last_report, block.since] {
            body.extend_from_slice(&word.to_be_bytes());
        }
    }
    packet(if sender.is_some() { 200 } else { 201 }, blocks.len().min(31) as u8, &body)
}

/// Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01): `arrivals` from `first` on, each with its time in microseconds or `None`.
pub fn transport_feedback(own: u32, media: u32, count: u8, first: u16, arrivals: &[Option<u64>]) -> Vec<u8> {
    let reference = arrivals.iter().flatten().min().copied().unwrap_or(0) / 64_000;
    let mut at = (reference * 64_000) as i64;
    let (mut symbols, mut deltas) = (Vec::with_capacity(arrivals.len()), Vec::new());
    for arrival in arrivals {
        let Some(arrival) = arrival else {
            symbols.push(0_u16);
            continue;
        };
        let ticks = (*arrival as i64 - at) / 250;
        at += ticks * 250;
        match u8::try_from(ticks) {
            Ok(small) => {
                symbols.push(1);
                deltas.push(small);
            }
            Err(_) => {
                symbols.push(2);
                deltas.extend_from_slice(&(ticks.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16).to_be_bytes());
            }
        }
    }
    let mut body = [own.to_be_bytes(), media.to_be_bytes()].concat();
    body.extend_from_slice(&first.to_be_bytes());
    body.extend_from_slice(&(arrivals.len() as u16).to_be_bytes());
    body.extend_from_slice(&((reference as u32) << 8 | u32::from(count)).to_be_bytes());
    for seven in symbols.chunks(7) {
        let chunk = seven.iter().enumerate().fold(0xc000_u16, |chunk, (place, symbol)| chunk | symbol << (12 - 2 * place));
        body.extend_from_slice(&chunk.to_be_bytes());
    }
    body.extend_from_slice(&deltas);
    body.resize(body.len().next_multiple_of(4), 0);
    packet(205, 15, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_read_from_a_compound() {
        let mut compound = report(5, Some(Sender { now_us: 1_500_000, timestamp: 9, packets: 1, octets: 2 }), &[]);
        compound.extend(nack(5, 7, &[10, 12]));
        compound.extend(pli(5, 8));
        compound.extend(packet(206, 15, &[0, 0, 0, 5, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 1, 0x0b, 0xd0, 0x90, 0, 0, 0, 7]));
        let mut heard = Vec::new();
        read(&compound, |said| heard.push(said));
        let clock = (1_u32 + 2_208_988_800) << 16 | 0x8000;
        assert_eq!(
            heard,
            [Said::Clock(5, clock), Said::Missing(7, vec![10, 12]), Said::KeyFrame(8), Said::Lid(0x3_d090 << 2)],
            "{heard:?}"
        );
    }

    #[test]
    fn feedback_has_a_symbol_for_each_number_and_a_delta_for_each_arrival() {
        let feedback = transport_feedback(1, 2, 3, 100, &[Some(64_000_500), None, Some(64_001_000), Some(64_200_000)]);
        assert_eq!(feedback[12..20], [0, 100, 0, 4, 0, 3, 0xe8, 3]);
        // Received small, not received, small, large: 01 00 01 10.
        assert_eq!(feedback[20..22], (0xc000_u16 | 1 << 12 | 1 << 8 | 2 << 6).to_be_bytes());
        assert_eq!(feedback[22..24], [2, 2]);
        assert_eq!(feedback[24..26], 796_i16.to_be_bytes());
        assert_eq!(feedback.len() % 4, 0);
    }
}
