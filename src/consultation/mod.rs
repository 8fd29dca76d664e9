//! One consultation: waiting room, seats, ringing, admission, drop, return, close. Says what may happen next, never how; told the time.
//!
//! ```text
//! Expected ─arrive→ Waiting ─call→ Ringing ─accept→ InCall ─leave→ Left ─return→ InCall (an agent is there) or Waiting
//!                      ↑ ←─decline, cancel, 30 s─┘      └─put back→ Waiting
//! any of them ─close→ Closed                 Waiting, never called until E + 30 min → Missed
//! not yet called in ─cancel→ Cancelled
//! ```
//! Only `accept` of a call that an agent started leads to the first `InCall`: nobody is admitted automatically.

mod agent;
mod citizen;
pub mod command;
mod guest;
mod presence;
pub mod queue;
pub mod record;
pub mod view;

pub use command::{Actor, AgentCommand, CitizenCommand, Command, Effect, Event, Invitation, Now, Parting, Publishing, Refusal, Trace};
pub use record::{Cancellation, GuestKind, Outcome, Record, Stage};
pub use view::{Row, View};

use std::collections::BTreeMap;

use crate::agenda::phase::{LinkRules, Slot, opens};
use crate::consultation::presence::{Live, Presence};
use crate::consultation::record::{Holder, Ring};
use crate::ids::{AgentId, DeviceId, ParticipantId};
use crate::limits;
use crate::time::{Instant, Timestamp};

/// One consultation in memory: the durable record and who is connected. A clone is how a caller goes back when the record could not be saved.
#[derive(Debug, Clone)]
pub struct Consultation {
    slot: Slot,
    rules: LinkRules,
    record: Record,
    /// Presence and what is sent, for the citizen and every seat.
    live: BTreeMap<ParticipantId, Live>,
    /// When the ring of the record stops, on the monotonic clock.
    ring_ends: Option<Instant>,
}

impl Consultation {
    /// Brought back from what was written down; a blank record is a consultation to which nobody has come.
    /// Everybody counts as away until their page connects; a ring goes on for what is left of it.
    pub fn from_record(record: Record, slot: Slot, rules: LinkRules, now: Now) -> Self {
        let seats = record.seats.iter().map(|seat| seat.participant);
        let live = std::iter::once(ParticipantId::CITIZEN).chain(seats).map(|who| (who, Live::away(now.instant))).collect();
        let ring_ends = record.ring.map(|ring| now.instant + until(ring.until, now.wall).min(limits::RING));
        Self { slot, rules, record, live, ring_ends }
    }

    /// The durable part.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The appointment has other times now; nobody loses a seat by it.
    pub fn rebook(&mut self, slot: Slot, rules: LinkRules) {
        self.slot = slot;
        self.rules = rules;
    }

    /// Does what `from` asks. On a refusal nothing changed.
    pub fn handle(&mut self, command: Command, from: &Actor, now: Now) -> Result<Vec<Effect>, Refusal> {
        let before = self.record.clone();
        let mut log = Log::default();
        match (command, from) {
            (Command::Connect, _) => self.connect(from, &mut log),
            (Command::Disconnect, _) => self.disconnect(from, now),
            (Command::Publish(publishing), _) => self.publish(from, publishing)?,
            (Command::Leave, Actor::Citizen { device }) => self.citizen_leaves(*device, &mut log)?,
            (Command::Return, Actor::Citizen { device }) => self.citizen_returns(*device, now, &mut log)?,
            (Command::TakeOver, Actor::Citizen { device }) => self.citizen_takes_over(*device, &mut log)?,
            (Command::Citizen(asked), Actor::Citizen { device }) => match asked {
                CitizenCommand::Arrive => self.arrive(*device, now, &mut log)?,
                CitizenCommand::Accept(call) => self.accept(*device, call, now, &mut log)?,
                CitizenCommand::Decline(call) => self.decline(*device, call, now, &mut log)?,
                CitizenCommand::Agree(guest, agreed) => self.agree(*device, guest, agreed, &mut log)?,
            },
            (Command::Knock(name), Actor::Guest { guest, device }) => self.knock(*guest, Some(name), *device, &mut log)?,
            (Command::Return, Actor::Guest { guest, device }) => self.knock(*guest, None, *device, &mut log)?,
            (Command::Leave, Actor::Guest { guest, device }) => self.guest_leaves(*guest, *device, &mut log)?,
            (Command::TakeOver, Actor::Guest { guest, device }) => self.guest_takes_over(*guest, *device, &mut log)?,
            (Command::Leave, Actor::Agent { agent, .. }) => self.agent_leaves(*agent, &mut log)?,
            (Command::Return, Actor::Agent { agent, name, device }) => self.agent_returns(*agent, name, *device, &mut log)?,
            (Command::TakeOver, Actor::Agent { agent, device, .. }) => self.agent_takes_over(*agent, *device, &mut log)?,
            (Command::Agent(asked), Actor::Agent { agent, name, device }) => match asked {
                AgentCommand::Call => self.call(*agent, name, *device, now, &mut log)?,
                AgentCommand::CancelCall => self.cancel_call(*agent, &mut log)?,
                AgentCommand::PutBack => self.put_back(*agent, &mut log)?,
                AgentCommand::Remove(participant) => self.remove(*agent, participant, &mut log)?,
                AgentCommand::Close(outcome) => self.close(*agent, outcome, now, &mut log)?,
                AgentCommand::Notify(text) => self.notify(*agent, text, now, &mut log)?,
                AgentCommand::Invite(whom) => self.invite(*agent, whom, &mut log)?,
                AgentCommand::Revoke(guest) => self.revoke(*agent, guest, &mut log)?,
                AgentCommand::LetIn(guest) => self.let_in(*agent, guest, &mut log)?,
                AgentCommand::PutBackGuest(guest) => self.put_back_guest(*agent, guest, &mut log)?,
            },
            (Command::Citizen(_) | Command::Agent(_) | Command::Knock(_), _) => return Err(Refusal::WrongState),
        }
        self.settle_guests(&mut log);
        Ok(self.settle(&before, log))
    }

    /// The appointment does not take place (rule X). Only before anybody was called in: a call is ended by the people in it. Done again it stays done.
    pub fn cancel(&mut self, why: Cancellation, now: Now) -> Result<Vec<Effect>, Refusal> {
        match self.record.stage {
            Stage::Cancelled => return Ok(Vec::new()),
            Stage::Closed | Stage::Missed => return Err(Refusal::Closed),
            _ if !self.record.may_be_cancelled() => return Err(Refusal::WrongState),
            _ => {}
        }
        let before = self.record.clone();
        self.record.cancellation = Some(why);
        let mut log = Log::default();
        log.trace(Event::Cancel, ParticipantId::CITIZEN, None);
        self.end(Stage::Cancelled, now.wall, &mut log);
        Ok(self.settle(&before, log))
    }

    /// Does what is due at `now`: a ring ends, a lost socket becomes a drop, a consultation is missed or closes by itself.
    pub fn handle_timeout(&mut self, now: Now) -> Vec<Effect> {
        let before = self.record.clone();
        let mut log = Log::default();
        self.drop_the_lost(now, &mut log);
        if self.ring_ends.is_some_and(|ends| ends <= now.instant) {
            self.stop_ring(Event::Unanswered, Parting::Unanswered, None, &mut log);
        }
        let give_up = self.slot.end.after(self.rules.give_up);
        if self.record.stage == Stage::Waiting && !self.record.admitted && self.record.calls == 0 && now.wall >= give_up {
            log.trace(Event::Missed, ParticipantId::CITIZEN, None);
            self.end(Stage::Missed, now.wall, &mut log);
        }
        if self.abandoned_at(now).is_some_and(|at| at <= now.instant) {
            log.trace(Event::Expire, ParticipantId::CITIZEN, None);
            self.end(Stage::Closed, now.wall, &mut log);
        }
        self.settle_guests(&mut log);
        self.settle(&before, log)
    }

    /// When `handle_timeout` is due next, or a snapshot changes by the calendar alone. Asked again after every call.
    pub fn poll_timeout(&self, now: Now) -> Option<Instant> {
        let wall = |at: Timestamp| now.instant + until(at, now.wall);
        let grace = self.live.values().filter_map(Live::drop_at);
        let calendar = match self.record.stage {
            Stage::Expected | Stage::Left => [opens(self.slot, self.rules), self.slot.end].into_iter().find(|at| *at > now.wall).map(wall),
            Stage::Waiting if !self.record.admitted && self.record.calls == 0 => Some(wall(self.slot.end.after(self.rules.give_up))),
            _ => None,
        };
        grace.chain(self.ring_ends).chain(calendar).chain(self.abandoned_at(now)).min()
    }

    /// Nothing durable is due: when nobody is connected either, the consultation may be forgotten until somebody comes.
    pub fn is_idle(&self) -> bool {
        !self.record.is_running()
    }

    /// The seat for which this device speaks now. Offers and media of anybody else are refused.
    pub fn seat(&self, from: &Actor) -> Option<ParticipantId> {
        match from {
            Actor::Citizen { device } => {
                let present = matches!(self.record.stage, Stage::Waiting | Stage::Ringing | Stage::InCall);
                (present && self.record.device == Some(*device)).then_some(ParticipantId::CITIZEN)
            }
            Actor::Guest { guest, device } => {
                self.record.seat_of_guest(*guest).filter(|seat| seat.device == *device).map(|seat| seat.participant)
            }
            Actor::Agent { agent, device, .. } => {
                self.record.seat_of(*agent).filter(|seat| seat.device == *device).map(|seat| seat.participant)
            }
        }
    }

    /// Between whom media may be forwarded now.
    pub fn admitted(&self) -> Vec<ParticipantId> {
        admitted(&self.record)
    }

    /// The accounts of the agents with a seat.
    pub fn seated_agents(&self) -> impl Iterator<Item = AgentId> + '_ {
        self.record.seats.iter().filter_map(|seat| match seat.holder {
            Holder::Agent(agent) => Some(agent),
            Holder::Guest(_) => None,
        })
    }

    /// The agent who is in the call, not merely calling.
    fn in_call(&self, agent: AgentId) -> Option<ParticipantId> {
        let seat = self.record.seat_of(agent)?;
        (self.caller() != Some(seat.participant)).then_some(seat.participant)
    }

    fn caller(&self) -> Option<ParticipantId> {
        self.record.ring.map(|ring| ring.from)
    }

    fn ended(&self) -> bool {
        matches!(self.record.stage, Stage::Closed | Stage::Missed | Stage::Cancelled)
    }

    /// Makes a seat under the smallest free number.
    fn take_seat(&mut self, holder: Holder, name: &str, device: DeviceId) -> Result<ParticipantId, Refusal> {
        let taken = |number: u8| self.record.seats.iter().any(|seat| seat.participant.0 == number);
        let last = u8::try_from(limits::PARTICIPANTS_MAX - 1).unwrap_or(u8::MAX);
        let participant = ParticipantId((1..=last).find(|number| !taken(*number)).ok_or(Refusal::Busy)?);
        self.record.seats.push(record::Seat { participant, holder, name: name.to_owned(), device });
        self.live.insert(participant, Live::here());
        Ok(participant)
    }

    /// Takes a seat away; an agent is told why.
    fn part(&mut self, participant: ParticipantId, why: Parting, log: &mut Log) {
        let Some(at) = self.record.seats.iter().position(|seat| seat.participant == participant) else { return };
        let seat = self.record.seats.remove(at);
        self.live.remove(&participant);
        match seat.holder {
            Holder::Agent(agent) => log.parted.push(Effect::Part { agent, participant, why }),
            Holder::Guest(guest) => self.guest_parted(guest),
        }
    }

    fn part_everybody(&mut self, why: Parting, log: &mut Log) {
        for participant in self.record.seats.iter().map(|seat| seat.participant).collect::<Vec<_>>() {
            self.part(participant, why, log);
        }
    }

    fn start_ring(&mut self, from: ParticipantId, now: Now) {
        self.record.calls = self.record.calls.saturating_add(1);
        self.record.ring = Some(Ring { from, until: now.wall.after(limits::RING) });
        self.ring_ends = Some(now.instant + limits::RING);
        self.record.stage = Stage::Ringing;
    }

    /// The ring ends without admission: the citizen is in the queue again at the old place, the caller loses the seat.
    fn stop_ring(&mut self, event: Event, why: Parting, by: Option<AgentId>, log: &mut Log) {
        self.ring_ends = None;
        let Some(ring) = self.record.ring.take() else { return };
        self.record.stage = Stage::Waiting;
        log.trace(event, if by.is_some() { ring.from } else { ParticipantId::CITIZEN }, by);
        self.part(ring.from, why, log);
    }

    fn end(&mut self, stage: Stage, at: Timestamp, log: &mut Log) {
        self.record.stage = stage;
        self.record.ended_at = Some(at);
        self.record.ring = None;
        self.ring_ends = None;
        self.record.device = None;
        self.record.notices.clear();
        self.part_everybody(Parting::Closed, log);
    }

    /// When the consultation closes by itself: not before the time to return is over, and never while somebody is there (rules N and R).
    fn abandoned_at(&self, now: Now) -> Option<Instant> {
        if !self.record.is_running() || (!self.record.admitted && self.record.stage == Stage::Waiting && self.record.calls == 0) {
            return None;
        }
        let over = now.instant + until(self.slot.end.after(self.rules.come_back), now.wall);
        let citizen = (self.record.stage != Stage::Left).then_some(ParticipantId::CITIZEN);
        let people = self.record.agents().map(|seat| seat.participant).chain(citizen);
        let mut at = over;
        for participant in people {
            let away = self.live.get(&participant).and_then(|live| live.away_since())?;
            at = at.max(away + limits::ABANDONED);
        }
        Some(at)
    }

    /// What follows from the difference between before and now, durable part first; what shuts comes before what opens.
    fn settle(&self, before: &Record, log: Log) -> Vec<Effect> {
        let now = &self.record;
        let mut effects = Vec::new();
        if before != now {
            effects.push(Effect::Save);
        }
        let (were, are) = (admitted(before), admitted(now));
        effects.extend(were.iter().filter(|who| !are.contains(who)).map(|who| Effect::Admit(*who, false)));
        let (spoke, speaks) = (speakers(before), speakers(now));
        for (participant, device) in &spoke {
            if speaks.get(participant) != Some(device) {
                effects.push(Effect::EndTransport(*participant));
                if were.contains(participant) && are.contains(participant) {
                    // The next device of the same person goes on where this one was.
                    effects.push(Effect::Admit(*participant, true));
                }
            }
        }
        effects.extend(are.iter().filter(|who| !were.contains(who)).map(|who| Effect::Admit(*who, true)));
        effects.extend(log.parted);
        effects.extend(log.traces.into_iter().map(Effect::Trace));
        effects
    }
}

/// What a command leaves behind besides the changed record.
#[derive(Default)]
struct Log {
    parted: Vec<Effect>,
    traces: Vec<Trace>,
}

impl Log {
    fn trace(&mut self, event: Event, participant: ParticipantId, agent: Option<AgentId>) {
        self.traces.push(Trace { event, participant, agent });
    }
}

/// The citizen while in the call, and every seat that is neither merely calling nor at the door.
fn admitted(record: &Record) -> Vec<ParticipantId> {
    let citizen = (record.stage == Stage::InCall).then_some(ParticipantId::CITIZEN);
    citizen.into_iter().chain(record.seats.iter().filter(|seat| is_in(record, seat)).map(|seat| seat.participant)).collect()
}

/// Whether who has this seat is in the call.
fn is_in(record: &Record, seat: &record::Seat) -> bool {
    match seat.holder {
        Holder::Agent(_) => record.ring.is_none_or(|ring| ring.from != seat.participant),
        Holder::Guest(guest) => record.guest(guest).is_some_and(|guest| guest.stage == record::GuestStage::InCall),
    }
}

/// Which device speaks for which participant; the citizen's seat has no other holder.
fn speakers(record: &Record) -> BTreeMap<ParticipantId, (Option<Holder>, DeviceId)> {
    let citizen = record.device.map(|device| (ParticipantId::CITIZEN, (None, device)));
    citizen.into_iter().chain(record.seats.iter().map(|seat| (seat.participant, (Some(seat.holder), seat.device)))).collect()
}

/// How long from `now` until `at`; zero when it has passed.
fn until(at: Timestamp, now: Timestamp) -> std::time::Duration {
    std::time::Duration::from_millis(u64::try_from(at.0.saturating_sub(now.0)).unwrap_or(0))
}

impl Consultation {
    /// Whether this device speaks for a seat, and for which.
    fn require_seat(&self, from: &Actor) -> Result<ParticipantId, Refusal> {
        self.seat(from).ok_or(Refusal::NotSeated)
    }

    fn publish(&mut self, from: &Actor, publishing: Publishing) -> Result<(), Refusal> {
        let participant = self.require_seat(from)?;
        if let Some(live) = self.live.get_mut(&participant) {
            live.publishing = publishing;
        }
        Ok(())
    }

    fn presence(&self, participant: ParticipantId) -> Presence {
        self.live.get(&participant).map_or(Presence::Away, Live::presence)
    }
}
