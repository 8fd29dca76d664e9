//! What a simulated participant has received, per media section. Counts and checks payloads; keeps no media.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::load::synthetic::{Reading, begins_vp8_key_frame, read};

/// Distinct payload numbers kept per stream; at the bound duplicates are no longer looked for.
const NUMBERS_MAX: usize = 200_000;

/// Everything received so far.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// Per `a=mid` of a receiving section; `"?"` for an SSRC that the answer did not name.
    pub sections: BTreeMap<String, Section>,
    /// Data-channel messages as (label, bytes), the first [`MESSAGES_MAX`].
    pub messages: Vec<(String, Vec<u8>)>,
    /// Data channels that have opened.
    pub open_channels: BTreeSet<String>,
    /// Data channels that the other side closed.
    pub closed_channels: BTreeSet<String>,
}

/// Messages kept; further ones are dropped.
pub const MESSAGES_MAX: usize = 10_000;

impl Received {
    /// RTP packets of all sections.
    pub fn packets(&self) -> u64 {
        self.sections.values().map(|section| section.packets).sum()
    }

    /// RTP payload bytes of all sections.
    pub fn bytes(&self) -> u64 {
        self.sections.values().map(|section| section.bytes).sum()
    }

    /// Distinct intact payloads of one synthetic stream, whatever the section.
    pub fn whole_of(&self, stream: u32) -> usize {
        self.sections.values().filter_map(|section| section.streams.get(&stream)).map(BTreeSet::len).sum()
    }

    /// The latest arrival of anything.
    pub fn last(&self) -> Option<Instant> {
        self.sections.values().filter_map(|section| section.last).max()
    }
}

/// One receiving section.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// RTP packets with a payload.
    pub packets: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// VP8 key frames begun.
    pub key_frames: u64,
    /// Payloads with a stamp whose bytes changed on the way.
    pub damaged: u64,
    /// Payloads without a stamp.
    pub foreign: u64,
    /// Payloads that came more than once.
    pub duplicates: u64,
    /// Intact payload numbers by synthetic stream.
    pub streams: BTreeMap<u32, BTreeSet<u32>>,
    /// SSRCs seen.
    pub ssrcs: BTreeSet<u32>,
    /// Payload types seen.
    pub payload_types: BTreeSet<u8>,
    /// First arrival.
    pub first: Option<Instant>,
    /// Latest arrival.
    pub last: Option<Instant>,
}

impl Section {
    /// Notes one packet; padding alone does not count.
    pub fn note(&mut self, ssrc: u32, payload_type: u8, payload: &[u8], now: Instant) {
        if payload.is_empty() {
            return;
        }
        self.packets += 1;
        self.bytes += payload.len() as u64;
        self.ssrcs.insert(ssrc);
        self.payload_types.insert(payload_type);
        self.first.get_or_insert(now);
        self.last = Some(now);
        self.key_frames += u64::from(begins_vp8_key_frame(payload));
        match read(payload) {
            Reading::Foreign => self.foreign += 1,
            Reading::Damaged(_) => self.damaged += 1,
            Reading::Whole(stamp) => {
                let numbers = self.streams.entry(stamp.stream).or_default();
                if numbers.len() < NUMBERS_MAX && !numbers.insert(stamp.number) {
                    self.duplicates += 1;
                }
            }
        }
    }
}
