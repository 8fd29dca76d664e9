//! Moves the wall clock of a demo, so that every phase of a link can be seen without waiting for it; 404 on every other server.

use axum::Json;
use axum::extract::State;

use super::error::ApiError;
use super::request::Body;
use super::site::Site;
use crate::limits;
use crate::protocol::ErrorCode;
use crate::protocol::http::{DemoClock, DemoTime};

/// Scripts ask it by themselves: no cookie counts here, and a JSON body is nothing that a foreign page can send unasked.
pub(super) const CLOCK_PATH: &str = "/demo/clock";

/// `POST /demo/clock`. From the real time on, so that the same wish twice is one; zero is the real time again.
pub(super) async fn set(State(site): State<Site>, Body(wanted): Body<DemoClock>) -> Result<Json<DemoTime>, ApiError> {
    if site.demo().is_none() {
        return Err(ApiError::new(ErrorCode::NotFound, "no such resource"));
    }
    if wanted.offset_seconds.unsigned_abs() > limits::DEMO_CLOCK.as_secs() {
        return Err(ApiError::new(ErrorCode::BadMessage, "offset_seconds: at most ten years"));
    }
    site.clock.set_shift(wanted.offset_seconds * 1000);
    site.signaling.agenda_changed();
    Ok(Json(DemoTime { now: site.clock.now().into() }))
}
