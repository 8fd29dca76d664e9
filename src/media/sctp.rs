//! SCTP and the data channels over it, ended by the server (RFC 8831, RFC 8832): the engine of `rtc` behind our own bounds (O11).
//! One constant address stands for the client, so a moved path keeps the association. Refuses labels that the protocol does not reserve.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use rtc::datachannel::message::Message;
use rtc::datachannel::message::message_channel_ack::DataChannelAck;
use rtc::sctp::{
    Association, AssociationHandle, DatagramEvent, Endpoint, EndpointConfig, Event, Payload, PayloadProtocolIdentifier as Protocol,
    ReliabilityType, ServerConfig, StreamEvent, TransportConfig, max_payload_size_for_mtu,
};
use rtc::shared::TransportProtocol;
use rtc::shared::marshal::{Marshal, Unmarshal};

use super::chunk_guard::{ChunkGuard, Verdict, causes_fit, initiation};
use super::plane::Label;
use crate::limits;
use crate::time::Instant;

/// The address that the engine believes the client has.
const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 5000);
const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)), 5000);

/// One transport's association and its channels.
pub struct Sctp {
    config: Arc<ServerConfig>,
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    guard: ChunkGuard,
    /// The client does what no client does: it has no channels any more, whatever it sends.
    barred: bool,
    /// The client's initiate tag, and our answers to its INIT while the handshake is incomplete.
    init: Option<(u32, Vec<Bytes>)>,
    repeat: bool,
    channels: Vec<Channel>,
    refused: u64,
    /// Packet bytes since everything readable was last read.
    unread: usize,
}

struct Channel {
    stream: u16,
    label: Label,
}

impl Sctp {
    /// Waits for the client's INIT. `max_message` is the client's `a=max-message-size`, 0 for no limit of its own.
    pub fn new(port: u16, max_message: u32) -> Self {
        let max_message = if max_message == 0 { limits::DATA_MESSAGE_BYTES } else { max_message.min(limits::DATA_MESSAGE_BYTES) };
        let transport = TransportConfig::default()
            .with_sctp_port(port)
            .with_max_message_size(max_message)
            .with_max_receive_buffer_size(limits::DATA_RECEIVE_BYTES);
        let config = Arc::new(ServerConfig::new(transport));
        Self {
            endpoint: endpoint(&config),
            config,
            association: None,
            guard: ChunkGuard::new(0),
            barred: false,
            init: None,
            repeat: false,
            channels: Vec::new(),
            refused: 0,
            unread: 0,
        }
    }

    /// One SCTP packet out of DTLS. At most one association ever exists: the engine would make one per INIT, repeated ones included.
    pub fn handle_packet(&mut self, packet: &[u8], now: Instant) {
        self.unread += packet.len();
        if self.unread > limits::DATA_UNREAD_BYTES {
            return; // the engine counts the window in payload bytes alone; a million tiny messages would cost far more
        }
        if self.barred || !causes_fit(packet) {
            return;
        }
        if let Some((tag, first)) = initiation(packet) {
            let handshaking = self.association.as_ref().is_none_or(|(_, association)| association.is_handshaking());
            if !handshaking {
                return;
            }
            if self.init.as_ref().is_some_and(|(known, _)| *known == tag) {
                self.repeat = true; // our answer was lost, or is on its way
                return;
            }
            self.endpoint = endpoint(&self.config);
            self.init = Some((tag, Vec::new()));
            self.guard = ChunkGuard::new(first);
        }
        match self.guard.judge(packet) {
            Verdict::Pass => {}
            Verdict::Drop => return,
            Verdict::Bar => return self.bar(),
        }
        match self.endpoint.handle(now, CLIENT, None, Bytes::copy_from_slice(packet)) {
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                self.association = Some((handle, association));
                self.channels.clear();
            }
            Some((handle, DatagramEvent::AssociationEvent(event))) => {
                if let Some((_, association)) = self.association.as_mut().filter(|(ours, _)| *ours == handle) {
                    association.handle_event(event);
                }
            }
            _ => {}
        }
    }

    /// Frees all that is kept. Its pictures and sound go on.
    fn bar(&mut self) {
        self.barred = true;
        self.refused += 1;
        self.association = None;
        self.channels.clear();
        self.init = None;
        self.endpoint = endpoint(&self.config);
    }

    /// Opens and closes channels and reads messages as long as `room` says that there is room for one; the rest waits behind the receive window.
    pub fn poll(&mut self, now: Instant, mut room: impl FnMut() -> bool, mut message: impl FnMut(Label, Vec<u8>)) {
        let Some((handle, association)) = self.association.as_mut() else { return };
        while let Some(event) = association.poll() {
            if let Event::Stream(StreamEvent::Stopped { id, .. } | StreamEvent::Finished { id }) = event {
                self.channels.retain(|channel| channel.stream != id);
            }
        }
        while association.accept_stream().is_some() {}
        let handle = *handle;
        while let Some(event) = association.poll_endpoint_event() {
            self.endpoint.handle_event(handle, event);
        }
        let mut all_read = true;
        let streams = association.stream_ids();
        self.channels.retain(|channel| streams.contains(&channel.stream));
        for id in streams {
            loop {
                let known = self.channels.iter().find(|channel| channel.stream == id).map(|channel| channel.label);
                if known.is_some() && !room() {
                    all_read = false;
                    break;
                }
                let Ok(mut stream) = association.stream(id) else { break };
                let Ok(Some(chunks)) = stream.read_sctp() else { break };
                let Ok(payload) = chunks.to_payload(limits::DATA_MESSAGE_BYTES as usize) else { continue };
                match (chunks.ppi, known) {
                    (Protocol::Dcep, _) => {
                        let opened = (known.is_none() && self.channels.len() < limits::DATA_CHANNELS).then(|| open(&payload)).flatten();
                        match opened {
                            Some((label, reliability)) => {
                                self.channels.push(Channel { stream: id, label });
                                let _ = stream.set_reliability_params(reliability.0, reliability.1, reliability.2);
                                if let Ok(ack) = Message::DataChannelAck(DataChannelAck {}).marshal() {
                                    let _ = stream.write_sctp(now, &ack.freeze(), Protocol::Dcep);
                                }
                            }
                            None if known.is_none() => {
                                self.refused += 1;
                                let _ = stream.close(now);
                                break;
                            }
                            None => {}
                        }
                    }
                    (Protocol::String | Protocol::Binary, Some(label)) => message(label, payload.to_vec()),
                    (Protocol::StringEmpty | Protocol::BinaryEmpty, Some(label)) => message(label, Vec::new()),
                    // Data on a channel that was never opened, or of an unknown kind.
                    _ => {}
                }
            }
        }
        if all_read {
            self.unread = 0;
        }
    }

    /// Packets that DTLS should carry now.
    pub fn poll_packets(&mut self, now: Instant, mut packet: impl FnMut(&[u8])) {
        let Some((_, association)) = self.association.as_mut() else { return };
        if std::mem::take(&mut self.repeat) {
            self.init.iter().flat_map(|(_, answers)| answers).for_each(|bytes| packet(bytes));
        }
        while let Some(transmit) = association.poll_transmit(now) {
            let Payload::RawEncode(packets) = transmit.message else { continue };
            for bytes in &packets {
                self.guard.answered(bytes);
                packet(bytes);
            }
            if let Some((_, answers)) = self.init.as_mut().filter(|(_, answers)| answers.is_empty()) {
                *answers = packets;
            }
        }
    }

    /// Queues a message on the first channel with this label; `false` when there is none or too much waits already.
    pub fn send(&mut self, label: Label, message: &[u8], now: Instant) -> bool {
        let Some((_, association)) = self.association.as_mut() else { return false };
        let Some(channel) = self.channels.iter().find(|channel| channel.label == label) else { return false };
        let queued: usize =
            self.channels.iter().filter_map(|channel| association.stream(channel.stream).ok()?.buffered_amount().ok()).sum();
        if queued + message.len() > limits::DATA_SEND_BYTES || message.len() > limits::DATA_MESSAGE_BYTES as usize {
            return false;
        }
        let Ok(mut stream) = association.stream(channel.stream) else { return false };
        let text = label != Label::Files;
        let (payload, protocol) = match (message.is_empty(), text) {
            (false, true) => (Bytes::copy_from_slice(message), Protocol::String),
            (false, false) => (Bytes::copy_from_slice(message), Protocol::Binary),
            (true, true) => (Bytes::from_static(&[0]), Protocol::StringEmpty),
            (true, false) => (Bytes::from_static(&[0]), Protocol::BinaryEmpty),
        };
        stream.write_sctp(now, &payload, protocol).is_ok()
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.association.as_ref().and_then(|(_, association)| association.poll_timeout())
    }

    /// Retransmission, delayed acknowledgements.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some((_, association)) = &mut self.association {
            association.handle_timeout(now);
        }
    }

    /// Channels closed since the last call, and associations of clients that were barred.
    pub fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }
}

fn endpoint(config: &Arc<ServerConfig>) -> Endpoint {
    let mut sizes = EndpointConfig::new();
    sizes.max_payload_size(max_payload_size_for_mtu(limits::SCTP_MTU));
    Endpoint::new(SERVER, TransportProtocol::UDP, Arc::new(sizes), Some(config.clone()))
}

/// Reads a DATA_CHANNEL_OPEN; `None` unless its label is reserved.
fn open(payload: &[u8]) -> Option<(Label, (bool, ReliabilityType, u32))> {
    let Ok(Message::DataChannelOpen(open)) = Message::unmarshal(&mut &payload[..]) else { return None };
    let label = match open.label.as_slice() {
        b"chat" => Label::Chat,
        b"text" => Label::Text,
        b"files" => Label::Files,
        _ => return None,
    };
    let (unordered, kind) = rtc::datachannel::data_channel::DataChannel::get_reliability_params(open.channel_type);
    Some((label, (unordered, kind, open.reliability_parameter)))
}
