//! Documents of an appointment: a row with sealed name and key, a file in the vault. The row comes last and goes first, so that no row is ever without its file
//! and no file outlives its row for longer than until the next start. Which may be there is the ledger's business.

use std::collections::HashSet;

use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use super::audit::{Who, append};
use super::database::{Connection, Pool, Row};
use super::seal::{self, SealingKey};
use super::{Store, StoreError};
use crate::documents::cipher::DocumentKey;
use crate::documents::content::FileType;
use crate::documents::ledger::{self, Document, DocumentKind, Quota, Refusal};
use crate::documents::vault::{Reading, Vault, VaultError, Writing};
use crate::ids::{AppointmentId, DocumentId};
use crate::time::Timestamp;

/// A document on its way in: bytes first, then its row.
pub struct Incoming {
    document: DocumentId,
    key: DocumentKey,
    /// Takes the bytes; blocks on the disk.
    pub writing: Writing,
}

/// A document whose bytes are on the disk and whose row is not written yet. Unless it is kept its file goes.
pub struct Arrived {
    document: DocumentId,
    key: DocumentKey,
    bytes: u64,
    vault: Vault,
    kept: bool,
}

impl Arrived {
    /// Its row is committed: the file stays.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }
}

/// The copy of an identity card that comes with a booking.
pub struct ArrivedCopy {
    /// Its bytes are on the disk.
    pub arrived: Arrived,
    /// Made fit.
    pub name: String,
    /// What it is.
    pub file: FileType,
}

/// What of a document is sealed. Has no `Debug`: it holds a name.
#[derive(Serialize, Deserialize)]
struct Details {
    name: String,
    file: FileType,
}

impl Incoming {
    /// The last byte was written: synced to the disk when this returns.
    pub fn finish(self, store: &Store) -> Result<Arrived, VaultError> {
        let mut arrived = Arrived { document: self.document, key: self.key, bytes: 0, vault: store.inner.vault.clone(), kept: false };
        arrived.bytes = self.writing.finish()?;
        Ok(arrived)
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed now goes with the sweep of the next start.
            let _ = self.vault.remove(&[self.document]);
        }
    }
}

impl Store {
    /// Begins a document that nobody sees yet. Blocks on the disk.
    pub fn receive(&self) -> Result<Incoming, StoreError> {
        let mut id = [0; 16];
        rand::fill(&mut id).map_err(|_| StoreError::Randomness)?;
        let (document, key) = (DocumentId(u128::from_be_bytes(id)), seal::random_key()?);
        let writing = self.inner.vault.begin(document, &key)?;
        Ok(Incoming { document, key, writing })
    }

    /// The document is there for those who may read it, when this returns; or the ledger refuses it, and nothing of it is left.
    pub async fn keep(
        &self,
        appointment: AppointmentId,
        mut arrived: Arrived,
        (kind, name, file): (DocumentKind, String, FileType),
        quota: Quota,
        now: Timestamp,
    ) -> Result<Result<Document, Refusal>, StoreError> {
        let id = arrived.document;
        let mut transaction = self.begin_to_write().await?;
        let key = self.key_in(&mut transaction, appointment).await?.ok_or(sqlx::Error::RowNotFound)?;
        let there = all(&mut transaction, &key, appointment).await?;
        if let Err(refusal) = ledger::may_add(&there, quota, kind, arrived.bytes) {
            return Ok(Err(refusal));
        }
        put(&mut transaction, appointment, &key, &arrived, (kind, &name, file), now).await?;
        transaction.commit().await?;
        arrived.keep();
        Ok(Ok(Document { id, kind, name, file, bytes: arrived.bytes, added: now }))
    }

    /// Those of an appointment, the oldest first; none when it is erased.
    pub async fn documents(&self, appointment: AppointmentId) -> Result<Vec<Document>, StoreError> {
        let mut connection = self.inner.readers.acquire().await?;
        match self.key_in(&mut connection, appointment).await? {
            Some(key) => all(&mut connection, &key, appointment).await,
            None => Ok(Vec::new()),
        }
    }

    /// One of them with its bytes, which come chunk by chunk. None when the appointment has no such document.
    pub async fn document(&self, appointment: AppointmentId, id: DocumentId) -> Result<Option<(Document, Reading)>, StoreError> {
        let mut connection = self.inner.readers.acquire().await?;
        let Some(key) = self.key_in(&mut connection, appointment).await? else { return Ok(None) };
        let row = sqlx::query("SELECT * FROM documents WHERE appointment = $1 AND id = $2")
            .bind(appointment.to_string())
            .bind(id.to_string())
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let document_key = key.open_key(&place("wrapped_key", id), &row.try_get::<Vec<u8>, _>("wrapped_key")?)?;
        Ok(Some((opened(&row, &key)?, self.inner.vault.read(id, &document_key)?)))
    }

    /// Destroys one: its row with its key, then its file. False when the appointment has no such document.
    pub async fn remove_document(&self, appointment: AppointmentId, id: DocumentId, who: Who, now: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.begin_to_write().await?;
        let gone = sqlx::query("DELETE FROM documents WHERE appointment = $1 AND id = $2")
            .bind(appointment.to_string())
            .bind(id.to_string())
            .execute(&mut *transaction)
            .await?;
        if gone.rows_affected() == 0 {
            return Ok(false);
        }
        append(&mut transaction, "document_deleted", who, Some(appointment), now).await?;
        transaction.commit().await?;
        self.left_traces();
        self.remove_files(vec![id]).await?;
        Ok(true)
    }

    /// Destroys the copy of the identity card, when there is one: its time is over before that of the rest.
    pub async fn remove_identity_copy(&self, appointment: AppointmentId, who: Who, now: Timestamp) -> Result<bool, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM documents WHERE appointment = $1 AND kind = $2")
            .bind(appointment.to_string())
            .bind(word(DocumentKind::IdentityCopy))
            .fetch_all(&self.inner.readers)
            .await?;
        let mut any = false;
        for id in ids {
            any |= self.remove_document(appointment, id.parse().map_err(|_| StoreError::Sealed)?, who, now).await?;
        }
        Ok(any)
    }

    /// Files go off the async threads.
    pub(super) async fn remove_files(&self, documents: Vec<DocumentId>) -> Result<(), StoreError> {
        let vault = self.inner.vault.clone();
        let removed = tokio::task::spawn_blocking(move || vault.remove(&documents)).await;
        Ok(removed.map_err(|_| VaultError::System(std::io::ErrorKind::Interrupted.into()))??)
    }

    pub(super) async fn key_in(&self, connection: &mut Connection, appointment: AppointmentId) -> Result<Option<SealingKey>, StoreError> {
        let wrapped: Option<Vec<u8>> = sqlx::query_scalar("SELECT wrapped_key FROM appointments WHERE id = $1")
            .bind(appointment.to_string())
            .fetch_optional(connection)
            .await?;
        wrapped.map(|wrapped| self.key_of(appointment, &wrapped)).transpose()
    }
}

/// Writes the row of one whose bytes are on the disk, and the line of the audit trail.
pub(super) async fn put(
    connection: &mut Connection,
    appointment: AppointmentId,
    key: &SealingKey,
    arrived: &Arrived,
    (kind, name, file): (DocumentKind, &str, FileType),
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = arrived.document;
    let details = serde_json::to_vec(&Details { name: name.to_owned(), file }).map_err(|_| StoreError::Sealed)?;
    sqlx::query(
        "INSERT INTO documents (id, appointment, kind, details_sealed, wrapped_key, bytes, added_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id.to_string())
    .bind(appointment.to_string())
    .bind(word(kind))
    .bind(key.seal(&place("details_sealed", id), &details)?)
    .bind(key.seal(&place("wrapped_key", id), arrived.key.as_slice())?)
    .bind(i64::try_from(arrived.bytes).unwrap_or(i64::MAX))
    .bind(now.0)
    .execute(&mut *connection)
    .await?;
    append(connection, "document_added", Who::Citizen, Some(appointment), now).await?;
    Ok(())
}

/// Takes out the row of the identity card's copy, with its key; its file is to be removed once that is committed.
pub(super) async fn take_identity_copy(connection: &mut Connection, appointment: AppointmentId) -> Result<Vec<DocumentId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar("DELETE FROM documents WHERE appointment = $1 AND kind = $2 RETURNING id")
        .bind(appointment.to_string())
        .bind(word(DocumentKind::IdentityCopy))
        .fetch_all(connection)
        .await?;
    ids.iter().map(|id| id.parse().map_err(|_| StoreError::Sealed)).collect()
}

/// The files that have a row, for the sweep at the start and for backups.
pub(super) async fn known(pool: &Pool) -> Result<HashSet<DocumentId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM documents").fetch_all(pool).await?;
    ids.iter().map(|id| id.parse().map_err(|_| StoreError::Sealed)).collect()
}

/// The files of one appointment.
pub(super) async fn ids_of(connection: &mut Connection, appointment: AppointmentId) -> Result<Vec<DocumentId>, StoreError> {
    let ids: Vec<String> =
        sqlx::query_scalar("SELECT id FROM documents WHERE appointment = $1").bind(appointment.to_string()).fetch_all(connection).await?;
    ids.iter().map(|id| id.parse().map_err(|_| StoreError::Sealed)).collect()
}

async fn all(connection: &mut Connection, key: &SealingKey, appointment: AppointmentId) -> Result<Vec<Document>, StoreError> {
    let rows = sqlx::query("SELECT * FROM documents WHERE appointment = $1 ORDER BY added_ms, id")
        .bind(appointment.to_string())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| opened(row, key)).collect()
}

fn opened(row: &Row, key: &SealingKey) -> Result<Document, StoreError> {
    let id: DocumentId = row.try_get::<String, _>("id")?.parse().map_err(|_| StoreError::Sealed)?;
    let details = key.open(&place("details_sealed", id), &row.try_get::<Vec<u8>, _>("details_sealed")?)?;
    let Details { name, file } = serde_json::from_slice(&details).map_err(|_| StoreError::Sealed)?;
    Ok(Document {
        id,
        kind: match row.try_get::<String, _>("kind")?.as_str() {
            "identity_copy" => DocumentKind::IdentityCopy,
            _ => DocumentKind::Document,
        },
        name,
        file,
        bytes: u64::try_from(row.try_get::<i64, _>("bytes")?).unwrap_or(0),
        added: Timestamp(row.try_get("added_ms")?),
    })
}

fn word(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::IdentityCopy => "identity_copy",
        DocumentKind::Document => "document",
    }
}

/// The associated data of a sealed column.
fn place(column: &str, id: DocumentId) -> String {
    format!("documents.{column}:{id}")
}
