//! What a citizen's booking arrives as: JSON alone, or a form of the same JSON and the copy of the identity card behind it. The fields are there before the
//! first byte of the copy is read; nothing of the copy is kept that is not booked. Judges no field.

use axum::body::BodyDataStream;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, StatusCode, header};
use multer::{Constraints, Field, Multipart, SizeLimit};
use tokio::time::timeout;

use super::documents::{receive, unfit};
use super::error::ApiError;
use super::request::Body;
use super::site::Site;
use crate::documents::content::Unfit;
use crate::documents::name;
use crate::limits;
use crate::protocol::ErrorCode;
use crate::protocol::booking::NewBooking;
use crate::store::{ArrivedCopy, Store};

/// Where citizens book: with a copy this request may take longer than others.
pub(super) const BOOKING_PATH: &str = "/api/v1/bookings";

/// The parts of the form, in this order.
const BOOKING: &str = "booking";
const IDENTITY_COPY: &str = "identity_copy";

/// A booking whose fields were read and whose copy, if there is one, was not.
pub(super) struct BookingForm {
    /// The fields.
    pub asked: NewBooking,
    rest: Option<Multipart<'static>>,
}

impl FromRequest<Site> for BookingForm {
    type Rejection = ApiError;

    async fn from_request(request: Request, site: &Site) -> Result<Self, ApiError> {
        let Some(boundary) = boundary(request.headers()) else {
            let Body(asked) = Body::from_request(request, site).await?;
            return Ok(Self { asked, rest: None });
        };
        let sizes = SizeLimit::new().for_field(BOOKING, limits::WEB_BODY_BYTES as u64);
        let fields = Constraints::new().allowed_fields(vec![BOOKING, IDENTITY_COPY]).size_limit(sizes);
        let body: BodyDataStream = request.into_body().into_data_stream();
        let mut parts = Multipart::with_constraints(body, boundary, fields);
        let first = next(&mut parts).await?.filter(|part| part.name() == Some(BOOKING));
        let first = first.ok_or_else(|| ApiError::new(ErrorCode::BadMessage, "the form must begin with the part `booking`"))?;
        let json = timeout(limits::WEB_REQUEST, first.bytes()).await.map_err(|_| slow())?.map_err(broken)?;
        // serde's own message may repeat what was sent.
        let asked = serde_json::from_slice(&json).map_err(|error| {
            ApiError::new(ErrorCode::BadMessage, format!("not the expected body: line {}, column {}", error.line(), error.column()))
        })?;
        Ok(Self { asked, rest: Some(parts) })
    }
}

impl BookingForm {
    /// The copy, judged and sealed as it comes. None when there is none. `room`: the most bytes that it may have.
    pub(super) async fn copy(&mut self, store: &Store, room: u64) -> Result<Option<ArrivedCopy>, ApiError> {
        let Some(parts) = &mut self.rest else { return Ok(None) };
        let Some(mut part) = next(parts).await? else { return Ok(None) };
        let said = part.file_name().unwrap_or_default().to_owned();
        let (arrived, file) = receive(store, &mut part, room).await?;
        drop(part);
        if !file.shows_a_card() {
            return Err(unfit(Unfit::Kind));
        }
        if next(parts).await?.is_some() {
            return Err(ApiError::new(ErrorCode::BadMessage, "one copy of the identity card, and nothing behind it"));
        }
        Ok(Some(ArrivedCopy { arrived, name: name::fit(&said, file), file }))
    }

    /// Over HTTP/1.1 a client that still sends would not hear why it is refused: what comes within moments is taken and forgotten.
    pub(super) async fn finish(mut self) {
        let Some(parts) = &mut self.rest else { return };
        let rest = async {
            while let Ok(Some(mut part)) = parts.next_field().await {
                while let Ok(Some(_)) = part.chunk().await {}
            }
        };
        let _ = timeout(limits::UPLOAD_REFUSED, rest).await;
    }
}

/// Whether this request carries a copy and has `limits::UPLOAD` for it.
pub(super) fn may_carry_a_copy(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    *method == Method::POST && path == BOOKING_PATH && boundary(headers).is_some()
}

fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    multer::parse_boundary(kind).ok()
}

async fn next(parts: &mut Multipart<'static>) -> Result<Option<Field<'static>>, ApiError> {
    timeout(limits::UPLOAD_SILENCE, parts.next_field()).await.map_err(|_| slow())?.map_err(broken)
}

fn slow() -> ApiError {
    ApiError::new(ErrorCode::BadMessage, "the form came too slowly").with_status(StatusCode::REQUEST_TIMEOUT)
}

/// The library's own message may repeat what was sent.
fn broken(error: multer::Error) -> ApiError {
    match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            ApiError::new(ErrorCode::TooLarge, "the body is too large")
        }
        _ => ApiError::new(ErrorCode::BadMessage, "the form could not be read"),
    }
}
