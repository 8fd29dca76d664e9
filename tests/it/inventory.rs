//! The data inventory against the schema and the data directory: nothing is kept that it does not list, and it lists nothing that is not kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use visavis::store::Store;

use crate::database::embedded;
use crate::running::Running;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inventory {
    retention: BTreeMap<String, String>,
    tables: BTreeMap<String, BTreeMap<String, Entry>>,
    files: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    purpose: String,
    basis: String,
    retention: String,
    personal: bool,
    #[serde(default)]
    sealed: bool,
}

fn inventory() -> Inventory {
    toml::from_str(include_str!("../../docs/data-inventory.toml")).unwrap()
}

/// Table and column of a fresh database.
async fn columns() -> BTreeSet<(String, String)> {
    let directory = tempfile::tempdir().unwrap();
    Store::open(directory.path()).await.unwrap().close().await;
    let pool = embedded(directory.path()).await;
    let all: Vec<(String, String)> = sqlx::query_as(
        "SELECT tables.name, columns.name FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns \
         WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%' AND tables.name <> '_sqlx_migrations'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    pool.close().await;
    all.into_iter().collect()
}

#[tokio::test]
async fn every_column_has_its_entry_and_every_entry_its_column() {
    let kept = columns().await;
    assert!(kept.len() > 50);
    let listed: BTreeSet<_> =
        inventory().tables.iter().flat_map(|(table, columns)| columns.keys().map(|column| (table.clone(), column.clone()))).collect();
    let without: Vec<_> = kept.difference(&listed).collect();
    assert!(without.is_empty(), "columns without an entry in docs/data-inventory.toml: {without:?}");
    let gone: Vec<_> = listed.difference(&kept).collect();
    assert!(gone.is_empty(), "entries of docs/data-inventory.toml without a column: {gone:?}");
}

/// Sealed under other keys: the browser's cookie, and the master key.
const ELSEWHERE: [&str; 2] = ["person_sign_ins.person_sealed", "agents.totp_sealed"];

#[test]
fn every_entry_says_what_for_on_what_basis_and_for_how_long() {
    let inventory = inventory();
    for (table, columns) in &inventory.tables {
        for (column, entry) in columns {
            let place = format!("{table}.{column}");
            assert!(entry.purpose.len() > 3, "{place}");
            assert!(["task", "security", "contract", "none"].contains(&entry.basis.as_str()), "{place}: {}", entry.basis);
            assert!(inventory.retention.contains_key(&entry.retention), "{place}: {}", entry.retention);
            assert!(!entry.personal || entry.basis != "none", "{place}: personal data needs a basis");
            assert_eq!(
                entry.sealed,
                (column.ends_with("_sealed") && !ELSEWHERE.contains(&place.as_str())) || place == "documents.wrapped_key",
                "{place}: sealed or not?"
            );
        }
    }
    assert!(inventory.files.values().all(|entry| !entry.purpose.is_empty() && !entry.retention.is_empty() && !entry.basis.is_empty()));
}

#[tokio::test]
async fn a_running_server_keeps_no_file_that_is_not_listed() {
    let server = Running::start().await;
    server.book(0, "Clara").await;
    let kept =
        std::fs::read_dir(server.directory.path().join("data")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let listed = inventory().files;
    let unlisted: Vec<_> = kept.filter(|name| !listed.contains_key(name)).collect();
    assert!(unlisted.is_empty(), "files without an entry in docs/data-inventory.toml: {unlisted:?}");
}
