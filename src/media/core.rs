//! The media plane of one worker without its sockets: datagrams, commands and time in, datagrams and events out. Told the time and the randomness (the engines
//! of DTLS and SCTP draw their own), so that tests and fuzz targets drive it whole. Finds the room of a datagram, allocates nothing for strangers.

mod held;
mod tcp_paths;

use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::batch::{Batch, Path};
use super::directory::{Directory, Owner, UFRAG};
use super::dtls::{Dtls, DtlsError, DtlsIdentity, Pin};
use super::guard::{Counters, Kind, count, demultiplex};
use super::hash::QuickMap;
use super::ice_lite::Credentials;
use super::plane::{Label, MediaEvent, OfferError};
use super::room::{End, Room, Step};
use super::sctp::Sctp;
use super::sdp::{self, Fingerprint, LocalParameters};
use super::stun::{BindingRequest, IntegrityKey};
use super::transport::Transport;
use super::wheel::Wheel;
use crate::ids::ParticipantId;
use crate::limits;
use crate::sfu::negotiated::Publishing;
use crate::sfu::statistics::TrackStatistics;
use crate::time::Instant;

pub use held::Held;

/// Fills a slice with random bytes.
pub type Randomness = Box<dyn FnMut(&mut [u8]) + Send>;

/// A consultation on a worker. Never used again, so that a late command cannot hit a successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomId(pub u64);

/// See the module's sentence.
pub struct Core {
    identity: DtlsIdentity,
    candidates: Vec<SocketAddr>,
    tcp_candidates: Vec<SocketAddr>,
    /// First character of our ufrags: which worker of this process they belong to.
    mark: u8,
    random: Randomness,
    counters: Arc<Counters>,
    /// TCP connections that lead to no transport any more.
    orphans: Vec<u32>,
    rooms: QuickMap<RoomId, Room>,
    directory: Directory,
    timers: Wheel,
    /// Rooms that something happened to since their timers were last looked at: once in a turn, not once a packet.
    touched: Vec<RoomId>,
    /// Rooms whose outbox is not empty.
    talkative: Vec<RoomId>,
    serial: u64,
    /// Tests plant a panic on the input of this 5-tuple.
    #[cfg(test)]
    planted_panic: Option<Path>,
}

const PASSWORD: usize = 24;
/// RFC 8839 §5.4.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The number of the worker that gave this ufrag out, if any of this process did.
pub fn worker_of(ufrag: &[u8]) -> Option<usize> {
    let mark = ufrag.first().filter(|_| ufrag.len() == UFRAG)?;
    ICE_CHARS.iter().position(|char| char == mark)
}

impl Core {
    /// `candidates`: what answers advertise, best first.
    pub fn new(identity: DtlsIdentity, candidates: Vec<SocketAddr>, random: Randomness, counters: Arc<Counters>) -> Self {
        Self {
            identity,
            candidates,
            tcp_candidates: Vec::new(),
            mark: ICE_CHARS[0],
            random,
            counters,
            orphans: Vec::new(),
            rooms: QuickMap::default(),
            directory: Directory::default(),
            timers: Wheel::default(),
            touched: Vec::new(),
            talkative: Vec::new(),
            serial: 0,
            #[cfg(test)]
            planted_panic: None,
        }
    }

    /// From now on answers name these addresses of the web server too (RFC 6544, passive), and their ufrags lead to worker number `worker`.
    pub fn set_tcp(&mut self, candidates: Vec<SocketAddr>, worker: usize) {
        self.tcp_candidates = candidates;
        self.mark = ICE_CHARS[worker % ICE_CHARS.len()];
    }

    /// One datagram from `remote` to our address `local` (unspecified when unknown). Opened in place: the bytes are worthless afterwards.
    pub fn handle_datagram(&mut self, now: Instant, local: IpAddr, remote: SocketAddr, datagram: &mut [u8], batch: &mut Batch) {
        self.handle_packet(now, Path::udp(local, remote), datagram, batch);
    }

    /// The same for what came on any path: a datagram or the content of a frame.
    pub fn handle_packet(&mut self, now: Instant, path: Path, datagram: &mut [u8], batch: &mut Batch) {
        count(&self.counters.received);
        match demultiplex(datagram) {
            Kind::Junk => count(&self.counters.junk),
            Kind::Stun => self.handle_check(now, path, datagram, batch),
            kind => match self.directory.of_path(path) {
                None => count(&self.counters.unknown_source),
                Some(owner) => self.guarded(now, (owner.room, Some(owner.participant)), batch, |core, batch| {
                    #[cfg(test)]
                    assert!(core.planted_panic != Some(path), "planted");
                    let Some(room) = core.rooms.get_mut(&owner.room) else { return };
                    let mut step = Step { now, batch, counters: &core.counters };
                    let ended = room.handle_packet(owner.participant, kind, datagram, path, &mut step);
                    if let Err(end) = ended {
                        core.end(owner.room, owner.participant, end, now, batch);
                    }
                }),
            },
        }
    }

    fn handle_check(&mut self, now: Instant, path: Path, datagram: &[u8], batch: &mut Batch) {
        let request = BindingRequest::parse(datagram);
        let owner = request.as_ref().and_then(|request| self.directory.of_ufrag(request.local_ufrag));
        let (Some(request), Some(owner)) = (request, owner) else {
            count(&self.counters.stun_unknown);
            return;
        };
        self.guarded(now, (owner.room, Some(owner.participant)), batch, |core, batch| {
            let counters = core.counters.clone();
            let Some(room) = core.rooms.get_mut(&owner.room) else { return };
            let Some(transport) = room.transport(owner.participant) else { return };
            let restarting = transport.ice().ufrags().count() > 1;
            let before: Vec<String> = if restarting { transport.ice().ufrags().map(str::to_owned).collect() } else { Vec::new() };
            room.handle_check(owner.participant, &request, path, &mut Step { now, batch, counters: &counters });
            let Some(transport) = room.transport(owner.participant) else { return };
            // Credentials that became void with this check, and the 5-tuples that it taught or pushed out.
            let void: Vec<String> = before.into_iter().filter(|ufrag| !transport.ice().ufrags().any(|valid| valid == ufrag)).collect();
            let forgotten = transport.ice().take_forgotten();
            let verified = transport.ice().is_verified(path);
            void.iter().for_each(|ufrag| core.directory.forget_ufrag(ufrag, owner));
            forgotten.into_iter().for_each(|path| core.forget_path(path, owner));
            if verified {
                core.directory.add_path(path, owner);
            }
        });
    }

    /// A consultation comes to this worker.
    pub fn open(&mut self, room: RoomId) {
        if self.rooms.len() >= limits::CONSULTATIONS_PER_WORKER {
            tracing::warn!(rooms = self.rooms.len(), "media worker is full: a consultation has no media");
            return;
        }
        let fresh = self.fresh_room();
        self.rooms.insert(room, fresh);
    }

    /// It goes, with all its transports and without events.
    pub fn close(&mut self, id: RoomId, now: Instant, batch: &mut Batch) {
        let occupied = self.rooms.get(&id).map(Room::occupied).unwrap_or_default();
        for participant in occupied {
            self.remove(id, participant, now, batch);
        }
        self.rooms.remove(&id);
    }

    /// Whether an offer of this participant would bring a citizen who waits and has no transport yet: what an overloaded worker puts off.
    pub fn is_newcomer(&mut self, id: RoomId, participant: ParticipantId) -> bool {
        let waits = |room: &mut Room| room.transport(participant).is_none() && !room.is_admitted(participant);
        participant == ParticipantId::CITIZEN && self.rooms.get_mut(&id).is_some_and(waits)
    }

    /// An offer: a new transport, or an ICE restart when `number` is that of the running one. The answer's SDP.
    pub fn offer(
        &mut self,
        id: RoomId,
        participant: ParticipantId,
        number: u32,
        sdp: &str,
        now: Instant,
        batch: &mut Batch,
    ) -> Result<String, OfferError> {
        let mut result = Err(OfferError::Unavailable);
        self.guarded(now, (id, Some(participant)), batch, |core, batch| result = core.answer(id, participant, number, sdp, now, batch));
        result
    }

    fn answer(
        &mut self,
        id: RoomId,
        participant: ParticipantId,
        number: u32,
        sdp: &str,
        now: Instant,
        batch: &mut Batch,
    ) -> Result<String, OfferError> {
        if usize::from(participant.0) >= limits::MEDIA_SEATS {
            return Err(OfferError::Bad("no such participant"));
        }
        let ufrag = self.fresh_ufrag();
        let pwd: [u8; PASSWORD] = self.ice_chars();
        let pwd = String::from_utf8_lossy(&pwd).into_owned();
        let mut random = [0; 64];
        (self.random)(&mut random);
        let mut ssrcs = [0; 16];
        ssrcs.iter_mut().zip(random.chunks_exact(4)).for_each(|(ssrc, b)| *ssrc = u32::from_be_bytes([b[0], b[1], b[2], b[3]]));

        let Some(room) = self.rooms.get_mut(&id) else { return Err(OfferError::Unavailable) };
        let running =
            room.transport(participant).map(|transport| (transport.number, transport.negotiated.clone(), transport.viewers.clone()));
        let restarted = match running {
            Some((running, ..)) if running > number => return Err(OfferError::Bad("older than the running transport")),
            Some((running, negotiated, viewers)) if running == number => Some((negotiated, viewers)),
            _ => None,
        };
        // A restart is answered for the same viewers as the first offer was: nothing in the answer may change but the credentials.
        let (previous, viewers) = match restarted {
            Some((negotiated, viewers)) => (Some(negotiated), viewers),
            None => (None, room.others(participant).map(|transport| transport.negotiated.clone()).collect()),
        };
        let local = LocalParameters {
            ufrag: &ufrag,
            pwd: &pwd,
            fingerprint_sha256: &self.identity.fingerprint_sha256,
            candidates: &self.candidates,
            tcp_candidates: &self.tcp_candidates,
            ssrcs: &ssrcs,
        };
        let answer = sdp::answer_among(sdp, &local, previous.as_ref(), &viewers.iter().collect::<Vec<_>>())
            .map_err(|error| OfferError::Bad(error.reason()))?;
        let pin = pin(&answer.remote_fingerprint).ok_or(OfferError::Bad("fingerprint"))?;
        let credentials = Credentials { ufrag: ufrag.clone(), key: IntegrityKey::new(pwd.as_bytes()) };

        if previous.is_some() {
            let Some(transport) = room.transport(participant) else { return Err(OfferError::Unavailable) };
            if !transport.dtls().is_pinned_to(&pin) {
                return Err(OfferError::Bad("another certificate needs another transport"));
            }
            let owner = Owner { room: id, participant, serial: transport.serial };
            let void = transport.ice().restart(credentials, now);
            // The SSRCs are the same; what was agreed on first goes on, whatever else this offer says.
            if let Some(void) = void {
                self.directory.forget_ufrag(&void, owner);
            }
            self.directory.add_ufrag(&ufrag, owner);
            return Ok(answer.sdp);
        }

        self.take_transport(id, participant, now, batch);
        self.serial += 1;
        let sctp = answer.sctp_port.map(|_| Sctp::new(5000, answer.max_message_size));
        let dtls = Dtls::new(self.identity.clone(), pin);
        let transport = Transport::new(number, self.serial, participant, (answer.negotiated, viewers), credentials, (dtls, sctp), now);
        self.directory.add_ufrag(&ufrag, Owner { room: id, participant, serial: self.serial });
        let counters = self.counters.clone();
        if let Some(room) = self.rooms.get_mut(&id) {
            room.seat(participant, transport, &mut Step { now, batch, counters: &counters });
        }
        Ok(answer.sdp)
    }

    /// Opens or shuts the forwarding; holds for transports that come later.
    pub fn admit(&mut self, id: RoomId, participant: ParticipantId, admitted: bool, now: Instant, batch: &mut Batch) {
        self.guarded(now, (id, None), batch, |core, batch| {
            let counters = core.counters.clone();
            if let Some(room) = core.rooms.get_mut(&id) {
                room.admit(participant, admitted, &mut Step { now, batch, counters: &counters });
            }
        });
    }

    /// What a participant says they send now.
    pub fn publish(&mut self, id: RoomId, participant: ParticipantId, publishing: Publishing, now: Instant, batch: &mut Batch) {
        self.guarded(now, (id, None), batch, |core, batch| {
            let counters = core.counters.clone();
            if let Some(room) = core.rooms.get_mut(&id) {
                room.publish(participant, publishing, &mut Step { now, batch, counters: &counters });
            }
        });
    }

    /// What is counted of each track of a room.
    pub fn statistics(&self, id: RoomId) -> Vec<TrackStatistics> {
        self.rooms.get(&id).map(Room::statistics).unwrap_or_default()
    }

    /// Ends the participant's transport; no event tells of it.
    pub fn remove(&mut self, id: RoomId, participant: ParticipantId, now: Instant, batch: &mut Batch) {
        self.guarded(now, (id, None), batch, |core, batch| {
            if core.take_transport(id, participant, now, batch) {
                let counters = core.counters.clone();
                if let Some(room) = core.rooms.get_mut(&id) {
                    room.leave(participant, &mut Step { now, batch, counters: &counters });
                }
            }
        });
    }

    /// Sends on a data channel; `false` when there is none or its queue is full.
    pub fn send(&mut self, id: RoomId, participant: ParticipantId, label: Label, message: &[u8], now: Instant, batch: &mut Batch) -> bool {
        let mut sent = false;
        self.guarded(now, (id, Some(participant)), batch, |core, batch| {
            let counters = core.counters.clone();
            let Some(room) = core.rooms.get_mut(&id) else { return };
            sent = room.transport(participant).is_some_and(|transport| transport.send_message(label, message, now));
            if let Err(end) = room.pump(participant, &mut Step { now, batch, counters: &counters }) {
                core.end(id, participant, end, now, batch);
            }
        });
        sent
    }

    /// When [`Self::handle_timeout`] is due, as of the last [`Self::deliver_events`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.due()
    }

    /// Everything that is due.
    pub fn handle_timeout(&mut self, now: Instant, batch: &mut Batch) {
        while let Some(id) = self.timers.take(now) {
            // A timer that was set anew for earlier has come already.
            if self.rooms.get_mut(&id).and_then(|room| room.wake.take_if(|wake| *wake <= now)).is_none() {
                continue;
            }
            self.guarded(now, (id, None), batch, |core, batch| {
                let Some(room) = core.rooms.get_mut(&id) else { return };
                // What it was set for may have gone along with media since.
                if room.poll_timeout().is_none_or(|at| at > now) {
                    return;
                }
                for (participant, end) in room.handle_timeout(&mut Step { now, batch, counters: &core.counters }) {
                    core.end(id, participant, end, now, batch);
                }
            });
        }
    }

    /// Ends a turn: looks at the timers of the rooms that something happened to, and hands out waiting events; one that is given back, and those behind it,
    /// stay. Then SCTP is read on where it had to wait.
    pub fn deliver_events(
        &mut self,
        now: Instant,
        batch: &mut Batch,
        mut deliver: impl FnMut(RoomId, MediaEvent) -> Result<(), MediaEvent>,
    ) {
        self.end_turn(now, batch);
        self.settle(now);
        for id in std::mem::take(&mut self.talkative) {
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            let was_full = !room.outbox.has_room();
            room.outbox.deliver(|event| deliver(id, event));
            if was_full && room.outbox.has_room() {
                let occupied = room.occupied();
                for participant in occupied {
                    self.guarded(now, (id, Some(participant)), batch, |core, batch| {
                        let counters = core.counters.clone();
                        let Some(room) = core.rooms.get_mut(&id) else { return };
                        if let Err(end) = room.pump(participant, &mut Step { now, batch, counters: &counters }) {
                            core.end(id, participant, end, now, batch);
                        }
                    });
                }
            } else if !room.outbox.is_empty() {
                self.talkative.push(id);
            }
        }
        self.settle(now);
    }

    /// Events wait for room in their channel.
    pub fn has_waiting_events(&self) -> bool {
        !self.talkative.is_empty()
    }

    /// Consultations here.
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// Runs one step for a room; a panic ends the transport whose input it was, or the room when that is not known or happens too often.
    fn guarded(
        &mut self,
        now: Instant,
        whose: (RoomId, Option<ParticipantId>),
        batch: &mut Batch,
        act: impl FnOnce(&mut Self, &mut Batch),
    ) {
        let calm = catch_unwind(AssertUnwindSafe(|| act(self, batch))).is_ok();
        if !calm {
            self.recover(now, whose, batch);
        }
        if self.touched.last() != Some(&whose.0)
            && let Some(room) = self.rooms.get_mut(&whose.0).filter(|room| !room.touched)
        {
            room.touched = true;
            self.touched.push(whose.0);
        }
    }

    fn recover(&mut self, now: Instant, (id, participant): (RoomId, Option<ParticipantId>), batch: &mut Batch) {
        count(&self.counters.panics);
        tracing::error!("a panic in the media plane ended a transport");
        let Some(room) = self.rooms.get_mut(&id) else { return };
        room.panics += 1;
        let spared = room.panics < limits::PANICS_PER_CONSULTATION
            && participant.is_some_and(|participant| {
                catch_unwind(AssertUnwindSafe(|| self.end(id, participant, End::Dtls(DtlsError::Engine), now, batch))).is_ok()
            });
        if !spared {
            // The room's own state is in doubt: everybody joins again into a new one.
            let occupied = self.rooms.get(&id).map(Room::occupied).unwrap_or_default();
            for participant in &occupied {
                self.take_transport(id, *participant, now, batch);
            }
            let old = self.rooms.remove(&id);
            let admitted = old.as_ref().map(Room::admitted).unwrap_or_default();
            let mut room = self.fresh_room();
            if let Some(old) = old {
                (room.outbox, room.wake, room.touched) = (old.outbox, old.wake, old.touched);
            }
            occupied.into_iter().for_each(|participant| room.outbox.push(MediaEvent::Gone(participant)));
            let counters = self.counters.clone();
            for participant in admitted {
                room.admit(participant, true, &mut Step { now, batch, counters: &counters });
            }
            self.rooms.insert(id, room);
        }
    }

    /// What the rooms that something happened to add before the batch leaves.
    fn end_turn(&mut self, now: Instant, batch: &mut Batch) {
        for at in 0..self.touched.len() {
            let id = self.touched[at];
            self.guarded(now, (id, None), batch, |core, batch| {
                if let Some(room) = core.rooms.get_mut(&id) {
                    room.end_turn(&mut Step { now, batch, counters: &core.counters });
                }
            });
        }
    }

    /// The timers of the rooms that something happened to, and their places among those that have something to tell.
    fn settle(&mut self, now: Instant) {
        for id in self.touched.drain(..) {
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            room.touched = false;
            if !room.outbox.is_empty() && !self.talkative.contains(&id) {
                self.talkative.push(id);
            }
            let Some(due) = room.poll_timeout() else { continue };
            room.wake = Some(self.timers.set(id, due, now, room.wake));
        }
    }

    /// A transport ended by itself.
    fn end(&mut self, id: RoomId, participant: ParticipantId, end: End, now: Instant, batch: &mut Batch) {
        let connected =
            self.rooms.get_mut(&id).and_then(|room| room.transport(participant)).is_some_and(|transport| transport.is_connected());
        match end {
            End::Consent => count(&self.counters.consent_lost),
            End::Dtls(error) => {
                if error == DtlsError::WrongFingerprint {
                    count(&self.counters.wrong_fingerprint);
                }
                if !connected {
                    count(&self.counters.handshakes_failed);
                }
            }
        }
        tracing::debug!(room = id.0, participant = participant.0, ?end, "transport ended");
        if !self.take_transport(id, participant, now, batch) {
            return;
        }
        let counters = self.counters.clone();
        if let Some(room) = self.rooms.get_mut(&id) {
            room.outbox.push(MediaEvent::Gone(participant));
            room.leave(participant, &mut Step { now, batch, counters: &counters });
        }
    }

    /// Takes a transport away with all that leads to it. The router is not told.
    fn take_transport(&mut self, id: RoomId, participant: ParticipantId, now: Instant, batch: &mut Batch) -> bool {
        let counters = self.counters.clone();
        let Some(room) = self.rooms.get_mut(&id) else { return false };
        let Some(mut transport) = room.unseat(participant, &mut Step { now, batch, counters: &counters }) else { return false };
        let owner = Owner { room: id, participant, serial: transport.serial };
        let ufrags: Vec<String> = transport.ice().ufrags().map(str::to_owned).collect();
        ufrags.iter().for_each(|ufrag| self.directory.forget_ufrag(ufrag, owner));
        let paths: Vec<Path> = transport.ice().verified().collect();
        paths.into_iter().for_each(|path| self.forget_path(path, owner));
        true
    }

    fn fresh_room(&mut self) -> Room {
        let mut seed = [0; 8];
        (self.random)(&mut seed);
        Room::new(u64::from_le_bytes(seed))
    }

    fn fresh_ufrag(&mut self) -> String {
        loop {
            let mut ufrag: [u8; UFRAG] = self.ice_chars();
            ufrag[0] = self.mark;
            if self.directory.of_ufrag(&ufrag).is_none() {
                return String::from_utf8_lossy(&ufrag).into_owned();
            }
        }
    }

    /// Random ice-chars (RFC 8839 §5.4), 6 bits each.
    fn ice_chars<const N: usize>(&mut self) -> [u8; N] {
        let mut chars = [0; N];
        (self.random)(&mut chars);
        chars.map(|byte| ICE_CHARS[usize::from(byte & 63)])
    }
}

fn pin(fingerprint: &Fingerprint) -> Option<Pin> {
    let algorithm = match fingerprint {
        Fingerprint::Sha256(_) => "sha-256",
        Fingerprint::Sha384(_) => "sha-384",
        Fingerprint::Sha512(_) => "sha-512",
    };
    Pin::new(algorithm, fingerprint.bytes())
}

#[cfg(test)]
#[path = "core_tests.rs"]
mod tests;
