//! "My appointments": those of the citizen who signed in at the provider. Another's is not told apart from none.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::booking;
use super::cookie::Cookie;
use super::error::ApiError;
use super::link::{self, not_cancelled};
use super::person::SignedInPerson;
use super::request::Body;
use super::site::Site;
use crate::access::token::Token;
use crate::agenda::phase::Phase;
use crate::consultation::Stage;
use crate::protocol::ErrorCode;
use crate::protocol::booking::NewStart;
use crate::protocol::person::{MyAppointment, MyAppointments};
use crate::store::{Appointment, Who};

/// `GET /api/v1/me/appointments`.
pub(super) async fn list(State(site): State<Site>, SignedInPerson(known, _): SignedInPerson) -> Result<Json<MyAppointments>, ApiError> {
    let appointments = site.store.appointments_of(known.mark).await?;
    Ok(Json(MyAppointments { appointments: appointments.iter().map(|of| told(&site, of)).collect() }))
}

/// `POST /api/v1/me/appointments/{reference}/open`: the page of its link, in this browser, without the link.
pub(super) async fn open(
    State(site): State<Site>,
    SignedInPerson(known, _): SignedInPerson,
    Path(reference): Path<String>,
) -> Result<Response, ApiError> {
    let of = site.store.appointment_of(known.mark, &reference).await?.ok_or_else(unknown)?;
    let now = site.clock.now();
    let cookie = Token::new(super::random_bytes()?);
    site.store.sign_in_citizen(&of, cookie.hash(), now).await?;
    // Who is signed in at the provider in this browser has just shown it.
    site.store.vouch(&of, cookie.hash(), &known, now).await?;
    tracing::info!(reference = %of.reference, "appointment opened by its person");
    let mut response = Json(link::told_to(&site, &of, cookie.hash()).await?).into_response();
    if let Some(cookie) = Cookie::Citizen.give(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `POST /api/v1/me/appointments/{reference}/cancel`: before they were called in. Done again it stays done.
pub(super) async fn cancel(
    State(site): State<Site>,
    SignedInPerson(known, _): SignedInPerson,
    Path(reference): Path<String>,
) -> Result<Json<MyAppointment>, ApiError> {
    let of = site.store.appointment_of(known.mark, &reference).await?.ok_or_else(unknown)?;
    site.signaling.cancel(of.id, Who::Citizen).await.map_err(not_cancelled)?;
    let of = site.store.appointment(of.id).await?.ok_or_else(unknown)?;
    tracing::info!(reference = %of.reference, "appointment cancelled");
    Ok(Json(told(&site, &of)))
}

/// `POST /api/v1/me/appointments/{reference}/reschedule`: before the waiting room opens.
pub(super) async fn reschedule(
    State(site): State<Site>,
    SignedInPerson(known, _): SignedInPerson,
    Path(reference): Path<String>,
    Body(asked): Body<NewStart>,
) -> Result<Json<MyAppointment>, ApiError> {
    let of = site.store.appointment_of(known.mark, &reference).await?.ok_or_else(unknown)?;
    Ok(Json(told(&site, &booking::moved(&site, of, &asked).await?)))
}

fn unknown() -> ApiError {
    ApiError::new(ErrorCode::UnknownAppointment, "no such appointment of this person").with_status(axum::http::StatusCode::NOT_FOUND)
}

fn told(site: &Site, of: &Appointment) -> MyAppointment {
    let phase = of.record.link_phase(of.slot(), of.rules, site.clock.now());
    MyAppointment {
        reference: of.reference.clone(),
        phase: phase.into(),
        service: link::service_of(site, of),
        start: of.start.into(),
        end: of.end.into(),
        time_zone: link::time_zone_of(site, of),
        can_cancel: of.record.may_be_cancelled() && matches!(phase, Phase::TooEarly | Phase::Open),
        can_move: of.record.stage == Stage::Expected && phase == Phase::TooEarly,
    }
}
