//! The names that the store gives to sqlx's types, in one place: which database is under it is nobody else's business. Refuses to know a table.
//!
//! So that the same text serves SQLite and PostgreSQL: `i64`, text and bytes are bound and read, and what may be NULL of these; never `bool`, `u32` or a number
//! that the database would have to guess (`number` reads a smaller one). Placeholders are `$1`, whole numbers are `INTEGER`, bytes are `BLOB`, tables are `STRICT`.
//! What writes more than one statement begins with `Store::begin_to_write`, which only one holds at a time.

use sqlx::Row as _;
use sqlx::sqlite;

use super::{Store, StoreError};

/// Connections, given out one after another.
pub(super) type Pool = sqlite::SqlitePool;

/// One of them, or a transaction on it.
pub(super) type Connection = sqlite::SqliteConnection;

/// What a statement answers.
pub(super) type Row = sqlite::SqliteRow;

/// Undone unless it is committed.
pub(super) type Transaction = sqlx::Transaction<'static, sqlx::Sqlite>;

/// A whole number that is smaller than what the database keeps.
pub(super) fn number<T: TryFrom<i64>>(row: &Row, column: &'static str) -> Result<T, StoreError> {
    T::try_from(row.try_get::<i64, _>(column)?).map_err(|_| StoreError::Sealed)
}

impl Store {
    /// A transaction that will write: it has the database to itself from its first look on, so what it read is still true when it writes.
    pub(super) async fn begin_to_write(&self) -> Result<Transaction, StoreError> {
        begin_to_write(&self.inner.writer).await
    }
}

/// The same before there is a store.
pub(super) async fn begin_to_write(writer: &Pool) -> Result<Transaction, StoreError> {
    Ok(writer.begin_with("BEGIN IMMEDIATE").await?)
}
