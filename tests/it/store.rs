//! The store on a real database file: what is durable, what is sealed, what is refused.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use visavis::access::role::Role;
use visavis::access::token::Token;
use visavis::agenda::phase::{LinkRules, Slot};
use visavis::consultation::record::{Record, Stage};
use visavis::store::{Details, Found, NewAgent, NewAppointment, Store, StoreError, Who};
use visavis::time::Timestamp;

use crate::database::{has_no_files, home, pool, said};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);

fn clara() -> NewAppointment {
    NewAppointment {
        service: "advice".into(),
        name: "Clara Canary-7Q2X".into(),
        language: "lb".into(),
        details: Details {
            email: Some("Canary-7Q2X@example.lu".into()),
            phone: Some("+352 621 7072 7072".into()),
            note: Some("Note Canary-7Q2X".into()),
            topic: Some("care".into()),
            ..Details::default()
        },
        slot: Slot { start: NOW, end: NOW.after(20 * MINUTE) },
        rules: LinkRules::default(),
    }
}

fn agent() -> NewAgent {
    NewAgent {
        username: "anna".into(),
        display_name: "Anna Agent".into(),
        language: "de".into(),
        password_hash: "$argon2id$x".into(),
        role: Role::Agent,
    }
}

fn bytes_of_directory(directory: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).flat_map(|path| std::fs::read(path).unwrap()).collect()
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn appointment_survives_reopening_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    let (booked, token) = store.book(clara(), NOW).await.unwrap();
    store.close().await;
    drop(store);

    let store = Store::open(home(directory.path())).await.unwrap();
    assert_eq!(store.appointment(booked.id).await.unwrap(), Some(booked.clone()));
    assert_eq!(store.appointment_by_link(token.hash()).await.unwrap(), Found::Appointment(Box::new(booked.clone())));
    assert_eq!(store.link_token(&booked), token, "the same link can be mailed again");
    assert_eq!(store.desk(NOW).await.unwrap(), vec![booked]);
}

#[tokio::test]
async fn acknowledged_write_survives_a_copy_taken_without_closing() {
    if has_no_files("a copy taken without closing") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    let (booked, _) = store.book(clara(), NOW).await.unwrap();
    store.save_consultation(booked.id, &Record::default(), &[], NOW).await.unwrap();
    // What kill -9 leaves behind: the files as they are, the WAL not folded in.
    let copy = tempfile::tempdir().unwrap();
    for file in ["visavis.db", "visavis.db-wal", "master.key"] {
        std::fs::copy(directory.path().join(file), copy.path().join(file)).unwrap();
    }
    let revived = Store::open(home(copy.path())).await.unwrap();
    assert_eq!(revived.appointment(booked.id).await.unwrap(), Some(booked));
}

#[tokio::test]
async fn neither_name_nor_token_nor_cookie_is_in_the_files() {
    if has_no_files("what is in the files") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    let (booked, token) = store.book(clara(), NOW).await.unwrap();
    let cookie = Token::new([0x5A; 32]);
    store.sign_in_citizen(&booked, cookie.hash(), NOW).await.unwrap();
    store.audit("booked", Who::Api, Some(booked.id), NOW).await.unwrap();

    let open_wal = bytes_of_directory(directory.path());
    store.close().await;
    let folded = bytes_of_directory(directory.path());
    for bytes in [open_wal, folded] {
        assert!(holds(&bytes, booked.reference.as_bytes()), "the search sees what is there");
        assert!(!holds(&bytes, b"Canary-7Q2X"));
        assert!(!holds(&bytes, token.text().as_bytes()));
        assert!(!holds(&bytes, cookie.text().as_bytes()));
        assert!(!holds(&bytes, &[0x5A; 32]));
    }
}

#[tokio::test]
async fn newer_schema_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    store.close().await;
    drop(store);
    let pool = pool(directory.path()).await;
    sqlx::query(said(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'future', 1, x'00', 0)",
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'future', true, '', 0)",
    ))
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    assert!(matches!(Store::open(home(directory.path())).await, Err(StoreError::Newer)));
}

#[tokio::test]
async fn database_without_its_master_key_is_refused_and_no_new_key_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    store.close().await;
    drop(store);
    std::fs::remove_file(directory.path().join("master.key")).unwrap();
    assert!(matches!(Store::open(home(directory.path())).await, Err(StoreError::MasterKey { .. })));
    assert!(!directory.path().join("master.key").exists());

    let other = tempfile::tempdir().unwrap();
    Store::open(home(other.path())).await.unwrap().close().await;
    std::fs::copy(other.path().join("master.key"), directory.path().join("master.key")).unwrap();
    assert!(matches!(Store::open(home(directory.path())).await, Err(StoreError::Sealed)));
}

#[tokio::test]
async fn second_process_on_one_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _store = Store::open(home(directory.path())).await.unwrap();
    assert!(matches!(Store::open(home(directory.path())).await, Err(StoreError::InUse(_))));
}

#[tokio::test]
async fn rotated_link_is_told_apart_from_an_unknown_one_and_ends_its_cookies() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    let (booked, old) = store.book(clara(), NOW).await.unwrap();
    store.sign_in_citizen(&booked, [1; 32], NOW).await.unwrap();
    assert!(store.appointment_by_sign_in([1; 32], NOW).await.unwrap().is_some());

    let new = store.rotate_link(booked.id, Who::Api, NOW).await.unwrap().unwrap();
    assert_eq!(store.appointment_by_link(old.hash()).await.unwrap(), Found::Replaced);
    assert!(matches!(store.appointment_by_link(new.hash()).await.unwrap(), Found::Appointment(_)));
    assert_eq!(store.appointment_by_link([9; 32]).await.unwrap(), Found::Nothing);
    assert_eq!(store.appointment_by_sign_in([1; 32], NOW).await.unwrap(), None);
}

#[tokio::test]
async fn citizen_cookie_ends_a_day_after_the_return_window() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    let (booked, _) = store.book(clara(), NOW).await.unwrap();
    store.sign_in_citizen(&booked, [1; 32], NOW).await.unwrap();
    let day = Duration::from_secs(24 * 60 * 60);
    assert!(store.appointment_by_sign_in([1; 32], booked.end.after(30 * MINUTE + day)).await.unwrap().is_some());
    assert!(store.appointment_by_sign_in([1; 32], booked.end.after(60 * MINUTE + day)).await.unwrap().is_none());
}

#[tokio::test]
async fn agent_sign_in_ends_after_thirty_idle_minutes_or_twelve_hours() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    let anna = store.put_agent(agent(), NOW).await.unwrap();
    store.sign_in_agent(anna, [1; 32], NOW).await.unwrap();
    assert!(store.agent_by_sign_in([1; 32], NOW.after(29 * MINUTE)).await.unwrap().is_some(), "counts as activity");
    assert!(store.agent_by_sign_in([1; 32], NOW.after(58 * MINUTE)).await.unwrap().is_some());
    assert!(store.agent_by_sign_in([1; 32], NOW.after(88 * MINUTE)).await.unwrap().is_none(), "idle for thirty minutes");

    store.sign_in_agent(anna, [2; 32], NOW).await.unwrap();
    for step in 1..=36 {
        let at = NOW.after(step * 20 * MINUTE);
        let good = store.agent_by_sign_in([2; 32], at).await.unwrap().is_some();
        assert_eq!(good, step < 36, "twelve hours are the end, at step {step}");
    }
}

#[tokio::test]
async fn expiry_names_the_cookies_that_ended_and_spares_those_at_work() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    let anna = store.put_agent(agent(), NOW).await.unwrap();
    store.sign_in_agent(anna, [1; 32], NOW).await.unwrap();
    store.sign_in_agent(anna, [2; 32], NOW.after(20 * MINUTE)).await.unwrap();
    let nobody = HashSet::new();
    assert_eq!(
        store.expire_agent_sign_ins(&nobody, NOW.after(40 * MINUTE)).await.unwrap(),
        vec![[1; 32]],
        "the other cookie is still good"
    );
    let at_work = HashSet::from([[2; 32]]);
    assert!(store.expire_agent_sign_ins(&at_work, NOW.after(100 * MINUTE)).await.unwrap().is_empty(), "the clock was moved during a call");
    assert!(store.agent_by_sign_in([2; 32], NOW.after(120 * MINUTE)).await.unwrap().is_some(), "to work is to be seen");
    assert_eq!(store.expire_agent_sign_ins(&at_work, NOW.after(800 * MINUTE)).await.unwrap(), vec![[2; 32]], "twelve hours are the end");
    assert!(!store.has_agent_sign_in([2; 32]).await.unwrap());
}

#[tokio::test]
async fn a_request_with_one_cookie_does_not_keep_another_one_alive() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    let anna = store.put_agent(agent(), NOW).await.unwrap();
    store.sign_in_agent(anna, [1; 32], NOW).await.unwrap();
    store.sign_in_agent(anna, [2; 32], NOW).await.unwrap();
    assert!(store.agent_by_sign_in([1; 32], NOW.after(20 * MINUTE)).await.unwrap().is_some());
    assert!(store.agent_by_sign_in([1; 32], NOW.after(40 * MINUTE)).await.unwrap().is_some());
    assert!(store.agent_by_sign_in([2; 32], NOW.after(40 * MINUTE)).await.unwrap().is_none(), "left at another desk");
}

#[tokio::test]
async fn a_seventeenth_browser_ends_the_oldest_cookie_and_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    let anna = store.put_agent(agent(), NOW).await.unwrap();
    for n in 0..16_u8 {
        let at = NOW.after(Duration::from_secs(n.into()));
        assert!(store.sign_in_agent(anna, [n; 32], at).await.unwrap().is_empty());
    }
    assert_eq!(store.sign_in_agent(anna, [16; 32], NOW.after(MINUTE)).await.unwrap(), vec![[0; 32]]);
}

#[tokio::test]
async fn signed_out_cookie_is_dead_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    let anna = store.put_agent(agent(), NOW).await.unwrap();
    store.sign_in_agent(anna, [1; 32], NOW).await.unwrap();
    assert_eq!(store.sign_out_agent([1; 32], NOW).await.unwrap(), Some(anna));
    assert_eq!(store.agent_by_sign_in([1; 32], NOW).await.unwrap(), None);
    assert_eq!(store.put_agent(agent(), NOW).await.unwrap(), anna, "a new password does not move the agent's seats");
}

#[tokio::test]
async fn a_new_password_shuts_what_the_old_one_opened() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    let anna = store.put_agent(agent(), NOW).await.unwrap();
    let ben = store.put_agent(NewAgent { username: "ben".into(), ..agent() }, NOW).await.unwrap();
    store.sign_in_agent(anna, [1; 32], NOW).await.unwrap();
    store.sign_in_agent(anna, [2; 32], NOW).await.unwrap();
    store.sign_in_agent(ben, [3; 32], NOW).await.unwrap();
    store.sign_out_everywhere(anna, NOW).await.unwrap();
    let good = [store.has_agent_sign_in([1; 32]).await.unwrap(), store.has_agent_sign_in([2; 32]).await.unwrap()];
    assert_eq!((good, store.has_agent_sign_in([3; 32]).await.unwrap()), ([false, false], true));
}

#[tokio::test]
async fn audit_lines_cannot_be_changed_or_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    let (booked, _) = store.book(clara(), NOW).await.unwrap();
    assert_eq!(store.audit_of(booked.id).await.unwrap()[0].what, "booked");
    let pool = pool(directory.path()).await;
    assert!(sqlx::query("UPDATE audit SET who = 'nobody'").execute(&pool).await.is_err());
    assert!(sqlx::query("DELETE FROM audit").execute(&pool).await.is_err());
}

#[tokio::test]
async fn a_change_and_its_audit_line_are_written_together_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    let (booked, _) = store.book(clara(), NOW).await.unwrap();
    let closed = Record { stage: Stage::Closed, ..Record::default() };
    let pool = pool(directory.path()).await;
    let refuse = said(
        "CREATE TRIGGER takes_no_more BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'the trail takes no more'); END",
        "CREATE TRIGGER takes_no_more BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuses()",
    );
    sqlx::query(refuse).execute(&pool).await.unwrap();
    assert!(store.save_consultation(booked.id, &closed, &[("close", Who::Service)], NOW).await.is_err());
    assert_eq!(store.appointment(booked.id).await.unwrap().unwrap().record.stage, Stage::Expected);
    assert!(store.book(clara(), NOW).await.is_err());
    assert_eq!(store.desk(NOW).await.unwrap().len(), 1, "not booked without its line");

    sqlx::query(said("DROP TRIGGER takes_no_more", "DROP TRIGGER takes_no_more ON audit")).execute(&pool).await.unwrap();
    store.save_consultation(booked.id, &closed, &[("close", Who::Service)], NOW).await.unwrap();
    let trail = store.audit_of(booked.id).await.unwrap();
    assert_eq!(
        trail.iter().map(|line| (line.what.as_str(), line.who.as_str())).collect::<Vec<_>>(),
        [("booked", "api"), ("close", "service")]
    );
}

#[tokio::test]
async fn accounts_are_made_beside_a_server_that_runs() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    let beside = Store::open_beside(home(directory.path())).await.unwrap();
    let anna = beside.put_agent(agent(), NOW).await.unwrap();
    beside.close().await;
    assert!(store.agent_account("anna").await.unwrap().is_some_and(|account| account.grant.agent == anna));
    assert!(matches!(Store::open(home(directory.path())).await, Err(StoreError::InUse(_))), "seats have one owner still");

    store.close().await;
    let pool = pool(directory.path()).await;
    sqlx::query("UPDATE _sqlx_migrations SET version = version + 1 WHERE version = (SELECT max(version) FROM _sqlx_migrations)")
        .execute(&pool)
        .await
        .unwrap();
    assert!(matches!(Store::open_beside(home(directory.path())).await, Err(StoreError::OtherVersion)));
}
