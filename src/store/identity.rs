//! What an agent said after a look at an identity card, sealed with the appointment. Saying it destroys the copy: one transaction, then the file.
//! Knows no picture; who may look is the business of others.

use sqlx::Row as _;

use super::audit::{Who, append};
use super::database::Row;
use super::{Store, StoreError, documents};
use crate::agenda::identity::{IdentityMethod, IdentityResult, IdentitySeen};
use crate::ids::{AgentId, AppointmentId};
use crate::time::Timestamp;

impl Store {
    /// What was said last; none when nobody has, or the appointment is gone.
    pub async fn identity_seen(&self, id: AppointmentId) -> Result<Option<IdentitySeen>, StoreError> {
        let row = sqlx::query("SELECT wrapped_key, identity_sealed FROM appointments WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.inner.readers)
            .await?;
        row.map_or(Ok(None), |row| self.identity_in(id, &row))
    }

    fn identity_in(&self, id: AppointmentId, row: &Row) -> Result<Option<IdentitySeen>, StoreError> {
        let Some(sealed) = row.try_get::<Option<Vec<u8>>, _>("identity_sealed")? else { return Ok(None) };
        let opened = self.key_of(id, &row.try_get::<Vec<u8>, _>("wrapped_key")?)?.open(&place(id), &sealed)?;
        serde_json::from_slice(&opened).map(Some).map_err(|_| StoreError::Sealed)
    }

    /// Keeps what the agent says, and destroys the copy of the card. None when there is no such appointment.
    pub async fn say_identity(
        &self,
        id: AppointmentId,
        result: IdentityResult,
        agent: AgentId,
        now: Timestamp,
    ) -> Result<Option<IdentitySeen>, StoreError> {
        let mut transaction = self.begin_to_write().await?;
        let row = sqlx::query("SELECT wrapped_key, identity_sealed FROM appointments WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let key = self.key_of(id, &row.try_get::<Vec<u8>, _>("wrapped_key")?)?;
        let copies = documents::take_identity_copy(&mut transaction, id).await?;
        let seen = IdentitySeen { method: IdentityMethod::of(result, !copies.is_empty()), result, agent, at: now };
        // Whoever corrects what was said has no copy any more: the look was at the one that was there.
        let seen = match self.identity_in(id, &row)? {
            Some(before) if before.method == IdentityMethod::Copy && seen.method == IdentityMethod::CardShown => {
                IdentitySeen { method: before.method, ..seen }
            }
            _ => seen,
        };
        let json = serde_json::to_vec(&seen).map_err(|_| StoreError::Sealed)?;
        sqlx::query("UPDATE appointments SET identity_sealed = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(key.seal(&place(id), &json)?)
            .execute(&mut *transaction)
            .await?;
        append(&mut transaction, result.word(), Who::Agent(agent), Some(id), now).await?;
        if !copies.is_empty() {
            append(&mut transaction, "document_deleted", Who::Agent(agent), Some(id), now).await?;
        }
        transaction.commit().await?;
        if !copies.is_empty() {
            self.left_traces();
            self.remove_files(copies).await?;
        }
        Ok(Some(seen))
    }
}

/// The associated data of the sealed column.
fn place(id: AppointmentId) -> String {
    format!("appointments.identity_sealed:{id}")
}
