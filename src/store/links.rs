//! The cancel link, and what happens to the links of an appointment: replaced, sent once more. Tokens are made again from the key, never kept.

use sqlx::Row as _;

use super::api_requests::Earlier;
use super::audit::{Who, append};
use super::database::{Pool, begin_to_write, number};
use super::outbox;
use super::outgoing::Kind;
use super::{ApiRequest, Appointment, Found, Store, StoreError, api_requests};
use crate::access::link::LinkKey;
use crate::access::token::{Token, TokenHash};
use crate::ids::AppointmentId;
use crate::time::Timestamp;

/// What became of a link that was to be replaced.
#[derive(Debug)]
pub enum Rotated {
    /// The new token; the old one is dead.
    New(Token),
    /// This very request came before: the token of now, and nothing was done.
    Before(Token),
    /// Something else was asked under the key before; nothing was done.
    KeyReused,
    /// There is no such appointment any more.
    Gone,
}

impl Store {
    /// The token of its cancel link, made again.
    pub fn cancel_token(&self, appointment: &Appointment) -> Token {
        self.inner.link_key.cancel_token(appointment.id, appointment.link_epoch)
    }

    /// The appointment behind a cancel link's hash.
    pub async fn appointment_by_cancel_link(&self, link: TokenHash) -> Result<Found, StoreError> {
        let row = sqlx::query("SELECT * FROM appointments WHERE cancel_hash = $1")
            .bind(link.as_slice())
            .fetch_optional(&self.inner.readers)
            .await?;
        self.found(row, link).await
    }

    /// Replaces the join link: the old one and every cookie that it opened are dead when this returns (S4). Answers the new token.
    pub async fn rotate_link(&self, id: AppointmentId, who: Who, now: Timestamp) -> Result<Option<Token>, StoreError> {
        match self.rotate_link_once(id, None, who, now).await? {
            Rotated::New(token) => Ok(Some(token)),
            Rotated::Before(_) | Rotated::KeyReused | Rotated::Gone => Ok(None),
        }
    }

    /// The same; a request that came before is answered with the link of now.
    pub async fn rotate_link_once(
        &self,
        id: AppointmentId,
        asked: Option<&ApiRequest>,
        who: Who,
        now: Timestamp,
    ) -> Result<Rotated, StoreError> {
        let Some(mut appointment) = self.appointment(id).await? else { return Ok(Rotated::Gone) };
        let old = [self.link_token(&appointment).hash(), self.cancel_token(&appointment).hash()];
        appointment.link_epoch += 1;
        let token = self.link_token(&appointment);
        let mut transaction = self.begin_to_write().await?;
        if let Some(asked) = asked {
            match api_requests::earlier(&mut transaction, asked).await? {
                Earlier::No => api_requests::keep(&mut transaction, asked, Some(id), None, now).await?,
                Earlier::Made(Some(before), _) if before == id => {
                    drop(transaction);
                    let of = self.appointment(id).await?;
                    return Ok(of.map_or(Rotated::Gone, |of| Rotated::Before(self.link_token(&of))));
                }
                Earlier::Made(..) | Earlier::Other => return Ok(Rotated::KeyReused),
            }
        }
        sqlx::query("UPDATE appointments SET link_hash = $2, link_epoch = $3, changed_ms = $4, cancel_hash = $5 WHERE id = $1")
            .bind(id.to_string())
            .bind(token.hash().as_slice())
            .bind(i64::from(appointment.link_epoch))
            .bind(now.0)
            .bind(self.cancel_token(&appointment).hash().as_slice())
            .execute(&mut *transaction)
            .await?;
        for old in old {
            sqlx::query("INSERT INTO replaced_links (link_hash, appointment) VALUES ($1, $2)")
                .bind(old.as_slice())
                .bind(id.to_string())
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("DELETE FROM citizen_sign_ins WHERE appointment = $1").bind(id.to_string()).execute(&mut *transaction).await?;
        append(&mut transaction, "link_rotated", who, Some(id), now).await?;
        outbox::put_message(&mut transaction, Kind::LinkRotated, id, appointment.reach(), now).await?;
        transaction.commit().await?;
        self.inner.seen.forget();
        self.outbox_may_be_filled();
        Ok(Rotated::New(token))
    }

    /// The citizen is sent the same links once more.
    pub async fn resend(&self, appointment: &Appointment, who: Who, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin_to_write().await?;
        append(&mut transaction, "resent", who, Some(appointment.id), now).await?;
        outbox::put_message(&mut transaction, Kind::Resent, appointment.id, appointment.reach(), now).await?;
        transaction.commit().await?;
        self.outbox_may_be_filled();
        Ok(())
    }
}

/// Gives appointments of before their cancel links.
pub(super) async fn make_cancel_links(writer: &Pool, key: &LinkKey) -> Result<(), StoreError> {
    let mut transaction = begin_to_write(writer).await?;
    let rows = sqlx::query("SELECT id, link_epoch FROM appointments WHERE cancel_hash IS NULL").fetch_all(&mut *transaction).await?;
    for row in rows {
        let id: AppointmentId = row.try_get::<String, _>("id")?.parse().map_err(|_| StoreError::Sealed)?;
        let token = key.cancel_token(id, number(&row, "link_epoch")?);
        sqlx::query("UPDATE appointments SET cancel_hash = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(token.hash().as_slice())
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}
