//! What one client of the bench has heard, and the RTCP that a browser would say about it: transport feedback, reports, NACKs.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::raw::raw_peer::rtcp_packet;

/// From one receiver or sender report to the next (RFC 3550 §6.2).
const REPORT: Duration = Duration::from_secs(1);

/// One tick of transport feedback.
const TICK_MICROS: i64 = 250;

/// See the file's sentence.
#[derive(Default)]
pub struct Heard {
    /// Transport-wide numbers since the last feedback, and when they came, in ticks.
    transport: Vec<(u16, i64)>,
    feedbacks: u8,
    highest: HashMap<u32, u16>,
    /// Video packets that were skipped and not asked for yet.
    missing: Vec<(u32, u16)>,
    reported: Option<Instant>,
    /// Of the last packet that this client sent itself.
    pub timestamp: u32,
}

impl Heard {
    /// A packet that came at `at`, of whatever clock.
    pub fn note(&mut self, packet: &[u8], at: Duration) {
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let before = self.highest.get(&ssrc).copied().unwrap_or(sequence.wrapping_sub(1));
        let ahead = sequence.wrapping_sub(before);
        if ahead < 0x8000 {
            self.highest.insert(ssrc, sequence);
            if packet[1] & 0x7f == 96 && (2..100).contains(&ahead) {
                self.missing.extend((1..ahead).map(|step| (ssrc, before.wrapping_add(step))));
            }
        }
        if let Some(number) = transport_number(packet) {
            self.transport.push((number, at.as_micros() as i64 / TICK_MICROS));
        }
    }

    /// NACKs for what was skipped since the last call; empty when nothing was.
    pub fn questions(&mut self, own: u32) -> Vec<u8> {
        let mut out = Vec::new();
        for (ssrc, sequence) in self.missing.drain(..) {
            let [high, low] = sequence.to_be_bytes();
            out.extend(rtcp_packet(205, 1, &[&own.to_be_bytes()[..], &ssrc.to_be_bytes(), &[high, low, 0, 0]].concat()));
        }
        out
    }

    /// Reports each second, transport feedback each time. `sent`: packets of our own SSRC so far, when we send.
    pub fn compound(&mut self, own: u32, sent: Option<u32>, begin: Instant) -> Vec<u8> {
        let mut compound = Vec::new();
        let now = Instant::now();
        if self.reported.is_none_or(|at| now - at >= REPORT) {
            self.reported = Some(now);
            compound.extend(self.reports(own, sent, begin));
        }
        if !self.transport.is_empty() {
            compound.extend(self.transport_feedback(own));
        }
        compound
    }

    /// RR or SR with one block per SSRC that was heard (RFC 3550 §6.4), at most 8.
    fn reports(&self, own: u32, sent: Option<u32>, begin: Instant) -> Vec<u8> {
        let mut body = own.to_be_bytes().to_vec();
        if let Some(sent) = sent {
            let ntp = (0xe900_0000_u64 << 32) | (begin.elapsed().as_micros() as u64 * 4_295);
            body.extend_from_slice(&ntp.to_be_bytes());
            for word in [self.timestamp, sent, sent * 1_100] {
                body.extend_from_slice(&word.to_be_bytes());
            }
        }
        let blocks = self.highest.iter().take(8);
        let count = blocks.len() as u8;
        for (ssrc, highest) in blocks {
            for word in [*ssrc, 0, u32::from(*highest), 20, 0, 0] {
                body.extend_from_slice(&word.to_be_bytes());
            }
        }
        rtcp_packet(if sent.is_some() { 200 } else { 201 }, count, &body)
    }

    /// What came since the last one, and when: runs of what did and what did not, then two octets of time for each that did
    /// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    fn transport_feedback(&mut self, own: u32) -> Vec<u8> {
        let came: Vec<(u16, i64)> = self.transport.drain(..).take(400).collect();
        let ((first, at), (last, _)) = (came[0], came[came.len() - 1]);
        let reference = at / 256;
        let media = self.highest.keys().next().copied().unwrap_or(0);
        let mut body = [own.to_be_bytes(), media.to_be_bytes()].concat();
        body.extend_from_slice(&first.to_be_bytes());
        body.extend_from_slice(&last.wrapping_sub(first).wrapping_add(1).to_be_bytes());
        body.extend_from_slice(&((reference as u32) << 8 | u32::from(self.feedbacks)).to_be_bytes());
        for run in came.chunk_by(|one, other| other.0.wrapping_sub(one.0) == 1) {
            let next = run[run.len() - 1].0;
            body.extend_from_slice(&(0x4000 | run.len() as u16).to_be_bytes());
            if let Some((following, _)) = came.iter().find(|(number, _)| number.wrapping_sub(next) as i16 > 0) {
                body.extend_from_slice(&following.wrapping_sub(next).wrapping_sub(1).to_be_bytes());
            }
        }
        let mut clock = reference * 256;
        for (_, at) in came {
            body.extend_from_slice(&((at - clock) as i16).to_be_bytes());
            clock = at;
        }
        body.resize(body.len().next_multiple_of(4), 0);
        self.feedbacks = self.feedbacks.wrapping_add(1);
        rtcp_packet(205, 15, &body)
    }
}

/// The sequence numbers that a compound asks for of this SSRC (RFC 4585 §6.2.1).
pub fn asked(compound: &[u8], ssrc: u32) -> Vec<u16> {
    let mut found = Vec::new();
    let mut rest = compound;
    while let Some(head) = rest.first_chunk::<4>() {
        let length = 4 + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
        let Some((packet, after)) = rest.split_at_checked(length) else { break };
        if packet[1] == 205 && packet[0] & 0x1f == 1 && packet.get(8..12) == Some(&ssrc.to_be_bytes()[..]) {
            for entry in packet[12..].chunks_exact(4) {
                let (first, mask) = (u16::from_be_bytes([entry[0], entry[1]]), u16::from_be_bytes([entry[2], entry[3]]));
                found.push(first);
                found.extend((0..16).filter(|bit| mask & (1 << bit) != 0).map(|bit| first.wrapping_add(bit + 1)));
            }
        }
        rest = after;
    }
    found
}

/// The transport-wide sequence number of a packet: extension 3 of the raw peer's offer, one-byte form.
fn transport_number(packet: &[u8]) -> Option<u16> {
    if packet[0] & 0x10 == 0 || packet.get(12..14)? != [0xbe, 0xde] {
        return None;
    }
    let words = usize::from(u16::from_be_bytes([packet[14], packet[15]]));
    let mut rest = packet.get(16..16 + words * 4)?;
    while let [head, after @ ..] = rest {
        if *head == 0 {
            rest = after;
            continue;
        }
        let length = usize::from(head & 0x0f) + 1;
        if head >> 4 == 3 && length == 2 {
            return Some(u16::from_be_bytes([*after.first()?, *after.get(1)?]));
        }
        rest = after.get(length..)?;
    }
    None
}
