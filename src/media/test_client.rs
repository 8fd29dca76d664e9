//! A small client for the tests of this room: DTLS by the same engine in the other role, SRTP by `rtc`, seeded randomness. Never part of the product.

use std::sync::Arc;

use dimpl::{Config, DtlsCertificate, Output};

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

    #[allow(dead_code)]
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
