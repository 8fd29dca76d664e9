//! The codecs of one media section: what the offer lists, what we take of it, and in which order we like it. Knows nothing of transports.

use rtc::sdp::MediaDescription;

use crate::limits;
use crate::sfu::h264::Profile;
use crate::sfu::negotiated::{Codec, CodecBinding, Feedback};

/// A codec that we take, with the `a=fmtp` of our answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OfferedCodec {
    pub binding: CodecBinding,
    pub fmtp: Option<String>,
}

/// What is known of one payload type while its lines are read.
#[derive(Debug, Clone, Default)]
struct Format<'a> {
    encoding: &'a str,
    parameters: &'a str,
    feedback: Feedback,
}

/// The codecs of a section that we forward, in the offer's order, at most `limits::CODECS_PER_SECTION`.
pub(super) fn read(section: &MediaDescription, video: bool) -> Vec<OfferedCodec> {
    let mut formats: Vec<Option<Format<'_>>> = vec![None; 128];
    let mut order = Vec::new();
    for name in &section.media_name.formats {
        if let Some(payload_type) = payload_type(name)
            && let Some(slot @ None) = formats.get_mut(usize::from(payload_type))
        {
            *slot = Some(Format::default());
            order.push(payload_type);
        }
    }
    for attribute in &section.attributes {
        let Some((name, rest)) = attribute.value.as_deref().and_then(|value| value.split_once(' ')) else { continue };
        if attribute.key == "rtcp-fb" && name == "*" {
            formats.iter_mut().flatten().for_each(|format| add_feedback(&mut format.feedback, rest));
            continue;
        }
        // Lines for payload types that are not in the m-line are left behind by Firefox's setCodecPreferences: skipped here, never echoed.
        let Some(Some(format)) = payload_type(name).and_then(|pt| formats.get_mut(usize::from(pt))) else { continue };
        match attribute.key.as_str() {
            "rtpmap" => format.encoding = rest.trim(),
            "fmtp" => format.parameters = rest,
            "rtcp-fb" => add_feedback(&mut format.feedback, rest),
            _ => {}
        }
    }
    let mut codecs: Vec<OfferedCodec> = Vec::new();
    for payload_type in &order {
        let Some(Some(format)) = formats.get(usize::from(*payload_type)) else { continue };
        if let Some(codec) = accept(*payload_type, format, video)
            && !codecs.iter().any(|other| same(&other.binding, &codec.binding))
            && codecs.len() < limits::CODECS_PER_SECTION
        {
            codecs.push(codec);
        }
    }
    for payload_type in &order {
        let Some(Some(format)) = formats.get(usize::from(*payload_type)) else { continue };
        if video
            && format.encoding.eq_ignore_ascii_case("rtx/90000")
            && let Some(primary) = parameter(format.parameters, "apt").and_then(self::payload_type)
            && let Some(codec) = codecs.iter_mut().find(|codec| codec.binding.payload_type == primary)
            && codec.binding.rtx_payload_type.is_none()
        {
            codec.binding.rtx_payload_type = Some(*payload_type);
        }
    }
    for payload_type in order.iter().filter(|_| !video) {
        let Some(Some(format)) = formats.get(usize::from(*payload_type)) else { continue };
        // RFC 2198 §5: the codec of each block, `111/111`.
        let says = |primary: u8| format.parameters.trim().split('/').all(|name| self::payload_type(name) == Some(primary));
        if format.encoding.eq_ignore_ascii_case("red/48000/2")
            && let Some(codec) = codecs.iter_mut().find(|codec| says(codec.binding.payload_type))
        {
            codec.binding.red_payload_type.get_or_insert(*payload_type);
        }
    }
    codecs
}

/// Our order for what a participant sends: first what most of the `decoders` can show, then VP8 (every browser has it), then the plainest H264.
pub(super) fn prefer(codecs: &mut [OfferedCodec], decoders: &[&[CodecBinding]]) {
    codecs.sort_by_key(|codec| {
        let blind = decoders.iter().filter(|decoder| !decoder.iter().any(|own| own.decodes(&codec.binding))).count();
        (blind, plainness(&codec.binding))
    });
}

fn plainness(binding: &CodecBinding) -> u8 {
    match (binding.codec, Profile::of(binding.h264_profile)) {
        (Codec::Opus | Codec::Vp8, _) => 0,
        (Codec::H264, Some(Profile::ConstrainedBaseline)) => 1,
        (Codec::H264, Some(Profile::Baseline)) => 2,
        (Codec::H264, Some(Profile::Main)) => 3,
        (Codec::H264, Some(Profile::ConstrainedHigh)) => 4,
        (Codec::H264, _) => 5,
    }
}

fn same(one: &CodecBinding, other: &CodecBinding) -> bool {
    one.codec == other.codec && Profile::of(one.h264_profile) == Profile::of(other.h264_profile)
}

fn accept(payload_type: u8, format: &Format<'_>, video: bool) -> Option<OfferedCodec> {
    let mut parts = format.encoding.split('/');
    let (name, clock) = (parts.next()?, parts.next()?);
    let (codec, h264_profile, fmtp) = match (video, name.to_ascii_lowercase().as_str(), clock) {
        (false, "opus", "48000") => (Codec::Opus, 0, Some(String::from("minptime=10;useinbandfec=1;usedtx=1"))),
        (true, "vp8", "90000") => (Codec::Vp8, 0, None),
        (true, "h264", "90000") => {
            let (profile, fmtp) = h264(format.parameters)?;
            (Codec::H264, profile, Some(fmtp))
        }
        _ => return None,
    };
    // Sound is not resent: what its packets say again (RFC 2198, Opus' own FEC) is sooner than a round trip, and what is not done is not promised.
    let feedback = if video { format.feedback } else { Feedback { transport_cc: format.feedback.transport_cc, ..Feedback::default() } };
    let binding = CodecBinding { codec, h264_profile, payload_type, rtx_payload_type: None, red_payload_type: None, feedback };
    Some(OfferedCodec { binding, fmtp })
}

/// Profile and answered parameters of an H264 format; mode 1 only, since its packets (FU-A, STAP-A) cannot be forwarded to a mode 0 receiver.
fn h264(parameters: &str) -> Option<(u16, String)> {
    if parameter(parameters, "packetization-mode") != Some("1") {
        return None;
    }
    // RFC 6184 §8.1: without the parameter it is Baseline at level 1.
    let level_id = parameter(parameters, "profile-level-id").unwrap_or("42000a");
    if level_id.len() != 6 || !level_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let profile = u16::from_str_radix(level_id.get(..4)?, 16).ok()?;
    Profile::of(profile)?;
    let asymmetry = if parameter(parameters, "level-asymmetry-allowed") == Some("1") { "level-asymmetry-allowed=1;" } else { "" };
    Some((profile, format!("{asymmetry}packetization-mode=1;profile-level-id={}", level_id.to_ascii_lowercase())))
}

fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// 64 to 95 would be taken for RTCP when both share a port (RFC 5761 §4).
fn payload_type(text: &str) -> Option<u8> {
    text.parse::<u8>().ok().filter(|pt| *pt < 128 && !(64..96).contains(pt))
}

fn add_feedback(feedback: &mut Feedback, value: &str) {
    match value.trim() {
        "nack" => feedback.nack = true,
        "nack pli" => feedback.pli = true,
        "ccm fir" => feedback.fir = true,
        "goog-remb" => feedback.remb = true,
        "transport-cc" => feedback.transport_cc = true,
        _ => {}
    }
}
