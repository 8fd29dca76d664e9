//! Wishes to be called back, sealed under a key each. Refuses to know when somebody is on duty.

use std::fmt;

use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use super::api_requests::Earlier;
use super::audit::{Who, append};
use super::database::Row;
use super::outbox::{self, Reach};
use super::seal::{self, SealingKey};
use super::{ApiRequest, Store, StoreError, api_requests};
use crate::agenda::phase::Slot;
use crate::ids::{AppointmentId, CallbackId};
use crate::limits;
use crate::time::Timestamp;

/// What is personal of a wish. Has no `Debug` (trust.md P2).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackDetails {
    /// Whom to ask for.
    pub name: String,
    /// Where to call.
    pub phone: String,
    /// A word of the list.
    pub reason: String,
    /// In the citizen's own words; may be empty.
    #[serde(default)]
    pub words: String,
    /// Where it is confirmed.
    #[serde(default)]
    pub email: Option<String>,
}

/// What is asked for. Has no `Debug`: it holds a name.
#[derive(Clone)]
pub struct NewCallback {
    /// The service's key.
    pub service: String,
    /// The appointment that it is about.
    pub appointment: Option<AppointmentId>,
    /// When it suits.
    pub time: Slot,
    /// `en`, `fr`, `de`, `lb`.
    pub language: String,
    /// What is personal.
    pub details: CallbackDetails,
}

/// A wish as it is kept. Its `Debug` leaves out what is personal.
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    /// Which.
    pub id: CallbackId,
    /// The service's key.
    pub service: String,
    /// Of the appointment that it is about, while that is there.
    pub reference: Option<String>,
    /// When it suits.
    pub time: Slot,
    /// `en`, `fr`, `de`, `lb`.
    pub language: String,
    /// What is personal, opened.
    pub details: CallbackDetails,
    /// When it was asked for.
    pub asked: Timestamp,
    /// When somebody called.
    pub done: Option<Timestamp>,
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("id", &self.id).field("service", &self.service).field("done", &self.done).finish_non_exhaustive()
    }
}

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It waits to be done.
    Waits(CallbackId),
    /// This phone waits for a call of the service already.
    Already,
    /// `limits::CALLBACKS_WAITING` wait at the service.
    Full,
    /// The portal asked for something else under this key before.
    KeyReused,
}

impl Store {
    /// Keeps a citizen's wish; the audit trail and the webhook say `callback_requested`.
    pub async fn ask_callback(&self, new: NewCallback, now: Timestamp) -> Result<Asked, StoreError> {
        self.ask_callback_once(new, None, Who::Citizen, now).await
    }

    /// The same by whom it may be; a portal's request that came before is answered with the wish that it made.
    pub async fn ask_callback_once(
        &self,
        new: NewCallback,
        asked: Option<&ApiRequest>,
        who: Who,
        now: Timestamp,
    ) -> Result<Asked, StoreError> {
        let mut id = [0; 16];
        rand::fill(&mut id).map_err(|_| StoreError::Randomness)?;
        let id = CallbackId(u128::from_be_bytes(id));
        let phone = self.inner.contact_key.of_phone(&new.service, &new.details.phone);
        let key_bytes = seal::random_key()?;
        let details = serde_json::to_vec(&new.details).map_err(|_| StoreError::Sealed)?;
        let sealed = SealingKey::new(&key_bytes)?.seal(&place("details_sealed", id), &details)?;
        let mut transaction = self.begin_to_write().await?;
        if let Some(asked) = asked {
            match api_requests::earlier(&mut transaction, asked).await? {
                Earlier::No => {}
                Earlier::Made(_, Some(before)) => return Ok(Asked::Waits(before)),
                Earlier::Made(_, None) | Earlier::Other => return Ok(Asked::KeyReused),
            }
        }
        let waiting = sqlx::query("SELECT phone_mark FROM callbacks WHERE service = $1 AND done_ms IS NULL")
            .bind(&new.service)
            .fetch_all(&mut *transaction)
            .await?;
        for row in &waiting {
            if row.try_get::<Vec<u8>, _>("phone_mark")? == phone.0 {
                return Ok(Asked::Already);
            }
        }
        if waiting.len() >= limits::CALLBACKS_WAITING {
            return Ok(Asked::Full);
        }
        sqlx::query(
            "INSERT INTO callbacks (id, service, appointment, start_ms, end_ms, language, wrapped_key, details_sealed, phone_mark, created_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(id.to_string())
        .bind(&new.service)
        .bind(new.appointment.map(|of| of.to_string()))
        .bind(new.time.start.0)
        .bind(new.time.end.0)
        .bind(&new.language)
        .bind(self.inner.master.seal(&place("wrapped_key", id), key_bytes.as_slice())?)
        .bind(sealed)
        .bind(phone.0.as_slice())
        .bind(now.0)
        .execute(&mut *transaction)
        .await?;
        if let Some(asked) = asked {
            api_requests::keep(&mut transaction, asked, None, Some(id), now).await?;
        }
        append(&mut transaction, "callback_requested", who, new.appointment, now).await?;
        outbox::put_callback(&mut transaction, id, Reach { mail: new.details.email.is_some(), sms: false }, now).await?;
        transaction.commit().await?;
        self.outbox_may_be_filled();
        Ok(Asked::Waits(id))
    }

    /// The wishes for a desk, the first `limits::CALLBACKS_LISTED`: those that wait by their time, then those done last.
    pub async fn callbacks(&self) -> Result<Vec<Callback>, StoreError> {
        let rows = sqlx::query(
            "SELECT callbacks.*, reference FROM callbacks LEFT JOIN appointments ON appointments.id = callbacks.appointment \
             ORDER BY done_ms IS NOT NULL, done_ms DESC, callbacks.start_ms, callbacks.created_ms LIMIT $1",
        )
        .bind(i64::from(limits::CALLBACKS_LISTED))
        .fetch_all(&self.inner.readers)
        .await?;
        rows.iter().map(|row| self.opened_callback(row)).collect()
    }

    /// One wish, while it is kept.
    pub async fn callback(&self, id: CallbackId) -> Result<Option<Callback>, StoreError> {
        let row = sqlx::query(
            "SELECT callbacks.*, reference FROM callbacks LEFT JOIN appointments ON appointments.id = callbacks.appointment \
             WHERE callbacks.id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&self.inner.readers)
        .await?;
        row.map(|row| self.opened_callback(&row)).transpose()
    }

    /// Somebody called, or it turned out that nobody did. False when there is no such wish any more.
    pub async fn set_callback_done(&self, id: CallbackId, done: bool, who: Who, now: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.begin_to_write().await?;
        let appointment: Option<Option<String>> =
            sqlx::query_scalar("UPDATE callbacks SET done_ms = $2 WHERE id = $1 RETURNING appointment")
                .bind(id.to_string())
                .bind(done.then_some(now.0))
                .fetch_optional(&mut *transaction)
                .await?;
        let Some(appointment) = appointment else { return Ok(false) };
        let appointment = appointment.and_then(|id| id.parse().ok());
        append(&mut transaction, if done { "callback_done" } else { "callback_reopened" }, who, appointment, now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Erases what was done a day ago and what nobody did in two weeks. `secure_delete` overwrites the bytes. Answers how many.
    pub async fn erase_callbacks(&self, now: Timestamp) -> Result<u64, StoreError> {
        let erased = sqlx::query("DELETE FROM callbacks WHERE done_ms <= $1 OR created_ms <= $2")
            .bind(now.before(limits::CALLBACK_KEPT_DONE).0)
            .bind(now.before(limits::CALLBACK_KEPT).0)
            .execute(&self.inner.writer)
            .await?;
        if erased.rows_affected() > 0 {
            self.left_traces();
        }
        Ok(erased.rows_affected())
    }

    fn opened_callback(&self, row: &Row) -> Result<Callback, StoreError> {
        let id: CallbackId = row.try_get::<String, _>("id")?.parse().map_err(|_| StoreError::Sealed)?;
        let wrapped: Vec<u8> = row.try_get("wrapped_key")?;
        let key = SealingKey::new(&self.inner.master.open_key(&place("wrapped_key", id), &wrapped)?)?;
        let details = key.open(&place("details_sealed", id), &row.try_get::<Vec<u8>, _>("details_sealed")?)?;
        Ok(Callback {
            id,
            service: row.try_get("service")?,
            reference: row.try_get("reference")?,
            time: Slot { start: Timestamp(row.try_get("start_ms")?), end: Timestamp(row.try_get("end_ms")?) },
            language: row.try_get("language")?,
            details: serde_json::from_slice(&details).map_err(|_| StoreError::Sealed)?,
            asked: Timestamp(row.try_get("created_ms")?),
            done: row.try_get::<Option<i64>, _>("done_ms")?.map(Timestamp),
        })
    }
}

/// The associated data of a sealed column.
fn place(column: &str, id: CallbackId) -> String {
    format!("callbacks.{column}:{id}")
}
