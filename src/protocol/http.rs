//! Bodies of the HTTP requests and answers of `docs/protocol.md`. Knows no route, no cookie.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::assurance::Assurance;
use crate::access::role::Role;
use crate::agenda::identity::{IdentityCheck, IdentityMethod, IdentityResult};
use crate::agenda::phase::Phase;
use crate::consultation::record::GuestKind;
use crate::documents::ledger::DocumentKind;
use crate::ids::DocumentId;
use crate::protocol::codes::ErrorCode;
use crate::protocol::server::ChatMessage;
use crate::protocol::values::Utc;

/// Body of every answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// The same with what RFC 9457 asks for (`application/problem+json`): so every error leaves the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Where `openapi.json` says more about this code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words, English; the same for each problem of the type.
    pub title: String,
    /// That of the answer.
    pub status: u16,
    /// As `error.message`.
    pub detail: String,
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
    /// With `slot_taken`: the next slots that are free, the earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub free: Vec<FreeSlot>,
}

/// Part of the answer to `GET /api/v1/services`: what can be booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BookableService {
    /// With which it is booked.
    pub key: String,
    /// For people, by language: `en`, `fr`, `de`, `lb`.
    pub names: BTreeMap<String, String>,
    /// Where to turn when video does not work; may be empty.
    pub helpdesk_phone: String,
    /// IANA name in which its times are shown.
    pub time_zone: String,
    /// Length of a slot.
    pub slot_minutes: u64,
    /// How far ahead slots are offered.
    pub book_ahead_days: u64,
    /// Citizens book by themselves on `/book`.
    pub public_booking: bool,
    /// Of whom a copy of the identity card is asked.
    pub identity_check: IdentityCheck,
    /// How many documents an appointment may have, that copy included.
    pub document_count: u32,
    /// And their bytes in all.
    pub document_bytes: u64,
    /// What it can be consulted about, in the order of the keys.
    pub topics: Vec<BookableTopic>,
}

/// What a service can be consulted about. Texts are told by language, where the operator said them; English stands in for the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BookableTopic {
    /// With which it is booked.
    pub key: String,
    /// For people, by language.
    pub names: BTreeMap<String, String>,
    /// Whether an appointment may be booked for it.
    pub by_video: bool,
    /// Where to go, when it is not dealt with by video.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub instead: BTreeMap<String, String>,
    /// To be told before it is chosen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notice: BTreeMap<String, String>,
    /// What must be at hand.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub required: BTreeMap<String, Vec<String>>,
    /// What helps to have at hand.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub helpful: BTreeMap<String, Vec<String>>,
}

/// A topic with the service that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceTopic {
    /// Key of the service.
    pub service: String,
    /// What it can be consulted about.
    #[serde(flatten)]
    pub topic: BookableTopic,
}

/// Answer to `GET /api/v1/topics`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Topics {
    /// In the order of the services' and their own keys.
    pub topics: Vec<ServiceTopic>,
}

/// Answer to `GET /api/v1/services`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Services {
    /// In the order of their keys.
    pub services: Vec<BookableService>,
    /// Citizens can sign in at an identity provider (`POST /api/v1/me/sign-in`).
    #[serde(default)]
    pub authentication: bool,
}

/// A slot in which somebody can still be booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FreeSlot {
    /// S of mission.md.
    pub start: Utc,
    /// E of mission.md.
    pub end: Utc,
    /// How many more appointments it holds, at least 1.
    pub places: u16,
}

/// Answer to `GET /api/v1/slots`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Slots {
    /// The free ones, the earliest first; at most `limits::SLOTS_LISTED`.
    pub slots: Vec<FreeSlot>,
    /// Days of the service's time zone (`2026-11-26`) that have slots, but none of them free.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub full_days: Vec<String>,
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
    /// Where mail goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Digits with spaces and `+ - . / ( )` between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// To the agent, up to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Key of the topic within the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}

/// `PATCH /api/v1/appointments/{reference}`: another time.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTime {
    /// RFC 3339 with offset.
    pub start: String,
    /// RFC 3339 with offset.
    pub end: String,
}

/// An appointment as a portal sees it. Has no `Debug`: it holds a name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Appointment {
    /// Can be read over the phone.
    pub reference: String,
    /// Key of the service.
    pub service: String,
    /// The citizen's name.
    pub name: String,
    /// `en`, `fr`, `de` or `lb`.
    pub language: String,
    /// S of mission.md.
    pub start: Utc,
    /// E of mission.md.
    pub end: Utc,
    /// Where its link is now.
    pub phase: LinkPhase,
    /// What was and will be sent to the citizen, the oldest first.
    pub messages: Vec<Message>,
}

/// A mail or short message to a citizen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// `mail` or `sms`.
    pub channel: String,
    /// `booked`, `rescheduled`, `cancelled`, `link_rotated`, `resent` or `reminder`.
    pub kind: String,
    /// `waiting`, `sent` or `given_up`.
    pub state: String,
    /// When it was sent or given up, or will be tried next.
    pub at: Utc,
    /// Why the last attempt failed: `unreachable`, `not_now`, `refused`, `address`…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// `POST /api/v1/appointments/{reference}/cancel`: the service cancels.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// What the citizen is told, in their language; up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Answer to `POST /api/v1/appointments/{reference}/resend`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resent {
    /// The citizen will be sent a mail.
    pub mail: bool,
}

/// Answer to `POST /api/v1/appointments` and to `…/rotate`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Booked {
    /// Can be read over the phone.
    pub reference: String,
    /// The join link.
    pub join_url: String,
    /// The citizen will be sent a mail with it; else they must write it down.
    pub mail: bool,
}

/// `POST /api/v1/join`, `POST /api/v1/cancel-link` and `POST /api/v1/cancel-link/cancel`.
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
    /// When everything of the appointment is destroyed; absent while somebody is there, and once it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Utc>,
    /// In the phase `erased`, where `reference` and `name` are empty: what was destroyed, without a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// The server's wall clock.
    pub server_time: Utc,
    /// What an identity provider must still vouch for before the citizen may join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_up: Option<Assurance>,
    /// Of a cancelled one: by whom and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Cancelled>,
}

/// Why an appointment does not take place. Has no `Debug`: the reason may be personal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cancelled {
    /// The service cancelled it; else the citizen did.
    pub by_service: bool,
    /// What the service says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What the cancel link shows. It lets nobody in and names nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelLink {
    /// Can be read over the phone.
    pub reference: String,
    /// Where the join link is now.
    pub phase: LinkPhase,
    /// The appointment can be cancelled now.
    pub can_cancel: bool,
    /// The service.
    pub service: LinkService,
    /// Start of the appointment.
    pub start: Utc,
    /// End of the appointment.
    pub end: Utc,
    /// IANA name in which times are shown.
    pub time_zone: String,
    /// `en`, `fr`, `de` or `lb`.
    pub language: String,
}

/// That an appointment's data was destroyed. Names nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// When.
    pub erased: Utc,
    /// By the citizen, not because the time was over.
    pub asked: bool,
    /// How many documents were destroyed.
    pub documents: u32,
    /// The line of the ledger that says so.
    pub line: i64,
    /// SHA-256 of that line, 64 hex digits.
    pub hash: String,
}

/// Answer to `GET /api/v1/link/chat`: what was said after the number in the question, as much as fits; empty when that is all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Chat {
    /// Oldest first.
    pub messages: Vec<ChatMessage>,
}

/// Answer to `GET /api/v1/link/documents` and to an agent's question for those of a consultation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Documents {
    /// Whether more can be sent, and these be taken back, now.
    pub may_change: bool,
    /// How many more fit.
    pub count_left: u32,
    /// And how many bytes.
    pub bytes_left: u64,
    /// The oldest first.
    pub documents: Vec<DocumentEntry>,
    /// For agents: what one of them said after a look at the identity card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

/// What an agent saw: a person's look for plausibility, no proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// How it was seen.
    pub method: IdentityMethod,
    /// What was said.
    pub result: IdentityResult,
    /// The agent's name; none when the account is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    pub at: Utc,
}

/// `POST /api/v1/agent/consultations/{consultation}/identity`: what the agent saw. The copy is destroyed with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaidOfIdentity {
    /// What is said.
    pub result: IdentityResult,
}

/// One document; the answer to `POST /api/v1/link/documents`. Has no `Debug`: its name may name a person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentEntry {
    /// Which.
    pub id: DocumentId,
    /// As what it was handed in.
    pub kind: DocumentKind,
    /// As it is downloaded.
    pub name: String,
    /// What its bytes are.
    pub media_type: String,
    /// How many.
    pub bytes: u64,
    /// When it was there whole.
    pub added: Utc,
}

/// The service of an appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinkService {
    /// With which slots and calls back are asked for.
    pub key: String,
    /// For people.
    pub name: String,
    /// Named on every page.
    pub helpdesk_phone: String,
    /// Citizens book by themselves on `/book`.
    pub public_booking: bool,
    /// How far ahead slots are offered.
    pub book_ahead_days: u64,
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
    /// Of a guest's link: consultation or invitation have ended.
    Over,
    /// It took place; its documents can be downloaded (rule D).
    Documents,
    /// Everything of it was destroyed.
    Erased,
    /// Waited and nobody called (rule L).
    Missed,
    /// The citizen or the service cancelled it (rule X).
    Cancelled,
}

impl From<Phase> for LinkPhase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::TooEarly => Self::TooEarly,
            Phase::Open => Self::Open,
            Phase::Late => Self::Late,
            Phase::Over => Self::Over,
            Phase::Documents => Self::Documents,
            Phase::Erased => Self::Erased,
            Phase::Missed => Self::Missed,
            Phase::Cancelled => Self::Cancelled,
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
    /// Of the second factor: six digits of the app, or a code to recover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// `POST /demo/clock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DemoClock {
    /// How far the demo's wall clock goes ahead of the real time.
    pub offset_seconds: i64,
}

/// Answer to `POST /demo/clock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DemoTime {
    /// The demo's wall clock.
    pub now: Utc,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentAccount {
    /// The name that others see.
    pub name: String,
    /// From the server only.
    pub roles: Vec<Role>,
    /// `en`, `fr`, `de` or `lb`.
    pub language: String,
}
