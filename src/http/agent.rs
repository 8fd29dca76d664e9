//! The staff signs in, with a local account or at a provider, and out again. Roles and names come from here alone (trust.md S6).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::cookie::{self, Cookie};
use super::error::ApiError;
use super::request::{Body, From, SignedInAgent};
use super::site::Site;
use super::{provider, second_factor};
use crate::access::rounds::Traveller;
use crate::access::throttle::Origin;
use crate::access::token::Token;
use crate::access::{AgentGrant, password};
use crate::ids::AgentId;
use crate::openid::Ask;
use crate::protocol::ErrorCode;
use crate::protocol::http::{AgentAccount, SignIn};
use crate::protocol::person::{SignInEnd, StaffSignInBegin, WaysIn};
use crate::protocol::values::known_language;
use crate::store;
use crate::time::Instant;

/// `POST /api/v1/agent/sign-in`.
pub(super) async fn sign_in(State(site): State<Site>, From(origin): From, Body(given): Body<SignIn>) -> Result<Response, ApiError> {
    let who = Tried::with(&site, origin, &given.username, given.password).await?;
    second_factor::check(&site, &who, given.code.as_deref()).await?;
    let account = who.succeeded(&site);
    let mut response = Json(body(&account.grant, account.language.clone())).into_response();
    response.headers_mut().extend(signed_in(&site, account.grant.agent).await?);
    Ok(response)
}

/// An account whose password was right. Until `succeeded` the try counts as wrong, so that codes of the second factor cannot be tried freely either.
pub(super) struct Tried {
    pub(super) account: store::AgentAccount,
    pub(super) username: String,
    origin: Origin,
}

impl Tried {
    /// Whether the password is the account's: with a delay that grows with each failure, and the same work whether there is such an account or not (S5).
    pub(super) async fn with(site: &Site, origin: Origin, username: &str, password: String) -> Result<Self, ApiError> {
        let username = username.trim().to_lowercase();
        let password = Zeroizing::new(password);
        if username.chars().count() > USERNAME_MAX {
            return Err(wrong_credentials());
        }
        {
            let mut throttle = site.sign_ins();
            let wait = throttle.wait(&username, origin, Instant::now());
            if wait > Duration::ZERO {
                return Err(ApiError::slow_down(wait.as_secs() + 1));
            }
            throttle.tried(&username, origin, Instant::now());
        }
        let account = site.store.agent_account(&username).await?;
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        let is_right = verified(&site.hashing, password, hash).await?;
        match account.filter(|_| is_right) {
            Some(account) => Ok(Self { account, username, origin }),
            None => {
                site.sign_ins().failed(&username, origin, Instant::now());
                Err(wrong_credentials())
            }
        }
    }

    /// The second factor was wrong: the delay runs from now on.
    pub(super) fn failed(&self, site: &Site) {
        site.sign_ins().failed(&self.username, self.origin, Instant::now());
    }

    /// All was right.
    pub(super) fn succeeded(self, site: &Site) -> store::AgentAccount {
        site.sign_ins().succeeded(&self.username, self.origin);
        self.account
    }
}

/// The cookie of who is let in.
pub(super) async fn signed_in(site: &Site, agent: AgentId) -> Result<HeaderMap, ApiError> {
    let cookie = Token::new(super::random_bytes()?);
    let pushed_out = site.store.sign_in_agent(agent, cookie.hash(), site.clock.now()).await?;
    site.signaling.sign_ins_ended(&pushed_out);
    tracing::info!(agent = agent.0, "agent signed in");
    Ok(Cookie::Agent.give(&cookie).map(|cookie| (header::SET_COOKIE, cookie)).into_iter().collect())
}

/// `GET /api/v1/agent/sign-in`: which ways in there are.
pub(super) async fn ways_in(State(site): State<Site>) -> Json<WaysIn> {
    Json(WaysIn { provider: site.config.sign_in.staff.is_some() })
}

/// `POST /api/v1/agent/sign-in/begin`: to the provider.
pub(super) async fn begin(State(site): State<Site>, From(origin): From, Body(asked): Body<StaffSignInBegin>) -> Result<Response, ApiError> {
    let provider = site.config.sign_in.staff.as_ref().ok_or_else(provider::none)?;
    let language = known_language(&asked.language).unwrap_or("en");
    let ask = Ask { acr: Vec::new(), language: Some(language.to_owned()) };
    let (at, round) = provider::begin(&site, provider, (Traveller::Agent, language.to_owned()), &ask, origin).await?;
    let mut response = Json(at).into_response();
    response.headers_mut().extend(cookie::give_round(&round).map(|round| (header::SET_COOKIE, round)));
    Ok(response)
}

/// `POST /api/v1/agent/sign-in/end`: back from it. Name and role are the provider's of today.
pub(super) async fn end(State(site): State<Site>, From(origin): From, headers: HeaderMap, Body(came): Body<SignInEnd>) -> Response {
    provider::over(ended(&site, origin, &headers, came).await)
}

async fn ended(site: &Site, origin: Origin, headers: &HeaderMap, came: SignInEnd) -> Result<Response, ApiError> {
    let provider = site.config.sign_in.staff.as_ref().ok_or_else(provider::none)?;
    let (told, language) = provider::end(site, provider, Traveller::Agent, headers, came, origin).await?;
    let member = site.config.sign_in.staff_claims.member(&told.token, &told.beside).map_err(|why| {
        tracing::warn!(%why, "a sign-in of the staff at the provider was refused");
        ApiError::new(ErrorCode::SignInRefused, "the provider gives this person no role here")
    })?;
    let person = site.store.person_mark(&told.issuer, &told.subject);
    let agent = site.store.put_member(person, &member, &language, site.clock.now()).await?;
    let agent = agent.ok_or_else(|| ApiError::new(ErrorCode::SignInRefused, "the account is disabled"))?;
    let language = site.store.agent_language(agent).await?.unwrap_or(language);
    let grant = AgentGrant { agent, display_name: member.name, role: member.role };
    let mut response = Json(body(&grant, language)).into_response();
    response.headers_mut().extend(signed_in(site, agent).await?);
    Ok(response)
}

/// `POST /api/v1/agent/sign-out`: this cookie is dead when the answer is there, and the sockets that it opened with it (S9).
pub(super) async fn sign_out(State(site): State<Site>, SignedInAgent(grant, cookie): SignedInAgent) -> Result<Response, ApiError> {
    site.store.sign_out_agent(cookie, site.clock.now()).await?;
    site.signaling.sign_ins_ended(&[cookie]);
    tracing::info!(agent = grant.agent.0, "agent signed out");
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = Cookie::Agent.take() {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `GET /api/v1/agent`.
pub(super) async fn show(State(site): State<Site>, SignedInAgent(grant, _): SignedInAgent) -> Result<Json<AgentAccount>, ApiError> {
    let language = site.store.agent_language(grant.agent).await?.unwrap_or_else(|| String::from("en"));
    Ok(Json(body(&grant, language)))
}

/// Waits for a turn, then hashes off the async threads. The turn ends with the hash, not with the request: whoever asks and hangs up
/// would else have any number of hashes of 64 MiB computed at once (S5).
async fn verified(turns: &Arc<Semaphore>, password: Zeroizing<String>, hash: Option<String>) -> Result<bool, ApiError> {
    let turn = turns.clone().acquire_owned().await.map_err(|_| ApiError::new(ErrorCode::Internal, "the server stops"))?;
    let verified = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        password::verify(&password, hash.as_deref())
    });
    verified.await.map_err(|_| ApiError::new(ErrorCode::Internal, "the password could not be checked"))
}

/// Longer names are nobody's; a bound on what the throttle remembers.
const USERNAME_MAX: usize = 100;

pub(super) fn body(grant: &AgentGrant, language: String) -> AgentAccount {
    AgentAccount { name: grant.display_name.clone(), roles: grant.role.all(), language }
}

fn wrong_credentials() -> ApiError {
    ApiError::new(ErrorCode::WrongCredentials, "user name or password is wrong")
}

/// 32 bytes for a cookie.
pub(super) fn random_bytes() -> Result<[u8; 32], ApiError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| ApiError::new(ErrorCode::Internal, "the system gave no random bytes"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use futures_util::future::poll_immediate;

    use super::*;

    #[tokio::test]
    async fn a_sign_in_that_hangs_up_keeps_its_turn_until_the_hash_is_done() {
        let turns = Arc::new(Semaphore::new(1));
        let mut asked = Box::pin(verified(&turns, Zeroizing::new(String::from("correct horse battery")), None));
        assert!(poll_immediate(&mut asked).await.is_none(), "the hash takes its time");
        drop(asked);
        assert_eq!(turns.available_permits(), 0);
        drop(tokio::time::timeout(Duration::from_secs(60), turns.acquire()).await.expect("the turn came back").unwrap());
    }
}
