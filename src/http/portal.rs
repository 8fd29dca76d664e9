//! A portal with its key, and its request that must do its work once: checked before a body is read. Refuses to know what is asked for.

use std::marker::PhantomData;

use aws_lc_rs::digest;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::Serialize;

use super::error::ApiError;
use super::site::Site;
use crate::access::api_key::{KeyGrant, Scope};
use crate::access::token::Token;
use crate::limits;
use crate::protocol::ErrorCode;
use crate::store::ApiRequest;
use crate::time::Instant;

/// What a route asks of a key.
pub(super) trait Needs: Send + Sync {
    const SCOPE: Scope;
}

/// `appointments:read`.
pub(super) struct ReadAppointments;
/// `appointments:write`.
pub(super) struct WriteAppointments;
/// `callbacks:read`.
pub(super) struct ReadCallbacks;
/// `callbacks:write`.
pub(super) struct WriteCallbacks;
/// `load`.
pub(super) struct Load;

impl Needs for ReadAppointments {
    const SCOPE: Scope = Scope::ReadAppointments;
}
impl Needs for WriteAppointments {
    const SCOPE: Scope = Scope::WriteAppointments;
}
impl Needs for ReadCallbacks {
    const SCOPE: Scope = Scope::ReadCallbacks;
}
impl Needs for WriteCallbacks {
    const SCOPE: Scope = Scope::WriteCallbacks;
}
impl Needs for Load {
    const SCOPE: Scope = Scope::Load;
}

/// A caller with a good key that is good for this, and has not used it too often.
pub(super) struct Portal<N>(pub KeyGrant, pub PhantomData<N>);

impl<N: Needs> FromRequestParts<Site> for Portal<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, ApiError> {
        let wrong = || ApiError::new(ErrorCode::WrongKey, "Authorization: Bearer with a key of this server is needed");
        let key = bearer(&parts.headers).ok_or_else(wrong)?.hash();
        let grant = site.store.api_key(key).await?.ok_or_else(wrong)?;
        // A load test books by the thousand, where the operator allows one at all.
        let tests_load = site.config.load_allowed && grant.scopes.contains(&Scope::Load);
        if !tests_load {
            let measure = grant.measure(site.config.api_per_minute);
            site.portals().take_of(key, measure, Instant::now()).map_err(|wait| {
                let message = format!("this key has had its {} requests a minute", measure.0);
                ApiError::slow_down(wait.as_secs() + 1).saying(message)
            })?;
        }
        match grant.scopes.contains(&N::SCOPE) {
            true => Ok(Self(grant, PhantomData)),
            false => Err(ApiError::new(ErrorCode::Forbidden, format!("this key is not good for {}", N::SCOPE.word()))),
        }
    }
}

/// The same where nobody needs a key: none where no `Authorization` came, refused where a wrong one did.
pub(super) struct MaybePortal<N>(pub Option<Portal<N>>);

impl<N: Needs> FromRequestParts<Site> for MaybePortal<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, ApiError> {
        match parts.headers.contains_key(header::AUTHORIZATION) {
            true => Portal::from_request_parts(parts, site).await.map(Some).map(Self),
            false => Ok(Self(None)),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<Token> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") { Token::parse(key.trim()) } else { None }
}

/// The header of a request that must do its work once.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What to keep of such a request; none where the portal does not say so. `operation` and `body` are what the key stands for.
pub(super) fn once(headers: &HeaderMap, portal: &KeyGrant, operation: &str, body: &impl Serialize) -> Result<Option<ApiRequest>, ApiError> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let fits = |key: &str| (1..=limits::IDEMPOTENCY_KEY_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = key.to_str().ok().filter(|key| fits(key));
    let key = key.ok_or_else(|| ApiError::new(ErrorCode::BadMessage, "Idempotency-Key: 1 to 128 visible ASCII characters"))?;
    let body = serde_json::to_vec(body).map_err(|_| ApiError::new(ErrorCode::Internal, "the request could not be compared"))?;
    Ok(Some(ApiRequest { key: hash(&[portal.label.as_bytes(), key.as_bytes()]), request: hash(&[operation.as_bytes(), &body]) }))
}

/// The key came before and stood for something else.
pub(super) fn key_reused() -> ApiError {
    ApiError::new(ErrorCode::KeyReused, "this Idempotency-Key came before with another request")
}

/// Each part with its length before it, so that no two lists of parts sound alike.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
