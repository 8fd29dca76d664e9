//! The one shape of errors: a problem of RFC 9457 with `{"error":{"code","message"}}` in it, and the status that belongs to the code. Messages are for developers and hold nothing personal.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::booking_form::may_carry_a_copy;
use super::documents::UPLOAD_PATH;
use super::site::Site;
use crate::limits;
use crate::protocol::ErrorCode;
use crate::protocol::http::{ErrorDetail, FreeSlot, Problem};
use crate::store::StoreError;

/// Why a request was refused.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: ErrorCode,
    message: String,
    retry_after_s: Option<u64>,
    free: Vec<FreeSlot>,
}

impl ApiError {
    /// With the status that belongs to the code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { status: status(code), code, message: message.into(), retry_after_s: None, free: Vec::new() }
    }

    /// Too many tries: again after this many seconds.
    pub fn slow_down(seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds.max(1)), ..Self::new(ErrorCode::SlowDown, "too many tries, wait") }
    }

    /// The last place of the slot is gone; these are the next ones.
    pub(super) fn slot_taken(free: Vec<FreeSlot>) -> Self {
        Self { free, ..Self::new(ErrorCode::SlotTaken, "the last place of this slot was just taken") }
    }

    pub(super) fn saying(self, message: String) -> Self {
        Self { message, ..self }
    }

    /// The database does not answer. Whoever booked is told that nothing is booked.
    fn away() -> Self {
        const AGAIN_S: u64 = 5;
        let told =
            Self::new(ErrorCode::Internal, "the server cannot write anything down at the moment; nothing was done, try again in a minute");
        Self { retry_after_s: Some(AGAIN_S), ..told.with_status(StatusCode::SERVICE_UNAVAILABLE) }
    }

    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

/// The status that belongs to a code, where a route does not say another.
pub(super) fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::WrongKey | ErrorCode::NotSignedIn | ErrorCode::WrongCredentials => StatusCode::UNAUTHORIZED,
        ErrorCode::CodeNeeded | ErrorCode::WrongCode | ErrorCode::SecondFactorMissing => StatusCode::UNAUTHORIZED,
        ErrorCode::SignInRefused | ErrorCode::NotAssured | ErrorCode::OtherPerson => StatusCode::FORBIDDEN,
        ErrorCode::ProviderUnreachable => StatusCode::BAD_GATEWAY,
        ErrorCode::InvalidAppointment | ErrorCode::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::SlotTaken => StatusCode::CONFLICT,
        ErrorCode::UnknownLink | ErrorCode::UnknownDocument | ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::LinkReplaced => StatusCode::GONE,
        ErrorCode::SlowDown | ErrorCode::TooMany => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::TooManyDocuments => StatusCode::CONFLICT,
        ErrorCode::UnfitDocument => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// RFC 9457.
pub(super) const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An error as it leaves the server.
pub(super) fn problem(status: StatusCode, code: ErrorCode, message: String, free: Vec<FreeSlot>) -> Problem {
    let word = code.word();
    Problem {
        kind: format!("/api/v1/openapi.json#/components/examples/{word}"),
        title: word.replace('_', " "),
        status: status.as_u16(),
        detail: message.clone(),
        error: ErrorDetail { code, message, free },
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = problem(self.status, self.code, self.message, self.free);
        // What cannot be written has no text that could be written.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, PROBLEM)], body).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    /// Ours: logged once here, the client learns only that it was not its fault.
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store refused");
        if error.is_away() {
            return Self::away();
        }
        Self::new(ErrorCode::Internal, "the server could not do it; nothing was done")
    }
}

/// No such path.
pub(super) async fn not_found() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "no such resource")
}

/// The path exists, the method does not.
pub(super) async fn wrong_method() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "no such method for this resource").with_status(StatusCode::METHOD_NOT_ALLOWED)
}

/// Body and answer within `limits::WEB_REQUEST` (O13); a document has `limits::UPLOAD`, and each part of it its own deadline. A WebSocket's answer is its upgrade; what follows has its own limits.
pub(super) async fn deadline(State(site): State<Site>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let sends_a_document = (*method == Method::POST && path == UPLOAD_PATH) || may_carry_a_copy(method, path, request.headers());
    let within = if sends_a_document { limits::UPLOAD } else { limits::WEB_REQUEST };
    match tokio::time::timeout(within, next.run(request)).await {
        Ok(response) => response,
        // Ours, when it was the database that kept it waiting.
        Err(_) if !site.store.ready().await => ApiError::away().into_response(),
        Err(_) => ApiError::new(ErrorCode::BadMessage, "the request was not complete in time")
            .with_status(StatusCode::REQUEST_TIMEOUT)
            .into_response(),
    }
}
