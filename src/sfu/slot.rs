//! One receiving section of one participant: puts a source's packets under its own numbers, and resends them. Does not decide whose packets.

use std::time::Duration;

use crate::ids::ParticipantId;
use crate::limits;
use crate::sfu::cache::{Cache, Media};
use crate::sfu::clock::SourceReport;
use crate::sfu::layer::Turns;
use crate::sfu::lid::Lid;
use crate::sfu::negotiated::{CodecBinding, SlotSection, Source};
use crate::sfu::redundancy::Redundancy;
use crate::sfu::rewrite::Rewriter;
use crate::sfu::rtcp::{self, Block};
use crate::sfu::rtp::Outgoing;
use crate::sfu::seed::Seed;
use crate::sfu::statistics::SlotCounters;
use crate::time::Instant;

/// How many of our sender reports are remembered for the round trip.
const REPORTS_KEPT: usize = 4;
/// Places for what was resent lately.
const RESENT_KEPT: usize = 256;
/// A packet is resent again only after this long, and after three quarters of a round trip where it is known: who asks again after their own measure of one is not late.
const RESEND_PAUSE_MIN: Duration = Duration::from_millis(10);

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarded {
    /// It lies in the buffer. `first`: of this source.
    Written {
        /// The first packet since the source came on.
        first: bool,
    },
    /// Video waits for a key frame.
    Held,
    /// Not for this receiver: late, or of a codec that it does not have.
    Dropped,
}

/// A slot and its outgoing SSRC.
#[derive(Debug, Clone)]
pub struct Slot {
    /// As negotiated.
    pub section: SlotSection,
    /// Who is on it.
    pub source: Option<(ParticipantId, Source)>,
    /// Which track of the source lies on it, and which one follows at its next key frame: places among the source's publishers.
    pub track: Option<usize>,
    /// The better or smaller encoding that is waited for.
    pub next: Option<usize>,
    /// Since when the line would carry a better one, or does not carry this one.
    pub turns: Turns,
    /// What the line to the receiver carries.
    pub lid: Lid,
    /// How often sound is said again.
    pub redundancy: Redundancy,
    /// The connection under the line fell behind: pictures would wait for it.
    pub paused: bool,
    /// By the estimate the line has no room for a picture now.
    pub resting: bool,
    /// What the receiver says of it.
    pub remote: Remote,
    /// Counters for `statistics`.
    pub counters: SlotCounters,
    rewriter: Rewriter,
    incarnation: u64,
    /// The source's payload type and our codec for it.
    leg: Option<(u8, CodecBinding)>,
    rtx_sequence: u16,
    reports: [(u32, Option<Instant>); REPORTS_KEPT],
    next_report: usize,
    resent: Vec<(u16, u8, Option<Instant>)>,
    budget: f32,
    budget_at: Option<Instant>,
}

/// The receiver's view.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Remote {
    /// When its last report block came.
    pub at: Option<Instant>,
    /// Smoothed share of packets lost, 0 to 1.
    pub loss: f32,
    /// Lost since the beginning.
    pub lost: u32,
    /// In the codec's ticks.
    pub jitter: u32,
    /// Measured by our sender reports.
    pub round_trip: Option<Duration>,
}

impl Slot {
    /// An empty slot; `seed` gives the first numbers.
    pub fn new(section: SlotSection, seed: &mut Seed) -> Self {
        let clock_rate = if section.video { 90_000 } else { 48_000 };
        let start = seed.draw();
        // The first sequence lies in the lower half, so that the receiver's SRTP sees no early wrap (RFC 3711 §3.3.1).
        let rewriter = Rewriter::new(clock_rate, (start as u16) & 0x7fff, (start >> 16) as u32);
        Self {
            section,
            source: None,
            track: None,
            next: None,
            turns: Turns::default(),
            lid: Lid::default(),
            redundancy: Redundancy::default(),
            paused: false,
            resting: false,
            remote: Remote::default(),
            counters: SlotCounters::default(),
            rewriter,
            incarnation: 0,
            leg: None,
            rtx_sequence: (start >> 48) as u16 & 0x7fff,
            reports: [(0, None); REPORTS_KEPT],
            next_report: 0,
            resent: Vec::new(),
            budget: 0.0,
            budget_at: None,
        }
    }

    /// Puts somebody else on the slot, or nobody.
    pub fn set_source(&mut self, source: Option<(ParticipantId, Source)>) {
        if self.source != source {
            self.source = source;
            (self.track, self.next, self.turns) = (None, None, Turns::default());
            self.lid.restart();
            self.redundancy.forget();
            self.hold();
        }
    }

    /// Sends nothing until the next beginning: a key frame, or any packet of audio.
    pub fn hold(&mut self) {
        self.rewriter.release();
    }

    /// Takes the track that was waited for; its packet that came is where a decoder can start.
    pub fn turn_to_next(&mut self) {
        if let Some(next) = self.next.take() {
            self.track = Some(next);
            self.turns = Turns::default();
            self.hold();
        }
    }

    /// Whether it waits for a beginning.
    pub fn is_held(&self) -> bool {
        !self.paused && !self.resting && !self.rewriter.is_anchored()
    }

    /// Whether its packets bear transport-wide numbers. Without RTX a packet must be the same octets when it is resent (the same SRTP nonce), so it bears none.
    pub fn is_numbered(&self) -> bool {
        self.section.extensions.transport_cc != 0 && (self.section.rtx_ssrc.is_some() || !self.section.video)
    }

    /// Whether this packet of the source was the first, and nothing has followed yet.
    pub fn began_with(&self, sequence: u16) -> bool {
        self.rewriter.began_with(sequence)
    }

    /// Rewrites a packet of the source and appends it to `out`.
    pub fn forward(
        &mut self,
        media: &Media<'_>,
        incarnation: u64,
        transport_number: &mut u16,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Forwarded {
        if self.paused || self.resting {
            return Forwarded::Dropped;
        }
        let Some(codec) = self.leg(&media.binding) else { return Forwarded::Dropped };
        self.keep_leg(&media.binding, codec);
        if self.incarnation != incarnation {
            self.incarnation = incarnation;
            self.rewriter.release();
        }
        let first = !self.rewriter.is_anchored();
        if first {
            if !media.starts {
                return if self.section.video { Forwarded::Held } else { Forwarded::Dropped };
            }
            self.rewriter.anchor(media.sequence, media.timestamp, now);
        }
        let Some((sequence, timestamp)) = self.rewriter.map(media.sequence, media.timestamp, now) else { return Forwarded::Dropped };
        let redundant = codec.red_payload_type.filter(|_| self.redundancy.times() > 0 && !media.payload.is_empty());
        let outgoing = Outgoing {
            payload_type: redundant.unwrap_or(codec.payload_type),
            sequence,
            timestamp,
            ssrc: self.section.ssrc,
            transport_number: self.number(transport_number),
            ..self.carry(media)
        };
        if redundant.is_some() {
            outgoing.write(&self.section.extensions, &[], out);
            self.redundancy.write((sequence, timestamp), media.payload, codec.payload_type, out);
        } else {
            outgoing.write(&self.section.extensions, media.payload, out);
        }
        self.counters.packets += 1;
        self.counters.octets += media.payload.len() as u64;
        Forwarded::Written { first }
    }

    /// Answers a request for our `sequence` by appending to `out`: through RTX where negotiated, else the very same packet again. False when there is nothing to send.
    /// `copy`: 0 for the answer itself; a further one is another packet, which needs RTX.
    pub fn resend(
        &mut self,
        (sequence, copy): (u16, u8),
        cache: &Cache,
        transport_number: &mut u16,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> bool {
        let kept = self.rewriter.source_sequence(sequence).and_then(|source| cache.find(source));
        let Some((media, codec)) = kept.and_then(|media| Some((media, self.leg(&media.binding)?))) else {
            self.counters.not_resent += 1;
            return false;
        };
        if copy > 0 {
            if codec.rtx_payload_type.is_none() || self.section.rtx_ssrc.is_none() || self.budget < 1.0 {
                return false;
            }
            self.budget -= 1.0;
        } else if self.paused || !self.may_resend(sequence, now) {
            self.counters.not_resent += 1;
            return false;
        }
        let timestamp = self.rewriter.timestamp(media.timestamp);
        let plain = Outgoing { payload_type: codec.payload_type, sequence, timestamp, ssrc: self.section.ssrc, ..self.carry(&media) };
        let outgoing = match (codec.rtx_payload_type, self.section.rtx_ssrc) {
            (Some(payload_type), Some(ssrc)) => {
                let transport_number = self.number(transport_number);
                Outgoing { payload_type, sequence: self.rtx_sequence, ssrc, original_sequence: Some(sequence), transport_number, ..plain }
            }
            _ => plain,
        };
        outgoing.write(&self.section.extensions, media.payload, out);
        self.rtx_sequence = self.rtx_sequence.wrapping_add(1);
        self.counters.resent += 1;
        true
    }

    /// Appends our sender report and CNAME; needs a report of the source, and something sent.
    pub fn report(&mut self, source: &SourceReport, server_ntp: u64, clock_rate: u32, now: Instant, out: &mut Vec<u8>) {
        if !self.rewriter.is_anchored() || self.counters.packets == 0 {
            return;
        }
        let rtp = self.rewriter.timestamp(source.rtp_at(server_ntp, clock_rate));
        rtcp::write_sender_report(out, self.section.ssrc, server_ntp, rtp, self.counters.packets as u32, self.counters.octets as u32);
        let name = [b's', b'l', b'o', b't', b'0' + self.section.pair % 10];
        if self.section.pair < 10 {
            rtcp::write_cname(out, self.section.ssrc, &name);
        } else {
            rtcp::write_cname(out, self.section.ssrc, format!("slot{}", self.section.pair).as_bytes());
        }
        if let Some(place) = self.reports.get_mut(self.next_report % REPORTS_KEPT) {
            *place = ((server_ntp >> 16) as u32, Some(now));
        }
        self.next_report = self.next_report.wrapping_add(1);
    }

    /// Takes the receiver's block on this slot. True when the source should send less.
    pub fn reported(&mut self, block: &Block, now: Instant) -> bool {
        self.remote.at = Some(now);
        self.remote.loss += (f32::from(block.fraction) / 256.0 - self.remote.loss) * 0.4;
        self.remote.lost = block.cumulative;
        self.remote.jitter = block.jitter;
        let sent = self.reports.iter().find(|(ntp, _)| block.last_report != 0 && *ntp == block.last_report).and_then(|(_, at)| *at);
        if let Some(sent) = sent {
            let delay = Duration::from_nanos(u64::from(block.delay) * 1_000_000_000 / 65_536);
            self.remote.round_trip = now.saturating_duration_since(sent).checked_sub(delay);
        }
        let loss = f64::from(block.fraction) / 256.0;
        self.section.video && self.lid.judge(loss, self.remote.round_trip, self.counters.octets, now)
    }

    fn carry<'a>(&'a self, media: &Media<'_>) -> Outgoing<'a> {
        Outgoing {
            marker: media.marker,
            mid: self.section.mid.as_bytes(),
            audio_level: media.audio_level,
            video_orientation: media.video_orientation,
            ..Outgoing::default()
        }
    }

    /// Writes a packet of nothing but padding under the repair's numbers (RFC 4588 §4): the receiver tells of it and throws it away. False without RTX.
    pub fn pad(&mut self, transport_number: &mut u16, out: &mut Vec<u8>) -> bool {
        let repair = self.leg.and_then(|(_, codec)| codec.rtx_payload_type).zip(self.section.rtx_ssrc);
        let Some((payload_type, ssrc)) = repair.filter(|_| self.is_numbered()) else { return false };
        let outgoing = Outgoing {
            payload_type,
            sequence: self.rtx_sequence,
            timestamp: self.rewriter.newest_timestamp(),
            ssrc,
            mid: self.section.mid.as_bytes(),
            transport_number: self.number(transport_number),
            ..Outgoing::default()
        };
        outgoing.write_padding(&self.section.extensions, out);
        self.rtx_sequence = self.rtx_sequence.wrapping_add(1);
        self.counters.padding += 1;
        true
    }

    /// Bits a second that the sound on it takes of the line.
    pub fn sound_bits(&self) -> u64 {
        limits::SOUND_BITS + self.redundancy.times() as u64 * limits::REDUNDANT_BITS
    }

    /// Whether the receiver can be told sound more than once.
    pub fn can_say_again(&self) -> bool {
        self.section.codecs.iter().any(|codec| codec.red_payload_type.is_some())
    }

    /// The next number on the whole transport.
    fn number(&self, transport_number: &mut u16) -> Option<u16> {
        self.is_numbered().then(|| {
            *transport_number = transport_number.wrapping_add(1);
            *transport_number
        })
    }

    /// Our codec for a source's; the very profile where there is one.
    fn leg(&self, source: &CodecBinding) -> Option<CodecBinding> {
        if let Some((payload_type, codec)) = self.leg
            && payload_type == source.payload_type
            && codec.decodes(source)
        {
            return Some(codec);
        }
        let able = self.section.codecs.iter().filter(|codec| codec.decodes(source));
        able.min_by_key(|codec| codec.h264_profile != source.h264_profile).copied()
    }

    /// Notes the codec of the leg; another one than before is another decoder, which can only start at a key frame.
    fn keep_leg(&mut self, source: &CodecBinding, codec: CodecBinding) {
        if self.leg.is_some_and(|(_, before)| before.payload_type != codec.payload_type) {
            self.rewriter.release();
        }
        self.leg = Some((source.payload_type, codec));
    }

    fn may_resend(&mut self, sequence: u16, now: Instant) -> bool {
        if self.resent.is_empty() {
            self.resent = vec![(0, 0, None); RESENT_KEPT];
        }
        let passed = self.budget_at.map_or(1.0, |at| now.saturating_duration_since(at).as_secs_f32());
        self.budget = (self.budget + passed * limits::RESENDS_PER_S as f32).min(limits::RESENDS_PER_S as f32 / 2.0);
        self.budget_at = Some(now);
        let pause = (self.remote.round_trip.unwrap_or_default() * 3 / 4).max(RESEND_PAUSE_MIN);
        let Some(place) = self.resent.get_mut(usize::from(sequence) % RESENT_KEPT) else { return false };
        let (times, last) = if place.0 == sequence { (place.1, place.2) } else { (0, None) };
        let soon = last.is_some_and(|last| now.saturating_duration_since(last) < pause);
        if soon || times >= limits::RESENDS_PER_PACKET || self.budget < 1.0 {
            return false;
        }
        *place = (sequence, times + 1, Some(now));
        self.budget -= 1.0;
        true
    }
}
