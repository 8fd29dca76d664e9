//! An offer as far as we use it: transport parameters of the bundle and its sections. Candidates are not even read.

use std::io::Cursor;

use rtc::sdp::{MediaDescription, SessionDescription};

use super::codecs::{self, OfferedCodec};
use super::fingerprint::Fingerprint;
use super::{SdpError, token};
use crate::limits;
use crate::sfu::negotiated::ExtensionIds;

/// A whole offer, checked.
pub(super) struct Offer {
    pub version: u64,
    pub allow_mixed: bool,
    pub ufrag: String,
    pub pwd: String,
    pub fingerprint: Fingerprint,
    pub sections: Vec<Section>,
}

/// What a section carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Audio,
    Video,
    Application,
    Other,
}

/// One `m=` section.
pub(super) struct Section {
    pub kind: Kind,
    pub media: String,
    pub protocol: String,
    pub first_format: String,
    pub mid: String,
    /// Bundled, not disabled, of a transport that we speak: may be answered with more than port 0.
    pub usable: bool,
    pub sends: bool,
    pub receives: bool,
    pub reduced_size: bool,
    pub codecs: Vec<OfferedCodec>,
    /// Ids towards us, zero where the offerer would not send them.
    pub sent_extensions: ExtensionIds,
    /// Ids towards the offerer.
    pub received_extensions: ExtensionIds,
    pub ssrc: Option<u32>,
    pub rtx_ssrc: Option<u32>,
    /// The encodings of `a=simulcast` that we take, in the offer's order; empty where there is one.
    pub rids: Vec<String>,
    pub sctp_port: Option<u16>,
    pub max_message_size: Option<u32>,
}

/// Reads an offer within the bounds of `limits`.
pub(super) fn read(text: &str) -> Result<Offer, SdpError> {
    if text.len() > limits::SDP_BYTES || text.bytes().filter(|byte| *byte == b'\n').count() > limits::SDP_LINES {
        return Err(SdpError::TooLarge);
    }
    let description = SessionDescription::unmarshal(&mut Cursor::new(text)).map_err(|_| SdpError::Syntax)?;
    let media = &description.media_descriptions;
    if media.is_empty() {
        return Err(SdpError::Refused("no media section"));
    }
    if media.len() > limits::SDP_SECTIONS {
        return Err(SdpError::TooLarge);
    }
    let bundle = bundled_mids(&description);
    let mut sections: Vec<Section> = Vec::with_capacity(media.len());
    for one in media {
        let section = read_section(one, &bundle, media.len() == 1)?;
        if sections.iter().any(|other| other.mid == section.mid) {
            return Err(SdpError::Refused("two sections with one mid"));
        }
        sections.push(section);
    }
    let tagged = sections.iter().position(|section| section.usable).ok_or(SdpError::Refused("no usable section"))?;
    let tagged = media.get(tagged).ok_or(SdpError::Syntax)?;
    let either = |key: &str| value(tagged, key).or_else(|| description.attribute(key).map(String::as_str));
    let ufrag = either("ice-ufrag").filter(|text| ice_characters(text, 4)).ok_or(SdpError::Refused("no ICE ufrag"))?;
    let pwd = either("ice-pwd").filter(|text| ice_characters(text, 22)).ok_or(SdpError::Refused("no ICE password"))?;
    match either("setup") {
        Some("actpass" | "active") => {}
        _ => return Err(SdpError::Refused("the client must be able to start DTLS")),
    }
    let own = tagged.attributes.iter().filter(|attribute| attribute.key == "fingerprint");
    let shared = description.attributes.iter().filter(|attribute| attribute.key == "fingerprint");
    let fingerprint = own
        .chain(shared)
        .filter_map(|attribute| attribute.value.as_deref())
        .find_map(Fingerprint::parse)
        .ok_or(SdpError::Refused("no SHA-2 fingerprint"))?;
    Ok(Offer {
        version: description.origin.session_version,
        allow_mixed: description.has_attribute("extmap-allow-mixed") || media.iter().any(|one| one.has_attribute("extmap-allow-mixed")),
        ufrag: ufrag.to_owned(),
        pwd: pwd.to_owned(),
        fingerprint,
        sections,
    })
}

fn bundled_mids(description: &SessionDescription) -> Vec<&str> {
    let groups = description.attributes.iter().filter(|attribute| attribute.key == "group");
    let mut values = groups.filter_map(|attribute| attribute.value.as_deref());
    values
        .find_map(|value| value.strip_prefix("BUNDLE "))
        .map(|mids| mids.split_whitespace().take(limits::SDP_SECTIONS).collect())
        .unwrap_or_default()
}

fn read_section(media: &MediaDescription, bundle: &[&str], alone: bool) -> Result<Section, SdpError> {
    let kind = match media.media_name.media.as_str() {
        "audio" => Kind::Audio,
        "video" => Kind::Video,
        "application" => Kind::Application,
        _ => Kind::Other,
    };
    let protocol = media.media_name.protos.join("/");
    let first_format = media.media_name.formats.first().cloned().unwrap_or_default();
    let mid = value(media, "mid").ok_or(SdpError::Refused("section without mid"))?;
    if mid.is_empty()
        || mid.len() > limits::MID_BYTES
        || !token(mid)
        || !token(&first_format)
        || !media.media_name.protos.iter().all(|p| token(p))
    {
        return Err(SdpError::Syntax);
    }
    let known_transport = match kind {
        Kind::Audio | Kind::Video => protocol == "UDP/TLS/RTP/SAVPF" && media.has_attribute("rtcp-mux"),
        Kind::Application => protocol == "UDP/DTLS/SCTP" && first_format == "webrtc-datachannel",
        Kind::Other => false,
    };
    let enabled = media.media_name.port.value != 0 || media.has_attribute("bundle-only");
    let (sends, receives) = direction(media);
    let mut section = Section {
        kind,
        media: media.media_name.media.clone(),
        protocol,
        first_format,
        mid: mid.to_owned(),
        usable: known_transport && enabled && (alone || bundle.contains(&mid)),
        sends,
        receives,
        reduced_size: media.has_attribute("rtcp-rsize"),
        codecs: Vec::new(),
        sent_extensions: ExtensionIds::default(),
        received_extensions: ExtensionIds::default(),
        ssrc: None,
        rtx_ssrc: None,
        rids: Vec::new(),
        sctp_port: value(media, "sctp-port").and_then(|text| text.parse().ok()),
        max_message_size: value(media, "max-message-size").and_then(|text| text.parse::<u64>().ok()).map(clamp_message_size),
    };
    if matches!(kind, Kind::Audio | Kind::Video) {
        section.codecs = codecs::read(media, kind == Kind::Video);
        read_extensions(media, kind, &mut section);
        // Firefox writes a=ssrc into receiving sections too: those are no sources.
        if sends {
            read_ssrcs(media, &mut section);
            section.rids = read_rids(media, &section);
        }
        if section.rids.is_empty() {
            for ids in [&mut section.sent_extensions, &mut section.received_extensions] {
                (ids.rid, ids.repaired_rid) = (0, 0);
            }
        }
    }
    Ok(section)
}

/// RFC 8841 §6: 0 means "any size".
fn clamp_message_size(offered: u64) -> u32 {
    match u32::try_from(offered) {
        Ok(0) | Err(_) => limits::DATA_MESSAGE_BYTES,
        Ok(size) => size.min(limits::DATA_MESSAGE_BYTES),
    }
}

fn direction(media: &MediaDescription) -> (bool, bool) {
    for attribute in &media.attributes {
        match attribute.key.as_str() {
            "sendrecv" => return (true, true),
            "sendonly" => return (true, false),
            "recvonly" => return (false, true),
            "inactive" => return (false, false),
            _ => {}
        }
    }
    (true, true)
}

fn read_extensions(media: &MediaDescription, kind: Kind, section: &mut Section) {
    for attribute in &media.attributes {
        if attribute.key != "extmap" {
            continue;
        }
        let Some((number, uri)) = attribute.value.as_deref().and_then(|value| value.split_once(' ')) else { continue };
        let uri = uri.split_whitespace().next().unwrap_or_default();
        let (id, way) = number.split_once('/').unwrap_or((number, "sendrecv"));
        // 15 is reserved and higher ids need the two-byte form, which forwarding never writes.
        let Some(id) = id.parse::<u8>().ok().filter(|id| (1..=14).contains(id)) else { continue };
        if matches!(way, "sendrecv" | "sendonly") {
            set_extension(&mut section.sent_extensions, kind, uri, id);
        }
        if matches!(way, "sendrecv" | "recvonly") {
            set_extension(&mut section.received_extensions, kind, uri, id);
        }
    }
}

/// abs-send-time is left out: transport-cc supersedes it.
fn set_extension(ids: &mut ExtensionIds, kind: Kind, uri: &str, id: u8) {
    match uri {
        super::MID_URI => ids.mid = id,
        super::TRANSPORT_CC_URI => ids.transport_cc = id,
        super::RID_URI if kind == Kind::Video => ids.rid = id,
        super::REPAIRED_RID_URI if kind == Kind::Video => ids.repaired_rid = id,
        super::AUDIO_LEVEL_URI if kind == Kind::Audio => ids.audio_level = id,
        super::VIDEO_ORIENTATION_URI if kind == Kind::Video => ids.video_orientation = id,
        _ => {}
    }
}

/// RFC 8853 §5.1: `a=simulcast:send q;~h,g;f`. Of alternatives the first is taken; paused ones too, since which are sent is said by message. Nothing where the
/// packets could not say which encoding they are of, or where there is one alone.
fn read_rids(media: &MediaDescription, section: &Section) -> Vec<String> {
    if section.kind != Kind::Video || section.sent_extensions.rid == 0 || section.sent_extensions.mid == 0 {
        return Vec::new();
    }
    let mut words = value(media, "simulcast").unwrap_or_default().split_whitespace();
    let streams = words.by_ref().find(|word| *word == "send").and_then(|_| words.next()).unwrap_or_default();
    let declared = |rid: &str| {
        let mut lines =
            media.attributes.iter().filter(|attribute| attribute.key == "rid").filter_map(|attribute| attribute.value.as_deref());
        lines.any(|line| line.split_whitespace().take(2).eq([rid, "send"]))
    };
    let first = |stream: &str| stream.split(',').next().map(|rid| rid.trim_start_matches('~').to_owned());
    let mut rids: Vec<String> = Vec::new();
    for rid in streams.split(';').filter_map(first) {
        let fits = !rid.is_empty() && rid.len() <= limits::MID_BYTES && rid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if fits && declared(&rid) && !rids.contains(&rid) && rids.len() < limits::LAYERS_MAX {
            rids.push(rid);
        }
    }
    if rids.len() < 2 { Vec::new() } else { rids }
}

fn read_ssrcs(media: &MediaDescription, section: &mut Section) {
    let mut lines =
        media.attributes.iter().filter(|attribute| attribute.key == "ssrc-group").filter_map(|attribute| attribute.value.as_deref());
    let pair = lines.find_map(|line| {
        let mut words = line.split_whitespace();
        if words.next() != Some("FID") {
            return None;
        }
        Some((ssrc(words.next()?)?, ssrc(words.next()?)?))
    });
    if let Some((primary, repair)) = pair {
        section.ssrc = Some(primary);
        section.rtx_ssrc = Some(repair).filter(|repair| *repair != primary);
        return;
    }
    let mut single = media.attributes.iter().filter(|attribute| attribute.key == "ssrc").filter_map(|attribute| attribute.value.as_deref());
    section.ssrc = single.find_map(|line| ssrc(line.split_whitespace().next()?));
}

fn ssrc(text: &str) -> Option<u32> {
    text.parse().ok().filter(|ssrc| *ssrc != 0)
}

fn value<'a>(media: &'a MediaDescription, key: &str) -> Option<&'a str> {
    media.attribute(key).flatten()
}

/// RFC 8839 §5.4: ice-char, at most 256 of them.
fn ice_characters(text: &str, at_least: usize) -> bool {
    (at_least..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}
