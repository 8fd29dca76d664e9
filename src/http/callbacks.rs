//! "Call me back": citizens ask, agents say what is done. Refuses to know how a phone rings.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::appointments::{self, invalid};
use super::booking;
use super::details;
use super::error::ApiError;
use super::request::{Body, Fields, From, SignedInAgent, SignedInCitizen};
use super::site::Site;
use crate::agenda::phase::Slot;
use crate::config::Service;
use crate::ids::CallbackId;
use crate::limits;
use crate::protocol::ErrorCode;
use crate::protocol::booking::{CallbackAsked, CallbackDone, CallbackTime, CallbackTimes, NewCallback};
use crate::signaling::reason_word;
use crate::store::{self, Asked, CallbackDetails, Who};
use crate::time::{Instant, Timestamp};

/// The query of `GET /api/v1/callbacks/times`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    service: String,
}

/// When somebody is on duty to call back.
pub(super) async fn times(State(site): State<Site>, Fields(wanted): Fields<Wanted>) -> Result<Json<CallbackTimes>, ApiError> {
    let service = site.config.services.get(&wanted.service).ok_or_else(|| invalid("service: no such service"))?;
    let times = offered(service, site.clock.now()).into_iter();
    Ok(Json(CallbackTimes { times: times.map(|time| CallbackTime { start: time.start.into(), end: time.end.into() }).collect() }))
}

/// `POST /api/v1/callbacks`: without an appointment where the service is booked in public, or about the appointment of a good link.
pub(super) async fn ask(
    State(site): State<Site>,
    From(origin): From,
    citizen: Result<SignedInCitizen, ApiError>,
    Body(asked): Body<NewCallback>,
) -> Result<(StatusCode, Json<CallbackAsked>), ApiError> {
    let now = site.clock.now();
    let (service, appointment) = match asked.about_appointment {
        false => (booking::public(&site, &asked.service)?, None),
        true => {
            let SignedInCitizen(of, _) = citizen?;
            let service = site.config.services.get(&of.service).filter(|_| of.service == asked.service);
            (service.ok_or_else(|| invalid("service: not that of the appointment"))?, Some(of.id))
        }
    };
    if !asked.consent {
        return Err(invalid("consent: must be given"));
    }
    let (name, language) = appointments::person(&asked.name, asked.language)?;
    let told = details::checked(None, Some(asked.phone), asked.words, None)?;
    let phone = told.phone.ok_or_else(|| invalid("phone: needed"))?;
    let words = told.note.unwrap_or_default();
    if words.chars().nth(limits::CALLBACK_WORDS).is_some() {
        return Err(invalid("words: up to 500 characters"));
    }
    let start = Timestamp::parse(&asked.start).ok_or_else(|| invalid("start: not RFC 3339 with an offset"))?;
    let time = offered(service, now).into_iter().find(|time| time.start == start);
    let time = time.ok_or_else(|| invalid("start: nobody is on duty then, GET /api/v1/callbacks/times lists when"))?;
    site.allowances().callbacks.take(origin, Instant::now()).map_err(|wait| ApiError::slow_down(wait.as_secs() + 1))?;
    let details = CallbackDetails { name, phone, reason: reason_word(asked.reason).to_owned(), words };
    match site.store.ask_callback(store::NewCallback { service: asked.service, appointment, time, language, details }, now).await? {
        Asked::Waits(_) => {
            site.signaling.agenda_changed();
            tracing::info!("a call back is asked for");
            Ok((StatusCode::CREATED, Json(CallbackAsked { start: time.start.into(), end: time.end.into() })))
        }
        Asked::Already => Err(ApiError::new(ErrorCode::TooMany, "a call to this phone is waiting already")),
        Asked::Full => Err(ApiError::new(ErrorCode::Busy, "too many wait to be called").with_status(StatusCode::SERVICE_UNAVAILABLE)),
    }
}

/// `PATCH /api/v1/callbacks/{id}`: an agent called, or did not after all.
pub(super) async fn set_done(
    State(site): State<Site>,
    SignedInAgent(grant, _): SignedInAgent,
    Path(id): Path<String>,
    Body(said): Body<CallbackDone>,
) -> Result<StatusCode, ApiError> {
    let unknown = || ApiError::new(ErrorCode::NotFound, "no such call back");
    let id: CallbackId = id.parse().map_err(|_| unknown())?;
    if !site.store.set_callback_done(id, said.done, Who::Agent(grant.agent), site.clock.now()).await? {
        return Err(unknown());
    }
    site.signaling.agenda_changed();
    Ok(StatusCode::NO_CONTENT)
}

fn offered(service: &Service, now: Timestamp) -> Vec<Slot> {
    service.calendar().on_duty(now, now.after(limits::CALLBACK_AHEAD), limits::CALLBACK_LONGEST)
}
