//! "Call me back": citizens and portals ask, agents say what is done, portals see who asked. Refuses to know how a phone rings.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::appointments::{self, invalid};
use super::booking;
use super::details;
use super::error::ApiError;
use super::portal::{self, MaybePortal, Portal, ReadCallbacks, WriteCallbacks};
use super::request::{At, Body, Fields, From, SignedInAgent, SignedInCitizen};
use super::site::Site;
use crate::agenda::phase::Slot;
use crate::config::Service;
use crate::ids::CallbackId;
use crate::limits;
use crate::protocol::ErrorCode;
use crate::protocol::booking::{CallbackAsked, CallbackDone, CallbackTime, CallbackTimes, Callbacks, NewCallback};
use crate::signaling::{callback_row, reason_word};
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

/// `POST /api/v1/callbacks`: without an appointment where the service is booked in public, about the appointment of a good link, or by a portal.
pub(super) async fn ask(
    State(site): State<Site>,
    From(origin): From,
    MaybePortal(portal): MaybePortal<WriteCallbacks>,
    citizen: Result<SignedInCitizen, ApiError>,
    headers: HeaderMap,
    Body(asked): Body<NewCallback>,
) -> Result<(StatusCode, Json<CallbackAsked>), ApiError> {
    let now = site.clock.now();
    let once = match &portal {
        Some(Portal(portal, _)) => portal::once(&headers, portal, "callback", &asked)?,
        None => None,
    };
    let (service, of) = match (asked.about_appointment, &portal) {
        (true, Some(_)) => return Err(invalid("about_appointment: for the citizen of a link alone")),
        (false, Some(_)) => (site.config.services.get(&asked.service).ok_or_else(|| invalid("service: no such service"))?, None),
        (false, None) => (booking::public(&site, &asked.service)?, None),
        (true, None) => {
            let SignedInCitizen(of, _) = citizen?;
            let service = site.config.services.get(&of.service).filter(|_| of.service == asked.service);
            (service.ok_or_else(|| invalid("service: not that of the appointment"))?, Some(of))
        }
    };
    if !asked.consent {
        return Err(invalid("consent: must be given"));
    }
    let (name, language) = appointments::person(&asked.name, asked.language)?;
    let told = details::checked(asked.email, Some(asked.phone), asked.words, None)?;
    let phone = told.phone.ok_or_else(|| invalid("phone: needed"))?;
    let words = told.note.unwrap_or_default();
    if words.chars().nth(limits::CALLBACK_WORDS).is_some() {
        return Err(invalid("words: up to 500 characters"));
    }
    let start = Timestamp::parse(&asked.start).ok_or_else(|| invalid("start: not RFC 3339 with an offset"))?;
    let time = offered(service, now).into_iter().find(|time| time.start == start);
    let time = time.ok_or_else(|| invalid("start: nobody is on duty then, GET /api/v1/callbacks/times lists when"))?;
    if portal.is_none() {
        site.allowances().callbacks.take(origin, Instant::now()).map_err(|wait| ApiError::slow_down(wait.as_secs() + 1))?;
    }
    let email = told.email.or_else(|| of.as_ref()?.details.email.clone());
    let mail = site.config.sends_mail && email.is_some();
    let details = CallbackDetails { name, phone, reason: reason_word(asked.reason).to_owned(), words, email };
    let new = store::NewCallback { service: asked.service, appointment: of.map(|of| of.id), time, language, details };
    let who = if portal.is_some() { Who::Api } else { Who::Citizen };
    match site.store.ask_callback_once(new, once.as_ref(), who, now).await? {
        Asked::Waits(id) => {
            site.signaling.agenda_changed();
            tracing::info!("a call back is asked for");
            let callback = portal.map(|_| id);
            Ok((StatusCode::CREATED, Json(CallbackAsked { callback, mail, start: time.start.into(), end: time.end.into() })))
        }
        Asked::KeyReused => Err(portal::key_reused()),
        Asked::Already => Err(ApiError::new(ErrorCode::TooMany, "a call to this phone is waiting already")),
        Asked::Full => Err(ApiError::new(ErrorCode::Busy, "too many wait to be called").with_status(StatusCode::SERVICE_UNAVAILABLE)),
    }
}

/// The query of `GET /api/v1/callbacks`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    /// Those of this service alone.
    service: Option<String>,
}

/// `GET /api/v1/callbacks`: who wants to be called back, as the desk shows it. Who looked stands in the audit trail (G3).
pub(super) async fn list(
    State(site): State<Site>,
    _: Portal<ReadCallbacks>,
    Fields(listed): Fields<Listed>,
) -> Result<Json<Callbacks>, ApiError> {
    if listed.service.as_ref().is_some_and(|key| !site.config.services.contains_key(key)) {
        return Err(invalid("service: no such service"));
    }
    let all = site.store.callbacks().await?;
    site.store.audit("callbacks_listed", Who::Api, None, site.clock.now()).await?;
    let of_service = all.iter().filter(|of| listed.service.as_ref().is_none_or(|wanted| *wanted == of.service));
    Ok(Json(Callbacks { callbacks: of_service.map(callback_row).collect() }))
}

/// `PATCH /api/v1/callbacks/{id}`: an agent called, or did not after all.
pub(super) async fn set_done(
    State(site): State<Site>,
    SignedInAgent(grant, _): SignedInAgent,
    At(id): At<String>,
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
