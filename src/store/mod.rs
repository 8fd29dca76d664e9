//! Durable state on SQLite (WAL, `synchronous=FULL`) or PostgreSQL, with the same statements. Decides nothing; seals names under a key per appointment.

mod agents;
mod api_keys;
mod api_requests;
mod appointments;
mod audit;
mod backup;
mod callbacks;
mod chat;
mod copy;
mod database;
mod desk;
mod details;
mod dialect;
mod documents;
mod erasure;
mod guests;
mod identity;
mod ledger;
mod links;
mod load_test;
mod meta;
mod moved;
mod no_show;
mod outbox;
mod outgoing;
mod people;
mod places;
mod public_bookings;
mod reference;
mod restore;
mod seal;
mod seen;
mod sign_ins;

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sqlx::migrate::MigrateError;

use self::database::{Owning, Pool};
use crate::access::contact::ContactKey;
use crate::access::link::LinkKey;
use crate::documents::vault::{Vault, VaultError};
use crate::limits;

pub use agents::{AgentAccount, NewAgent};
pub use api_requests::ApiRequest;
pub use appointments::{Appointment, Found, NewAppointment, Placed};
pub use audit::{AuditLine, Who};
pub use backup::{BackupError, Made};
pub use callbacks::{Asked, Callback, CallbackDetails, NewCallback};
pub use database::{Database, Home};
pub use details::Details;
pub use documents::{Arrived, ArrivedCopy, Incoming};
pub use erasure::Receipt;
pub use ledger::{BadHead, Head, LineHash, Verdict};
pub use links::Rotated;
pub use load_test::TakenOut;
pub use outbox::Outlets;
pub use outgoing::{Channel, Kind, Message, MessageState, Outgoing, Subject};
pub use people::KnownPerson;
pub use public_bookings::PublicBooking;
pub use restore::Restored;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is gone; nothing was acknowledged.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("schema of the database: {0}")]
    Schema(MigrateError),
    /// A sealed value does not open: wrong master key or a damaged row.
    #[error("a sealed value of the store does not open: wrong master key, or the database is damaged")]
    Sealed,
    /// The master key cannot be read or made.
    #[error("master key {}: {source}", path.display())]
    MasterKey {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database was written by a newer version.
    #[error("the database was written by a newer version of visavis")]
    Newer,
    /// The server that runs on the directory has another schema.
    #[error("the server that runs on this data directory is of another version: use its own visavis")]
    OtherVersion,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Randomness,
    /// The bytes of a document could not be kept or had.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Another server owns the database.
    #[error("the PostgreSQL database is in use by another visavis server: give each its own")]
    DatabaseInUse,
    /// Another process has this data directory open.
    #[error("the data directory {} is in use by another process", .0.display())]
    InUse(PathBuf),
}

/// The database with what belongs to it. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Pool,
    readers: Pool,
    master: seal::SealingKey,
    link_key: LinkKey,
    contact_key: ContactKey,
    /// Of what browsers bring back from a provider.
    round_key: seal::SealingKey,
    vault: Vault,
    /// The write-ahead log may hold what was erased; so it is at each start, until it was folded in once.
    has_traces: AtomicBool,
    /// What was handed over a moment ago.
    handed: outbox::Handed,
    /// The database did not answer the last time.
    is_away: AtomicBool,
    /// Held by who writes down what waited.
    catching_up: tokio::sync::Mutex<()>,
    /// For the time in which it does not.
    seen: seen::Seen,
    /// Told when there may be something to send.
    outbox_filled: tokio::sync::Notify,
    /// Held for the life of the store by the one who owns the seats; the system releases it even after kill -9.
    _lock: Option<std::fs::File>,
    /// The same on PostgreSQL.
    owning: Option<Owning>,
}

impl Store {
    /// Opens or creates the store of `home`, whose directory exists: `master.key`, the `vault`, and `visavis.db` unless it is on PostgreSQL. Brings the schema up to
    /// date; refuses a newer one.
    pub async fn open(home: impl Into<Home>) -> Result<Self, StoreError> {
        let home = home.into();
        let lock = lock(&home.directory)?;
        Self::with(home, Some(lock)).await
    }

    /// The same, and beside a server of the same version that runs on the directory: for accounts and keys, which need no stop.
    pub async fn open_beside(home: impl Into<Home>) -> Result<Self, StoreError> {
        let home = home.into();
        match lock(&home.directory) {
            Err(StoreError::InUse(_)) => Self::with(home, None).await,
            lock => Self::with(home, Some(lock?)).await,
        }
    }

    async fn with(home: Home, lock: Option<std::fs::File>) -> Result<Self, StoreError> {
        let directory = home.directory.as_path();
        let is_new = !home.has_database().await?;
        let master = seal::master_key(&directory.join("master.key"), is_new)?;
        if home.database == Database::Embedded {
            private_file(&directory.join(database::FILE))?;
        }
        let owning = if lock.is_some() { home.own().await? } else { None };
        let writer = home.writer().await?;
        match &lock {
            Some(_) => {
                migrate(&writer).await?;
                ledger::chain_older(&writer).await?;
            }
            None => require_same_version(&writer).await?,
        }
        let link_key = LinkKey::new(meta::own_key(&writer, &master, "link_key").await?);
        let contact_key = ContactKey::new(meta::own_key(&writer, &master, "contact_key").await?);
        let round_key = seal::SealingKey::new(&zeroize::Zeroizing::new(meta::own_key(&writer, &master, "round_key").await?))?;
        let vault = Vault::open(directory.join("vault"))?;
        if lock.is_some() {
            let orphans = vault.sweep(&documents::known(&writer).await?)?;
            tracing::debug!(orphans, "the vault was swept");
        }
        if lock.is_some() {
            links::make_cancel_links(&writer, &link_key).await?;
        }
        let handed = outbox::Handed::open(&directory.join("outbox.handed"))?;
        let readers = home.readers().await?;
        let (has_traces, outbox_filled) = (AtomicBool::new(true), tokio::sync::Notify::new());
        Ok(Self {
            inner: Arc::new(Inner {
                writer,
                readers,
                master,
                link_key,
                contact_key,
                round_key,
                vault,
                has_traces,
                handed,
                outbox_filled,
                is_away: AtomicBool::new(false),
                catching_up: tokio::sync::Mutex::default(),
                seen: seen::Seen::default(),
                _lock: lock,
                owning,
            }),
        })
    }

    /// Whether the database answers, and nobody else took it meanwhile: for readiness.
    pub async fn ready(&self) -> bool {
        if self.is_away() {
            return false;
        }
        let asked = async {
            sqlx::query("SELECT 1").fetch_one(&self.inner.readers).await?;
            match &self.inner.owning {
                Some(owning) => owning.is_held().await,
                None => Ok(true),
            }
        };
        matches!(database::within(limits::DATABASE_READY, asked).await, Some(Ok(true)))
    }

    /// Ends all connections after what is under way; the WAL is folded into the database.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.writer.close().await;
    }
}

/// Two processes on one directory would each believe to own the seats.
fn lock(directory: &Path) -> Result<std::fs::File, StoreError> {
    let path = directory.join("lock");
    let failed = |source| StoreError::Database(sqlx::Error::Io(source));
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(directory.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// SQLite gives its WAL the mode of the database, so the database is made before SQLite makes it for everybody to read.
fn private_file(path: &Path) -> Result<(), StoreError> {
    let made = std::fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    made.map(drop).map_err(|source| StoreError::Database(sqlx::Error::Io(source)))
}

static SCHEMA: sqlx::migrate::Migrator = sqlx::migrate!("src/store/migrations");

/// The schema belongs to the server that runs on it.
async fn require_same_version(writer: &Pool) -> Result<(), StoreError> {
    let theirs: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(writer).await?;
    if theirs == SCHEMA.iter().map(|step| step.version).max() { Ok(()) } else { Err(StoreError::OtherVersion) }
}

async fn migrate(writer: &Pool) -> Result<(), StoreError> {
    // In the words of the database behind these connections.
    let brought = if database::is_postgres(writer) { dialect::postgres(&SCHEMA).run(writer).await } else { SCHEMA.run(writer).await };
    match brought {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(_)) => Err(StoreError::Newer),
        Err(error) => Err(StoreError::Schema(error)),
    }
}
