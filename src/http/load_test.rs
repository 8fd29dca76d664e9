//! The doors of a load test, open only where `load.allowed` says so, and only to who holds a portal's key: figures of this process, accounts for simulated agents,
//! and the end, after which nothing of the test is there. Decides nothing about what is tested.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::sync::{RwLock, RwLockReadGuard, watch};

use super::error::ApiError;
use super::portal::{Load, Portal};
use super::processor;
use super::request::Body;
use super::site::Site;
use crate::access::token::Token;
use crate::limits;
use crate::protocol::ErrorCode;
use crate::store::StoreError;
use crate::time::Instant;

/// The test under way, if there is one.
#[derive(Default)]
pub(super) struct LoadTest {
    /// When it was last heard of.
    heard: RwLock<Option<Instant>>,
}

impl LoadTest {
    /// As long as the answer is held the test does not end.
    pub(super) async fn under_way(&self, site: &Site) -> Result<RwLockReadGuard<'_, Option<Instant>>, ApiError> {
        allowed(site)?;
        let heard = self.heard.read().await;
        if heard.is_some() { Ok(heard) } else { Err(ApiError::new(ErrorCode::Forbidden, "no load test is under way")) }
    }
}

/// A booking that belongs to a test says `X-Visavis-Load: 1`.
pub(super) fn is_asked_by(headers: &HeaderMap) -> bool {
    headers.get("x-visavis-load").is_some_and(|value| value == "1")
}

/// `GET /api/v1/load`.
#[derive(Serialize, JsonSchema)]
pub(super) struct Figures {
    under_way: bool,
    /// On a clock that never goes back.
    at_us: u64,
    /// Cores that the process may use.
    cores: usize,
    /// CPU time of the process and, of it, that of the media threads.
    process_cpu_us: u64,
    media_cpu_us: u64,
    /// Consultations in memory, and people's open web sockets.
    consultations: usize,
    sockets: usize,
    /// Datagrams in and out.
    received: u64,
    sent: u64,
    /// RTP packets taken from senders and sealed for receivers.
    rtp_in: u64,
    rtp_out: u64,
    /// Transports made.
    handshakes: u64,
    /// Packets of known transports that were not forwarded or did not leave.
    dropped: u64,
}

pub(super) async fn show(State(site): State<Site>, _: Portal<Load>) -> Result<Json<Figures>, ApiError> {
    allowed(&site)?;
    let mut heard = site.load_test.heard.write().await;
    if let Some(at) = heard.as_mut() {
        *at = Instant::now();
    }
    let media = site.signaling.media();
    let counted = media.counters();
    Ok(Json(Figures {
        under_way: heard.is_some(),
        at_us: micros(site.started.elapsed()),
        cores: processor::cores(),
        process_cpu_us: micros(processor::of_process()),
        media_cpu_us: micros(processor::of_threads(&media.threads())),
        consultations: site.signaling.consultations(),
        sockets: site.signaling.sockets(),
        received: counted.received,
        sent: counted.sent,
        rtp_in: counted.rtp_in,
        rtp_out: counted.rtp_out,
        handshakes: counted.handshakes,
        dropped: counted.send_failed + counted.over_budget + counted.forged + counted.replayed + counted.unknown_ssrc + counted.too_early,
    }))
}

/// `POST /api/v1/load/begin`: 204; 403 while another test runs.
pub(super) async fn begin(State(site): State<Site>, _: Portal<Load>) -> Result<StatusCode, ApiError> {
    allowed(&site)?;
    let mut heard = site.load_test.heard.write().await;
    if heard.is_some() {
        return Err(ApiError::new(ErrorCode::Forbidden, "another load test is under way, or was a moment ago"));
    }
    site.store.take_out_load().await?;
    *heard = Some(Instant::now());
    tracing::warn!("a load test begins");
    Ok(StatusCode::NO_CONTENT)
}

/// How many agents are wanted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(deserialize_with = "whole")]
    count: usize,
}

/// JSON has one kind of numbers: `5.0` is the same as `5`, and the schema says so.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    let whole = number.as_u64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(float))?;
        format!("{float:.0}").parse().ok()
    });
    whole.and_then(|whole| usize::try_from(whole).ok()).ok_or_else(|| D::Error::custom("not a whole number"))
}

/// Who they are: the value of each one's cookie. No password leads to them.
#[derive(Serialize, JsonSchema)]
pub(super) struct Made {
    cookies: Vec<String>,
}

/// `POST /api/v1/load/agents`.
pub(super) async fn add_agents(
    State(site): State<Site>,
    _: Portal<Load>,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<Made>), ApiError> {
    let _under_way = site.load_test.under_way(&site).await?;
    if wanted.count > limits::LOAD_AGENTS {
        return Err(ApiError::new(ErrorCode::Forbidden, format!("at most {} agents at once", limits::LOAD_AGENTS)));
    }
    let cookies = (0..wanted.count).map(|_| super::random_bytes().map(Token::new)).collect::<Result<Vec<_>, _>>()?;
    let hashes: Vec<_> = cookies.iter().map(Token::hash).collect();
    site.store.add_load_agents(&hashes, site.clock.now()).await?;
    Ok((StatusCode::CREATED, Json(Made { cookies: cookies.iter().map(Token::text).collect() })))
}

/// `POST /api/v1/load/end`: nothing of the test is there when the answer is.
pub(super) async fn end(State(site): State<Site>, _: Portal<Load>) -> Result<StatusCode, ApiError> {
    allowed(&site)?;
    let mut heard = site.load_test.heard.write().await;
    if heard.take().is_some() {
        take_out(&site).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a test whose client is silent, until the server stops.
pub async fn end_silent(site: Site, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let mut heard = site.load_test.heard.write().await;
        if heard.is_some_and(|at| at.elapsed() > limits::LOAD_SILENCE) {
            match take_out(&site).await {
                Ok(()) => *heard = None,
                Err(error) => tracing::error!(%error, "what a load test left could not be taken out"),
            }
        }
    }
}

async fn take_out(site: &Site) -> Result<(), StoreError> {
    let taken = site.store.take_out_load().await?;
    taken.appointments.iter().for_each(|appointment| site.signaling.link_ended(*appointment));
    site.signaling.sign_ins_ended(&taken.sign_ins);
    site.signaling.agenda_changed();
    tracing::warn!(appointments = taken.appointments.len(), "a load test ended: what it made is gone");
    Ok(())
}

fn allowed(site: &Site) -> Result<(), ApiError> {
    match site.config.load_allowed {
        true => Ok(()),
        false => {
            Err(ApiError::new(ErrorCode::Forbidden, "this server has not allowed load tests: load.allowed = true in its settings does"))
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_agents_is_whole_however_it_is_written() {
        let read = |text: &str| serde_json::from_str::<Wanted>(text).map(|wanted| wanted.count).ok();
        for (text, count) in [("5", 5), ("5.0", 5), ("5e0", 5), ("0", 0)] {
            assert_eq!(read(&format!("{{\"count\":{text}}}")), Some(count), "{text}");
        }
        for text in ["5.5", "-1", "-1.0", "\"5\"", "true", "1e300", "null"] {
            assert_eq!(read(&format!("{{\"count\":{text}}}")), None, "{text}");
        }
    }
}
