//! Sealing: the master key in its file, one key per appointment wrapped by it, AES-256-GCM with the value's place as associated data.
//! Destroying a wrapped key destroys what it sealed. Refuses to know SQL.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::StoreError;

/// A key that seals: the master key or an appointment's. Never shown, wiped by aws-lc when dropped.
pub struct SealingKey(RandomizedNonceKey);

/// 32 key bytes on their way somewhere; wiped when dropped.
pub type KeyBytes = Zeroizing<[u8; 32]>;

impl SealingKey {
    /// A key of 256 bits.
    pub fn new(bytes: &KeyBytes) -> Result<Self, StoreError> {
        RandomizedNonceKey::new(&AES_256_GCM, bytes.as_slice()).map(Self).map_err(|_| StoreError::Sealed)
    }

    /// nonce ‖ ciphertext ‖ tag. `place` (table, column, row) is authenticated: a sealed value moved elsewhere does not open.
    /// A random 96-bit nonce is safe for 2^32 values under one key (NIST SP 800-38D 8.3); an appointment writes a few thousand at most (`limits::CHAT_MESSAGES`).
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut body = Vec::with_capacity(plain.len() + 16);
        body.extend_from_slice(plain);
        let nonce = self.0.seal_in_place_append_tag(Aad::from(place), &mut body).map_err(|_| StoreError::Sealed)?;
        Ok([nonce.as_ref().as_slice(), &body].concat())
    }

    /// The plain bytes, when this key sealed them at this place.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(StoreError::Sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| StoreError::Sealed)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self.0.open_in_place(nonce, Aad::from(place), &mut body).map_err(|_| StoreError::Sealed)?.len();
        body.truncate(length);
        Ok(body)
    }

    /// Opens a value that must be 32 bytes: a wrapped key.
    pub fn open_key(&self, place: &str, sealed: &[u8]) -> Result<KeyBytes, StoreError> {
        let plain = self.open(place, sealed)?;
        let mut key = Zeroizing::new([0; 32]);
        if plain.len() != key.len() {
            return Err(StoreError::Sealed);
        }
        key.copy_from_slice(&plain);
        Ok(key)
    }
}

/// 32 fresh random bytes.
pub fn random_key() -> Result<KeyBytes, StoreError> {
    let mut key = Zeroizing::new([0; 32]);
    rand::fill(key.as_mut_slice()).map_err(|_| StoreError::Randomness)?;
    Ok(key)
}

/// Reads the master key, or makes it (mode 0400, synced) when `may_create`: only a store that is new may get a new key.
pub fn master_key(path: &Path, may_create: bool) -> Result<SealingKey, StoreError> {
    let failed = |source: io::Error| StoreError::MasterKey { path: path.to_owned(), source };
    match fs::File::open(path) {
        Ok(file) => SealingKey::new(&read_key(file).map_err(failed)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound && may_create => {
            let key = random_key()?;
            write_key(path, &key).map_err(failed)?;
            SealingKey::new(&key)
        }
        Err(error) => Err(failed(error)),
    }
}

fn read_key(mut file: fs::File) -> io::Result<KeyBytes> {
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "others may read it; make it mode 0400"));
    }
    let mut key = Zeroizing::new([0; 32]);
    file.read_exact(key.as_mut_slice())?;
    let more = file.read(&mut [0])?;
    if more != 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a master key is exactly 32 bytes"));
    }
    Ok(key)
}

fn write_key(path: &Path, key: &KeyBytes) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
    file.write_all(key.as_slice())?;
    file.sync_all()?;
    // The name of the file must be durable too, or a power cut leaves a database without its key.
    match path.parent() {
        Some(directory) => fs::File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_value_opens_only_at_its_place_and_with_its_key() {
        let key = SealingKey::new(&random_key().unwrap()).unwrap();
        let sealed = key.seal("appointments.name:1", b"Clara").unwrap();
        assert_eq!(key.open("appointments.name:1", &sealed).unwrap().as_slice(), b"Clara");
        assert!(key.open("appointments.name:2", &sealed).is_err());
        let other = SealingKey::new(&random_key().unwrap()).unwrap();
        assert!(other.open("appointments.name:1", &sealed).is_err());
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let key = SealingKey::new(&random_key().unwrap()).unwrap();
        let sealed = key.seal("p", b"abc").unwrap();
        for byte in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[byte] ^= 1;
            assert!(key.open("p", &bad).is_err());
        }
        assert!(key.open("p", &sealed[..5]).is_err());
    }

    #[test]
    fn master_key_is_made_once_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        assert!(master_key(&path, false).is_err());
        let first = master_key(&path, true).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);
        let sealed = first.seal("p", b"x").unwrap();
        assert_eq!(master_key(&path, true).unwrap().open("p", &sealed).unwrap().as_slice(), b"x");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        assert!(matches!(master_key(&path, true), Err(StoreError::MasterKey { .. })));
    }
}
