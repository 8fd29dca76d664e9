//! The clients of the bench: an address each, packets at the pace of real sources, what comes back read and counted, and towards the real worker the RTCP of a
//! browser: transport feedback, reports, and with loss the questions for what is missing and the answers to such questions.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use visavis::load::synthetic::{OpusSource, SyntheticPacket, Vp8Source};
use visavis::media::batch::{Path, Run};
use visavis::media::socket::{MediaSocket, ReceiveBuffers};

use crate::heard::Heard;
use crate::raw::raw_peer::{Arrived, RawPeer};

/// What each sender sends, and how its packets follow each other.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Pictures a second.
    pub pictures: f64,
    /// Packets of a picture, 1,100 bytes of payload each.
    pub packets: usize,
    /// Audio packets a second, 100 bytes of payload each.
    pub sounds: f64,
    /// From one transport feedback of a client to its next.
    pub feedback: Duration,
    /// How the packets of a picture follow each other.
    pub pacing: Pacing,
    /// Of a thousand packets, lost on each leg.
    pub loss: u64,
}

/// How the packets of a picture follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pacing {
    /// One system call each, back to back, as an encoder hands a picture over.
    Burst,
    /// Spread over the time of a picture: every packet comes alone.
    Alone,
}

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
                let mut body = packet[HEADER..].to_vec();
                key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&packet[..HEADER]), &mut body).unwrap();
                [&packet[..HEADER], &body].concat()
            }
        }
    }
}

/// Header of every packet here: twelve octets and the transport-wide number.
const HEADER: usize = 20;
/// Packets kept for the server's questions.
const KEPT: usize = 512;
/// From one look at the clients' socket to the next: who reads without a pause contends with the forwarding thread for its queue, as no other machine does.
const LOOK: Duration = Duration::from_millis(1);

/// The one socket of all clients, each with an address of its own in 127.1.0.0/16: the forwarding thread, which over loopback pays for half of the receiving, meets
/// no more of the other side's sockets than a server does whose clients are elsewhere. It takes runs whole (GRO), as a network card takes them from us.
pub struct Wire {
    socket: MediaSocket,
    port: u16,
}

impl Wire {
    pub fn new() -> Rc<Self> {
        let socket = MediaSocket::bind(false, 0).unwrap();
        let port = socket.port().unwrap();
        Rc::new(Self { socket, port })
    }

    /// The address of client number `at`.
    pub fn address(&self, at: usize) -> SocketAddr {
        SocketAddr::from(([127, 1, (at >> 8) as u8, at as u8], self.port))
    }

    fn send(&self, path: Path, contents: &[u8]) {
        let _ = self.socket.send(Run { path, size: contents.len(), contents });
    }

    /// Everything that came, each given to its client.
    fn read(&self, legs: &mut [Leg], buffers: &mut ReceiveBuffers) {
        let mut more = true;
        let mut asking = Vec::new();
        while more {
            let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let received = self.socket.receive(buffers, |to, _, datagram| {
                let IpAddr::V4(to) = to else { return };
                let [.., high, low] = to.octets();
                let to = usize::from(high) << 8 | usize::from(low);
                if let Some(leg) = legs.get_mut(to) {
                    leg.take(datagram, at);
                    if leg.load.loss > 0 && asking.last() != Some(&to) {
                        asking.push(to);
                    }
                }
            });
            more = received.unwrap_or(false);
        }
        asking.into_iter().for_each(|at| legs[at].ask());
    }
}

/// One client.
pub struct Leg {
    wire: Rc<Wire>,
    path: Path,
    protection: Protection,
    sends: bool,
    load: Load,
    video: Vp8Source,
    audio: OpusSource,
    sequences: [u16; 2],
    /// Video, its RTX, audio.
    ssrcs: [u32; 3],
    transport_number: u16,
    rtx_sequence: u16,
    pictures: u32,
    waiting: VecDeque<Vec<u8>>,
    kept: VecDeque<Vec<u8>>,
    dice: u64,
    /// Datagrams that came.
    pub received: u64,
    heard: Heard,
}

impl Leg {
    /// Client number `name` on `wire`.
    pub fn new(wire: Rc<Wire>, name: u32, server: SocketAddr, ssrcs: [u32; 3], protection: Protection, sends: bool, load: Load) -> Self {
        let path = Path::udp(wire.address(name as usize).ip(), server);
        Self {
            wire,
            path,
            protection,
            sends,
            load,
            video: Vp8Source::new(name * 2, load.pictures.ceil() as u32, load.packets, 1_100),
            audio: OpusSource::new(name * 2 + 1, 100),
            sequences: [0; 2],
            ssrcs,
            transport_number: 0,
            rtx_sequence: 0,
            pictures: 0,
            waiting: VecDeque::new(),
            kept: VecDeque::new(),
            dice: u64::from(name) * 2 + 1,
            received: 0,
            heard: Heard::default(),
        }
    }

    /// Runs ICE and DTLS of the last one until both are up; only for the real worker.
    pub fn connect(legs: &mut [Self]) {
        let started = Instant::now();
        let mut buffers = ReceiveBuffers::default();
        let Some(wire) = legs.last().map(|leg| leg.wire.clone()) else { return };
        loop {
            wire.read(legs, &mut buffers);
            let Some(leg) = legs.last_mut() else { return };
            let Protection::Peer(peer) = &mut leg.protection else { return };
            peer.handle_timeout(Instant::now());
            while let Some(datagram) = peer.poll_datagram() {
                wire.send(leg.path, &datagram);
            }
            if peer.is_connected() {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "a client of the bench does not connect");
            std::thread::sleep(Duration::from_micros(300));
        }
    }

    /// Seals a packet and puts it where it waits for the wire; lost ones stay out of it.
    fn queue(&mut self, packet: &SyntheticPacket, video: bool) {
        let at = usize::from(!video);
        self.sequences[at] = self.sequences[at].wrapping_add(1);
        let (kind, ssrc) = if video { (96, self.ssrcs[0]) } else { (111, self.ssrcs[2]) };
        let plain = self.numbered(kind, packet.marker, self.sequences[at], packet.timestamp, ssrc, &packet.payload);
        self.heard.timestamp = packet.timestamp;
        let sealed = self.protection.seal(&plain);
        if self.load.loss > 0 && video {
            if self.kept.len() == KEPT {
                self.kept.pop_front();
            }
            self.kept.push_back(plain);
        }
        if !self.is_lost() {
            self.waiting.push_back(sealed);
        }
    }

    /// A plain RTP packet with its transport-wide number under extension 3 of the raw peer's offer.
    fn numbered(&mut self, kind: u8, marker: bool, sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
        self.transport_number = self.transport_number.wrapping_add(1);
        let mut packet = vec![0x90, kind | u8::from(marker) << 7];
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&timestamp.to_be_bytes());
        packet.extend_from_slice(&ssrc.to_be_bytes());
        let [high, low] = self.transport_number.to_be_bytes();
        packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x31, high, low, 0]);
        packet.extend_from_slice(payload);
        packet
    }

    fn is_lost(&mut self) -> bool {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % 1_000 < self.load.loss
    }

    fn put_out(&mut self, many: usize) -> u64 {
        let many = many.min(self.waiting.len());
        self.waiting.drain(..many).for_each(|datagram| {
            self.wire.send(self.path, &datagram);
        });
        many as u64
    }

    fn picture(&mut self) {
        // A key frame every 300 pictures, and one at the start.
        let frame = self.video.frame(self.pictures.is_multiple_of(300));
        self.pictures += 1;
        frame.iter().for_each(|packet| self.queue(packet, true));
    }

    fn ask(&mut self) {
        let questions = self.heard.questions(self.ssrcs[0]);
        if let (Protection::Peer(peer), false) = (&mut self.protection, questions.is_empty()) {
            self.wire.send(self.path, &peer.seal_rtcp(&questions));
        }
    }

    /// `at`: when it was read, of the wall clock.
    fn take(&mut self, datagram: &[u8], at: Duration) {
        self.received += 1;
        let Protection::Peer(peer) = &mut self.protection else { return };
        peer.handle_datagram(datagram, Instant::now());
        while let Protection::Peer(peer) = &mut self.protection
            && let Some(arrived) = peer.poll_arrived()
        {
            match arrived {
                Arrived::Rtp(packet) if !self.is_lost() => self.heard.note(&packet, at),
                Arrived::Rtcp(packet) if self.load.loss > 0 => self.answer(&packet),
                _ => {}
            }
        }
    }

    /// Resends what the server asks for (RFC 4588).
    fn answer(&mut self, compound: &[u8]) {
        for asked in crate::heard::asked(compound, self.ssrcs[0]) {
            let Some(kept) = self.kept.iter().find(|packet| packet[2..4] == asked.to_be_bytes()).cloned() else { continue };
            self.rtx_sequence = self.rtx_sequence.wrapping_add(1);
            let timestamp = u32::from_be_bytes([kept[4], kept[5], kept[6], kept[7]]);
            let payload = [&asked.to_be_bytes(), &kept[HEADER..]].concat();
            let again = self.numbered(97, kept[1] & 0x80 != 0, self.rtx_sequence, timestamp, self.ssrcs[1], &payload);
            self.wire.send(self.path, &self.protection.seal(&again));
        }
    }

    /// What a browser says from time to time.
    fn feed_back(&mut self, begin: Instant) {
        let Protection::Peer(peer) = &mut self.protection else { return };
        peer.handle_timeout(Instant::now());
        while let Some(datagram) = peer.poll_datagram() {
            self.wire.send(self.path, &datagram);
        }
        let compound = self.heard.compound(self.ssrcs[0], self.sends.then_some(u32::from(self.sequences[0])), begin);
        if !compound.is_empty() {
            let sealed = peer.seal_rtcp(&compound);
            self.wire.send(self.path, &sealed);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Picture,
    Rest,
    Sound,
    Feedback,
}

/// Sends at pace and reads for a while. RTP packets sent.
pub fn run(legs: &mut [Leg], duration: Duration) -> u64 {
    let Some(load) = legs.first().map(|leg| leg.load) else { return 0 };
    let every = |per_second: f64| Duration::from_secs_f64(1.0 / per_second);
    let begin = Instant::now();
    let mut turns = BinaryHeap::new();
    let many = legs.len() as u32;
    for (at, leg) in legs.iter().enumerate() {
        // Spread over the period, so that no two people are in step.
        let phase = |period: Duration| begin + period * (at as u32) / many;
        if leg.sends {
            turns.push(Reverse((phase(every(load.pictures)), at, Turn::Picture)));
            turns.push(Reverse((phase(every(load.sounds)), at, Turn::Sound)));
        }
        turns.push(Reverse((phase(load.feedback), at, Turn::Feedback)));
    }
    let (mut sent, mut buffers) = (0, ReceiveBuffers::default());
    let (wire, mut looked) = (legs[0].wire.clone(), begin);
    let mut read = |legs: &mut [Leg]| {
        if looked.elapsed() >= LOOK {
            wire.read(legs, &mut buffers);
            looked = Instant::now();
        }
    };
    while let Some(Reverse((due, at, turn))) = turns.pop() {
        if due >= begin + duration {
            break;
        }
        read(legs);
        while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            read(legs);
            if left > Duration::from_micros(300) {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        let leg = &mut legs[at];
        let next = match turn {
            Turn::Picture => {
                leg.picture();
                let apart = every(load.pictures) / load.packets as u32;
                match load.pacing {
                    Pacing::Burst => sent += leg.put_out(load.packets),
                    Pacing::Alone => {
                        sent += leg.put_out(1);
                        (1..load.packets as u32).for_each(|place| turns.push(Reverse((due + apart * place, at, Turn::Rest))));
                    }
                }
                every(load.pictures)
            }
            Turn::Rest => {
                sent += leg.put_out(1);
                continue;
            }
            Turn::Sound => {
                let packet = leg.audio.packet();
                leg.queue(&packet, false);
                sent += leg.put_out(1);
                every(load.sounds)
            }
            Turn::Feedback => {
                leg.feed_back(begin);
                load.feedback
            }
        };
        turns.push(Reverse((due + next, at, turn)));
    }
    sent += legs.iter_mut().map(|leg| leg.put_out(usize::MAX)).sum::<u64>();
    wire.read(legs, &mut buffers);
    sent
}
