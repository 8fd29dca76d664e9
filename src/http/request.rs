//! Each kind of caller as a type that a handler asks for: a JSON body, an origin, a signed-in citizen or agent.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::cookie::Cookie;
use super::error::ApiError;
use super::site::Site;
use crate::access::AgentGrant;
use crate::access::throttle::Origin;
use crate::access::token::TokenHash;
use crate::ids::GuestId;
use crate::protocol::ErrorCode;
use crate::store::Appointment;

/// A JSON body of at most `limits::WEB_BODY_BYTES`.
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Site> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, site: &Site) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // Demanding JSON keeps HTML forms of foreign pages out, which cannot send it without asking first (S7).
        if kind.split(';').next().is_none_or(|kind| !kind.trim().eq_ignore_ascii_case("application/json")) {
            return Err(ApiError::new(ErrorCode::BadMessage, "the body must be application/json"));
        }
        let bytes = Bytes::from_request(request, site).await.map_err(|refused| match refused.status().as_u16() {
            413 => ApiError::new(ErrorCode::TooLarge, "the body is too large"),
            _ => ApiError::new(ErrorCode::BadMessage, "the body could not be read"),
        })?;
        // serde's own message may repeat what was sent; line and column are enough for a developer.
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            ApiError::new(ErrorCode::BadMessage, format!("not the expected body: line {}, column {}", error.line(), error.column()))
        })
    }
}

/// What stands in the path, read as `T`. What cannot be read is no such resource.
pub(super) struct At<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Site> for At<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, ApiError> {
        let read = axum::extract::Path::from_request_parts(parts, site).await;
        read.map(|axum::extract::Path(read)| Self(read)).map_err(|_| ApiError::new(ErrorCode::NotFound, "no such resource"))
    }
}

/// The fields of the query, read as `T`.
pub(super) struct Fields<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Site> for Fields<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Site) -> Result<Self, ApiError> {
        // The library's own message may repeat what was sent.
        let read = axum::extract::Query::try_from_uri(&parts.uri);
        read.map(|axum::extract::Query(fields)| Self(fields)).map_err(|_| ApiError::new(ErrorCode::BadMessage, "not the expected query"))
    }
}

/// Where the request comes from, for the throttles. Never logged.
pub(super) struct From(pub Origin);

impl FromRequestParts<Site> for From {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, ApiError> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let peer = peer.ok_or_else(|| ApiError::new(ErrorCode::Internal, "no peer address"))?;
        let is_proxy = |address: IpAddr| site.config.trusted_proxies.iter().any(|network| network.contains(address));
        if !is_proxy(peer) {
            return Ok(Self(Origin::of(peer)));
        }
        // From the right: each proxy appends whom it saw; the first that is no proxy of ours is the client, what stands left of it is hearsay.
        let said = parts.headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        let said: Vec<IpAddr> = said.map_while(|item| item.trim().parse().ok()).collect();
        Ok(Self(Origin::of(said.into_iter().rev().find(|address| !is_proxy(*address)).unwrap_or(peer))))
    }
}

/// The appointment of a citizen who exchanged the link, and the hash of the cookie.
pub(super) struct SignedInCitizen(pub Box<Appointment>, pub TokenHash);

impl FromRequestParts<Site> for SignedInCitizen {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, ApiError> {
        let cookie = Cookie::Citizen.hash_in(&parts.headers).ok_or_else(not_signed_in)?;
        let appointment = site.store.appointment_by_sign_in(cookie, site.clock.now()).await?;
        appointment.map(|appointment| Self(Box::new(appointment), cookie)).ok_or_else(not_signed_in)
    }
}

/// The appointment to which a guest was invited, which guest it is, and the hash of the cookie.
pub(super) struct SignedInGuest(pub Box<Appointment>, pub GuestId, pub TokenHash);

impl FromRequestParts<Site> for SignedInGuest {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, ApiError> {
        let cookie = Cookie::Guest.hash_in(&parts.headers).ok_or_else(not_signed_in)?;
        let found = site.store.guest_by_sign_in(cookie, site.clock.now()).await?;
        found.map(|(appointment, guest)| Self(Box::new(appointment), guest, cookie)).ok_or_else(not_signed_in)
    }
}

/// A signed-in agent and the hash of the cookie.
pub(super) struct SignedInAgent(pub AgentGrant, pub TokenHash);

impl FromRequestParts<Site> for SignedInAgent {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, ApiError> {
        let cookie = Cookie::Agent.hash_in(&parts.headers).ok_or_else(not_signed_in)?;
        let grant = site.store.agent_by_sign_in(cookie, site.clock.now()).await?;
        grant.map(|grant| Self(grant, cookie)).ok_or_else(not_signed_in)
    }
}

fn not_signed_in() -> ApiError {
    ApiError::new(ErrorCode::NotSignedIn, "no cookie, or it is no longer good")
}
