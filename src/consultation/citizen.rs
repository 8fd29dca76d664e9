//! What the citizen can do: arrive, accept, decline, leave, return, take over. A citizen can never start a call.

use crate::agenda::phase::Phase;
use crate::consultation::command::{Event, Now, Parting, Refusal};
use crate::consultation::record::Stage;
use crate::consultation::{Consultation, Log};
use crate::ids::{DeviceId, ParticipantId};

impl Consultation {
    /// Into the waiting room (rules O W L), or back with the same link (rule R). Asked again by the device that is there already, it is done.
    pub(super) fn arrive(&mut self, device: DeviceId, now: Now, log: &mut Log) -> Result<(), Refusal> {
        match self.record.stage {
            Stage::Closed | Stage::Missed | Stage::Cancelled => Err(Refusal::Closed),
            Stage::Waiting | Stage::Ringing | Stage::InCall if self.record.device == Some(device) => Ok(()),
            Stage::Waiting | Stage::Ringing | Stage::InCall => Err(Refusal::Elsewhere),
            Stage::Left => self.citizen_returns(device, now, log),
            Stage::Expected => {
                self.link_lets_in(now)?;
                self.record.stage = Stage::Waiting;
                self.record.arrived_at = Some(now.wall);
                self.record.device = Some(device);
                self.is_here(ParticipantId::CITIZEN);
                log.trace(Event::Arrive, ParticipantId::CITIZEN, None);
                Ok(())
            }
        }
    }

    /// To the call when an agent is there and the admission was not ended, else to the waiting room.
    pub(super) fn citizen_returns(&mut self, device: DeviceId, now: Now, log: &mut Log) -> Result<(), Refusal> {
        match self.record.stage {
            Stage::Closed | Stage::Missed | Stage::Cancelled => return Err(Refusal::Closed),
            Stage::Left => self.link_lets_in(now)?,
            _ => return Err(Refusal::WrongState),
        }
        let to_the_call = self.record.admitted && !self.record.removed && self.seated_agents().next().is_some();
        self.record.stage = if to_the_call { Stage::InCall } else { Stage::Waiting };
        self.record.arrived_at.get_or_insert(now.wall);
        self.record.device = Some(device);
        self.is_here(ParticipantId::CITIZEN);
        log.trace(Event::Return, ParticipantId::CITIZEN, None);
        Ok(())
    }

    /// The explicit click on "take over here" (S2): the other device is told, never are two active.
    pub(super) fn citizen_takes_over(&mut self, device: DeviceId, log: &mut Log) -> Result<(), Refusal> {
        match self.record.stage {
            Stage::Closed | Stage::Missed | Stage::Cancelled => Err(Refusal::Closed),
            Stage::Expected | Stage::Left => Err(Refusal::WrongState),
            Stage::Waiting | Stage::Ringing | Stage::InCall if self.record.device == Some(device) => Ok(()),
            Stage::Waiting | Stage::Ringing | Stage::InCall => {
                self.record.device = Some(device);
                self.is_here(ParticipantId::CITIZEN);
                log.trace(Event::TakeOver, ParticipantId::CITIZEN, None);
                Ok(())
            }
        }
    }

    /// The green button: admission.
    pub(super) fn accept(&mut self, device: DeviceId, call: u32, now: Now, log: &mut Log) -> Result<(), Refusal> {
        self.require_ring(device, call, now)?;
        self.record.ring = None;
        self.ring_ends = None;
        self.record.stage = Stage::InCall;
        self.record.admitted = true;
        self.record.removed = false;
        self.record.notices.clear();
        log.trace(Event::Admit, ParticipantId::CITIZEN, None);
        Ok(())
    }

    /// Not now: back to waiting, at the old place.
    pub(super) fn decline(&mut self, device: DeviceId, call: u32, now: Now, log: &mut Log) -> Result<(), Refusal> {
        self.require_ring(device, call, now)?;
        self.stop_ring(Event::Decline, Parting::Declined, None, log);
        Ok(())
    }

    /// Hangs up, or leaves the queue: who was never admitted gives the place up.
    pub(super) fn citizen_leaves(&mut self, device: DeviceId, log: &mut Log) -> Result<(), Refusal> {
        self.require_citizen(device)?;
        self.stop_ring(Event::Decline, Parting::Declined, None, log);
        self.record.stage = Stage::Left;
        self.record.device = None;
        if !self.record.admitted {
            self.record.arrived_at = None;
        }
        log.trace(Event::Leave, ParticipantId::CITIZEN, None);
        Ok(())
    }

    fn require_citizen(&self, device: DeviceId) -> Result<(), Refusal> {
        match self.record.stage {
            Stage::Closed | Stage::Missed | Stage::Cancelled => Err(Refusal::Closed),
            Stage::Expected | Stage::Left => Err(Refusal::NotSeated),
            Stage::Waiting | Stage::Ringing | Stage::InCall if self.record.device == Some(device) => Ok(()),
            Stage::Waiting | Stage::Ringing | Stage::InCall => Err(Refusal::Elsewhere),
        }
    }

    /// The call of that number rings at this device, and its time is not over.
    fn require_ring(&self, device: DeviceId, call: u32, now: Now) -> Result<(), Refusal> {
        self.require_citizen(device)?;
        let rings = self.ring_ends.is_some_and(|ends| now.instant < ends);
        if self.record.stage == Stage::Ringing && rings && self.record.calls == call { Ok(()) } else { Err(Refusal::CallGone) }
    }

    fn link_lets_in(&self, now: Now) -> Result<(), Refusal> {
        match self.record.link_phase(self.slot, self.rules, now.wall) {
            Phase::Open => Ok(()),
            Phase::TooEarly => Err(Refusal::TooEarly),
            Phase::Late | Phase::Over | Phase::Documents | Phase::Erased => Err(Refusal::Late),
            Phase::Missed | Phase::Cancelled => Err(Refusal::Closed),
        }
    }
}
