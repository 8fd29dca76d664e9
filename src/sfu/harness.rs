//! Parts for the tests of forwarding: negotiated transports with the numbers of real browsers, a sink that records, packets, a virtual clock.

#![cfg(test)]

use std::time::Duration;

use crate::ids::ParticipantId;
use crate::sfu::lids::Lids;
use crate::sfu::negotiated::{
    Codec, CodecBinding, ExtensionIds, Feedback, Negotiated, PublishedSection, SlotAssignment, SlotSection, Source,
};
use crate::sfu::quality::LineQuality;
use crate::sfu::red::{self, Block};
use crate::sfu::router::{Router, Sink};
use crate::sfu::rtcp::{self, Message};
use crate::sfu::rtp::{Outgoing, Rtp};
use crate::time::Instant;

pub const CITIZEN: ParticipantId = ParticipantId(0);
pub const AGENT: ParticipantId = ParticipantId(1);
pub const GUEST: ParticipantId = ParticipantId(2);

/// The numbers of one browser.
#[derive(Debug, Clone, Copy)]
pub struct Browser {
    pub opus: u8,
    pub red: Option<u8>,
    pub vp8: u8,
    pub rtx: u8,
    pub ids: ExtensionIds,
}

pub const CHROMIUM: Browser = Browser {
    opus: 111,
    red: Some(63),
    vp8: 96,
    rtx: 97,
    ids: ExtensionIds { mid: 4, transport_cc: 3, audio_level: 1, rid: 0, repaired_rid: 0, abs_send_time: 0, video_orientation: 13 },
};
pub const FIREFOX: Browser = Browser {
    opus: 109,
    red: None,
    vp8: 120,
    rtx: 124,
    ids: ExtensionIds { mid: 3, transport_cc: 7, audio_level: 1, rid: 0, repaired_rid: 0, abs_send_time: 0, video_orientation: 0 },
};

const VIDEO_FEEDBACK: Feedback = Feedback { nack: true, pli: true, fir: true, remb: true, transport_cc: true };

pub fn opus(browser: &Browser) -> CodecBinding {
    let feedback = Feedback { transport_cc: true, ..Feedback::default() };
    CodecBinding {
        codec: Codec::Opus,
        h264_profile: 0,
        payload_type: browser.opus,
        rtx_payload_type: None,
        red_payload_type: browser.red,
        feedback,
    }
}

pub fn vp8(browser: &Browser) -> CodecBinding {
    CodecBinding {
        codec: Codec::Vp8,
        h264_profile: 0,
        payload_type: browser.vp8,
        rtx_payload_type: Some(browser.rtx),
        red_payload_type: None,
        feedback: VIDEO_FEEDBACK,
    }
}

pub fn h264(payload_type: u8, profile: u16) -> CodecBinding {
    CodecBinding {
        codec: Codec::H264,
        h264_profile: profile,
        payload_type,
        rtx_payload_type: Some(payload_type + 1),
        red_payload_type: None,
        feedback: VIDEO_FEEDBACK,
    }
}

/// What this participant's SSRCs are: published `1000 * (id + 1) + section`, RTX 500 more, slots from `100 * (id + 1)`, their RTX 50 more.
pub fn published_ssrc(who: ParticipantId, source: Source) -> u32 {
    1000 * (u32::from(who.0) + 1) + source as u32
}

/// The whole shape of the protocol: three sources, three pairs and a slot for a screen.
pub fn negotiated(who: ParticipantId, browser: &Browser) -> Negotiated {
    let sources = [Source::Microphone, Source::Camera, Source::Screen];
    let publishes = sources.map(|source| PublishedSection {
        mid: (source as u8).to_string(),
        source,
        rid: None,
        ssrc: Some(published_ssrc(who, source)),
        rtx_ssrc: (source != Source::Microphone).then_some(published_ssrc(who, source) + 500),
        codecs: vec![if source == Source::Microphone { opus(browser) } else { vp8(browser) }],
        extensions: browser.ids,
    });
    let slots = (0..7_u32).map(|n| {
        let (video, pair) = (n == 6 || n % 2 == 1, (n / 2) as u8);
        let ssrc = 100 * (u32::from(who.0) + 1) + n;
        let codecs = vec![if video { vp8(browser) } else { opus(browser) }];
        SlotSection { mid: (n + 3).to_string(), video, pair, ssrc, rtx_ssrc: video.then_some(ssrc + 50), codecs, extensions: browser.ids }
    });
    Negotiated { publishes: publishes.to_vec(), slots: slots.collect() }
}

/// What left the router.
#[derive(Debug, Default)]
pub struct Recorder {
    pub rtp: Vec<(ParticipantId, Vec<u8>)>,
    pub rtcp: Vec<(ParticipantId, Vec<u8>)>,
    pub slots: Vec<(ParticipantId, Vec<SlotAssignment>)>,
    pub quality: Vec<(ParticipantId, LineQuality)>,
    pub layers: Vec<(ParticipantId, bool)>,
    pub lids: Vec<(ParticipantId, Lids)>,
}

impl Sink for Recorder {
    fn rtp(&mut self, to: ParticipantId, packet: &[u8]) {
        self.rtp.push((to, packet.to_vec()));
    }
    fn rtcp(&mut self, to: ParticipantId, packet: &[u8]) {
        self.rtcp.push((to, packet.to_vec()));
    }
    fn slots(&mut self, to: ParticipantId, slots: &[SlotAssignment]) {
        self.slots.push((to, slots.to_vec()));
    }
    fn layers(&mut self, of: ParticipantId, all: bool) {
        self.layers.push((of, all));
    }
    fn quality(&mut self, of: ParticipantId, line: LineQuality) {
        self.quality.push((of, line));
    }
    fn lids(&mut self, of: ParticipantId, lids: Lids) {
        self.lids.push((of, lids));
    }
}

impl Recorder {
    /// Everything so far, forgotten afterwards.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Key-frame requests: (asked participant, SSRC).
    pub fn key_requests(&self) -> Vec<(ParticipantId, u32)> {
        let read = |(to, packet): &(ParticipantId, Vec<u8>)| {
            let to = *to;
            rtcp::messages(packet)
                .filter_map(move |message| if let Message::KeyFrameRequest(ssrc) = message { Some((to, ssrc)) } else { None })
                .collect::<Vec<_>>()
        };
        self.rtcp.iter().flat_map(read).collect()
    }

    /// NACKs: (asked participant, SSRC, sequence numbers).
    pub fn nacks(&self) -> Vec<(ParticipantId, u32, Vec<u16>)> {
        let mut found = Vec::new();
        for (to, packet) in &self.rtcp {
            for message in rtcp::messages(packet) {
                if let Message::Nack { ssrc, missing } = message {
                    found.push((*to, ssrc, missing.collect()));
                }
            }
        }
        found
    }
}

/// A router with a clock that tests move.
pub struct World {
    pub router: Router,
    pub sink: Recorder,
    pub now: Instant,
    pub begin: Instant,
}

impl World {
    pub fn new() -> Self {
        let begin = Instant::now();
        Self { router: Router::new(7), sink: Recorder::default(), now: begin, begin }
    }

    /// A citizen with Chromium and an agent with Firefox, both admitted, nothing recorded.
    pub fn call() -> Self {
        let mut world = Self::new();
        world.join(CITIZEN, &CHROMIUM);
        world.join(AGENT, &FIREFOX);
        world.admit(CITIZEN, true);
        world.admit(AGENT, true);
        world.sink.take();
        world
    }

    pub fn join(&mut self, who: ParticipantId, browser: &Browser) {
        self.seat(who, negotiated(who, browser));
    }

    /// Joins, and the keys are there at once.
    pub fn seat(&mut self, who: ParticipantId, negotiated: Negotiated) {
        self.router.join(who, negotiated, self.now, &mut self.sink);
        self.router.connected(who, self.now, &mut self.sink);
    }

    pub fn admit(&mut self, who: ParticipantId, admitted: bool) {
        self.router.admit(who, admitted, self.now, &mut self.sink);
    }

    pub fn rtp(&mut self, from: ParticipantId, packet: &[u8]) {
        self.router.handle_rtp(from, packet, self.now, &mut self.sink);
    }

    pub fn rtcp(&mut self, from: ParticipantId, packet: &[u8]) {
        self.router.handle_rtcp(from, packet, self.now, &mut self.sink);
    }

    /// Lets the time pass, with every time-out where it is due.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some(due) = self.router.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.router.handle_timeout(self.now, &mut self.sink);
            assert!(self.router.poll_timeout().is_none_or(|next| next > self.now), "a time-out that stays due would spin");
        }
        self.now = until;
    }

    pub fn elapsed_micros(&self) -> u64 {
        self.now.duration_since(self.begin).as_micros() as u64
    }

    pub fn elapsed_ms(&self) -> u128 {
        self.now.duration_since(self.begin).as_millis()
    }
}

/// A packet as a browser sends it.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    pub who: ParticipantId,
    pub browser: &'a Browser,
    pub source: Source,
    pub sequence: u16,
    pub timestamp: u32,
    pub transport_number: u16,
    pub payload: &'a [u8],
}

/// VP8: the first packet of a key frame, and one of an inter frame.
pub const KEY: &[u8] = &[0x90, 0x80, 0x81, 0x02, 0x00, 1, 2, 3];
pub const INTER: &[u8] = &[0x90, 0x80, 0x81, 0x03, 0x01, 4, 5, 6];

impl Sent<'_> {
    pub fn bytes(&self) -> Vec<u8> {
        let video = self.source != Source::Microphone;
        let mid = (self.source as u8).to_string();
        let outgoing = Outgoing {
            marker: true,
            payload_type: if video { self.browser.vp8 } else { self.browser.opus },
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: published_ssrc(self.who, self.source),
            mid: mid.as_bytes(),
            transport_number: Some(self.transport_number),
            audio_level: (!video).then_some(0x85),
            video_orientation: video.then_some(2),
            original_sequence: None,
        };
        let mut out = Vec::new();
        outgoing.write(&self.browser.ids, self.payload, &mut out);
        out
    }

    /// The same packet of sound, saying these again (RFC 2198): the packet just before first, 960 ticks apart.
    pub fn redundant(&self, earlier: [Option<&[u8]>; 2]) -> Vec<u8> {
        let mut payload = Vec::new();
        let blocks = [(960, earlier[0]), (1_920, earlier[1])].map(|(offset, said)| said.map(|payload| Block { offset, payload }));
        red::write(self.payload, blocks, self.browser.opus, &mut payload);
        let mut bytes = Sent { payload: &payload, ..*self }.bytes();
        bytes[1] = bytes[1] & 0x80 | self.browser.red.unwrap();
        bytes
    }

    /// The same packet through RTX.
    pub fn rtx(&self, rtx_sequence: u16) -> Vec<u8> {
        let mid = (self.source as u8).to_string();
        let outgoing = Outgoing {
            marker: true,
            payload_type: self.browser.rtx,
            sequence: rtx_sequence,
            timestamp: self.timestamp,
            ssrc: published_ssrc(self.who, self.source) + 500,
            mid: mid.as_bytes(),
            transport_number: Some(self.transport_number),
            original_sequence: Some(self.sequence),
            ..Outgoing::default()
        };
        let mut out = Vec::new();
        outgoing.write(&self.browser.ids, self.payload, &mut out);
        out
    }
}

/// The citizen's camera, from Chromium.
pub fn camera(sequence: u16, timestamp: u32, payload: &[u8]) -> Sent<'_> {
    Sent { who: CITIZEN, browser: &CHROMIUM, source: Source::Camera, sequence, timestamp, transport_number: sequence, payload }
}

/// The citizen's microphone, from Chromium.
pub fn microphone(sequence: u16, timestamp: u32) -> Sent<'static> {
    Sent {
        who: CITIZEN,
        browser: &CHROMIUM,
        source: Source::Microphone,
        sequence,
        timestamp,
        transport_number: sequence,
        payload: &[0x78, 1, 2],
    }
}

pub fn read(packet: &[u8]) -> Rtp<'_> {
    Rtp::parse(packet).unwrap()
}
