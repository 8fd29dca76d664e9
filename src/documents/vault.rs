//! The encrypted bytes of documents, each a file under its random number, in a directory that only the server's account reads. No plain byte is ever
//! written. Knows no appointment: who may have which bytes is decided elsewhere.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::cipher::{CHUNK, Chunks, Damaged, DocumentKey, TAG};
use crate::ids::DocumentId;

/// Why bytes could not be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The disk has no room; nothing of it was kept.
    #[error("the disk is full")]
    Full,
    /// The system refused.
    #[error("vault: {0}")]
    System(io::Error),
    /// The file is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

impl From<io::Error> for VaultError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::System(error),
        }
    }
}

/// The directory. Cheap to clone. Every call may block on the disk.
#[derive(Debug, Clone)]
pub struct Vault {
    directory: PathBuf,
}

impl Vault {
    /// Makes the directory where there is none.
    pub fn open(directory: PathBuf) -> Result<Self, VaultError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        Ok(Self { directory })
    }

    /// Begins a document: what is written is not there for anybody before `Writing::finish`.
    pub fn begin(&self, document: DocumentId, key: &DocumentKey) -> Result<Writing, VaultError> {
        let part = self.directory.join(format!("{document}.part"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        let chunks = Chunks::new(key, document)?;
        Ok(Writing { file, chunks, waiting: Vec::with_capacity(CHUNK + TAG), bytes: 0, part: Some(part), whole: self.path(document) })
    }

    /// Begins to read a document.
    pub fn read(&self, document: DocumentId, key: &DocumentKey) -> Result<Reading, VaultError> {
        let file = File::open(self.path(document))?;
        let left = file.metadata()?.len();
        // An empty document has a sealed end, too.
        if left == 0 {
            return Err(Damaged.into());
        }
        Ok(Reading { file, left, chunks: Chunks::new(key, document)? })
    }

    /// Removes documents; one that is not there is as good as removed. Durable when this returns.
    pub fn remove(&self, documents: &[DocumentId]) -> Result<(), VaultError> {
        for document in documents {
            match fs::remove_file(self.path(*document)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        if documents.is_empty() { Ok(()) } else { sync_directory(&self.directory) }
    }

    /// Removes whatever is none of `known`: uploads that a crash cut off, and documents whose row went first. Answers how many.
    pub fn sweep(&self, known: &HashSet<DocumentId>) -> Result<usize, VaultError> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let document = entry.file_name().to_str().and_then(|name| name.parse::<DocumentId>().ok());
            if document.is_none_or(|document| !known.contains(&document)) && entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
        sync_directory(&self.directory)?;
        Ok(removed)
    }

    /// Where the sealed bytes of a document are: for backups, which copy them as they are.
    pub fn path(&self, document: DocumentId) -> PathBuf {
        self.directory.join(document.to_string())
    }
}

/// The name of a file is durable when its directory is.
fn sync_directory(directory: &Path) -> Result<(), VaultError> {
    Ok(File::open(directory)?.sync_all()?)
}

/// A document on its way in. Dropped before its end it leaves nothing.
pub struct Writing {
    file: File,
    chunks: Chunks,
    /// Plain bytes that do not fill a chunk yet.
    waiting: Vec<u8>,
    bytes: u64,
    part: Option<PathBuf>,
    whole: PathBuf,
}

impl Writing {
    /// The next bytes, in order.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), VaultError> {
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        while !bytes.is_empty() {
            // A full chunk waits until it is known not to be the last.
            if self.waiting.len() == CHUNK {
                self.seal(false)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// The document is whole: on the disk, synced, under its own name when this returns. Answers its plain bytes.
    pub fn finish(mut self) -> Result<u64, VaultError> {
        self.seal(true)?;
        self.file.sync_all()?;
        if let Some(part) = &self.part {
            fs::rename(part, &self.whole)?;
        }
        self.part = None;
        if let Some(directory) = self.whole.parent() {
            sync_directory(directory)?;
        }
        Ok(self.bytes)
    }

    fn seal(&mut self, is_last: bool) -> Result<(), VaultError> {
        self.chunks.seal(&mut self.waiting, is_last)?;
        self.file.write_all(&self.waiting)?;
        self.waiting.clear();
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            // What cannot be removed now goes with the sweep of the next start.
            let _ = fs::remove_file(part);
        }
    }
}

/// A document on its way out.
pub struct Reading {
    file: File,
    left: u64,
    chunks: Chunks,
}

impl Reading {
    /// The next plain bytes; none at the end. A file that was cut or changed ends in an error, never in a shorter document.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, VaultError> {
        const WHOLE: u64 = (CHUNK + TAG) as u64;
        if self.left == 0 {
            return Ok(None);
        }
        let length = self.left.min(WHOLE);
        let mut chunk = vec![0; usize::try_from(length).unwrap_or(CHUNK + TAG)];
        self.file.read_exact(&mut chunk)?;
        self.left -= length;
        self.chunks.open(&mut chunk, self.left == 0)?;
        Ok(Some(chunk))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use zeroize::Zeroizing;

    use super::*;

    const ID: DocumentId = DocumentId(0xABC);

    fn vault(directory: &tempfile::TempDir) -> Vault {
        Vault::open(directory.path().join("vault")).unwrap()
    }

    fn key() -> DocumentKey {
        Zeroizing::new([9; 32])
    }

    fn keep(vault: &Vault, bytes: &[u8]) {
        let mut writing = vault.begin(ID, &key()).unwrap();
        bytes.chunks(1000).for_each(|part| writing.push(part).unwrap());
        assert_eq!(writing.finish().unwrap(), bytes.len() as u64);
    }

    fn read(vault: &Vault) -> Result<Vec<u8>, VaultError> {
        let mut reading = vault.read(ID, &key())?;
        let mut all = Vec::new();
        while let Some(part) = reading.next_chunk()? {
            all.extend(part);
        }
        Ok(all)
    }

    fn names(vault: &Vault) -> Vec<String> {
        fs::read_dir(&vault.directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn what_is_kept_is_read_back_at_every_length_around_a_chunk() {
        let directory = tempfile::tempdir().unwrap();
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17] {
            let vault = vault(&directory);
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            keep(&vault, &bytes);
            assert!(read(&vault).unwrap() == bytes, "{length}");
            vault.remove(&[ID]).unwrap();
            assert_eq!(names(&vault), Vec::<String>::new());
        }
    }

    #[test]
    fn the_disk_holds_no_plain_byte_and_nobody_else_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let vault = vault(&directory);
        let canary = b"Canary-3F7K of a document that is longer than a word".repeat(40);
        let mut writing = vault.begin(ID, &key()).unwrap();
        writing.push(&canary).unwrap();
        let half = fs::read(vault.directory.join(format!("{ID}.part"))).unwrap();
        writing.finish().unwrap();
        let whole = fs::read(vault.path(ID)).unwrap();
        for bytes in [half, whole.clone()] {
            assert!(!bytes.windows(11).any(|window| window == b"Canary-3F7K"));
        }
        assert_eq!(whole.len(), canary.len() + TAG);
        assert_eq!(fs::metadata(vault.path(ID)).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&vault.directory).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn an_upload_that_breaks_off_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let vault = vault(&directory);
        let mut writing = vault.begin(ID, &key()).unwrap();
        writing.push(&[1; 3 * CHUNK]).unwrap();
        assert_eq!(names(&vault).len(), 1);
        drop(writing);
        assert_eq!(names(&vault), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_was_cut_or_changed_is_no_shorter_document() {
        let directory = tempfile::tempdir().unwrap();
        let vault = vault(&directory);
        keep(&vault, &[5; 2 * CHUNK + 10]);
        let whole = fs::read(vault.path(ID)).unwrap();
        let mut flipped = whole.clone();
        flipped[CHUNK + 40] ^= 4;
        for bad in [&whole[..CHUNK + TAG], &whole[..2 * (CHUNK + TAG)], &whole[..whole.len() - 1], &flipped[..], &[]] {
            fs::write(vault.path(ID), bad).unwrap();
            assert!(read(&vault).is_err(), "{} bytes", bad.len());
        }
    }

    #[test]
    fn the_sweep_spares_what_is_known_and_takes_the_rest() {
        let directory = tempfile::tempdir().unwrap();
        let vault = vault(&directory);
        keep(&vault, b"known");
        for orphan in [format!("{}", DocumentId(1)), format!("{}.part", DocumentId(2)), String::from("stray.txt")] {
            fs::write(vault.directory.join(orphan), b"x").unwrap();
        }
        assert_eq!(vault.sweep(&HashSet::from([ID])).unwrap(), 3);
        assert_eq!(names(&vault), vec![ID.to_string()]);
    }
}
