//! What of a consultation survives a restart of the server: written before it is acknowledged. Knows no database.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::agenda::phase::{self, LinkRules, Phase, Slot, Standing};
use crate::agenda::retention::{Course, Retention, retention};
use crate::ids::{AgentId, DeviceId, GuestId, ParticipantId};
use crate::time::Timestamp;

/// The durable part of a consultation. Every field has a default, so that a row of an older version loads.
///
/// It holds names and texts: whoever writes it down seals it. Its `Debug` leaves them out (trust.md P2).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Where the citizen is.
    pub stage: Stage,
    /// The place in the queue: since when the citizen waits. Kept over a call, so that who is put back is not last.
    pub arrived_at: Option<Timestamp>,
    /// An agent called and the citizen accepted, at least once (rules N and R).
    pub admitted: bool,
    /// An agent ended the admission: the way back leads to the waiting room only, until the next accept.
    pub removed: bool,
    /// The device that holds the citizen's seat; nobody's before arrival and after leaving.
    pub device: Option<DeviceId>,
    /// Number of the last call; 0 = never called.
    pub calls: u32,
    /// The call that rings.
    pub ring: Option<Ring>,
    /// Everybody but the citizen: who calls and who is in the call.
    pub seats: Vec<Seat>,
    /// Everybody who was invited, oldest first; at most `limits::GUESTS_MAX`.
    pub guests: Vec<Guest>,
    /// Number of the last invitation; 0 = nobody was ever invited.
    pub invitations: u32,
    /// Messages to the person who waits, oldest first; at most `limits::NOTICES_MAX`.
    pub notices: Vec<Notice>,
    /// How the closing agent said it ended; none when it closed by itself.
    pub outcome: Option<Outcome>,
    /// When it closed, was missed or cancelled.
    pub ended_at: Option<Timestamp>,
    /// Of a cancelled one: by whom, and why.
    pub cancellation: Option<Cancellation>,
}

/// Why an appointment does not take place (rule X). Has no `Debug`: the reason may be personal.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cancellation {
    /// The service cancelled it; else the citizen did.
    pub by_service: bool,
    /// What the service says to the citizen; at most `limits::REASON_CHARACTERS`.
    pub reason: Option<String>,
}

/// Where the citizen is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Never there.
    #[default]
    Expected,
    /// In the waiting room.
    Waiting,
    /// In the waiting room, and it rings.
    Ringing,
    /// Admitted; whether an agent is there too is said by the seats.
    InCall,
    /// Hung up, left the queue, or removed.
    Left,
    /// Ended.
    Closed,
    /// Ended: waited and nobody called (rule L).
    Missed,
    /// Ended before anybody was called in: by the citizen or by the service (rule X).
    Cancelled,
}

/// A call that rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ring {
    /// The seat that calls.
    pub from: ParticipantId,
    /// When it stops by itself.
    pub until: Timestamp,
}

/// The place of somebody other than the citizen. It belongs to a person, never to a socket.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// 1 and up, below `limits::PARTICIPANTS_MAX`.
    pub participant: ParticipantId,
    /// Whose it is.
    pub holder: Holder,
    /// The name that others see.
    pub name: String,
    /// The device that speaks for it now.
    pub device: DeviceId,
}

/// Whose seat it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// An agent's, by account.
    Agent(AgentId),
    /// A third person's, by invitation.
    Guest(GuestId),
}

/// A third person whom an agent invited. The invitation belongs to this consultation and ends with it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// Which invitation.
    pub guest: GuestId,
    /// SHA-256 of the link's token; the token itself is nowhere (trust.md S1).
    pub link: [u8; 32],
    /// As what they come.
    pub kind: GuestKind,
    /// As the agent wrote it, then as they say it themselves at the door.
    pub name: String,
    /// Comes in without being let in, once the citizen agrees.
    pub direct: bool,
    /// What the citizen answered; `None` = not yet.
    pub agreed: Option<bool>,
    /// How far they have come.
    pub stage: GuestStage,
}

/// As what a third person takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuestKind {
    /// Translates, signed languages included.
    Interpreter,
    /// Of the citizen's family.
    Relative,
    /// Helps the citizen.
    Companion,
    /// Knows the matter.
    Expert,
    /// Anybody else.
    Other,
}

/// Where a third person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestStage {
    /// Has the link and was not there yet.
    Invited,
    /// At the door, with a seat; nothing crosses.
    Knocking,
    /// In the call.
    InCall,
    /// Hung up, or removed; may knock again.
    Left,
    /// The invitation was taken back.
    Revoked,
}

/// A message to the person who waits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it says.
    pub text: String,
    /// When it was written.
    pub at: Timestamp,
}

/// How a consultation ended, as the closing agent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The matter is settled.
    Done,
    /// Something remains to be done.
    FollowUp,
    /// The person could not be served.
    NotServed,
}

/// How an appointment is counted when nothing else of it is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// The matter is settled.
    Done,
    /// Something remains to be done.
    FollowUp,
    /// The person could not be served.
    NotServed,
    /// It took place, and nobody said how it ended.
    Ended,
    /// The service missed it.
    Missed,
    /// The citizen never came.
    NoShow,
    /// It was cancelled.
    Cancelled,
}

impl Counted {
    /// The word that is kept.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::FollowUp => "follow_up",
            Self::NotServed => "not_served",
            Self::Ended => "ended",
            Self::Missed => "missed",
            Self::NoShow => "no_show",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Record {
    /// The phase of the link: `Open` exactly when the signaling would let the citizen in.
    pub fn link_phase(&self, slot: Slot, rules: LinkRules, now: Timestamp) -> Phase {
        match self.consultation_phase(slot, rules, now) {
            Phase::Open => Phase::Open,
            _ if self.retention(slot, rules).is_some_and(|kept| kept.erased <= now) => Phase::Erased,
            Phase::Over => Phase::Documents,
            phase => phase,
        }
    }

    fn consultation_phase(&self, slot: Slot, rules: LinkRules, now: Timestamp) -> Phase {
        match self.stage {
            Stage::Missed => Phase::Missed,
            Stage::Cancelled => Phase::Cancelled,
            // Called without an answer is not missed by the service, and who waits is never thrown out.
            Stage::Waiting | Stage::Ringing if self.calls > 0 => Phase::Open,
            _ => phase::phase(slot, rules, self.standing(), now),
        }
    }

    /// How far the citizen has come.
    pub fn standing(&self) -> Standing {
        match self.stage {
            Stage::Closed | Stage::Missed | Stage::Cancelled => Standing::Closed,
            _ if self.admitted => Standing::Admitted { call_runs: self.stage != Stage::Left || self.agents().next().is_some() },
            Stage::Waiting | Stage::Ringing | Stage::InCall => Standing::Waiting,
            Stage::Expected | Stage::Left => Standing::Absent,
        }
    }

    /// How far it has come, for the rules of deletion.
    pub fn course(&self, slot: Slot) -> Course {
        // A row of an older version may have ended without a time.
        let ended = self.ended_at.unwrap_or(slot.end);
        match self.stage {
            Stage::Closed => Course::Held(ended),
            Stage::Missed => Course::Missed(ended),
            Stage::Cancelled => Course::Cancelled(ended),
            Stage::Left if self.agents().next().is_some() => Course::Running,
            Stage::Left if self.admitted => Course::Away,
            Stage::Expected | Stage::Left => Course::Awaited,
            Stage::Waiting | Stage::Ringing | Stage::InCall => Course::Running,
        }
    }

    /// When what the appointment holds goes; none while somebody is there.
    pub fn retention(&self, slot: Slot, rules: LinkRules) -> Option<Retention> {
        retention(slot, rules, self.course(slot))
    }

    /// What remains of it once it is erased.
    pub fn counted_as(&self) -> Counted {
        match (self.stage, self.outcome) {
            (Stage::Closed, Some(Outcome::Done)) => Counted::Done,
            (Stage::Closed, Some(Outcome::FollowUp)) => Counted::FollowUp,
            (Stage::Closed, Some(Outcome::NotServed)) => Counted::NotServed,
            (Stage::Missed, _) => Counted::Missed,
            (Stage::Cancelled, _) => Counted::Cancelled,
            _ if self.admitted => Counted::Ended,
            _ => Counted::NoShow,
        }
    }

    /// Whether it can still be cancelled: nobody was called in, and it has not ended otherwise.
    pub fn may_be_cancelled(&self) -> bool {
        matches!(self.stage, Stage::Expected | Stage::Waiting | Stage::Left) && !self.admitted
    }

    /// Somebody is or was there and it has not ended: such a consultation is brought back after a restart.
    pub fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Waiting | Stage::Ringing | Stage::InCall | Stage::Left)
    }

    /// The seats of agents, who calls included.
    pub fn agents(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter().filter(|seat| matches!(seat.holder, Holder::Agent(_)))
    }

    /// An invitation.
    pub fn guest(&self, guest: GuestId) -> Option<&Guest> {
        self.guests.iter().find(|known| known.guest == guest)
    }

    /// The seat of a guest.
    pub fn seat_of_guest(&self, guest: GuestId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.holder == Holder::Guest(guest))
    }

    /// Whether a guest's link leads anywhere: neither the consultation nor the invitation has ended.
    pub fn welcomes(&self, guest: GuestId) -> bool {
        self.is_running() && self.guest(guest).is_some_and(|guest| guest.stage != GuestStage::Revoked)
    }

    /// The seat of an agent.
    pub fn seat_of(&self, agent: AgentId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.holder == Holder::Agent(agent))
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("stage", &self.stage)
            .field("arrived_at", &self.arrived_at)
            .field("admitted", &self.admitted)
            .field("removed", &self.removed)
            .field("calls", &self.calls)
            .field("ring", &self.ring)
            .field("seats", &self.seats)
            .field("guests", &self.guests)
            .field("notices", &self.notices.len())
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Guest");
        shown.field("guest", &self.guest).field("kind", &self.kind).field("direct", &self.direct);
        shown.field("agreed", &self.agreed).field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("participant", &self.participant).field("holder", &self.holder).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_of_an_older_version_loads_with_defaults() {
        let record: Record = serde_json::from_str("{}").unwrap();
        assert_eq!(record, Record::default());
        let record: Record = serde_json::from_str(r#"{"stage":"waiting","arrived_at":5,"colour":"of a newer version"}"#).unwrap();
        assert_eq!((record.stage, record.arrived_at), (Stage::Waiting, Some(Timestamp(5))));
    }

    #[test]
    fn debug_shows_no_name_and_no_text() {
        let seat =
            Seat { participant: ParticipantId(1), holder: Holder::Agent(AgentId(1)), name: "Anna".into(), device: DeviceId([7; 16]) };
        let notice = Notice { text: "Geheim".into(), at: Timestamp(0) };
        let record = Record { seats: vec![seat], notices: vec![notice], ..Record::default() };
        let said = format!("{record:?}");
        assert!(!said.contains("Anna") && !said.contains("Geheim"), "{said}");
    }
}
