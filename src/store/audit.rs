//! The audit trail: what, which appointment, who, when. Append-only, ids alone; the database itself refuses a change, and the ledger finds one.

use std::fmt;

use sqlx::Row as _;

use super::database::Connection;
use super::ledger::{self, Head};
use super::outbox::put_event;
use super::{Store, StoreError};
use crate::ids::{AgentId, AppointmentId};
use crate::time::Timestamp;

/// Who did it. An id, never a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The citizen of the appointment.
    Citizen,
    /// A third person whom an agent invited.
    Guest,
    /// An agent.
    Agent(AgentId),
    /// A portal with an API key.
    Api,
    /// The server, because time passed.
    Service,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Citizen => f.write_str("citizen"),
            Self::Guest => f.write_str("guest"),
            Self::Agent(agent) => write!(f, "agent:{}", agent.0),
            Self::Api => f.write_str("api"),
            Self::Service => f.write_str("service"),
        }
    }
}

/// One line as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// When.
    pub at: Timestamp,
    /// A word of the glossary: `booked`, `signed_in`, `arrive`, `call`, `admit`, `close`…
    pub what: String,
    /// The written form of `Who`.
    pub who: String,
    /// Which appointment, when it is about one.
    pub appointment: Option<AppointmentId>,
}

impl Store {
    /// Appends a line about what changes nothing else in the store, synced when this returns. What does change something writes its line with it.
    /// While the database does not answer the line waits in memory.
    pub async fn audit(&self, what: &'static str, who: Who, appointment: Option<AppointmentId>, now: Timestamp) -> Result<(), StoreError> {
        let told = if self.is_away() {
            Err(StoreError::Database(sqlx::Error::PoolTimedOut))
        } else {
            self.write_line(what, who, appointment, now).await
        };
        match told {
            // It tells of something that happened all the same: it is written when the database answers again.
            Err(error) if error.is_away() && self.inner.seen.note((what, who, appointment, now)) => Ok(()),
            told => told,
        }
    }

    pub(super) async fn write_line(
        &self,
        what: &'static str,
        who: Who,
        appointment: Option<AppointmentId>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let written = self.in_time(async {
            let mut transaction = self.begin_to_write().await?;
            append(&mut transaction, what, who, appointment, now).await?;
            Ok(transaction.commit().await?)
        });
        written.await?;
        self.outbox_may_be_filled();
        Ok(())
    }

    /// The lines of one appointment, oldest first; at most 1,000.
    pub async fn audit_of(&self, appointment: AppointmentId) -> Result<Vec<AuditLine>, StoreError> {
        let rows = sqlx::query("SELECT at_ms, what, who, appointment FROM audit WHERE appointment = $1 ORDER BY number LIMIT 1000")
            .bind(appointment.to_string())
            .fetch_all(&self.inner.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let appointment: Option<String> = row.try_get("appointment")?;
                Ok(AuditLine {
                    at: Timestamp(row.try_get("at_ms")?),
                    what: row.try_get("what")?,
                    who: row.try_get("who")?,
                    appointment: appointment.and_then(|id| id.parse().ok()),
                })
            })
            .collect()
    }
}

/// Appends a line in the transaction of the change that it tells of: neither is there without the other (trust.md R1). Where the webhook is told of
/// such a thing, that goes into the outbox with it.
pub(super) async fn append(
    connection: &mut Connection,
    what: &'static str,
    who: Who,
    appointment: Option<AppointmentId>,
    now: Timestamp,
) -> Result<Head, StoreError> {
    let head = ledger::append(connection, now.0, what, who.to_string(), appointment.map(|id| id.to_string())).await?;
    if let Some(appointment) = appointment {
        put_event(connection, what, who, appointment, now).await?;
    }
    Ok(head)
}
