//! `visavis load` from the outside: the real command against a whole server: what it finds, what both sides counted, what it refuses, what it leaves.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use visavis::load::operator::Operator;

use crate::http::rows;
use crate::running::{Running, settings};

/// A server that allows load tests.
async fn allowing() -> Running {
    let directory = tempfile::tempdir().unwrap();
    let config = visavis::config::Config { load_allowed: true, ..settings(&directory) };
    Running::start_with(directory, config).await
}

/// Runs the command to its end. Nothing but its own client could be too slow here, so its limits are wide.
async fn load(server: &Running, url: &str, key: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_visavis"));
    command.current_dir(server.directory.path()).env_clear().stdin(Stdio::null());
    command.env("VISAVIS_LOAD_KEY", key);
    command.args(["load", "--url", url, "--limit-delay", "5000", "--limit-join", "20000", "--limit-cpu", "1000"]);
    command.args(["--limit-late", "5000", "--limit-loss", "20", "--video-kbit", "300"]).args(more);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Rows that people would notice, without the audit trail, which keeps numbers of what happened.
async fn people(server: &Running) -> Vec<String> {
    rows(server).await.into_iter().filter(|row| !row.starts_with("audit")).collect()
}

async fn figures(server: &Running) -> Value {
    let key = format!("Bearer {}", server.demo.api.key);
    server.get("/api/v1/load", &[("Authorization", &key)]).await.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_test_finds_what_the_server_holds_and_leaves_nothing() {
    let server = allowing().await;
    let before = people(&server).await;
    let json_file = server.directory.path().join("load.json");
    let url = format!("http://{}", server.base.authority);
    let more = ["--start", "2", "--most", "3", "--seconds", "1", "--at-least", "3", "--json", json_file.to_str().unwrap()];
    let output = load(&server, &url, &server.demo.api.key, &more).await;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let found: Value = serde_json::from_slice(&std::fs::read(&json_file).unwrap()).unwrap();
    assert_eq!((&found["consultations"], &found["limit"]), (&json!(3), &json!("most")), "{found}");
    for figure in ["loss_percent", "added_delay_ms_p99", "join_ms_p95", "server_cpu_us_per_packet"] {
        assert!(found[figure].is_f64(), "{figure}: {found}");
    }
    assert!(found["loss_percent"].as_f64().unwrap() < 2.0, "{found}");
    // One of three is away for the whole window.
    assert!(found["picture_kbit_per_s"].as_f64().unwrap() > 100.0, "{found}");
    assert!(found["server_cpu_us_per_packet"].as_f64().unwrap() > 0.1, "{found}");
    assert!(said(&output).contains("This server holds 3 simultaneous consultations (6 people)"), "{}", said(&output));

    // Both sides counted the same; what was on its way when a network dropped is apart.
    let packets = |name: &str| found["packets"][name].as_f64().unwrap();
    assert!(packets("client_sent") > 500.0, "{found}");
    for (one, other) in [("client_sent", "server_in"), ("server_out", "client_received")] {
        assert!((packets(one) - packets(other)).abs() <= packets(one) * 0.05, "{one} and {other}: {found}");
    }

    assert_eq!(people(&server).await, before, "nothing of the test is left");
    let gone = Instant::now();
    while figures(&server).await["consultations"] != 0 || figures(&server).await["sockets"] != 0 {
        assert!(gone.elapsed() < Duration::from_secs(10), "{}", figures(&server).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fewer_than_asked_for_is_a_failure_over_https_too() {
    let server = allowing().await;
    let url = format!("https://localhost:{}", server.server.https[0].port());
    let ca = server.directory.path().join("certs/development-certificate.pem");
    let more = ["--start", "1", "--most", "1", "--seconds", "1", "--at-least", "2", "--dtx", "--ca", ca.to_str().unwrap()];
    let output = load(&server, &url, &server.demo.api.key, &more).await;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("fewer than the 2 asked for"), "{}", said(&output));
}

#[tokio::test]
async fn a_server_that_has_not_allowed_it_is_left_alone() {
    let server = Running::start().await;
    let before = people(&server).await;
    let url = format!("http://{}", server.base.authority);
    let output = load(&server, &url, &server.demo.api.key, &[]).await;
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("load.allowed = true"), "{}", said(&output));
    let output = load(&server, &url, &"x".repeat(43), &[]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("does not know this API key"), "{}", said(&output));
    let key = format!("Bearer {}", server.demo.api.key);
    for path in ["/api/v1/load/begin", "/api/v1/load/end"] {
        let refused = server.post(path, &[("Authorization", &key)], json!({})).await;
        assert_eq!((refused.status, refused.error_code().as_str()), (403, "forbidden"), "{path}");
    }
    assert_eq!(people(&server).await, before);
}

#[tokio::test]
async fn doors_are_open_during_a_test_alone_and_to_the_key_alone() {
    let server = allowing().await;
    for path in ["/api/v1/load/begin", "/api/v1/load/agents", "/api/v1/load/end"] {
        assert_eq!(server.post(path, &[], json!({"count": 1})).await.error_code(), "wrong_key", "{path}");
    }
    assert_eq!(server.get("/api/v1/load", &[]).await.error_code(), "wrong_key");
    let operator = Operator::new(server.base.clone(), &server.demo.api.key, "advice");
    assert!(operator.book(1).await.is_err() && operator.agents(1).await.is_err(), "before it begins");
    operator.begin().await.unwrap();
    assert!(operator.begin().await.is_err(), "one at a time");
    operator.book(1).await.unwrap();
    let agents = operator.agents(2).await.unwrap();
    let shown = server.get("/api/v1/agent", &[("Cookie", &agents[0].cookie)]).await;
    assert_eq!((shown.status, &shown.json()["name"]), (200, &json!("Load test")));
    operator.end().await.unwrap();
    assert_eq!(server.get("/api/v1/agent", &[("Cookie", &agents[0].cookie)]).await.status, 401);
    assert!(operator.book(1).await.is_err(), "after it ended");
}

#[tokio::test]
async fn what_a_test_left_that_never_ended_is_gone_at_the_next_start() {
    let server = allowing().await;
    let operator = Operator::new(server.base.clone(), &server.demo.api.key, "advice");
    operator.begin().await.unwrap();
    operator.book(1).await.unwrap();
    operator.agents(3).await.unwrap();
    let made = people(&server).await;
    assert!(
        ["agents: (4, 0)", "load_appointments: (1, 0)", "load_agents: (3, 0)"].iter().all(|row| made.iter().any(|m| m == row)),
        "{made:?}"
    );
    let server = server.restart().await;
    let left = people(&server).await;
    assert!(
        ["agents: (1, 0)", "load_appointments: (0, 0)", "load_agents: (0, 0)"].iter().all(|row| left.iter().any(|l| l == row)),
        "{left:?}"
    );
}
