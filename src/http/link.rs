//! The link of citizen or guest: exchanged once for a cookie, then shown. Which phase it is in is decided by the rules below.

use std::fmt::Write as _;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::cookie::Cookie;
use super::error::ApiError;
use super::person;
use super::request::{Body, From, SignedInCitizen, SignedInGuest};
use super::site::Site;
use crate::access::token::{Token, TokenHash};
use crate::agenda::phase;
use crate::ids::GuestId;
use crate::limits;
use crate::protocol::ErrorCode;
use crate::protocol::http::{Cancelled, Join, Link, LinkPhase, LinkService, Receipt};
use crate::signaling::{Erasure, NotCancelled, NotErased};
use crate::store::{self, Appointment, Found, Who};
use crate::time::Instant;

/// `POST /api/v1/join`: the token from the link's fragment for a cookie. How long the answer takes tells nothing of what was found (S4).
pub(super) async fn join(site: State<Site>, origin: From, asked: Body<Join>) -> Result<Response, ApiError> {
    after_a_moment(joined(site, origin, asked)).await
}

/// Answers when it is done, and not before `limits::LINK_ANSWER` is over.
pub(super) async fn after_a_moment<T>(answer: impl Future<Output = T>) -> T {
    let (answer, ()) = tokio::join!(answer, tokio::time::sleep(limits::LINK_ANSWER));
    answer
}

async fn joined(State(site): State<Site>, From(origin): From, Body(join): Body<Join>) -> Result<Response, ApiError> {
    const WINDOW_S: u64 = 60;
    if !site.links().may_try(origin, Instant::now()) {
        return Err(ApiError::slow_down(WINDOW_S));
    }
    let found = match Token::parse(&join.token).map(|token| token.hash()) {
        Some(hash) => match site.store.appointment_by_link(hash).await? {
            Found::Nothing => match site.store.guest_by_link(hash).await? {
                Some((appointment, guest)) => return join_as_guest(&site, &appointment, guest).await,
                None => Found::Nothing,
            },
            found => found,
        },
        None => Found::Nothing,
    };
    let appointment = match found {
        Found::Appointment(appointment) => appointment,
        Found::Erased(receipt) => return Ok(Json(erased(&site, &receipt)).into_response()),
        Found::Replaced => return Err(ApiError::new(ErrorCode::LinkReplaced, "a newer link of this appointment replaced this one")),
        Found::Nothing if site.links().failed(origin, Instant::now()) => return Err(ApiError::new(ErrorCode::UnknownLink, "no such link")),
        Found::Nothing => return Err(ApiError::slow_down(WINDOW_S)),
    };
    let cookie = Token::new(super::random_bytes()?);
    site.store.sign_in_citizen(&appointment, cookie.hash(), site.clock.now()).await?;
    tracing::info!(reference = %appointment.reference, "link opened");
    let mut response = Json(told_to(&site, &appointment, cookie.hash()).await?).into_response();
    if let Some(cookie) = Cookie::Citizen.give(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn join_as_guest(site: &Site, appointment: &Appointment, guest: GuestId) -> Result<Response, ApiError> {
    let cookie = Token::new(super::random_bytes()?);
    site.store.sign_in_guest(appointment, guest, cookie.hash(), site.clock.now()).await?;
    tracing::info!(reference = %appointment.reference, "guest's link opened");
    let mut response = Json(guest_link(site, appointment, guest)).into_response();
    if let Some(cookie) = Cookie::Guest.give(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `GET /api/v1/guest`.
pub(super) async fn show_guest(State(site): State<Site>, SignedInGuest(appointment, guest, _): SignedInGuest) -> Json<Link> {
    Json(guest_link(&site, &appointment, guest))
}

/// A guest is told of the appointment, not whose it is.
fn guest_link(site: &Site, appointment: &Appointment, guest: GuestId) -> Link {
    let record = &appointment.record;
    let known = record.guest(guest);
    Link {
        phase: if record.welcomes(guest) { LinkPhase::Open } else { LinkPhase::Over },
        name: known.map_or_else(String::new, |guest| guest.name.clone()),
        guest: known.map(|guest| guest.kind),
        kept_until: None,
        cancelled: None,
        ..link(site, appointment)
    }
}

/// `POST /api/v1/link/cancel`: by the citizen, before they were called in. Done again it stays done.
pub(super) async fn cancel(State(site): State<Site>, SignedInCitizen(of, _): SignedInCitizen) -> Result<Json<Link>, ApiError> {
    site.signaling.cancel(of.id, Who::Citizen).await.map_err(not_cancelled)?;
    let of = site.store.appointment(of.id).await?.ok_or_else(|| ApiError::new(ErrorCode::UnknownLink, "no such link"))?;
    tracing::info!(reference = %of.reference, "appointment cancelled");
    Ok(Json(link(&site, &of)))
}

/// `POST /api/v1/link/erase`: "delete everything now". The cookie goes with it; the link still shows the receipt.
pub(super) async fn erase(State(site): State<Site>, SignedInCitizen(of, _): SignedInCitizen) -> Result<Response, ApiError> {
    let receipt = site.signaling.erase(of.id, Erasure::Asked).await.map_err(|why| match why {
        NotErased::Running | NotErased::NotDue => {
            ApiError::new(ErrorCode::WrongState, "somebody waits or talks: it can be deleted when that is over")
                .with_status(StatusCode::CONFLICT)
        }
        NotErased::Failed => ApiError::new(ErrorCode::Internal, "the server could not do it; nothing was done"),
    })?;
    // Else the next round of the server does it.
    let _ = site.store.forget_traces().await;
    let mut response = Json(erased(&site, &receipt)).into_response();
    if let Some(cookie) = Cookie::Citizen.take() {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// What the link of an erased appointment shows.
fn erased(site: &Site, receipt: &store::Receipt) -> Link {
    Link {
        cancelled: None,
        reference: String::new(),
        phase: LinkPhase::Erased,
        name: String::new(),
        guest: None,
        service: told_service(site, &receipt.service, &receipt.language),
        start: receipt.start.into(),
        end: receipt.end.into(),
        opens: receipt.start.into(),
        time_zone: time_zone(site, &receipt.service),
        language: receipt.language.clone(),
        kept_until: None,
        receipt: Some(Receipt {
            erased: receipt.erased.into(),
            asked: receipt.asked,
            documents: receipt.documents,
            line: receipt.line,
            hash: receipt.hash.iter().fold(String::with_capacity(64), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            }),
        }),
        server_time: site.clock.now().into(),
        step_up: None,
    }
}

/// The answer to somebody whose appointment was not cancelled.
pub(super) fn not_cancelled(why: NotCancelled) -> ApiError {
    match why {
        NotCancelled::Refused(_) => {
            ApiError::new(ErrorCode::WrongState, "the citizen was called in, or it is over").with_status(StatusCode::CONFLICT)
        }
        NotCancelled::Failed => ApiError::new(ErrorCode::Internal, "the server could not do it; nothing was done"),
    }
}

/// `GET /api/v1/link`.
pub(super) async fn show(State(site): State<Site>, SignedInCitizen(of, cookie): SignedInCitizen) -> Result<Json<Link>, ApiError> {
    Ok(Json(told_to(&site, &of, cookie).await?))
}

/// The link as this browser is told it: with what its person must still show.
pub(super) async fn told_to(site: &Site, of: &Appointment, cookie: TokenHash) -> Result<Link, ApiError> {
    Ok(Link { step_up: person::still_asked(site, of, cookie).await?, ..link(site, of) })
}

/// The service as the citizen sees it.
pub(super) fn service_of(site: &Site, appointment: &Appointment) -> LinkService {
    told_service(site, &appointment.service, &appointment.language)
}

/// Where its times are shown.
pub(super) fn time_zone_of(site: &Site, appointment: &Appointment) -> String {
    time_zone(site, &appointment.service)
}

pub(super) fn link(site: &Site, appointment: &Appointment) -> Link {
    let now = site.clock.now();
    Link {
        reference: appointment.reference.clone(),
        phase: appointment.record.link_phase(appointment.slot(), appointment.rules, now).into(),
        name: appointment.name.clone(),
        guest: None,
        service: told_service(site, &appointment.service, &appointment.language),
        start: appointment.start.into(),
        end: appointment.end.into(),
        opens: phase::opens(appointment.slot(), appointment.rules).into(),
        time_zone: time_zone(site, &appointment.service),
        language: appointment.language.clone(),
        kept_until: appointment.record.retention(appointment.slot(), appointment.rules).map(|kept| kept.erased.into()),
        receipt: None,
        server_time: now.into(),
        step_up: None,
        cancelled: appointment.record.cancellation.as_ref().map(|why| Cancelled { by_service: why.by_service, reason: why.reason.clone() }),
    }
}

fn told_service(site: &Site, key: &str, language: &str) -> LinkService {
    let service = site.config.services.get(key);
    LinkService {
        key: key.to_owned(),
        name: service.map_or(key, |service| service.name(language)).to_owned(),
        helpdesk_phone: service.map_or_else(String::new, |service| service.helpdesk_phone.clone()),
        book_ahead_days: service.map_or(0, |service| service.book_ahead.as_secs() / (24 * 60 * 60)),
        public_booking: service.is_some_and(|service| service.public_booking),
    }
}

fn time_zone(site: &Site, key: &str) -> String {
    site.config.services.get(key).map_or_else(|| String::from("UTC"), |service| service.time_zone.clone())
}
