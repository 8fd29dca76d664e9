//! One source of one participant: what arrives, what is missing, what is kept for resending. Does not know who watches beyond their places.

use std::time::Duration;

use crate::limits;
use crate::sfu::cache::{Cache, Media};
use crate::sfu::clock::SourceReport;
use crate::sfu::key_frame;
use crate::sfu::key_request::KeyRequest;
use crate::sfu::layer::Meter;
use crate::sfu::missing::Missing;
use crate::sfu::negotiated::{Codec, CodecBinding, PublishedSection, Source};
use crate::sfu::reception::{Arrival, Reception};
use crate::sfu::red;
use crate::sfu::rtcp::Block;
use crate::sfu::rtp::Rtp;
use crate::sfu::statistics::Counters;
use crate::time::Instant;

/// Packets asked for before the very first one.
const BEFORE_FIRST: u16 = 3;

/// What a payload type says of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Media.
    Plain,
    /// RFC 4588: again, on request.
    Repair,
    /// RFC 2198: with earlier ones.
    Redundant,
}

/// Where a slot lies: index of the participant and of the slot.
pub type Target = (usize, usize);

/// One published track.
#[derive(Debug, Clone)]
pub struct Publisher {
    /// As negotiated.
    pub section: PublishedSection,
    /// Changes whenever numbering starts anew, so that slots know.
    pub incarnation: u64,
    /// The open wish for a key frame.
    pub keys: KeyRequest,
    /// The holes to ask for.
    pub missing: Missing,
    /// Packets for resending (video).
    pub cache: Cache,
    /// The last sender report.
    pub report: Option<SourceReport>,
    /// The slots that this track is on.
    pub targets: Vec<Target>,
    /// When media (no padding) last came.
    pub last_media: Option<Instant>,
    /// Counters for `statistics`.
    pub counters: Counters,
    /// What it takes on a line.
    pub meter: Meter,
    reception: Reception,
    fir_number: u8,
}

impl Publisher {
    /// A track that nothing has arrived of yet.
    pub fn new(section: PublishedSection, incarnation: u64) -> Self {
        Self {
            section,
            incarnation,
            keys: KeyRequest::default(),
            missing: Missing::default(),
            cache: Cache::default(),
            report: None,
            targets: Vec::new(),
            last_media: None,
            counters: Counters::default(),
            meter: Meter::default(),
            reception: Reception::default(),
            fir_number: 0,
        }
    }

    /// Whether it is a picture.
    pub fn is_video(&self) -> bool {
        self.section.source != Source::Microphone
    }

    /// Ticks a second.
    pub fn clock_rate(&self) -> u32 {
        if self.is_video() { 90_000 } else { 48_000 }
    }

    /// Whether this SSRC is one of the track's.
    pub fn owns(&self, ssrc: u32) -> bool {
        self.section.ssrc == Some(ssrc) || self.section.rtx_ssrc == Some(ssrc)
    }

    /// Whether an SSRC of it may still be unknown.
    pub fn is_learning(&self) -> bool {
        self.section.ssrc.is_none() || self.section.rid.is_some() && self.section.rtx_ssrc.is_none()
    }

    /// Takes an SSRC that the offer did not name; the packet carries the track's mid. The first of each kind counts.
    pub fn learn(&mut self, rtp: &Rtp<'_>) -> bool {
        let Some((_, form)) = self.binding(rtp.payload_type) else { return false };
        let place = if form == Form::Repair { &mut self.section.rtx_ssrc } else { &mut self.section.ssrc };
        *place.get_or_insert(rtp.ssrc) == rtp.ssrc
    }

    /// Takes a packet of the track; gives what is to be forwarded, which may be an empty payload (padding keeps its number).
    /// `fresh` numbers incarnations.
    pub fn receive<'p>(&mut self, rtp: &Rtp<'p>, fresh: &mut u64, now: Instant) -> Option<Media<'p>> {
        let (binding, form) = self.binding(rtp.payload_type)?;
        let repair = form == Form::Repair;
        let (sequence, payload) = if repair {
            // RFC 4588 §4; without a payload it is padding that only measures the line.
            let (original, payload) = rtp.payload.split_first_chunk::<2>()?;
            if payload.is_empty() {
                return None;
            }
            (u16::from_be_bytes(*original), payload)
        } else if self.section.ssrc == Some(rtp.ssrc) {
            let redundant = form == Form::Redundant && !rtp.payload.is_empty();
            (rtp.sequence, if redundant { red::read(rtp.payload, binding.payload_type)?.primary } else { rtp.payload })
        } else {
            return None;
        };
        let arrival = self.reception.place(sequence, repair);
        match arrival {
            Arrival::Repeated | Arrival::Doubtful => return None,
            Arrival::Late => self.missing.filled(sequence, repair, now),
            Arrival::New { missing: 0 } => {}
            Arrival::New { missing } => {
                if binding.feedback.nack && !self.targets.is_empty() && !self.missing.skipped(sequence, missing, now) {
                    self.keys.want();
                }
            }
            Arrival::Fresh => {
                *fresh += 1;
                self.incarnation = *fresh;
                self.missing.clear();
                self.cache.clear();
                self.report = None;
            }
        }
        let carried = rtp.carried(&self.section.extensions);
        let starts = !payload.is_empty() && key_frame::starts(binding.codec, payload);
        if arrival == Arrival::Fresh && !starts && binding.feedback.nack && !self.targets.is_empty() {
            // What was lost before the first packet is most likely the beginning of the key frame.
            self.missing.skipped(sequence, BEFORE_FIRST, now);
        }
        if !repair {
            self.reception.time(rtp.timestamp, self.clock_rate(), now);
        }
        if !payload.is_empty() {
            self.last_media = Some(now);
            self.counters.packets += 1;
            self.counters.octets += payload.len() as u64;
            self.meter.count(payload.len(), now);
            self.counters.repaired += u64::from(repair);
        }
        if starts && binding.codec != Codec::Opus {
            self.keys.came();
            self.counters.key_frames += 1;
        }
        Some(Media {
            binding,
            sequence,
            timestamp: rtp.timestamp,
            marker: rtp.marker,
            audio_level: carried.audio_level,
            video_orientation: carried.video_orientation,
            starts,
            payload,
        })
    }

    /// What a packet that was just taken says again of those before it that never came, the oldest first.
    pub fn recover<'p>(&mut self, rtp: &Rtp<'p>, taken: &Media<'p>) -> [Option<Media<'p>>; limits::REDUNDANT_BLOCKS] {
        let redundant = self.binding(rtp.payload_type).is_some_and(|(_, form)| form == Form::Redundant);
        let red = if redundant { red::read(rtp.payload, taken.binding.payload_type) } else { None };
        let mut found = [None; limits::REDUNDANT_BLOCKS];
        for (back, block) in (1..).zip(red.into_iter().flat_map(|red| red.earlier)) {
            let Some(block) = block else { continue };
            let sequence = taken.sequence.wrapping_sub(back);
            if self.reception.place(sequence, true) == Arrival::Late {
                self.counters.packets += 1;
                self.counters.octets += block.payload.len() as u64;
                self.counters.repaired += 1;
                let media = Media {
                    sequence,
                    timestamp: taken.timestamp.wrapping_sub(block.offset),
                    marker: false,
                    payload: block.payload,
                    ..*taken
                };
                found[limits::REDUNDANT_BLOCKS - usize::from(back)] = Some(media);
            }
        }
        found
    }

    /// The block of our receiver report, once something has arrived.
    pub fn block(&mut self, now: Instant) -> Option<Block> {
        let ssrc = self.section.ssrc?;
        let loss = self.reception.report()?;
        let (last_report, delay) = self.report.map_or((0, 0), |report| report.echo(now));
        self.counters.lost = loss.cumulative;
        self.counters.jitter = loss.jitter;
        self.counters.loss += (f32::from(loss.fraction) / 256.0 - self.counters.loss) * 0.4;
        Some(Block {
            ssrc,
            fraction: loss.fraction,
            cumulative: loss.cumulative,
            highest: loss.highest,
            jitter: loss.jitter,
            last_report,
            delay,
        })
    }

    /// How many packets followed this one before it came.
    pub fn overtaken_by(&self, sequence: u16) -> u16 {
        self.reception.newest().wrapping_sub(sequence)
    }

    /// How a key frame is asked for: true for PLI, false for FIR, `None` when neither was negotiated.
    pub fn speaks_pli(&self) -> Option<bool> {
        let feedback = |pick: fn(&CodecBinding) -> bool| self.section.codecs.iter().any(pick);
        if feedback(|codec| codec.feedback.pli) { Some(true) } else { feedback(|codec| codec.feedback.fir).then_some(false) }
    }

    /// The number of the next FIR.
    pub fn next_fir(&mut self) -> u8 {
        self.fir_number = self.fir_number.wrapping_add(1);
        self.fir_number
    }

    /// The numbers to ask for now.
    pub fn ask(&mut self, round_trip: Option<Duration>, at_least: Duration, now: Instant, wanted: &mut Vec<u16>) {
        self.missing.ask(round_trip, at_least, now, wanted);
        self.counters.asked += wanted.len() as u64;
    }

    fn binding(&self, payload_type: u8) -> Option<(CodecBinding, Form)> {
        self.section.codecs.iter().find_map(|codec| {
            let form = if codec.payload_type == payload_type {
                Form::Plain
            } else if codec.rtx_payload_type == Some(payload_type) {
                Form::Repair
            } else if codec.red_payload_type == Some(payload_type) {
                Form::Redundant
            } else {
                return None;
            };
            Some((*codec, form))
        })
    }
}
