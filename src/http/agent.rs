//! Agents sign in with a local account and out again. Roles and names come from here alone (trust.md S6).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::cookie::Cookie;
use super::error::ApiError;
use super::request::{Body, From, SignedInAgent};
use super::site::Site;
use crate::access::password;
use crate::access::token::Token;
use crate::protocol::ErrorCode;
use crate::protocol::http::{AgentAccount, SignIn};
use crate::time::Instant;

/// `POST /api/v1/agent/sign-in`.
pub(super) async fn sign_in(State(site): State<Site>, From(origin): From, Body(given): Body<SignIn>) -> Result<Response, ApiError> {
    let username = given.username.trim().to_lowercase();
    let password = Zeroizing::new(given.password);
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
    let Some(account) = account.filter(|_| is_right) else {
        site.sign_ins().failed(&username, origin, Instant::now());
        return Err(wrong_credentials());
    };
    site.sign_ins().succeeded(&username, origin);

    let now = site.clock.now();
    let cookie = Token::new(super::random_bytes()?);
    let pushed_out = site.store.sign_in_agent(account.grant.agent, cookie.hash(), now).await?;
    site.signaling.sign_ins_ended(&pushed_out);
    tracing::info!(agent = account.grant.agent.0, "agent signed in");
    let mut response = Json(body(account.grant.display_name, account.language)).into_response();
    if let Some(cookie) = Cookie::Agent.give(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
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
    Ok(Json(body(grant.display_name, language)))
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

fn body(name: String, language: String) -> AgentAccount {
    AgentAccount { name, roles: vec![String::from("agent")], language }
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
