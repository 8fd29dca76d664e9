//! What one offer and its answer agreed on, as plain data: the SDP itself stays in `media::sdp`.

use crate::sfu::h264::Profile;

/// Where a published track comes from; one word on the wire, in Rust and on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// First sending audio section.
    Microphone,
    /// First sending video section.
    Camera,
    /// Second sending video section.
    Screen,
}

/// The codecs that are forwarded; everything else is answered by omission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// RFC 7741.
    Vp8,
    /// RFC 6184, packetization-mode 1; the profile is compared, not transcoded.
    H264,
}

/// A codec with the numbers that one side's SDP gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodecBinding {
    /// What it is.
    pub codec: Codec,
    /// H264 profile-level-id's first two bytes (profile, constraints); 0 for others.
    pub h264_profile: u16,
    /// RTP payload type.
    pub payload_type: u8,
    /// Payload type of its RTX (RFC 4588), when offered.
    pub rtx_payload_type: Option<u8>,
    /// Payload type under which its packets say earlier ones again (RFC 2198), when offered.
    pub red_payload_type: Option<u8>,
    /// Feedback that both sides speak.
    pub feedback: Feedback,
}

impl CodecBinding {
    /// Whether who negotiated `self` can decode what somebody sends as `published`.
    pub fn decodes(&self, published: &CodecBinding) -> bool {
        match (self.codec, published.codec) {
            (Codec::H264, Codec::H264) => match (Profile::of(self.h264_profile), Profile::of(published.h264_profile)) {
                (Some(decoder), Some(stream)) => decoder.decodes(stream),
                _ => false,
            },
            (own, other) => own == other,
        }
    }
}

/// The `a=rtcp-fb` lines of one payload type (RFC 4585, RFC 5104).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Feedback {
    /// `nack`: generic NACK.
    pub nack: bool,
    /// `nack pli`.
    pub pli: bool,
    /// `ccm fir`.
    pub fir: bool,
    /// `goog-remb`.
    pub remb: bool,
    /// `transport-cc`.
    pub transport_cc: bool,
}

/// Ids of the header extensions (RFC 8285) in one direction of one section; 0 = not negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExtensionIds {
    /// urn:ietf:params:rtp-hdrext:sdes:mid
    pub mid: u8,
    /// transport-wide-cc-extensions-01
    pub transport_cc: u8,
    /// urn:ietf:params:rtp-hdrext:ssrc-audio-level (RFC 6464)
    pub audio_level: u8,
    /// urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
    pub rid: u8,
    /// urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
    pub repaired_rid: u8,
    /// abs-send-time, forwarded only where both legs have it
    pub abs_send_time: u8,
    /// urn:3gpp:video-orientation: without it a phone's picture lies on its side
    pub video_orientation: u8,
}

/// A section on which this participant sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedSection {
    /// `a=mid`, at most 16 bytes.
    pub mid: String,
    /// Which of the person's sources it is.
    pub source: Source,
    /// Which encoding of a picture (RFC 8852), when the section carries several; sections of one mid stand from the best encoding down.
    pub rid: Option<String>,
    /// Primary SSRC of `a=ssrc`, when the offer named it (both browsers do; else learnt from the mid extension).
    pub ssrc: Option<u32>,
    /// RTX SSRC of the FID group.
    pub rtx_ssrc: Option<u32>,
    /// What may arrive, in the answer's order.
    pub codecs: Vec<CodecBinding>,
    /// Extension ids.
    pub extensions: ExtensionIds,
}

/// A section on which this participant receives: a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotSection {
    /// `a=mid`.
    pub mid: String,
    /// Audio or video.
    pub video: bool,
    /// The n-th audio and the n-th video slot are a pair: one media stream and one CNAME (`slot<pair>`), so that a browser keeps lips in sync
    /// when one person's microphone and camera lie on it.
    pub pair: u8,
    /// Our SSRC, fixed for the life of the transport (and over ICE restarts).
    pub ssrc: u32,
    /// Our RTX SSRC (video with RTX only).
    pub rtx_ssrc: Option<u32>,
    /// What this participant can decode.
    pub codecs: Vec<CodecBinding>,
    /// Extension ids.
    pub extensions: ExtensionIds,
}

/// Everything forwarding needs of one participant's SDP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Negotiated {
    /// Sections on which the participant sends.
    pub publishes: Vec<PublishedSection>,
    /// Sections on which the participant receives.
    pub slots: Vec<SlotSection>,
}

/// Who is on a slot: what the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotAssignment {
    /// The receiving section.
    pub mid: String,
    /// Whose track it carries.
    pub participant: crate::ids::ParticipantId,
    /// Which of the person's sources.
    pub source: Source,
}

/// What a participant says they send now (`publish` on the wire).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Publishing {
    /// Sound.
    pub microphone: bool,
    /// Picture.
    pub camera: bool,
    /// Screen.
    pub screen: bool,
}
