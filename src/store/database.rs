//! The database under the store: SQLite inside the data directory, or a PostgreSQL server. One place for the names that the store gives to sqlx's types, for
//! how connections are set up and how writers follow one another. Refuses to know a table.
//!
//! One text of each statement serves both (sqlx's `Any`): `i64`, `i32`, text and bytes are bound and read, and what may be NULL of these; never `bool` or `u32`
//! (`number` reads a smaller one). Placeholders are `$1`, whole numbers are `INTEGER`, bytes are `BLOB`, tables are `STRICT` (`dialect` says them anew).
//! What writes more than one statement begins with `Store::begin_to_write`, which only one holds at a time.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Once;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use url::{Host, Url};

use super::{Store, StoreError};
use crate::limits;

/// Connections, given out one after another.
pub(super) type Pool = sqlx::AnyPool;

/// One of them, or a transaction on it.
pub(super) type Connection = sqlx::AnyConnection;

/// What a statement answers.
pub(super) type Row = sqlx::any::AnyRow;

/// Undone unless it is committed.
pub(super) type Transaction = sqlx::Transaction<'static, sqlx::Any>;

/// The file of SQLite in the data directory.
pub(super) const FILE: &str = "visavis.db";

/// Everybody who writes in more than one statement holds this lock of PostgreSQL, as SQLite's one writer does: a chain of lines and the last place of a slot have one taker.
const WRITING: i64 = 0x7669_7361_7669_7301;
/// The one server that owns the seats holds this one for its life.
const OWNING: i64 = 0x7669_7361_7669_7302;

/// Where the rows are.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Database {
    /// In a file of the data directory.
    #[default]
    Embedded,
    /// On a PostgreSQL server, version 13 or newer. May hold a password.
    Postgres(Url),
}

impl Database {
    /// Of an address `postgres://user@host/name`. Where it leads to another machine and says nothing of TLS, the certificate of the other end must be good for its name.
    /// None when it is no such address.
    pub fn postgres(address: &str, password: Option<&str>) -> Option<Self> {
        let mut url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "postgres" | "postgresql"))?;
        if let Some(password) = password {
            url.set_password(Some(password)).ok()?;
        }
        let says = |key: &str| url.query_pairs().any(|(name, _)| name == key);
        let is_near = match url.host() {
            // Another host, or the directory of a socket, may follow behind the question mark.
            _ if says("host") => url.query_pairs().any(|(name, value)| name == "host" && value.starts_with('/')),
            None => true,
            // Of a scheme that it does not know the parser takes even numbers for a name.
            Some(Host::Domain(name)) => {
                let is_loopback = name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
                name == "localhost" || is_loopback || name.starts_with("%2F") || name.starts_with("%2f")
            }
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
        };
        if !is_near && !says("sslmode") && !says("ssl-mode") {
            url.query_pairs_mut().append_pair("sslmode", "verify-full");
        }
        Some(Self::Postgres(url))
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Embedded { "Embedded" } else { "Postgres" })
    }
}

/// Where a store lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Master key, documents, and the embedded database.
    pub directory: PathBuf,
    /// Where the rows are.
    pub database: Database,
}

/// With the embedded database.
impl<P: AsRef<Path> + ?Sized> From<&P> for Home {
    fn from(directory: &P) -> Self {
        Self { directory: directory.as_ref().to_owned(), database: Database::Embedded }
    }
}

impl Home {
    /// Whether there is a database with something in it. Makes nothing.
    pub async fn has_database(&self) -> Result<bool, StoreError> {
        match &self.database {
            Database::Embedded => Ok(self.directory.join(FILE).exists()),
            Database::Postgres(_) => {
                let mut connection =
                    timeout(limits::DATABASE_WAIT, self.options(true)?.connect()).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
                let is_there = !is_empty(&mut connection).await?;
                connection.close().await?;
                Ok(is_there)
            }
        }
    }

    /// Whether what PostgreSQL acknowledges survives a power cut, as far as it says so.
    pub async fn keeps_its_word(&self) -> Result<bool, StoreError> {
        let asked = async {
            let mut connection = self.options(false)?.connect().await?;
            let sql = "SELECT count(*) FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'on'";
            let on: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
            connection.close().await?;
            Ok(on == 2)
        };
        timeout(limits::DATABASE_WAIT, asked).await.map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    fn options(&self, may_write: bool) -> Result<AnyConnectOptions, StoreError> {
        match &self.database {
            Database::Embedded => file_options(&self.directory.join(FILE), may_write),
            Database::Postgres(url) => {
                know_drivers();
                Ok(AnyConnectOptions::from_url(url)?)
            }
        }
    }

    /// One connection: SQLite has one writer, and waiting in our queue is fairer than its busy handler or a lock of PostgreSQL.
    pub(super) async fn writer(&self) -> Result<Pool, StoreError> {
        self.pool(1, true).await
    }

    /// Connections that cannot write.
    pub(super) async fn readers(&self) -> Result<Pool, StoreError> {
        self.pool(limits::DATABASE_READERS, false).await
    }

    async fn pool(&self, connections: u32, may_write: bool) -> Result<Pool, StoreError> {
        let options = self.options(may_write)?;
        let set_up = match &self.database {
            Database::Embedded => sqlite_set_up(may_write),
            Database::Postgres(_) => postgres_set_up(may_write),
        };
        let pool = AnyPoolOptions::new().max_connections(connections).acquire_timeout(limits::DATABASE_WAIT);
        let pool = pool.after_connect(move |connection, _| {
            let set_up = set_up.clone();
            Box::pin(async move { sqlx::raw_sql(sqlx::AssertSqlSafe(set_up)).execute(connection).await.map(drop) })
        });
        Ok(pool.connect_with(options).await?)
    }

    /// The place of the one server on a PostgreSQL database; nothing for SQLite, whose file is in a directory with one owner.
    pub(super) async fn own(&self) -> Result<Option<Owning>, StoreError> {
        if self.database == Database::Embedded {
            return Ok(None);
        }
        let owning = Owning { options: self.options(true)?, held: Mutex::new(None) };
        // PostgreSQL may need a moment to see that an owner was killed.
        for _ in 0..limits::OWNER_TRIES {
            if owning.is_held().await? {
                return Ok(Some(owning));
            }
            sleep(limits::OWNER_TRY).await;
        }
        Err(StoreError::DatabaseInUse)
    }
}

/// sqlx wants to be told once in the life of a process what it may find behind an address.
fn know_drivers() {
    static DRIVERS: Once = Once::new();
    DRIVERS.call_once(sqlx::any::install_default_drivers);
}

/// A connection to a file of SQLite anywhere.
pub(super) fn file_options(path: &Path, may_write: bool) -> Result<AnyConnectOptions, StoreError> {
    know_drivers();
    let path = std::path::absolute(path).map_err(sqlx::Error::Io)?;
    let text = path.to_str().ok_or_else(|| sqlx::Error::Configuration("the data directory has a name that is no text".into()))?;
    let encoded: String = text
        .bytes()
        .map(|byte| match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    Ok(AnyConnectOptions::from_str(&format!("sqlite://{encoded}?mode={}", if may_write { "rwc" } else { "ro" }))?)
}

fn sqlite_set_up(may_write: bool) -> String {
    // What SQLite sorts stays in memory: no temporary file outlives a deletion.
    let all = format!(
        "PRAGMA busy_timeout = {}; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;",
        limits::DATABASE_WAIT.as_millis()
    );
    if may_write { format!("{all} PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;") } else { all }
}

fn postgres_set_up(may_write: bool) -> String {
    // Said at every connection: a server or role that was set up otherwise must not turn an acknowledgement into a hope.
    let wait = limits::DATABASE_WAIT.as_millis();
    let all = format!(
        "SET application_name = 'visavis'; SET synchronous_commit = on; SET lock_timeout = {wait}; SET client_min_messages = warning;"
    );
    if may_write { all } else { format!("{all} SET default_transaction_read_only = on;") }
}

/// The lock of the server that owns the seats; PostgreSQL gives it back when the connection ends.
pub(super) struct Owning {
    options: AnyConnectOptions,
    held: Mutex<Option<Connection>>,
}

impl Owning {
    /// Whether we are the owner. After the database was away it is asked for anew; false while another server has it.
    pub(super) async fn is_held(&self) -> Result<bool, StoreError> {
        let mut held = self.held.lock().await;
        if let Some(mut connection) = held.take() {
            // One that does not answer is gone: with it the lock.
            if matches!(timeout(limits::DATABASE_WAIT, connection.ping()).await, Ok(Ok(()))) {
                *held = Some(connection);
                return Ok(true);
            }
        }
        let asked = async {
            let mut connection = self.options.connect().await?;
            let is_ours: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(OWNING).fetch_one(&mut connection).await?;
            Ok::<_, sqlx::Error>(is_ours.then_some(connection))
        };
        *held = timeout(limits::DATABASE_WAIT, asked).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        Ok(held.is_some())
    }
}

impl Store {
    /// A transaction that will write: it has the database to itself from its first look on, so what it read is still true when it writes.
    pub(super) async fn begin_to_write(&self) -> Result<Transaction, StoreError> {
        let begun = self.in_time(begin_to_write(&self.inner.writer)).await?;
        // Whoever can write can do everything; who can only read has not come back yet.
        if self.inner.is_away.swap(false, Ordering::AcqRel) {
            tracing::info!("the database answers");
        }
        Ok(begun)
    }

    /// The answer, or that there is none: a database that stands still takes nobody with it.
    pub(super) async fn in_time<T>(&self, asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let answer = timeout(limits::DATABASE_WAIT, asked).await.unwrap_or(Err(StoreError::Database(sqlx::Error::PoolTimedOut)));
        if answer.as_ref().is_err_and(StoreError::is_away) && !self.inner.is_away.swap(true, Ordering::AcqRel) {
            tracing::error!("the database does not answer");
        }
        answer
    }

    /// Whether it did not answer the last time: what was seen counts at once, instead of after a wait.
    pub(super) fn is_away(&self) -> bool {
        self.inner.is_away.load(Ordering::Acquire)
    }
}

/// The same before there is a store.
pub(super) async fn begin_to_write(writer: &Pool) -> Result<Transaction, StoreError> {
    if !is_postgres(writer) {
        return Ok(writer.begin_with("BEGIN IMMEDIATE").await?);
    }
    // Each statement sees what was committed before it, and whoever holds the lock is the only one who commits: no retries, and nobody can take the same last place.
    let mut transaction = writer.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(WRITING).execute(&mut *transaction).await?;
    Ok(transaction)
}

/// What is behind these connections.
pub(super) fn is_postgres(pool: &Pool) -> bool {
    pool.connect_options().database_url.scheme() != "sqlite"
}

/// No table, or nothing in it that a store writes first.
pub(super) async fn is_empty(connection: &mut Connection) -> Result<bool, StoreError> {
    let sql = match connection.backend_name() {
        "SQLite" => "SELECT count(*) FROM sqlite_master WHERE name = 'meta'",
        _ => "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'meta'",
    };
    let tables: i64 = sqlx::query_scalar(sql).fetch_one(&mut *connection).await?;
    if tables == 0 {
        return Ok(true);
    }
    let named: i64 = sqlx::query_scalar("SELECT count(*) FROM meta").fetch_one(connection).await?;
    Ok(named == 0)
}

/// A whole number that is smaller than what the database keeps.
pub(super) fn number<T: TryFrom<i64>>(row: &Row, column: &'static str) -> Result<T, StoreError> {
    T::try_from(row.try_get::<i64, _>(column)?).map_err(|_| StoreError::Sealed)
}

/// Ends a wait for a database that does not answer.
pub(super) async fn within<T>(limit: Duration, asked: impl Future<Output = T>) -> Option<T> {
    timeout(limit, asked).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> String {
        match Database::postgres(text, None) {
            Some(Database::Postgres(url)) => url.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_database_on_another_machine_must_show_its_certificate() {
        assert_eq!(address("postgres://v@db.example.lu/v"), "postgres://v@db.example.lu/v?sslmode=verify-full");
        assert_eq!(address("postgres:///v?host=db.example.lu"), "postgres:///v?host=db.example.lu&sslmode=verify-full");
        assert_eq!(
            address("postgres://v@db.example.lu/v?sslmode=require"),
            "postgres://v@db.example.lu/v?sslmode=require",
            "the operator's word"
        );
    }

    #[test]
    fn one_on_this_machine_needs_none() {
        for near in
            ["postgres://v@localhost/v", "postgres://v@127.0.0.1:5433/v", "postgres://v@[::1]/v", "postgres:///v?host=/run/postgresql"]
        {
            assert_eq!(address(near), near);
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let database = Database::postgres("postgres://v@localhost/v", Some("canary-7Q2X")).unwrap();
        assert!(!format!("{database:?}").contains("7Q2X"));
        assert_eq!(Database::postgres("mysql://localhost/v", None), None);
    }
}
