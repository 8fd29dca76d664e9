//! The second factor of a local account: asked for at the sign-in, set up by who has none. Nothing of a set-up is kept until a code of the app proves it.

use aws_lc_rs::rand;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::agent::{self, Tried};
use super::error::ApiError;
use super::request::{Body, From};
use super::site::Site;
use crate::access::second_factor::{RECOVERY_BYTES, RECOVERY_CODES, SHARED_BYTES, Shared, recovery_code, recovery_spelling};
use crate::protocol::ErrorCode;
use crate::protocol::person::{SecondFactorAsk, SecondFactorConfirm, SecondFactorOffer, SecondFactorSet};
use crate::signaling::qr_of;

/// Whether this sign-in has the second factor that it needs. A code is taken once, whatever comes of it.
pub(super) async fn check(site: &Site, who: &Tried, code: Option<&str>) -> Result<(), ApiError> {
    let account = &who.account;
    let Some(shared) = &account.second_factor else {
        return match site.config.sign_in.second_factor {
            true => Err(ApiError::new(ErrorCode::SecondFactorMissing, "this account must set up its second factor first")),
            false => Ok(()),
        };
    };
    let Some(code) = code else { return Err(ApiError::new(ErrorCode::CodeNeeded, "a code of the second factor is needed")) };
    let agent = account.grant.agent;
    let is_right = match (shared.step(code, site.clock.now()), recovery_spelling(code)) {
        (Some(step), _) => site.store.take_step(agent, step).await?,
        (None, Some(spelling)) => site.store.take_recovery_code(agent, &spelling).await?,
        (None, None) => false,
    };
    if is_right {
        return Ok(());
    }
    who.failed(site);
    Err(ApiError::new(ErrorCode::WrongCode, "the code is wrong, or was used"))
}

/// `POST /api/v1/agent/second-factor`: what an app needs. The account is as it was until the code is confirmed.
pub(super) async fn offer(
    State(site): State<Site>,
    From(origin): From,
    Body(asked): Body<SecondFactorAsk>,
) -> Result<Json<SecondFactorOffer>, ApiError> {
    let who = Tried::with(&site, origin, &asked.username, asked.password).await?;
    without_one(&who)?;
    let shared = Shared::new(random::<SHARED_BYTES>()?.to_vec());
    let host = site.config.base_url.split_once("://").map_or("", |(_, host)| host);
    let uri = shared.uri(host, &who.username);
    let qr = qr_of(&uri).ok_or_else(|| ApiError::new(ErrorCode::Internal, "the address is too long for a QR code"))?;
    let setup = URL_SAFE_NO_PAD.encode(site.store.seal_round(&[SETUP, &who.account.grant.agent.0.to_be_bytes(), shared.bytes()].concat())?);
    let secret = shared.text();
    // The password was right, and there is nothing yet to be guessed.
    who.succeeded(&site);
    Ok(Json(SecondFactorOffer { secret, uri, qr, setup }))
}

/// `POST /api/v1/agent/second-factor/confirm`: the app shows the right code, so it is set up, and its owner signed in.
pub(super) async fn confirm(
    State(site): State<Site>,
    From(origin): From,
    Body(given): Body<SecondFactorConfirm>,
) -> Result<Response, ApiError> {
    let who = Tried::with(&site, origin, &given.username, given.password).await?;
    without_one(&who)?;
    let agent = who.account.grant.agent;
    let shared = shared_in(&site, &given.setup, agent.0)
        .ok_or_else(|| ApiError::new(ErrorCode::BadMessage, "not what was offered to this account"))?;
    let Some(step) = shared.step(&given.code, site.clock.now()) else {
        who.failed(&site);
        return Err(ApiError::new(ErrorCode::WrongCode, "the code is wrong"));
    };
    let codes = (0..RECOVERY_CODES).map(|_| Ok(recovery_code(random::<RECOVERY_BYTES>()?))).collect::<Result<Vec<_>, ApiError>>()?;
    let spellings: Vec<String> = codes.iter().filter_map(|code| recovery_spelling(code)).collect();
    if !site.store.set_second_factor(agent, &shared, step, &spellings).await? {
        return Err(set_up_already());
    }
    tracing::info!(agent = agent.0, "second factor set up");
    let account = who.succeeded(&site);
    let body = SecondFactorSet { recovery_codes: codes, account: agent::body(&account.grant, account.language.clone()) };
    let mut response = Json(body).into_response();
    response.headers_mut().extend(agent::signed_in(&site, agent).await?);
    Ok(response)
}

/// What begins an offer, so that no round to a provider is taken for one.
const SETUP: &[u8] = b"second factor\0";

fn shared_in(site: &Site, setup: &str, agent: i64) -> Option<Shared> {
    let plain = site.store.open_round(&URL_SAFE_NO_PAD.decode(setup).ok()?)?;
    let shared = plain.strip_prefix(SETUP)?.strip_prefix(&agent.to_be_bytes())?;
    (shared.len() == SHARED_BYTES).then(|| Shared::new(shared.to_vec()))
}

fn without_one(who: &Tried) -> Result<(), ApiError> {
    if who.account.second_factor.is_some() { Err(set_up_already()) } else { Ok(()) }
}

fn set_up_already() -> ApiError {
    ApiError::new(ErrorCode::WrongState, "the account has a second factor already").with_status(axum::http::StatusCode::CONFLICT)
}

fn random<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| ApiError::new(ErrorCode::Internal, "the system gave no random bytes"))?;
    Ok(bytes)
}
