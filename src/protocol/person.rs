//! Bodies of signing in at a provider, of "my appointments" and of the second factor (`docs/protocol.md`). Knows no route, no cookie.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::{AgentAccount, LinkPhase, LinkService};
use super::values::Utc;
use crate::access::assurance::Assurance;

/// To which page a citizen comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComeBack {
    /// The booking.
    Book,
    /// "My appointments".
    Mine,
    /// The page of the join link whose cookie this browser holds.
    Join,
}

/// `POST /api/v1/me/sign-in`: a citizen goes to the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInBegin {
    /// To which page they come back.
    pub to: ComeBack,
    /// `en`, `fr`, `de` or `lb`: what the provider's page is asked to speak.
    pub language: String,
}

/// `POST /api/v1/agent/sign-in/begin`: somebody of the staff goes to the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaffSignInBegin {
    /// `en`, `fr`, `de` or `lb`.
    pub language: String,
}

/// Answer to both: where the browser goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignInAt {
    /// At the provider.
    pub url: String,
}

/// `POST /api/v1/me/sign-in/end` and `POST /api/v1/agent/sign-in/end`: what the provider gave the browser.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInEnd {
    /// As it was sent there.
    pub state: String,
    /// When the provider knows who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Else: why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Who says it (RFC 9207).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
}

/// Answer to `POST /api/v1/me/sign-in/end`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignedIn {
    /// To which page they come back.
    pub to: ComeBack,
}

/// Answer to `GET /api/v1/me`: the citizen as the provider vouches for them. Has no `Debug`: it is personal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Me {
    /// First names and family name.
    pub name: String,
    /// What the provider told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What the provider told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// How sure it is.
    pub assurance: Assurance,
    /// When the sign-in ends by itself, at the latest.
    pub ends_within_s: u64,
}

/// Answer to `GET /api/v1/me/appointments`. Has no `Debug`: it is personal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MyAppointments {
    /// The latest first; at most `limits::MY_APPOINTMENTS`.
    pub appointments: Vec<MyAppointment>,
}

/// One of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MyAppointment {
    /// Can be read over the phone; names it in the requests.
    pub reference: String,
    /// Where its link is now.
    pub phase: LinkPhase,
    /// The service.
    pub service: LinkService,
    /// Start of the appointment.
    pub start: Utc,
    /// End of the appointment.
    pub end: Utc,
    /// IANA name in which times are shown.
    pub time_zone: String,
    /// It may still be cancelled.
    pub can_cancel: bool,
    /// It may still be moved.
    pub can_move: bool,
}

/// `POST /api/v1/agent/second-factor`: an account that has none yet asks for one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactorAsk {
    /// Local account.
    pub username: String,
    /// Its password.
    pub password: String,
}

/// Answer to it. Has no `Debug`: it holds a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecondFactorOffer {
    /// To be typed into the app.
    pub secret: String,
    /// To be opened by an app on the same device.
    pub uri: String,
    /// To be scanned: rows of `0` and `1` (dark).
    pub qr: Vec<String>,
    /// To be sent back.
    pub setup: String,
}

/// `POST /api/v1/agent/second-factor/confirm`: the app shows this code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactorConfirm {
    /// Local account.
    pub username: String,
    /// Its password.
    pub password: String,
    /// Of the offer.
    pub setup: String,
    /// Six digits.
    pub code: String,
}

/// Answer to it: signed in. Has no `Debug`: it holds secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecondFactorSet {
    /// Each instead of a code of the app, once; told this once.
    pub recovery_codes: Vec<String>,
    /// Who is signed in.
    pub account: AgentAccount,
}

/// Answer to `GET /api/v1/agent/sign-in`: which ways in there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaysIn {
    /// By a provider.
    pub provider: bool,
}
