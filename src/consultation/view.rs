//! A consultation as one person may see it, as plain data. Knows no wire format, and no name that the seats do not hold.

use crate::agenda::phase::Phase as LinkPhase;
use crate::consultation::Consultation;
use crate::consultation::command::{Actor, Now, Parting, Publishing};
use crate::consultation::presence::Live;
pub use crate::consultation::presence::Presence;
use crate::consultation::record::{GuestKind, GuestStage, Holder, Notice, Stage};
use crate::ids::{GuestId, ParticipantId};
use crate::time::Timestamp;

/// What one person sees.
#[derive(Clone, PartialEq, Eq)]
pub struct View {
    /// Where they are.
    pub phase: Phase,
    /// Their number.
    pub you: ParticipantId,
    /// Their place in the waiting room.
    pub waiting: Option<Waiting>,
    /// The call that rings.
    pub call: Option<Call>,
    /// The others.
    pub people: Vec<Person>,
    /// Who was invited: for citizen and agents in the call.
    pub guests: Vec<Invited>,
}

/// Where somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Citizen: before the link opens (rule O).
    TooEarly,
    /// Citizen: rules L and R.
    Late,
    /// Citizen: may arrive.
    Open,
    /// Another device of the same person holds the seat.
    Elsewhere,
    /// Citizen: in the waiting room.
    Waiting,
    /// Citizen: an agent calls.
    Ringing,
    /// Agent: it rings at the citizen.
    Calling,
    /// In the call.
    InCall,
    /// Citizen: may return.
    Left,
    /// Ended.
    Closed,
    /// Citizen: nobody called.
    Missed,
    /// The appointment was cancelled (rule X).
    Cancelled,
    /// Agent without a seat any more.
    Parted(Parting),
}

/// The place in the waiting room; which one it is, the queue says.
#[derive(Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Since when.
    pub since: Timestamp,
    /// Oldest first.
    pub notices: Vec<Notice>,
}

/// A call that rings.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// Which.
    pub number: u32,
    /// Whose; absent towards the agent.
    pub from: Option<String>,
    /// When it stops by itself.
    pub until: Timestamp,
}

/// Another person.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// Their number.
    pub participant: ParticipantId,
    /// What they are.
    pub role: Role,
    /// Their name; the citizen's is with the appointment.
    pub name: Option<String>,
    /// Connected or dropped.
    pub presence: Presence,
    /// What they send.
    pub publishing: Publishing,
}

/// What somebody is in a consultation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Whose appointment it is.
    Citizen,
    /// Of the service.
    Agent,
    /// A third person.
    Guest(GuestKind),
}

/// An invitation that was not taken back.
#[derive(Clone, PartialEq, Eq)]
pub struct Invited {
    /// Which.
    pub guest: GuestId,
    /// As what they come.
    pub kind: GuestKind,
    /// Their name.
    pub name: String,
    /// How far they have come.
    pub stage: GuestStage,
    /// What the citizen answered.
    pub agreed: Option<bool>,
    /// Comes in without being let in.
    pub direct: bool,
    /// Their number, while they have a seat.
    pub participant: Option<ParticipantId>,
    /// Whether their page is connected.
    pub presence: Presence,
}

/// A consultation on the desk.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// How far it is.
    pub state: RowState,
    /// The citizen's.
    pub presence: Presence,
    /// Since when the citizen waits: the place in the queue.
    pub since: Option<Timestamp>,
    /// The name of who calls or talks.
    pub agent: Option<String>,
}

/// How far a consultation on the desk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowState {
    /// Not there yet.
    Expected,
    /// In the waiting room.
    Waiting,
    /// An agent calls.
    Ringing,
    /// In the call.
    InCall,
    /// May return.
    Left,
}

impl Consultation {
    /// What this person sees; `None` for an agent without a seat.
    pub fn view(&self, of: &Actor, now: Now) -> Option<View> {
        match of {
            Actor::Citizen { .. } => Some(self.citizen_view(of, now)),
            Actor::Guest { guest, .. } => Some(self.guest_view(of, *guest)),
            Actor::Agent { agent, .. } => self.record.seat_of(*agent).map(|seat| self.agent_view(of, seat.participant)),
        }
    }

    /// The last view of an agent whose seat is gone.
    pub fn parted_view(participant: ParticipantId, why: Parting) -> View {
        View { phase: Phase::Parted(why), you: participant, waiting: None, call: None, people: Vec::new(), guests: Vec::new() }
    }

    /// The row on the desk; `None` when nobody has anything to do with it any more.
    pub fn row(&self, now: Now) -> Option<Row> {
        let state = match self.record.stage {
            Stage::Expected => (now.wall < self.slot.end).then_some(RowState::Expected),
            Stage::Waiting => Some(RowState::Waiting),
            Stage::Ringing => Some(RowState::Ringing),
            Stage::InCall => Some(RowState::InCall),
            Stage::Left => (self.record.link_phase(self.slot, self.rules, now.wall) == LinkPhase::Open).then_some(RowState::Left),
            Stage::Closed | Stage::Missed | Stage::Cancelled => None,
        }?;
        let there = matches!(state, RowState::Waiting | RowState::Ringing | RowState::InCall);
        let presence = if there { self.presence(ParticipantId::CITIZEN) } else { Presence::Away };
        let since = matches!(state, RowState::Waiting | RowState::Ringing).then_some(self.record.arrived_at).flatten();
        let first = self.caller().or_else(|| self.record.agents().next().map(|seat| seat.participant));
        let agent = self.record.seats.iter().find(|seat| Some(seat.participant) == first).map(|seat| seat.name.clone());
        Some(Row { state, presence, since, agent })
    }

    fn citizen_view(&self, of: &Actor, now: Now) -> View {
        let seated = self.seat(of).is_some();
        let phase = match self.record.stage {
            Stage::Closed => Phase::Closed,
            Stage::Missed => Phase::Missed,
            Stage::Cancelled => Phase::Cancelled,
            Stage::Expected | Stage::Left => match self.record.link_phase(self.slot, self.rules, now.wall) {
                LinkPhase::TooEarly => Phase::TooEarly,
                LinkPhase::Open if self.record.stage == Stage::Left => Phase::Left,
                LinkPhase::Open => Phase::Open,
                LinkPhase::Late | LinkPhase::Over | LinkPhase::Documents | LinkPhase::Erased => Phase::Late,
                LinkPhase::Missed => Phase::Missed,
                LinkPhase::Cancelled => Phase::Cancelled,
            },
            Stage::Waiting | Stage::Ringing | Stage::InCall if !seated => Phase::Elsewhere,
            Stage::Waiting => Phase::Waiting,
            Stage::Ringing => Phase::Ringing,
            Stage::InCall => Phase::InCall,
        };
        let waits = matches!(phase, Phase::Waiting | Phase::Ringing);
        let waiting = waits.then(|| Waiting { since: self.record.arrived_at.unwrap_or(now.wall), notices: self.record.notices.clone() });
        let call = (phase == Phase::Ringing).then(|| self.ringing(true)).flatten();
        let people = if phase == Phase::InCall { self.people(ParticipantId::CITIZEN) } else { Vec::new() };
        View { phase, you: ParticipantId::CITIZEN, waiting, call, people, guests: self.invited(phase) }
    }

    fn guest_view(&self, of: &Actor, guest: GuestId) -> View {
        let seat = self.record.seat_of_guest(guest);
        let stage = self.record.guest(guest).map(|guest| guest.stage).filter(|_| !self.ended());
        let phase = match stage {
            None | Some(GuestStage::Revoked) => Phase::Closed,
            Some(GuestStage::Invited) => Phase::Open,
            Some(GuestStage::Left) => Phase::Left,
            Some(_) if self.seat(of).is_none() => Phase::Elsewhere,
            Some(GuestStage::Knocking) => Phase::Waiting,
            Some(GuestStage::InCall) => Phase::InCall,
        };
        let you = seat.map_or(ParticipantId::NOBODY, |seat| seat.participant);
        let people = if phase == Phase::InCall { self.people(you) } else { Vec::new() };
        View { phase, you, waiting: None, call: None, people, guests: Vec::new() }
    }

    fn invited(&self, phase: Phase) -> Vec<Invited> {
        let standing = self.record.guests.iter().filter(|guest| phase == Phase::InCall && guest.stage != GuestStage::Revoked);
        standing
            .map(|guest| {
                let participant = self.record.seat_of_guest(guest.guest).map(|seat| seat.participant);
                let (guest, kind, name, stage, agreed, direct) =
                    (guest.guest, guest.kind, guest.name.clone(), guest.stage, guest.agreed, guest.direct);
                let presence = participant.map_or(Presence::Away, |participant| self.presence(participant));
                Invited { guest, kind, name, stage, agreed, direct, participant, presence }
            })
            .collect()
    }

    fn agent_view(&self, of: &Actor, you: ParticipantId) -> View {
        let calling = self.caller() == Some(you);
        let phase = if self.seat(of).is_none() {
            Phase::Elsewhere
        } else if calling {
            Phase::Calling
        } else {
            Phase::InCall
        };
        let call = (phase == Phase::Calling).then(|| self.ringing(false)).flatten();
        let people = if phase == Phase::Elsewhere { Vec::new() } else { self.people(you) };
        View { phase, you, waiting: None, call, people, guests: self.invited(phase) }
    }

    fn ringing(&self, with_name: bool) -> Option<Call> {
        let ring = self.record.ring?;
        let name = || self.record.seats.iter().find(|seat| seat.participant == ring.from).map(|seat| seat.name.clone());
        Some(Call { number: self.record.calls, from: with_name.then(name).flatten(), until: ring.until })
    }

    /// The others in the call; towards who calls, the citizen too, without what they send.
    fn people(&self, you: ParticipantId) -> Vec<Person> {
        let called = self.caller() == Some(you);
        let citizen = (you != ParticipantId::CITIZEN && (self.record.stage == Stage::InCall || called)).then(|| Person {
            participant: ParticipantId::CITIZEN,
            role: Role::Citizen,
            name: None,
            presence: self.presence(ParticipantId::CITIZEN),
            publishing: if called { Publishing::default() } else { self.sends(ParticipantId::CITIZEN) },
        });
        let seats = self.record.seats.iter().filter(|seat| seat.participant != you && super::is_in(&self.record, seat));
        let seats = seats.filter(|_| !called).map(|seat| Person {
            participant: seat.participant,
            role: match seat.holder {
                Holder::Agent(_) => Role::Agent,
                Holder::Guest(guest) => Role::Guest(self.record.guest(guest).map_or(GuestKind::Other, |guest| guest.kind)),
            },
            name: Some(seat.name.clone()),
            presence: self.presence(seat.participant),
            publishing: self.sends(seat.participant),
        });
        citizen.into_iter().chain(seats).collect()
    }

    fn sends(&self, participant: ParticipantId) -> Publishing {
        self.live.get(&participant).map(|live: &Live| live.publishing).unwrap_or_default()
    }
}
