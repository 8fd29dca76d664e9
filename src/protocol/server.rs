//! What the server sends over the WebSocket: answers and whole snapshots, never differences. Knows no rule.

use std::num::NonZeroU32;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};

use crate::access::assurance::Assurance;
use crate::chat::{Author, Message};
use crate::consultation::record::GuestKind;
use crate::ids::{AppointmentId, GuestId, MessageId, ParticipantId};
use crate::protocol::booking::CallbackRow;
use crate::protocol::codes::ErrorCode;
use crate::protocol::values::{TextBlock, Utc};
use crate::sfu::negotiated::Source;
use crate::sfu::quality::Quality;

/// A message from the server. A client ignores fields that it does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// Answer to `hello`; the snapshots follow.
    Welcome {
        /// The request.
        re: NonZeroU32,
        /// Protocol version, 1.
        version: u32,
        /// The server's wall clock.
        server_time: Utc,
        /// How often to `ping`, in milliseconds; three times this of silence ends the socket.
        heartbeat_ms: u32,
        /// For peer connections made from now on, when this server relays.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        relay: Option<Relay>,
    },
    /// Answer to `ping`.
    Pong {
        /// The request.
        re: NonZeroU32,
    },
    /// The request was done and is durable.
    Ok {
        /// The request.
        re: NonZeroU32,
    },
    /// Answer to `offer`.
    Answer {
        /// The request.
        re: NonZeroU32,
        /// The answer.
        sdp: String,
    },
    /// Answer to `invite`. The link is told this once and kept nowhere.
    Invited {
        /// The request.
        re: NonZeroU32,
        /// Which of `guests`.
        guest: GuestId,
        /// The guest's link.
        url: String,
        /// The link as a QR code: rows of `0` and `1` (dark), without its quiet zone.
        qr: Vec<String>,
    },
    /// Answer to `chat`: the message is durable, or was before.
    Said {
        /// The request.
        re: NonZeroU32,
        /// Its number in the consultation.
        number: u32,
        /// When it was taken.
        at: Utc,
    },
    /// Answer to `chat_since`.
    ChatPage {
        /// The request.
        re: NonZeroU32,
        /// What was said after the number in the request, oldest first.
        messages: Vec<ChatMessage>,
        /// There is more than fits: ask again from the last of these.
        more: bool,
    },
    /// The request was refused and changed nothing.
    Error {
        /// The request.
        re: NonZeroU32,
        /// Stable.
        code: ErrorCode,
        /// English, for developers.
        message: String,
    },
    /// One consultation as this participant may see it.
    State(State),
    /// The agents' list.
    Desk(Desk),
    /// The own line, when it changed.
    Quality {
        /// The consultation.
        appointment: AppointmentId,
        /// From here to the server.
        uplink: Quality,
        /// From the server to here.
        downlink: Quality,
    },
    /// What the own pictures may take, when it changed.
    Lids {
        /// The consultation.
        appointment: AppointmentId,
        /// The camera, in bits a second with all headers; 0 while nobody can receive it, null without a lid.
        camera: Option<u64>,
        /// Each smaller encoding of the camera where there are several: never 0; null, or absent, without a lid.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        smaller: Option<u64>,
        /// The screen, as the camera.
        screen: Option<u64>,
    },
    /// New messages of the chat, oldest first.
    Chat {
        /// The consultation.
        appointment: AppointmentId,
        /// In order.
        messages: Vec<ChatMessage>,
    },
    /// The chat as a whole, when it changed.
    ChatState(ChatState),
    /// A block of real-time text, where there is no data channel for it.
    Text {
        /// The consultation.
        appointment: AppointmentId,
        /// T.140.
        block: TextBlock,
    },
}

/// A chat message as one person may read it. Its `Debug` leaves name and text out (trust.md P2).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChatMessage {
    /// Its place: grows, with gaps for who may not read everything.
    pub number: u32,
    /// As its author's page named it.
    pub message: MessageId,
    /// What the author is.
    pub role: Role,
    /// The author's name.
    pub name: String,
    /// The reader said it.
    pub you: bool,
    /// What was said.
    pub text: String,
    /// When the server took it.
    pub at: Utc,
}

impl ChatMessage {
    /// As this reader gets it, who may read it.
    pub fn of(message: &Message, reader: Author) -> Self {
        Self {
            number: message.number,
            message: message.id,
            role: match message.author {
                Author::Citizen => Role::Citizen,
                Author::Agent(_) => Role::Agent,
                Author::Guest(_) => Role::Guest,
            },
            name: message.name.clone(),
            you: message.author == reader,
            text: message.text.clone(),
            at: message.at.into(),
        }
    }
}

impl std::fmt::Debug for ChatMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatMessage").field("number", &self.number).finish_non_exhaustive()
    }
}

/// What a person knows of the chat as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChatState {
    /// The consultation.
    pub appointment: AppointmentId,
    /// This person may write.
    pub open: bool,
    /// The last number that they may read; 0 = none.
    pub last: u32,
    /// Up to which number the other side (citizen or agents) has seen everything.
    pub seen: u32,
    /// Who writes now.
    pub typing: Vec<ParticipantId>,
}

/// TURN over TLS at the host and port of the page (RFC 8656); the only peer that it lets through is this server's media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Relay {
    /// Holds the time until which it opens allocations.
    pub username: String,
    /// Its secret.
    pub credential: String,
}

/// A consultation as one participant may see it, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct State {
    /// Grows with each change within one run of the server; a client keeps the latest it received.
    pub revision: u64,
    /// The consultation.
    pub appointment: AppointmentId,
    /// Can be read over the phone.
    pub reference: String,
    /// Where this participant is.
    pub phase: Phase,
    /// The own participant number; 255 of a guest without a seat.
    pub you: ParticipantId,
    /// Only in `waiting` and `ringing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// Only in `ringing` and `calling`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// The others in the call; for an agent who calls, the citizen.
    pub participants: Vec<Participant>,
    /// Who is on which of the own receiving sections; only in `in_call`.
    pub slots: Vec<Slot>,
    /// Every encoding of the own camera is wanted, not the best alone: several people watch. Only in `in_call`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub layers: bool,
    /// Who was invited; for citizen and agents in `in_call`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guests: Vec<Guest>,
    /// Start of the appointment.
    pub start: Utc,
    /// End of the appointment; nothing is cut then.
    pub end: Utc,
}

/// Where a participant is in a consultation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Citizen: before the link opens (rule O).
    TooEarly,
    /// Citizen: the appointment or the time to return is over (rules L and R).
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
    /// Citizen: hung up or left the queue, may return. Agent: left.
    Left,
    /// Closed for everybody.
    Closed,
    /// Citizen: nobody called in time.
    Missed,
    /// The appointment was cancelled (rule X).
    Cancelled,
    /// Agent, last state: put the public back.
    PutBack,
    /// Agent, last state: nobody answered.
    Unanswered,
    /// Agent, last state: the citizen declined or left.
    Declined,
}

/// The own place in the waiting room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// 1 = next.
    pub place: u32,
    /// Since when this person waits.
    pub since: Utc,
    /// Messages from agents, oldest first.
    pub messages: Vec<Notice>,
}

/// A message to a person who waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// What it says.
    pub text: String,
    /// When it was written.
    pub at: Utc,
}

/// A call that rings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Call {
    /// Named by `accept` and `decline`.
    pub number: u32,
    /// The agent's name; absent towards the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When it stops by itself.
    pub rings_until: Utc,
}

/// What a participant is in a consultation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whose appointment it is.
    Citizen,
    /// Of the service.
    Agent,
    /// A third person, such as an interpreter.
    Guest,
}

/// Whether a person's page is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Connected.
    Here,
    /// Dropped, may come back to the same seat.
    Away,
}

/// Another person of the consultation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Participant {
    /// The number of the seat.
    pub participant: ParticipantId,
    /// What they are.
    pub role: Role,
    /// Of a guest: as what they come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<GuestKind>,
    /// As the server knows it.
    pub name: String,
    /// Connected or dropped.
    pub presence: Presence,
    /// Sends sound.
    pub microphone: bool,
    /// Sends a picture.
    pub camera: bool,
    /// Shares a screen.
    pub screen: bool,
}

/// A third person who was invited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Guest {
    /// The invitation's number.
    pub guest: GuestId,
    /// As what they come.
    pub kind: GuestKind,
    /// As the agent wrote it, or as they said it at the door.
    pub name: String,
    /// How far they have come.
    pub state: GuestState,
    /// What the citizen answered; null = not yet.
    #[serde(deserialize_with = "present")]
    #[schemars(schema_with = "nullable::<bool>")]
    pub agreed: Option<bool>,
    /// Comes in without being let in, once the citizen agrees.
    pub direct: bool,
    /// Their number, while they are at the door or in the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<ParticipantId>,
    /// Whether their page is connected.
    pub presence: Presence,
}

/// How far a guest has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuestState {
    /// Was not there yet.
    Invited,
    /// At the door.
    Knocking,
    /// In the call.
    InCall,
    /// Hung up or removed, may knock again.
    Left,
}

/// Who is on a receiving section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Slot {
    /// `a=mid` of the own offer.
    pub mid: String,
    /// Whose track.
    pub participant: ParticipantId,
    /// Which of their sources.
    pub source: Source,
}

/// The list of an agent's desk, whole, in the order in which to call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Desk {
    /// Grows with each change within one run of the server.
    pub revision: u64,
    /// Waiting first by arrival, then the others by start.
    pub rows: Vec<DeskRow>,
    /// Who wants to be called back: those who wait by their time, then those done last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callbacks: Vec<CallbackRow>,
}

/// One appointment on the desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeskRow {
    /// The appointment.
    pub appointment: AppointmentId,
    /// Can be read over the phone.
    pub reference: String,
    /// The citizen's name.
    pub name: String,
    /// How far it is.
    pub state: RowState,
    /// Whether the citizen's page is connected.
    pub presence: Presence,
    /// Since when the citizen waits (arrival); null when they do not.
    #[serde(deserialize_with = "present")]
    #[schemars(schema_with = "nullable::<Utc>")]
    pub since: Option<Utc>,
    /// Start of the appointment.
    pub start: Utc,
    /// End of the appointment.
    pub end: Utc,
    /// `en`, `fr`, `de` or `lb`.
    pub language: String,
    /// Key of the topic, when the booking named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The citizen's note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How sure an identity provider was of who the citizen is; absent when it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assurance: Option<Assurance>,
    /// The name that the provider vouches for, where it is not that of the booking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouched_name: Option<String>,
    /// Key of the service.
    pub service: String,
    /// The name of who calls or talks; null when nobody does.
    #[serde(deserialize_with = "present")]
    #[schemars(schema_with = "nullable::<String>")]
    pub agent: Option<String>,
}

/// How far an appointment on the desk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// Not there yet.
    Expected,
    /// In the waiting room.
    Waiting,
    /// An agent calls.
    Ringing,
    /// In the call.
    InCall,
    /// Hung up or left the queue, may return.
    Left,
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// A field that is null rather than absent when there is nothing to say.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

fn nullable<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Option<T>>()
}
