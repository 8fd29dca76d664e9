//! What portals book, and asked for under an Idempotency-Key, as hashes: asked again it is answered what was made then. Knows no header and no body.

use sqlx::Row as _;

use super::appointments::Kind;
use super::database::Connection;
use super::{Appointment, NewAppointment, Placed, Store, StoreError};
use crate::access::token::Token;
use crate::ids::{AppointmentId, CallbackId};
use crate::limits;
use crate::time::Timestamp;

/// A request that must do its work once, however often it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiRequest {
    /// SHA-256 of the portal and its key for this request.
    pub key: [u8; 32],
    /// SHA-256 of what is asked for.
    pub request: [u8; 32],
}

/// What the transaction found.
pub(super) enum Earlier {
    /// It comes for the first time.
    No,
    /// It was asked before, and this was made.
    Made(Option<AppointmentId>, Option<CallbackId>),
    /// Something else was asked under the key.
    Other,
}

/// Whether it came before.
pub(super) async fn earlier(connection: &mut Connection, asked: &ApiRequest) -> Result<Earlier, StoreError> {
    let row = sqlx::query("SELECT request_hash, appointment, callback FROM api_requests WHERE key_hash = $1")
        .bind(asked.key.as_slice())
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(Earlier::No) };
    if row.try_get::<Vec<u8>, _>("request_hash")? != asked.request {
        return Ok(Earlier::Other);
    }
    let (appointment, callback): (Option<String>, Option<String>) = (row.try_get("appointment")?, row.try_get("callback")?);
    Ok(Earlier::Made(appointment.and_then(|id| id.parse().ok()), callback.and_then(|id| id.parse().ok())))
}

/// The same where a portal need not say a key.
pub(super) async fn earlier_of(connection: &mut Connection, asked: Option<&ApiRequest>) -> Result<Earlier, StoreError> {
    match asked {
        Some(asked) => earlier(connection, asked).await,
        None => Ok(Earlier::No),
    }
}

/// In the transaction of what was made.
pub(super) async fn keep(
    connection: &mut Connection,
    asked: &ApiRequest,
    appointment: Option<AppointmentId>,
    callback: Option<CallbackId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO api_requests (key_hash, request_hash, appointment, callback, created_ms) VALUES ($1, $2, $3, $4, $5)")
        .bind(asked.key.as_slice())
        .bind(asked.request.as_slice())
        .bind(appointment.map(|id| id.to_string()))
        .bind(callback.map(|id| id.to_string()))
        .bind(now.0)
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// Books where at most `agents` appointments of the service go on at once. None when there is no place left; nothing was written then.
    pub async fn book_place(&self, new: NewAppointment, agents: u16, now: Timestamp) -> Result<Option<(Appointment, Token)>, StoreError> {
        self.book_as(new, Kind::Portal(Some(agents), None), now).await
    }

    /// Books what a portal asks for, where a number is said among at most so many appointments of the service at once. A request that came before is
    /// answered with what it booked.
    pub async fn book_for_portal(
        &self,
        new: NewAppointment,
        agents: Option<u16>,
        asked: Option<&ApiRequest>,
        now: Timestamp,
    ) -> Result<Placed, StoreError> {
        self.placed(new, Kind::Portal(agents, asked), None, now).await
    }

    /// Forgets what was asked longer ago than `limits::API_REQUEST_KEPT`.
    pub async fn forget_api_requests(&self, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM api_requests WHERE created_ms <= $1")
            .bind(now.before(limits::API_REQUEST_KEPT).0)
            .execute(&self.inner.writer)
            .await?;
        Ok(())
    }
}
