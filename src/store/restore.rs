//! A backup becomes a data directory again. What was deleted since it was made has no key in the newest keys and is deleted again, before anybody can ask for it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sqlx::Row as _;

use super::audit::Who;
use super::backup::{BackupError, DATABASE, Keys, MANIFEST, Manifest, VAULT, lone_file, sync_parent};
use super::database::{Database, begin_to_write};
use super::{Home, SCHEMA, Store, StoreError, copy, documents, migrate, seal};
use crate::documents::vault::Vault;
use crate::ids::DocumentId;
use crate::time::Timestamp;

/// What is there again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was made.
    pub made: Timestamp,
    /// Appointments that live.
    pub appointments: usize,
    /// Appointments of the backup that were deleted since, and are again.
    pub erased: usize,
    /// Documents with their bytes.
    pub documents: usize,
}

impl Store {
    /// Fills `home`, which holds the master key and no database, from a backup and the newest keys. The backup may be of the other kind of database.
    pub async fn restore(home: impl Into<Home>, file: &Path, keys: &Path, now: Timestamp) -> Result<Restored, BackupError> {
        let home: Home = home.into();
        let directory = home.directory.as_path();
        let (database, master_path) = (directory.join(DATABASE), directory.join("master.key"));
        if home.has_database().await? {
            return Err(match home.database {
                Database::Embedded => BackupError::Exists(database),
                Database::Postgres(_) => BackupError::NotEmpty,
            });
        }
        if !master_path.exists() {
            return Err(BackupError::NoMasterKey(master_path));
        }
        let master = seal::master_key(&master_path, false)?;
        let sealed = fs::read(keys).map_err(|source| BackupError::File { path: keys.to_owned(), source })?;
        let keys = Keys::opened(&sealed, &master).map_err(|_| BackupError::Keys(keys.to_owned()))?;
        let part = directory.join("visavis.db.restoring");
        let manifest = unpack(directory, file, &part)?;
        give_keys(&part, keys).await?;
        let failed = |source| BackupError::File { path: database.clone(), source };
        match home.database {
            Database::Embedded => fs::rename(&part, &database).map_err(failed)?,
            Database::Postgres(_) => {
                fill(&home, &part).await?;
                fs::remove_file(&part).map_err(failed)?;
            }
        }
        sync_parent(&database).map_err(failed)?;

        let store = Self::open(home.clone()).await?;
        let erased = store.erase_without_key(now).await?;
        let documents = store.forget_documents_without_file().await?;
        store.audit("restored", Who::Service, None, now).await?;
        let appointments: i64 =
            sqlx::query_scalar("SELECT count(*) FROM appointments").fetch_one(&store.inner.readers).await.map_err(StoreError::from)?;
        store.forget_traces().await?;
        store.close().await;
        Ok(Restored { made: manifest.made, appointments: usize::try_from(appointments).unwrap_or(0), erased, documents })
    }

    /// Deletes again what had no key among the newest ones.
    async fn erase_without_key(&self, now: Timestamp) -> Result<usize, StoreError> {
        let ids: Vec<String> =
            sqlx::query_scalar("SELECT id FROM appointments WHERE length(wrapped_key) = 0").fetch_all(&self.inner.readers).await?;
        sqlx::query("DELETE FROM callbacks WHERE length(wrapped_key) = 0").execute(&self.inner.writer).await?;
        for id in &ids {
            self.erase(id.parse().map_err(|_| StoreError::Sealed)?, Who::Service, now).await?;
        }
        Ok(ids.len())
    }

    /// A document whose bytes were deleted while the backup was made. Answers how many are whole.
    async fn forget_documents_without_file(&self) -> Result<usize, StoreError> {
        let known = documents::known(&self.inner.readers).await?;
        let mut whole = 0;
        for document in known {
            if self.inner.vault.path(document).exists() {
                whole += 1;
            } else {
                sqlx::query("DELETE FROM documents WHERE id = $1").bind(document.to_string()).execute(&self.inner.writer).await?;
            }
        }
        Ok(whole)
    }
}

/// Writes database and documents out of the file. Nothing but what a backup holds is taken from it, whatever else it says.
fn unpack(directory: &Path, file: &Path, database: &Path) -> Result<Manifest, BackupError> {
    let no_backup = || BackupError::NoBackup(file.to_owned());
    let failed = |source| BackupError::File { path: file.to_owned(), source };
    let mut archive = tar::Archive::new(File::open(file).map_err(failed)?);
    let vault = Vault::open(directory.join(VAULT)).map_err(StoreError::from)?;
    let (mut manifest, mut has_database) = (None, false);
    for entry in archive.entries().map_err(|_| no_backup())? {
        let mut entry = entry.map_err(|_| no_backup())?;
        let name = entry.path().map_err(|_| no_backup())?.to_str().ok_or_else(no_backup)?.to_owned();
        match (name.as_str(), &manifest) {
            (MANIFEST, None) => {
                let mut told = Vec::new();
                entry.by_ref().take(4096).read_to_end(&mut told).map_err(failed)?;
                let read: Manifest = serde_json::from_slice(&told).map_err(|_| no_backup())?;
                let newest = SCHEMA.iter().map(|step| step.version).max().unwrap_or_default();
                if read.format != 1 || read.schema > newest {
                    return Err(BackupError::Newer);
                }
                manifest = Some(read);
            }
            // Nothing is believed that does not begin as a backup.
            (_, None) => return Err(no_backup()),
            (DATABASE, Some(_)) => {
                write(database, &mut entry).map_err(failed)?;
                has_database = true;
            }
            (name, Some(_)) => {
                let document: DocumentId = name.strip_prefix("vault/").and_then(|id| id.parse().ok()).ok_or_else(no_backup)?;
                write(&vault.path(document), &mut entry).map_err(failed)?;
            }
        }
    }
    sync_parent(&vault.path(DocumentId(0))).map_err(failed)?;
    manifest.filter(|_| has_database).ok_or_else(no_backup)
}

fn write(path: &Path, bytes: &mut impl Read) -> io::Result<()> {
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    io::copy(bytes, &mut out)?;
    out.sync_all()
}

/// All rows of the file into PostgreSQL, or none.
async fn fill(home: &Home, file: &Path) -> Result<(), StoreError> {
    let (file, writer) = (lone_file(file).await?, home.writer().await?);
    // An older backup becomes one of today first.
    migrate(&file).await?;
    migrate(&writer).await?;
    let mut rows = file.begin().await?;
    let mut filled = begin_to_write(&writer).await?;
    copy::all(&mut rows, &mut filled).await?;
    filled.commit().await?;
    rows.rollback().await?;
    file.close().await;
    writer.close().await;
    Ok(())
}

async fn give_keys(database: &Path, keys: Keys) -> Result<(), StoreError> {
    let pool = lone_file(database).await?;
    let keys: HashMap<String, String> = keys.0.into_iter().collect();
    let mut transaction = pool.begin().await?;
    let rows = sqlx::query("SELECT id FROM appointments UNION ALL SELECT id FROM callbacks").fetch_all(&mut *transaction).await?;
    for row in rows {
        let id: String = row.try_get("id")?;
        if let Some(key) = keys.get(&id).and_then(|key| STANDARD.decode(key).ok()) {
            for sql in ["UPDATE appointments SET wrapped_key = $2 WHERE id = $1", "UPDATE callbacks SET wrapped_key = $2 WHERE id = $1"] {
                sqlx::query(sql).bind(&id).bind(&key).execute(&mut *transaction).await?;
            }
        }
    }
    transaction.commit().await?;
    pool.close().await;
    Ok(())
}
