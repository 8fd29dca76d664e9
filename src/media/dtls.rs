//! DTLS 1.3 and 1.2 as server, passive, around the engine `dimpl` with the seven rules of dtls.md: ClientHello read by us, fingerprint compared by us,
//! keys handed out only after that, our last flight repeated. Refuses to know addresses.

use std::collections::VecDeque;
use std::sync::Arc;

use aws_lc_rs::digest;
use dimpl::{Config, DtlsCertificate, Output};

use super::client_hello::{ClientHelloReader, Version};
use super::srtp::Profile;
use crate::limits;
use crate::time::Instant;

/// What all DTLS of a process share: certificate and engine settings.
#[derive(Clone)]
pub struct DtlsIdentity {
    config: Arc<Config>,
    certificate: DtlsCertificate,
    /// SHA-256 of the certificate, for the answer's `a=fingerprint`.
    pub fingerprint_sha256: [u8; 32],
    allow_13: bool,
}

/// Why a DTLS association ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DtlsError {
    /// The client's: its certificate is not the one of its offer (O6).
    #[error("certificate unlike the offer's fingerprint")]
    WrongFingerprint,
    /// The client's: it negotiated no SRTP profile.
    #[error("no SRTP profile")]
    NoSrtp,
    /// The client's, or of somebody who writes from its address: the engine gave up.
    #[error("DTLS failed")]
    Engine,
    /// The client closed.
    #[error("closed by the client")]
    Closed,
    /// Ours: the certificate or the settings do not fit the engine.
    #[error("DTLS identity: {0}")]
    Identity(&'static str),
}

/// What comes out of the association.
pub enum DtlsOutput<'a> {
    /// A datagram to send.
    Datagram(&'a [u8]),
    /// The handshake is complete and the certificate right: SRTP keys.
    Keys(SrtpKeys),
    /// Plain application data: one SCTP packet.
    Data(&'a [u8]),
}

/// Exported keying material of RFC 5764 §4.2.
pub struct SrtpKeys {
    /// The negotiated profile.
    pub profile: Profile,
    /// client key, server key, client salt, server salt.
    pub material: zeroize::Zeroizing<Vec<u8>>,
}

/// The offer's `a=fingerprint`, ready to compare.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin {
    algorithm: &'static digest::Algorithm,
    bytes: Vec<u8>,
}

impl Pin {
    /// `algorithm` as in SDP (RFC 8122 §5), any case. `None` for algorithms that prove nothing any more.
    pub fn new(algorithm: &str, bytes: &[u8]) -> Option<Self> {
        let algorithm = match algorithm.to_ascii_lowercase().as_str() {
            "sha-256" => &digest::SHA256,
            "sha-384" => &digest::SHA384,
            "sha-512" => &digest::SHA512,
            _ => return None,
        };
        (bytes.len() == algorithm.output_len()).then(|| Self { algorithm, bytes: bytes.to_vec() })
    }

    fn fits(&self, certificate: &[u8]) -> bool {
        digest::digest(self.algorithm, certificate).as_ref() == self.bytes
    }
}

impl DtlsIdentity {
    /// A certificate and its ECDSA P-256 key, both DER. `allow_13 = false` caps at DTLS 1.2 (dtls.md, trap 7).
    pub fn new(certificate: Vec<u8>, private_key: Vec<u8>, allow_13: bool) -> Result<Self, DtlsError> {
        let config = Config::builder()
            .use_server_cookie(false) // ICE has verified the address
            .flight_start_rto(limits::DTLS_RTO)
            .flight_retries(limits::DTLS_RETRIES)
            .handshake_timeout(limits::DTLS_HANDSHAKE)
            .mtu(limits::DTLS_MTU)
            .build()
            .map_err(|_| DtlsError::Identity("the engine refuses its settings"))?;
        let mut fingerprint_sha256 = [0; 32];
        fingerprint_sha256.copy_from_slice(digest::digest(&digest::SHA256, &certificate).as_ref());
        Ok(Self { config: Arc::new(config), certificate: DtlsCertificate { certificate, private_key }, fingerprint_sha256, allow_13 })
    }

    /// Makes a self-signed P-256 certificate: one per process.
    pub fn generate(allow_13: bool) -> Result<Self, DtlsError> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|_| DtlsError::Identity("no key"))?;
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "visavis");
        let certificate = parameters.self_signed(&key).map_err(|_| DtlsError::Identity("no certificate"))?;
        Self::new(certificate.der().to_vec(), key.serialize_der(), allow_13)
    }
}

/// One association, server side.
pub struct Dtls {
    identity: DtlsIdentity,
    pin: Pin,
    hello: ClientHelloReader,
    engine: Option<dimpl::Dtls>,
    wake: Option<Instant>,
    /// Datagrams of our last flight while the handshake is incomplete.
    flight: VecDeque<Vec<u8>>,
    resend_at: Option<Instant>,
    resends: u32,
    pinned: bool,
    connected: bool,
    keyed: bool,
    failed: Option<DtlsError>,
}

/// Room for the largest record that the engine hands out.
const BUFFER: usize = 20 * 1024;

impl Dtls {
    /// Waits for a ClientHello.
    pub fn new(identity: DtlsIdentity, pin: Pin) -> Self {
        Self {
            identity,
            pin,
            hello: ClientHelloReader::default(),
            engine: None,
            wake: None,
            flight: VecDeque::new(),
            resend_at: None,
            resends: 0,
            pinned: false,
            connected: false,
            keyed: false,
            failed: None,
        }
    }

    /// The client of an existing transport offered another fingerprint (it may not: RFC 8842 §5.5 asks for a new association).
    pub fn is_pinned_to(&self, pin: &Pin) -> bool {
        self.pin == *pin
    }

    /// Handshake complete, certificate right, keys handed out.
    pub fn is_connected(&self) -> bool {
        self.keyed
    }

    /// A datagram from a verified 5-tuple (O5). On `Err` the transport is to be removed. `Ok(true)`: something in it was authenticated by the client's keys.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Instant, out: &mut dyn FnMut(DtlsOutput<'_>)) -> Result<bool, DtlsError> {
        if self.engine.is_none() {
            let Some((hello, held)) = self.hello.handle_datagram(datagram) else { return Ok(false) };
            let (config, certificate) = (self.identity.config.clone(), self.identity.certificate.clone());
            self.engine = Some(match hello.version(self.identity.allow_13) {
                Version::Dtls12 => dimpl::Dtls::new_12(config, certificate, now),
                Version::Dtls13 => dimpl::Dtls::new_13(config, certificate, now),
            });
            for datagram in held {
                self.feed(&datagram, now, out)?;
            }
            return Ok(false);
        }
        self.feed(datagram, now, out)
    }

    /// Sends application data: one SCTP packet. `false` before the handshake is complete.
    pub fn send(&mut self, data: &[u8], now: Instant, out: &mut dyn FnMut(DtlsOutput<'_>)) -> Result<bool, DtlsError> {
        let Some(engine) = self.engine.as_mut().filter(|_| self.keyed) else { return Ok(false) };
        engine.send_application_data(data).map_err(|_| DtlsError::Engine)?;
        self.drain(now, out)?;
        Ok(true)
    }

    /// Says good-bye to a connected client.
    pub fn close(&mut self, now: Instant, out: &mut dyn FnMut(DtlsOutput<'_>)) {
        if self.connected && self.engine.as_mut().is_some_and(|engine| engine.close().is_ok()) {
            let _ = self.drain(now, out);
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.wake, self.resend_at].into_iter().flatten().min()
    }

    /// Retransmissions and the end of a handshake that does not come to one.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut dyn FnMut(DtlsOutput<'_>)) -> Result<(), DtlsError> {
        if self.wake.is_some_and(|wake| wake <= now) {
            self.wake = None;
            let Some(engine) = self.engine.as_mut() else { return Ok(()) };
            engine.handle_timeout(now).map_err(|_| DtlsError::Engine)?;
            self.drain(now, out)?;
        }
        if self.resend_at.is_some_and(|at| at <= now) {
            self.resends += 1;
            self.resend_at = (self.resends < limits::DTLS_RESENDS && !self.connected).then(|| now + limits::DTLS_RESEND);
            if !self.connected {
                self.flight.iter().for_each(|datagram| out(DtlsOutput::Datagram(datagram)));
            }
        }
        Ok(())
    }

    fn feed(&mut self, datagram: &[u8], now: Instant, out: &mut dyn FnMut(DtlsOutput<'_>)) -> Result<bool, DtlsError> {
        let Some(engine) = self.engine.as_mut() else { return Ok(false) };
        if engine.handle_timeout(now).and_then(|()| engine.handle_packet(datagram)).is_err() {
            if self.flight.is_empty() && !self.connected {
                // Junk killed it before it said a word: the client's next ClientHello starts again (trap 2).
                self.engine = None;
                self.wake = None;
                return Ok(false);
            }
            return Err(DtlsError::Engine);
        }
        if !self.connected && !self.flight.is_empty() && self.resends < limits::DTLS_RESENDS {
            self.resend_at = Some(now + limits::DTLS_RESEND);
        }
        self.drain(now, out)
    }

    /// Everything that the engine has to say. `Ok(true)` when application data came out.
    fn drain(&mut self, now: Instant, out: &mut dyn FnMut(DtlsOutput<'_>)) -> Result<bool, DtlsError> {
        thread_local!(static SCRATCH: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(vec![0; BUFFER]));
        let mut buffer = SCRATCH.take();
        buffer.resize(BUFFER.max(buffer.len()), 0);
        let drained = self.drain_into(&mut buffer, now, out);
        SCRATCH.set(buffer);
        drained
    }

    fn drain_into(&mut self, buffer: &mut Vec<u8>, now: Instant, out: &mut dyn FnMut(DtlsOutput<'_>)) -> Result<bool, DtlsError> {
        let mut authenticated = false;
        let Some(engine) = self.engine.as_mut() else { return Ok(false) };
        loop {
            match engine.poll_output(buffer) {
                Output::Packet(datagram) => {
                    if !self.connected {
                        if self.flight.len() == limits::DTLS_FLIGHT_DATAGRAMS {
                            self.flight.pop_front();
                        }
                        self.flight.push_back(datagram.to_vec());
                        if self.resends < limits::DTLS_RESENDS {
                            self.resend_at = Some(now + limits::DTLS_RESEND);
                        }
                    }
                    out(DtlsOutput::Datagram(datagram));
                }
                Output::BufferTooSmall { needed } => {
                    if needed > 128 * 1024 {
                        return Err(DtlsError::Engine);
                    }
                    buffer.resize(needed, 0);
                }
                Output::Timeout(at) => {
                    self.wake = Some(at);
                    break;
                }
                Output::PeerCert(certificate) => {
                    self.pinned = self.pin.fits(certificate);
                    if !self.pinned {
                        self.failed = Some(DtlsError::WrongFingerprint);
                    }
                }
                Output::Connected => self.connected = true,
                Output::KeyingMaterial(material, profile) if self.pinned && !self.keyed => {
                    self.keyed = true;
                    let profile = Profile::from_engine(profile).ok_or(DtlsError::NoSrtp)?;
                    out(DtlsOutput::Keys(SrtpKeys { profile, material: zeroize::Zeroizing::new(material.to_vec()) }));
                }
                Output::ApplicationData(data) => {
                    authenticated = true;
                    if self.keyed {
                        out(DtlsOutput::Data(data));
                    }
                }
                Output::CloseNotify => self.failed = self.failed.or(Some(DtlsError::Closed)),
                _ => {}
            }
        }
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        if self.connected {
            if !self.keyed {
                return Err(if self.pinned { DtlsError::NoSrtp } else { DtlsError::WrongFingerprint });
            }
            self.flight.clear();
            self.resend_at = None;
        }
        Ok(authenticated)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::media::test_client::{DtlsClient, Seeded};

    /// One handshake over a link with `loss` each way and 25 ms one way, in virtual time; the milliseconds it took.
    fn join(seed: u64, loss: f64, client: DtlsClient) -> Option<u64> {
        let identity = DtlsIdentity::generate(true).unwrap();
        let mut server = Dtls::new(identity, client.pin());
        let mut client = client;
        let mut random = Seeded::new(seed);
        let start = Instant::now();
        let mut now = start;
        let mut wire: Vec<(Instant, bool, Vec<u8>)> = Vec::new(); // arrival, to the server, datagram
        client.start(now);
        while now < start + Duration::from_secs(15) {
            let delivered: Vec<_> = wire.extract_if(.., |(at, ..)| *at <= now).collect();
            let mut outgoing = Vec::new();
            for (_, to_server, datagram) in delivered {
                if to_server {
                    server
                        .handle_datagram(&datagram, now, &mut |output| {
                            if let DtlsOutput::Datagram(d) = output {
                                outgoing.push((false, d.to_vec()))
                            }
                        })
                        .ok()?;
                } else {
                    client.handle_datagram(&datagram, now);
                }
            }
            server
                .handle_timeout(now, &mut |output| {
                    if let DtlsOutput::Datagram(d) = output {
                        outgoing.push((false, d.to_vec()))
                    }
                })
                .ok()?;
            client.handle_timeout(now);
            outgoing.extend(client.take_datagrams().into_iter().map(|datagram| (true, datagram)));
            for (to_server, datagram) in outgoing {
                if random.unit() >= loss {
                    wire.push((now + Duration::from_millis(25), to_server, datagram));
                }
            }
            if server.is_connected() && client.is_connected() {
                return Some((now - start).as_millis() as u64);
            }
            now += Duration::from_millis(1);
        }
        None
    }

    #[test]
    fn fifty_joins_over_eight_per_cent_loss_all_connect() {
        let mut times: Vec<u64> = (0..50)
            .map(|seed| join(seed, 0.08, DtlsClient::any_version(seed % 2 == 0)).unwrap_or_else(|| panic!("join {seed} never connected")))
            .collect();
        times.sort_unstable();
        assert!(times[47] <= 2_000, "p95 {} ms", times[47]);
    }

    #[test]
    fn joins_without_loss_take_two_round_trips() {
        assert!(join(1, 0.0, DtlsClient::any_version(true)).unwrap() <= 110, "1.3");
        assert!(join(1, 0.0, DtlsClient::any_version(false)).unwrap() <= 110, "1.2");
    }

    #[test]
    fn client_with_another_certificate_gets_no_keys() {
        let identity = DtlsIdentity::generate(true).unwrap();
        for dtls13 in [true, false] {
            let mut client = DtlsClient::any_version(dtls13);
            let mut server = Dtls::new(identity.clone(), DtlsClient::any_version(dtls13).pin());
            let now = Instant::now();
            client.start(now);
            let mut end = None;
            for _ in 0..20 {
                for datagram in client.take_datagrams() {
                    let mut back = Vec::new();
                    let result = server.handle_datagram(&datagram, now, &mut |output| match output {
                        DtlsOutput::Datagram(datagram) => back.push(datagram.to_vec()),
                        _ => panic!("keys or data for the wrong certificate"),
                    });
                    end = end.or(result.err());
                    back.iter().for_each(|datagram| client.handle_datagram(datagram, now));
                }
            }
            assert_eq!(end, Some(DtlsError::WrongFingerprint));
        }
    }

    #[test]
    fn junk_before_the_hello_reaches_no_engine_and_the_handshake_still_works() {
        let identity = DtlsIdentity::generate(true).unwrap();
        let client = DtlsClient::any_version(true);
        let mut server = Dtls::new(identity, client.pin());
        let now = Instant::now();
        let mut random = Seeded::new(3);
        for n in 0..20_000usize {
            let mut junk = vec![0; 13 + n % 1100];
            random.fill(&mut junk);
            (junk[0], junk[1], junk[2]) = (20 + (n % 44) as u8, 0xfe, 0xfd);
            server.handle_datagram(&junk, now, &mut |_| panic!("answered junk")).unwrap();
        }
        assert!(server.engine.is_none() && server.hello.held_bytes() < 40_000);
    }
}
