//! A round to a provider and back, the same for citizens and staff: what the browser keeps meanwhile, and whether who comes back is believed. Refuses to know
//! what they may do then.

use aws_lc_rs::digest;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::cookie;
use super::error::ApiError;
use super::site::Site;
use crate::access::rounds::{Round, Traveller};
use crate::access::throttle::Origin;
use crate::limits;
use crate::openid::{Ask, Back, OpenIdError, Provider, Told};
use crate::protocol::ErrorCode;
use crate::protocol::person::{SignInAt, SignInEnd};
use crate::time::Instant;

/// Where the browser goes, and the round that it keeps (a value for [`cookie::give_round`]).
pub(super) async fn begin(
    site: &Site,
    provider: &Provider,
    (who, to): (Traveller, String),
    ask: &Ask,
    origin: Origin,
) -> Result<(SignInAt, String), ApiError> {
    may_ask(site, origin)?;
    let begun = provider.begin(ask).await.map_err(refused)?;
    let (state, nonce, verifier) = (begun.state, begun.nonce, begun.verifier);
    let round = Round { who, to, state, nonce, verifier, began_ms: site.clock.now().0 };
    let plain = serde_json::to_vec(&round).map_err(|_| ApiError::new(ErrorCode::Internal, "the round could not be written"))?;
    Ok((SignInAt { url: begun.url.into() }, URL_SAFE_NO_PAD.encode(site.store.seal_round(&plain)?)))
}

/// What the provider says of who came back, and where they want to go. A round ends once, well or not.
pub(super) async fn end(
    site: &Site,
    provider: &Provider,
    who: Traveller,
    headers: &HeaderMap,
    came: SignInEnd,
    origin: Origin,
) -> Result<(Told, String), ApiError> {
    may_ask(site, origin)?;
    if [Some(&came.state), came.code.as_ref()].into_iter().flatten().any(|field| field.len() > limits::PROVIDER_FIELD_BYTES) {
        return Err(ApiError::new(ErrorCode::BadMessage, "longer than anything that a provider says"));
    }
    let now = site.clock.now();
    let round = round_in(site, headers).filter(|round| round.fits(who, &came.state, now)).ok_or_else(failed)?;
    if !site.spent().spend(&hashed(&round.state)) {
        return Err(failed());
    }
    // A provider that names itself must be the one that was asked (RFC 9207): a code of another is not handed to it.
    if came.iss.is_some_and(|iss| iss != provider.issuer()) {
        return Err(failed());
    }
    if let Some(error) = came.error {
        return Err(match error.as_str() {
            "access_denied" | "login_required" | "interaction_required" | "consent_required" => {
                ApiError::new(ErrorCode::SignInRefused, "the provider says that nobody signed in")
            }
            "unmet_authentication_requirements" => ApiError::new(ErrorCode::NotAssured, "the provider cannot be as sure as was asked"),
            "temporarily_unavailable" | "server_error" => refused(OpenIdError::Unreachable),
            _ => failed(),
        });
    }
    let back = Back { code: came.code.ok_or_else(failed)?, nonce: round.nonce, verifier: round.verifier };
    let told = provider.finish(back, now).await.map_err(refused)?;
    Ok((told, round.to))
}

/// A round is over, well or not: the browser forgets it.
pub(super) fn over(ended: Result<Response, ApiError>) -> Response {
    let mut response = ended.unwrap_or_else(IntoResponse::into_response);
    response.headers_mut().extend(cookie::take_round().map(|round| (header::SET_COOKIE, round)));
    response
}

fn round_in(site: &Site, headers: &HeaderMap) -> Option<Round> {
    let sealed = URL_SAFE_NO_PAD.decode(cookie::round_in(headers)?).ok()?;
    serde_json::from_slice(&site.store.open_round(&sealed)?).ok()
}

fn may_ask(site: &Site, origin: Origin) -> Result<(), ApiError> {
    site.allowances().provider.take(origin, Instant::now()).map_err(|wait| ApiError::slow_down(wait.as_secs() + 1))
}

/// A state is as long as the provider's page makes no difference: what is remembered of it has one length.
fn hashed(state: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, state.as_bytes()))
}

fn refused(why: OpenIdError) -> ApiError {
    match why {
        OpenIdError::Unreachable => ApiError::new(ErrorCode::ProviderUnreachable, "the identity provider does not answer"),
        OpenIdError::Code | OpenIdError::Untrusted => failed(),
    }
}

fn failed() -> ApiError {
    ApiError::new(
        ErrorCode::SignInFailed,
        "this round to the provider is over, was not begun in this browser, or its answer cannot be believed",
    )
}

/// There is no provider to go to.
pub(super) fn none() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "no provider is set up here")
}
