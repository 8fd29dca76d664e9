//! `POST /api/v1/appointments`: a portal books with its key. Checks the form of the fields; when slots exist is the agenda's business.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};

use super::error::ApiError;
use super::load_test;
use super::request::Body;
use super::site::Site;
use crate::access::token::Token;
use crate::agenda::phase::Slot;
use crate::protocol::ErrorCode;
use crate::protocol::http::{Booked, NewAppointment};
use crate::store;
use crate::time::Timestamp;

/// 201 with the reference and the join link; the link is not kept and not told again.
pub(super) async fn book(
    State(site): State<Site>,
    key: Portal,
    headers: HeaderMap,
    Body(asked): Body<NewAppointment>,
) -> Result<(StatusCode, Json<Booked>), ApiError> {
    let Portal = key;
    let now = site.clock.now();
    let new = checked(&site, asked, now)?;
    let (appointment, token) = match load_test::is_asked_by(&headers) {
        false => site.store.book(new, now).await?,
        true => {
            // Held until it is booked: a test that ends meanwhile takes this one out too.
            let _under_way = site.load_test.under_way(&site).await?;
            site.store.book_for_load(new, now).await?
        }
    };
    site.signaling.agenda_changed();
    tracing::info!(reference = %appointment.reference, "appointment booked");
    let join_url = format!("{}/j#{}", site.config.base_url, token.text());
    Ok((StatusCode::CREATED, Json(Booked { reference: appointment.reference, join_url })))
}

/// A caller with a good key: checked before the body is read.
pub(super) struct Portal;

impl axum::extract::FromRequestParts<Site> for Portal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, site: &Site) -> Result<Self, ApiError> {
        let wrong = || ApiError::new(ErrorCode::WrongKey, "Authorization: Bearer with a key of this server is needed");
        let key = bearer(&parts.headers).ok_or_else(wrong)?;
        if site.store.is_api_key(key.hash()).await? { Ok(Self) } else { Err(wrong()) }
    }
}

fn bearer(headers: &HeaderMap) -> Option<Token> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") { Token::parse(key.trim()) } else { None }
}

const NAME_CHARACTERS_MAX: usize = 100;
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
const FARTHEST: Duration = Duration::from_secs(2 * 366 * 24 * 60 * 60);

fn checked(site: &Site, asked: NewAppointment, now: Timestamp) -> Result<store::NewAppointment, ApiError> {
    let invalid = |message: &str| ApiError::new(ErrorCode::InvalidAppointment, message);
    let service = site.config.services.get(&asked.service).ok_or_else(|| invalid("service: no such service"))?;
    let start = Timestamp::parse(&asked.start).ok_or_else(|| invalid("start: not RFC 3339 with an offset"))?;
    let end = Timestamp::parse(&asked.end).ok_or_else(|| invalid("end: not RFC 3339 with an offset"))?;
    if end <= start {
        return Err(invalid("end: not after start"));
    }
    if end > start.after(LONGEST) {
        return Err(invalid("end: more than 24 hours after start"));
    }
    if end <= now {
        return Err(invalid("end: in the past"));
    }
    if start > now.after(FARTHEST) {
        return Err(invalid("start: more than two years ahead"));
    }
    let name = asked.name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARACTERS_MAX {
        return Err(invalid("name: 1 to 100 characters"));
    }
    if name.chars().any(is_unfit) {
        return Err(invalid("name: control or direction characters"));
    }
    if !["en", "fr", "de", "lb"].contains(&asked.language.as_str()) {
        return Err(invalid("language: one of en, fr, de, lb"));
    }
    Ok(store::NewAppointment {
        service: asked.service,
        name: name.to_owned(),
        language: asked.language,
        slot: Slot { start, end },
        rules: service.rules,
    })
}

/// What could turn the text around it: controls, and the overrides of Unicode's bidirectional algorithm (trust.md O15, O16).
fn is_unfit(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200B}' | '\u{FEFF}')
}
