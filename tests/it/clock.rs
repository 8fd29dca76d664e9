//! A wall clock that jumps (trust.md R7), on the real program with libfaketime: nothing is deleted early, no call is dropped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use visavis::load::http_client::{Base, request};
use visavis::sfu::negotiated::Source;

use crate::support::talking::Talking;

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
const HOUR: i64 = 3_600;

/// The program with a wall clock that the test sets, and a running time that nobody does.
struct Moved {
    child: Child,
    base: Base,
    demo: Value,
    offset: PathBuf,
}

impl Moved {
    async fn start(directory: &Path, offset_s: i64) -> Self {
        assert!(Path::new(LIBRARY).exists(), "libfaketime is installed by the tests' set-up");
        let (offset, data) = (directory.join("offset"), directory.join("data"));
        set(&offset, offset_s);
        let _ = std::fs::remove_file(data.join("demo.json"));
        let http = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let media = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new(env!("CARGO_BIN_EXE_visavis"))
            .current_dir(directory)
            .args(["--demo=true", "--web.https=", "--media.addresses=127.0.0.1", "--log.level=error"])
            .arg(format!("--web.http={http}"))
            .arg(format!("--media.port={media}"))
            .arg(format!("--data.directory={}", data.display()))
            .arg(crate::database::argument(&data))
            .env("LD_PRELOAD", LIBRARY)
            .env("FAKETIME_TIMESTAMP_FILE", &offset)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let base = Base::plain(http.to_string());
        let begun = Instant::now();
        let demo = loop {
            if let Some(demo) = std::fs::read_to_string(data.join("demo.json")).ok().and_then(|text| serde_json::from_str(&text).ok()) {
                break demo;
            }
            assert!(child.try_wait().unwrap().is_none(), "it ended");
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        Self { child, base, demo, offset }
    }

    fn jump(&self, offset_s: i64) {
        set(&self.offset, offset_s);
    }

    /// What the server takes for now, in milliseconds.
    async fn now(&self) -> i64 {
        let joined = self.join(self.demo["citizen"]["join_url"].as_str().unwrap().split_once("/j#").unwrap().1).await;
        visavis::time::Timestamp::parse(joined["server_time"].as_str().unwrap()).unwrap().0
    }

    async fn join(&self, token: &str) -> Value {
        request(&self.base, "POST", "/api/v1/join", &[], Some(&json!({ "token": token }))).await.unwrap().json()
    }

    /// A slot that begins so many seconds from the real now. Reference and token.
    async fn book(&self, from_now_s: i64) -> (String, String) {
        let start = visavis::time::Timestamp(visavis::time::Clock::default().now().0 + from_now_s * 1_000);
        let end = start.after(Duration::from_secs(1200));
        let body = json!({"service": "advice", "start": start.rfc3339(), "end": end.rfc3339(), "name": "Clara", "language": "fr"});
        let key = format!("Bearer {}", self.demo["api"]["key"].as_str().unwrap());
        let booked = request(&self.base, "POST", "/api/v1/appointments", &[("Authorization", &key)], Some(&body)).await.unwrap();
        assert_eq!(booked.status, 201, "{}", booked.json());
        let told = booked.json();
        (told["reference"].as_str().unwrap().into(), told["join_url"].as_str().unwrap().split_once("/j#").unwrap().1.into())
    }

    async fn stop(mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        tokio::task::spawn_blocking(move || self.child.wait()).await.unwrap().unwrap();
    }
}

/// In one step: the program never reads half of it.
fn set(offset: &Path, seconds: i64) {
    let part = offset.with_extension("part");
    std::fs::write(&part, format!("{seconds:+}\n")).unwrap();
    std::fs::rename(part, offset).unwrap();
}

/// Whether the appointment is in the database.
async fn rows(directory: &Path, reference: &str) -> i64 {
    let pool = crate::database::pool(directory.join("data")).await;
    let sql = "SELECT count(*) FROM appointments WHERE reference = $1";
    let found = sqlx::query_scalar(sql).bind(reference).fetch_one(&pool).await.unwrap();
    pool.close().await;
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_an_hour_deletes_nothing_early_and_drops_no_call() {
    let directory = tempfile::tempdir().unwrap();
    // A day before: who never comes to this appointment is forgotten half an hour from now, by the real clock.
    let yesterday = Moved::start(directory.path(), -24 * HOUR - 1_800).await;
    let (reference, token) = yesterday.book(-24 * HOUR - 1_800).await;
    assert_eq!(yesterday.join(&token).await["phase"], "open");
    let cancelled = {
        let cookie =
            request(&yesterday.base, "POST", "/api/v1/join", &[], Some(&json!({ "token": token }))).await.unwrap().cookies().remove(0);
        request(&yesterday.base, "POST", "/api/v1/link/cancel", &[("Cookie", &cookie)], Some(&json!({}))).await.unwrap()
    };
    assert_eq!(cancelled.status, 200, "{}", cancelled.json());
    yesterday.stop().await;
    // Half an hour earlier than the real clock, so that an hour ahead lies behind the time of the deletion, and half an hour before it.
    let server = Moved::start(directory.path(), -1_800 - 1_800).await;
    assert_eq!(server.join(&token).await["phase"], "cancelled");

    let (_, called) = server.book(-3_600).await;
    let account = |field: &str| server.demo["agent"][field].as_str().unwrap();
    let (link, who) = (format!("http://localhost/j#{called}"), (account("username"), account("password")));
    let Talking { id, mut citizen, agent } = Talking::begin(&server.base, &link, who, [81, 82]).await;
    let speaker = citizen.peer.as_ref().unwrap();
    speaker.start_sending(Source::Microphone);
    let stream = speaker.stream(Source::Microphone);

    // An hour ahead, an hour back, a leap second, and where it was.
    for jump in [0, HOUR, -HOUR, 1, 0] {
        server.jump(-3_600 + jump);
        let said = visavis::time::Timestamp(server.now().await).0;
        let wanted = visavis::time::Clock::default().now().0 + (-3_600 + jump) * 1_000;
        assert!((said - wanted).abs() < 5_000, "the control: the server's clock jumped by {jump} s ({said}, {wanted})");
        // Several rounds of the deletion.
        tokio::time::sleep(Duration::from_secs(4)).await;
        // What the link says goes by the wall clock; what counts is whether the row with its key is there.
        assert_eq!(rows(directory.path(), &reference).await, 1, "{jump} s: it is not deleted");
        let ear = agent.peer.as_ref().unwrap();
        let before = ear.received().whole_of(stream);
        ear.received_until(Duration::from_secs(5), "sound", |received| received.whole_of(stream) > before + 50).await.unwrap();
        let state = agent.signaling.heard().states[&id].clone();
        assert_eq!(state["phase"], "in_call", "{jump} s: {state}");
    }
    // Away and back by the same link while the clock is an hour ahead.
    server.jump(-3_600 + HOUR);
    citizen.reopen().await.unwrap();
    citizen.phase(&id, "in_call").await.unwrap();
    citizen.close().await;
    agent.close().await;
    server.stop().await;

    // The control: it really is due in half an hour by that clock, and goes when the time has come.
    let later = Moved::start(directory.path(), 60).await;
    let begun = Instant::now();
    while rows(directory.path(), &reference).await != 0 {
        assert!(begun.elapsed() < Duration::from_secs(15), "due, and not deleted");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    later.stop().await;
}
