//! The browsers in which a citizen is signed in: each exchanged the join link for a cookie. While the database does not answer, a link that was seen still
//! gives one, which is written when it answers again. Which appointment it is, and whether it may be seen, is decided elsewhere.

use super::appointments::Appointment;
use super::seen::Asked;
use super::{Store, StoreError};
use crate::access::token::TokenHash;
use crate::limits;
use crate::time::Timestamp;

impl Store {
    /// A citizen exchanged the link for this cookie. At the bound of cookies the oldest of this appointment goes.
    /// While the database does not answer the cookie is good for a link that was seen, and written later.
    pub async fn sign_in_citizen(&self, appointment: &Appointment, cookie: TokenHash, now: Timestamp) -> Result<(), StoreError> {
        if self.is_away() && self.inner.seen.give(cookie, appointment.id, now) {
            return Ok(());
        }
        match self.in_time(self.write_sign_in(appointment, cookie, now)).await {
            Err(error) if error.is_away() && self.inner.seen.give(cookie, appointment.id, now) => Ok(()),
            told => told,
        }
    }

    /// One that waits to be written is not taken for one that has ended.
    async fn catch_up_with(&self, cookie: TokenHash) {
        if self.inner.seen.waiting().iter().any(|(waits, ..)| *waits == cookie) {
            // When it fails the database is away still, and what was seen counts.
            let _ = self.catch_up().await;
        }
    }

    /// Asks a database that did not answer again, and writes cookies and lines of that time. To be called each second or so.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        if self.is_away() {
            // As somebody who writes: who can only read is away too.
            self.in_time(async { Ok(self.begin_to_write().await?.rollback().await?) }).await?;
        }
        // One at a time: a line is written once.
        let _alone = self.inner.catching_up.lock().await;
        while let Some((what, who, appointment, at)) = self.inner.seen.next_line() {
            self.write_line(what, who, appointment, at).await?;
            self.inner.seen.line_written();
        }
        for (cookie, id, given) in self.inner.seen.waiting() {
            let sql = "SELECT * FROM appointments WHERE id = $1";
            let row = self.in_time(async { Ok(sqlx::query(sql).bind(id.to_string()).fetch_optional(&self.inner.readers).await?) }).await?;
            if let Some(row) = row {
                self.in_time(self.write_sign_in(&self.opened(&row)?, cookie, given)).await?;
            }
            self.inner.seen.settle(cookie);
        }
        Ok(())
    }

    async fn write_sign_in(&self, appointment: &Appointment, cookie: TokenHash, now: Timestamp) -> Result<(), StoreError> {
        let id = appointment.id.to_string();
        let expires = appointment.end.max(now).after(limits::CITIZEN_SIGN_IN_AFTER_END);
        let mut transaction = self.begin_to_write().await?;
        // Written twice when the first answer did not come.
        sqlx::query(
            "INSERT INTO citizen_sign_ins (cookie_hash, appointment, link_epoch, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (cookie_hash) DO NOTHING",
        )
        .bind(cookie.as_slice())
        .bind(&id)
        .bind(i64::from(appointment.link_epoch))
        .bind(now.0)
        .bind(expires.0)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "DELETE FROM citizen_sign_ins WHERE appointment = $1 AND cookie_hash NOT IN \
             (SELECT cookie_hash FROM citizen_sign_ins WHERE appointment = $1 ORDER BY created_ms DESC LIMIT $2)",
        )
        .bind(&id)
        .bind(i64::from(limits::SIGN_INS_PER_APPOINTMENT))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The appointment behind a citizen's cookie, while the cookie and the link that opened it are good.
    pub async fn appointment_by_sign_in(&self, cookie: TokenHash, now: Timestamp) -> Result<Option<Appointment>, StoreError> {
        self.catch_up_with(cookie).await;
        self.seen_or(Asked::Citizen(cookie), async {
            let row = sqlx::query(
                "SELECT appointments.* FROM citizen_sign_ins JOIN appointments ON appointments.id = citizen_sign_ins.appointment \
                 AND appointments.link_epoch = citizen_sign_ins.link_epoch WHERE cookie_hash = $1 AND expires_ms > $2",
            )
            .bind(cookie.as_slice())
            .bind(now.0)
            .fetch_optional(&self.inner.readers)
            .await?;
            row.map(|row| self.opened(&row)).transpose()
        })
        .await
    }

    /// Whether this cookie has not ended with the link that opened it.
    pub async fn has_citizen_sign_in(&self, cookie: TokenHash) -> Result<bool, StoreError> {
        self.catch_up_with(cookie).await;
        if self.is_away() && self.inner.seen.recall(Asked::Citizen(cookie)).is_some() {
            return Ok(true);
        }
        let asked = self.in_time(async {
            let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM citizen_sign_ins WHERE cookie_hash = $1")
                .bind(cookie.as_slice())
                .fetch_optional(&self.inner.readers)
                .await?;
            Ok(found.is_some())
        });
        match asked.await {
            Err(error) if error.is_away() && self.inner.seen.recall(Asked::Citizen(cookie)).is_some() => Ok(true),
            told => told,
        }
    }
}
