//! A client without manners: its own offer, STUN, DTLS (`dimpl` as client) and SRTP (`rtc`'s contexts), no sockets and no clock. Sends any bytes under
//! any SSRC, which a real peer connection refuses to do; shares no code with the media plane.

#![allow(dead_code)] // each of tests, bench and fuzz uses a part

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::crypto::RTCCryptoProvider;
use rtc::shared::marshal::{MarshalSize, Unmarshal};
use rtc::srtp::context::Context;
use rtc::srtp::protection_profile::ProtectionProfile;

use super::raw_stun::{Request, is_success};

/// Versions of DTLS that a raw peer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DtlsVersion {
    V12,
    V13,
}

/// How to make one.
#[derive(Debug, Clone)]
pub struct RawOptions {
    /// Tells SSRCs and credentials of several peers apart.
    pub name: u32,
    pub version: DtlsVersion,
    /// Pairs of receiving sections; one more video follows.
    pub slots: usize,
    /// Offers a fingerprint that is not the certificate's (O6).
    pub wrong_fingerprint: bool,
    /// Lines put behind the first section, such as candidates (O9).
    pub more_lines: String,
}

impl Default for RawOptions {
    fn default() -> Self {
        Self { name: 1, version: DtlsVersion::V13, slots: 3, wrong_fingerprint: false, more_lines: String::new() }
    }
}

struct Remote {
    ufrag: String,
    password: String,
    candidates: Vec<SocketAddr>,
    mid_of_ssrc: HashMap<u32, String>,
}

struct Srtp {
    seal: Context,
    open: Context,
    open_rtcp: Context,
    seal_rtcp: Context,
}

/// What arrived, decrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrived {
    Rtp(Vec<u8>),
    Rtcp(Vec<u8>),
    Data(Vec<u8>),
}

/// The client.
pub struct RawPeer {
    options: RawOptions,
    ufrag: String,
    password: String,
    fingerprint: String,
    certificate: dimpl::DtlsCertificate,
    remote: Option<Remote>,
    dtls: Option<dimpl::Dtls>,
    dtls_connected: bool,
    wake: Option<Instant>,
    srtp: Option<Srtp>,
    profile: Option<ProtectionProfile>,
    checks: u64,
    check_at: Option<Instant>,
    checked: bool,
    outbox: VecDeque<Vec<u8>>,
    arrived: VecDeque<Arrived>,
    failed: bool,
    /// RTP or RTCP that did not open with the keys of this transport.
    pub undecryptable: u64,
}

impl RawPeer {
    pub fn new(options: RawOptions) -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        let der = certificate.der().to_vec();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
        let mut shown: Vec<u8> = digest.as_ref().to_vec();
        if options.wrong_fingerprint {
            shown[0] ^= 1;
        }
        let fingerprint = shown.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
        Self {
            ufrag: format!("rawu{:04}", options.name),
            password: format!("rawpassword{:013}", options.name),
            fingerprint,
            certificate: dimpl::DtlsCertificate { certificate: der, private_key: key.serialize_der() },
            options,
            remote: None,
            dtls: None,
            dtls_connected: false,
            wake: None,
            srtp: None,
            profile: None,
            checks: 0,
            check_at: None,
            checked: false,
            outbox: VecDeque::new(),
            arrived: VecDeque::new(),
            failed: false,
            undecryptable: 0,
        }
    }

    /// SSRCs as offered: microphone, camera, RTX of the camera, screen, RTX of the screen.
    pub fn ssrcs(&self) -> [u32; 5] {
        let base = 0x1000_0000 + self.options.name * 0x100;
        [base, base + 1, base + 2, base + 3, base + 4]
    }

    pub fn offer(&self) -> String {
        let receiving = self.options.slots * 2 + 1;
        let mids = (0..3 + receiving + 1).map(|mid| mid.to_string()).collect::<Vec<_>>().join(" ");
        let mut sdp = format!("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {mids}\r\na=msid-semantic: WMS\r\n");
        let [microphone, camera, camera_rtx, screen, screen_rtx] = self.ssrcs();
        for mid in 0..3 + receiving {
            let direction = if mid < 3 { "sendonly" } else { "recvonly" };
            let audio = mid == 0 || (mid >= 3 && mid < 3 + receiving - 1 && mid % 2 == 1);
            self.section(&mut sdp, mid, audio, direction);
            match mid {
                0 => sdp.push_str(&format!("a=ssrc:{microphone} cname:raw\r\n{}", self.options.more_lines)),
                1 => sdp.push_str(&pair(camera, camera_rtx)),
                2 => sdp.push_str(&pair(screen, screen_rtx)),
                _ => {}
            }
        }
        sdp.push_str("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n");
        self.transport_lines(&mut sdp, 3 + receiving);
        sdp.push_str("a=sctp-port:5000\r\na=max-message-size:262144\r\n");
        sdp
    }

    fn section(&self, sdp: &mut String, mid: usize, audio: bool, direction: &str) {
        let kind = if audio { "audio 9 UDP/TLS/RTP/SAVPF 111" } else { "video 9 UDP/TLS/RTP/SAVPF 96 97" };
        sdp.push_str(&format!("m={kind}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n"));
        self.transport_lines(sdp, mid);
        sdp.push_str(&format!("a={direction}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"));
        sdp.push_str("a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n");
        sdp.push_str("a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n");
        if audio {
            sdp.push_str("a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtcp-fb:111 transport-cc\r\n");
        } else {
            sdp.push_str("a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\n");
            sdp.push_str("a=rtcp-fb:96 transport-cc\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n");
        }
    }

    fn transport_lines(&self, sdp: &mut String, mid: usize) {
        sdp.push_str(&format!("a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", self.ufrag, self.password));
        sdp.push_str(&format!("a=fingerprint:sha-256 {}\r\na=setup:actpass\r\na=mid:{mid}\r\n", self.fingerprint));
    }

    /// Reads the answer and begins to check.
    pub fn accept_answer(&mut self, sdp: &str, now: Instant) {
        let value = |prefix: &str| sdp.lines().find_map(|line| line.strip_prefix(prefix)).unwrap_or("").trim().to_owned();
        let candidates = sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:")).filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            (words.get(2)?.eq_ignore_ascii_case("udp")).then_some(())?;
            Some(SocketAddr::new(words.get(4)?.parse().ok()?, words.get(5)?.parse().ok()?))
        });
        self.remote = Some(Remote {
            ufrag: value("a=ice-ufrag:"),
            password: value("a=ice-pwd:"),
            candidates: candidates.collect(),
            mid_of_ssrc: mids_of_ssrcs(sdp),
        });
        self.check_at = Some(now);
        self.handle_timeout(now);
    }

    /// Where to send: the server's addresses of the answer.
    pub fn candidates(&self) -> Vec<SocketAddr> {
        self.remote.as_ref().map(|remote| remote.candidates.clone()).unwrap_or_default()
    }

    /// SSRCs of the answer with their sections.
    pub fn slots(&self) -> HashMap<u32, String> {
        self.remote.as_ref().map(|remote| remote.mid_of_ssrc.clone()).unwrap_or_default()
    }

    pub fn is_connected(&self) -> bool {
        self.srtp.is_some() && self.dtls_connected
    }

    /// ICE answered; DTLS may still be under way.
    pub fn is_checked(&self) -> bool {
        self.checked
    }

    pub fn has_failed(&self) -> bool {
        self.failed
    }

    pub fn profile(&self) -> Option<ProtectionProfile> {
        self.profile
    }

    /// The username of a check at this server.
    pub fn username(&self) -> String {
        format!("{}:{}", self.remote.as_ref().map_or("", |remote| &remote.ufrag), self.ufrag)
    }

    pub fn remote_password(&self) -> String {
        self.remote.as_ref().map_or_else(String::new, |remote| remote.password.clone())
    }

    /// A check as it would be sent now.
    pub fn check(&mut self) -> Vec<u8> {
        self.checks += 1;
        let (username, password, transaction) = (self.username(), self.remote_password(), self.transaction());
        Request { username: &username, password: &password, transaction, nominate: true }.write()
    }

    fn transaction(&self) -> [u8; 12] {
        let mut id = [0x5a; 12];
        id[..4].copy_from_slice(&self.options.name.to_be_bytes());
        id[4..].copy_from_slice(&self.checks.to_be_bytes());
        id
    }

    pub fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        match datagram.first() {
            Some(0..=3) if !self.checked && is_success(datagram, self.transaction()) => {
                self.checked = true;
                self.start_dtls(now);
            }
            Some(20..=63) => {
                if let Some(dtls) = &mut self.dtls {
                    self.failed |= dtls.handle_timeout(now).is_err() || dtls.handle_packet(datagram).is_err();
                }
                self.drain_dtls();
            }
            Some(128..=191) => self.open(datagram),
            _ => {}
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.check_at.is_some_and(|at| at <= now) {
            let check = self.check();
            self.outbox.push_back(check);
            // Fast until answered, then as consent (RFC 7675).
            self.check_at = Some(now + if self.checked { Duration::from_secs(4) } else { Duration::from_millis(50) });
        }
        if self.wake.is_some_and(|at| at <= now) {
            self.wake = None;
            if let Some(dtls) = &mut self.dtls {
                self.failed |= dtls.handle_timeout(now).is_err();
            }
            if !self.failed {
                self.drain_dtls();
            }
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.check_at, self.wake].into_iter().flatten().min()
    }

    pub fn poll_datagram(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop_front()
    }

    pub fn poll_arrived(&mut self) -> Option<Arrived> {
        self.arrived.pop_front()
    }

    /// Stops answering and checking: a silent path.
    pub fn fall_silent(&mut self) {
        self.check_at = None;
        self.outbox.clear();
    }

    /// An SRTP datagram of a plain RTP packet.
    pub fn seal_rtp(&mut self, packet: &[u8]) -> Vec<u8> {
        self.try_seal_rtp(packet).unwrap()
    }

    /// An SRTCP datagram of a plain compound.
    pub fn seal_rtcp(&mut self, packet: &[u8]) -> Vec<u8> {
        self.try_seal_rtcp(packet).unwrap()
    }

    /// The same; `None` where this client's own SRTP does not take the packet for one, or keys are missing.
    pub fn try_seal_rtp(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        // The crate panics where the header that it understood is longer than the packet (rtc-srtp 0.21.1, found by the fuzz target).
        let header = rtc::rtp::Header::unmarshal(&mut &packet[..]).ok()?;
        if header.marshal_size() > packet.len() {
            return None;
        }
        Some(self.srtp.as_mut()?.seal.encrypt_rtp(packet).ok()?.to_vec())
    }

    /// The same for RTCP.
    pub fn try_seal_rtcp(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        Some(self.srtp.as_mut()?.seal_rtcp.encrypt_rtcp(packet).ok()?.to_vec())
    }

    /// DTLS application data: one SCTP packet, or anything.
    pub fn send_data(&mut self, data: &[u8]) {
        if let Some(dtls) = &mut self.dtls {
            self.failed |= dtls.send_application_data(data).is_err();
        }
        self.drain_dtls();
    }

    fn start_dtls(&mut self, now: Instant) {
        if self.dtls.is_some() {
            return;
        }
        let config = dimpl::Config::builder().flight_start_rto(Duration::from_millis(200)).flight_retries(16).build().unwrap();
        let certificate =
            dimpl::DtlsCertificate { certificate: self.certificate.certificate.clone(), private_key: self.certificate.private_key.clone() };
        let mut dtls = match self.options.version {
            DtlsVersion::V12 => dimpl::Dtls::new_12(Arc::new(config), certificate, now),
            DtlsVersion::V13 => dimpl::Dtls::new_13(Arc::new(config), certificate, now),
        };
        dtls.set_active(true);
        self.failed |= dtls.handle_timeout(now).is_err();
        self.dtls = Some(dtls);
        self.drain_dtls();
    }

    fn drain_dtls(&mut self) {
        let Some(dtls) = &mut self.dtls else { return };
        let mut buffer = vec![0; 4096];
        loop {
            match dtls.poll_output(&mut buffer) {
                dimpl::Output::Packet(packet) => self.outbox.push_back(packet.to_vec()),
                dimpl::Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                dimpl::Output::Timeout(at) => {
                    self.wake = Some(at);
                    return;
                }
                dimpl::Output::Connected => self.dtls_connected = true,
                dimpl::Output::KeyingMaterial(material, profile) => {
                    let profile = match profile {
                        dimpl::SrtpProfile::AES128_CM_SHA1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
                        dimpl::SrtpProfile::AEAD_AES_128_GCM => ProtectionProfile::AeadAes128Gcm,
                        _ => ProtectionProfile::AeadAes256Gcm,
                    };
                    self.profile = Some(profile);
                    self.srtp = Some(Srtp::new(profile, &material));
                }
                dimpl::Output::ApplicationData(data) => self.arrived.push_back(Arrived::Data(data.to_vec())),
                dimpl::Output::CloseNotify => self.failed = true,
                _ => {}
            }
        }
    }

    fn open(&mut self, datagram: &[u8]) {
        let Some(srtp) = &mut self.srtp else { return };
        let rtcp = datagram.get(1).is_some_and(|kind| (192..=223).contains(kind));
        let opened = if rtcp {
            srtp.open_rtcp.decrypt_rtcp(datagram).map(|plain| Arrived::Rtcp(plain.to_vec()))
        } else {
            srtp.open.decrypt_rtp(datagram).map(|plain| Arrived::Rtp(plain.to_vec()))
        };
        match opened {
            Ok(arrived) => self.arrived.push_back(arrived),
            Err(_) => self.undecryptable += 1,
        }
    }
}

impl Srtp {
    fn new(profile: ProtectionProfile, material: &[u8]) -> Self {
        let provider: Arc<dyn RTCCryptoProvider> = rtc::crypto::default_provider().unwrap();
        let (key, salt) = (profile.key_len(), profile.salt_len());
        let part = |from: usize, length: usize| &material[from..from + length];
        let (client_key, server_key) = (part(0, key), part(key, key));
        let (client_salt, server_salt) = (part(2 * key, salt), part(2 * key + salt, salt));
        let context = |key: &[u8], salt: &[u8]| Context::new(key, salt, profile, None, None, provider.crypto()).unwrap();
        Self {
            seal: context(client_key, client_salt),
            seal_rtcp: context(client_key, client_salt),
            open: context(server_key, server_salt),
            open_rtcp: context(server_key, server_salt),
        }
    }
}

/// A plain RTP packet without extensions.
pub fn rtp_packet(payload_type: u8, marker: bool, sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type | u8::from(marker) << 7];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&timestamp.to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

/// A plain RTCP packet of `kind` with the count or format field and a body in whole words.
pub fn rtcp_packet(kind: u8, format: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80 | format, kind];
    packet.extend_from_slice(&((body.len() / 4) as u16).to_be_bytes());
    packet.extend_from_slice(body);
    packet
}

/// The fixed fields of a plain RTP packet: (payload type, sequence, timestamp, ssrc, payload).
pub fn read_rtp(packet: &[u8]) -> Option<(u8, u16, u32, u32, &[u8])> {
    let csrcs = usize::from(packet.first()? & 0x0f);
    let mut at = 12 + csrcs * 4;
    if packet[0] & 0x10 != 0 {
        let words = u16::from_be_bytes([*packet.get(at + 2)?, *packet.get(at + 3)?]);
        at += 4 + usize::from(words) * 4;
    }
    let word = |from: usize| Some(u32::from_be_bytes(packet.get(from..from + 4)?.try_into().ok()?));
    let sequence = u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]);
    Some((packet.get(1)? & 0x7f, sequence, word(4)?, word(8)?, packet.get(at..)?))
}

fn pair(primary: u32, rtx: u32) -> String {
    format!("a=ssrc-group:FID {primary} {rtx}\r\na=ssrc:{primary} cname:raw\r\na=ssrc:{rtx} cname:raw\r\n")
}

fn mids_of_ssrcs(sdp: &str) -> HashMap<u32, String> {
    let mut found = HashMap::new();
    for section in sdp.split("m=").skip(1) {
        let mid = section.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap_or("").trim().to_owned();
        let ssrcs = section.lines().filter_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok());
        found.extend(ssrcs.map(|ssrc: u32| (ssrc, mid.clone())));
    }
    found
}
