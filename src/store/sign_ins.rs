//! The browsers in which a citizen opened their link: cookies, of which the hash alone is kept. Each ends with the link that opened it.

use super::{Appointment, Store, StoreError};
use crate::access::token::TokenHash;
use crate::limits;
use crate::time::Timestamp;

impl Store {
    /// A citizen exchanged the link for this cookie. At the bound of cookies the oldest of this appointment goes.
    pub async fn sign_in_citizen(&self, appointment: &Appointment, cookie: TokenHash, now: Timestamp) -> Result<(), StoreError> {
        let id = appointment.id.to_string();
        let expires = appointment.end.max(now).after(limits::CITIZEN_SIGN_IN_AFTER_END);
        let mut transaction = self.begin_to_write().await?;
        sqlx::query(
            "INSERT INTO citizen_sign_ins (cookie_hash, appointment, link_epoch, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(cookie.as_slice())
        .bind(&id)
        .bind(appointment.link_epoch)
        .bind(now.0)
        .bind(expires.0)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "DELETE FROM citizen_sign_ins WHERE appointment = $1 AND cookie_hash NOT IN \
             (SELECT cookie_hash FROM citizen_sign_ins WHERE appointment = $1 ORDER BY created_ms DESC LIMIT $2)",
        )
        .bind(&id)
        .bind(limits::SIGN_INS_PER_APPOINTMENT)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The appointment behind a citizen's cookie, while the cookie and the link that opened it are good.
    pub async fn appointment_by_sign_in(&self, cookie: TokenHash, now: Timestamp) -> Result<Option<Appointment>, StoreError> {
        let row = sqlx::query(
            "SELECT appointments.* FROM citizen_sign_ins JOIN appointments ON appointments.id = citizen_sign_ins.appointment \
             AND appointments.link_epoch = citizen_sign_ins.link_epoch WHERE cookie_hash = $1 AND expires_ms > $2",
        )
        .bind(cookie.as_slice())
        .bind(now.0)
        .fetch_optional(&self.inner.readers)
        .await?;
        row.map(|row| self.opened(&row)).transpose()
    }

    /// Whether this cookie has not ended with the link that opened it.
    pub async fn has_citizen_sign_in(&self, cookie: TokenHash) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM citizen_sign_ins WHERE cookie_hash = $1")
            .bind(cookie.as_slice())
            .fetch_optional(&self.inner.readers)
            .await?;
        Ok(found.is_some())
    }
}
