//! Deletion: the appointment's key and everything under it go, a counter without a person stays. Refuses to know when: the agenda's rules say that.

use std::sync::atomic::Ordering;

use sqlx::Row as _;

use super::audit::{Who, append};
use super::database::{Row, is_postgres, number};
use super::documents;
use super::ledger::LineHash;
use super::{Store, StoreError};
use crate::access::token::TokenHash;
use crate::consultation::record::Counted;
use crate::ids::AppointmentId;
use crate::limits;
use crate::time::Timestamp;

/// What remains of an erased appointment: the receipt. Names nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The service's key.
    pub service: String,
    /// S of mission.md.
    pub start: Timestamp,
    /// E of mission.md.
    pub end: Timestamp,
    /// In which the receipt is shown.
    pub language: String,
    /// A word of [`Counted`].
    pub outcome: String,
    /// How many were destroyed with it.
    pub documents: u32,
    /// By the citizen, not because the time was over.
    pub asked: bool,
    /// When.
    pub erased: Timestamp,
    /// The line of the audit trail that says so.
    pub line: i64,
    /// That line's hash: with it the line is found again in a trail that nobody changed.
    pub hash: LineHash,
}

impl Store {
    /// Destroys the appointment: its key, all that is sealed under it, its links and cookies. None when there is none. What this leaves in the
    /// write-ahead log goes with [`Store::forget_traces`].
    pub async fn erase(&self, id: AppointmentId, who: Who, now: Timestamp) -> Result<Option<Receipt>, StoreError> {
        let mut transaction = self.begin_to_write().await?;
        let row = sqlx::query("SELECT * FROM appointments WHERE id = $1").bind(id.to_string()).fetch_optional(&mut *transaction).await?;
        let Some(row) = row else { return Ok(None) };
        // A row that does not open any more is erased all the same.
        let counted = match self.opened(&row).map_or(Counted::Ended, |appointment| appointment.record.counted_as()) {
            Counted::NoShow if who == Who::Citizen => Counted::Cancelled,
            counted => counted,
        };
        let files = documents::ids_of(&mut transaction, id).await?;
        let line = append(&mut transaction, "erased", who, Some(id), now).await?;
        sqlx::query(
            "INSERT INTO erased (appointment, link_hash, service, start_ms, end_ms, language, outcome, documents, asked, erased_ms, line) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(id.to_string())
        .bind(row.try_get::<Vec<u8>, _>("link_hash")?)
        .bind(row.try_get::<String, _>("service")?)
        .bind(row.try_get::<i64, _>("start_ms")?)
        .bind(row.try_get::<i64, _>("end_ms")?)
        .bind(row.try_get::<String, _>("language")?)
        .bind(counted.word())
        .bind(i64::try_from(files.len()).unwrap_or(i64::MAX))
        .bind(i64::from(who == Who::Citizen))
        .bind(now.0)
        .bind(line.number)
        .execute(&mut *transaction)
        .await?;
        // Who asks for everything to be deleted means the wish to be called back about it too; else it has a time of its own.
        if who == Who::Citizen {
            sqlx::query("DELETE FROM callbacks WHERE appointment = $1").bind(id.to_string()).execute(&mut *transaction).await?;
        }
        // `secure_delete` overwrites the row and those that hang on it: guests' links, cookies, replaced links.
        sqlx::query("DELETE FROM appointments WHERE id = $1").bind(id.to_string()).execute(&mut *transaction).await?;
        let receipt = receipt(
            &sqlx::query("SELECT erased.*, audit.hash FROM erased JOIN audit ON audit.number = erased.line WHERE erased.appointment = $1")
                .bind(id.to_string())
                .fetch_one(&mut *transaction)
                .await?,
        )?;
        transaction.commit().await?;
        self.inner.seen.forget();
        self.left_traces();
        // Their keys are gone: a file that stays because the disk refuses goes with the next start, and nobody can read it until then.
        if let Err(error) = self.remove_files(files).await {
            tracing::error!(%error, "files of an erased appointment could not be removed");
        }
        Ok(Some(receipt))
    }

    /// The files of the database hold something that was deleted.
    pub(super) fn left_traces(&self) {
        self.inner.has_traces.store(true, Ordering::Release);
    }

    /// The receipt behind the hash of a link whose appointment was erased.
    pub(super) async fn receipt_by_link(&self, link: TokenHash) -> Result<Option<Receipt>, StoreError> {
        let row =
            sqlx::query("SELECT erased.*, audit.hash FROM erased JOIN audit ON audit.number = erased.line WHERE erased.link_hash = $1")
                .bind(link.as_slice())
                .fetch_optional(&self.inner.readers)
                .await?;
        row.map(|row| receipt(&row)).transpose()
    }

    /// The appointments of which something may have to go at `now`, those longest due first; at most `limits::ERASED_AT_ONCE`.
    pub async fn due(&self, now: Timestamp) -> Result<Vec<AppointmentId>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM appointments WHERE look_ms <= $1 ORDER BY look_ms, id LIMIT $2")
            .bind(now.0)
            .bind(i64::from(limits::ERASED_AT_ONCE))
            .fetch_all(&self.inner.readers)
            .await?;
        ids.iter().map(|id| id.parse().map_err(|_| StoreError::Sealed)).collect()
    }

    /// Nothing of this appointment goes before `at`.
    pub async fn look_again(&self, id: AppointmentId, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE appointments SET look_ms = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(at.0)
            .execute(&self.inner.writer)
            .await?;
        Ok(())
    }

    /// Takes what was deleted out of the database's files as far as it lets itself be asked: SQLite folds its write-ahead log in and empties it; PostgreSQL takes the dead
    /// rows out of their pages, and its log keeps them until it is written over. False while a reader is in the way.
    pub async fn forget_traces(&self) -> Result<bool, StoreError> {
        if !self.inner.has_traces.swap(false, Ordering::AcqRel) {
            return Ok(true);
        }
        let forgotten = if is_postgres(&self.inner.writer) { self.vacuum().await } else { self.fold().await };
        if !matches!(forgotten, Ok(true)) {
            self.inner.has_traces.store(true, Ordering::Release);
        }
        Ok(forgotten?)
    }

    /// True when the log is empty. Readers are not waited for: meanwhile nobody could write.
    async fn fold(&self) -> Result<bool, sqlx::Error> {
        let mut writer = self.inner.writer.acquire().await?;
        let wait = |limit: std::time::Duration| format!("PRAGMA busy_timeout = {}", limit.as_millis());
        sqlx::raw_sql(sqlx::AssertSqlSafe(wait(limits::CHECKPOINT_WAIT))).execute(&mut *writer).await?;
        let folded = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *writer).await.and_then(|row| row.try_get::<i64, _>(0));
        sqlx::raw_sql(sqlx::AssertSqlSafe(wait(limits::DATABASE_WAIT))).execute(&mut *writer).await?;
        Ok(folded? == 0)
    }

    /// Beside everybody else: it locks nobody out.
    async fn vacuum(&self) -> Result<bool, sqlx::Error> {
        // Whatever holds something sealed or the hash of a secret.
        const TABLES: &str =
            "appointments, documents, callbacks, citizen_sign_ins, guest_links, guest_sign_ins, replaced_links, public_bookings";
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("VACUUM {TABLES}"))).execute(&self.inner.readers).await?;
        Ok(true)
    }
}

fn receipt(row: &Row) -> Result<Receipt, StoreError> {
    Ok(Receipt {
        service: row.try_get("service")?,
        start: Timestamp(row.try_get("start_ms")?),
        end: Timestamp(row.try_get("end_ms")?),
        language: row.try_get("language")?,
        outcome: row.try_get("outcome")?,
        documents: number(row, "documents")?,
        asked: row.try_get::<i64, _>("asked")? != 0,
        erased: Timestamp(row.try_get("erased_ms")?),
        line: row.try_get("line")?,
        hash: row.try_get::<Vec<u8>, _>("hash")?.try_into().map_err(|_| StoreError::Sealed)?,
    })
}
