//! Durable state on SQLite (WAL, `synchronous=FULL`; SQL with `$1` placeholders that PostgreSQL takes too). Decides nothing; seals names under a key per appointment.

use crate::access::AgentGrant;
use crate::agenda::phase::{LinkRules, Slot};
use crate::consultation::record::Record;
use crate::ids::AppointmentId;
use crate::time::Timestamp;

/// One appointment as the rest of the house sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// S of mission.md.
    pub start: Timestamp,
    /// E of mission.md.
    pub end: Timestamp,
    /// The service's numbers at the time of booking: a later change of settings does not move what was promised.
    pub rules: LinkRules,
    /// Raised by every rotation of the join link.
    pub link_epoch: u32,
    /// How far its consultation is.
    pub record: Record,
}

impl Appointment {
    /// The time that was booked.
    pub fn slot(&self) -> Slot {
        Slot { start: self.start, end: self.end }
    }
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is gone; nothing was acknowledged.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// A sealed value does not open: wrong master key or a damaged row.
    #[error("a sealed value of the store does not open")]
    Sealed,
    /// The database was written by a newer version.
    #[error("the database was written by a newer version of visavis")]
    Newer,
}

/// The embedded database. Cheap to clone.
#[derive(Clone)]
pub struct Store {}

impl Store {
    /// One appointment with its consultation.
    pub async fn appointment(&self, id: AppointmentId) -> Result<Option<Appointment>, StoreError> {
        let _ = id;
        unimplemented!()
    }

    /// Appointments that belong on the desk at `now`: those that begin or end within the day around it, and those whose consultation is not over.
    pub async fn desk(&self, now: Timestamp) -> Result<Vec<Appointment>, StoreError> {
        let _ = now;
        unimplemented!()
    }

    /// Writes the consultation, synced to disk when this returns.
    pub async fn save_consultation(&self, id: AppointmentId, record: &Record, now: Timestamp) -> Result<(), StoreError> {
        let _ = (id, record, now);
        unimplemented!()
    }

    /// The agent behind a sign-in cookie's hash, when it is still good.
    pub async fn agent_by_sign_in(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<AgentGrant>, StoreError> {
        let _ = (hash, now);
        unimplemented!()
    }
}
