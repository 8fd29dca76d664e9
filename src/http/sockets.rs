//! The WebSocket routes: who may open one, with which limits. What is said on it is `signaling`'s business.

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::error::ApiError;
use super::guard::is_own_origin;
use super::person;
use super::request::{SignedInAgent, SignedInCitizen, SignedInGuest};
use super::site::Site;
use crate::limits;
use crate::protocol::{CloseCode, ErrorCode};
use crate::signaling;

/// `GET /signaling/citizen`.
pub(super) async fn citizen(
    State(site): State<Site>,
    uri: Uri,
    headers: HeaderMap,
    citizen: Result<SignedInCitizen, ApiError>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = checked(&site, &headers, &uri, upgrade)?;
    let asked = match &citizen {
        Ok(SignedInCitizen(of, cookie)) => person::still_asked(&site, of, *cookie).await?,
        Err(_) => None,
    };
    let signaling = site.signaling.clone();
    Ok(upgrade.on_upgrade(async move |socket| match citizen {
        // Who must still show who they are is told so by the page of the link.
        Ok(SignedInCitizen(..)) if asked.is_some() => credential_ended(socket).await,
        Ok(SignedInCitizen(appointment, cookie)) => signaling.serve_citizen(socket, appointment.id, cookie).await,
        Err(_) => credential_ended(socket).await,
    }))
}

/// `GET /signaling/guest`.
pub(super) async fn guest(
    State(site): State<Site>,
    uri: Uri,
    headers: HeaderMap,
    guest: Result<SignedInGuest, ApiError>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = checked(&site, &headers, &uri, upgrade)?;
    let signaling = site.signaling.clone();
    Ok(upgrade.on_upgrade(async move |socket| match guest {
        Ok(SignedInGuest(appointment, guest, cookie)) => signaling.serve_guest(socket, appointment.id, guest, cookie).await,
        Err(_) => credential_ended(socket).await,
    }))
}

/// `GET /signaling/agent`.
pub(super) async fn agent(
    State(site): State<Site>,
    uri: Uri,
    headers: HeaderMap,
    agent: Result<SignedInAgent, ApiError>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = checked(&site, &headers, &uri, upgrade)?;
    let signaling = site.signaling.clone();
    Ok(upgrade.on_upgrade(async move |socket| match agent {
        Ok(SignedInAgent(grant, cookie)) => signaling.serve_agent(socket, grant, cookie).await,
        Err(_) => credential_ended(socket).await,
    }))
}

/// Own origin (no CORS protects a WebSocket, S7), our subprotocol, the limits of O12.
fn checked(
    site: &Site,
    headers: &HeaderMap,
    uri: &Uri,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<WebSocketUpgrade, ApiError> {
    if !is_own_origin(site, headers, uri) {
        return Err(ApiError::new(ErrorCode::Forbidden, "foreign Origin"));
    }
    let upgrade = upgrade.map_err(|_| ApiError::new(ErrorCode::BadMessage, "a WebSocket is opened here"))?;
    let upgrade = signaling::prepare(upgrade);
    match upgrade.selected_protocol() {
        Some(_) => Ok(upgrade),
        None => Err(ApiError::new(ErrorCode::UnsupportedVersion, "the subprotocol visavis.v1 is needed")),
    }
}

/// A browser cannot see why an upgrade was refused, but it sees a close code: so it is opened and closed at once.
async fn credential_ended(mut socket: WebSocket) {
    let close = CloseFrame { code: CloseCode::CredentialEnded as u16, reason: "not signed in".into() };
    let _ = socket.send(Message::Close(Some(close))).await;
    // The closing handshake: wait for the peer's close, but not for long.
    let _ = tokio::time::timeout(limits::HEARTBEAT, async { while let Some(Ok(_)) = socket.recv().await {} }).await;
}
