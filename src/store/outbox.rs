//! The outbox: what is to leave the server, written in the transaction of what it tells of, and taken out by the one sender. Holds ids and words alone;
//! refuses to know addresses, texts and how anything is sent.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand;
use sqlx::Row as _;

use super::audit::{Who, append};
use super::database::{Connection, Row, number};
use super::outgoing::{Channel, Kind, Message, MessageState, Outgoing, Subject};
use super::{Store, StoreError};
use crate::ids::{AppointmentId, CallbackId};
use crate::limits;
use crate::time::Timestamp;

/// What the server can send: only that is written into the outbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlets {
    /// There is a mail server.
    pub mail: bool,
    /// There is a webhook: short messages and events.
    pub webhook: bool,
    /// By the service's key, how long before the start people are reminded.
    pub reminders: BTreeMap<String, Vec<Duration>>,
}

/// How a citizen can be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) mail: bool,
    pub(super) sms: bool,
}

impl Reach {
    fn channels(self) -> impl Iterator<Item = Channel> {
        [(self.mail, Channel::Mail), (self.sms, Channel::Sms)].into_iter().filter_map(|(reached, channel)| reached.then_some(channel))
    }
}

impl Store {
    /// From now on these are written into the outbox. What an earlier process handed over without being able to say so is marked as sent.
    pub async fn set_outlets(&self, outlets: &Outlets, now: Timestamp) -> Result<(), StoreError> {
        let left = self.inner.handed.left()?;
        let mut transaction = self.begin_to_write().await?;
        sqlx::query("DELETE FROM outlets").execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM reminders").execute(&mut *transaction).await?;
        let channels = [(outlets.mail, Channel::Mail), (outlets.webhook, Channel::Sms), (outlets.webhook, Channel::Event)];
        for (_, channel) in channels.into_iter().filter(|(there, _)| *there) {
            sqlx::query("INSERT INTO outlets (channel) VALUES ($1)").bind(channel.word()).execute(&mut *transaction).await?;
        }
        for (service, before) in outlets.reminders.iter().flat_map(|(service, all)| all.iter().map(move |before| (service, before))) {
            sqlx::query("INSERT INTO reminders (service, before_ms) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(service)
                .bind(i64::try_from(before.as_millis()).unwrap_or(i64::MAX))
                .execute(&mut *transaction)
                .await?;
        }
        for id in left {
            close(&mut transaction, &id, MessageState::Sent, None, now).await?;
        }
        transaction.commit().await?;
        self.inner.handed.change(|_| {})
    }

    /// What waits on these channels and is due, the longest due first; at most `most`.
    pub async fn outbox_due(&self, channels: &[Channel], now: Timestamp, most: u32) -> Result<Vec<Outgoing>, StoreError> {
        let mut due = Vec::new();
        for channel in channels {
            let rows = sqlx::query(
                "SELECT * FROM outbox WHERE state = 'waiting' AND channel = $1 AND due_ms <= $2 ORDER BY due_ms, at_ms LIMIT $3",
            )
            .bind(channel.word())
            .bind(now.0)
            .bind(i64::from(most))
            .fetch_all(&self.inner.readers)
            .await?;
            due.extend(rows.iter().filter_map(outgoing));
        }
        due.sort_by_key(|of: &Outgoing| (of.due, of.at));
        due.truncate(most as usize);
        Ok(due)
    }

    /// It was taken at the other end. That is noted at once, before the database is waited for: a process that is killed in between sends nothing twice.
    /// One that is killed before it heard the answer does, where nobody else heard it (a mail's courier does), under the same id (trust.md R5).
    pub async fn outbox_sent(&self, of: &Outgoing, now: Timestamp) -> Result<(), StoreError> {
        self.inner.handed.note(&of.id)?;
        self.close_outgoing(of, MessageState::Sent, None, now).await?;
        self.inner.handed.forget(&of.id)
    }

    /// These were taken at the other end while no server could say so.
    pub async fn outbox_were_sent(&self, ids: &[String], now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin_to_write().await?;
        for id in ids {
            close(&mut transaction, id, MessageState::Sent, None, now).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// There is nobody or nothing to tell any more.
    pub async fn outbox_moot(&self, of: &Outgoing, now: Timestamp) -> Result<(), StoreError> {
        self.close_outgoing(of, MessageState::Moot, None, now).await
    }

    /// It could not be sent and is tried again at `due`. `fault`: a word without anything personal.
    pub async fn outbox_later(&self, of: &Outgoing, fault: &'static str, due: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE outbox SET due_ms = $2, attempts = attempts + 1, fault = $3, changed_ms = $4 WHERE id = $1 AND state = 'waiting'",
        )
        .bind(&of.id)
        .bind(due.0)
        .bind(fault)
        .bind(now.0)
        .execute(&self.inner.writer)
        .await?;
        Ok(())
    }

    /// It will never be sent: the audit trail says so (`mail_given_up`, `sms_given_up`, `event_given_up`).
    pub async fn outbox_give_up(&self, of: &Outgoing, fault: &'static str, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin_to_write().await?;
        close(&mut transaction, &of.id, MessageState::GivenUp, Some(fault), now).await?;
        let appointment = match of.about {
            Subject::Appointment(id) => Some(id),
            Subject::Callback(_) => None,
        };
        append(&mut transaction, of.channel.given_up(), Who::Service, appointment, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The other end is there again: what waited for that is due at once.
    pub async fn outbox_reachable_again(&self, channels: &[Channel], fault: &'static str, now: Timestamp) -> Result<(), StoreError> {
        for channel in channels {
            sqlx::query("UPDATE outbox SET due_ms = $3 WHERE state = 'waiting' AND channel = $1 AND fault = $2 AND due_ms > $3")
                .bind(channel.word())
                .bind(fault)
                .bind(now.0)
                .execute(&self.inner.writer)
                .await?;
        }
        Ok(())
    }

    /// Takes out what was settled longer ago than `limits::OUTBOX_KEPT`, and gives up of each channel
    /// what is due beyond `limits::OUTBOX_WAITING`.
    pub async fn outbox_tidy(&self, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM outbox WHERE state <> 'waiting' AND changed_ms < $1")
            .bind(now.before(limits::OUTBOX_KEPT).0)
            .execute(&self.inner.writer)
            .await?;
        for channel in Channel::ALL {
            sqlx::query(
                "UPDATE outbox SET state = 'given_up', fault = 'too_many', changed_ms = $3 WHERE state = 'waiting' AND channel = $1 AND due_ms <= $3 \
                 AND due_ms > (SELECT due_ms FROM outbox WHERE state = 'waiting' AND channel = $1 AND due_ms <= $3 ORDER BY due_ms LIMIT 1 OFFSET $2)",
            )
            .bind(channel.word())
            .bind(i64::from(limits::OUTBOX_WAITING))
            .bind(now.0)
            .execute(&self.inner.writer)
            .await?;
        }
        Ok(())
    }

    /// What was and will be sent to the citizen of this appointment, the oldest first. What nobody was to get is left out.
    pub async fn messages_of(&self, appointment: AppointmentId) -> Result<Vec<Message>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM outbox WHERE appointment = $1 AND channel <> 'event' AND state <> 'moot' ORDER BY first_due_ms, at_ms, id LIMIT 100",
        )
        .bind(appointment.to_string())
        .fetch_all(&self.inner.readers)
        .await?;
        Ok(rows.iter().filter_map(message).collect())
    }

    /// Waits until something was written into the outbox.
    pub async fn outbox_filled(&self) {
        self.inner.outbox_filled.notified().await;
    }

    /// Called after the commit of what may have written into the outbox.
    pub(super) fn outbox_may_be_filled(&self) {
        self.inner.outbox_filled.notify_waiters();
    }

    async fn close_outgoing(&self, of: &Outgoing, state: MessageState, fault: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
        close(&mut *self.inner.writer.acquire().await?, &of.id, state, fault, now).await
    }
}

async fn close(connection: &mut Connection, id: &str, state: MessageState, fault: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE outbox SET state = $2, fault = $3, changed_ms = $4 WHERE id = $1 AND state = 'waiting'")
        .bind(id)
        .bind(state.word())
        .bind(fault)
        .bind(now.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Puts something about an appointment into the outbox, when it can be sent at all; a load test's simulated people get nothing.
async fn put(
    connection: &mut Connection,
    channel: Channel,
    kind: Kind,
    appointment: AppointmentId,
    due: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO outbox (id, channel, kind, appointment, reference, at_ms, first_due_ms, due_ms, changed_ms) \
         SELECT $1, $2, $3, id, reference, $5, $6, $6, $5 FROM appointments WHERE id = $4 \
         AND EXISTS (SELECT 1 FROM outlets WHERE channel = $2) AND NOT EXISTS (SELECT 1 FROM load_appointments WHERE appointment = $4)",
    )
    .bind(random_id()?)
    .bind(channel.word())
    .bind(kind.word())
    .bind(appointment.to_string())
    .bind(now.0)
    .bind(due.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// That somebody wants to be called back: the webhook is told, and by mail who said where.
pub(super) async fn put_callback(
    connection: &mut Connection,
    callback: CallbackId,
    reach: Reach,
    now: Timestamp,
) -> Result<(), StoreError> {
    for channel in reach.channels().filter(|channel| *channel == Channel::Mail).chain([Channel::Event]) {
        sqlx::query(
            "INSERT INTO outbox (id, channel, kind, appointment, reference, at_ms, first_due_ms, due_ms, changed_ms, callback) \
             SELECT $1, $2, $3, '', '', $5, $5, $5, $5, id FROM callbacks WHERE id = $4 AND EXISTS (SELECT 1 FROM outlets WHERE channel = $2)",
        )
        .bind(random_id()?)
        .bind(channel.word())
        .bind(Kind::CallbackRequested.word())
        .bind(callback.to_string())
        .bind(now.0)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

fn random_id() -> Result<String, StoreError> {
    let mut id = [0; 16];
    rand::fill(&mut id).map_err(|_| StoreError::Randomness)?;
    Ok(format!("{:032x}", u128::from_be_bytes(id)))
}

/// What the audit trail says of an appointment, the webhook is told, where it is one of its events.
pub(super) async fn put_event(
    connection: &mut Connection,
    what: &str,
    who: Who,
    appointment: AppointmentId,
    now: Timestamp,
) -> Result<(), StoreError> {
    match Kind::of_trail(what, who) {
        Some(kind) => put(connection, Channel::Event, kind, appointment, now, now).await,
        None => Ok(()),
    }
}

/// The citizen is told, on each channel on which they can be reached.
pub(super) async fn put_message(
    connection: &mut Connection,
    kind: Kind,
    appointment: AppointmentId,
    reach: Reach,
    now: Timestamp,
) -> Result<(), StoreError> {
    for channel in reach.channels() {
        put(connection, channel, kind, appointment, now, now).await?;
    }
    Ok(())
}

/// The citizen will be reminded of a start at the times of the service that are still to come.
pub(super) async fn put_reminders(
    connection: &mut Connection,
    service: &str,
    appointment: AppointmentId,
    start: Timestamp,
    reach: Reach,
    now: Timestamp,
) -> Result<(), StoreError> {
    if reach.channels().next().is_none() {
        return Ok(());
    }
    let before: Vec<i64> = sqlx::query_scalar("SELECT before_ms FROM reminders WHERE service = $1 ORDER BY before_ms DESC LIMIT $2")
        .bind(service)
        .bind(i64::from(limits::REMINDERS))
        .fetch_all(&mut *connection)
        .await?;
    for due in before.into_iter().map(|before| Timestamp(start.0.saturating_sub(before))).filter(|due| *due > now) {
        for channel in reach.channels() {
            put(connection, channel, Kind::Reminder, appointment, due, now).await?;
        }
    }
    Ok(())
}

/// Nobody is reminded of what does not take place, or not then.
pub(super) async fn take_back_reminders(connection: &mut Connection, appointment: AppointmentId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM outbox WHERE appointment = $1 AND kind = $2 AND state = 'waiting'")
        .bind(appointment.to_string())
        .bind(Kind::Reminder.word())
        .execute(connection)
        .await?;
    Ok(())
}

/// A row of another version is left alone.
fn outgoing(row: &Row) -> Option<Outgoing> {
    Some(Outgoing {
        id: row.try_get("id").ok()?,
        channel: Channel::parse(row.try_get("channel").ok()?)?,
        kind: Kind::parse(row.try_get("kind").ok()?)?,
        about: match row.try_get::<Option<String>, _>("callback").ok()? {
            Some(callback) => Subject::Callback(callback.parse().ok()?),
            None => Subject::Appointment(row.try_get::<String, _>("appointment").ok()?.parse().ok()?),
        },
        reference: row.try_get("reference").ok()?,
        at: Timestamp(row.try_get("at_ms").ok()?),
        first_due: Timestamp(row.try_get("first_due_ms").ok()?),
        due: Timestamp(row.try_get("due_ms").ok()?),
        attempts: number(row, "attempts").ok()?,
    })
}

fn message(row: &Row) -> Option<Message> {
    let state = MessageState::parse(row.try_get("state").ok()?)?;
    let at = if state == MessageState::Waiting { "due_ms" } else { "changed_ms" };
    Some(Message {
        channel: Channel::parse(row.try_get("channel").ok()?)?,
        kind: Kind::parse(row.try_get("kind").ok()?)?,
        state,
        fault: row.try_get("fault").ok()?,
        at: Timestamp(row.try_get(at).ok()?),
    })
}

/// A file with the ids of what was taken and is not yet marked in the database, a line for each. Never synced: what a process has written survives its
/// being killed, and after a power cut in that moment it is sent again.
pub(super) struct Handed(Mutex<(File, Vec<String>)>);

impl Handed {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        file.map(|file| Self(Mutex::new((file, Vec::new())))).map_err(failed)
    }

    /// The ids that an earlier process left.
    fn left(&self) -> Result<Vec<String>, StoreError> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        (&guard.0).seek(SeekFrom::Start(0)).map_err(failed)?;
        (&guard.0).take(limits::HANDED_BYTES).read_to_string(&mut text).map_err(failed)?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn note(&self, id: &str) -> Result<(), StoreError> {
        self.change(|ids| ids.push(id.to_owned()))
    }

    fn forget(&self, id: &str) -> Result<(), StoreError> {
        self.change(|ids| ids.retain(|known| known != id))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<String>)) -> Result<(), StoreError> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, ids) = &mut *guard;
        change(ids);
        let text: String = ids.iter().map(|id| format!("{id}\n")).collect();
        // One write over what was there: a kill leaves the old lines or the new ones.
        file.write_all_at(text.as_bytes(), 0).and_then(|()| file.set_len(text.len() as u64)).map_err(failed)
    }
}

fn failed(source: std::io::Error) -> StoreError {
    StoreError::Database(sqlx::Error::Io(source))
}
