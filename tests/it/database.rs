//! The database that a test's store is on: SQLite in its directory, or with TEST_DATABASE=postgres one of its own on a PostgreSQL that this process starts.

use std::path::Path;
use std::sync::OnceLock;

use sqlx::AnyPool;
use visavis::store::{Database, Home};

use crate::postgres::Postgres;

/// Whether this run is on PostgreSQL.
pub fn is_postgres() -> bool {
    std::env::var("TEST_DATABASE").is_ok_and(|kind| kind == "postgres")
}

/// The one that all tests of this process share.
fn shared() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(Postgres::start)
}

/// Where the store of this directory lives: asked again, the answer is the same.
pub fn home(directory: impl AsRef<Path>) -> Home {
    let directory = directory.as_ref();
    match address(directory) {
        None => Home::from(directory),
        Some(address) => Home { directory: directory.to_owned(), database: Database::postgres(&address, None).unwrap() },
    }
}

/// The setting `database` for this directory; none on SQLite.
pub fn address(directory: impl AsRef<Path>) -> Option<String> {
    is_postgres().then(|| shared().database(&name(directory.as_ref())))
}

/// The same as an argument of the command line; empty on SQLite.
pub fn argument(directory: impl AsRef<Path>) -> String {
    format!("--database={}", address(directory).unwrap_or_default())
}

/// The rows themselves, for a test that looks or tampers.
pub async fn pool(directory: impl AsRef<Path>) -> AnyPool {
    match address(&directory) {
        None => embedded(directory).await,
        Some(address) => connect(&address).await,
    }
}

/// Those of a SQLite in this directory, whatever this run is on.
pub async fn embedded(directory: impl AsRef<Path>) -> AnyPool {
    connect(&format!("sqlite://{}", directory.as_ref().join("visavis.db").display())).await
}

async fn connect(url: &str) -> AnyPool {
    sqlx::any::install_default_drivers();
    AnyPool::connect(url).await.unwrap()
}

/// The words of this run's database.
pub fn said(sqlite: &'static str, postgres: &'static str) -> &'static str {
    if is_postgres() { postgres } else { sqlite }
}

/// For a test that looks at SQLite's own files: on PostgreSQL it has nothing to look at, and says so.
pub fn has_no_files(test: &str) -> bool {
    if is_postgres() {
        println!("{test}: about the files of SQLite, nothing to do on PostgreSQL");
    }
    is_postgres()
}

/// A database has the name of its directory, so that a second store on it finds it again.
fn name(directory: &Path) -> String {
    let path = std::path::absolute(directory).unwrap();
    let words: String =
        path.to_str().unwrap().chars().map(|sign| if sign.is_ascii_alphanumeric() { sign.to_ascii_lowercase() } else { '_' }).collect();
    let marks: u64 = path.to_str().unwrap().bytes().fold(5381, |hash, byte| hash.wrapping_mul(33) ^ u64::from(byte));
    format!("t{}_{marks:016x}", &words[words.len().saturating_sub(40)..])
}
