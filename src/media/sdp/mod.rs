//! Offer in, answer out (RFC 8829, RFC 8866, RFC 9143): our own small negotiator on the parser of `rtc::sdp`. Refuses to know sockets, candidates of
//! the client, or anything that would need a second offer.

mod codecs;
mod fingerprint;
mod offer;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::net::SocketAddr;

pub use self::fingerprint::Fingerprint;
use self::offer::{Kind, Offer, Section};
use crate::limits;
use crate::sfu::negotiated::{CodecBinding, ExtensionIds, Feedback, Negotiated, PublishedSection, SlotSection, Source};

const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const TRANSPORT_CC_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const RID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const REPAIRED_RID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
const AUDIO_LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const VIDEO_ORIENTATION_URI: &str = "urn:3gpp:video-orientation";

/// What a browser of libwebrtc's family believes of its uplink before it was measured, in kbit/s; others pass the parameter over. From its own 300 the
/// first key frame takes 0.1 s to leave and a 720p camera begins with frames dropped; the feedback corrects a line that carries less within a second.
const START_KBPS: u32 = 1_000;

/// Our side of the transport, as the answer must state it.
#[derive(Debug, Clone, Copy)]
pub struct LocalParameters<'a> {
    /// ICE user fragment, 4 to 256 ice-chars.
    pub ufrag: &'a str,
    /// ICE password, 22 to 256 ice-chars.
    pub pwd: &'a str,
    /// SHA-256 of our DTLS certificate.
    pub fingerprint_sha256: &'a [u8; 32],
    /// Our UDP addresses, best first.
    pub candidates: &'a [SocketAddr],
    /// Our TCP addresses, best first: those of the web server.
    pub tcp_candidates: &'a [SocketAddr],
    /// Random numbers for our SSRCs; those that the offer uses are passed over.
    pub ssrcs: &'a [u32; 16],
}

/// What an offer led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The answer itself.
    pub sdp: String,
    /// What forwarding needs of it.
    pub negotiated: Negotiated,
    /// The client's ICE user fragment.
    pub remote_ufrag: String,
    /// The client's ICE password.
    pub remote_pwd: String,
    /// What the client's certificate must hash to.
    pub remote_fingerprint: Fingerprint,
    /// SCTP port of the application section, if there is one that we took.
    pub sctp_port: Option<u16>,
    /// Largest message that may be sent to the client, at most `limits::DATA_MESSAGE_BYTES`.
    pub max_message_size: u32,
}

/// Why an offer was not answered: always the client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// More bytes, lines or sections than `limits` allow.
    #[error("too large")]
    TooLarge,
    /// Not SDP.
    #[error("not SDP")]
    Syntax,
    /// SDP, but nothing that we can or want to answer; the text says what is wrong without repeating the offer.
    #[error("{0}")]
    Refused(&'static str),
}

impl SdpError {
    /// The reason in words that hold nothing of the offer.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "too large",
            Self::Syntax => "not SDP",
            Self::Refused(reason) => reason,
        }
    }
}

/// Answers an offer. `previous` is what the same transport had agreed on before an ICE restart: its SSRCs stay.
pub fn answer(offer: &str, local: &LocalParameters<'_>, previous: Option<&Negotiated>) -> Result<Answer, SdpError> {
    answer_among(offer, local, previous, &[])
}

/// Answers an offer of somebody who will be seen by `viewers`: the codec that most of them can decode comes first and so is the one sent,
/// since nothing is transcoded and no second offer follows.
pub fn answer_among(
    offer: &str,
    local: &LocalParameters<'_>,
    previous: Option<&Negotiated>,
    viewers: &[&Negotiated],
) -> Result<Answer, SdpError> {
    let mut offer = offer::read(offer)?;
    order_codecs(&mut offer, viewers);
    let mut plan = Plan::new(&offer, local, previous);
    let sections: Vec<Decision> = offer.sections.iter().map(|section| plan.decide(section)).collect();
    if !sections.iter().any(|decision| !matches!(decision, Decision::Reject)) {
        return Err(SdpError::Refused("nothing in common"));
    }
    let sdp = write(&offer, &sections, local, &plan.negotiated);
    Ok(Answer {
        sdp,
        negotiated: plan.negotiated,
        remote_ufrag: offer.ufrag,
        remote_pwd: offer.pwd,
        remote_fingerprint: offer.fingerprint,
        sctp_port: plan.sctp_port,
        max_message_size: plan.max_message_size,
    })
}

fn order_codecs(offer: &mut Offer, viewers: &[&Negotiated]) {
    for section in &mut offer.sections {
        let video = section.kind == Kind::Video;
        let slots = viewers.iter().filter_map(|viewer| viewer.slots.iter().find(|slot| slot.video == video));
        let decoders: Vec<&[CodecBinding]> = slots.map(|slot| slot.codecs.as_slice()).collect();
        codecs::prefer(&mut section.codecs, &decoders);
    }
}

/// What becomes of one section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    /// Port 0.
    Reject,
    /// Audio or video: which index of `Negotiated::publishes` and `Negotiated::slots` it became.
    Media { publish: Option<usize>, slot: Option<usize> },
    /// The SCTP association.
    Data,
}

/// Walks the sections in order and hands out sources, slots and SSRCs.
struct Plan<'a> {
    negotiated: Negotiated,
    previous: Option<&'a Negotiated>,
    unused_ssrcs: Vec<u32>,
    audio_slots: u8,
    video_slots: u8,
    sctp_port: Option<u16>,
    max_message_size: u32,
}

impl<'a> Plan<'a> {
    fn new(offer: &Offer, local: &LocalParameters<'_>, previous: Option<&'a Negotiated>) -> Self {
        let mut taken: Vec<u32> = offer.sections.iter().flat_map(|section| [section.ssrc, section.rtx_ssrc]).flatten().collect();
        if let Some(previous) = previous {
            taken.extend(previous.slots.iter().flat_map(|slot| [Some(slot.ssrc), slot.rtx_ssrc]).flatten());
        }
        let mut unused_ssrcs = Vec::with_capacity(local.ssrcs.len());
        for ssrc in local.ssrcs.iter().rev() {
            if *ssrc != 0 && !taken.contains(ssrc) {
                taken.push(*ssrc);
                unused_ssrcs.push(*ssrc);
            }
        }
        Self {
            negotiated: Negotiated::default(),
            previous,
            unused_ssrcs,
            audio_slots: 0,
            video_slots: 0,
            sctp_port: None,
            max_message_size: 0,
        }
    }

    fn decide(&mut self, section: &Section) -> Decision {
        match section.kind {
            _ if !section.usable => Decision::Reject,
            Kind::Application => self.decide_data(section),
            Kind::Audio | Kind::Video if !section.codecs.is_empty() => {
                let publish = section.sends.then(|| self.publish(section)).flatten();
                let slot = section.receives.then(|| self.slot(section)).flatten();
                Decision::Media { publish, slot }
            }
            _ => Decision::Reject,
        }
    }

    fn decide_data(&mut self, section: &Section) -> Decision {
        if self.sctp_port.is_some() {
            return Decision::Reject;
        }
        self.sctp_port = Some(section.sctp_port.unwrap_or(5000));
        // RFC 8841 §6.1: 64 KiB when the attribute is absent.
        self.max_message_size = section.max_message_size.unwrap_or(64 * 1024);
        Decision::Data
    }

    fn publish(&mut self, section: &Section) -> Option<usize> {
        let has = |source| self.negotiated.publishes.iter().any(|published| published.source == source);
        let source = match section.kind {
            Kind::Audio if !has(Source::Microphone) => Source::Microphone,
            Kind::Video if !has(Source::Camera) => Source::Camera,
            Kind::Video if !has(Source::Screen) => Source::Screen,
            _ => return None,
        };
        let at = self.negotiated.publishes.len();
        let track = |rid: Option<&String>| PublishedSection {
            mid: section.mid.clone(),
            source,
            rid: rid.cloned(),
            // With several encodings they are learnt: browsers disagree about naming them.
            ssrc: section.ssrc.filter(|_| rid.is_none()),
            rtx_ssrc: section.rtx_ssrc.filter(|_| rid.is_none()),
            codecs: bindings(section),
            extensions: section.sent_extensions,
        };
        // Offered from the smallest up; the best one stands for the source wherever one is asked for.
        self.negotiated.publishes.extend(section.rids.iter().rev().map(|(rid, _)| track(Some(rid))));
        if section.rids.is_empty() {
            self.negotiated.publishes.push(track(None));
        }
        Some(at)
    }

    fn slot(&mut self, section: &Section) -> Option<usize> {
        if self.negotiated.slots.len() >= limits::SLOTS_MAX {
            return None;
        }
        let video = section.kind == Kind::Video;
        let repairs = section.codecs.iter().any(|codec| codec.binding.rtx_payload_type.is_some());
        let before = self.previous.and_then(|previous| previous.slots.iter().find(|slot| slot.mid == section.mid && slot.video == video));
        let (ssrc, rtx_ssrc) = match before {
            Some(slot) => (slot.ssrc, slot.rtx_ssrc),
            None if repairs && self.unused_ssrcs.len() < 2 => return None,
            None => (self.unused_ssrcs.pop()?, if repairs { self.unused_ssrcs.pop() } else { None }),
        };
        let count = if video { &mut self.video_slots } else { &mut self.audio_slots };
        let pair = *count;
        *count += 1;
        let slot = SlotSection {
            mid: section.mid.clone(),
            video,
            pair,
            ssrc,
            rtx_ssrc,
            codecs: bindings(section),
            extensions: section.received_extensions,
        };
        self.negotiated.slots.push(slot);
        Some(self.negotiated.slots.len() - 1)
    }
}

fn bindings(section: &Section) -> Vec<CodecBinding> {
    section.codecs.iter().map(|codec| codec.binding).collect()
}

fn write(offer: &Offer, decisions: &[Decision], local: &LocalParameters<'_>, negotiated: &Negotiated) -> String {
    let mut sdp = String::with_capacity(8 * 1024);
    let accepted = offer.sections.iter().zip(decisions).filter(|(_, decision)| !matches!(decision, Decision::Reject));
    let mids: Vec<&str> = accepted.map(|(section, _)| section.mid.as_str()).collect();
    // The o= line must keep its id and raise its version over restarts (RFC 8866 §5.2): the kept SSRC and the offer's own version do both.
    let id = negotiated.slots.first().map_or(1, |slot| slot.ssrc);
    line(&mut sdp, format_args!("v=0"));
    line(&mut sdp, format_args!("o=- {id} {} IN IP4 0.0.0.0", offer.version));
    line(&mut sdp, format_args!("s=-"));
    line(&mut sdp, format_args!("t=0 0"));
    line(&mut sdp, format_args!("a=ice-lite"));
    line(&mut sdp, format_args!("a=group:BUNDLE {}", mids.join(" ")));
    if offer.allow_mixed {
        line(&mut sdp, format_args!("a=extmap-allow-mixed"));
    }
    line(&mut sdp, format_args!("a=msid-semantic: WMS *"));
    let mut first = true;
    for (section, decision) in offer.sections.iter().zip(decisions) {
        match decision {
            Decision::Reject => write_rejected(&mut sdp, section),
            Decision::Data => {
                line(&mut sdp, format_args!("m=application 9 UDP/DTLS/SCTP webrtc-datachannel"));
                write_transport(&mut sdp, section, local, &mut first);
                line(&mut sdp, format_args!("a=sctp-port:5000"));
                line(&mut sdp, format_args!("a=max-message-size:{}", limits::DATA_MESSAGE_BYTES));
            }
            Decision::Media { publish, slot } => {
                write_media_line(&mut sdp, section, publish.is_some());
                write_transport(&mut sdp, section, local, &mut first);
                let slot = slot.and_then(|index| negotiated.slots.get(index));
                write_media(&mut sdp, section, publish.is_some(), slot);
            }
        }
    }
    sdp
}

fn line(sdp: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = write!(sdp, "{text}\r\n");
}

fn write_rejected(sdp: &mut String, section: &Section) {
    line(sdp, format_args!("m={} 0 {} {}", section.media, section.protocol, section.first_format));
    line(sdp, format_args!("c=IN IP4 0.0.0.0"));
    line(sdp, format_args!("a=mid:{}", section.mid));
    line(sdp, format_args!("a=inactive"));
}

fn write_media_line(sdp: &mut String, section: &Section, publishes: bool) {
    let _ = write!(sdp, "m={} 9 {}", section.media, section.protocol);
    for codec in &section.codecs {
        // What stands first is what is sent: each sound twice. How often one of ours is said depends on the line.
        let redundant = codec.binding.red_payload_type.map(|redundant| format!(" {redundant}")).unwrap_or_default();
        let plain = format!(" {}", codec.binding.payload_type);
        sdp.push_str(&if publishes { redundant + &plain } else { plain + &redundant });
        if let Some(repair) = codec.binding.rtx_payload_type {
            let _ = write!(sdp, " {repair}");
        }
    }
    sdp.push_str("\r\n");
}

/// Everything that belongs to the shared transport; the candidates stand in the first section alone (RFC 9143 §7.1.3).
fn write_transport(sdp: &mut String, section: &Section, local: &LocalParameters<'_>, first: &mut bool) {
    line(sdp, format_args!("c=IN IP4 0.0.0.0"));
    line(sdp, format_args!("a=mid:{}", section.mid));
    line(sdp, format_args!("a=ice-ufrag:{}", local.ufrag));
    line(sdp, format_args!("a=ice-pwd:{}", local.pwd));
    sdp.push_str("a=fingerprint:sha-256 ");
    for (index, octet) in local.fingerprint_sha256.iter().enumerate() {
        let _ = write!(sdp, "{}{octet:02X}", if index == 0 { "" } else { ":" });
    }
    sdp.push_str("\r\n");
    line(sdp, format_args!("a=setup:passive"));
    if std::mem::take(first) {
        for (index, address) in local.candidates.iter().enumerate() {
            // RFC 8445 §5.1.2.1: host candidates (126), the best address first, component 1.
            let preference = 65_535_u32.saturating_sub(u32::try_from(index).unwrap_or(u32::MAX));
            let priority = (126 << 24) | (preference << 8) | 255;
            line(sdp, format_args!("a=candidate:{} 1 udp {priority} {} {} typ host", index + 1, address.ip(), address.port()));
        }
        for (index, address) in local.tcp_candidates.iter().enumerate() {
            // RFC 6544 §4.2: below every UDP candidate (90), passive (direction preference 4 of 7), the best address first.
            let preference = (4 << 13) | 8_191_u32.saturating_sub(u32::try_from(index).unwrap_or(u32::MAX));
            let priority = (90 << 24) | (preference << 8) | 255;
            let foundation = local.candidates.len() + index + 1;
            line(
                sdp,
                format_args!("a=candidate:{foundation} 1 tcp {priority} {} {} typ host tcptype passive", address.ip(), address.port()),
            );
        }
        line(sdp, format_args!("a=end-of-candidates"));
    }
}

fn write_media(sdp: &mut String, section: &Section, publishes: bool, slot: Option<&SlotSection>) {
    let direction = match (publishes, slot.is_some()) {
        (true, true) => "sendrecv",
        (true, false) => "recvonly",
        (false, true) => "sendonly",
        (false, false) => "inactive",
    };
    line(sdp, format_args!("a={direction}"));
    line(sdp, format_args!("a=rtcp-mux"));
    if section.reduced_size {
        line(sdp, format_args!("a=rtcp-rsize"));
    }
    for codec in &section.codecs {
        write_codec(sdp, codec, publishes && section.kind == Kind::Video);
    }
    write_extensions(sdp, section);
    if publishes && !section.rids.is_empty() {
        for (rid, _) in &section.rids {
            line(sdp, format_args!("a=rid:{rid} recv"));
        }
        // Paused stays paused: Chromium opens every encoding that the answer names without the mark, and nothing may leave before the admission.
        let streams: Vec<String> = section.rids.iter().map(|(rid, paused)| format!("{}{rid}", if *paused { "~" } else { "" })).collect();
        line(sdp, format_args!("a=simulcast:recv {}", streams.join(";")));
    }
    if let Some(slot) = slot {
        line(sdp, format_args!("a=msid:slot{} {}{}", slot.pair, if slot.video { "v" } else { "a" }, slot.pair));
        if let Some(repair) = slot.rtx_ssrc {
            line(sdp, format_args!("a=ssrc-group:FID {} {repair}", slot.ssrc));
        }
        for ssrc in [Some(slot.ssrc), slot.rtx_ssrc].into_iter().flatten() {
            line(sdp, format_args!("a=ssrc:{ssrc} cname:slot{}", slot.pair));
        }
    }
}

fn write_codec(sdp: &mut String, codec: &codecs::OfferedCodec, sends_pictures: bool) {
    use crate::sfu::negotiated::Codec;
    let CodecBinding { codec: name, payload_type, rtx_payload_type, red_payload_type, feedback, .. } = codec.binding;
    let encoding = match name {
        Codec::Opus => "opus/48000/2",
        Codec::Vp8 => "VP8/90000",
        Codec::H264 => "H264/90000",
    };
    line(sdp, format_args!("a=rtpmap:{payload_type} {encoding}"));
    for (agreed, value) in feedback_lines(feedback) {
        if agreed {
            line(sdp, format_args!("a=rtcp-fb:{payload_type} {value}"));
        }
    }
    let start = sends_pictures.then(|| format!("x-google-start-bitrate={START_KBPS}"));
    let fmtp: Vec<&str> = codec.fmtp.iter().chain(&start).map(String::as_str).collect();
    if !fmtp.is_empty() {
        line(sdp, format_args!("a=fmtp:{payload_type} {}", fmtp.join(";")));
    }
    if let Some(repair) = rtx_payload_type {
        line(sdp, format_args!("a=rtpmap:{repair} rtx/90000"));
        line(sdp, format_args!("a=fmtp:{repair} apt={payload_type}"));
    }
    if let Some(redundant) = red_payload_type {
        line(sdp, format_args!("a=rtpmap:{redundant} red/48000/2"));
        line(sdp, format_args!("a=fmtp:{redundant} {payload_type}/{payload_type}"));
    }
}

fn feedback_lines(feedback: Feedback) -> [(bool, &'static str); 5] {
    [
        (feedback.remb, "goog-remb"),
        (feedback.transport_cc, "transport-cc"),
        (feedback.fir, "ccm fir"),
        (feedback.nack, "nack"),
        (feedback.pli, "nack pli"),
    ]
}

/// RFC 8285 §5: an answered extension keeps the offer's id; its direction is turned round.
fn write_extensions(sdp: &mut String, section: &Section) {
    let pick = |get: fn(&ExtensionIds) -> u8| (get(&section.sent_extensions), get(&section.received_extensions));
    let extensions = [
        (pick(|ids| ids.mid), MID_URI),
        (pick(|ids| ids.transport_cc), TRANSPORT_CC_URI),
        (pick(|ids| ids.audio_level), AUDIO_LEVEL_URI),
        (pick(|ids| ids.video_orientation), VIDEO_ORIENTATION_URI),
        (pick(|ids| ids.rid), RID_URI),
        (pick(|ids| ids.repaired_rid), REPAIRED_RID_URI),
    ];
    for (ids, uri) in extensions {
        match ids {
            (0, 0) => {}
            (0, id) => line(sdp, format_args!("a=extmap:{id}/sendonly {uri}")),
            (id, 0) => line(sdp, format_args!("a=extmap:{id}/recvonly {uri}")),
            (id, _) => line(sdp, format_args!("a=extmap:{id} {uri}")),
        }
    }
}

/// RFC 8866 §9 `token`, so that nothing of an offer can start a line of its own in our answer.
fn token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(&byte))
}
