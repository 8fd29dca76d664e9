//! Between the wire and the rules: requests become commands, views become snapshots. Decides nothing.

use std::num::NonZeroU32;

use axum::extract::ws::Utf8Bytes;

use crate::consultation::queue;
use crate::consultation::record::{GuestKind, GuestStage};
use crate::consultation::view::{self, Invited, Presence, Role, Row, RowState, View};
use crate::consultation::{AgentCommand, CitizenCommand, Command, Outcome, Parting, Publishing, Refusal};
use crate::ids::{AppointmentId, DeviceId, MessageId, ParticipantId};
use crate::protocol::server::{self, ServerMessage};
use crate::protocol::{AgentMessage, CitizenMessage, ErrorCode, GuestMessage};
use crate::sfu::negotiated::SlotAssignment;
use crate::store::Appointment;

/// A request in the house's own words.
pub(super) enum Request {
    /// The opening.
    Hello { version: u32, device: DeviceId },
    /// The heartbeat.
    Ping,
    /// For the rules.
    Command(Command),
    /// Needs a link first, then it is for the rules.
    Invite { kind: GuestKind, name: String, direct: bool },
    /// For the media plane.
    Offer { transport: u32, sdp: String },
    /// For the chat or the real-time text.
    Talk(Talk),
}

/// What people write to each other, by whichever way it comes.
pub(super) enum Talk {
    /// A chat message.
    Say { message: MessageId, text: String },
    /// What was said after that number.
    Since(u32),
    /// Everything up to that number was shown.
    Seen(u32),
    /// Writes, or no longer does.
    Typing(bool),
    /// A block of real-time text.
    Text(String),
}

/// A citizen's message.
pub(super) fn citizen(message: CitizenMessage) -> (NonZeroU32, Request) {
    use CitizenMessage as M;
    let asked = |asked| Request::Command(Command::Citizen(asked));
    match message {
        M::Hello { id, version, device } => (id, Request::Hello { version, device }),
        M::Ping { id } => (id, Request::Ping),
        M::Arrive { id } => (id, asked(CitizenCommand::Arrive)),
        M::TakeOver { id } => (id, Request::Command(Command::TakeOver)),
        M::Accept { id, call } => (id, asked(CitizenCommand::Accept(call))),
        M::Decline { id, call } => (id, asked(CitizenCommand::Decline(call))),
        M::Leave { id } => (id, Request::Command(Command::Leave)),
        M::Return { id } => (id, Request::Command(Command::Return)),
        M::Agree { id, guest, agreed } => (id, asked(CitizenCommand::Agree(guest, agreed))),
        M::Offer { id, transport, sdp } => (id, Request::Offer { transport: transport.get(), sdp }),
        M::Publish { id, microphone, camera, screen } => (id, publish(microphone, camera, screen)),
        M::Chat { id, message, text } => (id, Request::Talk(Talk::Say { message, text: text.into_string() })),
        M::ChatSince { id, after } => (id, Request::Talk(Talk::Since(after))),
        M::ChatSeen { id, number } => (id, Request::Talk(Talk::Seen(number))),
        M::ChatTyping { id, typing } => (id, Request::Talk(Talk::Typing(typing))),
        M::Text { id, block } => (id, Request::Talk(Talk::Text(block.0))),
    }
}

/// A guest's message.
pub(super) fn guest(message: GuestMessage) -> (NonZeroU32, Request) {
    use GuestMessage as M;
    match message {
        M::Hello { id, version, device } => (id, Request::Hello { version, device }),
        M::Ping { id } => (id, Request::Ping),
        M::Knock { id, name } => (id, Request::Command(Command::Knock(name.into_string()))),
        M::TakeOver { id } => (id, Request::Command(Command::TakeOver)),
        M::Leave { id } => (id, Request::Command(Command::Leave)),
        M::Return { id } => (id, Request::Command(Command::Return)),
        M::Offer { id, transport, sdp } => (id, Request::Offer { transport: transport.get(), sdp }),
        M::Publish { id, microphone, camera, screen } => (id, publish(microphone, camera, screen)),
        M::Chat { id, message, text } => (id, Request::Talk(Talk::Say { message, text: text.into_string() })),
        M::ChatSince { id, after } => (id, Request::Talk(Talk::Since(after))),
        M::ChatSeen { id, number } => (id, Request::Talk(Talk::Seen(number))),
        M::ChatTyping { id, typing } => (id, Request::Talk(Talk::Typing(typing))),
        M::Text { id, block } => (id, Request::Talk(Talk::Text(block.0))),
    }
}

/// An agent's message; the opening and the heartbeat name no appointment.
pub(super) fn agent(message: AgentMessage) -> (NonZeroU32, Option<AppointmentId>, Request) {
    use AgentMessage as M;
    let asked = |asked| Request::Command(Command::Agent(asked));
    match message {
        M::Hello { id, version, device } => (id, None, Request::Hello { version, device }),
        M::Ping { id } => (id, None, Request::Ping),
        M::Call { id, appointment } => (id, Some(appointment), asked(AgentCommand::Call)),
        M::CancelCall { id, appointment } => (id, Some(appointment), asked(AgentCommand::CancelCall)),
        M::Return { id, appointment } => (id, Some(appointment), Request::Command(Command::Return)),
        M::PutBack { id, appointment } => (id, Some(appointment), asked(AgentCommand::PutBack)),
        M::Remove { id, appointment, participant } => (id, Some(appointment), asked(AgentCommand::Remove(participant))),
        M::Leave { id, appointment } => (id, Some(appointment), Request::Command(Command::Leave)),
        M::Close { id, appointment, outcome } => (id, Some(appointment), asked(AgentCommand::Close(closing(outcome)))),
        M::Notify { id, appointment, text } => (id, Some(appointment), asked(AgentCommand::Notify(text.into_string()))),
        M::Invite { id, appointment, kind, name, direct } => {
            (id, Some(appointment), Request::Invite { kind, name: name.into_string(), direct })
        }
        M::Revoke { id, appointment, guest } => (id, Some(appointment), asked(AgentCommand::Revoke(guest))),
        M::LetIn { id, appointment, guest } => (id, Some(appointment), asked(AgentCommand::LetIn(guest))),
        M::PutBackGuest { id, appointment, guest } => (id, Some(appointment), asked(AgentCommand::PutBackGuest(guest))),
        M::TakeOver { id, appointment } => (id, Some(appointment), Request::Command(Command::TakeOver)),
        M::Offer { id, appointment, transport, sdp } => (id, Some(appointment), Request::Offer { transport: transport.get(), sdp }),
        M::Publish { id, appointment, microphone, camera, screen } => (id, Some(appointment), publish(microphone, camera, screen)),
        M::Chat { id, appointment, message, text } => {
            (id, Some(appointment), Request::Talk(Talk::Say { message, text: text.into_string() }))
        }
        M::ChatSince { id, appointment, after } => (id, Some(appointment), Request::Talk(Talk::Since(after))),
        M::ChatSeen { id, appointment, number } => (id, Some(appointment), Request::Talk(Talk::Seen(number))),
        M::ChatTyping { id, appointment, typing } => (id, Some(appointment), Request::Talk(Talk::Typing(typing))),
        M::Text { id, appointment, block } => (id, Some(appointment), Request::Talk(Talk::Text(block.0))),
    }
}

fn publish(microphone: bool, camera: bool, screen: bool) -> Request {
    Request::Command(Command::Publish(Publishing { microphone, camera, screen }))
}

fn closing(outcome: crate::protocol::Outcome) -> Outcome {
    match outcome {
        crate::protocol::Outcome::Done => Outcome::Done,
        crate::protocol::Outcome::FollowUp => Outcome::FollowUp,
        crate::protocol::Outcome::NotServed => Outcome::NotServed,
    }
}

/// The code of a refusal.
pub(super) fn code(refusal: Refusal) -> ErrorCode {
    match refusal {
        Refusal::TooEarly => ErrorCode::TooEarly,
        Refusal::Late => ErrorCode::Late,
        Refusal::Elsewhere => ErrorCode::Elsewhere,
        Refusal::Closed => ErrorCode::Closed,
        Refusal::CallGone => ErrorCode::CallGone,
        Refusal::NotSeated => ErrorCode::NotSeated,
        Refusal::NotWaiting => ErrorCode::NotWaiting,
        Refusal::Taken => ErrorCode::Taken,
        Refusal::Busy => ErrorCode::Busy,
        Refusal::NotInCall => ErrorCode::NotInCall,
        Refusal::NotAgreed => ErrorCode::NotAgreed,
        Refusal::UnknownGuest => ErrorCode::UnknownGuest,
        Refusal::NameTaken => ErrorCode::NameTaken,
        Refusal::WrongState => ErrorCode::WrongState,
    }
}

/// A refusal as it goes out.
pub(super) fn error(re: NonZeroU32, code: ErrorCode, message: &str) -> ServerMessage {
    ServerMessage::Error { re, code, message: message.to_owned() }
}

/// The text of a message. Nothing that we send can fail to be written; should it ever, an empty object goes out.
pub(super) fn text(message: &ServerMessage) -> Utf8Bytes {
    serde_json::to_string(message).unwrap_or_else(|_| String::from("{}")).into()
}

/// The snapshot of one person, without its revision; `place` is the queue's, `slots` and `layers` are the media plane's.
pub(super) fn state(view: View, of: &Appointment, place: u32, slots: &[SlotAssignment], layers: bool) -> server::State {
    let in_call = view.phase == view::Phase::InCall;
    let shown: Vec<ParticipantId> = view.people.iter().map(|person| person.participant).collect();
    let slots = slots.iter().filter(|slot| in_call && shown.contains(&slot.participant));
    server::State {
        revision: 0,
        appointment: of.id,
        reference: of.reference.clone(),
        phase: phase(view.phase),
        you: view.you,
        waiting: view.waiting.map(|waiting| server::Waiting {
            place,
            since: waiting.since.into(),
            messages: waiting.notices.into_iter().map(|notice| server::Notice { text: notice.text, at: notice.at.into() }).collect(),
        }),
        call: view.call.map(|call| server::Call { number: call.number, from: call.from, rings_until: call.until.into() }),
        participants: view.people.into_iter().map(|person| participant(person, of)).collect(),
        slots: slots.map(|slot| server::Slot { mid: slot.mid.clone(), participant: slot.participant, source: slot.source }).collect(),
        layers: layers && in_call,
        guests: view.guests.into_iter().map(invited).collect(),
        start: of.start.into(),
        end: of.end.into(),
    }
}

fn invited(guest: Invited) -> server::Guest {
    server::Guest {
        guest: guest.guest,
        kind: guest.kind,
        name: guest.name,
        state: match guest.stage {
            GuestStage::Invited => server::GuestState::Invited,
            GuestStage::Knocking => server::GuestState::Knocking,
            GuestStage::InCall => server::GuestState::InCall,
            GuestStage::Left | GuestStage::Revoked => server::GuestState::Left,
        },
        agreed: guest.agreed,
        direct: guest.direct,
        participant: guest.participant,
        presence: presence(guest.presence),
    }
}

fn participant(person: view::Person, of: &Appointment) -> server::Participant {
    server::Participant {
        participant: person.participant,
        role: match person.role {
            Role::Citizen => server::Role::Citizen,
            Role::Agent => server::Role::Agent,
            Role::Guest(_) => server::Role::Guest,
        },
        kind: if let Role::Guest(kind) = person.role { Some(kind) } else { None },
        name: person.name.unwrap_or_else(|| of.name.clone()),
        presence: presence(person.presence),
        microphone: person.publishing.microphone,
        camera: person.publishing.camera,
        screen: person.publishing.screen,
    }
}

fn presence(presence: Presence) -> server::Presence {
    match presence {
        Presence::Here => server::Presence::Here,
        Presence::Away => server::Presence::Away,
    }
}

fn phase(phase: view::Phase) -> server::Phase {
    use view::Phase as P;
    match phase {
        P::TooEarly => server::Phase::TooEarly,
        P::Late => server::Phase::Late,
        P::Open => server::Phase::Open,
        P::Elsewhere => server::Phase::Elsewhere,
        P::Waiting => server::Phase::Waiting,
        P::Ringing => server::Phase::Ringing,
        P::Calling => server::Phase::Calling,
        P::InCall => server::Phase::InCall,
        P::Left | P::Parted(Parting::Left) => server::Phase::Left,
        P::Closed | P::Parted(Parting::Closed) => server::Phase::Closed,
        P::Missed => server::Phase::Missed,
        P::Cancelled => server::Phase::Cancelled,
        P::Parted(Parting::PutBack) => server::Phase::PutBack,
        P::Parted(Parting::Unanswered) => server::Phase::Unanswered,
        P::Parted(Parting::Declined) => server::Phase::Declined,
    }
}

/// One row of the desk.
pub(super) fn desk_row(of: &Appointment, row: &Row) -> server::DeskRow {
    server::DeskRow {
        appointment: of.id,
        reference: of.reference.clone(),
        name: of.name.clone(),
        state: match row.state {
            RowState::Expected => server::RowState::Expected,
            RowState::Waiting => server::RowState::Waiting,
            RowState::Ringing => server::RowState::Ringing,
            RowState::InCall => server::RowState::InCall,
            RowState::Left => server::RowState::Left,
        },
        presence: presence(row.presence),
        since: row.since.map(Into::into),
        start: of.start.into(),
        end: of.end.into(),
        language: of.language.clone(),
        topic: of.details.topic.clone(),
        note: of.details.note.clone(),
        assurance: of.details.assurance,
        vouched_name: of.details.vouched_name.clone(),
        service: of.service.clone(),
        agent: row.agent.clone(),
    }
}

/// The order of the desk, in place.
pub(super) fn sort_desk(rows: &mut [(&Appointment, Row)]) {
    queue::sort(rows, |(of, row)| (of.id, of.start, row));
}
