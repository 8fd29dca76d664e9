//! What is known of each track, for whoever draws, logs or tests it. Counts only; no address, no name.

use std::time::Duration;

use crate::ids::ParticipantId;
use crate::sfu::negotiated::Source;
use crate::sfu::slot::Remote;

/// What is counted of one published track.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counters {
    /// Packets with media, each once.
    pub packets: u64,
    /// Their payload.
    pub octets: u64,
    /// Of them, those that came again: through RTX, or said by a later one.
    pub repaired: u64,
    /// Packets asked for, repetitions included.
    pub asked: u64,
    /// Key frames asked for.
    pub key_requests: u64,
    /// Key frames that came.
    pub key_frames: u64,
    /// Lost on the path, whether they came again or not.
    pub lost: u32,
    /// Smoothed share of packets lost, 0 to 1.
    pub loss: f32,
    /// In the codec's ticks.
    pub jitter: u32,
}

/// What is counted of one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SlotCounters {
    /// Packets sent, resent ones not counted.
    pub packets: u64,
    /// Their payload.
    pub octets: u64,
    /// Packets resent.
    pub resent: u64,
    /// Packets of padding, to find out what the line carries.
    pub padding: u64,
    /// Packets asked for that were not here (any more), or too often.
    pub not_resent: u64,
    /// Key frames asked for by the receiver.
    pub key_requests: u64,
}

/// The line from here to one participant, as transport-wide feedback tells it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Downlink {
    /// What it carries, in bits a second with all headers.
    pub bits_per_s: u64,
    /// What may be sent now: less while packets wait.
    pub allowed: u64,
    /// How long packets wait on it.
    pub queue_ms: f64,
}

/// One track of one participant.
#[derive(Debug, Clone, PartialEq)]
pub enum TrackStatistics {
    /// What the participant sends.
    Published {
        /// Who.
        participant: ParticipantId,
        /// Which.
        source: Source,
        /// Packets, loss, requests.
        counters: Counters,
        /// So many slots receive it.
        watched_by: usize,
    },
    /// What the participant receives on a slot.
    Received {
        /// Who.
        participant: ParticipantId,
        /// `a=mid` of the slot.
        mid: String,
        /// Whose track it carries.
        from: Option<(ParticipantId, Source)>,
        /// Packets, resent packets, requests.
        counters: SlotCounters,
        /// Share of packets lost as the receiver reports it, 0 to 1.
        loss: f32,
        /// As the receiver reports it, in the codec's ticks.
        jitter: u32,
        /// Server to receiver and back.
        round_trip: Option<Duration>,
    },
}

impl TrackStatistics {
    /// A slot's row.
    pub(super) fn received(
        participant: ParticipantId,
        mid: &str,
        from: Option<(ParticipantId, Source)>,
        counters: SlotCounters,
        remote: Remote,
    ) -> Self {
        let Remote { loss, jitter, round_trip, .. } = remote;
        Self::Received { participant, mid: mid.to_owned(), from, counters, loss, jitter, round_trip }
    }
}
