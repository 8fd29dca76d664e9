//! The peer connection of a simulated participant: the sections of `docs/protocol.md` (Media), synthetic tracks out, counted tracks in.
//! Knows SDP only as text; who is on the other side of it is not its business.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::interceptor::Slot;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpRtxParameters, RtpCodecKind,
};
use tokio::sync::watch;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::media_stream::MediaStreamTrack;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_local::{TrackLocal, TrackLocalEvent};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder, RTCPeerConnectionState,
    RTCSessionDescription, Registry, SettingEngineBuilder, SrtpProtectionProfile, configure_nack, configure_rtcp_reports,
    configure_simulcast_extension_headers, configure_twcc,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

use crate::load::LoadError;
use crate::load::feedback::ShowFeedback;
use crate::load::received::{MESSAGES_MAX, Received};
use crate::load::synthetic::{OpusSource, SyntheticPacket, Vp8Source, mix};
use crate::sfu::negotiated::Source;

/// The payload types that this end offers.
pub mod payload_type {
    /// Opus.
    pub const OPUS: u8 = 111;
    /// VP8.
    pub const VP8: u8 = 96;
    /// RTX of VP8.
    pub const VP8_RTX: u8 = 97;
}

/// What a peer offers.
#[derive(Debug, Clone)]
pub struct PeerOptions {
    /// Local address of the socket; the port is the system's choice.
    pub bind: IpAddr,
    /// Names this end's synthetic streams: microphone = `name * 16`, camera + 1, screen + 2.
    pub name: u32,
    /// Pairs of receiving sections (audio, video); one more video follows for a screen.
    pub slots: usize,
    /// Data channels opened with the offer.
    pub channels: Vec<String>,
    /// SRTP profiles in the order of this end's wish; empty: the crate's own.
    pub srtp_profiles: Vec<SrtpProtectionProfile>,
}

impl Default for PeerOptions {
    fn default() -> Self {
        Self { bind: IpAddr::from([127, 0, 0, 1]), name: 1, slots: 3, channels: vec![String::from("chat")], srtp_profiles: Vec::new() }
    }
}

const SOURCES: [Source; 3] = [Source::Microphone, Source::Camera, Source::Screen];

struct Outgoing {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    sequence: Mutex<u16>,
    key_frame_wanted: AtomicBool,
    key_frame_requests: AtomicU64,
}

struct Shared {
    received: Mutex<Received>,
    mid_of_ssrc: Mutex<HashMap<u32, String>>,
    state: watch::Sender<RTCPeerConnectionState>,
    changed: watch::Sender<u64>,
    remotes: Mutex<Vec<Arc<dyn TrackRemote>>>,
    stopped: AtomicBool,
}

impl Shared {
    fn touch(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn note_rtp(&self, packet: &rtp::Packet) {
        let mid = lock(&self.mid_of_ssrc).get(&packet.header.ssrc).cloned().unwrap_or_else(|| String::from("?"));
        let header = &packet.header;
        lock(&self.received).sections.entry(mid).or_default().note(header.ssrc, header.payload_type, &packet.payload, Instant::now());
        self.touch();
    }

    fn note_message(&self, label: &str, message: &[u8]) {
        let mut received = lock(&self.received);
        if received.messages.len() < MESSAGES_MAX {
            received.messages.push((label.to_owned(), message.to_vec()));
        }
        drop(received);
        self.touch();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Handler(Arc<Shared>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.0.state.send_replace(state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        lock(&self.0.remotes).push(track.clone());
        let shared = self.0.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    shared.note_rtp(&packet);
                }
            }
        });
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        follow_channel(self.0.clone(), channel);
    }
}

fn follow_channel(shared: Arc<Shared>, channel: Arc<dyn DataChannel>) {
    tokio::spawn(async move {
        let label = channel.label().await.unwrap_or_default();
        while let Some(event) = channel.poll().await {
            match event {
                DataChannelEvent::OnOpen => {
                    lock(&shared.received).open_channels.insert(label.clone());
                    shared.touch();
                }
                DataChannelEvent::OnMessage(message) => shared.note_message(&label, &message.data),
                DataChannelEvent::OnClose => {
                    lock(&shared.received).closed_channels.insert(label.clone());
                    shared.touch();
                }
                _ => {}
            }
        }
    });
}

/// One peer connection.
pub struct Peer {
    connection: Arc<dyn PeerConnection>,
    shared: Arc<Shared>,
    outgoing: HashMap<Source, Arc<Outgoing>>,
    channels: HashMap<String, Arc<dyn DataChannel>>,
    name: u32,
}

impl Peer {
    /// Makes the connection with all its sections; nothing leaves before [`Self::accept_answer`].
    pub async fn new(options: PeerOptions) -> Result<Self, LoadError> {
        let shared = Arc::new(Shared {
            received: Mutex::default(),
            mid_of_ssrc: Mutex::default(),
            state: watch::Sender::new(RTCPeerConnectionState::New),
            changed: watch::Sender::new(0),
            remotes: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let mut media = MediaEngine::default();
        register_codecs(&mut media)?;
        let registry = configure_nack(Registry::new(), &mut media);
        configure_simulcast_extension_headers(&mut media)?;
        // The last of the chain before the crate's own end of it.
        let registry = configure_rtcp_reports(configure_twcc(registry, &mut media)?).with(Slot::Custom(12_500), ShowFeedback::default());
        let mut settings = SettingEngineBuilder::new().with_include_loopback_candidate(true);
        if !options.srtp_profiles.is_empty() {
            settings = settings.with_srtp_protection_profiles(options.srtp_profiles.clone());
        }
        let building = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(media)
            .with_setting_engine(settings.build())
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Handler(shared.clone())))
            .with_udp_addrs(vec![format!("{}", std::net::SocketAddr::new(options.bind, 0))])
            .build();
        // On the heap: the crate's own set-up is twenty kilobytes of future.
        let connection: Arc<dyn PeerConnection> = Arc::new(Box::pin(building).await?);
        let mut outgoing = HashMap::new();
        for source in SOURCES {
            outgoing.insert(source, add_sending(&connection, &shared, source, options.name).await?);
        }
        for slot in 0..options.slots * 2 + 1 {
            let kind = if slot < options.slots * 2 && slot % 2 == 0 { RtpCodecKind::Audio } else { RtpCodecKind::Video };
            let init = RTCRtpTransceiverInit { direction: RTCRtpTransceiverDirection::Recvonly, ..Default::default() };
            connection.add_transceiver_from_kind(kind, Some(init)).await?;
        }
        let mut channels = HashMap::new();
        for label in &options.channels {
            let channel = connection.create_data_channel(label, None).await?;
            follow_channel(shared.clone(), channel.clone());
            channels.insert(label.clone(), channel);
        }
        Ok(Self { connection, shared, outgoing, channels, name: options.name })
    }

    /// The offer, set as the local description.
    pub async fn offer(&self) -> Result<String, LoadError> {
        let offer = self.connection.create_offer(None).await?;
        self.connection.set_local_description(offer.clone()).await?;
        Ok(offer.sdp)
    }

    /// An offer with new ICE credentials on the same sections.
    pub async fn restart_offer(&self) -> Result<String, LoadError> {
        self.connection.restart_ice().await?;
        self.offer().await
    }

    /// The server's answer.
    pub async fn accept_answer(&self, sdp: &str) -> Result<(), LoadError> {
        *lock(&self.shared.mid_of_ssrc) = mids_of_ssrcs(sdp);
        let answer = RTCSessionDescription::answer(sdp.to_owned())?;
        Ok(self.connection.set_remote_description(answer).await?)
    }

    /// Waits until ICE and DTLS are up.
    pub async fn connected(&self, within: Duration) -> Result<(), LoadError> {
        self.reached(RTCPeerConnectionState::Connected, within).await
    }

    /// Waits for a state of the connection.
    pub async fn reached(&self, wanted: RTCPeerConnectionState, within: Duration) -> Result<(), LoadError> {
        let mut state = self.shared.state.subscribe();
        let waited = tokio::time::timeout(within, state.wait_for(|state| *state == wanted)).await;
        waited.map(|_| ()).map_err(|_| LoadError::Late(within, "the state of the peer connection"))
    }

    /// The connection's state.
    pub fn state(&self) -> RTCPeerConnectionState {
        *self.shared.state.borrow()
    }

    /// A copy of what has been received.
    pub fn received(&self) -> Received {
        lock(&self.shared.received).clone()
    }

    /// Forgets the media and messages received so far.
    pub fn forget_received(&self) {
        let mut received = lock(&self.shared.received);
        received.sections.clear();
        received.messages.clear();
    }

    /// Waits until `good` holds for what has been received.
    pub async fn received_until(&self, within: Duration, what: &'static str, good: impl Fn(&Received) -> bool) -> Result<(), LoadError> {
        let mut changed = self.shared.changed.subscribe();
        let wait = async {
            while !good(&lock(&self.shared.received)) {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(within, wait).await.map_err(|_| LoadError::Late(within, what))
    }

    /// The synthetic stream of this end's source.
    pub fn stream(&self, source: Source) -> u32 {
        stream_of(self.name, source)
    }

    /// The SSRC on which this end sends a source.
    pub fn ssrc(&self, source: Source) -> u32 {
        self.outgoing.get(&source).map_or(0, |outgoing| outgoing.ssrc)
    }

    /// The SSRCs that the answer names: those of the server's slots, RTX included.
    pub fn slot_ssrcs(&self) -> Vec<u32> {
        lock(&self.shared.mid_of_ssrc).keys().copied().collect()
    }

    /// PLI and FIR received for a source.
    pub fn key_frame_requests(&self, source: Source) -> u64 {
        self.outgoing.get(&source).map_or(0, |outgoing| outgoing.key_frame_requests.load(Ordering::Relaxed))
    }

    /// Sends one synthetic packet.
    pub async fn send(&self, source: Source, packet: &SyntheticPacket) -> Result<(), LoadError> {
        match self.outgoing.get(&source) {
            Some(outgoing) => send_on(outgoing, source, packet).await,
            None => Ok(()),
        }
    }

    /// Sends a source at its real pace until the peer is closed: Opus each 20 ms, VP8 at 30 frames of 5 packets a second with a key frame first and on demand.
    pub fn start_sending(&self, source: Source) -> tokio::task::JoinHandle<()> {
        let (shared, stream) = (self.shared.clone(), self.stream(source));
        let outgoing = self.outgoing.get(&source).cloned();
        tokio::spawn(async move {
            let Some(outgoing) = outgoing else { return };
            let mut video = Vp8Source::new(stream, 30, 5, 1000);
            let mut audio = OpusSource::new(stream, 80);
            let period = if is_video(source) { Duration::from_nanos(33_333_333) } else { Duration::from_millis(20) };
            let mut tick = tokio::time::interval(period);
            outgoing.key_frame_wanted.store(true, Ordering::Relaxed);
            while !shared.stopped.load(Ordering::Relaxed) {
                tick.tick().await;
                let packets = if is_video(source) {
                    video.frame(outgoing.key_frame_wanted.swap(false, Ordering::Relaxed))
                } else {
                    vec![audio.packet()]
                };
                for packet in &packets {
                    let _ = send_on(&outgoing, source, packet).await;
                }
            }
        })
    }

    /// Sends RTCP over the transport, whoever it names.
    pub async fn send_rtcp(&self, packets: Vec<Box<dyn rtc::rtcp::Packet>>) -> Result<(), LoadError> {
        match self.outgoing.get(&Source::Camera) {
            Some(outgoing) => Ok(outgoing.track.write_rtcp(packets).await?),
            None => Ok(()),
        }
    }

    /// Opens one more data channel.
    pub async fn open_channel(&mut self, label: &str) -> Result<(), LoadError> {
        let channel = self.connection.create_data_channel(label, None).await?;
        follow_channel(self.shared.clone(), channel.clone());
        self.channels.insert(label.to_owned(), channel);
        Ok(())
    }

    /// Sends on a data channel of this end, once it is open.
    pub async fn send_message(&self, label: &str, message: &[u8]) -> Result<(), LoadError> {
        const OPEN: Duration = Duration::from_secs(5);
        let Some(channel) = self.channels.get(label) else { return Err(LoadError::Signaling(format!("no data channel {label}"))) };
        let opened = self.received_until(OPEN, "a data channel to open", |received| received.open_channels.contains(label));
        opened.await?;
        Ok(channel.send(BytesMut::from(message)).await?)
    }

    /// The underlying connection, for what this type does not cover.
    pub fn connection(&self) -> &Arc<dyn PeerConnection> {
        &self.connection
    }

    /// Ends everything.
    pub async fn close(&self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        let _ = self.connection.close().await;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
    }
}

fn is_video(source: Source) -> bool {
    source != Source::Microphone
}

fn stream_of(name: u32, source: Source) -> u32 {
    name * 16
        + match source {
            Source::Microphone => 0,
            Source::Camera => 1,
            Source::Screen => 2,
        }
}

fn register_codecs(media: &mut MediaEngine) -> Result<(), LoadError> {
    let audio = RTCRtpCodecParameters { rtp_codec: codec(false), payload_type: payload_type::OPUS };
    let video = RTCRtpCodecParameters { rtp_codec: codec(true), payload_type: payload_type::VP8 };
    let rtx = RTCRtpCodec {
        mime_type: String::from("video/rtx"),
        clock_rate: 90_000,
        sdp_fmtp_line: format!("apt={}", payload_type::VP8),
        ..Default::default()
    };
    media.register_codec(audio, RtpCodecKind::Audio)?;
    media.register_codec(video, RtpCodecKind::Video)?;
    media.register_codec(RTCRtpCodecParameters { rtp_codec: rtx, payload_type: payload_type::VP8_RTX }, RtpCodecKind::Video)?;
    Ok(())
}

fn codec(video: bool) -> RTCRtpCodec {
    if video {
        RTCRtpCodec { mime_type: String::from("video/VP8"), clock_rate: 90_000, ..Default::default() }
    } else {
        RTCRtpCodec {
            mime_type: String::from("audio/opus"),
            clock_rate: 48_000,
            channels: 2,
            sdp_fmtp_line: String::from("minptime=10;useinbandfec=1"),
            ..Default::default()
        }
    }
}

async fn add_sending(
    connection: &Arc<dyn PeerConnection>,
    shared: &Arc<Shared>,
    source: Source,
    name: u32,
) -> Result<Arc<Outgoing>, LoadError> {
    let stream = stream_of(name, source);
    // Any value below 2^31 will do, as long as two peers of one test differ.
    let ssrc = (mix(u64::from(stream)) as u32 >> 1).max(1);
    let kind = if is_video(source) { RtpCodecKind::Video } else { RtpCodecKind::Audio };
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(ssrc),
            rtx: is_video(source).then_some(RTCRtpRtxParameters { ssrc: ssrc | 1 << 31 }),
            ..Default::default()
        },
        active: true,
        codec: codec(is_video(source)),
        ..Default::default()
    };
    let media = MediaStreamTrack::new(format!("stream-{name}"), format!("{source:?}-{name}"), format!("{source:?}"), kind, vec![encoding]);
    let track = Arc::new(TrackLocalStaticRTP::new(media));
    let init = RTCRtpTransceiverInit { direction: RTCRtpTransceiverDirection::Sendonly, ..Default::default() };
    connection.add_transceiver_from_track(track.clone() as Arc<dyn TrackLocal>, Some(init)).await?;
    let outgoing = Arc::new(Outgoing {
        track: track.clone(),
        ssrc,
        sequence: Mutex::new(mix(u64::from(ssrc)) as u16),
        key_frame_wanted: AtomicBool::new(false),
        key_frame_requests: AtomicU64::new(0),
    });
    let (following, shared) = (outgoing.clone(), shared.clone());
    tokio::spawn(async move {
        while let Some(TrackLocalEvent::OnRtcpPacket(packets)) = track.poll().await {
            let asks = packets.iter().filter(|packet| asks_for_key_frame(packet.as_ref(), ssrc)).count();
            if asks > 0 {
                following.key_frame_wanted.store(true, Ordering::Relaxed);
                following.key_frame_requests.fetch_add(asks as u64, Ordering::Relaxed);
                shared.touch();
            }
        }
    });
    Ok(outgoing)
}

fn asks_for_key_frame(packet: &dyn rtc::rtcp::Packet, ssrc: u32) -> bool {
    use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
    use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
    let any = packet.as_any();
    any.downcast_ref::<PictureLossIndication>().is_some_and(|pli| pli.media_ssrc == ssrc)
        || any.downcast_ref::<FullIntraRequest>().is_some_and(|fir| fir.fir.iter().any(|entry| entry.ssrc == ssrc))
}

async fn send_on(outgoing: &Outgoing, source: Source, packet: &SyntheticPacket) -> Result<(), LoadError> {
    let sequence_number = {
        let mut next = lock(&outgoing.sequence);
        *next = next.wrapping_add(1);
        *next
    };
    let header = rtp::Header {
        version: 2,
        marker: packet.marker,
        payload_type: if is_video(source) { payload_type::VP8 } else { payload_type::OPUS },
        sequence_number,
        timestamp: packet.timestamp,
        ssrc: outgoing.ssrc,
        ..Default::default()
    };
    Ok(outgoing.track.write_rtp(rtp::Packet { header, payload: Bytes::from(packet.payload.clone()) }).await?)
}

/// The mid of every SSRC that an SDP names.
fn mids_of_ssrcs(sdp: &str) -> HashMap<u32, String> {
    let (mut mid, mut ssrcs, mut found) = (String::new(), Vec::new(), HashMap::new());
    for line in sdp.lines().map(str::trim_end).chain(std::iter::once("m=")) {
        if line.starts_with("m=") {
            found.extend(ssrcs.drain(..).map(|ssrc| (ssrc, mid.clone())));
            mid.clear();
        } else if let Some(value) = line.strip_prefix("a=mid:") {
            value.clone_into(&mut mid);
        } else if let Some(value) = line.strip_prefix("a=ssrc:") {
            ssrcs.extend(value.split(' ').next().and_then(|text| text.parse::<u32>().ok()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_offer_has_the_sections_of_the_protocol_in_order() {
        let peer = Box::pin(Peer::new(PeerOptions::default())).await.unwrap();
        let sdp = peer.offer().await.unwrap();
        peer.close().await;
        let sections: Vec<String> = sdp
            .split("\r\nm=")
            .skip(1)
            .map(|section| {
                let kind = section.split(' ').next().unwrap();
                let direction = ["sendonly", "recvonly"].iter().find(|d| section.lines().any(|line| line == format!("a={d}")));
                direction.map_or(kind.to_owned(), |direction| format!("{kind} {direction}"))
            })
            .collect();
        let receiving = ["audio recvonly", "video recvonly"].repeat(3);
        let mut wanted = vec!["audio sendonly", "video sendonly", "video sendonly"];
        wanted.extend(receiving);
        wanted.extend(["video recvonly", "application"]);
        assert_eq!(sections, wanted, "{sdp}");
    }
}
