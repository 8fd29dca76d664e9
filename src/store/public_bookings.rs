//! What public booking knows of who booked: marks, never addresses. Within the booking's own transaction it says who holds enough places already.

use sqlx::Row as _;

use super::database::Connection;
use super::{Store, StoreError};
use crate::access::contact::Mark;
use crate::access::token::TokenHash;
use crate::agenda::occupancy;
use crate::agenda::phase::Slot;
use crate::ids::AppointmentId;
use crate::time::Timestamp;

/// A booking by a citizen.
#[derive(Debug, Clone, Copy)]
pub struct PublicBooking {
    /// Agents on duty in the slot.
    pub agents: u16,
    /// The day of the slot, from midnight to midnight.
    pub day: Slot,
    /// The page's own secret: sent again, it finds what it booked before.
    pub attempt: Option<TokenHash>,
    /// Who books, when they signed in at a provider: places are then counted by person instead of by mailbox.
    pub person: Option<Mark>,
}

/// What the transaction found.
pub(super) enum Standing {
    /// May book.
    Free,
    /// The mailbox holds as many places as it may.
    TooMany,
    /// This very attempt was booked before.
    Booked(AppointmentId),
}

/// Whether this mailbox may book on this day.
pub(super) async fn standing(
    connection: &mut Connection,
    email: Mark,
    asked: &PublicBooking,
    now: Timestamp,
) -> Result<Standing, StoreError> {
    if let Some(attempt) = asked.attempt {
        // Under another mailbox the secret is nobody's.
        let booked: Option<String> =
            sqlx::query_scalar("SELECT appointment FROM public_bookings WHERE attempt_hash = $1 AND email_mark = $2")
                .bind(attempt.as_slice())
                .bind(email.0.as_slice())
                .fetch_optional(&mut *connection)
                .await?;
        if let Some(id) = booked {
            return Ok(Standing::Booked(id.parse().map_err(|_| StoreError::Sealed)?));
        }
    }
    let rows = sqlx::query(
        "SELECT start_ms, end_ms FROM public_bookings JOIN appointments ON appointments.id = public_bookings.appointment \
         WHERE email_mark = $1 AND holds_place = 1 AND end_ms > $2",
    )
    .bind(email.0.as_slice())
    .bind(now.0)
    .fetch_all(&mut *connection)
    .await?;
    let mut held = Vec::with_capacity(rows.len());
    for row in rows {
        held.push(Slot { start: Timestamp(row.try_get("start_ms")?), end: Timestamp(row.try_get("end_ms")?) });
    }
    Ok(if occupancy::holds_enough(&held, asked.day) { Standing::TooMany } else { Standing::Free })
}

/// In the booking's own transaction.
pub(super) async fn mark(
    connection: &mut Connection,
    appointment: AppointmentId,
    email: Mark,
    attempt: Option<TokenHash>,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO public_bookings (appointment, email_mark, attempt_hash) VALUES ($1, $2, $3)")
        .bind(appointment.to_string())
        .bind(email.0.as_slice())
        .bind(attempt.map(|hash| hash.to_vec()))
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// Forgets who booked what is over.
    pub async fn forget_public_bookings(&self, now: Timestamp) -> Result<(), StoreError> {
        // Begins with the marks, which are few: those of what is over go each minute.
        let forgotten = sqlx::query(
            "DELETE FROM public_bookings WHERE EXISTS \
             (SELECT 1 FROM appointments WHERE appointments.id = public_bookings.appointment AND end_ms <= $1)",
        )
        .bind(now.0)
        .execute(&self.inner.writer)
        .await?;
        if forgotten.rows_affected() > 0 {
            self.left_traces();
        }
        Ok(())
    }
}
