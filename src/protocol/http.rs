//! Bodies of the HTTP requests and answers of `docs/protocol.md`. Knows no route, no cookie.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agenda::phase::Phase;
use crate::consultation::record::GuestKind;
use crate::protocol::codes::ErrorCode;
use crate::protocol::values::Utc;

/// Body of every answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorDetail {
    /// Stable.
    pub code: ErrorCode,
    /// English, for developers.
    pub message: String,
}

/// `POST /api/v1/appointments`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAppointment {
    /// Key of the service.
    pub service: String,
    /// RFC 3339 with offset.
    pub start: String,
    /// RFC 3339 with offset.
    pub end: String,
    /// The citizen's name.
    pub name: String,
    /// `en`, `fr`, `de` or `lb`.
    pub language: String,
}

/// Answer to `POST /api/v1/appointments`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Booked {
    /// Can be read over the phone.
    pub reference: String,
    /// The join link.
    pub join_url: String,
}

/// `POST /api/v1/join`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// 43 characters of base64url from the link's fragment.
    pub token: String,
}

/// What the link of a citizen or a guest shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// Can be read over the phone.
    pub reference: String,
    /// Where the link is now.
    pub phase: LinkPhase,
    /// The name of whose link it is.
    pub name: String,
    /// Of a guest's link: as what they are invited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<GuestKind>,
    /// The service.
    pub service: LinkService,
    /// Start of the appointment.
    pub start: Utc,
    /// End of the appointment.
    pub end: Utc,
    /// When the waiting room opens (rule O).
    pub opens: Utc,
    /// IANA name in which times are shown.
    pub time_zone: String,
    /// `en`, `fr`, `de` or `lb`.
    pub language: String,
    /// The server's wall clock.
    pub server_time: Utc,
}

/// The service of an appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinkService {
    /// For people.
    pub name: String,
    /// Named on every page.
    pub helpdesk_phone: String,
}

/// Where a link is at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkPhase {
    /// Before S − 15 min (rule O).
    TooEarly,
    /// The signaling lets the citizen in.
    Open,
    /// At or after E and never there (rule L).
    Late,
    /// Closed, or the time to return is over (rule R).
    Over,
    /// Waited and nobody called (rule L).
    Missed,
}

impl From<Phase> for LinkPhase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::TooEarly => Self::TooEarly,
            Phase::Open => Self::Open,
            Phase::Late => Self::Late,
            Phase::Over => Self::Over,
            Phase::Missed => Self::Missed,
        }
    }
}

/// `POST /api/v1/agent/sign-in`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Local account.
    pub username: String,
    /// At most 128 characters.
    pub password: String,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentAccount {
    /// The name that others see.
    pub name: String,
    /// From the server only.
    pub roles: Vec<String>,
    /// `en`, `fr`, `de` or `lb`.
    pub language: String,
}
