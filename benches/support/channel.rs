//! A client's data channel for the benches: SCTP by the engine of `rtc` as the active side, one channel with a label of the protocol. No sockets, no DTLS.

#![allow(dead_code)] // each bench uses a part

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rtc::datachannel::message::Message;
use rtc::datachannel::message::message_channel_open::{ChannelType, DataChannelOpen};
use rtc::sctp::{
    Association, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Payload, PayloadProtocolIdentifier as Protocol, TransportConfig,
    max_payload_size_for_mtu,
};
use rtc::shared::TransportProtocol;
use rtc::shared::marshal::Marshal;

const OWN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9)), 5000);
const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 8)), 5000);
/// Largest SCTP packet, as browsers have it.
const MTU: u32 = 1_191;
/// Unsent bytes at which `write` waits.
const QUEUED: usize = 1024 * 1024;
const STREAM: u16 = 0;

/// See the file's sentence.
pub struct Channel {
    endpoint: Endpoint,
    association: Association,
    label: &'static str,
    open: bool,
    /// Bytes of messages that came.
    pub received: u64,
}

impl Channel {
    /// Begins; `poll_packets` has the INIT.
    pub fn new(label: &'static str, now: Instant) -> Self {
        let mut sizes = EndpointConfig::new();
        sizes.max_payload_size(max_payload_size_for_mtu(MTU));
        let mut endpoint = Endpoint::new(OWN, TransportProtocol::UDP, Arc::new(sizes), None);
        let transport = TransportConfig::default().with_sctp_port(5000).with_max_receive_buffer_size(1024 * 1024);
        let (_, association) = endpoint.connect(now, ClientConfig::new(transport), SERVER).unwrap();
        Self { endpoint, association, label, open: false, received: 0 }
    }

    /// The association is up and the channel asked for.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// One SCTP packet out of DTLS.
    pub fn handle_packet(&mut self, packet: &[u8], now: Instant) {
        if let Some((_, DatagramEvent::AssociationEvent(event))) = self.endpoint.handle(now, SERVER, None, Bytes::copy_from_slice(packet)) {
            self.association.handle_event(event);
        }
        while self.association.poll().is_some() {}
        while self.association.accept_stream().is_some() {}
        if !self.open && !self.association.is_handshaking() {
            self.open = true;
            let open = Message::DataChannelOpen(DataChannelOpen {
                channel_type: ChannelType::Reliable,
                priority: 256,
                reliability_parameter: 0,
                label: self.label.as_bytes().to_vec(),
                protocol: Vec::new(),
            });
            let mut stream = self.association.open_stream(STREAM, Protocol::Binary).unwrap();
            stream.write_sctp(now, &open.marshal().unwrap().freeze(), Protocol::Dcep).unwrap();
        }
        while let Ok(mut stream) = self.association.stream(STREAM)
            && let Ok(Some(chunks)) = stream.read_sctp()
        {
            if chunks.ppi != Protocol::Dcep {
                self.received += chunks.len() as u64;
            }
        }
    }

    /// Queues a message; `false` when enough waits already.
    pub fn write(&mut self, message: &Bytes, now: Instant) -> bool {
        let Ok(mut stream) = self.association.stream(STREAM) else { return false };
        stream.buffered_amount().is_ok_and(|queued| queued + message.len() <= QUEUED)
            && stream.write_sctp(now, message, Protocol::Binary).is_ok()
    }

    /// Packets that DTLS should carry now; timers included.
    pub fn poll_packets(&mut self, now: Instant, mut packet: impl FnMut(&[u8])) {
        if self.association.poll_timeout().is_some_and(|at| at <= now) {
            self.association.handle_timeout(now);
        }
        while let Some(transmit) = self.association.poll_transmit(now) {
            if let Payload::RawEncode(packets) = transmit.message {
                packets.iter().for_each(|bytes| packet(bytes));
            }
        }
    }
}
