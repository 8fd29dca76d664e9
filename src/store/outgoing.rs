//! What waits in the outbox, in the words of the house. Knows no SQL and no address.

use super::audit::Who;
use crate::ids::{AppointmentId, CallbackId};
use crate::time::Timestamp;

/// By which way something leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// To the citizen by mail.
    Mail,
    /// To the citizen by a short message that the webhook sends.
    Sms,
    /// To a portal by the webhook.
    Event,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mail, Self::Sms, Self::Event];

    /// As it is kept and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Sms => "sms",
            Self::Event => "event",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.word() == word)
    }

    pub(super) fn given_up(self) -> &'static str {
        match self {
            Self::Mail => "mail_given_up",
            Self::Sms => "sms_given_up",
            Self::Event => "event_given_up",
        }
    }
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The appointment was made.
    Booked,
    /// It has another time.
    Rescheduled,
    /// It does not take place (rule X).
    Cancelled,
    /// The join link was replaced.
    LinkRotated,
    /// The same links once more.
    Resent,
    /// It comes soon.
    Reminder,
    /// Event: the citizen is in the waiting room.
    Waiting,
    /// Event: the citizen was let into the call.
    Admitted,
    /// Event: the citizen's line broke.
    Dropped,
    /// Event: the citizen came back.
    Returned,
    /// Event: the consultation was closed, or closed by itself.
    Ended,
    /// Event: the citizen waited and nobody called (rule L).
    Missed,
    /// Event: the slot is over and the citizen was never there.
    NoShow,
    /// Event: everything personal was destroyed.
    Erased,
    /// Somebody wants to be called back: an event, and a mail to who said where.
    CallbackRequested,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Booked,
        Self::Rescheduled,
        Self::Cancelled,
        Self::LinkRotated,
        Self::Resent,
        Self::Reminder,
        Self::Waiting,
        Self::Admitted,
        Self::Dropped,
        Self::Returned,
        Self::Ended,
        Self::Missed,
        Self::NoShow,
        Self::Erased,
        Self::CallbackRequested,
    ];

    /// Whether the webhook is told of it; the others are told to citizens alone.
    pub fn is_event(self) -> bool {
        !matches!(self, Self::LinkRotated | Self::Resent | Self::Reminder)
    }

    /// As it is kept and told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Rescheduled => "rescheduled",
            Self::Cancelled => "cancelled",
            Self::LinkRotated => "link_rotated",
            Self::Resent => "resent",
            Self::Reminder => "reminder",
            Self::Waiting => "waiting",
            Self::Admitted => "admitted",
            Self::Dropped => "dropped",
            Self::Returned => "returned",
            Self::Ended => "ended",
            Self::Missed => "missed",
            Self::NoShow => "no_show",
            Self::Erased => "erased",
            Self::CallbackRequested => "callback_requested",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The event that a line of the audit trail is. What agents and guests do with their own lines is none.
    pub(super) fn of_trail(what: &str, who: Who) -> Option<Self> {
        Some(match what {
            "booked" => Self::Booked,
            "rescheduled" => Self::Rescheduled,
            "cancel" => Self::Cancelled,
            "arrive" | "put_back" => Self::Waiting,
            "admit" => Self::Admitted,
            "drop" if who == Who::Citizen => Self::Dropped,
            "return" if who == Who::Citizen => Self::Returned,
            "close" | "expire" => Self::Ended,
            "missed" => Self::Missed,
            "no_show" => Self::NoShow,
            "erased" => Self::Erased,
            _ => return None,
        })
    }
}

/// What it tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An appointment.
    Appointment(AppointmentId),
    /// A wish to be called back.
    Callback(CallbackId),
}

/// Something that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// 32 hex digits: the same however often it is tried.
    pub id: String,
    /// By which way.
    pub channel: Channel,
    /// What is told.
    pub kind: Kind,
    /// Of what; it may be gone.
    pub about: Subject,
    /// The appointment's reference; empty of a call back.
    pub reference: String,
    /// When that happened which is told.
    pub at: Timestamp,
    /// When it was to be sent first.
    pub first_due: Timestamp,
    /// When it is to be tried next.
    pub due: Timestamp,
    /// How often it was tried in vain.
    pub attempts: u32,
}

/// How far something in the outbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageState {
    /// To be sent.
    Waiting,
    /// Taken at the other end.
    Sent,
    /// Refused for good, or tried too long.
    GivenUp,
    /// There was nothing to tell any more.
    Moot,
}

impl MessageState {
    /// As it is kept and told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::GivenUp => "given_up",
            Self::Moot => "moot",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Sent, Self::GivenUp, Self::Moot].into_iter().find(|state| state.word() == word)
    }
}

/// A message to a citizen as the staff sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// By which way.
    pub channel: Channel,
    /// What it tells.
    pub kind: Kind,
    /// How far it is.
    pub state: MessageState,
    /// Why the last attempt failed.
    pub fault: Option<String>,
    /// When it was settled, or is to be tried next.
    pub at: Timestamp,
}
