//! One WebSocket: its limits (trust.md O12), the opening, requests in, messages out. Knows no rule of a consultation.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite;

use crate::access::AgentGrant;
use crate::access::token::TokenHash;
use crate::consultation::Actor;
use crate::ids::{AppointmentId, DeviceId, GuestId};
use crate::limits;
use crate::protocol::server::ServerMessage;
use crate::protocol::{CloseCode, ErrorCode, SUBPROTOCOL, VERSION, message_id};
use crate::signaling::desk::Shown;
use crate::signaling::link::{Link, Outbox};
use crate::signaling::rate::Rate;
use crate::signaling::task::Mail;
use crate::signaling::wire::{self, Request};
use crate::signaling::{Signaling, stopped};

/// How long we wait for the other side's close frame.
const GOODBYE: Duration = Duration::from_secs(1);

/// The limits of O12 on an upgrade, before the first byte: message size, no compression (we never offer it), our subprotocol.
pub fn prepare(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .protocols([SUBPROTOCOL])
        .max_message_size(limits::SIGNALING_MESSAGE_BYTES)
        .max_frame_size(limits::SIGNALING_MESSAGE_BYTES)
        .write_buffer_size(0)
}

/// Whose socket it is; the cookie said so.
pub(super) enum Who {
    Citizen(AppointmentId, TokenHash),
    Guest(AppointmentId, GuestId, TokenHash),
    Agent(AgentGrant, TokenHash),
}

impl Who {
    fn actor(&self, device: DeviceId) -> Actor {
        match self {
            Self::Citizen(..) => Actor::Citizen { device },
            Self::Guest(_, guest, _) => Actor::Guest { guest: *guest, device },
            Self::Agent(grant, _) => Actor::Agent { agent: grant.agent, name: grant.display_name.clone(), device },
        }
    }
}

/// Serves a socket until it ends; afterwards nobody holds it any more.
pub(super) async fn serve(house: Arc<Signaling>, socket: WebSocket, who: Who) {
    let (mut sink, mut stream) = socket.split();
    let (link, outbox) = Link::new();
    let show_desk = Notify::new();
    let mut entered = None;
    let mut stopping = house.stopping();
    let code = {
        let mut reading = std::pin::pin!(read(&house, &who, &mut stream, &link, &show_desk, &mut entered));
        let mut writing = std::pin::pin!(write(&mut sink, outbox, house.desk().watch(), &show_desk));
        tokio::select! {
            code = &mut reading => {
                link.close(code);
                timeout(limits::SIGNALING_WRITE, writing).await.unwrap_or(Some(code))
            }
            code = &mut writing => code,
            () = stopped(&mut stopping) => {
                link.close(CloseCode::GoingAway);
                timeout(limits::SIGNALING_WRITE, writing).await.unwrap_or(None)
            }
        }
    };
    if let Some(device) = entered
        && !*stopping.borrow()
    {
        depart(&house, &who, device, &link, code == Some(CloseCode::CredentialEnded)).await;
    }
    if let Some(code) = code {
        let frame = CloseFrame { code: code as u16, reason: Utf8Bytes::default() };
        if matches!(timeout(GOODBYE, sink.send(Message::Close(Some(frame)))).await, Ok(Ok(()))) {
            let _ = timeout(GOODBYE, answered(&mut stream, code)).await;
        }
    }
}

/// Until the other side has answered our close: a socket dropped with unread bytes is reset, and the reason would be lost with it.
/// What broke a limit of the frame layer is read no further by it; such a socket is held until the caller's patience ends.
async fn answered(stream: &mut SplitStream<WebSocket>, code: CloseCode) {
    while let Some(Ok(message)) = stream.next().await {
        if matches!(message, Message::Close(_)) {
            return;
        }
    }
    if code == CloseCode::Policy {
        std::future::pending::<()>().await;
    }
}

/// Writes what is queued and, once shown, the desk; ends with the reason to close, or `None` when the socket is broken.
async fn write(
    sink: &mut SplitSink<WebSocket, Message>,
    mut outbox: Outbox,
    mut desk: watch::Receiver<Arc<Shown>>,
    show_desk: &Notify,
) -> Option<CloseCode> {
    let mut shown = false;
    loop {
        let text = tokio::select! {
            biased;
            Some(text) = outbox.queue.recv() => text,
            () = show_desk.notified() => {
                shown = true;
                desk.borrow_and_update().text.clone()
            }
            Ok(()) = desk.changed(), if shown => desk.borrow_and_update().text.clone(),
            Ok(()) = outbox.closing.changed() => {
                let code = *outbox.closing.borrow();
                // What was queued before the reason is still said.
                while let Ok(text) = outbox.queue.try_recv() {
                    say(sink, text).await?;
                }
                return code;
            }
        };
        say(sink, text).await?;
    }
}

async fn say(sink: &mut SplitSink<WebSocket, Message>, text: Utf8Bytes) -> Option<()> {
    timeout(limits::SIGNALING_WRITE, sink.send(Message::Text(text))).await.ok()?.ok()
}

/// Reads until the socket ends or breaks a limit; the code says why.
async fn read(
    house: &Arc<Signaling>,
    who: &Who,
    stream: &mut SplitStream<WebSocket>,
    link: &Link,
    show_desk: &Notify,
    entered: &mut Option<DeviceId>,
) -> CloseCode {
    let mut rate = Rate::new(std::time::Instant::now());
    let hello_by = Instant::now() + limits::HELLO;
    loop {
        let silent_at = if entered.is_some() { Instant::now() + 3 * limits::HEARTBEAT } else { hello_by };
        let message = match timeout_at(silent_at, stream.next()).await {
            Err(_) if entered.is_none() => return CloseCode::Policy,
            Err(_) => return CloseCode::GoingAway,
            Ok(None) => return CloseCode::Normal,
            Ok(Some(Err(error))) => return broken(error),
            Ok(Some(Ok(message))) => message,
        };
        if !rate.take(std::time::Instant::now()) {
            return CloseCode::Policy;
        }
        match message {
            Message::Text(text) => {
                if let Err(code) = take(house, who, &text, link, show_desk, entered).await {
                    return code;
                }
            }
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Binary(_) => return CloseCode::Policy,
            Message::Close(_) => return CloseCode::Normal,
        }
    }
}

/// Whose fault the end of a socket is.
fn broken(error: axum::Error) -> CloseCode {
    use tungstenite::Error as E;
    match error.into_inner().downcast_ref::<E>() {
        Some(E::Capacity(_) | E::Protocol(_) | E::Utf8(_)) => CloseCode::Policy,
        _ => CloseCode::Normal,
    }
}

/// One text message.
async fn take(
    house: &Arc<Signaling>,
    who: &Who,
    text: &str,
    link: &Link,
    show_desk: &Notify,
    entered: &mut Option<DeviceId>,
) -> Result<(), CloseCode> {
    let read = match who {
        Who::Citizen(appointment, _) => parse(text).map(wire::citizen).map(|(re, request)| (re, Some(*appointment), request)),
        Who::Guest(appointment, ..) => parse(text).map(wire::guest).map(|(re, request)| (re, Some(*appointment), request)),
        Who::Agent(..) => parse(text).map(wire::agent),
    };
    let (re, appointment, request) = match (read, message_id(text)) {
        (Some(read), _) => read,
        // Its asker can be told; whoever sends what is no request at all is not one of our clients.
        (None, Some(re)) => {
            link.send(wire::text(&wire::error(re, ErrorCode::BadMessage, "no message of this version, or a field is wrong")));
            return if entered.is_some() { Ok(()) } else { Err(CloseCode::Policy) };
        }
        (None, None) => return Err(CloseCode::Policy),
    };
    let device = match (*entered, &request) {
        (None, Request::Hello { version, device }) => {
            if *version != VERSION {
                link.send(wire::text(&wire::error(re, ErrorCode::UnsupportedVersion, "this server speaks version 1")));
                return Err(CloseCode::Policy);
            }
            *entered = Some(*device);
            let welcome = ServerMessage::Welcome {
                re,
                version: VERSION,
                server_time: house.clock().now().into(),
                heartbeat_ms: u32::try_from(limits::HEARTBEAT.as_millis()).unwrap_or(u32::MAX),
                relay: house.relay_for(who),
            };
            link.send(wire::text(&welcome));
            return enter(house, who, *device, link, show_desk).await;
        }
        (None, _) => return Err(CloseCode::Policy),
        (Some(device), _) => device,
    };
    let (from, link_to) = (who.actor(device), link.clone());
    let mail = match request {
        Request::Ping => {
            link.send(wire::text(&ServerMessage::Pong { re }));
            return Ok(());
        }
        Request::Hello { .. } => {
            link.send(wire::text(&wire::error(re, ErrorCode::WrongState, "hello was said already")));
            return Ok(());
        }
        Request::Command(command) => Mail::Ask { from, link: link_to, re, command },
        Request::Invite { kind, name, direct } => Mail::Invite { from, link: link_to, re, kind, name, direct },
        Request::Offer { transport, sdp } => Mail::Offer { from, link: link_to, re, transport, sdp },
        Request::Talk(talk) => Mail::Talk { from, link: link_to, re, talk },
    };
    // Only the opening and the heartbeat name no appointment, and they are answered above.
    let Some(appointment) = appointment else { return Ok(()) };
    if let Who::Agent(grant, _) = who {
        house.agents().asked(grant.agent, link);
    }
    if house.registry().send(house, appointment, mail).await.is_err() {
        link.send(wire::text(&wire::error(re, ErrorCode::Internal, "too many consultations at this moment")));
    }
    Ok(())
}

fn parse<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

/// The device is known: its snapshots come, then the desk.
async fn enter(house: &Arc<Signaling>, who: &Who, device: DeviceId, link: &Link, show_desk: &Notify) -> Result<(), CloseCode> {
    match who {
        Who::Citizen(appointment, sign_in) | Who::Guest(appointment, _, sign_in) => {
            let (done, told) = oneshot::channel();
            let here = Mail::PublicHere { from: who.actor(device), sign_in: *sign_in, link: link.clone(), done };
            house.registry().send(house, *appointment, here).await.map_err(|_| CloseCode::TryAgainLater)?;
            // Dropped when there is no such consultation; then the link is being closed.
            let _ = told.await;
        }
        Who::Agent(grant, sign_in) => {
            if !house.agents().enter(grant.agent, device, *sign_in, link) {
                return Err(CloseCode::TryAgainLater);
            }
            // Asked only now: a sign-in that ends from here on finds this socket among those that it must close.
            match house.store().has_agent_sign_in(*sign_in).await {
                Ok(true) => {}
                Ok(false) => return Err(CloseCode::CredentialEnded),
                Err(_) => return Err(CloseCode::TryAgainLater),
            }
            // After a restart the desk knows who has a seat where.
            let mut desk = house.desk().watch();
            let _ = timeout(limits::DATABASE_WAIT, desk.wait_for(|shown| shown.loaded)).await;
            for consultation in house.agents().seats(grant.agent) {
                let (done, told) = oneshot::channel();
                let here = Mail::AgentHere { from: who.actor(device), done };
                if house.registry().send(house, consultation, here).await.is_ok() {
                    let _ = told.await;
                }
            }
            show_desk.notify_one();
        }
    }
    Ok(())
}

/// The socket ended: whoever counted on it hears so.
async fn depart(house: &Arc<Signaling>, who: &Who, device: DeviceId, link: &Link, signed_out: bool) {
    match who {
        Who::Citizen(appointment, _) | Who::Guest(appointment, ..) => {
            let _ = house.registry().send(house, *appointment, Mail::PublicGone { link: link.id() }).await;
        }
        Who::Agent(grant, _) => {
            if house.agents().leave(grant.agent, device, link) {
                for consultation in house.agents().seats(grant.agent) {
                    let _ = house.registry().send(house, consultation, Mail::AgentGone { from: who.actor(device), signed_out }).await;
                }
            }
        }
    }
}
