//! `GET /api/v1/link/calendar`: the calendar entry of the signed-in citizen's appointment as a file, the same that mails carry. Knows no form of it.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::request::SignedInCitizen;
use super::site::Site;
use crate::notify::{Sheet, calendar};
use crate::protocol::ErrorCode;

pub(super) async fn show(State(site): State<Site>, SignedInCitizen(of, _): SignedInCitizen) -> Result<Response, ApiError> {
    let (method, file) = calendar::entry(&Sheet::new(&of, &site.store, &site.config.house), &site.config.house, site.clock.now());
    let kind = format!("text/calendar; charset=utf-8; method={}", method.word());
    let kind = HeaderValue::from_str(&kind).map_err(|_| ApiError::new(ErrorCode::Internal, "the file could not be written"))?;
    let name = HeaderValue::from_static("attachment; filename=\"appointment.ics\"");
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], file).into_response())
}
