//! P1 and R14: after a deletion nothing of a person is found anywhere, not in an older backup either; a backup beside a busy server becomes a server again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::json;
use visavis::chat::{Author, Message};
use visavis::ids::MessageId;
use visavis::load::http_client::request;
use visavis::store::{BackupError, Found, Store, StoreError, Verdict};
use visavis::time::Timestamp;

use crate::database::{address, argument, home, pool};
use crate::documents::{pdf, send, until};
use crate::erasure::{close, until_phase};
use crate::running::{Running, settings};

/// In every field and file of the fifty.
const CANARY: &str = "Canary-9Q4T-of-somebody";
const HOUR: i64 = 3_600_000;

fn visavis(data: &Path, arguments: &[&str]) -> Output {
    let (directory, database) = (format!("--data.directory={}", data.display()), argument(data));
    Command::new(env!("CARGO_BIN_EXE_visavis")).args([directory, database]).args(arguments).output().unwrap()
}

fn done(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// Every file beneath, whole.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.push((path, bytes));
        }
    }
    found
}

/// Which files hold any of the needles.
fn hits(directories: &[&Path], needles: &[Vec<u8>]) -> Vec<PathBuf> {
    let all = directories.iter().flat_map(|directory| files(directory));
    all.filter(|(_, bytes)| needles.iter().any(|needle| bytes.windows(needle.len()).any(|window| window == needle)))
        .map(|(path, _)| path)
        .collect()
}

/// Those of appointments, under the master key, and those of documents, under an appointment's.
async fn wrapped_keys(data: &Path) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let pool = pool(data).await;
    let appointments = sqlx::query_scalar("SELECT wrapped_key FROM appointments").fetch_all(&pool).await.unwrap();
    let documents = sqlx::query_scalar("SELECT wrapped_key FROM documents").fetch_all(&pool).await.unwrap();
    pool.close().await;
    (appointments, documents)
}

/// A data directory from a backup, with the lost server's master key.
fn restored(server: &Running, name: &str, backup: &Path, keys: &Path) -> (PathBuf, String) {
    let data = server.directory.path().join(name);
    std::fs::create_dir(&data).unwrap();
    std::fs::copy(server.directory.path().join("data/master.key"), data.join("master.key")).unwrap();
    let said = done(&visavis(&data, &["restore", backup.to_str().unwrap(), "--keys", keys.to_str().unwrap()]));
    (data, said)
}

/// Books with a canary in every field. Answers reference and token.
async fn book_canary(server: &Running) -> (String, String) {
    let start = server.clock.now();
    let body = json!({
        "service": "advice", "start": start.rfc3339(), "end": start.after(Duration::from_secs(1200)).rfc3339(), "language": "fr",
        "name": CANARY, "email": format!("{CANARY}@example.lu"), "phone": "+352 621 000 111", "note": format!("It is about {CANARY}."),
    });
    let key = format!("Bearer {}", server.demo.api.key);
    let booked = server.post("/api/v1/appointments", &[("Authorization", &key)], body).await;
    assert_eq!(booked.status, 201, "{}", booked.json());
    let booked = booked.json();
    (booked["reference"].as_str().unwrap().to_owned(), booked["join_url"].as_str().unwrap().split_once("/j#").unwrap().1.to_owned())
}

/// A chat message with the canary in it.
fn kept_message() -> Message {
    let (name, text) = (CANARY.to_owned(), format!("My number is {CANARY}."));
    Message { number: 1, id: MessageId([7; 16]), author: Author::Citizen, name, text, at: Timestamp(0), guests: Vec::new() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_deletion_of_fifty_appointments_no_canary_and_no_key_is_left_not_in_an_older_backup_either() {
    let server = Running::start().await;
    let mut booked = Vec::new();
    for n in 0..50 {
        let (reference, token) = book_canary(&server).await;
        let cookie = server.citizen(&token).await;
        let body = [pdf(60), CANARY.repeat(3).into_bytes(), vec![b' '; n * 1500]].concat();
        let name = format!("{CANARY}.pdf");
        assert_eq!(send(&server, &cookie, "document", &name, &body).await.status, 201);
        assert_eq!(send(&server, &cookie, "identity_copy", &name, &body).await.status, 201);
        let of = server.server.store.appointment_by_reference(&reference).await.unwrap().unwrap();
        server.server.store.keep_message(of.id, &kept_message()).await.unwrap();
        booked.push((reference, token, cookie));
    }
    let data = server.directory.path().join("data");
    let elsewhere = server.directory.path().join("backups");
    std::fs::create_dir(&elsewhere).unwrap();
    let (old, old_keys) = (elsewhere.join("old.backup"), elsewhere.join("old.keys"));
    done(&visavis(&data, &["backup", old.to_str().unwrap(), "--keys", old_keys.to_str().unwrap()]));
    // The keys that a careless operator would have kept: what they can do is said by the control at the end.
    let kept_apart = tempfile::tempdir().unwrap();
    let careless = kept_apart.path().join("kept.keys");
    std::fs::copy(&old_keys, &careless).unwrap();
    let keys = wrapped_keys(&data).await;
    assert!(keys.0.len() > 50 && !hits(&[&data], &keys.0).is_empty(), "the control: the search finds keys that are there");

    // Half at their wish, half because the day is over.
    for (reference, _, cookie) in &booked[..25] {
        close(&server, reference).await;
        let gone = request(&server.base, "POST", "/api/v1/link/erase", &[("Cookie", cookie)], None).await.unwrap();
        assert_eq!((gone.status, &gone.json()["receipt"]["documents"]), (200, &json!(2)));
    }
    for (reference, ..) in &booked[25..] {
        close(&server, reference).await;
    }
    server.clock.shift(24 * HOUR);
    for (_, token, _) in &booked[25..] {
        until_phase(&server, token, "erased").await;
    }
    let left = wrapped_keys(&data).await;
    let gone = |keys: Vec<Vec<u8>>, left: &[Vec<u8>]| keys.into_iter().filter(|key| !left.contains(key)).collect::<Vec<_>>();
    let (of_appointments, of_documents) = (gone(keys.0, &left.0), gone(keys.1, &left.1));
    assert_eq!((of_appointments.len(), of_documents.len()), (50, 100));
    // A document's key in an old backup opens with its appointment's alone, which is nowhere.
    let anywhere: Vec<Vec<u8>> = of_appointments.into_iter().chain([CANARY.into()]).collect();
    let needles: Vec<Vec<u8>> = anywhere.iter().cloned().chain(of_documents).collect();
    until(async || hits(&[&data], &needles).is_empty()).await;
    assert_eq!(std::fs::read_dir(data.join("vault")).unwrap().count(), 0);

    // The newest backup replaces the keys; it and the old one hold nothing that opens.
    let new = elsewhere.join("new.backup");
    done(&visavis(&data, &["backup", new.to_str().unwrap(), "--keys", old_keys.to_str().unwrap()]));
    assert_eq!(hits(&[server.directory.path()], &anywhere), Vec::<PathBuf>::new());
    let (from_old, said) = restored(&server, "from-old", &old, &old_keys);
    assert!(said.contains("50 appointments were deleted since and are again"), "{said}");
    let (from_new, _) = restored(&server, "from-new", &new, &old_keys);
    assert_eq!(hits(&[server.directory.path()], &anywhere), Vec::<PathBuf>::new());
    assert_eq!(hits(&[&data, &from_old, &from_new], &needles), Vec::<PathBuf>::new());
    for data in [&from_old, &from_new] {
        let store = Store::open(home(data)).await.unwrap();
        for (reference, token, _) in &booked {
            assert_eq!(store.appointment_by_reference(reference).await.unwrap(), None);
            let hash = visavis::access::token::Token::parse(token).unwrap().hash();
            assert!(matches!(store.appointment_by_link(hash).await.unwrap(), Found::Erased(_)), "the link still says what became of it");
        }
        assert!(matches!(store.verify_ledger(None).await.unwrap(), Verdict::Intact(_)));
        store.close().await;
        assert_eq!(std::fs::read_dir(data.join("vault")).unwrap().count(), 0);
    }

    // The control, and what is told to the operator: with the old keys the old backup opens.
    let (revived, _) = restored(&server, "revived", &old, &careless);
    let store = Store::open(home(&revived)).await.unwrap();
    let of = store.appointment_by_reference(&booked[0].0).await.unwrap().unwrap();
    assert_eq!((of.name.as_str(), store.messages(of.id).await.unwrap()), (CANARY, vec![kept_message()]));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_beside_a_busy_server_holds_all_that_was_acknowledged_before_it() {
    let server = Running::start().await;
    let mut before = Vec::new();
    for n in 0..5 {
        let (reference, token) = server.book(0, "Clara").await;
        let cookie = server.citizen(&token).await;
        let body = pdf(100_000 + n);
        let sent = send(&server, &cookie, "document", "x.pdf", &body).await;
        before.push((reference, token, sent.json()["id"].as_str().unwrap().to_owned(), body));
    }
    let data = server.directory.path().join("data");
    let backup = server.directory.path().join("busy.backup");
    // Bookings, uploads and deletions go on while it is made.
    let busy = async {
        for _ in 0..12 {
            let (_, token) = server.book(0, "Paul").await;
            let cookie = server.citizen(&token).await;
            assert_eq!(send(&server, &cookie, "document", "y.pdf", &pdf(300_000)).await.status, 201);
            let gone = request(&server.base, "POST", "/api/v1/link/erase", &[("Cookie", &cookie)], None).await.unwrap();
            assert_eq!(gone.status, 200);
        }
    };
    let made = tokio::task::spawn_blocking({
        let (data, backup) = (data.clone(), backup.clone());
        move || done(&visavis(&data, &["backup", backup.to_str().unwrap()]))
    });
    let ((), made) = tokio::join!(busy, made);
    assert!(made.unwrap().contains("appointments"));
    assert_eq!(
        std::fs::read_dir(server.directory.path())
            .unwrap()
            .flatten()
            .filter(|e| e.file_name().to_string_lossy().contains("making"))
            .count(),
        0
    );

    let started = std::time::Instant::now();
    let (again, _) = restored(&server, "again", &backup, &server.directory.path().join("visavis.keys"));
    let Running { server: first, directory, .. } = server;
    first.stop().await;
    let mut config = settings(&directory);
    config.database = address(&again);
    config.data_directory = again;
    let server = Running::start_with(directory, config).await;
    println!("restored and started in {:?}", started.elapsed());
    for (reference, token, document, body) in before {
        let link = server.join(&token).await;
        assert_eq!((link.status, &link.json()["reference"]), (200, &json!(reference)));
        let cookie = link.cookies().remove(0);
        let got = server.get(&format!("/api/v1/link/documents/{document}"), &[("Cookie", &cookie)]).await;
        assert!(got.status == 200 && got.body == body, "{}", got.status);
    }
    assert!(matches!(server.server.store.verify_ledger(None).await.unwrap(), Verdict::Intact(_)));
}

/// A store with one appointment, backed up.
async fn small(directory: &Path) -> (PathBuf, PathBuf) {
    let store = Store::open(home(directory)).await.unwrap();
    let (backup, keys) = (directory.join("small.backup"), directory.join("visavis.keys"));
    store.back_up(&backup, &keys, Timestamp(1_800_000_000_000)).await.unwrap();
    store.close().await;
    (backup, keys)
}

#[tokio::test]
async fn nothing_is_overwritten_and_nothing_foreign_is_restored() {
    let lost = tempfile::tempdir().unwrap();
    let (backup, keys) = small(lost.path()).await;
    let now = Timestamp(1_800_000_000_000);
    let store = Store::open(home(lost.path())).await.unwrap();
    assert!(matches!(store.back_up(&backup, &keys, now).await, Err(BackupError::Exists(_))));
    store.close().await;
    drop(store);
    let told = Store::restore(home(lost.path()), &backup, &keys, now).await;
    assert!(matches!(told, Err(BackupError::Exists(_) | BackupError::NotEmpty)), "a living database");

    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Store::restore(home(empty.path()), &backup, &keys, now).await, Err(BackupError::NoMasterKey(_))));
    let foreign = tempfile::tempdir().unwrap();
    Store::open(home(foreign.path())).await.unwrap().close().await;
    std::fs::copy(foreign.path().join("master.key"), empty.path().join("master.key")).unwrap();
    assert!(matches!(Store::restore(home(empty.path()), &backup, &keys, now).await, Err(BackupError::Keys(_))), "another master key");
    assert!(!empty.path().join("visavis.db").exists());
}

#[tokio::test]
async fn a_backup_of_a_newer_version_a_cut_one_and_one_that_climbs_out_are_refused() {
    let lost = tempfile::tempdir().unwrap();
    let (backup, keys) = small(lost.path()).await;
    let now = Timestamp(1_800_000_000_000);
    let whole = std::fs::read(&backup).unwrap();
    let manifest = |schema: i64| json!({"format": 1, "schema": schema, "made": 1}).to_string();
    let archive = |entries: &[(&str, String)]| {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, body) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(body.len() as u64);
            // As an attacker would: no check of our side on the name.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            archive.append(&header, body.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap()
    };
    for (bytes, is_newer, why) in [
        (archive(&[("backup.json", manifest(9999))]), true, "a newer schema"),
        (archive(&[("backup.json", manifest(1))]), false, "no database"),
        (archive(&[("visavis.db", "x".into())]), false, "no word of itself"),
        (archive(&[("backup.json", manifest(1)), ("../escaped", "x".into())]), false, "a path that climbs out"),
        (archive(&[("backup.json", manifest(1)), ("vault/../escaped", "x".into())]), false, "another"),
        (whole[..whole.len() / 2].to_vec(), false, "half of it"),
        (b"nonsense".to_vec(), false, "nonsense"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::copy(lost.path().join("master.key"), data.join("master.key")).unwrap();
        let file = directory.path().join("bad.backup");
        std::fs::write(&file, bytes).unwrap();
        let told = Store::restore(home(&data), &file, &keys, now).await;
        let as_expected = match &told {
            Err(BackupError::Newer) => is_newer,
            Err(BackupError::NoBackup(_) | BackupError::File { .. } | BackupError::Store(StoreError::Database(_))) => !is_newer,
            _ => false,
        };
        assert!(as_expected, "{why}: {told:?}");
        assert!(!data.join("visavis.db").exists() && !directory.path().join("escaped").exists() && !data.join("escaped").exists(), "{why}");
    }
}

#[tokio::test]
async fn backup_and_keys_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let lost = tempfile::tempdir().unwrap();
    let (backup, keys) = small(lost.path()).await;
    for file in [backup, keys] {
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
}
