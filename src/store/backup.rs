//! A backup beside a running server: one file with a consistent database and the sealed documents, and beside it the keys of the appointments that live, in a file
//! that each backup replaces. So a deletion reaches every backup there is: without its key an appointment of an old backup never opens again.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::any::AnyPoolOptions;

use super::database::{Pool, file_options, is_postgres};
use super::seal::SealingKey;
use super::{SCHEMA, Store, StoreError, copy, documents};
use crate::time::Timestamp;

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What would be written is there already.
    #[error("{} is there already: nothing was written", .0.display())]
    Exists(PathBuf),
    /// The PostgreSQL database to restore into holds something.
    #[error("the PostgreSQL database is not empty: nothing was written")]
    NotEmpty,
    /// There is no master key to open the keys with.
    #[error("{} is not there: put the master key of the lost server there first (mode 0400)", .0.display())]
    NoMasterKey(PathBuf),
    /// The file is no backup, or only a part of one.
    #[error("{} is no whole backup of visavis", .0.display())]
    NoBackup(PathBuf),
    /// The backup is of a newer version.
    #[error("the backup was made by a newer version of visavis")]
    Newer,
    /// The keys do not open: another master key, or a damaged file.
    #[error("the keys {} do not open with this master key", .0.display())]
    Keys(PathBuf),
}

/// What a backup says of itself, in clear.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Of this form: 1.
    pub(super) format: u32,
    /// The newest migration.
    pub(super) schema: i64,
    /// When.
    pub(super) made: Timestamp,
}

/// The first entry of the file, then the database, then the documents.
pub(super) const MANIFEST: &str = "backup.json";
/// The database, without the keys of appointments.
pub(super) const DATABASE: &str = "visavis.db";
/// The directory of the documents.
pub(super) const VAULT: &str = "vault";

/// The keys of all appointments and calls back that lived when the newest backup was made, each under the master key; the whole sealed under it again.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Keys(pub(super) Vec<(String, String)>);

const KEYS_PLACE: &str = "backup.keys";

impl Keys {
    fn sealed(&self, master: &SealingKey) -> Result<Vec<u8>, StoreError> {
        master.seal(KEYS_PLACE, &serde_json::to_vec(self).map_err(|_| StoreError::Sealed)?)
    }

    pub(super) fn opened(sealed: &[u8], master: &SealingKey) -> Result<Self, StoreError> {
        serde_json::from_slice(&master.open(KEYS_PLACE, sealed)?).map_err(|_| StoreError::Sealed)
    }
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Appointments that live.
    pub appointments: usize,
    /// Documents with their bytes.
    pub documents: usize,
    /// Where the keys are.
    pub keys: PathBuf,
}

impl Store {
    /// Writes a backup to `file`, which must not be there, and replaces the keys at `keys`. Both are on the disk when this returns.
    pub async fn back_up(&self, file: &Path, keys: &Path, now: Timestamp) -> Result<Made, BackupError> {
        if file.exists() {
            return Err(BackupError::Exists(file.to_owned()));
        }
        let workshop = Workshop::make(file)?;
        let snapshot = workshop.0.join(DATABASE);
        self.snapshot(&snapshot).await?;
        let known = without_keys(&snapshot).await?;
        // Of now, not of the snapshot: what was deleted meanwhile stays deleted.
        let living = self.living_keys().await?;
        let manifest = Manifest { format: 1, schema: SCHEMA.iter().map(|step| step.version).max().unwrap_or_default(), made: now };
        let (vault, whole, part) = (self.inner.vault.clone(), file.to_owned(), workshop.0.join("part"));
        let archived = tokio::task::spawn_blocking(move || -> Result<usize, BackupError> {
            let at = |path: &Path| {
                let path = path.to_owned();
                move |source| BackupError::File { path, source }
            };
            let out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).map_err(at(&part))?;
            let mut archive = tar::Builder::new(out);
            let told = serde_json::to_vec(&manifest).map_err(|error| at(&part)(error.into()))?;
            append(&mut archive, MANIFEST, &told[..], told.len()).map_err(at(&part))?;
            let mut database = File::open(&snapshot).map_err(at(&snapshot))?;
            append_file(&mut archive, DATABASE, &mut database).map_err(at(&part))?;
            let mut documents = 0;
            for document in known {
                // One that was deleted since the snapshot is not there any more, and must not be.
                let Ok(mut sealed) = File::open(vault.path(document)) else { continue };
                append_file(&mut archive, &format!("{VAULT}/{document}"), &mut sealed).map_err(at(&part))?;
                documents += 1;
            }
            let out = archive.into_inner().map_err(at(&part))?;
            out.sync_all().map_err(at(&part))?;
            fs::rename(&part, &whole).map_err(at(&whole))?;
            sync_parent(&whole).map_err(at(&whole))?;
            Ok(documents)
        });
        let documents = archived.await.map_err(|error| BackupError::File { path: file.to_owned(), source: io::Error::other(error) })??;
        replace(keys, &living.sealed(&self.inner.master)?).map_err(|source| BackupError::File { path: keys.to_owned(), source })?;
        Ok(Made { appointments: living.0.len(), documents, keys: keys.to_owned() })
    }

    /// The rows of one moment in a file of SQLite, whatever database they are in: a backup goes back into either.
    async fn snapshot(&self, to: &Path) -> Result<(), StoreError> {
        if !is_postgres(&self.inner.writer) {
            sqlx::query("VACUUM INTO $1").bind(to.display().to_string()).execute(&self.inner.readers).await?;
            return Ok(());
        }
        let file = lone_file(to).await?;
        SCHEMA.run(&file).await.map_err(StoreError::Schema)?;
        let mut rows = self.inner.readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let mut copied = file.begin().await?;
        copy::all(&mut rows, &mut copied).await?;
        copied.commit().await?;
        rows.rollback().await?;
        file.close().await;
        Ok(())
    }

    async fn living_keys(&self) -> Result<Keys, StoreError> {
        // Ids are random: none is of both tables.
        let sql = "SELECT id, wrapped_key FROM appointments UNION ALL SELECT id, wrapped_key FROM callbacks";
        let rows = sqlx::query(sql).fetch_all(&self.inner.readers).await?;
        let keys = rows.iter().map(|row| Ok((row.try_get("id")?, STANDARD.encode(row.try_get::<Vec<u8>, _>("wrapped_key")?))));
        keys.collect::<Result<_, StoreError>>().map(Keys)
    }
}

/// A file of SQLite that nobody else has open: nothing lies beside it. What refers to another row is not looked after, since rows come as they are.
pub(super) async fn lone_file(path: &Path) -> Result<Pool, StoreError> {
    const SET_UP: &str = "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = OFF";
    let set_up = AnyPoolOptions::new()
        .max_connections(1)
        .after_connect(|connection, _| Box::pin(async move { sqlx::raw_sql(SET_UP).execute(connection).await.map(drop) }));
    Ok(set_up.connect_with(file_options(path, true)?).await?)
}

/// Takes the keys out of a snapshot, overwritten. Answers the documents that it knows.
async fn without_keys(snapshot: &Path) -> Result<Vec<crate::ids::DocumentId>, StoreError> {
    let pool = lone_file(snapshot).await?;
    sqlx::query("UPDATE appointments SET wrapped_key = x''").execute(&pool).await?;
    sqlx::query("UPDATE callbacks SET wrapped_key = x''").execute(&pool).await?;
    let known = documents::known(&pool).await?;
    pool.close().await;
    let mut known: Vec<_> = known.into_iter().collect();
    known.sort();
    Ok(known)
}

fn append(archive: &mut tar::Builder<File>, name: &str, bytes: impl io::Read, length: usize) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(u64::try_from(length).unwrap_or(u64::MAX));
    header.set_mode(0o600);
    archive.append_data(&mut header, name, bytes)
}

fn append_file(archive: &mut tar::Builder<File>, name: &str, file: &mut File) -> io::Result<()> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    append(archive, name, file, length)
}

/// The new keys take the place of the old ones, whose bytes are overwritten first as far as the file system lets them be.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let old = OpenOptions::new().write(true).open(path);
    fs::rename(&part, path)?;
    sync_parent(path)?;
    if let Ok(mut old) = old {
        let length = usize::try_from(old.metadata()?.len()).unwrap_or(0);
        old.seek(SeekFrom::Start(0))?;
        old.write_all(&vec![0; length])?;
        old.sync_all()?;
    }
    Ok(())
}

pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// A directory beside the file, for its owner alone; gone when dropped.
struct Workshop(PathBuf);

impl Workshop {
    fn make(file: &Path) -> Result<Self, BackupError> {
        let mut name = file.as_os_str().to_owned();
        name.push(".making");
        let path = PathBuf::from(name);
        // What a backup left that did not come to its end.
        let _ = fs::remove_dir_all(&path);
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Self(path)),
            Err(source) => Err(BackupError::File { path, source }),
        }
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
