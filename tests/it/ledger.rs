//! The chain of the audit trail on a real database file: every tampering is found and named, an older trail is chained once, the command says so.

use std::path::Path;
use std::process::Command;

use visavis::ids::AppointmentId;
use visavis::store::{Head, Store, Verdict, Who};
use visavis::time::Timestamp;

use crate::database::{argument, home, pool, said};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const LINES: i64 = 12;

/// A trail of twelve lines.
async fn trail(directory: &Path) -> Head {
    let store = Store::open(home(directory)).await.unwrap();
    for n in 0..LINES {
        let appointment = (n % 2 == 0).then_some(AppointmentId(u128::from(n.unsigned_abs())));
        store.audit("call", Who::Agent(visavis::ids::AgentId(n)), appointment, Timestamp(NOW.0 + n)).await.unwrap();
    }
    let Verdict::Intact(head) = store.verify_ledger(None).await.unwrap() else { panic!("a fresh trail is intact") };
    store.close().await;
    head
}

/// What the owner of the disk can do: no trigger stands in the way.
async fn tamper(directory: &Path, sql: &'static [&'static str]) {
    let pool = pool(directory).await;
    for sql in [
        said("DROP TRIGGER audit_is_never_changed", "DROP TRIGGER audit_is_never_changed ON audit"),
        said("DROP TRIGGER audit_is_never_deleted", "DROP TRIGGER audit_is_never_deleted ON audit"),
    ]
    .iter()
    .chain(sql)
    {
        sqlx::query(*sql).execute(&pool).await.unwrap();
    }
    pool.close().await;
}

async fn verdict_after(sql: &'static [&'static str], kept: impl Fn(Head) -> Option<Head>) -> Verdict {
    let directory = tempfile::tempdir().unwrap();
    let head = trail(directory.path()).await;
    assert_eq!(head.number, LINES);
    tamper(directory.path(), sql).await;
    let store = Store::open(home(directory.path())).await.unwrap();
    store.verify_ledger(kept(head)).await.unwrap()
}

#[tokio::test]
async fn one_flipped_bit_of_any_column_is_found_at_its_line() {
    for sql in [
        "UPDATE audit SET at_ms = at_ms | 1 << 20 WHERE number = 5",
        "UPDATE audit SET at_ms = at_ms + 1 WHERE number = 5",
        "UPDATE audit SET what = 'cald' WHERE number = 5",
        // PostgreSQL takes no text that is none.
        said("UPDATE audit SET what = CAST(x'63616cec' AS TEXT) WHERE number = 5", "UPDATE audit SET what = 'cal' WHERE number = 5"),
        "UPDATE audit SET who = 'agent:5' WHERE number = 5",
        "UPDATE audit SET appointment = substr(appointment, 1, 31) || '5' WHERE number = 5",
        "UPDATE audit SET appointment = NULL WHERE number = 5",
        "UPDATE audit SET appointment = '' WHERE number = 5",
        said(
            "UPDATE audit SET hash = CAST(substr(hash, 1, 31) || x'00' AS BLOB) WHERE number = 5",
            r"UPDATE audit SET hash = substr(hash, 1, 31) || '\x00'::bytea WHERE number = 5",
        ),
        "UPDATE audit SET hash = NULL WHERE number = 5",
        "UPDATE audit SET number = 500 WHERE number = 5",
        "DELETE FROM audit WHERE number = 5",
    ] {
        let sql: &'static [&'static str] = Box::leak(Box::new([sql]));
        assert_eq!(verdict_after(sql, |_| None).await, Verdict::Broken(5), "{sql:?}");
    }
}

#[tokio::test]
async fn two_lines_that_changed_places_are_found() {
    let swap = &[
        "UPDATE audit SET number = 1000 WHERE number = 4",
        "UPDATE audit SET number = 4 WHERE number = 9",
        "UPDATE audit SET number = 9 WHERE number = 1000",
    ];
    assert_eq!(verdict_after(swap, |_| None).await, Verdict::Broken(4));
}

#[tokio::test]
async fn a_trail_without_its_end_is_found_by_the_counter_and_by_the_head_that_was_kept() {
    assert_eq!(verdict_after(&["DELETE FROM audit WHERE number > 10"], |_| None).await, Verdict::Broken(11));
    let counter = said("UPDATE sqlite_sequence SET seq = 10 WHERE name = 'audit'", "UPDATE audit_given SET number = 10");
    let covered: &'static [&'static str] = Box::leak(Box::new(["DELETE FROM audit WHERE number > 10", counter]));
    assert!(matches!(verdict_after(covered, |_| None).await, Verdict::Intact(head) if head.number == 10), "what no chain alone can tell");
    assert!(matches!(verdict_after(covered, Some).await, Verdict::Rewritten(_)));
}

#[tokio::test]
async fn a_head_that_was_kept_is_found_in_a_trail_that_went_on() {
    let directory = tempfile::tempdir().unwrap();
    let head = trail(directory.path()).await;
    let store = Store::open(home(directory.path())).await.unwrap();
    store.audit("close", Who::Service, None, NOW).await.unwrap();
    assert!(matches!(store.verify_ledger(Some(head)).await.unwrap(), Verdict::Intact(now) if now.number == LINES + 1));
    let foreign = Head { hash: [7; 32], ..head };
    assert!(matches!(store.verify_ledger(Some(foreign)).await.unwrap(), Verdict::Rewritten(_)));
}

#[tokio::test]
async fn lines_of_an_older_version_are_chained_once_and_never_again() {
    let directory = tempfile::tempdir().unwrap();
    trail(directory.path()).await;
    // As an older version left it: no hashes, and the mark of the chain not there.
    tamper(directory.path(), &["UPDATE audit SET hash = NULL", "DELETE FROM meta WHERE name = 'ledger'"]).await;
    let store = Store::open(home(directory.path())).await.unwrap();
    assert!(matches!(store.verify_ledger(None).await.unwrap(), Verdict::Intact(head) if head.number == LINES));
    store.close().await;
    drop(store);
    let pool = pool(directory.path()).await;
    sqlx::query("UPDATE audit SET hash = NULL WHERE number > 6").execute(&pool).await.unwrap();
    pool.close().await;
    let store = Store::open(home(directory.path())).await.unwrap();
    assert_eq!(store.verify_ledger(None).await.unwrap(), Verdict::Broken(7), "a restart heals no chain");
}

#[test]
fn the_command_makes_no_database_where_there_is_none() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [&["verify-ledger"][..], &["backup", "nowhere/x.backup"]] {
        let data = format!("--data.directory={}", directory.path().display());
        let told = Command::new(env!("CARGO_BIN_EXE_visavis")).arg(data).arg(argument(directory.path())).args(arguments).output().unwrap();
        assert!(
            !told.status.success() && String::from_utf8_lossy(&told.stderr).contains(said("no database", "database is empty")),
            "{told:?}"
        );
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_command_says_intact_or_names_the_first_broken_line() {
    let directory = tempfile::tempdir().unwrap();
    let head = trail(directory.path()).await;
    let verify = |more: &[&str]| {
        let told = Command::new(env!("CARGO_BIN_EXE_visavis"))
            .arg(format!("--data.directory={}", directory.path().display()))
            .arg(argument(directory.path()))
            .arg("verify-ledger")
            .args(more)
            .output()
            .unwrap();
        (told.status.code(), String::from_utf8(told.stdout).unwrap())
    };
    let (code, said) = verify(&[]);
    assert!(code == Some(0) && said.contains("intact") && said.contains(&head.to_string()), "{code:?} {said}");
    assert_eq!(verify(&["--head", &head.to_string()]).0, Some(0));
    tamper(directory.path(), &["UPDATE audit SET who = 'agent:0' WHERE number = 8"]).await;
    let (code, said) = verify(&[]);
    assert!(code == Some(1) && said.contains("line 8"), "{code:?} {said}");
}
