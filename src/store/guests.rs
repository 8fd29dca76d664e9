//! Links of guests and the sign-ins that they open. Who may still come is the consultation's record's business.

use super::appointments::Appointment;
use super::database::Connection;
use super::{Store, StoreError};
use crate::access::token::TokenHash;
use crate::consultation::record::Record;
use crate::ids::{AppointmentId, GuestId};
use crate::limits;
use crate::time::Timestamp;

impl Store {
    /// The appointment behind a guest's link, and which guest it is.
    pub async fn guest_by_link(&self, link: TokenHash) -> Result<Option<(Appointment, GuestId)>, StoreError> {
        let id: Option<String> = sqlx::query_scalar("SELECT appointment FROM guest_links WHERE link_hash = $1")
            .bind(link.as_slice())
            .fetch_optional(&self.inner.readers)
            .await?;
        let Some(id) = id else { return Ok(None) };
        let appointment = self.appointment(id.parse().map_err(|_| StoreError::Sealed)?).await?;
        Ok(appointment.and_then(|appointment| {
            let guest = appointment.record.guests.iter().find(|guest| guest.link == link)?.guest;
            Some((appointment, guest))
        }))
    }

    /// A guest exchanged the link for this cookie. At the bound of cookies the oldest of this link goes.
    pub async fn sign_in_guest(
        &self,
        appointment: &Appointment,
        guest: GuestId,
        cookie: TokenHash,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let link = appointment.record.guest(guest).ok_or(sqlx::Error::RowNotFound)?.link;
        let expires = appointment.end.max(now).after(limits::CITIZEN_SIGN_IN_AFTER_END);
        let mut transaction = self.begin_to_write().await?;
        sqlx::query("INSERT INTO guest_sign_ins (cookie_hash, link_hash, created_ms, expires_ms) VALUES ($1, $2, $3, $4)")
            .bind(cookie.as_slice())
            .bind(link.as_slice())
            .bind(now.0)
            .bind(expires.0)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "DELETE FROM guest_sign_ins WHERE link_hash = $1 AND cookie_hash NOT IN \
             (SELECT cookie_hash FROM guest_sign_ins WHERE link_hash = $1 ORDER BY created_ms DESC LIMIT $2)",
        )
        .bind(link.as_slice())
        .bind(i64::from(limits::SIGN_INS_PER_APPOINTMENT))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The appointment and the guest behind a cookie, while it is good.
    pub async fn guest_by_sign_in(&self, cookie: TokenHash, now: Timestamp) -> Result<Option<(Appointment, GuestId)>, StoreError> {
        let link: Option<Vec<u8>> = sqlx::query_scalar("SELECT link_hash FROM guest_sign_ins WHERE cookie_hash = $1 AND expires_ms > $2")
            .bind(cookie.as_slice())
            .bind(now.0)
            .fetch_optional(&self.inner.readers)
            .await?;
        match link.and_then(|link| TokenHash::try_from(link).ok()) {
            Some(link) => self.guest_by_link(link).await,
            None => Ok(None),
        }
    }

    /// Whether this cookie is good as far as its link goes.
    pub async fn has_guest_sign_in(&self, cookie: TokenHash) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM guest_sign_ins WHERE cookie_hash = $1")
            .bind(cookie.as_slice())
            .fetch_optional(&self.inner.readers)
            .await?;
        Ok(found.is_some())
    }
}

/// Brings the table of links to what the record says, in the record's own transaction.
pub(super) async fn write_links(connection: &mut Connection, id: AppointmentId, record: &Record) -> Result<(), StoreError> {
    let known: Vec<Vec<u8>> = sqlx::query_scalar("SELECT link_hash FROM guest_links WHERE appointment = $1")
        .bind(id.to_string())
        .fetch_all(&mut *connection)
        .await?;
    for gone in known.iter().filter(|known| !record.guests.iter().any(|guest| guest.link[..] == known[..])) {
        sqlx::query("DELETE FROM guest_links WHERE link_hash = $1").bind(gone.as_slice()).execute(&mut *connection).await?;
    }
    for new in record.guests.iter().filter(|guest| !known.iter().any(|known| known[..] == guest.link[..])) {
        sqlx::query("INSERT INTO guest_links (link_hash, appointment) VALUES ($1, $2)")
            .bind(new.link.as_slice())
            .bind(id.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
