//! Portals' keys: SHA-256 at rest, with what each is good for. Nothing here lets anybody in by itself.

use sqlx::Row as _;

use super::{Store, StoreError};
use crate::access::api_key::{KeyGrant, Scope};
use crate::access::token::TokenHash;
use crate::time::Timestamp;

impl Store {
    /// Lets a portal do everything with the key of this hash; the same label again replaces its key.
    pub async fn put_api_key(&self, label: &str, key: TokenHash, now: Timestamp) -> Result<(), StoreError> {
        let scopes = Scope::ALL.into_iter().collect();
        self.put_api_key_for(&KeyGrant { label: label.to_owned(), scopes, per_minute: None }, key, now).await
    }

    /// The same with what the key is good for.
    pub async fn put_api_key_for(&self, grant: &KeyGrant, key: TokenHash, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO api_keys (key_hash, label, created_ms, scopes, per_minute) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (label) DO UPDATE SET key_hash = excluded.key_hash, created_ms = excluded.created_ms, \
             scopes = excluded.scopes, per_minute = excluded.per_minute",
        )
        .bind(key.as_slice())
        .bind(&grant.label)
        .bind(now.0)
        .bind(KeyGrant::words_of(&grant.scopes))
        .bind(grant.per_minute.map(i64::from))
        .execute(&self.inner.writer)
        .await?;
        Ok(())
    }

    /// What the portal that holds this key may do; none where nobody holds it.
    pub async fn api_key(&self, key: TokenHash) -> Result<Option<KeyGrant>, StoreError> {
        let row = sqlx::query("SELECT label, scopes, per_minute FROM api_keys WHERE key_hash = $1")
            .bind(key.as_slice())
            .fetch_optional(&self.inner.readers)
            .await?;
        row.map(|row| {
            let per_minute: Option<i64> = row.try_get("per_minute")?;
            Ok(KeyGrant {
                label: row.try_get("label")?,
                scopes: KeyGrant::scopes_of(&row.try_get::<String, _>("scopes")?),
                per_minute: per_minute.map(|number| u32::try_from(number).unwrap_or(0)),
            })
        })
        .transpose()
    }
}
