//! DTLS of a lean client: `dimpl` in the client's role, one certificate for all of them. Hands out the keys of SRTP and takes no application data.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Config, DtlsCertificate, Output, SrtpProfile};

use super::srtp::Srtp;
use crate::load::LoadError;

/// The certificate of all simulated people of this process, and how they shake hands.
pub struct Identity {
    certificate: DtlsCertificate,
    config: Arc<Config>,
    /// As an offer writes it.
    pub fingerprint: String,
}

impl Identity {
    /// A new one.
    pub fn generate() -> Result<Self, LoadError> {
        let failed = |what: &dyn std::fmt::Display| LoadError::Signaling(format!("certificate of the simulated people: {what}"));
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|error| failed(&error))?;
        let certificate = rcgen::CertificateParams::default().self_signed(&key).map_err(|error| failed(&error))?;
        let der = certificate.der().to_vec();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
        let fingerprint = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
        let config = Config::builder().flight_start_rto(Duration::from_millis(200)).flight_retries(16).build();
        let config = Arc::new(config.map_err(|error| failed(&error))?);
        Ok(Self { certificate: DtlsCertificate { certificate: der, private_key: key.serialize_der() }, config, fingerprint })
    }
}

/// One handshake.
pub struct Handshake {
    engine: dimpl::Dtls,
    buffer: Vec<u8>,
    wake: Option<Instant>,
    is_connected: bool,
    srtp: Option<Srtp>,
    /// Datagrams to send.
    pub out: VecDeque<Vec<u8>>,
    /// It will come to nothing.
    pub has_failed: bool,
}

impl Handshake {
    /// Says the ClientHello of DTLS 1.3.
    pub fn begin(identity: &Identity, now: Instant) -> Self {
        let mut engine = dimpl::Dtls::new_13(identity.config.clone(), identity.certificate.clone(), now);
        engine.set_active(true);
        let has_failed = engine.handle_timeout(now).is_err();
        let mut handshake =
            Self { engine, buffer: vec![0; 4096], wake: None, is_connected: false, srtp: None, out: VecDeque::new(), has_failed };
        handshake.drain();
        handshake
    }

    /// A datagram of the server.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        self.has_failed |= self.engine.handle_timeout(now).is_err() || self.engine.handle_packet(datagram).is_err();
        self.drain();
    }

    /// Repeats what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.wake.is_some_and(|at| at <= now) {
            self.wake = None;
            self.has_failed |= self.engine.handle_timeout(now).is_err();
            self.drain();
        }
    }

    /// The keys, once, when the handshake is complete.
    pub fn take_srtp(&mut self) -> Option<Srtp> {
        if self.is_connected { self.srtp.take() } else { None }
    }

    fn drain(&mut self) {
        if self.has_failed {
            return;
        }
        loop {
            match self.engine.poll_output(&mut self.buffer) {
                Output::Packet(packet) => self.out.push_back(packet.to_vec()),
                Output::BufferTooSmall { needed } => self.buffer.resize(needed, 0),
                Output::Timeout(at) => {
                    self.wake = Some(at);
                    return;
                }
                Output::Connected => self.is_connected = true,
                Output::KeyingMaterial(material, profile) => {
                    let key = match profile {
                        SrtpProfile::AEAD_AES_128_GCM => 16,
                        SrtpProfile::AEAD_AES_256_GCM => 32,
                        _ => 0,
                    };
                    self.srtp = if key > 0 { Srtp::new(&material, key) } else { None };
                    self.has_failed |= self.srtp.is_none();
                }
                Output::CloseNotify => self.has_failed = true,
                _ => {}
            }
        }
    }
}
