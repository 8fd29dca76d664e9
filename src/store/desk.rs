//! The appointments that agents see on their desk at a moment. Opens them; which of them are shown how is the business of others.

use std::time::Duration;

use super::{Appointment, Store, StoreError};
use crate::limits;
use crate::time::Timestamp;

impl Store {
    /// Appointments that belong on the desk at `now`: those that begin or end within the day around it, and those whose consultation
    /// changed in it. Of more than `limits::DESK_ROWS` those that begin nearest to `now`, or yesterday's would keep today's out.
    pub async fn desk(&self, now: Timestamp) -> Result<Vec<Appointment>, StoreError> {
        self.nearest(now, limits::DESK_ROWS).await
    }

    async fn nearest(&self, now: Timestamp, most: u32) -> Result<Vec<Appointment>, StoreError> {
        let day = Duration::from_secs(24 * 60 * 60);
        // First which, by the indices alone, then their rows. No appointment is longer than `APPOINTMENT_LONGEST`, so its start finds what reaches into the time.
        let rows = sqlx::query(
            "SELECT * FROM appointments WHERE id IN (SELECT id FROM ( \
             SELECT id, start_ms FROM appointments WHERE start_ms > $5 AND start_ms < $1 AND end_ms > $2 \
             UNION SELECT id, start_ms FROM appointments WHERE changed_ms > $2 AND changed_ms > created_ms \
             ) AS near ORDER BY abs(start_ms - $4), id LIMIT $3) ORDER BY abs(start_ms - $4), id",
        )
        .bind(now.after(day).0)
        .bind(now.before(day).0)
        .bind(i64::from(most))
        .bind(now.0)
        .bind(now.before(day + limits::APPOINTMENT_LONGEST + Duration::from_millis(1)).0)
        .fetch_all(&self.inner.readers)
        .await?;
        rows.iter().map(|row| self.opened(row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agenda::phase::{LinkRules, Slot};
    use crate::store::{Details, NewAppointment};

    #[tokio::test]
    async fn a_full_desk_keeps_what_is_nearest_in_time() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).await.unwrap();
        let hour = Duration::from_secs(3600);
        let now = Timestamp(1_800_000_000_000);
        for start in [now.before(20 * hour), now.before(19 * hour), now.after(hour), now, now.after(20 * hour)] {
            let slot = Slot { start, end: start.after(hour) };
            let (service, name, language) = ("advice".into(), "Clara".into(), "lb".into());
            let new = NewAppointment { service, name, language, details: Details::default(), slot, rules: LinkRules::default() };
            store.book(new, now.before(24 * hour)).await.unwrap();
        }
        let starts: Vec<_> = store.nearest(now, 2).await.unwrap().iter().map(|of| of.start).collect();
        assert_eq!(starts, [now, now.after(hour)]);
    }
}
