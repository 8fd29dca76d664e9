//! Appointments as a portal sees them with its key: book, look, move, cancel, a new link. Checks the form of the fields; when slots exist and whether a place
//! is left is the agenda's business.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use super::error::ApiError;
use super::link::not_cancelled;
use super::load_test;
use super::portal::{self, Portal, ReadAppointments, WriteAppointments};
use super::request::{At, Body};
use super::site::Site;
use super::{agenda, details};
use crate::access::token::Token;
use crate::agenda::phase::{Phase, Slot};
use crate::agenda::topic;
use crate::consultation::Stage;
use crate::limits;
use crate::protocol::ErrorCode;
use crate::protocol::http::{Appointment, Booked, Cancel, Message, NewAppointment, NewTime, Resent};
use crate::protocol::values::is_unfit_in_a_name;
use crate::protocol::values::known_language;
use crate::store::{self, ApiRequest, Placed, Rotated, StoreError, Who};
use crate::time::Timestamp;

/// 201 with the reference and the join link; the link is not kept and not told again.
pub(super) async fn book(
    State(site): State<Site>,
    Portal(portal, _): Portal<WriteAppointments>,
    headers: HeaderMap,
    Body(asked): Body<NewAppointment>,
) -> Result<(StatusCode, Json<Booked>), ApiError> {
    let now = site.clock.now();
    let once = portal::once(&headers, &portal, "book", &asked)?;
    let new = checked(&site, asked, now)?;
    let (appointment, token) = match load_test::is_asked_by(&headers) {
        false => placed(&site, new, once, now).await?,
        true => {
            // Held until it is booked: a test that ends meanwhile takes this one out too. Its agents are its own, so it asks for no place.
            let _under_way = site.load_test.under_way(&site).await?;
            site.store.book_for_load(new, now).await?
        }
    };
    site.signaling.agenda_changed();
    tracing::info!(reference = %appointment.reference, "appointment booked");
    Ok((StatusCode::CREATED, Json(told(&site, appointment, &token))))
}

/// `GET /api/v1/appointments/{reference}`: what a portal may know of it.
pub(super) async fn show(
    State(site): State<Site>,
    _: Portal<ReadAppointments>,
    At(reference): At<String>,
) -> Result<Json<Appointment>, ApiError> {
    let of = found(&site, &reference).await?;
    Ok(Json(shown(&site, &of, site.clock.now()).await?))
}

/// `PATCH /api/v1/appointments/{reference}`: another time under the same link. Nobody is moved out of a waiting room or a call.
pub(super) async fn reschedule(
    State(site): State<Site>,
    _: Portal<WriteAppointments>,
    At(reference): At<String>,
    Body(asked): Body<NewTime>,
) -> Result<Json<Appointment>, ApiError> {
    let now = site.clock.now();
    let of = found(&site, &reference).await?;
    let slot = slot_of(&asked.start, &asked.end, now)?;
    if of.record.stage != Stage::Expected {
        return Err(ApiError::new(ErrorCode::WrongState, "the citizen has come already, or it is over").with_status(StatusCode::CONFLICT));
    }
    let agents = agents_in(&site, &of.service, slot, now)?;
    if !site.store.reschedule(&of, slot, agents, Who::Api, now).await? {
        return Err(taken(&site, &of.service, slot.start, now).await?);
    }
    site.signaling.agenda_changed();
    tracing::info!(reference = %of.reference, "appointment rescheduled");
    let of = found(&site, &reference).await?;
    Ok(Json(shown(&site, &of, now).await?))
}

/// `DELETE /api/v1/appointments/{reference}`: the service cancels, before the citizen was called in. The place is free at once; the link says so.
pub(super) async fn cancel(
    State(site): State<Site>,
    _: Portal<WriteAppointments>,
    At(reference): At<String>,
) -> Result<Json<Appointment>, ApiError> {
    let of = found(&site, &reference).await?;
    site.signaling.cancel(of.id, Who::Api).await.map_err(not_cancelled)?;
    tracing::info!(reference = %of.reference, "appointment cancelled");
    let of = found(&site, &reference).await?;
    Ok(Json(shown(&site, &of, site.clock.now()).await?))
}

/// `POST /api/v1/appointments/{reference}/cancel`: the same with what the citizen is told.
pub(super) async fn cancel_because(
    State(site): State<Site>,
    _: Portal<WriteAppointments>,
    At(reference): At<String>,
    Body(asked): Body<Cancel>,
) -> Result<Json<Appointment>, ApiError> {
    let of = found(&site, &reference).await?;
    let reason = details::reason(asked.reason)?;
    site.signaling.cancel_because(of.id, Who::Api, reason).await.map_err(not_cancelled)?;
    tracing::info!(reference = %of.reference, "appointment cancelled");
    let of = found(&site, &reference).await?;
    Ok(Json(shown(&site, &of, site.clock.now()).await?))
}

/// `POST /api/v1/appointments/{reference}/resend`: the same links once more, to who asks for them on the phone.
pub(super) async fn resend(
    State(site): State<Site>,
    _: Portal<WriteAppointments>,
    At(reference): At<String>,
) -> Result<Json<Resent>, ApiError> {
    let of = found(&site, &reference).await?;
    let now = site.clock.now();
    if !matches!(of.record.link_phase(of.slot(), of.rules, now), Phase::TooEarly | Phase::Open) {
        return Err(ApiError::new(ErrorCode::WrongState, "its link leads to no consultation any more").with_status(StatusCode::CONFLICT));
    }
    site.store.resend(&of, Who::Api, now).await?;
    tracing::info!(reference = %of.reference, "links sent again");
    Ok(Json(Resent { mail: gets_mail(&site, &of) }))
}

/// `POST /api/v1/appointments/{reference}/rotate`: a new link; the old one and every page that it opened are dead when this answers (S4).
pub(super) async fn rotate(
    State(site): State<Site>,
    Portal(portal, _): Portal<WriteAppointments>,
    headers: HeaderMap,
    At(reference): At<String>,
) -> Result<Json<Booked>, ApiError> {
    let of = found(&site, &reference).await?;
    let once = portal::once(&headers, &portal, "rotate", &of.reference)?;
    let token = match site.store.rotate_link_once(of.id, once.as_ref(), Who::Api, site.clock.now()).await? {
        Rotated::New(token) => token,
        Rotated::Before(token) => return Ok(Json(told(&site, of, &token))),
        Rotated::KeyReused => return Err(portal::key_reused()),
        Rotated::Gone => return Err(unknown()),
    };
    site.signaling.link_ended(of.id);
    tracing::info!(reference = %of.reference, "link rotated");
    Ok(Json(told(&site, of, &token)))
}

async fn found(site: &Site, reference: &str) -> Result<store::Appointment, ApiError> {
    site.store.appointment_by_reference(reference).await?.ok_or_else(unknown)
}

fn unknown() -> ApiError {
    ApiError::new(ErrorCode::UnknownAppointment, "no such appointment").with_status(StatusCode::NOT_FOUND)
}

fn told(site: &Site, of: store::Appointment, token: &Token) -> Booked {
    let mail = gets_mail(site, &of);
    Booked { reference: of.reference, join_url: format!("{}/j#{}", site.config.base_url, token.text()), mail }
}

pub(super) fn gets_mail(site: &Site, of: &store::Appointment) -> bool {
    site.config.sends_mail && of.details.email.is_some()
}

async fn shown(site: &Site, of: &store::Appointment, now: Timestamp) -> Result<Appointment, StoreError> {
    let messages = site.store.messages_of(of.id).await?.into_iter().map(|one| Message {
        channel: one.channel.word().to_owned(),
        kind: one.kind.word().to_owned(),
        state: one.state.word().to_owned(),
        at: one.at.into(),
        fault: one.fault,
    });
    Ok(Appointment {
        reference: of.reference.clone(),
        service: of.service.clone(),
        name: of.name.clone(),
        language: of.language.clone(),
        start: of.start.into(),
        end: of.end.into(),
        phase: of.record.link_phase(of.slot(), of.rules, now).into(),
        messages: messages.collect(),
    })
}

/// In a slot of the service with a place left, or, where the server says so, at any time.
async fn placed(
    site: &Site,
    new: store::NewAppointment,
    once: Option<ApiRequest>,
    now: Timestamp,
) -> Result<(store::Appointment, Token), ApiError> {
    let agents = agents_in(site, &new.service, new.slot, now)?;
    let (service, start) = (new.service.clone(), new.slot.start);
    match site.store.book_for_portal(new, agents, once.as_ref(), now).await? {
        Placed::Booked(of, token) => Ok((*of, token)),
        Placed::KeyReused => Err(portal::key_reused()),
        Placed::Full | Placed::TooMany => Err(taken(site, &service, start, now).await?),
    }
}

/// How many agents are on duty in this slot; none where the server asks for no slot. Refuses what is no slot, and one that has begun.
fn agents_in(site: &Site, service: &str, slot: Slot, now: Timestamp) -> Result<Option<u16>, ApiError> {
    if site.config.any_time {
        return Ok(None);
    }
    let service = site.config.services.get(service).ok_or_else(|| invalid("service: no such service"))?;
    let opening = service.calendar().opening(slot).filter(|_| slot.start >= now);
    opening
        .map(|opening| Some(opening.agents))
        .ok_or_else(|| invalid("start: with end not a slot of this service, GET /api/v1/slots lists them"))
}

/// The refusal of who came too late, with the next slots that are free.
pub(super) async fn taken(site: &Site, key: &str, start: Timestamp, now: Timestamp) -> Result<ApiError, StoreError> {
    let Some(service) = site.config.services.get(key) else { return Ok(ApiError::slot_taken(Vec::new())) };
    let mut free = agenda::free_slots(site, key, service, start.max(now), now.after(service.book_ahead)).await?;
    free.truncate(limits::SLOTS_INSTEAD);
    Ok(ApiError::slot_taken(free))
}

const FARTHEST: Duration = Duration::from_secs(2 * 366 * 24 * 60 * 60);

/// The form of a time, whatever the agenda says to it.
fn slot_of(start: &str, end: &str, now: Timestamp) -> Result<Slot, ApiError> {
    let start = Timestamp::parse(start).ok_or_else(|| invalid("start: not RFC 3339 with an offset"))?;
    let end = Timestamp::parse(end).ok_or_else(|| invalid("end: not RFC 3339 with an offset"))?;
    if end <= start {
        return Err(invalid("end: not after start"));
    }
    if end > start.after(limits::APPOINTMENT_LONGEST) {
        return Err(invalid("end: more than 24 hours after start"));
    }
    if end <= now {
        return Err(invalid("end: in the past"));
    }
    if start > now.after(FARTHEST) {
        return Err(invalid("start: more than two years ahead"));
    }
    Ok(Slot { start, end })
}

pub(super) fn checked(site: &Site, asked: NewAppointment, now: Timestamp) -> Result<store::NewAppointment, ApiError> {
    let service = site.config.services.get(&asked.service).ok_or_else(|| invalid("service: no such service"))?;
    let slot = slot_of(&asked.start, &asked.end, now)?;
    let (name, language) = person(&asked.name, asked.language)?;
    let details = details::checked(asked.email, asked.phone, asked.note, asked.topic)?;
    if let Some(key) = &details.topic {
        topic::bookable(&service.topics, key).map_err(|why| invalid(&format!("topic: {why}")))?;
    }
    Ok(store::NewAppointment { service: asked.service, name, language, details, slot, rules: service.rules })
}

/// The form of a citizen's name and language.
pub(super) fn person(name: &str, language: String) -> Result<(String, String), ApiError> {
    let name = name.trim();
    if name.is_empty() || name.chars().nth(limits::CITIZEN_NAME_CHARACTERS).is_some() {
        return Err(invalid("name: 1 to 100 characters"));
    }
    if name.chars().any(is_unfit_in_a_name) {
        return Err(invalid("name: control or direction characters"));
    }
    if known_language(&language).is_none() {
        return Err(invalid("language: one of en, fr, de, lb"));
    }
    Ok((name.to_owned(), language))
}

pub(super) fn invalid(message: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidAppointment, message)
}
