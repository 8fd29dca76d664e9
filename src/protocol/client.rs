//! What clients send over the WebSocket, one enum per role; unknown fields are refused. Knows no phase.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::consultation::record::GuestKind;
use crate::ids::{AppointmentId, DeviceId, GuestId, MessageId, ParticipantId};
use crate::protocol::values::{ChatText, GuestName, NoticeText, TextBlock};

/// How a consultation ended, said by the agent who closes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The matter is settled.
    Done,
    /// Something remains to be done.
    FollowUp,
    /// The person could not be served.
    NotServed,
}

/// A message from a citizen's page. `id` is chosen by the client, 1 and up; each request gets exactly one answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum CitizenMessage {
    /// First message of a socket, within 10 s.
    Hello {
        /// Request id.
        id: NonZeroU32,
        /// Protocol version, 1.
        version: u32,
        /// The page in this browser.
        device: DeviceId,
    },
    /// Heartbeat, every `heartbeat_ms`.
    Ping {
        /// Request id.
        id: NonZeroU32,
    },
    /// Phase `open`: takes the seat and a place in the queue.
    Arrive {
        /// Request id.
        id: NonZeroU32,
    },
    /// Phase `elsewhere`: this device takes the seat.
    TakeOver {
        /// Request id.
        id: NonZeroU32,
    },
    /// Phase `ringing`: the green button.
    Accept {
        /// Request id.
        id: NonZeroU32,
        /// The number of the call.
        call: u32,
    },
    /// Phase `ringing`: back to waiting.
    Decline {
        /// Request id.
        id: NonZeroU32,
        /// The number of the call.
        call: u32,
    },
    /// Hang up, or leave the queue.
    Leave {
        /// Request id.
        id: NonZeroU32,
    },
    /// Phase `left`: to the call if an agent is there, else to the waiting room.
    Return {
        /// Request id.
        id: NonZeroU32,
    },
    /// In the call: whether that guest may take part.
    Agree {
        /// Request id.
        id: NonZeroU32,
        /// Which of `guests`.
        guest: GuestId,
        /// Yes or no.
        agreed: bool,
    },
    /// A new transport, or the ICE restart of the running one.
    Offer {
        /// Request id.
        id: NonZeroU32,
        /// Counts the peer connections of this device from 1.
        transport: NonZeroU32,
        /// The offer.
        sdp: String,
    },
    /// What this person sends now.
    Publish {
        /// Request id.
        id: NonZeroU32,
        /// The microphone is on.
        microphone: bool,
        /// The camera is on.
        camera: bool,
        /// The screen is shared.
        screen: bool,
    },
    /// In the call: says something in the chat. Answered by `said` once it is durable.
    Chat {
        /// Request id.
        id: NonZeroU32,
        /// Chosen by the page: the same message said again is known by it.
        message: MessageId,
        /// What is said.
        text: ChatText,
    },
    /// What was said after that number. Answered by `chat_page`.
    ChatSince {
        /// Request id.
        id: NonZeroU32,
        /// The last number that this page has; 0 = none.
        after: u32,
    },
    /// Everything up to that number was shown.
    ChatSeen {
        /// Request id.
        id: NonZeroU32,
        /// A message's number.
        number: u32,
    },
    /// This person writes, or no longer does; to be said again while it goes on.
    ChatTyping {
        /// Request id.
        id: NonZeroU32,
        /// Yes or no.
        typing: bool,
    },
    /// A block of real-time text, where there is no data channel for it.
    Text {
        /// Request id.
        id: NonZeroU32,
        /// T.140.
        block: TextBlock,
    },
}

/// A message from a guest's page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum GuestMessage {
    /// First message of a socket, within 10 s.
    Hello {
        /// Request id.
        id: NonZeroU32,
        /// Protocol version, 1.
        version: u32,
        /// The page in this browser.
        device: DeviceId,
    },
    /// Heartbeat, every `heartbeat_ms`.
    Ping {
        /// Request id.
        id: NonZeroU32,
    },
    /// To the door.
    Knock {
        /// Request id.
        id: NonZeroU32,
        /// The name that others see.
        name: GuestName,
    },
    /// Phase `elsewhere`: this device takes the seat.
    TakeOver {
        /// Request id.
        id: NonZeroU32,
    },
    /// Hang up, or go from the door.
    Leave {
        /// Request id.
        id: NonZeroU32,
    },
    /// Phase `left`: to the door again, under the same name.
    Return {
        /// Request id.
        id: NonZeroU32,
    },
    /// A new transport, or the ICE restart of the running one.
    Offer {
        /// Request id.
        id: NonZeroU32,
        /// Counts the peer connections of this device from 1.
        transport: NonZeroU32,
        /// The offer.
        sdp: String,
    },
    /// What this person sends now.
    Publish {
        /// Request id.
        id: NonZeroU32,
        /// The microphone is on.
        microphone: bool,
        /// The camera is on.
        camera: bool,
        /// The screen is shared.
        screen: bool,
    },
    /// In the call: says something in the chat. Answered by `said` once it is durable.
    Chat {
        /// Request id.
        id: NonZeroU32,
        /// Chosen by the page: the same message said again is known by it.
        message: MessageId,
        /// What is said.
        text: ChatText,
    },
    /// What was said after that number. Answered by `chat_page`.
    ChatSince {
        /// Request id.
        id: NonZeroU32,
        /// The last number that this page has; 0 = none.
        after: u32,
    },
    /// Everything up to that number was shown.
    ChatSeen {
        /// Request id.
        id: NonZeroU32,
        /// A message's number.
        number: u32,
    },
    /// This person writes, or no longer does; to be said again while it goes on.
    ChatTyping {
        /// Request id.
        id: NonZeroU32,
        /// Yes or no.
        typing: bool,
    },
    /// A block of real-time text, where there is no data channel for it.
    Text {
        /// Request id.
        id: NonZeroU32,
        /// T.140.
        block: TextBlock,
    },
}

/// A message from an agent's page. All requests after `hello` carry the appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum AgentMessage {
    /// First message of a socket, within 10 s.
    Hello {
        /// Request id.
        id: NonZeroU32,
        /// Protocol version, 1.
        version: u32,
        /// The page in this browser.
        device: DeviceId,
    },
    /// Heartbeat, every `heartbeat_ms`.
    Ping {
        /// Request id.
        id: NonZeroU32,
    },
    /// Row `waiting`: takes an agent's seat and rings at the citizen.
    Call {
        /// Request id.
        id: NonZeroU32,
        /// The row.
        appointment: AppointmentId,
    },
    /// Row `ringing` by this agent: the citizen waits again.
    CancelCall {
        /// Request id.
        id: NonZeroU32,
        /// The row.
        appointment: AppointmentId,
    },
    /// Row `in_call`: takes the own seat again, or joins.
    Return {
        /// Request id.
        id: NonZeroU32,
        /// The row.
        appointment: AppointmentId,
    },
    /// Everybody of the public back to the waiting room; the agents leave the call.
    PutBack {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
    },
    /// Ends one person's admission.
    Remove {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
        /// Who; not an agent.
        participant: ParticipantId,
    },
    /// In the call: makes the link of a third person. Answered by `invited`.
    Invite {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
        /// As what they come.
        kind: GuestKind,
        /// What others see until they say their own name.
        name: GuestName,
        /// Comes in without being let in, once the citizen agrees.
        direct: bool,
    },
    /// Takes an invitation back; who came by it is out.
    Revoke {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
        /// Which of `guests`.
        guest: GuestId,
    },
    /// Opens the door to who knocks.
    LetIn {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
        /// Which of `guests`.
        guest: GuestId,
    },
    /// A guest back to the door.
    PutBackGuest {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
        /// Which of `guests`.
        guest: GuestId,
    },
    /// Hang up; the citizen stays in the call and is told.
    Leave {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
    },
    /// Ends the consultation for everybody.
    Close {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
        /// How it ended.
        outcome: Outcome,
    },
    /// Row `waiting`: a message to the person who waits.
    Notify {
        /// Request id.
        id: NonZeroU32,
        /// The row.
        appointment: AppointmentId,
        /// The message.
        text: NoticeText,
    },
    /// Phase `elsewhere`: the agent's seat to this device.
    TakeOver {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
    },
    /// A new transport, or the ICE restart of the running one.
    Offer {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
        /// Counts the peer connections of this device in this consultation from 1.
        transport: NonZeroU32,
        /// The offer.
        sdp: String,
    },
    /// What this agent sends now.
    Publish {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
        /// The microphone is on.
        microphone: bool,
        /// The camera is on.
        camera: bool,
        /// The screen is shared.
        screen: bool,
    },
    /// In the call: says something in the chat. Answered by `said` once it is durable.
    Chat {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
        /// Chosen by the page: the same message said again is known by it.
        message: MessageId,
        /// What is said.
        text: ChatText,
    },
    /// What was said after that number. Answered by `chat_page`.
    ChatSince {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
        /// The last number that this page has; 0 = none.
        after: u32,
    },
    /// Everything up to that number was shown.
    ChatSeen {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
        /// A message's number.
        number: u32,
    },
    /// This person writes, or no longer does; to be said again while it goes on.
    ChatTyping {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
        /// Yes or no.
        typing: bool,
    },
    /// A block of real-time text, where there is no data channel for it.
    Text {
        /// Request id.
        id: NonZeroU32,
        /// The consultation.
        appointment: AppointmentId,
        /// T.140.
        block: TextBlock,
    },
}

/// The id of a message that could not be read otherwise, so that it can be answered with `bad_message`.
/// `None` when not even that is there.
pub fn message_id(text: &str) -> Option<NonZeroU32> {
    #[derive(Deserialize)]
    struct OnlyId {
        id: NonZeroU32,
    }
    serde_json::from_str::<OnlyId>(text).ok().map(|only| only.id)
}
