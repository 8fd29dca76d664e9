//! One transport of a simulated person: a socket, checks, handshake, what it sends and what it hears. Driven by the engine; knows no consultation.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use tokio::sync::oneshot;

use super::arrivals::Arrivals;
use super::dtls::{Handshake, Identity};
use super::ear::Ear;
use super::head::{self, Head};
use super::offer::{self, Answer, OPUS, RTX, Ssrcs, VP8};
use super::picture::{Kept, Rest};
use super::rtcp::{self, Said, Sender};
use super::source::{Camera, SOUND, Voice};
use super::srtp::Srtp;
use super::stamp::{self, Stamp, now_us};
use super::stun::Checks;
use super::tally::{Tally, Totals};
use crate::load::synthetic::begins_vp8_key_frame;

/// Pictures' packets kept for questions.
const KEPT: usize = 512;
/// From one check to the next until one is answered, and afterwards (RFC 7675).
const CHECK: Duration = Duration::from_millis(50);
const CONSENT: Duration = Duration::from_secs(4);
/// From one feedback or report to the next.
const FEEDBACK: Duration = Duration::from_millis(100);
const REPORT: Duration = Duration::from_secs(1);
/// A key frame follows another only after this.
const KEY_FRAME: Duration = Duration::from_millis(250);
/// From one look at a leg to the next, beside its packets.
pub const KEEP: Duration = Duration::from_millis(50);

/// How people speak and look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Pictures a second.
    pub fps: u32,
    /// Of the picture.
    pub bits_per_s: u64,
    /// Voices rest in pauses.
    pub dtx: bool,
}

/// What all legs of an engine share.
pub struct Shared {
    /// The window that counts now; 0: none.
    pub window: u8,
    /// By window.
    pub tallies: Vec<Option<Tally>>,
    /// Since the start.
    pub totals: Totals,
}

/// One stream that is sent.
#[derive(Default)]
struct Outgoing {
    /// Of the next packet: rounds and sequence number.
    index: u64,
    /// Of the next payload.
    number: u32,
    timestamp: u32,
    packets: u32,
    octets: u32,
}

/// See the file's sentence.
pub struct Leg {
    name: u32,
    identity: Arc<Identity>,
    socket: UdpSocket,
    state: UdpSocketState,
    ssrcs: Ssrcs,
    candidates: Vec<SocketAddr>,
    server: Option<SocketAddr>,
    checks: Checks,
    check_at: Instant,
    handshake: Option<Handshake>,
    srtp: Option<Srtp>,
    voice: Voice,
    camera: Camera,
    is_sending: bool,
    /// Says nothing any more, as if the network were gone; what still comes is counted and left unheard.
    pub is_silent: bool,
    /// Somebody listens: what is sent counts.
    pub counts: bool,
    audio: Outgoing,
    video: Outgoing,
    rtx: Outgoing,
    transport_number: u16,
    picture: u16,
    rest: Option<Rest>,
    key_wanted: bool,
    key_at: Option<Instant>,
    kept: VecDeque<Kept>,
    ear: Ear,
    arrivals: Arrivals,
    feedback_at: Instant,
    report_at: Instant,
    out: Vec<u8>,
    connected: Option<oneshot::Sender<bool>>,
    pictured: Option<oneshot::Sender<()>>,
    has_picture: bool,
}

impl Leg {
    /// Binds a socket and begins to check when it is first kept.
    pub fn open(
        (name, identity): (u32, Arc<Identity>),
        answer: &Answer,
        shape: Shape,
        connected: oneshot::Sender<bool>,
        now: Instant,
    ) -> io::Result<Self> {
        let any: SocketAddr = match answer.candidates.first() {
            Some(SocketAddr::V6(_)) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
            _ => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // As much as the system grants: a burst of pictures waits there.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), 1024 * 1024);
        let candidates = answer.candidates.iter().filter(|candidate| candidate.is_ipv4() == any.is_ipv4()).copied().collect();
        let seed = u64::from(name);
        Ok(Self {
            name,
            identity,
            socket,
            state,
            ssrcs: Ssrcs::of(name),
            candidates,
            server: None,
            checks: Checks::new(&answer.ufrag, &answer.password, &offer::ufrag(name), name),
            check_at: now,
            handshake: None,
            srtp: None,
            voice: Voice::new(seed, shape.dtx),
            camera: Camera::new(seed, shape.fps, shape.bits_per_s),
            is_sending: false,
            is_silent: false,
            counts: false,
            audio: Outgoing { timestamp: name.wrapping_mul(77_777), ..Outgoing::default() },
            video: Outgoing { timestamp: name.wrapping_mul(99_999), ..Outgoing::default() },
            rtx: Outgoing::default(),
            transport_number: 0,
            picture: 0,
            rest: None,
            key_wanted: true,
            key_at: None,
            kept: VecDeque::new(),
            ear: Ear::default(),
            arrivals: Arrivals::default(),
            feedback_at: now + FEEDBACK,
            report_at: now + REPORT,
            out: Vec::new(),
            connected: Some(connected),
            pictured: None,
            has_picture: false,
        })
    }

    /// For the poll registry.
    pub fn source(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// Socket and its state, to receive.
    pub fn receiver(&self) -> (UdpSockRef<'_>, &UdpSocketState) {
        (UdpSockRef::from(&self.socket), &self.state)
    }

    /// Sends from now on.
    pub fn send(&mut self) -> bool {
        self.key_wanted = true;
        !std::mem::replace(&mut self.is_sending, true)
    }

    /// From one picture to the next.
    pub fn picture_period(&self) -> Duration {
        self.camera.period()
    }

    /// Tells when the other's first picture begins.
    pub fn await_picture(&mut self, pictured: oneshot::Sender<()>) {
        if self.has_picture {
            let _ = pictured.send(());
        } else {
            self.pictured = Some(pictured);
        }
    }

    /// Checks, handshake, feedback, reports and questions that are due.
    pub fn keep(&mut self, shared: &mut Shared, now: Instant) {
        if self.check_at <= now {
            let check = self.checks.write();
            match self.server {
                Some(_) => self.put(&check, shared),
                None => self.candidates.iter().for_each(|candidate| {
                    let _ = self.socket.send_to(&check, *candidate);
                }),
            }
            self.check_at = now + if self.server.is_some() { CONSENT } else { CHECK };
        }
        if let Some(handshake) = &mut self.handshake {
            handshake.handle_timeout(now);
        }
        self.shake();
        let mut compound = Vec::new();
        if self.report_at <= now && self.srtp.is_some() {
            self.report_at = now + REPORT;
            compound.extend(self.report(now));
        }
        if self.feedback_at <= now {
            self.feedback_at = now + FEEDBACK;
            compound.extend(self.arrivals.feedback(self.ssrcs.microphone, self.ear.any_ssrc()).unwrap_or_default());
        }
        if self.ear.misses() {
            shared.totals.asked_again += self.ear.questions(self.ssrcs.microphone, now, &mut compound);
        }
        if !self.has_picture {
            self.ear.wish_for_key_frame(self.ssrcs.microphone, now, &mut compound);
        }
        self.say(&compound, shared);
    }

    fn report(&mut self, now: Instant) -> Vec<u8> {
        let now_us = now_us();
        let sender = |of: &Outgoing| Sender { now_us, timestamp: of.timestamp, packets: of.packets, octets: of.octets };
        let blocks = self.ear.blocks(now);
        let mut out = rtcp::report(self.ssrcs.microphone, self.is_sending.then(|| sender(&self.audio)), &blocks);
        if self.is_sending {
            out.extend(rtcp::report(self.ssrcs.camera, Some(sender(&self.video)), &[]));
        }
        out
    }

    fn say(&mut self, compound: &[u8], shared: &mut Shared) {
        if let (Some(srtp), false) = (&mut self.srtp, compound.is_empty())
            && let Some(sealed) = srtp.seal_rtcp(compound)
        {
            self.put(&sealed, shared);
        }
    }

    fn put(&self, datagram: &[u8], shared: &mut Shared) {
        shared.totals.not_sent += u64::from(self.socket.send(datagram).is_err());
    }

    /// What the handshake has to say, and its end.
    fn shake(&mut self) {
        let Some(handshake) = &mut self.handshake else { return };
        while let Some(datagram) = handshake.out.pop_front() {
            let _ = self.socket.send(&datagram);
        }
        if handshake.has_failed && self.srtp.is_none() {
            self.connected.take().map(|connected| connected.send(false));
        }
        if let Some(srtp) = handshake.take_srtp() {
            self.srtp = Some(srtp);
            self.connected.take().map(|connected| connected.send(true));
        }
    }

    /// A datagram that came at `at_us`.
    pub fn handle_datagram(&mut self, from: SocketAddr, datagram: &mut [u8], at_us: u64, shared: &mut Shared, now: Instant) {
        if self.is_silent && !matches!(datagram.first(), Some(128..=191)) {
            return;
        }
        match datagram.first() {
            Some(0..=3) if self.server.is_none() && self.checks.is_answer(datagram) && self.socket.connect(from).is_ok() => {
                self.server = Some(from);
                self.check_at = now + CONSENT;
                self.handshake = Some(Handshake::begin(&self.identity, now));
                self.shake();
            }
            Some(20..=63) => {
                if let Some(handshake) = &mut self.handshake {
                    handshake.handle_datagram(datagram, now);
                    self.shake();
                }
            }
            Some(128..=191) if datagram.get(1).is_some_and(|kind| (192..=223).contains(kind)) => self.handle_rtcp(datagram, shared, now),
            Some(128..=191) => self.handle_rtp(datagram, at_us, shared, now),
            _ => {}
        }
    }

    fn handle_rtp(&mut self, packet: &mut [u8], at_us: u64, shared: &mut Shared, now: Instant) {
        let (Some(srtp), Some(head)) = (&mut self.srtp, Head::read(packet)) else { return };
        let Some(payload) = srtp.open_rtp(packet, head.bytes, head.ssrc, head.sequence) else {
            shared.totals.unreadable += 1;
            return;
        };
        shared.totals.rtp_received += 1;
        if let Some(number) = head.transport_number {
            self.arrivals.note(number, at_us);
        }
        if head.is_padded || self.is_silent {
            return;
        }
        let is_video = head.kind != OPUS;
        let payload = match head.kind {
            RTX => {
                let Some((sequence, rest)) = payload.split_first_chunk::<2>() else { return };
                self.ear.note_resent(u16::from_be_bytes(*sequence));
                rest
            }
            _ => {
                self.ear.note(head.ssrc, head.sequence, head.timestamp, is_video, at_us);
                payload
            }
        };
        if !self.has_picture && is_video && begins_vp8_key_frame(payload) {
            self.has_picture = true;
            self.pictured.take().map(|pictured| pictured.send(()));
        }
        if let Some(stamp) = Stamp::read(payload)
            && let Some(tally) = shared.tallies[usize::from(stamp.window)].as_mut()
            && self.ear.is_fresh(stamp.from, is_video, stamp.number)
        {
            tally.received += 1;
            tally.picture_bytes += if is_video { payload.len() as u64 } else { 0 };
            tally.delays.note(stamp.age(at_us));
        }
        if self.ear.misses() {
            let mut compound = Vec::new();
            shared.totals.asked_again += self.ear.questions(self.ssrcs.microphone, now, &mut compound);
            self.say(&compound, shared);
        }
    }

    fn handle_rtcp(&mut self, packet: &mut [u8], shared: &mut Shared, now: Instant) {
        let Some(compound) = self.srtp.as_ref().and_then(|srtp| srtp.open_rtcp(packet)) else {
            shared.totals.unreadable += 1;
            return;
        };
        if self.is_silent {
            return;
        }
        let mut missing = Vec::new();
        rtcp::read(compound, |said| match said {
            Said::Missing(ssrc, numbers) if ssrc == self.ssrcs.camera => missing.extend(numbers),
            Said::KeyFrame(ssrc) if ssrc == self.ssrcs.camera => self.key_wanted = true,
            Said::Lid(bits) => self.camera.set_lid(bits),
            Said::Clock(ssrc, middle) => self.ear.note_clock(ssrc, middle, now),
            _ => {}
        });
        for sequence in missing {
            let Some(kept) = self.kept.iter().rev().find(|kept| kept.sequence == sequence).copied() else { continue };
            shared.totals.resent += 1;
            self.out.clear();
            self.write_picture(kept, true);
            let out = std::mem::take(&mut self.out);
            self.put(&out, shared);
            self.out = out;
            shared.totals.rtp_sent += 1;
        }
    }

    /// The next 20 ms of the voice.
    pub fn sound(&mut self, shared: &mut Shared) {
        self.audio.timestamp = self.audio.timestamp.wrapping_add((SOUND.as_millis() * 48) as u32);
        let Some((bytes, begins)) = self.voice.speak() else { return };
        let stamp = self.stamp(self.audio.number, shared);
        self.audio.number += 1;
        self.out.clear();
        self.head(OPUS, begins, self.audio.index as u16, self.audio.timestamp, self.ssrcs.microphone);
        self.out.push(0xfc);
        self.out.resize(head::BYTES + bytes.saturating_sub(stamp::BYTES).max(1), 0x55);
        stamp.write(&mut self.out);
        self.audio.packets += 1;
        self.audio.octets = self.audio.octets.wrapping_add(bytes as u32);
        self.seal(0, self.ssrcs.microphone, self.audio.index);
        self.audio.index += 1;
        shared.totals.rtp_sent += 1;
        let out = std::mem::take(&mut self.out);
        self.put(&out, shared);
        self.out = out;
    }

    /// The next picture begins. Whether some of it is left for later.
    pub fn begin_picture(&mut self, shared: &mut Shared, now: Instant) -> bool {
        while self.rest.is_some() {
            self.go_on(shared);
        }
        let key = self.key_wanted && self.key_at.is_none_or(|at| now - at >= KEY_FRAME);
        if key {
            self.key_wanted = false;
            self.key_at = Some(now);
        }
        self.picture = (self.picture + 1) & 0x7fff;
        self.video.timestamp = self.video.timestamp.wrapping_add((self.camera.period().as_micros() * 9 / 100) as u32);
        self.rest = Some(Rest::begin(key, self.camera.picture(key), self.camera.period()));
        self.go_on(shared)
    }

    /// The next group of packets of the picture. Whether some of it is left.
    pub fn go_on(&mut self, shared: &mut Shared) -> bool {
        let Some(mut rest) = self.rest.take() else { return false };
        self.out.clear();
        let end = (rest.at + rest.group).min(rest.packets);
        let mut size = 0;
        for at in rest.at..end {
            let is_last = at + 1 == rest.packets;
            let bytes = if is_last { rest.last } else { rest.each };
            let stamp = self.stamp(self.video.number, shared);
            let kept = Kept {
                sequence: self.video.index as u16,
                timestamp: self.video.timestamp,
                picture: self.picture,
                is_first: at == 0,
                is_key: rest.key,
                is_last,
                bytes,
                stamp,
            };
            self.video.number += 1;
            self.video.packets += 1;
            self.video.octets = self.video.octets.wrapping_add(bytes as u32);
            if self.kept.len() == KEPT {
                self.kept.pop_front();
            }
            self.kept.push_back(kept);
            self.write_picture(kept, false);
            if at == rest.at {
                size = self.out.len();
            }
            shared.totals.rtp_sent += 1;
        }
        let contents = std::mem::take(&mut self.out);
        self.put_run(&contents, size, shared);
        self.out = contents;
        rest.at = end;
        let is_left = end < rest.packets;
        self.rest = is_left.then_some(rest);
        is_left
    }

    /// Writes a packet of a picture, sealed, behind what is in `out`: as it was, or as a retransmission of it (RFC 4588).
    fn write_picture(&mut self, kept: Kept, again: bool) {
        let start = self.out.len();
        let (kind, ssrc, index) = if again {
            self.rtx.index += 1;
            (RTX, self.ssrcs.camera_rtx, self.rtx.index)
        } else {
            self.video.index += 1;
            (VP8, self.ssrcs.camera, self.video.index - 1)
        };
        self.head(kind, kept.is_last, index as u16, kept.timestamp, ssrc);
        if again {
            self.out.extend_from_slice(&kept.sequence.to_be_bytes());
        }
        kept.write(&mut self.out);
        self.seal(start, ssrc, index);
    }

    fn stamp(&self, number: u32, shared: &mut Shared) -> Stamp {
        let window = if self.counts { shared.window } else { 0 };
        if let Some(tally) = shared.tallies[usize::from(window)].as_mut() {
            tally.sent += 1;
        }
        Stamp { from: self.name, number, window, left_us: now_us() }
    }

    fn head(&mut self, kind: u8, marker: bool, sequence: u16, timestamp: u32, ssrc: u32) {
        self.transport_number = self.transport_number.wrapping_add(1);
        head::write(&mut self.out, (kind, marker), sequence, timestamp, ssrc, self.transport_number);
    }

    fn seal(&mut self, start: usize, ssrc: u32, index: u64) {
        let Some(srtp) = &self.srtp else { return };
        if !srtp.seal_rtp(&mut self.out, start, head::BYTES, ssrc, index) {
            self.out.truncate(start);
        }
    }

    /// Datagrams of `size` bytes but the last in one call; one by one where the system does not take them so.
    fn put_run(&self, contents: &[u8], size: usize, shared: &mut Shared) {
        let Some(destination) = self.server.filter(|_| !contents.is_empty()) else { return };
        if contents.len() > size {
            let transmit = Transmit { destination, ecn: None, contents, segment_size: Some(size), src_ip: None };
            if self.state.max_gso_segments() > 1 && self.state.try_send(UdpSockRef::from(&self.socket), &transmit).is_ok() {
                return;
            }
        }
        contents.chunks(size.max(1)).for_each(|datagram| self.put(datagram, shared));
    }
}
