//! A database that stands still, is slow, is locked or is killed (trust.md R1, R3): calls go on, nothing acknowledged is lost, and who books is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use visavis::load::http_client::request;
use visavis::load::participant::Participant;
use visavis::sfu::negotiated::Source;
use visavis::store::{Store, Verdict};

use crate::database;
use crate::postgres::Postgres;
use crate::running::{Running, settings};
use crate::support::talking::Talking;

/// How long the database is away: the minute of trust.md R3, or shorter.
fn outage() -> Duration {
    Duration::from_secs(std::env::var("VISAVIS_OUTAGE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60))
}

/// A server on a PostgreSQL of its own.
async fn on(postgres: &Postgres) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let mut config = settings(&directory);
    config.database = Some(postgres.database("outage"));
    Running::start_with(directory, config).await
}

/// Citizen and agent in a call, both speaking.
struct Call {
    id: String,
    citizen: Participant,
    agent: Participant,
}

impl Call {
    async fn begin(server: &Running) -> Self {
        let (_, token) = server.book(0, "Clara").await;
        let (link, demo) = (format!("{}/j#{token}", server.demo.base_url), &server.demo.agent);
        let Talking { id, citizen, agent } = Talking::begin(&server.base, &link, (&demo.username, &demo.password), [71, 72]).await;
        citizen.peer.as_ref().unwrap().start_sending(Source::Microphone);
        agent.peer.as_ref().unwrap().start_sending(Source::Microphone);
        let call = Self { id, citizen, agent };
        call.speaks(20).await;
        call
    }

    /// Sounds of one that the other has whole.
    fn heard(&self) -> (usize, usize) {
        let (citizen, agent) = (self.citizen.peer.as_ref().unwrap(), self.agent.peer.as_ref().unwrap());
        (agent.received().whole_of(citizen.stream(Source::Microphone)), citizen.received().whole_of(agent.stream(Source::Microphone)))
    }

    /// Both hear so many more.
    async fn speaks(&self, more: usize) {
        let before = self.heard();
        let begun = Instant::now();
        while self.heard().0 < before.0 + more || self.heard().1 < before.1 + more {
            assert!(begun.elapsed() < Duration::from_secs(10), "the call stands still: {before:?}, {:?}", self.heard());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn status(server: &Running, path: &str) -> u16 {
    server.get(path, &[]).await.status
}

async fn until(server: &Running, path: &str, wanted: u16, within: Duration) {
    let begun = Instant::now();
    while status(server, path).await != wanted {
        assert!(begun.elapsed() < within, "{path} is not {wanted} within {within:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_on_while_postgres_stands_still_for_a_minute_and_who_drops_out_comes_back() {
    let postgres = Postgres::durable();
    let server = on(&postgres).await;
    let mut call = Call::begin(&server).await;
    let (seen, seen_token) = server.book(60_000, "Paul").await;
    assert_eq!(server.join(&seen_token).await.status, 200);
    let trail = server.server.store.audit_of(call.id.parse().unwrap()).await.unwrap().len();

    let begun = Instant::now();
    let before = call.heard();
    postgres.freeze(true);
    until(&server, "/readyz", 503, Duration::from_secs(5)).await;
    assert_eq!(status(&server, "/livez").await, 200);
    let start = visavis::time::Timestamp(server.clock.now().0);
    let body = json!({"service": "advice", "start": start.rfc3339(), "end": start.after(Duration::from_secs(1200)).rfc3339(), "name": "Nobody", "language": "fr"});
    let key = format!("Bearer {}", server.demo.api.key);
    let asked = Instant::now();
    let refused = server.post("/api/v1/appointments", &[("Authorization", &key)], body).await;
    assert_eq!(refused.status, 503, "{}", refused.json());
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("nothing was done"), "{}", refused.json());
    assert!(asked.elapsed() < Duration::from_secs(17), "{:?}", asked.elapsed());

    // A link that was seen opens, in a browser that never did.
    let asked = Instant::now();
    let joined = server.join(&seen_token).await;
    assert_eq!((joined.status, joined.json()["reference"].as_str()), (200, Some(seen.as_str())), "{}", joined.json());
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    let new_cookie = joined.cookies().remove(0);
    assert_eq!(server.get("/api/v1/link", &[("Cookie", &new_cookie)]).await.status, 200);
    assert_eq!(
        server.join(&crate::running::no_token()).await.status,
        503,
        "nobody is told that a link is unknown which could not be looked up"
    );

    // The citizen's page is loaded anew, and the call is there.
    call.citizen.signaling.cut();
    let away = |state: &serde_json::Value| state["participants"][0]["presence"] == "away";
    let agent = &call.agent.signaling;
    agent.until(Duration::from_secs(10), "away", |heard| heard.states.get(&call.id).is_some_and(away)).await.unwrap();
    let asked = Instant::now();
    call.citizen.reopen().await.unwrap();
    call.citizen.phase(&call.id, "in_call").await.unwrap();
    let back = asked.elapsed();
    call.speaks(20).await;
    tokio::time::sleep(outage().saturating_sub(begun.elapsed())).await;
    call.speaks(20).await;
    let (away, after) = (begun.elapsed(), call.heard());
    postgres.freeze(false);

    let asked = Instant::now();
    until(&server, "/readyz", 200, Duration::from_secs(10)).await;
    println!("away for {away:?}; back in the call after {back:?}; ready again after {:?}; sounds {before:?} to {after:?}", asked.elapsed());
    // Fifty a second each way, with what a busy machine takes.
    let least = usize::try_from(away.as_millis()).unwrap() * 50 / 1_000 * 9 / 10;
    assert!(after.0 - before.0 >= least && after.1 - before.1 >= least, "{before:?} to {after:?} in {away:?}");
    let begun = Instant::now();
    while server.server.store.audit_of(call.id.parse().unwrap()).await.unwrap().len() < trail + 2 {
        assert!(begun.elapsed() < Duration::from_secs(10), "the line of the drop and that of the return are written");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let restarted = server.restart_on(postgres.database("outage")).await;
    assert_eq!(restarted.get("/api/v1/link", &[("Cookie", &new_cookie)]).await.status, 200, "the cookie of that time was written");
    assert!(matches!(restarted.server.store.verify_ledger(None).await.unwrap(), Verdict::Intact(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_takes_two_seconds_delays_a_booking_and_refuses_none() {
    let postgres = Postgres::durable();
    let server = on(&postgres).await;
    let call = Call::begin(&server).await;
    for _ in 0..3 {
        postgres.freeze(true);
        let thaw = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            postgres.freeze(false);
        };
        let asked = Instant::now();
        let (booked, ()) = tokio::join!(server.book(60_000, "Paul"), thaw);
        assert!(!booked.0.is_empty() && asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
        call.speaks(10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_killed_in_a_hundred_bookings_loses_none_that_was_confirmed() {
    let postgres = Arc::new(Postgres::durable());
    let server = on(&postgres).await;
    let done = Arc::new(AtomicBool::new(false));
    let killer = tokio::task::spawn_blocking({
        let (postgres, done) = (postgres.clone(), done.clone());
        move || {
            let mut kills = 0;
            while kills < 3 && !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(150 + 37 * kills));
                postgres.kill();
                std::thread::sleep(Duration::from_millis(100));
                postgres.start_again();
                kills += 1;
                std::thread::sleep(Duration::from_millis(600));
            }
            kills
        }
    });
    let key = format!("Bearer {}", server.demo.api.key);
    let start = visavis::time::Timestamp(server.clock.now().0);
    let body = json!({"service": "advice", "start": start.rfc3339(), "end": start.after(Duration::from_secs(1200)).rfc3339(), "name": "Clara", "language": "fr"});
    let mut confirmed = Vec::new();
    let mut refused = 0;
    while confirmed.len() < 100 {
        let headers = [("Authorization", key.as_str())];
        let asked = (0..4).map(|_| request(&server.base, "POST", "/api/v1/appointments", &headers, Some(&body)));
        for answer in futures_util::future::join_all(asked).await {
            let answer = answer.unwrap();
            match answer.status {
                201 => confirmed.push(answer.json()["reference"].as_str().unwrap().to_owned()),
                500 | 503 => refused += 1,
                other => panic!("{other}: {}", answer.json()),
            }
        }
        assert!(refused < 1_000, "it never comes back");
    }
    done.store(true, Ordering::Relaxed);
    let kills = killer.await.unwrap();
    until(&server, "/readyz", 200, Duration::from_secs(15)).await;
    let restarted = server.restart_on(postgres.database("outage")).await;
    for reference in &confirmed {
        assert!(restarted.server.store.appointment_by_reference(reference).await.unwrap().is_some(), "{reference} was confirmed");
    }
    assert!(matches!(restarted.server.store.verify_ledger(None).await.unwrap(), Verdict::Intact(_)));
    println!("{} confirmed and all there, {refused} refused, PostgreSQL killed {kills} times", confirmed.len());
    assert!(kills > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_embedded_database_that_somebody_locks_refuses_bookings_and_cuts_no_call() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = settings(&directory);
    config.database = None;
    let server = Running::start_with(directory, config).await;
    let call = Call::begin(&server).await;
    let lock = database::embedded(server.directory.path().join("data")).await;
    let mut held = lock.begin_with("BEGIN IMMEDIATE").await.unwrap();
    sqlx::query("DELETE FROM meta WHERE name = 'nothing'").execute(&mut *held).await.unwrap();
    let start = visavis::time::Timestamp(server.clock.now().0);
    let body = json!({"service": "advice", "start": start.rfc3339(), "end": start.after(Duration::from_secs(1200)).rfc3339(), "name": "Nobody", "language": "fr"});
    let key = format!("Bearer {}", server.demo.api.key);
    let refused = server.post("/api/v1/appointments", &[("Authorization", &key)], body).await;
    assert_eq!(refused.status, 503, "{}", refused.json());
    until(&server, "/readyz", 503, Duration::from_secs(5)).await;
    assert_eq!(status(&server, "/livez").await, 200);
    call.speaks(50).await;
    held.rollback().await.unwrap();
    until(&server, "/readyz", 200, Duration::from_secs(10)).await;
    server.book(0, "Paul").await;
    call.speaks(20).await;
}

#[tokio::test]
async fn one_postgres_database_has_one_server() {
    let postgres = Postgres::start();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let home = |directory: &std::path::Path| visavis::store::Home {
        directory: directory.to_owned(),
        database: visavis::store::Database::postgres(&postgres.database("one"), None).unwrap(),
    };
    let store = Store::open(home(one.path())).await.unwrap();
    std::fs::copy(one.path().join("master.key"), other.path().join("master.key")).unwrap();
    assert!(matches!(Store::open(home(other.path())).await, Err(visavis::store::StoreError::DatabaseInUse)));
    store.close().await;
    drop(store);
    Store::open(home(other.path())).await.unwrap().close().await;
}

#[tokio::test]
async fn a_backup_goes_from_one_kind_of_database_into_the_other_and_back() {
    let postgres = Postgres::start();
    let now = visavis::time::Timestamp(1_800_000_000_000);
    let directories: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let homes = [
        visavis::store::Home::from(directories[0].path()),
        visavis::store::Home {
            directory: directories[1].path().to_owned(),
            database: visavis::store::Database::postgres(&postgres.database("moved"), None).unwrap(),
        },
        visavis::store::Home::from(directories[2].path()),
    ];
    let store = Store::open(homes[0].clone()).await.unwrap();
    let mut told = Vec::new();
    for number in 0..5 {
        let agent = visavis::store::NewAgent {
            username: format!("agent-{number}"),
            display_name: "Anna".into(),
            language: "de".into(),
            password_hash: "x".into(),
            role: visavis::access::role::Role::Agent,
        };
        told.push(store.put_agent(agent, now).await.unwrap());
        store.audit("signed_in", visavis::store::Who::Service, None, now).await.unwrap();
    }
    let Verdict::Intact(head) = store.verify_ledger(None).await.unwrap() else { panic!("broken") };
    let mut store = store;
    for (number, home) in homes.iter().enumerate().skip(1) {
        let (file, keys) = (directories[0].path().join(format!("{number}.backup")), directories[0].path().join("visavis.keys"));
        store.back_up(&file, &keys, now).await.unwrap();
        store.close().await;
        drop(store);
        std::fs::copy(directories[number - 1].path().join("master.key"), home.directory.join("master.key")).unwrap();
        Store::restore(home.clone(), &file, &keys, now).await.unwrap();
        store = Store::open(home.clone()).await.unwrap();
        assert!(matches!(store.verify_ledger(Some(head)).await.unwrap(), Verdict::Intact(_)), "the trail came along, whole");
        assert_eq!(store.agent_account("agent-4").await.unwrap().unwrap().grant.agent, told[4]);
        let next = visavis::store::NewAgent {
            username: format!("new-{number}"),
            display_name: "Paul".into(),
            language: "fr".into(),
            password_hash: "x".into(),
            role: visavis::access::role::Role::Agent,
        };
        assert!(store.put_agent(next, now).await.unwrap().0 > told[4].0, "numbers go on where they were");
    }
}
