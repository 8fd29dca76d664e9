//! Third persons: invited by an agent, agreed to by the citizen, at the door, let in. A guest is never in a call without an agent, nor before the citizen was.

use crate::consultation::command::{Event, Invitation, Parting, Refusal};
use crate::consultation::record::{Guest, GuestStage, Holder, Stage};
use crate::consultation::{Consultation, Log, admitted};
use crate::ids::{AgentId, DeviceId, GuestId, ParticipantId};
use crate::limits;

impl Consultation {
    /// An agent in the call invites somebody; the citizen is asked at once.
    pub(super) fn invite(&mut self, agent: AgentId, whom: Invitation, log: &mut Log) -> Result<(), Refusal> {
        let own = self.in_call(agent).ok_or(Refusal::NotInCall)?;
        if self.record.guests.len() >= limits::GUESTS_MAX {
            let over = self.record.guests.iter().position(|guest| guest.stage == GuestStage::Revoked).ok_or(Refusal::Busy)?;
            self.record.guests.remove(over);
        }
        self.record.invitations += 1;
        let Invitation { kind, name, direct, link } = whom;
        let guest = GuestId(self.record.invitations);
        self.record.guests.push(Guest { guest, link, kind, name, direct, agreed: None, stage: GuestStage::Invited });
        log.trace(Event::Invite, own, Some(agent));
        Ok(())
    }

    /// The link leads nowhere from now on, and who came by it is out.
    pub(super) fn revoke(&mut self, agent: AgentId, guest: GuestId, log: &mut Log) -> Result<(), Refusal> {
        let own = self.in_call(agent).ok_or(Refusal::NotInCall)?;
        self.standing(guest)?;
        if let Some(seat) = self.record.seat_of_guest(guest).map(|seat| seat.participant) {
            self.part(seat, Parting::Left, log);
        }
        self.standing(guest)?.stage = GuestStage::Revoked;
        log.trace(Event::Revoke, own, Some(agent));
        Ok(())
    }

    /// The agent's green button for who knocks: only while citizen and agent are in the call, and the citizen agrees.
    pub(super) fn let_in(&mut self, agent: AgentId, guest: GuestId, log: &mut Log) -> Result<(), Refusal> {
        let own = self.in_call(agent).ok_or(Refusal::NotInCall)?;
        let known = self.standing(guest)?;
        if known.stage != GuestStage::Knocking {
            return Err(Refusal::NotWaiting);
        }
        if known.agreed != Some(true) {
            return Err(Refusal::NotAgreed);
        }
        if self.record.stage != Stage::InCall {
            return Err(Refusal::NotInCall);
        }
        if admitted(&self.record).len() >= limits::IN_CALL_MAX {
            return Err(Refusal::Busy);
        }
        self.standing(guest)?.stage = GuestStage::InCall;
        log.trace(Event::LetIn, own, Some(agent));
        Ok(())
    }

    /// Back to the door; the next time an agent decides, whatever was said before.
    pub(super) fn put_back_guest(&mut self, agent: AgentId, guest: GuestId, log: &mut Log) -> Result<(), Refusal> {
        let own = self.in_call(agent).ok_or(Refusal::NotInCall)?;
        let known = self.standing(guest)?;
        if known.stage != GuestStage::InCall {
            return Err(Refusal::NotInCall);
        }
        (known.stage, known.direct) = (GuestStage::Knocking, false);
        log.trace(Event::PutBackGuest, own, Some(agent));
        Ok(())
    }

    /// The citizen agrees to a guest, or does not any more.
    pub(super) fn agree(&mut self, device: DeviceId, guest: GuestId, agreed: bool, log: &mut Log) -> Result<(), Refusal> {
        if self.record.stage != Stage::InCall || self.record.device != Some(device) {
            return Err(Refusal::NotInCall);
        }
        let known = self.standing(guest)?;
        if known.agreed != Some(agreed) {
            known.agreed = Some(agreed);
            log.trace(if agreed { Event::Agree } else { Event::Disagree }, ParticipantId::CITIZEN, None);
        }
        Ok(())
    }

    /// To the door, for the first time or again (`name` absent: under the old one). Asked again by the device that stands there, it is done.
    pub(super) fn knock(&mut self, guest: GuestId, name: Option<String>, device: DeviceId, log: &mut Log) -> Result<(), Refusal> {
        if !self.record.welcomes(guest) {
            return Err(Refusal::Closed);
        }
        if let Some(seat) = self.record.seat_of_guest(guest) {
            return if seat.device == device { Ok(()) } else { Err(Refusal::Elsewhere) };
        }
        let name = name.unwrap_or_else(|| self.record.guest(guest).map(|guest| guest.name.clone()).unwrap_or_default());
        let same = |other: &str| other.trim().to_lowercase() == name.trim().to_lowercase();
        if self.record.agents().any(|seat| same(&seat.name)) {
            return Err(Refusal::NameTaken);
        }
        let participant = self.take_seat(Holder::Guest(guest), &name, device)?;
        let known = self.standing(guest)?;
        (known.name, known.stage) = (name, GuestStage::Knocking);
        log.trace(Event::Knock, participant, None);
        Ok(())
    }

    /// Hangs up, or goes from the door.
    pub(super) fn guest_leaves(&mut self, guest: GuestId, device: DeviceId, log: &mut Log) -> Result<(), Refusal> {
        let seat = self.record.seat_of_guest(guest).ok_or(Refusal::NotSeated)?;
        if seat.device != device {
            return Err(Refusal::Elsewhere);
        }
        let participant = seat.participant;
        let direct = self.record.guest(guest).is_some_and(|guest| guest.direct);
        self.part(participant, Parting::Left, log);
        // Who goes by themselves may come back as they came.
        self.standing(guest)?.direct = direct;
        log.trace(Event::Leave, participant, None);
        Ok(())
    }

    /// The explicit click on "take over here".
    pub(super) fn guest_takes_over(&mut self, guest: GuestId, device: DeviceId, log: &mut Log) -> Result<(), Refusal> {
        if !self.record.welcomes(guest) {
            return Err(Refusal::Closed);
        }
        let seat = self.record.seat_of_guest(guest).ok_or(Refusal::WrongState)?;
        let participant = seat.participant;
        if seat.device != device {
            self.speak_from(participant, device);
            log.trace(Event::TakeOver, participant, None);
        }
        Ok(())
    }

    /// A guest's seat was taken away.
    pub(super) fn guest_parted(&mut self, guest: GuestId) {
        if let Ok(known) = self.standing(guest) {
            (known.stage, known.direct) = (GuestStage::Left, false);
        }
    }

    /// What must hold of guests after anything happened: without an agent, or with the public put back, or without the citizen's word they are at the door;
    /// who may come in directly is in as soon as that is possible.
    pub(super) fn settle_guests(&mut self, log: &mut Log) {
        if self.ended() || self.record.guests.is_empty() {
            return;
        }
        let agent = self.record.agents().any(|seat| self.caller() != Some(seat.participant));
        let public = matches!(self.record.stage, Stage::InCall | Stage::Left);
        for guest in &mut self.record.guests {
            if guest.stage == GuestStage::InCall && !(agent && public && guest.agreed == Some(true)) {
                guest.stage = GuestStage::Knocking;
            }
        }
        for at in 0..self.record.guests.len() {
            let guest = &self.record.guests[at];
            let waits = guest.stage == GuestStage::Knocking && guest.direct && guest.agreed == Some(true);
            let room = admitted(&self.record).len() < limits::IN_CALL_MAX;
            if waits && agent && room && self.record.stage == Stage::InCall {
                let number = guest.guest;
                self.record.guests[at].stage = GuestStage::InCall;
                let seat = self.record.seat_of_guest(number).map_or(ParticipantId::NOBODY, |seat| seat.participant);
                log.trace(Event::LetIn, seat, None);
            }
        }
    }

    /// An invitation that was not taken back.
    fn standing(&mut self, guest: GuestId) -> Result<&mut Guest, Refusal> {
        let known = self.record.guests.iter_mut().find(|known| known.guest == guest);
        known.filter(|known| known.stage != GuestStage::Revoked).ok_or(Refusal::UnknownGuest)
    }
}
