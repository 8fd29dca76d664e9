//! A small client for the tests of this room: DTLS by the same engine in the other role, SRTP by `rtc`, seeded randomness. Never part of the product.
#![cfg(test)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dimpl::{Config, DtlsCertificate, Output};
use rtc::datachannel::message::Message;
use rtc::datachannel::message::message_channel_open::{ChannelType, DataChannelOpen};
use rtc::sctp::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Payload, PayloadProtocolIdentifier,
    TransportConfig,
};
use rtc::shared::TransportProtocol;
use rtc::shared::marshal::Marshal;
use rtc::srtp::context::Context;
use rtc::srtp::protection_profile::ProtectionProfile;

use super::dtls::Pin;
use crate::time::Instant;

/// xorshift64*: the same run from the same seed.
pub(crate) struct Seeded(u64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// In 0..1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let random = self.next().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }
}

/// The DTLS client of a browser.
pub(crate) struct DtlsClient {
    engine: dimpl::Dtls,
    certificate: Vec<u8>,
    datagrams: Vec<Vec<u8>>,
    wake: Option<Instant>,
    /// Exported keys and the profile.
    pub(crate) keys: Option<(Vec<u8>, dimpl::SrtpProfile)>,
    connected: bool,
    /// Application data received.
    pub(crate) received: Vec<Vec<u8>>,
}

impl DtlsClient {
    /// DTLS 1.3, or 1.2.
    pub(crate) fn any_version(dtls13: bool) -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap().der().to_vec();
        let pair = DtlsCertificate { certificate: certificate.clone(), private_key: key.serialize_der() };
        let config =
            Arc::new(Config::builder().flight_start_rto(std::time::Duration::from_millis(100)).flight_retries(16).build().unwrap());
        let mut engine =
            if dtls13 { dimpl::Dtls::new_13(config, pair, Instant::now()) } else { dimpl::Dtls::new_12(config, pair, Instant::now()) };
        engine.set_active(true);
        Self { engine, certificate, datagrams: Vec::new(), wake: None, keys: None, connected: false, received: Vec::new() }
    }

    pub(crate) fn fingerprint(&self) -> Vec<u8> {
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.certificate).as_ref().to_vec()
    }

    pub(crate) fn pin(&self) -> Pin {
        Pin::new("SHA-256", &self.fingerprint()).unwrap()
    }

    pub(crate) fn start(&mut self, now: Instant) {
        self.engine.handle_timeout(now).unwrap();
        self.drain();
    }

    pub(crate) fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        if self.engine.handle_timeout(now).and_then(|()| self.engine.handle_packet(datagram)).is_ok() {
            self.drain();
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.wake.is_some_and(|wake| wake <= now) && self.engine.handle_timeout(now).is_ok() {
            self.drain();
        }
    }

    pub(crate) fn send(&mut self, data: &[u8]) {
        self.engine.send_application_data(data).unwrap();
        self.drain();
    }

    pub(crate) fn take_datagrams(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.datagrams)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    fn drain(&mut self) {
        let mut buffer = vec![0; 4096];
        loop {
            match self.engine.poll_output(&mut buffer) {
                Output::Packet(datagram) => self.datagrams.push(datagram.to_vec()),
                Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                Output::Timeout(at) => {
                    self.wake = Some(at);
                    return;
                }
                Output::Connected => self.connected = true,
                Output::KeyingMaterial(material, profile) => self.keys = Some((material.to_vec(), profile)),
                Output::ApplicationData(data) => self.received.push(data.to_vec()),
                _ => {}
            }
        }
    }
}

/// A whole client in memory: offer, checks, DTLS, SRTP by `rtc`, data channels by `rtc`.
pub(crate) struct TestPeer {
    pub(crate) address: SocketAddr,
    pub(crate) dtls: DtlsClient,
    credentials: Option<(String, String)>,
    seal: Option<Context>,
    open: Option<Context>,
    sctp: Option<(Endpoint, AssociationHandle, Association)>,
    transaction: u8,
    nominated: bool,
    pub(crate) answers: usize,
    pub(crate) rtp: Vec<Vec<u8>>,
    pub(crate) rtcp: Vec<Vec<u8>>,
    /// Data-channel messages: stream, payload.
    pub(crate) messages: Vec<(u16, Vec<u8>)>,
    next_check: Option<Instant>,
}

/// SSRC of the camera in the offer.
pub(crate) const CAMERA: u32 = 1_854_106_056;

impl TestPeer {
    pub(crate) fn new(address: &str, dtls13: bool) -> Self {
        Self {
            address: address.parse().unwrap(),
            dtls: DtlsClient::any_version(dtls13),
            credentials: None,
            seal: None,
            open: None,
            sctp: None,
            transaction: 0,
            nominated: false,
            answers: 0,
            rtp: Vec::new(),
            rtcp: Vec::new(),
            messages: Vec::new(),
            next_check: None,
        }
    }

    /// The recorded Chromium offer with this client's certificate.
    pub(crate) fn offer(&self, ufrag: &str) -> String {
        let hex: Vec<String> = self.dtls.fingerprint().iter().map(|byte| format!("{byte:02X}")).collect();
        let line = |line: &str| match line.split_once(':') {
            Some(("a=fingerprint", _)) => format!("a=fingerprint:sha-256 {}", hex.join(":")),
            Some(("a=ice-ufrag", _)) => format!("a=ice-ufrag:{ufrag}"),
            _ => line.to_owned(),
        };
        include_str!("../../tests/data/sdp/offer-chromium.sdp").lines().map(line).collect::<Vec<_>>().join("\r\n") + "\r\n"
    }

    pub(crate) fn accept(&mut self, answer: &str, now: Instant) {
        let value = |prefix: &str| answer.lines().find_map(|line| line.strip_prefix(prefix)).unwrap().to_owned();
        self.credentials = Some((value("a=ice-ufrag:"), value("a=ice-pwd:")));
        self.next_check = Some(now);
    }

    pub(crate) fn check(&mut self, nominated: bool) -> Vec<u8> {
        let (ufrag, pwd) = self.credentials.clone().unwrap();
        self.transaction = self.transaction.wrapping_add(1);
        super::stun::request([self.transaction; 12], &format!("{ufrag}:them"), &pwd, nominated)
    }

    /// What a browser would send at this moment: checks until answered and each 2.5 s after, DTLS as soon as a check was answered.
    pub(crate) fn poll(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        if self.next_check.is_some_and(|at| at <= now) {
            out.push(self.check(self.nominated));
            self.nominated = true;
            self.next_check = Some(now + Duration::from_millis(if self.answers == 0 { 50 } else { 2_500 }));
        }
        self.dtls.handle_timeout(now);
        if let Some((_, _, association)) = &mut self.sctp
            && association.poll_timeout().is_some_and(|at| at <= now)
        {
            association.handle_timeout(now);
        }
        self.pump(now);
        out.extend(self.dtls.take_datagrams());
        out
    }

    pub(crate) fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        match super::guard::demultiplex(datagram) {
            super::guard::Kind::Stun => {
                assert_eq!(datagram[..2], [1, 1], "a success response");
                self.answers += 1;
                if self.answers == 1 {
                    self.dtls.start(now);
                }
            }
            super::guard::Kind::Dtls => self.dtls.handle_datagram(datagram, now),
            super::guard::Kind::Rtp => self.rtp.push(self.open.as_mut().unwrap().decrypt_rtp(datagram).unwrap().to_vec()),
            super::guard::Kind::Rtcp => self.rtcp.push(self.open.as_mut().unwrap().decrypt_rtcp(datagram).unwrap().to_vec()),
            super::guard::Kind::Junk => panic!("junk from the server"),
        }
        if let Some((material, profile)) = self.dtls.keys.take() {
            let profile = match profile {
                dimpl::SrtpProfile::AEAD_AES_128_GCM => ProtectionProfile::AeadAes128Gcm,
                dimpl::SrtpProfile::AEAD_AES_256_GCM => ProtectionProfile::AeadAes256Gcm,
                _ => ProtectionProfile::Aes128CmHmacSha1_80,
            };
            let (key, salt) = (profile.key_len(), profile.salt_len());
            let provider = rtc::crypto::default_provider().unwrap();
            let context = |key_at: usize, salt_at: usize| {
                Context::new(&material[key_at..key_at + key], &material[salt_at..salt_at + salt], profile, None, None, provider.crypto())
                    .unwrap()
            };
            self.seal = Some(context(0, 2 * key));
            self.open = Some(context(key, 2 * key + salt));
        }
        self.pump(now);
    }

    /// A sealed RTP packet of the camera.
    pub(crate) fn media(&mut self, ssrc: u32, sequence: u16) -> Vec<u8> {
        let mut packet = vec![0x90, 96];
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&(u32::from(sequence) * 3000).to_be_bytes());
        packet.extend_from_slice(&ssrc.to_be_bytes());
        packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x40, b'1', 0, 0]);
        packet.extend_from_slice(&[0x10, 0x00, 0x9d, 0x01, 0x2a, 1, 2, 3]); // a VP8 key frame's first bytes
        self.seal.as_mut().unwrap().encrypt_rtp(&packet).unwrap().to_vec()
    }

    pub(crate) fn connect_sctp(&mut self, now: Instant) {
        let mut endpoint = Endpoint::new("192.0.2.9:5000".parse().unwrap(), TransportProtocol::UDP, Arc::new(EndpointConfig::new()), None);
        let (handle, association) =
            endpoint.connect(now, ClientConfig::new(TransportConfig::default()), "192.0.2.8:5000".parse().unwrap()).unwrap();
        self.sctp = Some((endpoint, handle, association));
    }

    pub(crate) fn is_associated(&self) -> bool {
        self.sctp.as_ref().is_some_and(|(_, _, association)| !association.is_handshaking())
    }

    pub(crate) fn open_channel(&mut self, stream: u16, label: &str, now: Instant) {
        let open = Message::DataChannelOpen(DataChannelOpen {
            channel_type: ChannelType::Reliable,
            priority: 256,
            reliability_parameter: 0,
            label: label.as_bytes().to_vec(),
            protocol: Vec::new(),
        });
        let (_, _, association) = self.sctp.as_mut().unwrap();
        let mut channel = association.open_stream(stream, PayloadProtocolIdentifier::Binary).unwrap();
        channel.write_sctp(now, &open.marshal().unwrap().freeze(), PayloadProtocolIdentifier::Dcep).unwrap();
    }

    pub(crate) fn write(&mut self, stream: u16, message: &[u8], now: Instant) -> bool {
        let (_, _, association) = self.sctp.as_mut().unwrap();
        association
            .stream(stream)
            .is_ok_and(|mut stream| stream.write_sctp(now, &Bytes::copy_from_slice(message), PayloadProtocolIdentifier::Binary).is_ok())
    }

    pub(crate) fn streams(&self) -> Vec<u16> {
        self.sctp.as_ref().unwrap().2.stream_ids()
    }

    fn pump(&mut self, now: Instant) {
        let Some((endpoint, _, association)) = &mut self.sctp else { return };
        for packet in std::mem::take(&mut self.dtls.received) {
            if let Some((_, DatagramEvent::AssociationEvent(event))) =
                endpoint.handle(now, "192.0.2.8:5000".parse().unwrap(), None, Bytes::from(packet))
            {
                association.handle_event(event);
            }
        }
        while association.poll().is_some() {}
        while association.accept_stream().is_some() {}
        for id in association.stream_ids() {
            while let Ok(Some(chunks)) = association.stream(id).unwrap().read_sctp() {
                if chunks.ppi != PayloadProtocolIdentifier::Dcep {
                    self.messages.push((id, chunks.to_payload(1 << 20).unwrap().to_vec()));
                }
            }
        }
        while let Some(transmit) = association.poll_transmit(now) {
            if let Payload::RawEncode(packets) = transmit.message {
                packets.iter().for_each(|packet| self.dtls.send(packet));
            }
        }
    }
}
