//! The copy of an identity card as an agent meets it: a look through the page that draws it under a watermark, never a file, and the word that destroys it
//! (trust.md I1). Refuses to know what the card says.

use axum::Json;
use axum::body::Body as Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::documents::{SANDBOX, chunks, consultation_of, phase, unknown};
use super::error::ApiError;
use super::request::{Body, SignedInAgent};
use super::site::Site;
use crate::agenda::identity::IdentitySeen;
use crate::agenda::phase::Phase;
use crate::documents::ledger::DocumentKind;
use crate::ids::AppointmentId;
use crate::protocol::ErrorCode;
use crate::protocol::http::{Identity, SaidOfIdentity};
use crate::store::Who;

/// `GET /api/v1/agent/consultations/{consultation}/identity-copy`: for the page's own script alone, which draws it. Who looked stands in the audit trail.
pub(super) async fn look(
    State(site): State<Site>,
    SignedInAgent(grant, _): SignedInAgent,
    headers: HeaderMap,
    Path(consultation): Path<String>,
) -> Result<Response, ApiError> {
    if !is_drawn(&headers) {
        return Err(ApiError::new(ErrorCode::Forbidden, "this is looked at on the agent's page alone"));
    }
    let of = consultation_of(&site, &consultation).await?;
    let there = site.store.documents(of.id).await?;
    let copy = there.iter().find(|document| document.kind == DocumentKind::IdentityCopy).ok_or_else(unknown)?;
    if phase(&site, &of) == Phase::Erased {
        return Err(unknown());
    }
    // A look that no line tells of does not take place.
    site.store.audit("identity_copy_viewed", Who::Agent(grant.agent), Some(of.id), site.clock.now()).await?;
    let (copy, reading) = site.store.document(of.id, copy.id).await?.ok_or_else(unknown)?;
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(copy.file.media_type())),
        (header::CONTENT_SECURITY_POLICY, SANDBOX),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_LENGTH, HeaderValue::from(copy.bytes)),
    ];
    Ok((headers, Bytes::from_stream(chunks(reading))).into_response())
}

/// `POST /api/v1/agent/consultations/{consultation}/identity`: what the agent saw. The copy is destroyed with the same commit.
pub(super) async fn say(
    State(site): State<Site>,
    SignedInAgent(grant, _): SignedInAgent,
    Path(consultation): Path<String>,
    Body(said): Body<SaidOfIdentity>,
) -> Result<Json<Identity>, ApiError> {
    let of = consultation_of(&site, &consultation).await?;
    let seen = site.store.say_identity(of.id, said.result, grant.agent, site.clock.now()).await?.ok_or_else(unknown)?;
    tracing::info!(reference = %of.reference, "an agent said what they saw of an identity card");
    Ok(Json(shown(seen, Some(grant.display_name))))
}

/// What was said of it last.
pub(super) async fn told(site: &Site, of: AppointmentId) -> Result<Option<Identity>, ApiError> {
    let Some(seen) = site.store.identity_seen(of).await? else { return Ok(None) };
    Ok(Some(shown(seen, site.store.agent_name(seen.agent).await?)))
}

fn shown(seen: IdentitySeen, by: Option<String>) -> Identity {
    Identity { method: seen.method, result: seen.result, by, at: seen.at.into() }
}

/// Asked by our own script. A browser that opens the address, follows a link or shows a picture can send no such header, so there is no address to save from.
fn is_drawn(headers: &HeaderMap) -> bool {
    let says = |name: &str, value: &str| headers.get(name).is_some_and(|said| said == value);
    says("x-visavis", "1") && (!headers.contains_key("sec-fetch-dest") || says("sec-fetch-dest", "empty"))
}
