//! A citizen signs in at the provider, is shown what it says of them, and signs out. The session is short, and is not that of a link.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::cookie::{self, Cookie};
use super::error::ApiError;
use super::link;
use super::provider;
use super::request::{Body, From, SignedInCitizen};
use super::site::Site;
use crate::access::assurance::Assurance;
use crate::access::claims::{ClaimsError, Person};
use crate::access::rounds::Traveller;
use crate::access::throttle::Origin;
use crate::access::token::{Token, TokenHash};
use crate::limits;
use crate::openid::Ask;
use crate::protocol::ErrorCode;
use crate::protocol::http::Link;
use crate::protocol::person::{ComeBack, Me, SignInBegin, SignInEnd, SignedIn};
use crate::protocol::values::known_language;
use crate::store::{Appointment, KnownPerson};

/// A citizen who signed in at the provider, and the hash of the cookie.
pub(super) struct SignedInPerson(pub KnownPerson, pub TokenHash);

impl FromRequestParts<Site> for SignedInPerson {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, ApiError> {
        known(site, &parts.headers).await?.ok_or_else(not_signed_in)
    }
}

/// Who is signed in, if anybody is.
pub(super) async fn known(site: &Site, headers: &HeaderMap) -> Result<Option<SignedInPerson>, ApiError> {
    let Some(cookie) = Cookie::Person.token_in(headers) else { return Ok(None) };
    let found = site.store.person_by_sign_in(&cookie, site.clock.now()).await?;
    Ok(found.map(|known| SignedInPerson(known, cookie.hash())))
}

pub(super) fn not_signed_in() -> ApiError {
    ApiError::new(ErrorCode::NotSignedIn, "nobody is signed in at the provider, or not any more")
}

/// `POST /api/v1/me/sign-in`: where the browser goes.
pub(super) async fn begin(
    State(site): State<Site>,
    From(origin): From,
    citizen: Result<SignedInCitizen, ApiError>,
    Body(asked): Body<SignInBegin>,
) -> Result<Response, ApiError> {
    let provider = site.config.sign_in.citizens.as_ref().ok_or_else(provider::none)?;
    let mut least = site.config.sign_in.least;
    if asked.to == ComeBack::Join {
        let SignedInCitizen(of, _) = citizen?;
        least = least.max(asked_by(&site, &of).unwrap_or(least));
    }
    let language = known_language(&asked.language).map(str::to_owned);
    let ask = Ask { acr: site.config.sign_in.citizen_claims.levels.from(least), language };
    let to = match asked.to {
        ComeBack::Book => "book",
        ComeBack::Mine => "mine",
        ComeBack::Join => "join",
    };
    let (at, round) = provider::begin(&site, provider, (Traveller::Citizen, to.into()), &ask, origin).await?;
    let mut response = Json(at).into_response();
    if let Some(round) = cookie::give_round(&round) {
        response.headers_mut().insert(header::SET_COOKIE, round);
    }
    Ok(response)
}

/// `POST /api/v1/me/sign-in/end`: the browser is back. The page with the provider's answer in its address asks this, so that no `GET` changes anything.
pub(super) async fn end(State(site): State<Site>, From(origin): From, headers: HeaderMap, Body(came): Body<SignInEnd>) -> Response {
    provider::over(ended(&site, origin, &headers, came).await)
}

async fn ended(site: &Site, origin: Origin, headers: &HeaderMap, came: SignInEnd) -> Result<Response, ApiError> {
    let sign_in = &site.config.sign_in;
    let provider = sign_in.citizens.as_ref().ok_or_else(provider::none)?;
    let (told, to) = provider::end(site, provider, Traveller::Citizen, headers, came, origin).await?;
    let person = sign_in.citizen_claims.person(&told.token, &told.beside).map_err(not_enough)?;
    if person.assurance < sign_in.least {
        return Err(not_enough(ClaimsError::NoAssurance));
    }
    let known = KnownPerson { mark: site.store.person_mark(&told.issuer, &told.subject), person };
    let cookie = Token::new(super::random_bytes()?);
    site.store.sign_in_person(&cookie, &known, site.clock.now()).await?;
    tracing::info!(assurance = known.person.assurance.word(), "citizen signed in at the provider");
    let to = match to.as_str() {
        "mine" => ComeBack::Mine,
        "join" => ComeBack::Join,
        _ => ComeBack::Book,
    };
    let mut response = Json(SignedIn { to }).into_response();
    if let Some(cookie) = Cookie::Person.give(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

fn not_enough(why: ClaimsError) -> ApiError {
    tracing::warn!(%why, "a sign-in at the provider was refused");
    match why {
        ClaimsError::NoAssurance => {
            ApiError::new(ErrorCode::NotAssured, "the provider is not as sure as this service needs, or did not say")
        }
        ClaimsError::NoName | ClaimsError::NoRole => ApiError::new(ErrorCode::SignInFailed, "the provider did not tell what is needed"),
    }
}

/// `GET /api/v1/me`.
pub(super) async fn show(SignedInPerson(known, _): SignedInPerson) -> Json<Me> {
    let Person { name, email, phone, assurance } = known.person;
    Json(Me { name, email, phone, assurance, ends_within_s: limits::PERSON_SIGN_IN.as_secs() })
}

/// `POST /api/v1/me/sign-out`. The page of an own appointment that this browser holds open goes with it.
pub(super) async fn sign_out(
    State(site): State<Site>,
    SignedInPerson(known, cookie): SignedInPerson,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    site.store.sign_out_person(cookie).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    let mut taken = vec![Cookie::Person.take()];
    if let Some(link) = Cookie::Citizen.hash_in(&headers)
        && let Some(appointment) = site.store.end_link_of(link, known.mark).await?
    {
        site.signaling.link_ended(appointment);
        taken.push(Cookie::Citizen.take());
    }
    for cookie in taken.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `POST /api/v1/link/step-up`: who opened this link in this browser is who signed in at the provider in it.
pub(super) async fn step_up(
    State(site): State<Site>,
    SignedInCitizen(of, cookie): SignedInCitizen,
    SignedInPerson(known, _): SignedInPerson,
) -> Result<Json<Link>, ApiError> {
    if asked_by(&site, &of).is_some_and(|least| known.person.assurance < least) {
        return Err(ApiError::new(ErrorCode::NotAssured, "the provider was not as sure as this service needs"));
    }
    if !site.store.vouch(&of, cookie, &known, site.clock.now()).await? {
        return Err(ApiError::new(ErrorCode::OtherPerson, "the appointment is another person's"));
    }
    site.signaling.agenda_changed();
    tracing::info!(reference = %of.reference, assurance = known.person.assurance.word(), "citizen showed who they are");
    let of = site.store.appointment(of.id).await?.ok_or_else(|| ApiError::new(ErrorCode::UnknownLink, "no such link"))?;
    Ok(Json(link::told_to(&site, &of, cookie).await?))
}

/// What this service asks of who joins.
fn asked_by(site: &Site, of: &Appointment) -> Option<Assurance> {
    site.config.services.get(&of.service).and_then(|service| service.step_up)
}

/// What who opened the link in this browser must still show before they may join.
pub(super) async fn still_asked(site: &Site, of: &Appointment, cookie: TokenHash) -> Result<Option<Assurance>, ApiError> {
    let Some(least) = asked_by(site, of) else { return Ok(None) };
    let shown = site.store.assurance_of(cookie).await?;
    Ok((shown < Some(least)).then_some(least))
}
