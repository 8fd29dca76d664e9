//! Who never came: looked at once, when the slot is over. Refuses to know what is made of it.

use sqlx::Row as _;

use super::audit::{Who, append};
use super::{Store, StoreError};
use crate::consultation::record::Stage;
use crate::limits;
use crate::time::Timestamp;

impl Store {
    /// Writes `no_show` for each citizen whose slot ended within the last day and who was never there; the webhook is told with it. Answers how many. An appointment
    /// that is moved to another time afterwards is looked at again.
    pub async fn note_no_shows(&self, now: Timestamp) -> Result<usize, StoreError> {
        let rows = sqlx::query("SELECT * FROM appointments WHERE looked_at_end = 0 AND end_ms <= $1 ORDER BY end_ms LIMIT $2")
            .bind(now.0)
            .bind(i64::from(limits::ENDED_AT_ONCE))
            .fetch_all(&self.inner.readers)
            .await?;
        let mut missing = 0;
        for row in rows {
            let of = self.opened(&row)?;
            let mut transaction = self.begin_to_write().await?;
            // Moved meanwhile: its turn is yet to come.
            let looked = sqlx::query("UPDATE appointments SET looked_at_end = 1 WHERE id = $1 AND end_ms = $2 AND looked_at_end = 0")
                .bind(of.id.to_string())
                .bind(of.end.0)
                .execute(&mut *transaction)
                .await?;
            let changed: i64 = row.try_get("changed_ms")?;
            let now_changed: Option<i64> = sqlx::query_scalar("SELECT changed_ms FROM appointments WHERE id = $1")
                .bind(of.id.to_string())
                .fetch_optional(&mut *transaction)
                .await?;
            if looked.rows_affected() == 0 || now_changed != Some(changed) {
                continue;
            }
            if of.record.stage == Stage::Expected && of.end > now.before(limits::NO_SHOW_TOLD) {
                append(&mut transaction, "no_show", Who::Service, Some(of.id), now).await?;
                missing += 1;
            }
            transaction.commit().await?;
        }
        if missing > 0 {
            self.outbox_may_be_filled();
        }
        Ok(missing)
    }
}
