//! An appointment that is moved to another time: the row, what it reminds of, and the mail that says so, in one transaction. Decides nothing but whether a place is left.

use super::appointments::raise_sequence;
use super::audit::{Who, append};
use super::outgoing::Kind as Message;
use super::{Appointment, Store, StoreError, outbox, places};
use crate::agenda::occupancy;
use crate::agenda::phase::Slot;
use crate::agenda::retention::look_first;
use crate::limits;
use crate::time::Timestamp;

impl Store {
    /// Moves an appointment to another time; the link stays. False when among so many agents no place is left there; nothing was written then.
    pub async fn reschedule(
        &self,
        appointment: &Appointment,
        slot: Slot,
        agents: Option<u16>,
        who: Who,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin_to_write().await?;
        if let Some(agents) = agents {
            let booked = places::booked(&mut transaction, &appointment.service, slot, Some(appointment.id)).await?;
            if occupancy::places_left(slot, agents, &booked) == 0 {
                return Ok(false);
            }
        }
        sqlx::query("UPDATE appointments SET start_ms = $2, end_ms = $3, changed_ms = $4, look_ms = $5, looked_at_end = 0 WHERE id = $1")
            .bind(appointment.id.to_string())
            .bind(slot.start.0)
            .bind(slot.end.0)
            .bind(now.0)
            .bind(look_first(slot, appointment.rules, appointment.record.course(slot)).0)
            .execute(&mut *transaction)
            .await?;
        // A browser that opened the link stays good for the new time.
        sqlx::query("UPDATE citizen_sign_ins SET expires_ms = $2 WHERE appointment = $1 AND expires_ms < $2")
            .bind(appointment.id.to_string())
            .bind(slot.end.after(limits::CITIZEN_SIGN_IN_AFTER_END).0)
            .execute(&mut *transaction)
            .await?;
        append(&mut transaction, "rescheduled", who, Some(appointment.id), now).await?;
        let (id, reach) = (appointment.id, appointment.reach());
        raise_sequence(&mut transaction, id).await?;
        outbox::put_message(&mut transaction, Message::Rescheduled, id, reach, now).await?;
        outbox::take_back_reminders(&mut transaction, id).await?;
        outbox::put_reminders(&mut transaction, &appointment.service, id, slot.start, reach, now).await?;
        transaction.commit().await?;
        self.inner.seen.doubt(id);
        self.outbox_may_be_filled();
        Ok(true)
    }
}
