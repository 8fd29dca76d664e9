//! What belongs to the whole installation: named values, its own keys among them.

use super::database::Pool;
use super::seal::{self, SealingKey};
use super::{Store, StoreError};

impl Store {
    /// A named value.
    pub async fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        read(&self.inner.readers, name).await
    }

    /// Sets a named value.
    pub async fn set_meta(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        write(&self.inner.writer, name, value).await
    }
}

/// A key of the installation (that of all join links, of all marks), wrapped by the master key; made on first use. A wrong master key is noticed here, at
/// the start.
pub(super) async fn own_key(pool: &Pool, master: &SealingKey, name: &str) -> Result<[u8; 32], StoreError> {
    let place = format!("meta.value:{name}");
    let bytes = match read(pool, name).await? {
        Some(wrapped) => master.open_key(&place, &wrapped)?,
        None => {
            let fresh = seal::random_key()?;
            write(pool, name, &master.seal(&place, fresh.as_slice())?).await?;
            fresh
        }
    };
    Ok(*bytes)
}

pub(super) async fn read(pool: &Pool, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(sqlx::query_scalar("SELECT value FROM meta WHERE name = $1").bind(name).fetch_optional(pool).await?)
}

async fn write(pool: &Pool, name: &str, value: &[u8]) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(name)
        .bind(value)
        .execute(pool)
        .await?;
    Ok(())
}
