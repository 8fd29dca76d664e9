//! What people ask of a consultation, what follows from it, and why it is refused. Plain data; decides nothing.

use crate::consultation::record::{GuestKind, Outcome};
use crate::ids::{AgentId, DeviceId, GuestId, ParticipantId};
use crate::time::{Instant, Timestamp};

/// A moment on both clocks: the monotonic one for what runs (rings, grace), the wall for the rules of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic.
    pub instant: Instant,
    /// Wall.
    pub wall: Timestamp,
}

/// Who asks, from which device. What they are was decided by the server's own grant (trust.md S6).
#[derive(Clone, PartialEq, Eq)]
pub enum Actor {
    /// The holder of the join link.
    Citizen {
        /// The page.
        device: DeviceId,
    },
    /// The holder of a guest's link.
    Guest {
        /// The invitation.
        guest: GuestId,
        /// The page.
        device: DeviceId,
    },
    /// A signed-in agent.
    Agent {
        /// The account.
        agent: AgentId,
        /// The name that others see.
        name: String,
        /// The page.
        device: DeviceId,
    },
}

impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Citizen { device } => write!(f, "Citizen({:02x})", device.0[0]),
            Self::Guest { guest, device } => write!(f, "Guest({}, {:02x})", guest.0, device.0[0]),
            Self::Agent { agent, device, .. } => write!(f, "Agent({}, {:02x})", agent.0, device.0[0]),
        }
    }
}

/// What somebody sends now, as shown to the others. Lives as long as the server's process, not longer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Publishing {
    /// The microphone is on.
    pub microphone: bool,
    /// The camera is on.
    pub camera: bool,
    /// The screen is shared.
    pub screen: bool,
}

/// What somebody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A socket of this device said hello.
    Connect,
    /// The last socket of this device is gone.
    Disconnect,
    /// Holder of the seat: what they send now.
    Publish(Publishing),
    /// The citizen hangs up or leaves the queue; the agent or a guest hangs up.
    Leave,
    /// Citizen, agent or guest come back; an agent also joins.
    Return,
    /// This device takes the seat that another device of the same person holds.
    TakeOver,
    /// Guest only: to the door, under this name; comes in when let in.
    Knock(String),
    /// Citizen only.
    Citizen(CitizenCommand),
    /// Agent only.
    Agent(AgentCommand),
}

/// What only the citizen asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CitizenCommand {
    /// Into the waiting room.
    Arrive,
    /// The green button, for the call of that number.
    Accept(u32),
    /// Not now.
    Decline(u32),
    /// Whether that guest may take part; may be changed at any time.
    Agree(GuestId, bool),
}

/// What only an agent asks.
#[derive(Clone, PartialEq, Eq)]
pub enum AgentCommand {
    /// Rings at the citizen.
    Call,
    /// Stops the own ring.
    CancelCall,
    /// Everybody of the public back to the waiting room.
    PutBack,
    /// Ends one person's admission.
    Remove(ParticipantId),
    /// Ends the consultation.
    Close(Outcome),
    /// A message to the person who waits.
    Notify(String),
    /// Invites a third person.
    Invite(Invitation),
    /// Takes an invitation back for good.
    Revoke(GuestId),
    /// Opens the door to a guest who knocks.
    LetIn(GuestId),
    /// A guest back to the door.
    PutBackGuest(GuestId),
}

/// Whom to invite.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// As what they come.
    pub kind: GuestKind,
    /// The name that others see until they say their own.
    pub name: String,
    /// Comes in without being let in.
    pub direct: bool,
    /// SHA-256 of the link's token, which the caller drew.
    pub link: [u8; 32],
}

impl std::fmt::Debug for AgentCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Call => f.write_str("Call"),
            Self::CancelCall => f.write_str("CancelCall"),
            Self::PutBack => f.write_str("PutBack"),
            Self::Remove(participant) => write!(f, "Remove({})", participant.0),
            Self::Close(outcome) => write!(f, "Close({outcome:?})"),
            Self::Notify(text) => write!(f, "Notify({} bytes)", text.len()),
            Self::Invite(whom) => write!(f, "Invite({:?}, direct: {})", whom.kind, whom.direct),
            Self::Revoke(guest) => write!(f, "Revoke({})", guest.0),
            Self::LetIn(guest) => write!(f, "LetIn({})", guest.0),
            Self::PutBackGuest(guest) => write!(f, "PutBackGuest({})", guest.0),
        }
    }
}

/// What follows from a command or from time, in the order in which it must be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The record changed: durable before anything after it is done and before anybody is told.
    Save,
    /// The transport of this participant ends.
    EndTransport(ParticipantId),
    /// Forwarding from and to this participant opens or shuts.
    Admit(ParticipantId, bool),
    /// This agent has no seat any more: one last snapshot says why.
    Part {
        /// Whose seat it was.
        agent: AgentId,
        /// The number it had.
        participant: ParticipantId,
        /// Why.
        why: Parting,
    },
    /// A line for the log and the audit trail.
    Trace(Trace),
}

/// Why an agent has no seat any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Parting {
    /// Hung up, or stopped the own call.
    Left,
    /// The public was put back.
    PutBack,
    /// Nobody answered.
    Unanswered,
    /// The citizen declined, or left the queue while it rang.
    Declined,
    /// The consultation ended.
    Closed,
}

/// Something that happened, for the log (with the reference) and the audit trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// What.
    pub event: Event,
    /// Whose seat.
    pub participant: ParticipantId,
    /// The agent's account, when an agent did it.
    pub agent: Option<AgentId>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The citizen came into the waiting room.
    Arrive,
    /// An agent calls.
    Call,
    /// An agent stopped the own call.
    CancelCall,
    /// Nobody answered.
    Unanswered,
    /// The citizen declined.
    Decline,
    /// The citizen accepted: admission.
    Admit,
    /// A socket was lost and did not come back in time.
    Drop,
    /// Somebody came back: after a drop, or by their own choice.
    Return,
    /// An agent joined a call that another one began.
    Join,
    /// Another device took the seat.
    TakeOver,
    /// Hung up, or left the queue.
    Leave,
    /// Back to the waiting room.
    PutBack,
    /// An agent ended a person's admission.
    Remove,
    /// An agent wrote to the person who waits.
    Notify,
    /// An agent closed it.
    Close,
    /// It closed by itself: the time to return is over and nobody is there.
    Expire,
    /// Nobody called in time.
    Missed,
    /// The appointment was cancelled.
    Cancel,
    /// An agent invited a third person.
    Invite,
    /// An agent took an invitation back.
    Revoke,
    /// The citizen agrees to a guest.
    Agree,
    /// The citizen does not agree to a guest.
    Disagree,
    /// A guest is at the door.
    Knock,
    /// A guest came in.
    LetIn,
    /// A guest was brought back to the door.
    PutBackGuest,
}

impl Event {
    /// The word for logs and the audit trail; stable.
    pub fn word(self) -> &'static str {
        match self {
            Self::Arrive => "arrive",
            Self::Call => "call",
            Self::CancelCall => "cancel_call",
            Self::Unanswered => "unanswered",
            Self::Decline => "decline",
            Self::Admit => "admit",
            Self::Drop => "drop",
            Self::Return => "return",
            Self::Join => "join",
            Self::TakeOver => "take_over",
            Self::Leave => "leave",
            Self::PutBack => "put_back",
            Self::Remove => "remove",
            Self::Notify => "notify",
            Self::Close => "close",
            Self::Expire => "expire",
            Self::Missed => "missed",
            Self::Cancel => "cancel",
            Self::Invite => "invite",
            Self::Revoke => "revoke",
            Self::Agree => "agree",
            Self::Disagree => "disagree",
            Self::Knock => "knock",
            Self::LetIn => "let_in",
            Self::PutBackGuest => "put_back_guest",
        }
    }
}

/// Why a command was refused; nothing changed. All are the asker's fault or misfortune.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Rule O.
    #[error("the waiting room is not open yet")]
    TooEarly,
    /// Rules L and R.
    #[error("the appointment or the time to return is over")]
    Late,
    /// S2.
    #[error("another device holds the seat")]
    Elsewhere,
    /// Ended.
    #[error("the consultation has ended")]
    Closed,
    /// Answered, cancelled, timed out, or another call.
    #[error("that call does not ring any more")]
    CallGone,
    /// This device speaks for no seat.
    #[error("this device holds no seat")]
    NotSeated,
    /// Not in the waiting room, or it rings already.
    #[error("the citizen is not waiting")]
    NotWaiting,
    /// Another agent's.
    #[error("another agent calls or talks to this person")]
    Taken,
    /// The citizen has not agreed to this guest.
    #[error("the citizen has not agreed")]
    NotAgreed,
    /// No such invitation, or it was taken back.
    #[error("no such guest")]
    UnknownGuest,
    /// Somebody of the service bears this name.
    #[error("this name is taken")]
    NameTaken,
    /// `limits::PARTICIPANTS_MAX`, `limits::IN_CALL_MAX`, `limits::GUESTS_MAX`.
    #[error("every seat is taken")]
    Busy,
    /// Not in the call.
    #[error("not in the call")]
    NotInCall,
    /// Anything else that is not possible now.
    #[error("not possible in this phase")]
    WrongState,
}
