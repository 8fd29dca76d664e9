//! The chat of an appointment: sealed messages, each durable before it is acknowledged. What may be said, and who reads it, is the business of `chat`.

use sqlx::Row as _;

use super::seal::SealingKey;
use super::{Store, StoreError};
use crate::chat::Message;
use crate::ids::AppointmentId;

impl Store {
    /// Writes a message down under its number: synced when this returns. A second one with the same number is refused by the database.
    pub async fn keep_message(&self, appointment: AppointmentId, message: &Message) -> Result<(), StoreError> {
        let mut transaction = self.begin_to_write().await?;
        let key = self.key_in(&mut transaction, appointment).await?.ok_or(sqlx::Error::RowNotFound)?;
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(message).map_err(|_| StoreError::Sealed)?);
        sqlx::query("INSERT INTO chat (appointment, number, message_sealed) VALUES ($1, $2, $3)")
            .bind(appointment.to_string())
            .bind(i64::from(message.number))
            .bind(key.seal(&place(appointment, message.number), &plain)?)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// What was said, in order; nothing when the appointment is erased.
    pub async fn messages(&self, appointment: AppointmentId) -> Result<Vec<Message>, StoreError> {
        let mut connection = self.inner.readers.acquire().await?;
        let Some(key) = self.key_in(&mut connection, appointment).await? else { return Ok(Vec::new()) };
        let rows = sqlx::query("SELECT number, message_sealed FROM chat WHERE appointment = $1 ORDER BY number")
            .bind(appointment.to_string())
            .fetch_all(&mut *connection)
            .await?;
        rows.iter()
            .map(|row| {
                let number = u32::try_from(row.try_get::<i64, _>("number")?).map_err(|_| StoreError::Sealed)?;
                opened(&key, appointment, number, &row.try_get::<Vec<u8>, _>("message_sealed")?)
            })
            .collect()
    }
}

fn opened(key: &SealingKey, appointment: AppointmentId, number: u32, sealed: &[u8]) -> Result<Message, StoreError> {
    let plain = key.open(&place(appointment, number), sealed)?;
    let message: Message = serde_json::from_slice(&plain).map_err(|_| StoreError::Sealed)?;
    if message.number == number { Ok(message) } else { Err(StoreError::Sealed) }
}

/// The associated data of a sealed message.
fn place(appointment: AppointmentId, number: u32) -> String {
    format!("chat.message_sealed:{appointment}:{number}")
}
