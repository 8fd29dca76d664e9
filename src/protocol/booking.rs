//! Bodies of public booking and of calls back (`docs/protocol.md`). Knows no route, no cookie.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::CallbackId;
use crate::protocol::values::Utc;

/// `POST /api/v1/bookings`: a citizen books by themselves.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBooking {
    /// Key of the service.
    pub service: String,
    /// Key of the topic within the service.
    pub topic: String,
    /// Start of a free slot, RFC 3339 with offset.
    pub start: String,
    /// The citizen's name.
    pub name: String,
    /// Where mail goes.
    pub email: String,
    /// Digits with spaces and `+ - . / ( )` between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// To the agent, up to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// `en`, `fr`, `de` or `lb`.
    pub language: String,
    /// The citizen agrees that these data are used for the appointment; must be true.
    pub consent: bool,
    /// 43 characters of base64url that the page drew: sent again, it answers what it booked and books nothing more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<String>,
    /// By the citizen whom the cookie of the identity provider names: the name is then the provider's, whatever `name` says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub authenticated: bool,
}

/// Answer to `POST /api/v1/bookings`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Booking {
    /// Can be read over the phone.
    pub reference: String,
    /// S of mission.md.
    pub start: Utc,
    /// E of mission.md.
    pub end: Utc,
    /// The join link.
    pub join_url: String,
    /// The same to scan: rows of `0` and `1` (dark).
    pub qr: Vec<String>,
    /// The link is sent by mail too.
    pub mail: bool,
}

/// `POST /api/v1/link/reschedule`: another slot, the link stays.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStart {
    /// Start of a free slot, RFC 3339 with offset.
    pub start: String,
}

/// Why somebody wants to be called back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallbackReason {
    /// None of the free slots suits.
    NoSlot,
    /// A video call is not possible, or does not work.
    NoVideo,
    /// We missed each other, or the call broke off.
    Missed,
    /// A question.
    Question,
    /// Something else.
    Other,
}

/// `POST /api/v1/callbacks`: a wish to be called back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCallback {
    /// Key of the service.
    pub service: String,
    /// From the list.
    pub reason: CallbackReason,
    /// In the citizen's own words, up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// Start of a time that `GET /api/v1/callbacks/times` offers, RFC 3339 with offset.
    pub start: String,
    /// Whom to ask for.
    pub name: String,
    /// Where to call.
    pub phone: String,
    /// Where the wish is confirmed; with `about_appointment` that of the appointment stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// `en`, `fr`, `de` or `lb`.
    pub language: String,
    /// The citizen agrees that these data are used for the call; must be true.
    pub consent: bool,
    /// It is about the appointment of this browser's cookie.
    #[serde(default)]
    pub about_appointment: bool,
}

/// Answer to `POST /api/v1/callbacks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallbackAsked {
    /// Which; told to portals alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackId>,
    /// It is confirmed by mail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mail: bool,
    /// From when on somebody calls.
    pub start: Utc,
    /// Until when.
    pub end: Utc,
}

/// Answer to `GET /api/v1/callbacks/times`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallbackTimes {
    /// When somebody is on duty, the earliest first; at most four hours each.
    pub times: Vec<CallbackTime>,
}

/// A time in which somebody calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallbackTime {
    /// From.
    pub start: Utc,
    /// To.
    pub end: Utc,
}

/// Answer to `GET /api/v1/callbacks`. Has no `Debug`: it holds names.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Callbacks {
    /// Those that wait by their time, then those done last; at most `limits::CALLBACKS_LISTED`.
    pub callbacks: Vec<CallbackRow>,
}

/// `PATCH /api/v1/callbacks/{id}`, by an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackDone {
    /// Somebody called.
    pub done: bool,
}

/// One wish to be called back, on the desk. Its `Debug` leaves out what is personal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallbackRow {
    /// Which.
    pub callback: CallbackId,
    /// Key of the service.
    pub service: String,
    /// Whom to ask for.
    pub name: String,
    /// Where to call.
    pub phone: String,
    /// From the list.
    pub reason: CallbackReason,
    /// In the citizen's own words; may be empty.
    pub words: String,
    /// Of the appointment that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// When it suits, from.
    pub start: Utc,
    /// When it suits, to.
    pub end: Utc,
    /// `en`, `fr`, `de` or `lb`.
    pub language: String,
    /// Somebody called.
    pub done: bool,
}

impl std::fmt::Debug for CallbackRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallbackRow").field("callback", &self.callback).field("done", &self.done).finish_non_exhaustive()
    }
}
