//! The one shape of errors: `{"error":{"code","message"}}` with the status that belongs to the code. Messages are for developers and hold nothing personal.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::documents::UPLOAD_PATH;
use crate::limits;
use crate::protocol::ErrorCode;
use crate::protocol::http::{ErrorBody, ErrorDetail, FreeSlot};
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

    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::WrongKey | ErrorCode::NotSignedIn | ErrorCode::WrongCredentials => StatusCode::UNAUTHORIZED,
        ErrorCode::CodeNeeded | ErrorCode::WrongCode | ErrorCode::SecondFactorMissing => StatusCode::UNAUTHORIZED,
        ErrorCode::SignInRefused | ErrorCode::NotAssured | ErrorCode::OtherPerson => StatusCode::FORBIDDEN,
        ErrorCode::ProviderUnreachable => StatusCode::BAD_GATEWAY,
        ErrorCode::InvalidAppointment => StatusCode::UNPROCESSABLE_ENTITY,
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

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody { error: ErrorDetail { code: self.code, message: self.message, free: self.free } };
        let mut response = (self.status, Json(body)).into_response();
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
pub(super) async fn deadline(request: Request, next: Next) -> Response {
    let sends_a_document = *request.method() == Method::POST && request.uri().path() == UPLOAD_PATH;
    let within = if sends_a_document { limits::UPLOAD } else { limits::WEB_REQUEST };
    match tokio::time::timeout(within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(ErrorCode::BadMessage, "the request was not complete in time")
            .with_status(StatusCode::REQUEST_TIMEOUT)
            .into_response(),
    }
}
