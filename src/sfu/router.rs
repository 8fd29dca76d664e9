//! The router of one consultation: packets of participants in, packets for participants out. Never sees an address or a key.

use crate::ids::ParticipantId;
use crate::sfu::negotiated::{Negotiated, SlotAssignment};
use crate::time::Instant;

/// Where the router puts what has to leave. Implemented by `media` (seals straight into the batch) and by tests.
pub trait Sink {
    /// One complete plain RTP packet for `to`, already rewritten for that leg, in the order in which it must leave.
    fn rtp(&mut self, to: ParticipantId, packet: &[u8]);
    /// One plain compound RTCP packet (RFC 3550 §6.1, reduced size allowed by RFC 5506) for `to`.
    fn rtcp(&mut self, to: ParticipantId, packet: &[u8]);
    /// What the slots of `to` carry has changed: the whole list.
    fn slots(&mut self, to: ParticipantId, slots: &[SlotAssignment]);
}

/// Forwarding of one consultation.
pub struct Router {}

impl Router {
    /// `seed` feeds first sequence numbers and timestamps of our own SSRCs.
    pub fn new(seed: u64) -> Self {
        let _ = seed;
        unimplemented!()
    }
    /// A participant's transport was negotiated (again, after a new peer connection: everything of the old one is forgotten, the admission stays).
    pub fn join(&mut self, participant: ParticipantId, negotiated: Negotiated, now: Instant, sink: &mut impl Sink) {
        let _ = (participant, negotiated, now, sink);
        unimplemented!()
    }
    /// The transport is gone.
    pub fn leave(&mut self, participant: ParticipantId, now: Instant, sink: &mut impl Sink) {
        let _ = (participant, now, sink);
        unimplemented!()
    }
    /// Admission: only between admitted participants does anything cross. Opening asks for key frames at once.
    pub fn admit(&mut self, participant: ParticipantId, admitted: bool, now: Instant, sink: &mut impl Sink) {
        let _ = (participant, admitted, now, sink);
        unimplemented!()
    }
    /// A decrypted RTP packet of `from` (authenticated, not yet believed).
    pub fn handle_rtp(&mut self, from: ParticipantId, packet: &[u8], now: Instant, sink: &mut impl Sink) {
        let _ = (from, packet, now, sink);
        unimplemented!()
    }
    /// A decrypted compound RTCP packet of `from`.
    pub fn handle_rtcp(&mut self, from: ParticipantId, packet: &[u8], now: Instant, sink: &mut impl Sink) {
        let _ = (from, packet, now, sink);
        unimplemented!()
    }
    /// The path of `participant` moved: key frames for what they send and what they watch.
    pub fn path_moved(&mut self, participant: ParticipantId, now: Instant, sink: &mut impl Sink) {
        let _ = (participant, now, sink);
        unimplemented!()
    }
    /// When `handle_timeout` is due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        unimplemented!()
    }
    /// Reports, NACKs, transport-wide feedback, repeated key-frame requests.
    pub fn handle_timeout(&mut self, now: Instant, sink: &mut impl Sink) {
        let _ = (now, sink);
        unimplemented!()
    }
    /// Whether this SSRC could belong to `from`: the guard asks before SRTP state is made for it (trust.md O4).
    pub fn knows_ssrc(&self, from: ParticipantId, ssrc: u32) -> bool {
        let _ = (from, ssrc);
        unimplemented!()
    }
}
