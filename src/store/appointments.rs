//! Appointments, their join links and the citizens' sign-ins. The name and the consultation's record are sealed under the appointment's own key.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::rand;
use sqlx::Row as _;

use super::audit::{Who, append};
use super::database::{Connection, Row, number};
use super::details::Details;
use super::erasure::Receipt;
use super::guests::write_links;
use super::outbox::{self, Reach};
use super::outgoing::Kind as Message;
use super::public_bookings::{self, PublicBooking, Standing};
use super::seal::{self, SealingKey};
use super::{Store, StoreError, load_test, people, places, reference};
use crate::access::token::{Token, TokenHash};
use crate::agenda::occupancy;
use crate::agenda::phase::{LinkRules, Slot};
use crate::agenda::retention::look_first;
use crate::consultation::Event;
use crate::consultation::record::{Record, Stage};
use crate::ids::AppointmentId;
use crate::limits;
use crate::time::Timestamp;

/// One appointment as the rest of the house sees it. Its `Debug` leaves name and details out (trust.md P2).
#[derive(Clone, PartialEq, Eq)]
pub struct Appointment {
    /// Also the consultation's id.
    pub id: AppointmentId,
    /// Short, can be read over the phone.
    pub reference: String,
    /// The service's key.
    pub service: String,
    /// The citizen's name, opened.
    pub name: String,
    /// `en`, `fr`, `de`, `lb`.
    pub language: String,
    /// What the booking told, opened.
    pub details: Details,
    /// S of mission.md.
    pub start: Timestamp,
    /// E of mission.md.
    pub end: Timestamp,
    /// The service's numbers at the time of booking: a later change of settings does not move what was promised.
    pub rules: LinkRules,
    /// Raised by every rotation of the join link.
    pub link_epoch: u32,
    /// Raised by every change that a calendar entry must follow.
    pub calendar_sequence: u32,
    /// How far its consultation is.
    pub record: Record,
}

impl Appointment {
    /// The time that was booked.
    pub fn slot(&self) -> Slot {
        Slot { start: self.start, end: self.end }
    }

    pub(super) fn reach(&self) -> Reach {
        self.details.reach()
    }
}

impl fmt::Debug for Appointment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Appointment");
        shown.field("id", &self.id).field("reference", &self.reference).field("service", &self.service).field("start", &self.start);
        shown.field("end", &self.end).field("link_epoch", &self.link_epoch).field("record", &self.record).finish_non_exhaustive()
    }
}

/// What is booked. Has no `Debug`: it holds a name.
#[derive(Clone)]
pub struct NewAppointment {
    /// The service's key.
    pub service: String,
    /// The citizen's name.
    pub name: String,
    /// `en`, `fr`, `de`, `lb`.
    pub language: String,
    /// How to reach them, and what they told.
    pub details: Details,
    /// S and E.
    pub slot: Slot,
    /// The service's numbers today.
    pub rules: LinkRules,
}

/// What a join link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Its appointment.
    Appointment(Box<Appointment>),
    /// It was good once; a newer link of the same appointment replaced it.
    Replaced,
    /// Its appointment was erased; this is what remains.
    Erased(Box<Receipt>),
    /// Nothing: mistyped or invented.
    Nothing,
}

/// What became of a citizen's own booking.
#[derive(Debug)]
pub enum Placed {
    /// Booked, with the join link's token, which is not kept.
    Booked(Box<Appointment>, Token),
    /// No place is left; nothing was written.
    Full,
    /// The mailbox holds as many places as it may; nothing was written.
    TooMany,
}

/// What a booking asks for beside its slot.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind<'a> {
    /// Nothing: there always is a place.
    Booked,
    /// A place where at most so many appointments of the service go on at once.
    PlaceAmong(u16),
    /// A place, and that the mailbox does not hold enough of them.
    Public(&'a PublicBooking),
    /// Nothing, and it is taken out with the load test.
    LoadTest,
}

/// What the transaction of a booking came to.
enum Inserted {
    Yes,
    Full,
    TooMany,
    /// This attempt had booked it before.
    Before(AppointmentId),
}

impl Store {
    /// Books: draws id, reference and key; the audit trail says `booked`. Answers the appointment and its join link's token, which is not kept.
    pub async fn book(&self, new: NewAppointment, now: Timestamp) -> Result<(Appointment, Token), StoreError> {
        // Without a number of agents there always is a place.
        self.book_as(new, Kind::Booked, now).await?.ok_or(StoreError::Database(sqlx::Error::RowNotFound))
    }

    /// Books what a citizen asks for by themselves. An attempt that was booked before is answered with what it booked.
    pub async fn book_public(&self, new: NewAppointment, asked: &PublicBooking, now: Timestamp) -> Result<Placed, StoreError> {
        self.placed(new, Kind::Public(asked), now).await
    }

    /// The same where at most `agents` appointments of the service go on at once. None when there is no place left; nothing was written then.
    pub async fn book_place(&self, new: NewAppointment, agents: u16, now: Timestamp) -> Result<Option<(Appointment, Token)>, StoreError> {
        self.book_as(new, Kind::PlaceAmong(agents), now).await
    }

    /// None when there is no place for this kind.
    pub(super) async fn book_as(
        &self,
        new: NewAppointment,
        kind: Kind<'_>,
        now: Timestamp,
    ) -> Result<Option<(Appointment, Token)>, StoreError> {
        match self.placed(new, kind, now).await? {
            Placed::Booked(appointment, token) => Ok(Some((*appointment, token))),
            Placed::Full | Placed::TooMany => Ok(None),
        }
    }

    async fn placed(&self, new: NewAppointment, kind: Kind<'_>, now: Timestamp) -> Result<Placed, StoreError> {
        let mut id = [0; 16];
        rand::fill(&mut id).map_err(|_| StoreError::Randomness)?;
        let mut appointment = Appointment {
            id: AppointmentId(u128::from_be_bytes(id)),
            reference: String::new(),
            service: new.service,
            name: new.name,
            language: new.language,
            details: new.details,
            start: new.slot.start,
            end: new.slot.end,
            rules: new.rules,
            link_epoch: 1,
            calendar_sequence: 0,
            record: Record::default(),
        };
        // A reference has 30 bits: a second one may be taken, five in a row are not chance.
        for _ in 0..5 {
            appointment.reference = reference::random()?;
            match self.insert(&appointment, kind, now).await {
                Err(StoreError::Database(sqlx::Error::Database(error))) if error.is_unique_violation() => continue,
                Err(error) => return Err(error),
                Ok(Inserted::Full) => return Ok(Placed::Full),
                Ok(Inserted::TooMany) => return Ok(Placed::TooMany),
                Ok(Inserted::Before(id)) => appointment = self.appointment(id).await?.ok_or(sqlx::Error::RowNotFound)?,
                Ok(Inserted::Yes) => self.outbox_may_be_filled(),
            }
            let token = self.link_token(&appointment);
            return Ok(Placed::Booked(Box::new(appointment), token));
        }
        Err(StoreError::Randomness)
    }

    /// The token of the appointment's join link, made again.
    pub fn link_token(&self, appointment: &Appointment) -> Token {
        self.inner.link_key.token(appointment.id, appointment.link_epoch)
    }

    /// One appointment with its consultation.
    pub async fn appointment(&self, id: AppointmentId) -> Result<Option<Appointment>, StoreError> {
        let row = sqlx::query("SELECT * FROM appointments WHERE id = $1").bind(id.to_string()).fetch_optional(&self.inner.readers).await?;
        row.map(|row| self.opened(&row)).transpose()
    }

    /// The appointment behind a join link's hash.
    pub async fn appointment_by_link(&self, link: TokenHash) -> Result<Found, StoreError> {
        let row = sqlx::query("SELECT * FROM appointments WHERE link_hash = $1")
            .bind(link.as_slice())
            .fetch_optional(&self.inner.readers)
            .await?;
        self.found(row, link).await
    }

    pub(super) async fn found(&self, row: Option<Row>, link: TokenHash) -> Result<Found, StoreError> {
        if let Some(row) = row {
            return Ok(Found::Appointment(Box::new(self.opened(&row)?)));
        }
        let replaced = sqlx::query("SELECT 1 FROM replaced_links WHERE link_hash = $1")
            .bind(link.as_slice())
            .fetch_optional(&self.inner.readers)
            .await?;
        if replaced.is_some() {
            return Ok(Found::Replaced);
        }
        Ok(self.receipt_by_link(link).await?.map_or(Found::Nothing, |receipt| Found::Erased(Box::new(receipt))))
    }

    /// Appointments that belong on the desk at `now`: those that begin or end within the day around it, and those whose consultation
    /// changed in it. Of more than `limits::DESK_ROWS` those that begin nearest to `now`, or yesterday's would keep today's out.
    pub async fn desk(&self, now: Timestamp) -> Result<Vec<Appointment>, StoreError> {
        self.nearest(now, limits::DESK_ROWS).await
    }

    async fn nearest(&self, now: Timestamp, most: u32) -> Result<Vec<Appointment>, StoreError> {
        let day = Duration::from_secs(24 * 60 * 60);
        let rows = sqlx::query(
            "SELECT * FROM appointments WHERE (start_ms < $1 AND end_ms > $2) OR (changed_ms > $2 AND changed_ms > created_ms) \
             ORDER BY abs(start_ms - $4), id LIMIT $3",
        )
        .bind(now.after(day).0)
        .bind(now.before(day).0)
        .bind(most)
        .bind(now.0)
        .fetch_all(&self.inner.readers)
        .await?;
        rows.iter().map(|row| self.opened(row)).collect()
    }

    /// Writes the consultation and the audit lines of what changed it, both or neither, synced to disk when this returns.
    pub async fn save_consultation(
        &self,
        id: AppointmentId,
        record: &Record,
        trail: &[(&'static str, Who)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = sqlx::query("SELECT * FROM appointments WHERE id = $1").bind(id.to_string()).fetch_one(&self.inner.readers).await?;
        let key = self.key_of(id, &row.try_get::<Vec<u8>, _>("wrapped_key")?)?;
        let (slot, rules) = times(&row)?;
        let sealed = key.seal(&place("record_sealed", id), &json(record)?)?;
        let mut transaction = self.begin_to_write().await?;
        let written =
            sqlx::query("UPDATE appointments SET record_sealed = $2, changed_ms = $3, holds_place = $4, look_ms = $5 WHERE id = $1")
                .bind(id.to_string())
                .bind(sealed)
                .bind(now.0)
                .bind(record.stage != Stage::Cancelled)
                .bind(look_first(slot, rules, record.course(slot)).0)
                .execute(&mut *transaction)
                .await?;
        if written.rows_affected() != 1 {
            return Err(StoreError::Database(sqlx::Error::RowNotFound));
        }
        if record.invitations > 0 {
            write_links(&mut transaction, id, record).await?;
        }
        for (what, who) in trail {
            append(&mut transaction, what, *who, Some(id), now).await?;
        }
        if trail.iter().any(|(what, _)| *what == Event::Cancel.word()) {
            let reach = details(&key, id, &row)?.reach();
            raise_sequence(&mut transaction, id).await?;
            outbox::take_back_reminders(&mut transaction, id).await?;
            outbox::put_message(&mut transaction, Message::Cancelled, id, reach, now).await?;
        }
        transaction.commit().await?;
        self.outbox_may_be_filled();
        Ok(())
    }

    /// The appointment that is called so on the phone.
    pub async fn appointment_by_reference(&self, reference: &str) -> Result<Option<Appointment>, StoreError> {
        let row = sqlx::query("SELECT * FROM appointments WHERE reference = $1")
            .bind(reference.to_ascii_uppercase())
            .fetch_optional(&self.inner.readers)
            .await?;
        row.map(|row| self.opened(&row)).transpose()
    }

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
        sqlx::query("UPDATE appointments SET start_ms = $2, end_ms = $3, changed_ms = $4, look_ms = $5 WHERE id = $1")
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
        self.outbox_may_be_filled();
        Ok(true)
    }

    /// A citizen exchanged the link for this cookie. At the bound of cookies the oldest of this appointment goes.
    pub async fn sign_in_citizen(&self, appointment: &Appointment, cookie: TokenHash, now: Timestamp) -> Result<(), StoreError> {
        let id = appointment.id.to_string();
        let expires = appointment.end.max(now).after(limits::CITIZEN_SIGN_IN_AFTER_END);
        let mut transaction = self.begin_to_write().await?;
        sqlx::query(
            "INSERT INTO citizen_sign_ins (cookie_hash, appointment, link_epoch, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(cookie.as_slice())
        .bind(&id)
        .bind(appointment.link_epoch)
        .bind(now.0)
        .bind(expires.0)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "DELETE FROM citizen_sign_ins WHERE appointment = $1 AND cookie_hash NOT IN \
             (SELECT cookie_hash FROM citizen_sign_ins WHERE appointment = $1 ORDER BY created_ms DESC LIMIT $2)",
        )
        .bind(&id)
        .bind(limits::SIGN_INS_PER_APPOINTMENT)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The appointment behind a citizen's cookie, while the cookie and the link that opened it are good.
    pub async fn appointment_by_sign_in(&self, cookie: TokenHash, now: Timestamp) -> Result<Option<Appointment>, StoreError> {
        let row = sqlx::query(
            "SELECT appointments.* FROM citizen_sign_ins JOIN appointments ON appointments.id = citizen_sign_ins.appointment \
             AND appointments.link_epoch = citizen_sign_ins.link_epoch WHERE cookie_hash = $1 AND expires_ms > $2",
        )
        .bind(cookie.as_slice())
        .bind(now.0)
        .fetch_optional(&self.inner.readers)
        .await?;
        row.map(|row| self.opened(&row)).transpose()
    }

    /// Whether this cookie has not ended with the link that opened it.
    pub async fn has_citizen_sign_in(&self, cookie: TokenHash) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM citizen_sign_ins WHERE cookie_hash = $1")
            .bind(cookie.as_slice())
            .fetch_optional(&self.inner.readers)
            .await?;
        Ok(found.is_some())
    }

    /// Anything but `Yes`: nothing was written.
    async fn insert(&self, appointment: &Appointment, kind: Kind<'_>, now: Timestamp) -> Result<Inserted, StoreError> {
        let id = appointment.id;
        let key_bytes = seal::random_key()?;
        let key = SealingKey::new(&key_bytes)?;
        let mut transaction = self.begin_to_write().await?;
        let email = match kind {
            Kind::Public(PublicBooking { person: Some(person), .. }) => self.inner.contact_key.of_holder(&appointment.service, *person),
            _ => self.inner.contact_key.of_email(&appointment.service, appointment.details.email.as_deref().unwrap_or_default()),
        };
        let agents = match kind {
            Kind::PlaceAmong(agents) => Some(agents),
            Kind::Public(asked) => match public_bookings::standing(&mut transaction, email, asked, now).await? {
                Standing::Free => Some(asked.agents),
                Standing::TooMany => return Ok(Inserted::TooMany),
                Standing::Booked(id) => return Ok(Inserted::Before(id)),
            },
            Kind::Booked | Kind::LoadTest => None,
        };
        if let Some(agents) = agents {
            let booked = places::booked(&mut transaction, &appointment.service, appointment.slot(), None).await?;
            if occupancy::places_left(appointment.slot(), agents, &booked) == 0 {
                return Ok(Inserted::Full);
            }
        }
        sqlx::query(
            "INSERT INTO appointments (id, reference, service, start_ms, end_ms, early_ms, come_back_ms, give_up_ms, language, wrapped_key, \
             name_sealed, record_sealed, link_hash, link_epoch, created_ms, changed_ms, details_sealed, documents_ms, look_ms, cancel_hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16, $17, $18, $19)",
        )
        .bind(id.to_string())
        .bind(&appointment.reference)
        .bind(&appointment.service)
        .bind(appointment.start.0)
        .bind(appointment.end.0)
        .bind(millis(appointment.rules.early))
        .bind(millis(appointment.rules.come_back))
        .bind(millis(appointment.rules.give_up))
        .bind(&appointment.language)
        .bind(self.inner.master.seal(&place("wrapped_key", id), key_bytes.as_slice())?)
        .bind(key.seal(&place("name_sealed", id), appointment.name.as_bytes())?)
        .bind(key.seal(&place("record_sealed", id), &json(&appointment.record)?)?)
        .bind(self.link_token(appointment).hash().as_slice())
        .bind(appointment.link_epoch)
        .bind(now.0)
        .bind(key.seal(&place("details_sealed", id), &appointment.details.to_json()?)?)
        .bind(millis(appointment.rules.documents))
        .bind(look_first(appointment.slot(), appointment.rules, appointment.record.course(appointment.slot())).0)
        .bind(self.cancel_token(appointment).hash().as_slice())
        .execute(&mut *transaction)
        .await?;
        if let Kind::LoadTest = kind {
            load_test::mark(&mut transaction, id).await?;
        }
        let mut who = Who::Api;
        if let Kind::Public(asked) = kind {
            who = Who::Citizen;
            public_bookings::mark(&mut transaction, id, email, asked.attempt).await?;
            if let Some(person) = asked.person {
                people::own(&mut transaction, id, person).await?;
            }
        }
        append(&mut transaction, "booked", who, Some(id), now).await?;
        outbox::put_message(&mut transaction, Message::Booked, id, appointment.reach(), now).await?;
        outbox::put_reminders(&mut transaction, &appointment.service, id, appointment.start, appointment.reach(), now).await?;
        transaction.commit().await?;
        Ok(Inserted::Yes)
    }

    pub(super) fn opened(&self, row: &Row) -> Result<Appointment, StoreError> {
        let id: AppointmentId = row.try_get::<String, _>("id")?.parse().map_err(|_| StoreError::Sealed)?;
        let key = self.key_of(id, &row.try_get::<Vec<u8>, _>("wrapped_key")?)?;
        let name = key.open(&place("name_sealed", id), &row.try_get::<Vec<u8>, _>("name_sealed")?)?;
        let record = key.open(&place("record_sealed", id), &row.try_get::<Vec<u8>, _>("record_sealed")?)?;
        let (slot, rules) = times(row)?;
        Ok(Appointment {
            id,
            reference: row.try_get("reference")?,
            service: row.try_get("service")?,
            name: String::from_utf8(name.to_vec()).map_err(|_| StoreError::Sealed)?,
            language: row.try_get("language")?,
            details: details(&key, id, row)?,
            start: slot.start,
            end: slot.end,
            rules,
            link_epoch: number(row, "link_epoch")?,
            calendar_sequence: number(row, "calendar_sequence")?,
            record: serde_json::from_slice(&record).map_err(|_| StoreError::Sealed)?,
        })
    }

    pub(super) fn key_of(&self, id: AppointmentId, wrapped: &[u8]) -> Result<SealingKey, StoreError> {
        SealingKey::new(&self.inner.master.open_key(&place("wrapped_key", id), wrapped)?)
    }
}

/// The slot and the numbers that were promised with it.
fn times(row: &Row) -> Result<(Slot, LinkRules), StoreError> {
    let rules = LinkRules {
        early: duration(row.try_get("early_ms")?),
        come_back: duration(row.try_get("come_back_ms")?),
        give_up: duration(row.try_get("give_up_ms")?),
        documents: duration(row.try_get("documents_ms")?),
    };
    Ok((Slot { start: Timestamp(row.try_get("start_ms")?), end: Timestamp(row.try_get("end_ms")?) }, rules))
}

/// What the booking told; nothing of appointments of before.
fn details(key: &SealingKey, id: AppointmentId, row: &Row) -> Result<Details, StoreError> {
    match row.try_get::<Option<Vec<u8>>, _>("details_sealed")? {
        Some(sealed) => Details::from_json(&key.open(&place("details_sealed", id), &sealed)?),
        None => Ok(Details::default()),
    }
}

/// A calendar entry that was sent before is older from now on.
async fn raise_sequence(connection: &mut Connection, id: AppointmentId) -> Result<(), StoreError> {
    sqlx::query("UPDATE appointments SET calendar_sequence = calendar_sequence + 1 WHERE id = $1")
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// The associated data of a sealed column.
pub(super) fn place(column: &str, id: AppointmentId) -> String {
    format!("appointments.{column}:{id}")
}

fn json(record: &Record) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record).map_err(|_| StoreError::Sealed)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

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
