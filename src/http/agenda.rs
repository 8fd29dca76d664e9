//! `GET /api/v1/services`, `/topics` and `/slots`: what can be booked and when. Open to everybody: tells times and numbers of places, nothing of anybody.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::error::ApiError;
use super::request::Fields;
use super::site::Site;
use crate::agenda::calendar::Opening;
use crate::agenda::occupancy;
use crate::agenda::phase::Slot;
use crate::agenda::topic::{self, Topic};
use crate::config::Service;
use crate::protocol::ErrorCode;
use crate::protocol::http::{BookableService, BookableTopic, FreeSlot, ServiceTopic, Services, Slots, Topics};
use crate::store::StoreError;
use crate::time::Timestamp;

/// What can be booked, in the order of the keys.
pub(super) async fn services(State(site): State<Site>) -> Json<Services> {
    let services = site.config.services.iter().map(|(key, service)| BookableService {
        key: key.clone(),
        names: service.names.clone(),
        helpdesk_phone: service.helpdesk_phone.clone(),
        time_zone: service.time_zone.clone(),
        slot_minutes: service.slot.as_secs() / 60,
        book_ahead_days: service.book_ahead.as_secs() / (24 * 60 * 60),
        public_booking: service.public_booking,
        identity_check: service.identity_check,
        document_count: service.quota.count,
        document_bytes: service.quota.bytes,
        topics: service.topics.iter().map(|(key, topic)| told(key, topic)).collect(),
    });
    Json(Services { services: services.collect(), authentication: site.config.sign_in.citizens.is_some() })
}

/// The query of `GET /api/v1/topics`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Of {
    /// Its topics alone.
    service: Option<String>,
}

/// What can be asked about: of one service, or of all.
pub(super) async fn topics(State(site): State<Site>, Fields(of): Fields<Of>) -> Result<Json<Topics>, ApiError> {
    if of.service.as_ref().is_some_and(|key| !site.config.services.contains_key(key)) {
        return Err(ApiError::new(ErrorCode::InvalidAppointment, "service: no such service"));
    }
    let services = site.config.services.iter().filter(|(key, _)| of.service.as_ref().is_none_or(|wanted| wanted == *key));
    let topics = services.flat_map(|(service, known)| {
        known.topics.iter().map(|(key, topic)| ServiceTopic { service: service.clone(), topic: told(key, topic) })
    });
    Ok(Json(Topics { topics: topics.collect() }))
}

fn told(key: &str, topic: &Topic) -> BookableTopic {
    BookableTopic {
        key: key.to_owned(),
        names: topic.names.clone(),
        by_video: topic.by_video,
        instead: topic.instead.clone(),
        notice: topic.notice.clone(),
        required: topic.required.clone(),
        helpful: topic.helpful.clone(),
    }
}

/// The query of `GET /api/v1/slots`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    service: String,
    /// Refused where it is not dealt with by video; today every topic of a service has the same slots.
    topic: Option<String>,
    /// RFC 3339; now, when it is left out or past.
    from: Option<String>,
    /// RFC 3339; as far as slots are offered, when it is left out.
    to: Option<String>,
}

/// The slots that begin from `from` on and before `to` and have a place left.
pub(super) async fn slots(State(site): State<Site>, Fields(wanted): Fields<Wanted>) -> Result<Json<Slots>, ApiError> {
    let invalid = |message: &str| ApiError::new(ErrorCode::InvalidAppointment, message);
    let service = site.config.services.get(&wanted.service).ok_or_else(|| invalid("service: no such service"))?;
    if let Some(key) = &wanted.topic {
        topic::bookable(&service.topics, key).map_err(|why| invalid(&format!("topic: {why}")))?;
    }
    let time = |text: Option<String>, wrong: &str| text.map(|text| Timestamp::parse(&text).ok_or_else(|| invalid(wrong))).transpose();
    let now = site.clock.now();
    let from = time(wanted.from, "from: not RFC 3339 with an offset")?.unwrap_or(now).max(now);
    let offered = now.after(service.book_ahead);
    let to = time(wanted.to, "to: not RFC 3339 with an offset")?.unwrap_or(offered).min(offered);
    let openings = service.calendar().openings(from, to);
    let free = free_among(&site, &wanted.service, &openings).await?;
    let full_days = service.calendar().full_days(&openings, &free.iter().map(|(slot, _)| *slot).collect::<Vec<_>>());
    Ok(Json(Slots { slots: free.into_iter().map(shown).collect(), full_days }))
}

/// The free slots of a service in a time, the earliest first.
pub(super) async fn free_slots(
    site: &Site,
    key: &str,
    service: &Service,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<FreeSlot>, StoreError> {
    let openings = service.calendar().openings(from, to);
    Ok(free_among(site, key, &openings).await?.into_iter().map(shown).collect())
}

async fn free_among(site: &Site, key: &str, openings: &[Opening]) -> Result<Vec<(Slot, u16)>, StoreError> {
    let (Some(first), Some(last)) = (openings.first(), openings.last()) else { return Ok(Vec::new()) };
    let booked = site.store.booked(key, Slot { start: first.slot.start, end: last.slot.end }).await?;
    Ok(occupancy::free(openings, booked))
}

fn shown((slot, places): (Slot, u16)) -> FreeSlot {
    FreeSlot { start: slot.start.into(), end: slot.end.into(), places }
}
