//! One consultation on its worker: the router and a transport per seat, joined so that a packet crosses from one to the others without a copy of its own.
//! Refuses to know 5-tuples of strangers, ufrags and sockets: `core` finds the room.

use super::batch::{Batch, Path};
use super::dtls::DtlsError;
use super::guard::{Counters, Kind, count};
use super::outbox::Outbox;
use super::plane::MediaEvent;
use super::stun::BindingRequest;
use super::transport::{Opened, Transport};
use crate::ids::ParticipantId;
use crate::limits;
use crate::sfu::lids::Lids;
use crate::sfu::negotiated::{Publishing, SlotAssignment};
use crate::sfu::quality::LineQuality;
use crate::sfu::router::{Router, Sink};
use crate::sfu::statistics::TrackStatistics;
use crate::time::Instant;

/// As long as the highest seat taken so far, at most `limits::MEDIA_SEATS`.
type Seats = Vec<Option<Box<Transport>>>;

/// What a room needs of its surroundings for one step.
pub struct Step<'a> {
    /// The time of this step.
    pub now: Instant,
    /// Where datagrams go.
    pub batch: &'a mut Batch,
    /// What is counted.
    pub counters: &'a Counters,
}

/// One consultation.
pub struct Room {
    router: Router,
    seats: Seats,
    admitted: [bool; limits::MEDIA_SEATS],
    /// What the task has not taken yet.
    pub outbox: Outbox,
    /// No transport is due before this: the earliest time-out, or an earlier one that has moved on since.
    due: Option<Instant>,
    /// When the room's timer is registered for.
    pub wake: Option<Instant>,
    /// Something happened to it since its timer was last looked at.
    pub touched: bool,
    /// Panics so far.
    pub panics: u32,
}

/// Why a transport is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// No consent (RFC 7675).
    Consent,
    /// DTLS ended.
    Dtls(DtlsError),
}

impl Room {
    /// Empty; `seed` is the router's randomness.
    pub fn new(seed: u64) -> Self {
        Self {
            router: Router::new(seed),
            seats: Seats::new(),
            admitted: [false; limits::MEDIA_SEATS],
            outbox: Outbox::default(),
            due: None,
            wake: None,
            touched: false,
            panics: 0,
        }
    }

    /// The transport on a seat.
    pub fn transport(&mut self, participant: ParticipantId) -> Option<&mut Transport> {
        self.seats.get_mut(usize::from(participant.0))?.as_deref_mut()
    }

    /// All transports but that of `participant`.
    pub fn others(&self, participant: ParticipantId) -> impl Iterator<Item = &Transport> {
        self.seats
            .iter()
            .enumerate()
            .filter(move |(seat, _)| *seat != usize::from(participant.0))
            .filter_map(|(_, transport)| transport.as_deref())
    }

    /// Every seat with a transport.
    pub fn occupied(&self) -> Vec<ParticipantId> {
        (0u8..).zip(&self.seats).filter(|(_, transport)| transport.is_some()).map(|(seat, _)| ParticipantId(seat)).collect()
    }

    /// Puts a transport on its seat (the caller took the old one) and tells the router.
    pub fn seat(&mut self, participant: ParticipantId, transport: Transport, step: &mut Step<'_>) {
        let negotiated = transport.negotiated.clone();
        let at = usize::from(participant.0);
        if at < limits::MEDIA_SEATS && self.seats.len() <= at {
            self.seats.resize_with(at + 1, || None);
        }
        if let Some(seat) = self.seats.get_mut(at) {
            *seat = Some(Box::new(transport));
        }
        self.look_at(participant);
        self.route(step, |router, now, legs| router.join(participant, negotiated, now, legs));
    }

    /// Takes a transport from its seat without telling the router: a successor follows.
    pub fn unseat(&mut self, participant: ParticipantId, step: &mut Step<'_>) -> Option<Box<Transport>> {
        let mut transport = self.seats.get_mut(usize::from(participant.0))?.take()?;
        transport.close(step.now, step.batch);
        Some(transport)
    }

    /// The router forgets the participant's transport.
    pub fn leave(&mut self, participant: ParticipantId, step: &mut Step<'_>) {
        self.route(step, |router, now, legs| router.leave(participant, now, legs));
    }

    /// Opens or shuts the forwarding.
    pub fn admit(&mut self, participant: ParticipantId, admitted: bool, step: &mut Step<'_>) {
        if let Some(seat) = self.admitted.get_mut(usize::from(participant.0)) {
            *seat = admitted;
        }
        self.route(step, |router, now, legs| router.admit(participant, admitted, now, legs));
    }

    /// What a participant says they send now.
    pub fn publish(&mut self, participant: ParticipantId, publishing: Publishing, step: &mut Step<'_>) {
        self.route(step, |router, now, legs| router.set_publishing(participant, publishing, now, legs));
    }

    /// What is counted of each track.
    pub fn statistics(&self) -> Vec<TrackStatistics> {
        self.router.statistics()
    }

    /// Whether the forwarding is open from and to this participant.
    pub fn is_admitted(&self, participant: ParticipantId) -> bool {
        self.admitted.get(usize::from(participant.0)).copied().unwrap_or(false)
    }

    /// Everybody who is admitted, with a transport or without.
    pub fn admitted(&self) -> Vec<ParticipantId> {
        (0u8..).zip(self.admitted).filter(|(_, admitted)| *admitted).map(|(seat, _)| ParticipantId(seat)).collect()
    }

    /// A well-formed check with a ufrag of this participant's transport.
    pub fn handle_check(&mut self, participant: ParticipantId, request: &BindingRequest<'_>, path: Path, step: &mut Step<'_>) {
        let Some(transport) = self.transport(participant) else { return };
        if transport.handle_check(request, path, step.now, step.batch, step.counters) {
            self.route(step, |router, now, legs| router.path_moved(participant, now, legs));
        }
    }

    /// DTLS, SRTP or SRTCP from a verified 5-tuple of this participant's transport.
    pub fn handle_packet(
        &mut self,
        participant: ParticipantId,
        kind: Kind,
        datagram: &mut [u8],
        path: Path,
        step: &mut Step<'_>,
    ) -> Result<(), End> {
        let Some(transport) = self.seats.get_mut(usize::from(participant.0)).and_then(Option::as_deref_mut) else { return Ok(()) };
        if !transport.within_budget(step.now) {
            count(&step.counters.over_budget);
            return Ok(());
        }
        if kind == Kind::Dtls {
            let before = transport.is_connected();
            let handled = transport.handle_dtls(datagram, path, step.now, step.batch, &mut self.outbox, step.counters);
            let connected = !before && transport.is_connected();
            self.look_at(participant);
            if connected {
                self.route(step, |router, now, legs| router.connected(participant, now, legs));
            }
            if handled.map_err(End::Dtls)? {
                self.route(step, |router, now, legs| router.path_moved(participant, now, legs));
            }
            return Ok(());
        }
        if kind == Kind::Rtp {
            let ssrc = u32::from_be_bytes([datagram[8], datagram[9], datagram[10], datagram[11]]);
            if transport.is_connected() && !self.router.knows_ssrc(participant, ssrc) {
                count(&step.counters.unknown_ssrc);
                return Ok(());
            }
        }
        let Opened::Plain { length, moved } = transport.open(kind, datagram, path, step.now, step.counters) else { return Ok(()) };
        let Some(packet) = datagram.get(..length) else { return Ok(()) };
        if kind == Kind::Rtp {
            count(&step.counters.rtp_in);
        }
        self.route(step, |router, now, legs| {
            if moved {
                router.path_moved(participant, now, legs);
            }
            if kind == Kind::Rtcp {
                router.handle_rtcp(participant, packet, now, legs);
            } else {
                router.handle_rtp(participant, packet, now, legs);
            }
        });
        Ok(())
    }

    /// The TCP connection under this path is closed.
    pub fn forget_path(&mut self, participant: ParticipantId, path: Path, step: &mut Step<'_>) {
        if self.transport(participant).is_some_and(|transport| transport.forget_path(path)) {
            self.route(step, |router, now, legs| router.path_moved(participant, now, legs));
        }
    }

    /// The line under this path cannot carry what is sent on it, or can again. Only the path that our answers take matters.
    pub fn set_behind(&mut self, participant: ParticipantId, path: Path, behind: bool, step: &mut Step<'_>) {
        if self.transport(participant).is_some_and(|transport| transport.ice().path() == Some(path)) {
            self.route(step, |router, now, legs| router.set_behind(participant, behind, now, legs));
        }
    }

    /// When [`Self::handle_timeout`] is due: not later than anything that is owed, so that a packet costs no look at everybody.
    pub fn poll_timeout(&self) -> Option<Instant> {
        debug_assert!(self.earliest().is_none_or(|earliest| self.due.is_some_and(|due| due <= earliest)), "a time-out was not looked at");
        [self.due, self.router.poll_timeout()].into_iter().flatten().min()
    }

    fn earliest(&self) -> Option<Instant> {
        self.seats.iter().flatten().map(|transport| transport.poll_timeout()).min()
    }

    /// Something may be due earlier at this seat now. SRTP and checks only ever move its consent further away.
    fn look_at(&mut self, participant: ParticipantId) {
        let seat = self.seats.get(usize::from(participant.0)).and_then(Option::as_deref);
        self.due = [self.due, seat.map(Transport::poll_timeout)].into_iter().flatten().min();
    }

    /// Everything that is due; which transports ended.
    pub fn handle_timeout(&mut self, step: &mut Step<'_>) -> Vec<(ParticipantId, End)> {
        let mut ended = Vec::new();
        // Most wake-ups are the router's: nobody's transport is touched for those.
        if self.due.is_some_and(|due| due <= step.now) {
            for (seat, transport) in (0u8..).zip(&mut self.seats) {
                let Some(transport) = transport.as_mut().filter(|transport| transport.poll_timeout() <= step.now) else { continue };
                match transport.handle_timeout(step.now, step.batch, &mut self.outbox, step.counters) {
                    Ok(true) => {}
                    Ok(false) => ended.push((ParticipantId(seat), End::Consent)),
                    Err(error) => ended.push((ParticipantId(seat), End::Dtls(error))),
                }
            }
            self.due = self.earliest();
        }
        if self.router.poll_timeout().is_some_and(|at| at <= step.now) {
            self.route(step, |router, now, legs| router.handle_timeout(now, legs));
        }
        ended
    }

    /// Ends a turn, before the batch is flushed.
    pub fn end_turn(&mut self, step: &mut Step<'_>) {
        self.route(step, |router, now, legs| router.end_turn(now, legs));
    }

    /// Moves waiting data-channel traffic of one participant; an `Err` ends the transport.
    pub fn pump(&mut self, participant: ParticipantId, step: &mut Step<'_>) -> Result<(), End> {
        let Some(transport) = self.seats.get_mut(usize::from(participant.0)).and_then(Option::as_deref_mut) else { return Ok(()) };
        let pumped = transport.pump(step.now, step.batch, &mut self.outbox, step.counters);
        self.look_at(participant);
        pumped.map_err(End::Dtls)
    }

    fn route(&mut self, step: &mut Step<'_>, act: impl FnOnce(&mut Router, Instant, &mut Legs<'_>)) {
        let mut legs = Legs { seats: &mut self.seats, batch: step.batch, outbox: &mut self.outbox, counters: step.counters };
        act(&mut self.router, step.now, &mut legs);
    }
}

/// The router's way out: seals straight into the batch of each participant's path.
struct Legs<'a> {
    seats: &'a mut Seats,
    batch: &'a mut Batch,
    outbox: &'a mut Outbox,
    counters: &'a Counters,
}

impl Legs<'_> {
    fn transport(&mut self, to: ParticipantId) -> Option<&mut Transport> {
        self.seats.get_mut(usize::from(to.0))?.as_deref_mut()
    }
}

impl Sink for Legs<'_> {
    fn rtp(&mut self, to: ParticipantId, packet: &[u8]) {
        let Some(transport) = self.seats.get_mut(usize::from(to.0)).and_then(Option::as_deref_mut) else { return };
        if transport.send_rtp(packet, self.batch) {
            count(&self.counters.rtp_out);
        }
    }

    fn rtp_written(&mut self, to: ParticipantId, scratch: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> bool) {
        let Some(transport) = self.seats.get_mut(usize::from(to.0)).and_then(Option::as_deref_mut) else {
            scratch.clear();
            write(scratch);
            return;
        };
        if transport.send_written_rtp(scratch, write, self.batch) {
            count(&self.counters.rtp_out);
        }
    }

    fn rtcp(&mut self, to: ParticipantId, packet: &[u8]) {
        let Some(transport) = self.seats.get_mut(usize::from(to.0)).and_then(Option::as_deref_mut) else { return };
        transport.send_rtcp(packet, self.batch);
    }

    fn slots(&mut self, to: ParticipantId, slots: &[SlotAssignment]) {
        if self.transport(to).is_some() {
            self.outbox.push(MediaEvent::Slots(to, slots.to_vec()));
        }
    }

    fn layers(&mut self, of: ParticipantId, all: bool) {
        self.outbox.push(MediaEvent::Layers(of, all));
    }

    fn quality(&mut self, of: ParticipantId, line: LineQuality) {
        self.outbox.push(MediaEvent::Quality { participant: of, uplink: line.uplink, downlink: line.downlink });
    }

    fn lids(&mut self, of: ParticipantId, lids: Lids) {
        self.outbox.push(MediaEvent::Lids(of, lids));
    }
}
