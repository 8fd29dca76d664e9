//! Deletion on a real server: what goes when, to the second, what remains, what the link says afterwards, and that a restart forgets none of it.

use std::time::Duration;

use serde_json::{Value, json};
use visavis::consultation::record::{Record, Stage};
use visavis::load::http_client::{Response, request};
use visavis::store::{Found, Who};

use crate::database::{has_no_files, home, pool};
use crate::running::Running;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const PATIENCE: Duration = Duration::from_secs(10);

/// The one row of a count.
pub(crate) async fn count(server: &Running, sql: &'static str) -> i64 {
    let pool = pool(server.directory.path().join("data")).await;
    let found: i64 = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
    pool.close().await;
    found
}

pub(crate) async fn link(server: &Running, token: &str) -> Value {
    server.join(token).await.json()
}

/// Asks until the link says so, or fails.
pub(crate) async fn until_phase(server: &Running, token: &str, phase: &str) -> Value {
    let asked = std::time::Instant::now();
    loop {
        let link = link(server, token).await;
        if link["phase"] == phase && (phase != "erased" || !link["receipt"].is_null()) {
            return link;
        }
        assert!(asked.elapsed() < PATIENCE, "waited in vain for {phase}: {link}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn close(server: &Running, reference: &str) {
    let of = server.server.store.appointment_by_reference(reference).await.unwrap().unwrap();
    let record = Record { stage: Stage::Closed, admitted: true, ended_at: Some(server.clock.now()), ..of.record };
    server.server.store.save_consultation(of.id, &record, &[("close", Who::Service)], server.clock.now()).await.unwrap();
}

async fn erase(server: &Running, cookie: &str) -> Response {
    request(&server.base, "POST", "/api/v1/link/erase", &[("Cookie", cookie)], None).await.unwrap()
}

#[tokio::test]
async fn a_closed_consultation_is_erased_after_a_day_to_the_second_and_its_link_says_so() {
    let server = Running::start().await;
    let (reference, token) = server.book(0, "Zoé Eigenname").await;
    let cookie = server.citizen(&token).await;
    close(&server, &reference).await;
    let shown = link(&server, &token).await;
    assert_eq!((&shown["phase"], &shown["name"]), (&json!("documents"), &json!("Zoé Eigenname")));
    assert!(shown["receipt"].is_null());
    server.clock.shift(24 * HOUR - 5_000);
    assert_eq!(link(&server, &token).await["phase"], "documents");
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(link(&server, &token).await["phase"], "documents", "some seconds before, nothing goes");

    server.clock.shift(5_000);
    assert_eq!(link(&server, &token).await["phase"], "erased", "at once, whether the bytes are gone yet or not");
    let shown = until_phase(&server, &token, "erased").await;
    assert_eq!((&shown["name"], &shown["reference"], &shown["kept_until"]), (&json!(""), &json!(""), &Value::Null));
    assert_eq!((&shown["receipt"]["asked"], &shown["receipt"]["documents"]), (&json!(false), &json!(0)));
    assert_eq!(shown["receipt"]["hash"].as_str().unwrap().len(), 64);
    assert_eq!(server.get("/api/v1/link", &[("Cookie", &cookie)]).await.status, 401, "the cookie went with it");
    assert_eq!(count(&server, "SELECT count(*) FROM appointments WHERE changed_ms > created_ms").await, 0);
    assert_eq!(count(&server, "SELECT count(*) FROM citizen_sign_ins").await, 0);
    assert_eq!(count(&server, "SELECT count(*) FROM erased WHERE service = 'advice' AND outcome = 'ended'").await, 1);
}

#[tokio::test]
async fn what_fell_due_while_the_server_was_down_goes_at_its_start() {
    let server = Running::start().await;
    let (_, token) = server.book(0, "Clara").await;
    let (_, later) = server.book(30 * HOUR, "Clara").await;
    let data = server.directory.path().join("data");
    let moved = server.clock.now();
    server.server.stop().await;
    // 25 hours go by for the store alone: the next server has the right time.
    let store = visavis::store::Store::open(home(&data)).await.unwrap();
    let id = match store.appointment_by_link(visavis::access::token::Token::parse(&token).unwrap().hash()).await.unwrap() {
        Found::Appointment(of) => of.id,
        other => panic!("{other:?}"),
    };
    let cancelled = Record { stage: Stage::Cancelled, ended_at: Some(moved.before(Duration::from_secs(25 * 3600))), ..Record::default() };
    store.save_consultation(id, &cancelled, &[("cancel", Who::Citizen)], moved).await.unwrap();
    store.close().await;
    drop(store);

    let config = crate::running::settings(&server.directory);
    let server = Running::start_with(server.directory, config).await;
    until_phase(&server, &token, "erased").await;
    assert_eq!(link(&server, &later).await["phase"], "too_early", "what is not due stays");
    assert_eq!(count(&server, "SELECT count(*) FROM erased WHERE outcome = 'cancelled'").await, 1);
}

#[tokio::test]
async fn who_never_came_and_who_cancelled_are_forgotten_a_day_later() {
    let server = Running::start().await;
    let (_, never) = server.book(0, "Clara").await;
    let (reference, cancelled) = server.book(0, "Clara").await;
    let key = format!("Bearer {}", server.demo.api.key);
    let path = format!("/api/v1/appointments/{reference}");
    assert_eq!(request(&server.base, "DELETE", &path, &[("Authorization", &key)], None).await.unwrap().status, 200);
    server.clock.shift(24 * HOUR - MINUTE);
    assert_eq!(link(&server, &cancelled).await["phase"], "cancelled");
    server.clock.shift(MINUTE);
    until_phase(&server, &cancelled, "erased").await;
    assert_eq!(link(&server, &never).await["phase"], "late", "its day begins at the end of the slot");
    server.clock.shift(20 * MINUTE);
    until_phase(&server, &never, "erased").await;
    assert_eq!(server.get(&path, &[("Authorization", &key)]).await.status, 404, "a portal finds it no more");
    assert_eq!(count(&server, "SELECT count(*) FROM erased WHERE outcome = 'no_show'").await, 1);
}

#[tokio::test]
async fn citizen_deletes_everything_at_once_and_gets_the_receipt() {
    let server = Running::start().await;
    let (reference, token) = server.book(0, "Clara").await;
    let cookie = server.citizen(&token).await;
    close(&server, &reference).await;
    let gone = erase(&server, &cookie).await;
    assert_eq!((gone.status, &gone.json()["phase"], &gone.json()["receipt"]["asked"]), (200, &json!("erased"), &json!(true)));
    assert!(gone.headers.iter().any(|(name, value)| name == "set-cookie" && value.contains("Max-Age=0")), "the cookie is taken back");
    assert_eq!(erase(&server, &cookie).await.status, 401, "there is nobody any more to ask");
    assert_eq!(link(&server, &token).await["receipt"], gone.json()["receipt"], "the link shows the same receipt ever after");
    assert_eq!(server.join(&token).await.cookies(), Vec::<String>::new());
    // The line of the receipt is the one of the ledger.
    let line = gone.json()["receipt"]["line"].as_i64().unwrap();
    assert!(matches!(server.server.store.verify_ledger(None).await.unwrap(), visavis::store::Verdict::Intact(head) if head.number >= line));
}

#[tokio::test]
async fn an_appointment_that_is_still_ahead_can_be_deleted_and_counts_as_cancelled() {
    let server = Running::start().await;
    let (_, token) = server.book(2 * HOUR, "Clara").await;
    let cookie = server.citizen(&token).await;
    assert_eq!(erase(&server, &cookie).await.status, 200);
    assert_eq!(count(&server, "SELECT count(*) FROM erased WHERE outcome = 'cancelled' AND asked = 1").await, 1);
}

#[tokio::test]
async fn nothing_is_deleted_while_somebody_waits() {
    let server = Running::start().await;
    let (_, token) = server.book(0, "Clara").await;
    let cookie = server.citizen(&token).await;
    let base = format!("{}/j#{token}", server.server.base_url);
    let clara = visavis::load::participant::SignedIn::citizen(&server.base, &base).await.unwrap();
    let signaling = clara.open(1).await.unwrap();
    signaling.request(json!({"type": "arrive"})).await.unwrap();
    let refused = erase(&server, &cookie).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (409, "wrong_state"));
    // Nor when the clock says that it is due: who waits and was called is never thrown out, and the rule is the consultation's own.
    signaling.request(json!({"type": "leave"})).await.unwrap();
    assert_eq!(erase(&server, &cookie).await.status, 200, "the control: the same a moment later");
    let heard = signaling.until(Duration::from_secs(5), "a close", |heard| heard.closed.is_some()).await.unwrap();
    assert_eq!(heard.closed, Some(4001), "the page is told");
}

#[tokio::test]
async fn a_call_that_lasts_longer_than_a_day_is_not_deleted_under_the_people_in_it() {
    let server = Running::start().await;
    let (reference, token) = server.book(0, "Clara").await;
    let clara = visavis::load::participant::SignedIn::citizen(&server.base, &format!("x#{token}")).await.unwrap();
    let citizen = clara.open(1).await.unwrap();
    citizen.request(json!({"type": "arrive"})).await.unwrap();
    let anna =
        visavis::load::participant::SignedIn::agent(&server.base, &server.demo.agent.username, &server.demo.agent.password).await.unwrap();
    let agent = anna.open(2).await.unwrap();
    let id = server.server.store.appointment_by_reference(&reference).await.unwrap().unwrap().id.to_string();
    agent.request(json!({"type": "call", "appointment": id})).await.unwrap();
    citizen.request(json!({"type": "accept", "call": 1})).await.unwrap();
    server.clock.shift(30 * HOUR);
    // Two looks of the deletion at least.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(link(&server, &token).await["phase"], "open");
    assert_eq!(server.server.store.appointment_by_reference(&reference).await.unwrap().unwrap().name, "Clara");
}

#[tokio::test]
async fn the_write_ahead_log_is_empty_after_a_deletion_and_the_wrapped_key_nowhere() {
    let server = Running::start().await;
    let (reference, token) = server.book(0, "Clara").await;
    if has_no_files("the write-ahead log") {
        return;
    }
    let pool = pool(server.directory.path().join("data")).await;
    let key: Vec<u8> =
        sqlx::query_scalar("SELECT wrapped_key FROM appointments WHERE reference = $1").bind(&reference).fetch_one(&pool).await.unwrap();
    pool.close().await;
    let files = || {
        let directory = std::fs::read_dir(server.directory.path().join("data")).unwrap().map(|entry| entry.unwrap().path());
        directory.filter(|path| path.is_file()).map(|path| std::fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    let holds = |files: &[Vec<u8>]| files.iter().any(|bytes| bytes.windows(key.len()).any(|window| window == key));
    assert!(holds(&files()), "the control: the search finds a key that is there");
    let cookie = server.citizen(&token).await;
    assert_eq!(erase(&server, &cookie).await.status, 200);
    let asked = std::time::Instant::now();
    while holds(&files()) {
        assert!(asked.elapsed() < PATIENCE, "the wrapped key is still there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn three_hundred_due_at_once_are_gone_within_a_minute() {
    let server = Running::start().await;
    let start = server.clock.now();
    let slot = visavis::agenda::phase::Slot { start, end: start.after(Duration::from_secs(1200)) };
    for _ in 0..300 {
        let new = visavis::store::NewAppointment {
            service: "advice".into(),
            name: "Clara".into(),
            language: "fr".into(),
            details: visavis::store::Details::default(),
            slot,
            rules: visavis::agenda::phase::LinkRules::default(),
        };
        server.server.store.book(new, start).await.unwrap();
    }
    server.clock.shift(25 * HOUR);
    let due = std::time::Instant::now();
    while count(&server, "SELECT count(*) FROM erased WHERE outcome = 'no_show'").await < 300 {
        assert!(due.elapsed() < Duration::from_secs(60), "still not all gone");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("300 appointments erased in {:?}", due.elapsed());
    assert_eq!(server.server.signaling.consultations(), 0, "no task stays behind");
}
