//! Who takes a place in the time of a service. Reads times alone, opens nothing that is sealed; whether a place is left is the agenda's business.

use std::time::Duration;

use sqlx::Row as _;

use super::database::{Connection, number};
use super::{Store, StoreError};
use crate::agenda::phase::Slot;
use crate::ids::AppointmentId;
use crate::limits;
use crate::time::Timestamp;

impl Store {
    /// The times of all appointments of the service that overlap `span` and were not cancelled.
    pub async fn booked(&self, service: &str, span: Slot) -> Result<Vec<Slot>, StoreError> {
        booked(&mut *self.inner.readers.acquire().await?, service, span, None).await
    }
}

/// The same within a transaction, one appointment apart: one that moves does not stand in its own way.
pub(super) async fn booked(
    connection: &mut Connection,
    service: &str,
    span: Slot,
    apart: Option<AppointmentId>,
) -> Result<Vec<Slot>, StoreError> {
    // A load test has agents of its own and takes no place. No appointment is longer than `APPOINTMENT_LONGEST`, so the index finds those that reach into the span by their start.
    let rows = sqlx::query(
        "SELECT start_ms, end_ms, count(*) AS places FROM appointments WHERE holds_place = 1 AND service = $1 AND start_ms > $2 AND start_ms < $3 AND end_ms > $4 \
         AND id <> $5 AND id NOT IN (SELECT appointment FROM load_appointments) GROUP BY start_ms, end_ms",
    )
    .bind(service)
    .bind(span.start.before(limits::APPOINTMENT_LONGEST + Duration::from_millis(1)).0)
    .bind(span.end.0)
    .bind(span.start.0)
    .bind(apart.map(|id| id.to_string()).unwrap_or_default())
    .fetch_all(connection)
    .await?;
    // A season has thousands of appointments and a few hundred times.
    let mut booked = Vec::new();
    for row in &rows {
        let slot = Slot { start: Timestamp(row.try_get("start_ms")?), end: Timestamp(row.try_get("end_ms")?) };
        booked.extend(std::iter::repeat_n(slot, number(row, "places")?));
    }
    Ok(booked)
}
