//! Documents over HTTPS: the citizen's with the link's cookie, an agent's look at them. Streams; keeps no document in memory. What may be there is the ledger's
//! business, what a file is that of its content.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::body::{Body as Bytes, BodyDataStream};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::error::ApiError;
use super::identity;
use super::request::{At, Fields, SignedInAgent, SignedInCitizen};
use super::site::Site;
use crate::access::throttle::Origin;
use crate::documents::content::{FileType, HEAD, Passing, Unfit, judge_head};
use crate::documents::ledger::{self, Document, DocumentKind, Quota, Reader, Refusal, may_change, may_download};
use crate::documents::name;
use crate::documents::vault::{Reading, VaultError};
use crate::ids::{AppointmentId, DocumentId};
use crate::limits;
use crate::protocol::ErrorCode;
use crate::protocol::http::{DocumentEntry, Documents};
use crate::store::{Appointment, Arrived, Incoming, Store, StoreError, Who};

/// Where the citizen sends one: this request may take longer than others.
pub(super) const UPLOAD_PATH: &str = "/api/v1/link/documents";

/// A downloaded document runs nothing, wherever it is opened (O15).
pub(super) const SANDBOX: HeaderValue =
    HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox");

/// What `POST /api/v1/link/documents` says of the body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Announced {
    name: String,
    kind: DocumentKind,
}

/// `POST /api/v1/link/documents?kind&name`: the body is the file as it is. 201 when it is on the disk.
pub(super) async fn add(
    State(site): State<Site>,
    SignedInCitizen(of, _): SignedInCitizen,
    Fields(announced): Fields<Announced>,
    request: Request,
) -> Result<(StatusCode, Json<DocumentEntry>), ApiError> {
    may_change(phase(&site, &of)).map_err(refused)?;
    let quota = site.config.services.get(&of.service).map_or_else(Quota::default, |service| service.quota);
    let _turn = site.uploads.begin(Sender::Appointment(of.id))?;
    // Refused before the bytes travel where it is plain already; judged again with the last one.
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
    let there = site.store.documents(of.id).await?;
    ledger::may_add(&there, quota, announced.kind, declared).map_err(refused)?;
    let mut body = request.into_body().into_data_stream();
    let received = receive(&site.store, &mut body, ledger::room(&there, quota)).await;
    if received.is_err() {
        finish(&mut body).await;
    }
    let (arrived, file) = received?;
    if announced.kind == DocumentKind::IdentityCopy && !file.shows_a_card() {
        return Err(unfit(Unfit::Kind));
    }
    let name = name::fit(&announced.name, file);
    // The call may have ended meanwhile.
    let of = site.store.appointment(of.id).await?.ok_or_else(unknown)?;
    may_change(phase(&site, &of)).map_err(refused)?;
    let kept = site.store.keep(of.id, arrived, (announced.kind, name, file), quota, site.clock.now()).await.map_err(kept_error)?;
    tracing::info!(reference = %of.reference, "document added");
    Ok((StatusCode::CREATED, Json(entry(&kept.map_err(refused)?))))
}

/// `GET /api/v1/link/documents`.
pub(super) async fn list(State(site): State<Site>, SignedInCitizen(of, _): SignedInCitizen) -> Result<Json<Documents>, ApiError> {
    told(&site, &of, may_change(phase(&site, &of)).is_ok()).await.map(Json)
}

/// `GET /api/v1/link/documents/{id}`.
pub(super) async fn download(
    State(site): State<Site>,
    SignedInCitizen(of, _): SignedInCitizen,
    At(id): At<String>,
) -> Result<Response, ApiError> {
    given(&site, &of, &id, Reader::Citizen).await
}

/// `DELETE /api/v1/link/documents/{id}`: taken back before or during the consultation.
pub(super) async fn remove(
    State(site): State<Site>,
    SignedInCitizen(of, _): SignedInCitizen,
    At(id): At<String>,
) -> Result<StatusCode, ApiError> {
    may_change(phase(&site, &of)).map_err(refused)?;
    let id = id.parse().map_err(|_| unknown())?;
    if !site.store.remove_document(of.id, id, Who::Citizen, site.clock.now()).await? {
        return Err(unknown());
    }
    tracing::info!(reference = %of.reference, "document taken back");
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/v1/agent/consultations/{id}/documents`. Who looked stands in the audit trail (G3).
pub(super) async fn list_for_agent(
    State(site): State<Site>,
    SignedInAgent(grant, _): SignedInAgent,
    At(consultation): At<String>,
) -> Result<Json<Documents>, ApiError> {
    let of = consultation_of(&site, &consultation).await?;
    let documents = Documents { identity: identity::told(&site, of.id).await?, ..told(&site, &of, false).await? };
    site.store.audit("documents_listed", Who::Agent(grant.agent), Some(of.id), site.clock.now()).await?;
    Ok(Json(documents))
}

/// `GET /api/v1/agent/consultations/{id}/documents/{document}`. Never the copy of an identity card (I1).
pub(super) async fn download_for_agent(
    State(site): State<Site>,
    SignedInAgent(grant, _): SignedInAgent,
    At((consultation, id)): At<(String, String)>,
) -> Result<Response, ApiError> {
    let of = consultation_of(&site, &consultation).await?;
    let answer = given(&site, &of, &id, Reader::Agent).await?;
    site.store.audit("document_read", Who::Agent(grant.agent), Some(of.id), site.clock.now()).await?;
    Ok(answer)
}

pub(super) async fn consultation_of(site: &Site, id: &str) -> Result<Appointment, ApiError> {
    let unknown = || ApiError::new(ErrorCode::UnknownAppointment, "no such consultation").with_status(StatusCode::NOT_FOUND);
    let id: AppointmentId = id.parse().map_err(|_| unknown())?;
    site.store.appointment(id).await?.ok_or_else(unknown)
}

/// The body, judged and sealed as it comes. Nothing of it is left when it is refused or breaks off.
pub(super) async fn receive<E>(
    store: &Store,
    body: &mut (impl Stream<Item = Result<bytes::Bytes, E>> + Unpin),
    room: u64,
) -> Result<(Arrived, FileType), ApiError> {
    let beginning = store.clone();
    let mut incoming = blocking(move || beginning.receive()).await?.map_err(kept_error)?;
    let (mut head, mut file, mut passing, mut total) = (Vec::new(), None, Passing::default(), 0_u64);
    loop {
        let next = timeout(limits::UPLOAD_SILENCE, body.next()).await;
        let next = next
            .map_err(|_| ApiError::new(ErrorCode::BadMessage, "the document came too slowly").with_status(StatusCode::REQUEST_TIMEOUT))?;
        let Some(bytes) = next.transpose().map_err(|_| ApiError::new(ErrorCode::BadMessage, "the document broke off"))? else { break };
        total += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if total > room {
            return Err(refused(Refusal::TooLarge));
        }
        passing.see(&bytes);
        head.extend_from_slice(&bytes);
        if file.is_none() && head.len() >= HEAD {
            file = Some(judge_head(&head[..HEAD]).map_err(unfit)?);
        }
        if file.is_some() {
            incoming = written(incoming, std::mem::take(&mut head)).await?;
        }
    }
    let file = match file {
        Some(file) => file,
        None => judge_head(&head).map_err(unfit)?,
    };
    passing.judge(file).map_err(unfit)?;
    let incoming = written(incoming, head).await?;
    let ending = store.clone();
    let arrived = blocking(move || incoming.finish(&ending)).await?.map_err(|error| kept_error(error.into()))?;
    Ok((arrived, file))
}

/// Over HTTP/1.1 a client that still sends would not hear why it is refused: what comes within moments is taken and forgotten.
async fn finish(body: &mut BodyDataStream) {
    let rest = async { while let Some(Ok(_)) = body.next().await {} };
    let _ = timeout(limits::UPLOAD_REFUSED, rest).await;
}

async fn written(mut incoming: Incoming, bytes: Vec<u8>) -> Result<Incoming, ApiError> {
    blocking(move || incoming.writing.push(&bytes).map(|()| incoming)).await?.map_err(|error| kept_error(error.into()))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    spawn_blocking(work).await.map_err(|_| ApiError::new(ErrorCode::Internal, "the server could not do it; nothing was done"))
}

/// The bytes of one document as a file to save.
async fn given(site: &Site, of: &Appointment, id: &str, reader: Reader) -> Result<Response, ApiError> {
    let id: DocumentId = id.parse().map_err(|_| unknown())?;
    let (document, reading) = site.store.document(of.id, id).await?.ok_or_else(unknown)?;
    if !may_download(document.kind, reader, phase(site, of)) {
        return Err(unknown());
    }
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| unknown());
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(document.file.media_type())),
        (header::CONTENT_DISPOSITION, value(&name::disposition(&document.name))?),
        (header::CONTENT_SECURITY_POLICY, SANDBOX),
        // With the length said, a file that breaks off is no shorter file.
        (header::CONTENT_LENGTH, HeaderValue::from(document.bytes)),
    ];
    Ok((headers, Bytes::from_stream(chunks(reading))).into_response())
}

/// Read one by one, each on the blocking pool: a slow reader holds no thread.
pub(super) fn chunks(reading: Reading) -> impl Stream<Item = Result<Vec<u8>, VaultError>> {
    unfold(Some(reading), |reading| async move {
        let mut reading = reading?;
        let read = spawn_blocking(move || reading.next_chunk().map(|chunk| (chunk, reading))).await;
        match read {
            Ok(Ok((chunk, reading))) => chunk.map(|chunk| (Ok(chunk), Some(reading))),
            Ok(Err(error)) => {
                tracing::error!(%error, "a document cannot be read");
                Some((Err(error), None))
            }
            Err(_) => Some((Err(VaultError::System(std::io::ErrorKind::Interrupted.into())), None)),
        }
    })
}

async fn told(site: &Site, of: &Appointment, may_change: bool) -> Result<Documents, ApiError> {
    let documents = site.store.documents(of.id).await?;
    let quota = site.config.services.get(&of.service).map_or_else(Quota::default, |service| service.quota);
    let left = usize::try_from(quota.count).unwrap_or(usize::MAX).saturating_sub(documents.len());
    Ok(Documents {
        may_change,
        count_left: u32::try_from(left).unwrap_or(u32::MAX),
        bytes_left: ledger::room(&documents, quota),
        documents: documents.iter().map(entry).collect(),
        identity: None,
    })
}

fn entry(document: &Document) -> DocumentEntry {
    DocumentEntry {
        id: document.id,
        kind: document.kind,
        name: document.name.clone(),
        media_type: document.file.media_type().to_owned(),
        bytes: document.bytes,
        added: document.added.into(),
    }
}

pub(super) fn phase(site: &Site, of: &Appointment) -> crate::agenda::phase::Phase {
    of.record.link_phase(of.slot(), of.rules, site.clock.now())
}

/// Unknown, of another appointment, or not for this reader: all told alike (O17).
pub(super) fn unknown() -> ApiError {
    ApiError::new(ErrorCode::UnknownDocument, "no such document")
}

pub(super) fn unfit(why: Unfit) -> ApiError {
    ApiError::new(ErrorCode::UnfitDocument, why.to_string())
}

pub(super) fn refused(why: Refusal) -> ApiError {
    let code = match why {
        Refusal::WrongPhase => return ApiError::new(ErrorCode::WrongState, why.to_string()).with_status(StatusCode::CONFLICT),
        Refusal::TooMany | Refusal::IdentityCopyThere => ErrorCode::TooManyDocuments,
        Refusal::TooLarge => ErrorCode::TooLarge,
    };
    ApiError::new(code, why.to_string())
}

/// A full disk is told as what it is (R4), whether the file or its row did not fit.
pub(super) fn kept_error(error: StoreError) -> ApiError {
    // SQLite's and PostgreSQL's words.
    const FULL: [&str; 2] = ["13", "53100"];
    let is_full = match &error {
        StoreError::Vault(VaultError::Full) => true,
        StoreError::Database(sqlx::Error::Database(error)) => error.code().is_some_and(|code| FULL.contains(&&*code)),
        _ => false,
    };
    if is_full {
        tracing::error!("the disk is full: a document was refused");
        return ApiError::new(ErrorCode::NoSpace, "the server has no room for it; nothing of it was kept");
    }
    error.into()
}

/// How many documents are on their way in.
#[derive(Default)]
pub(super) struct Uploads(Arc<Mutex<HashMap<Sender, usize>>>);

/// Whose document is on its way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sender {
    /// Of an appointment.
    Appointment(AppointmentId),
    /// With a booking, of an appointment that is not there yet.
    Origin(Origin),
}

/// One on its way; dropped with the request.
pub(super) struct Turn(Sender, Arc<Mutex<HashMap<Sender, usize>>>);

impl Uploads {
    pub(super) fn begin(&self, of: Sender) -> Result<Turn, ApiError> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.values().sum::<usize>() >= limits::UPLOADS {
            return Err(
                ApiError::new(ErrorCode::Internal, "too many documents at once, try again").with_status(StatusCode::SERVICE_UNAVAILABLE)
            );
        }
        let own = under_way.entry(of).or_default();
        if *own >= limits::UPLOADS_PER_APPOINTMENT {
            return Err(ApiError::slow_down(5));
        }
        *own += 1;
        Ok(Turn(of, self.0.clone()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut under_way = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = under_way.get_mut(&self.0) {
            *own -= 1;
            if *own == 0 {
                under_way.remove(&self.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_are_bounded_for_one_and_for_all_and_counted_down_again() {
        let uploads = Uploads::default();
        let of = Sender::Appointment(AppointmentId(1));
        let turns: Vec<_> = (0..limits::UPLOADS_PER_APPOINTMENT).map(|_| uploads.begin(of).ok()).collect();
        assert!(uploads.begin(of).is_err(), "one more of the same");
        let others: Vec<_> = (2..).map_while(|id| uploads.begin(Sender::Appointment(AppointmentId(id))).ok()).collect();
        assert_eq!(turns.len() + others.len(), limits::UPLOADS);
        drop((turns, others));
        assert!(uploads.0.lock().unwrap().is_empty() && uploads.begin(of).is_ok());
    }
}
