//! The cancel link of a mail: shown by one request, used by another, so that a program that follows links cancels nothing (S1). It lets nobody in and names
//! nobody. Whether an appointment may be cancelled is decided by the rules below.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::error::ApiError;
use super::link::{after_a_moment, not_cancelled, service_of, time_zone_of};
use super::request::{Body, From};
use super::site::Site;
use crate::access::throttle::Origin;
use crate::access::token::Token;
use crate::agenda::phase::Phase;
use crate::protocol::ErrorCode;
use crate::protocol::http::{CancelLink, Join, LinkPhase};
use crate::store::{Appointment, Found, Who};
use crate::time::Instant;

/// `POST /api/v1/cancel-link`: what it would cancel. Changes nothing.
pub(super) async fn show(State(site): State<Site>, From(origin): From, Body(asked): Body<Join>) -> Result<Json<CancelLink>, ApiError> {
    let of = after_a_moment(found(&site, origin, &asked)).await?;
    Ok(Json(shown(&site, &of)))
}

/// `POST /api/v1/cancel-link/cancel`: by the citizen, before they were called in. Done again it stays done.
pub(super) async fn cancel(State(site): State<Site>, From(origin): From, Body(asked): Body<Join>) -> Result<Json<CancelLink>, ApiError> {
    let of = found(&site, origin, &asked).await?;
    let told = shown(&site, &of);
    if !told.can_cancel && told.phase != LinkPhase::Cancelled {
        return Err(ApiError::new(ErrorCode::WrongState, "the citizen was called in, or it is over").with_status(StatusCode::CONFLICT));
    }
    site.signaling.cancel(of.id, Who::Citizen).await.map_err(not_cancelled)?;
    let of = site.store.appointment(of.id).await?.ok_or_else(unknown)?;
    tracing::info!(reference = %of.reference, "appointment cancelled");
    Ok(Json(shown(&site, &of)))
}

async fn found(site: &Site, origin: Origin, asked: &Join) -> Result<Box<Appointment>, ApiError> {
    const WINDOW_S: u64 = 60;
    if !site.links().may_try(origin, Instant::now()) {
        return Err(ApiError::slow_down(WINDOW_S));
    }
    let found = match Token::parse(&asked.token) {
        Some(token) => site.store.appointment_by_cancel_link(token.hash()).await?,
        None => Found::Nothing,
    };
    match found {
        Found::Appointment(of) => Ok(of),
        Found::Replaced => Err(ApiError::new(ErrorCode::LinkReplaced, "a newer link of this appointment replaced this one")),
        Found::Erased(_) => Err(unknown()),
        Found::Nothing if site.links().failed(origin, Instant::now()) => Err(unknown()),
        Found::Nothing => Err(ApiError::slow_down(WINDOW_S)),
    }
}

fn unknown() -> ApiError {
    ApiError::new(ErrorCode::UnknownLink, "no such link")
}

fn shown(site: &Site, of: &Appointment) -> CancelLink {
    let phase = of.record.link_phase(of.slot(), of.rules, site.clock.now());
    CancelLink {
        reference: of.reference.clone(),
        phase: phase.into(),
        can_cancel: of.record.may_be_cancelled() && matches!(phase, Phase::TooEarly | Phase::Open),
        service: service_of(site, of),
        start: of.start.into(),
        end: of.end.into(),
        time_zone: time_zone_of(site, of),
        language: of.language.clone(),
    }
}
