//! What an agent can do: call, cancel, join or return, put back, remove, leave, close, write to who waits. The seat is bound to the account: an agent is never locked out.

use crate::consultation::command::{Event, Now, Parting, Refusal};
use crate::consultation::presence::Presence;
use crate::consultation::record::{Holder, Notice, Outcome, Stage};
use crate::consultation::{Consultation, Log};
use crate::ids::{AgentId, DeviceId, ParticipantId};
use crate::limits;

impl Consultation {
    /// Rings at the citizen. Admits nobody: only the citizen's `accept` does.
    pub(super) fn call(&mut self, agent: AgentId, name: &str, device: DeviceId, now: Now, log: &mut Log) -> Result<(), Refusal> {
        let own = self.record.seat_of(agent).map(|seat| seat.participant);
        match self.record.stage {
            Stage::Closed | Stage::Missed | Stage::Cancelled => return Err(Refusal::Closed),
            Stage::Ringing | Stage::InCall if own.is_none() && self.record.agents().next().is_some() => return Err(Refusal::Taken),
            Stage::Waiting => {}
            Stage::Expected | Stage::Ringing | Stage::InCall | Stage::Left => return Err(Refusal::NotWaiting),
        }
        let participant = match own {
            Some(participant) => participant,
            None => self.take_seat(Holder::Agent(agent), name, device)?,
        };
        self.speak_from(participant, device);
        self.start_ring(participant, now);
        log.trace(Event::Call, participant, Some(agent));
        Ok(())
    }

    /// Stops the own ring.
    pub(super) fn cancel_call(&mut self, agent: AgentId, log: &mut Log) -> Result<(), Refusal> {
        let own = self.record.seat_of(agent).map(|seat| seat.participant);
        if own.is_none() || own != self.caller() {
            return Err(Refusal::CallGone);
        }
        self.stop_ring(Event::CancelCall, Parting::Left, Some(agent), log);
        Ok(())
    }

    /// Takes the own seat again when nobody speaks from it, or joins a call that runs.
    pub(super) fn agent_returns(&mut self, agent: AgentId, name: &str, device: DeviceId, log: &mut Log) -> Result<(), Refusal> {
        if self.ended() {
            return Err(Refusal::Closed);
        }
        if let Some(seat) = self.record.seat_of(agent) {
            let participant = seat.participant;
            if seat.device == device {
                return Ok(());
            }
            if self.presence(participant) == Presence::Here {
                return Err(Refusal::Elsewhere);
            }
            self.speak_from(participant, device);
            log.trace(Event::Return, participant, Some(agent));
            return Ok(());
        }
        let runs = self.record.stage == Stage::InCall || (self.record.stage == Stage::Left && self.record.agents().next().is_some());
        if !runs {
            return Err(Refusal::WrongState);
        }
        let first = self.record.agents().next().is_none();
        let participant = self.take_seat(Holder::Agent(agent), name, device)?;
        log.trace(if first { Event::Return } else { Event::Join }, participant, Some(agent));
        Ok(())
    }

    /// The explicit click on "take over here".
    pub(super) fn agent_takes_over(&mut self, agent: AgentId, device: DeviceId, log: &mut Log) -> Result<(), Refusal> {
        if self.ended() {
            return Err(Refusal::Closed);
        }
        let seat = self.record.seat_of(agent).ok_or(Refusal::WrongState)?;
        let participant = seat.participant;
        if seat.device != device {
            self.speak_from(participant, device);
            log.trace(Event::TakeOver, participant, Some(agent));
        }
        Ok(())
    }

    /// Everybody of the public back to the waiting room, at the old place; the agents leave the call.
    pub(super) fn put_back(&mut self, agent: AgentId, log: &mut Log) -> Result<(), Refusal> {
        let own = self.in_call(agent).ok_or(Refusal::NotInCall)?;
        if self.record.stage == Stage::InCall {
            self.record.stage = Stage::Waiting;
        }
        self.stop_ring(Event::CancelCall, Parting::PutBack, Some(agent), log);
        log.trace(Event::PutBack, own, Some(agent));
        // Guests keep their seats: they are at the door again, as long as there is a call to come back to.
        for seat in self.record.agents().map(|seat| seat.participant).collect::<Vec<_>>() {
            self.part(seat, Parting::PutBack, log);
        }
        Ok(())
    }

    /// Ends one person's admission; agents are not removed.
    pub(super) fn remove(&mut self, agent: AgentId, participant: ParticipantId, log: &mut Log) -> Result<(), Refusal> {
        self.in_call(agent).ok_or(Refusal::NotInCall)?;
        let guest = self.record.seats.iter().any(|seat| seat.participant == participant && matches!(seat.holder, Holder::Guest(_)));
        if participant == ParticipantId::CITIZEN && self.record.stage == Stage::InCall {
            self.record.stage = Stage::Left;
            self.record.removed = true;
            self.record.device = None;
        } else if guest {
            self.part(participant, Parting::Left, log);
        } else {
            return Err(Refusal::WrongState);
        }
        log.trace(Event::Remove, participant, Some(agent));
        Ok(())
    }

    /// Hangs up; the citizen stays in the call. While it still rings, the same as cancelling.
    pub(super) fn agent_leaves(&mut self, agent: AgentId, log: &mut Log) -> Result<(), Refusal> {
        let own = self.record.seat_of(agent).map(|seat| seat.participant).ok_or(Refusal::NotInCall)?;
        if self.caller() == Some(own) {
            return self.cancel_call(agent, log);
        }
        log.trace(Event::Leave, own, Some(agent));
        self.part(own, Parting::Left, log);
        Ok(())
    }

    /// Ends it for everybody. While another agent calls or talks, only who has a seat may.
    pub(super) fn close(&mut self, agent: AgentId, outcome: Outcome, now: Now, log: &mut Log) -> Result<(), Refusal> {
        let own = self.record.seat_of(agent).map(|seat| seat.participant);
        match self.record.stage {
            Stage::Closed | Stage::Missed | Stage::Cancelled => return Err(Refusal::Closed),
            Stage::Expected => return Err(Refusal::WrongState),
            _ if own.is_none() && self.seated_agents().next().is_some() => return Err(Refusal::Taken),
            _ => {}
        }
        log.trace(Event::Close, own.unwrap_or(ParticipantId::CITIZEN), Some(agent));
        self.record.outcome = Some(outcome);
        self.end(Stage::Closed, now.wall, log);
        Ok(())
    }

    /// A message to the person who waits; of more than `limits::NOTICES_MAX` the oldest goes.
    pub(super) fn notify(&mut self, agent: AgentId, text: String, now: Now, log: &mut Log) -> Result<(), Refusal> {
        if self.record.stage != Stage::Waiting {
            return Err(Refusal::NotWaiting);
        }
        if self.record.notices.len() >= limits::NOTICES_MAX {
            self.record.notices.remove(0);
        }
        self.record.notices.push(Notice { text, at: now.wall });
        log.trace(Event::Notify, ParticipantId::CITIZEN, Some(agent));
        Ok(())
    }

    pub(super) fn speak_from(&mut self, participant: ParticipantId, device: DeviceId) {
        let mut changed = false;
        if let Some(seat) = self.record.seats.iter_mut().find(|seat| seat.participant == participant) {
            changed = seat.device != device;
            seat.device = device;
        }
        if changed || self.presence(participant) == Presence::Away {
            self.is_here(participant);
        }
    }
}
