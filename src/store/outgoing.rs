//! What waits in the outbox, in the words of the house. Knows no SQL and no address.

use super::audit::Who;
use crate::ids::AppointmentId;
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
    /// Event: everything personal was destroyed.
    Erased,
}

impl Kind {
    const ALL: [Self; 13] = [
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
        Self::Erased,
    ];

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
            Self::Erased => "erased",
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
            "erased" => Self::Erased,
            _ => return None,
        })
    }
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
    /// Of which appointment; it may be gone.
    pub appointment: AppointmentId,
    /// Its reference.
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
