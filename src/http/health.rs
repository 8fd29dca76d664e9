//! Whether the process lives and whether it can serve.

use axum::extract::State;
use axum::http::StatusCode;

use super::site::Site;

/// The process answers: nothing else is asked.
pub(super) async fn live() -> &'static str {
    "ok"
}

/// Started, not stopping, and the database answers.
pub(super) async fn ready(State(site): State<Site>) -> (StatusCode, &'static str) {
    if site.is_ready() && site.store.ready().await { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") }
}
