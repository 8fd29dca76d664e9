//! A citizen books by themselves and moves what they booked: what keeps one person from taking the places of all stands here and in the store's transaction.
//! The form of the fields and the places are judged as for portals.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use super::appointments::{self, invalid, taken};
use super::booking_form::BookingForm;
use super::documents::{Sender, kept_error};
use super::error::ApiError;
use super::link;
use super::person;
use super::request::{Body, From, SignedInCitizen};
use super::site::Site;
use crate::access::throttle::Origin;
use crate::access::token::Token;
use crate::agenda::phase::{Phase, Slot};
use crate::config::Service;
use crate::consultation::Stage;
use crate::protocol::ErrorCode;
use crate::protocol::booking::{Booking, NewStart};
use crate::protocol::http::{Link, NewAppointment};
use crate::signaling::qr_of;
use crate::store::{Appointment, ArrivedCopy, Placed, PublicBooking, Who};
use crate::time::{Instant, Timestamp};

/// `POST /api/v1/bookings`.
pub(super) async fn book(
    State(site): State<Site>,
    From(origin): From,
    headers: HeaderMap,
    mut form: BookingForm,
) -> Result<(StatusCode, Json<Booking>), ApiError> {
    let placed = placed(&site, origin, &headers, &mut form).await;
    if placed.is_err() {
        form.finish().await;
    }
    placed
}

async fn placed(site: &Site, origin: Origin, headers: &HeaderMap, form: &mut BookingForm) -> Result<(StatusCode, Json<Booking>), ApiError> {
    site.allowances().tries.take(origin, Instant::now()).map_err(|wait| ApiError::slow_down(wait.as_secs() + 1))?;
    let now = site.clock.now();
    let mut asked = form.asked.clone();
    let service = public(site, &asked.service)?;
    if !asked.consent {
        return Err(invalid("consent: must be given"));
    }
    if asked.email.trim().is_empty() {
        return Err(invalid("email: not an address like name@example.lu"));
    }
    if asked.topic.trim().is_empty() {
        return Err(invalid("topic: needed"));
    }
    let person = match asked.authenticated {
        true => Some(person::known(site, headers).await?.ok_or_else(person::not_signed_in)?.0),
        false => None,
    };
    if let Some(known) = &person {
        asked.name.clone_from(&known.person.name);
    }
    let attempt = asked.attempt.as_deref().map(|text| Token::parse(text).ok_or_else(|| invalid("attempt: 43 characters of base64url")));
    let attempt = attempt.transpose()?.map(|token| token.hash());
    let slot = slot_at(service, &asked.start)?;
    let agents = offered(service, slot, now)?;
    let day = service.calendar().day(slot.start).ok_or_else(no_slot)?;
    let new = NewAppointment {
        service: asked.service,
        start: slot.start.rfc3339(),
        end: slot.end.rfc3339(),
        name: asked.name,
        language: asked.language,
        email: Some(asked.email),
        phone: asked.phone,
        note: asked.note,
        topic: Some(asked.topic),
    };
    let mut new = appointments::checked(site, new, now)?;
    new.details.assurance = person.as_ref().map(|known| known.person.assurance);
    let person = person.map(|known| known.mark);
    let key = new.service.clone();
    let held = Held::take(site, origin)?;
    let copy = copy_of(site, service, origin, form, person.is_some()).await?;
    let asked = PublicBooking { agents, day, attempt, person };
    match site.store.book_public(new, &asked, copy, now).await.map_err(kept_error)? {
        Placed::Booked(appointment, token) => {
            held.keep();
            site.signaling.agenda_changed();
            tracing::info!(reference = %appointment.reference, "appointment booked by the citizen");
            Ok((StatusCode::CREATED, Json(booked(site, &appointment, &token)?)))
        }
        // No key came with it.
        Placed::Full | Placed::KeyReused => Err(taken(site, &key, slot.start, now).await?),
        Placed::TooMany => Err(ApiError::new(ErrorCode::TooMany, "this e-mail address has an appointment on that day, or three to come")),
    }
}

/// The copy of the identity card, where the service asks for one. It is read when all else is in order: what is refused costs the disk nothing.
/// Of whom a provider vouches for it is wanted only where it always is.
async fn copy_of(
    site: &Site,
    service: &Service,
    origin: Origin,
    form: &mut BookingForm,
    authenticated: bool,
) -> Result<Option<ArrivedCopy>, ApiError> {
    if !service.identity_check.needs_copy(authenticated) {
        // What nobody asked for is not kept.
        return Ok(None);
    }
    let _turn = site.uploads.begin(Sender::Origin(origin))?;
    let copy = form.copy(&site.store, service.quota.bytes).await?;
    copy.map(Some).ok_or_else(|| invalid("identity_copy: needed"))
}

/// `POST /api/v1/link/reschedule`: by the citizen, before the waiting room opens.
pub(super) async fn reschedule(
    State(site): State<Site>,
    SignedInCitizen(of, cookie): SignedInCitizen,
    Body(asked): Body<NewStart>,
) -> Result<Json<Link>, ApiError> {
    let of = moved(&site, *of, &asked).await?;
    Ok(Json(link::told_to(&site, &of, cookie).await?))
}

/// To another slot, by the citizen.
pub(super) async fn moved(site: &Site, of: Appointment, asked: &NewStart) -> Result<Appointment, ApiError> {
    let now = site.clock.now();
    let service = site.config.services.get(&of.service).ok_or_else(|| invalid("service: no such service any more"))?;
    let is_early = of.record.link_phase(of.slot(), of.rules, now) == Phase::TooEarly;
    if of.record.stage != Stage::Expected || !is_early {
        return Err(
            ApiError::new(ErrorCode::WrongState, "the waiting room is open already, or it is over").with_status(StatusCode::CONFLICT)
        );
    }
    let slot = slot_at(service, &asked.start)?;
    let agents = offered(service, slot, now)?;
    if !site.store.reschedule(&of, slot, Some(agents), Who::Citizen, now).await? {
        return Err(taken(site, &of.service, slot.start, now).await?);
    }
    site.signaling.agenda_changed();
    tracing::info!(reference = %of.reference, "appointment rescheduled by the citizen");
    site.store.appointment(of.id).await?.ok_or_else(|| ApiError::new(ErrorCode::UnknownLink, "no such link"))
}

/// A service that citizens book by themselves.
pub(super) fn public<'a>(site: &'a Site, key: &str) -> Result<&'a Service, ApiError> {
    let service = site.config.services.get(key).filter(|service| service.public_booking);
    service.ok_or_else(|| invalid("service: no such service that citizens book by themselves"))
}

/// The slot of the service that begins then, if one does.
fn slot_at(service: &Service, start: &str) -> Result<Slot, ApiError> {
    let start = Timestamp::parse(start).ok_or_else(|| invalid("start: not RFC 3339 with an offset"))?;
    Ok(Slot { start, end: start.after(service.slot) })
}

/// How many are on duty in a slot that is offered now; in demo mode too, where portals book at any time.
fn offered(service: &Service, slot: Slot, now: Timestamp) -> Result<u16, ApiError> {
    let in_time = now <= slot.start && slot.start < now.after(service.book_ahead);
    let opening = service.calendar().opening(slot).filter(|_| in_time);
    opening.map(|opening| opening.agents).ok_or_else(no_slot)
}

fn no_slot() -> ApiError {
    invalid("start: not a slot of this service, GET /api/v1/slots lists them")
}

fn booked(site: &Site, of: &Appointment, token: &Token) -> Result<Booking, ApiError> {
    let join_url = format!("{}/j#{}", site.config.base_url, token.text());
    let qr = qr_of(&join_url).ok_or_else(|| ApiError::new(ErrorCode::Internal, "the link is too long for a QR code"))?;
    Ok(Booking {
        reference: of.reference.clone(),
        start: of.start.into(),
        end: of.end.into(),
        join_url,
        qr,
        mail: appointments::gets_mail(site, of),
    })
}

/// A place that an origin takes of its allowance: given back unless it is kept, or many who ask at once would all find it free.
struct Held<'a> {
    site: &'a Site,
    origin: Origin,
    kept: bool,
}

impl<'a> Held<'a> {
    fn take(site: &'a Site, origin: Origin) -> Result<Self, ApiError> {
        let taken = site.allowances().bookings.take(origin, Instant::now());
        taken.map(|()| Self { site, origin, kept: false }).map_err(|wait| ApiError::slow_down(wait.as_secs() + 1))
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.site.allowances().bookings.give_back(self.origin);
        }
    }
}
