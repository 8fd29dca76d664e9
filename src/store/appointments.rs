//! Appointments, their join links and the citizens' sign-ins. The name and the consultation's record are sealed under the appointment's own key.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::rand;
use sqlx::Row as _;

use super::api_requests::Earlier;
use super::audit::{Who, append};
use super::database::{Connection, Row, number};
use super::details::Details;
use super::documents::{self, ArrivedCopy};
use super::erasure::Receipt;
use super::guests::write_links;
use super::outbox::{self, Reach};
use super::outgoing::Kind as Message;
use super::public_bookings::{self, PublicBooking, Standing};
use super::seal::{self, SealingKey};
use super::seen::Asked;
use super::{ApiRequest, Store, StoreError, api_requests, load_test, people, places, reference};
use crate::access::token::{Token, TokenHash};
use crate::agenda::occupancy;
use crate::agenda::phase::{LinkRules, Slot};
use crate::agenda::retention::look_first;
use crate::consultation::Event;
use crate::consultation::record::{Record, Stage};
use crate::documents::ledger::DocumentKind;
use crate::ids::AppointmentId;
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
    /// The portal asked for something else under this key before; nothing was written.
    KeyReused,
}

/// What a booking asks for beside its slot.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind<'a> {
    /// Nothing: there always is a place.
    Booked,
    /// A place where at most so many appointments of the service go on at once, if a number is said; and that it was not asked for before.
    Portal(Option<u16>, Option<&'a ApiRequest>),
    /// A place, and that the mailbox does not hold enough of them.
    Public(&'a PublicBooking),
    /// Nothing, and it is taken out with the load test.
    LoadTest,
}

/// What the transaction of a booking came to.
enum Inserted {
    Yes,
    /// Nothing was written, for this reason.
    No(Placed),
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
    /// The copy of the identity card is theirs with the same commit; unless it is booked now nothing of the copy is left.
    pub async fn book_public(
        &self,
        new: NewAppointment,
        asked: &PublicBooking,
        copy: Option<ArrivedCopy>,
        now: Timestamp,
    ) -> Result<Placed, StoreError> {
        self.placed(new, Kind::Public(asked), copy, now).await
    }

    /// None when there is no place for this kind.
    pub(super) async fn book_as(
        &self,
        new: NewAppointment,
        kind: Kind<'_>,
        now: Timestamp,
    ) -> Result<Option<(Appointment, Token)>, StoreError> {
        match self.placed(new, kind, None, now).await? {
            Placed::Booked(appointment, token) => Ok(Some((*appointment, token))),
            Placed::Full | Placed::TooMany | Placed::KeyReused => Ok(None),
        }
    }

    pub(super) async fn placed(
        &self,
        new: NewAppointment,
        kind: Kind<'_>,
        mut copy: Option<ArrivedCopy>,
        now: Timestamp,
    ) -> Result<Placed, StoreError> {
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
            match self.insert(&appointment, kind, copy.as_ref(), now).await {
                Err(StoreError::Database(sqlx::Error::Database(error))) if error.is_unique_violation() => continue,
                Err(error) => return Err(error),
                Ok(Inserted::No(why)) => return Ok(why),
                Ok(Inserted::Before(id)) => appointment = self.appointment(id).await?.ok_or(sqlx::Error::RowNotFound)?,
                Ok(Inserted::Yes) => {
                    if let Some(copy) = &mut copy {
                        copy.arrived.keep();
                    }
                    self.outbox_may_be_filled();
                }
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
        self.seen_or(Asked::Id(id), async {
            let row =
                sqlx::query("SELECT * FROM appointments WHERE id = $1").bind(id.to_string()).fetch_optional(&self.inner.readers).await?;
            row.map(|row| self.opened(&row)).transpose()
        })
        .await
    }

    /// Asks the database for an appointment; while it does not answer, what it said the last time counts.
    pub(super) async fn seen_or(
        &self,
        asked: Asked,
        ask: impl Future<Output = Result<Option<Appointment>, StoreError>>,
    ) -> Result<Option<Appointment>, StoreError> {
        if self.is_away()
            && let Some(of) = self.inner.seen.recall(asked)
        {
            return Ok(Some(of));
        }
        let changes = self.inner.seen.changes();
        match self.in_time(ask).await {
            Ok(found) => {
                self.inner.seen.keep(asked, found.as_ref(), changes);
                Ok(found)
            }
            Err(error) if error.is_away() => self.inner.seen.recall(asked).map(Some).ok_or(error),
            Err(error) => Err(error),
        }
    }

    /// The appointment behind a join link's hash.
    pub async fn appointment_by_link(&self, link: TokenHash) -> Result<Found, StoreError> {
        let asked = self.seen_or(Asked::Link(link), async {
            let row = sqlx::query("SELECT * FROM appointments WHERE link_hash = $1")
                .bind(link.as_slice())
                .fetch_optional(&self.inner.readers)
                .await?;
            row.map(|row| self.opened(&row)).transpose()
        });
        match asked.await? {
            Some(appointment) => Ok(Found::Appointment(Box::new(appointment))),
            None => self.in_time(self.found(None, link)).await,
        }
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

    /// Writes the consultation and the audit lines of what changed it, both or neither, synced to disk when this returns.
    pub async fn save_consultation(
        &self,
        id: AppointmentId,
        record: &Record,
        trail: &[(&'static str, Who)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let written = self.in_time(self.write_consultation(id, record, trail, now)).await;
        // What failed was not acknowledged: whoever goes on from what was before loses nothing.
        if written.is_ok() {
            self.inner.seen.renew(id, record);
        }
        written
    }

    async fn write_consultation(
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
                .bind(i64::from(record.stage != Stage::Cancelled))
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

    /// Anything but `Yes`: nothing was written.
    async fn insert(
        &self,
        appointment: &Appointment,
        kind: Kind<'_>,
        copy: Option<&ArrivedCopy>,
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        let id = appointment.id;
        let key_bytes = seal::random_key()?;
        let key = SealingKey::new(&key_bytes)?;
        let mut transaction = self.begin_to_write().await?;
        let email = match kind {
            Kind::Public(PublicBooking { person: Some(person), .. }) => self.inner.contact_key.of_holder(&appointment.service, *person),
            _ => self.inner.contact_key.of_email(&appointment.service, appointment.details.email.as_deref().unwrap_or_default()),
        };
        let agents = match kind {
            Kind::Portal(agents, asked) => match api_requests::earlier_of(&mut transaction, asked).await? {
                Earlier::No => agents,
                Earlier::Made(Some(id), _) => return Ok(Inserted::Before(id)),
                Earlier::Made(None, _) | Earlier::Other => return Ok(Inserted::No(Placed::KeyReused)),
            },
            Kind::Public(asked) => match public_bookings::standing(&mut transaction, email, asked, now).await? {
                Standing::Free => Some(asked.agents),
                Standing::TooMany => return Ok(Inserted::No(Placed::TooMany)),
                Standing::Booked(id) => return Ok(Inserted::Before(id)),
            },
            Kind::Booked | Kind::LoadTest => None,
        };
        if let Some(agents) = agents {
            let booked = places::booked(&mut transaction, &appointment.service, appointment.slot(), None).await?;
            if occupancy::places_left(appointment.slot(), agents, &booked) == 0 {
                return Ok(Inserted::No(Placed::Full));
            }
        }
        sqlx::query(
            "INSERT INTO appointments (id, reference, service, start_ms, end_ms, early_ms, come_back_ms, give_up_ms, language, wrapped_key, \
             name_sealed, record_sealed, link_hash, link_epoch, created_ms, changed_ms, details_sealed, documents_ms, look_ms, cancel_hash, identity_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16, $17, $18, $19, $20)",
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
        .bind(i64::from(appointment.link_epoch))
        .bind(now.0)
        .bind(key.seal(&place("details_sealed", id), &appointment.details.to_json()?)?)
        .bind(millis(appointment.rules.documents))
        .bind(look_first(appointment.slot(), appointment.rules, appointment.record.course(appointment.slot())).0)
        .bind(self.cancel_token(appointment).hash().as_slice())
        .bind(millis(appointment.rules.identity_copy))
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
        if let Kind::Portal(_, Some(asked)) = kind {
            api_requests::keep(&mut transaction, asked, Some(id), None, now).await?;
        }
        append(&mut transaction, "booked", who, Some(id), now).await?;
        if let Some(ArrivedCopy { arrived, name, file }) = copy {
            documents::put(&mut transaction, id, &key, arrived, (DocumentKind::IdentityCopy, name, *file), now).await?;
        }
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
        identity_copy: duration(row.try_get("identity_ms")?),
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
pub(super) async fn raise_sequence(connection: &mut Connection, id: AppointmentId) -> Result<(), StoreError> {
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
