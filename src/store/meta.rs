//! What belongs to the whole installation: named values, the join links' key among them.

use sqlx::sqlite::SqlitePool;

use super::seal::{self, SealingKey};
use super::{Store, StoreError};
use crate::access::link::LinkKey;

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

/// The key of all join links, wrapped by the master key; made on first use. A wrong master key is noticed here, at the start.
pub(super) async fn link_key(pool: &SqlitePool, master: &SealingKey) -> Result<LinkKey, StoreError> {
    const PLACE: &str = "meta.value:link_key";
    let bytes = match read(pool, "link_key").await? {
        Some(wrapped) => master.open_key(PLACE, &wrapped)?,
        None => {
            let fresh = seal::random_key()?;
            write(pool, "link_key", &master.seal(PLACE, fresh.as_slice())?).await?;
            fresh
        }
    };
    Ok(LinkKey::new(*bytes))
}

pub(super) async fn read(pool: &SqlitePool, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(sqlx::query_scalar("SELECT value FROM meta WHERE name = $1").bind(name).fetch_optional(pool).await?)
}

async fn write(pool: &SqlitePool, name: &str, value: &[u8]) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(name)
        .bind(value)
        .execute(pool)
        .await?;
    Ok(())
}
