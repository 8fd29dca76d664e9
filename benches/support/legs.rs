//! The clients of the bench: one socket each, packets at the pace of real sources (30 pictures of five packets and 50 audio packets a second), what comes
//! back read and counted, and towards the real worker the RTCP of a browser: transport feedback each 100 ms, receiver and sender reports each second.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use visavis::load::synthetic::{OpusSource, SyntheticPacket, Vp8Source};

use crate::raw::raw_peer::{Arrived, RawPeer, rtcp_packet, rtp_packet};

/// How a client protects what it sends.
pub enum Protection {
    /// A whole peer with the keys of its DTLS, for the real worker.
    Peer(Box<RawPeer>),
    /// A key that both sides were given, for the floor.
    Key(LessSafeKey, [u8; 12]),
}

impl Protection {
    pub fn key(key: [u8; 16], salt: [u8; 12]) -> Self {
        Self::Key(LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap()), salt)
    }

    fn seal(&mut self, packet: &[u8]) -> Vec<u8> {
        match self {
            Self::Peer(peer) => peer.seal_rtp(packet),
            Self::Key(key, salt) => {
                let mut nonce = *salt;
                (0..4).for_each(|at| nonce[2 + at] ^= packet[8 + at]);
                (0..2).for_each(|at| nonce[10 + at] ^= packet[2 + at]);
                let mut body = packet[12..].to_vec();
                key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&packet[..12]), &mut body).unwrap();
                [&packet[..12], &body].concat()
            }
        }
    }
}

/// One client.
pub struct Leg {
    socket: UdpSocket,
    server: SocketAddr,
    protection: Protection,
    sends: bool,
    video: Vp8Source,
    audio: OpusSource,
    sequences: [u16; 2],
    ssrcs: [u32; 2],
    pictures: u32,
    /// Datagrams that came.
    pub received: u64,
    heard: Heard,
}

#[derive(Default)]
struct Heard {
    /// First and last transport-wide number since the last feedback.
    transport: Option<(u16, u16)>,
    feedbacks: u8,
    highest: HashMap<u32, u16>,
    reports: u32,
    timestamp: u32,
}

impl Leg {
    pub fn new(name: u32, server: SocketAddr, ssrcs: [u32; 2], protection: Protection, sends: bool) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        Self::with_socket(socket, name, server, ssrcs, protection, sends)
    }

    pub fn with_socket(socket: UdpSocket, name: u32, server: SocketAddr, ssrcs: [u32; 2], protection: Protection, sends: bool) -> Self {
        socket.set_nonblocking(true).unwrap();
        Self {
            socket,
            server,
            protection,
            sends,
            video: Vp8Source::new(name * 2, 30, 5, 1_100),
            audio: OpusSource::new(name * 2 + 1, 100),
            sequences: [0; 2],
            ssrcs,
            pictures: 0,
            received: 0,
            heard: Heard::default(),
        }
    }

    /// Runs ICE and DTLS until both are up; only for the real worker.
    pub fn connect(&mut self) {
        let started = Instant::now();
        loop {
            self.read();
            let Protection::Peer(peer) = &mut self.protection else { return };
            peer.handle_timeout(Instant::now());
            while let Some(datagram) = peer.poll_datagram() {
                self.socket.send_to(&datagram, self.server).unwrap();
            }
            if peer.is_connected() {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "a client of the bench does not connect");
            std::thread::sleep(Duration::from_micros(300));
        }
    }

    fn send(&mut self, packets: &[SyntheticPacket], video: bool) -> u64 {
        let at = usize::from(!video);
        for packet in packets {
            self.sequences[at] = self.sequences[at].wrapping_add(1);
            let kind = if video { 96 } else { 111 };
            let plain = rtp_packet(kind, packet.marker, self.sequences[at], packet.timestamp, self.ssrcs[at], &packet.payload);
            self.heard.timestamp = packet.timestamp;
            let sealed = self.protection.seal(&plain);
            let _ = self.socket.send_to(&sealed, self.server);
        }
        packets.len() as u64
    }

    fn picture(&mut self) -> u64 {
        // A key frame every ten seconds, and one at the start.
        let frame = self.video.frame(self.pictures.is_multiple_of(300));
        self.pictures += 1;
        self.send(&frame, true)
    }

    fn sound(&mut self) -> u64 {
        let packet = self.audio.packet();
        self.send(&[packet], false)
    }

    fn read(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
            self.received += 1;
            let Protection::Peer(peer) = &mut self.protection else { continue };
            peer.handle_datagram(&buffer[..length], Instant::now());
            while let Some(arrived) = peer.poll_arrived() {
                if let Arrived::Rtp(packet) = arrived {
                    self.heard.note(&packet);
                }
            }
        }
    }

    /// What a browser says each 100 ms.
    fn feed_back(&mut self, begin: Instant) {
        let Protection::Peer(peer) = &mut self.protection else { return };
        peer.handle_timeout(Instant::now());
        while let Some(datagram) = peer.poll_datagram() {
            let _ = self.socket.send_to(&datagram, self.server);
        }
        let mut compound = Vec::new();
        self.heard.reports += 1;
        if self.heard.reports.is_multiple_of(10) {
            compound.extend(self.heard.reports(self.ssrcs[0], self.sends.then_some(u32::from(self.sequences[0])), begin));
        }
        if let Some((first, last)) = self.heard.transport.take() {
            compound.extend(self.heard.transport_feedback(self.ssrcs[0], first, last, begin));
        }
        if !compound.is_empty() {
            let sealed = peer.seal_rtcp(&compound);
            let _ = self.socket.send_to(&sealed, self.server);
        }
    }
}

impl Heard {
    fn note(&mut self, packet: &[u8]) {
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        self.highest.insert(ssrc, u16::from_be_bytes([packet[2], packet[3]]));
        if let Some(number) = transport_number(packet) {
            self.transport = Some(self.transport.map_or((number, number), |(first, _)| (first, number)));
        }
    }

    /// RR or SR with one block per SSRC that was heard (RFC 3550 §6.4), at most 8.
    fn reports(&self, own: u32, sent: Option<u32>, begin: Instant) -> Vec<u8> {
        let mut body = own.to_be_bytes().to_vec();
        if let Some(sent) = sent {
            let ntp = (0xe900_0000_u64 << 32) | (begin.elapsed().as_micros() as u64 * 4_295);
            body.extend_from_slice(&ntp.to_be_bytes());
            for word in [self.timestamp, sent, sent * 1_100] {
                body.extend_from_slice(&word.to_be_bytes());
            }
        }
        let blocks = self.highest.iter().take(8);
        let count = blocks.len() as u8;
        for (ssrc, highest) in blocks {
            for word in [*ssrc, 0, u32::from(*highest), 20, 0, 0] {
                body.extend_from_slice(&word.to_be_bytes());
            }
        }
        rtcp_packet(if sent.is_some() { 200 } else { 201 }, count, &body)
    }

    /// Everything from `first` to `last` arrived, a millisecond apart (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    fn transport_feedback(&mut self, own: u32, first: u16, last: u16, begin: Instant) -> Vec<u8> {
        let count = last.wrapping_sub(first).wrapping_add(1).min(800);
        let reference = (begin.elapsed().as_millis() / 64) as u32;
        let media = self.highest.keys().next().copied().unwrap_or(0);
        let mut body = [own.to_be_bytes(), media.to_be_bytes()].concat();
        body.extend_from_slice(&first.to_be_bytes());
        body.extend_from_slice(&count.to_be_bytes());
        body.extend_from_slice(&(reference << 8 | u32::from(self.feedbacks)).to_be_bytes());
        body.extend_from_slice(&(0x2000 | count).to_be_bytes());
        body.resize(body.len() + usize::from(count), 4);
        body.resize(body.len().next_multiple_of(4), 0);
        self.feedbacks = self.feedbacks.wrapping_add(1);
        rtcp_packet(205, 15, &body)
    }
}

/// The transport-wide sequence number of a packet: extension 3 of the raw peer's offer, one-byte form.
fn transport_number(packet: &[u8]) -> Option<u16> {
    if packet[0] & 0x10 == 0 || packet.get(12..14)? != [0xbe, 0xde] {
        return None;
    }
    let words = usize::from(u16::from_be_bytes([packet[14], packet[15]]));
    let mut rest = packet.get(16..16 + words * 4)?;
    while let [head, after @ ..] = rest {
        if *head == 0 {
            rest = after;
            continue;
        }
        let length = usize::from(head & 0x0f) + 1;
        if head >> 4 == 3 && length == 2 {
            return Some(u16::from_be_bytes([*after.first()?, *after.get(1)?]));
        }
        rest = after.get(length..)?;
    }
    None
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Picture,
    Sound,
    Feedback,
}

/// Sends at pace and reads for a while. RTP packets sent.
pub fn run(legs: &mut [Leg], duration: Duration) -> u64 {
    const PICTURE: Duration = Duration::from_nanos(33_333_333);
    const SOUND: Duration = Duration::from_millis(20);
    const FEEDBACK: Duration = Duration::from_millis(100);
    let begin = Instant::now();
    let mut turns = BinaryHeap::new();
    let many = legs.len() as u32;
    for (at, leg) in legs.iter().enumerate() {
        // Spread over the period, so that no two people are in step.
        let phase = |period: Duration| begin + period * (at as u32) / many;
        if leg.sends {
            turns.push(Reverse((phase(PICTURE), at, Turn::Picture)));
            turns.push(Reverse((phase(SOUND), at, Turn::Sound)));
        }
        turns.push(Reverse((phase(FEEDBACK), at, Turn::Feedback)));
    }
    let (mut sent, mut reading) = (0, 0);
    while let Some(Reverse((due, at, turn))) = turns.pop() {
        if due >= begin + duration {
            break;
        }
        while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            reading = (reading + 1) % legs.len();
            legs[reading].read();
            if left > Duration::from_micros(300) {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        let leg = &mut legs[at];
        let next = match turn {
            Turn::Picture => {
                sent += leg.picture();
                PICTURE
            }
            Turn::Sound => {
                sent += leg.sound();
                SOUND
            }
            Turn::Feedback => {
                leg.read();
                leg.feed_back(begin);
                FEEDBACK
            }
        };
        turns.push(Reverse((due + next, at, turn)));
    }
    legs.iter_mut().for_each(Leg::read);
    sent
}
