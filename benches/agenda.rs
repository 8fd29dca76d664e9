//! A store with a hundred thousand appointments: the desk of an agent and the slots of a booking page at a hundred requests a second on the embedded database
//! (issue: p99 at most 50 ms). Prints figures and judges nothing. `-- --json` prints one JSON object.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::large_futures)] // a bench ends where something is wrong, and prints

#[path = "support/measure.rs"]
mod measure;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use visavis::agenda::phase::{LinkRules, Slot};
use visavis::config::{Config, Sources};
use visavis::load::http_client::{Base, request};
use visavis::server::Server;
use visavis::store::{Details, NewAppointment, Store};
use visavis::time::{Clock, Timestamp};

use crate::measure::{rounded, setting};

/// Requests a second of each kind, one after the other by the clock, not by the answer before.
const RATE: u64 = 100;
const MINUTE: i64 = 60_000;

fn main() {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(run());
}

async fn run() {
    let talks = !measure::wants_json();
    let (appointments, seconds) = (setting("VISAVIS_BENCH_APPOINTMENTS", 100_000), setting("VISAVIS_BENCH_SECONDS", 20));
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let begun = Instant::now();
    fill(&data, appointments).await;
    if talks {
        println!("{appointments} appointments written in {:.0} s", begun.elapsed().as_secs_f64());
    }
    let set = |key: &str, value: &str| (key.to_owned(), value.to_owned(), String::from("--set"));
    let command_line = vec![
        set("services.advice.agents_on_duty", "200"),
        set("services.advice.opening_hours", "mon-sun 00:00-24:00"),
        set("services.advice.book_ahead_days", "60"),
    ];
    let mut config = Config { data_directory: data, ..Sources { command_line, ..Sources::default() }.read().unwrap() };
    (config.web.https, config.web.http) = (vec![], vec!["127.0.0.1:0".parse().unwrap()]);
    (config.media.port, config.media.addresses) = (0, vec!["127.0.0.1".parse().unwrap()]);
    let server = Server::start(config, Clock::default()).await.unwrap();
    let base = Base::plain(server.http[0].to_string());
    let now = Clock::default().now();
    let week = |from: i64| {
        let at = |days: i64| Timestamp(now.0 + days * 1_440 * MINUTE).rfc3339();
        format!("/api/v1/slots?service=advice&from={}&to={}", at(from), at(from + 7))
    };
    let season = String::from("/api/v1/slots?service=advice");
    let figures = json!({
        "appointments": appointments, "requests_per_s": RATE,
        "desk": measured("desk", seconds, talks, |_| async { server.store.desk(now).await.unwrap().len() }).await,
        "slots_of_a_week": measured("slots of a week", seconds, talks, |n| ask(base.clone(), week((n % 50) as i64))).await,
        "slots_of_the_season": measured("slots of the season", seconds, talks, |_| ask(base.clone(), season.clone())).await,
    });
    server.stop().await;
    if !talks {
        println!("{figures}");
    }
    measure::leave("agenda", &figures);
}

async fn ask(base: Base, path: String) -> usize {
    let answer = request(&base, "GET", &path, &[], None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()["slots"].as_array().unwrap().len()
}

/// Asks at the rate, whether or not the answers come, and says how long each took.
async fn measured<F: Future<Output = usize>>(name: &str, seconds: u64, talks: bool, one: impl Fn(u64) -> F) -> Value {
    use futures_util::StreamExt as _;
    let begun = Instant::now();
    let asked = (0..RATE * seconds).map(|number| {
        let (due, answer) = (begun + Duration::from_micros(number * 1_000_000 / RATE), one(number));
        async move {
            tokio::time::sleep_until(due.into()).await;
            let rows = answer.await;
            (due.elapsed().as_secs_f64() * 1_000.0, rows)
        }
    });
    let answers: Vec<(f64, usize)> = futures_util::stream::iter(asked).buffer_unordered(10_000).collect().await;
    let mut took: Vec<f64> = answers.iter().map(|(took, _)| *took).collect();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| rounded(took[((took.len() - 1) as f64 * share) as usize], 1);
    let rows = answers.iter().map(|(_, rows)| rows).max().unwrap();
    if talks {
        println!("{name}: p50 {} ms, p99 {} ms, longest {} ms, {rows} rows, {RATE} requests a second", at(0.5), at(0.99), at(1.0));
    }
    json!({"p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0), "rows": rows})
}

/// Books by the store's own hand, where syncing costs nothing, and moves the files to where the server reads them.
async fn fill(data: &Path, appointments: u64) {
    let memory = tempfile::tempdir_in(if Path::new("/dev/shm").exists() { "/dev/shm" } else { "/tmp" }).unwrap();
    let store = Store::open(memory.path()).await.unwrap();
    let now = Clock::default().now();
    let first = Timestamp((now.0 / (20 * MINUTE) + 1) * 20 * MINUTE);
    // Sixty days of slots, day and night, all of one service.
    let slots = 60 * 72;
    for number in 0..appointments {
        let start = Timestamp(first.0 + i64::try_from(number % slots).unwrap() * 20 * MINUTE);
        let new = NewAppointment {
            service: "advice".into(),
            name: format!("Citizen {number}"),
            language: "fr".into(),
            details: Details { email: Some(format!("citizen-{number}@example.lu")), ..Details::default() },
            slot: Slot { start, end: start.after(Duration::from_secs(1_200)) },
            rules: LinkRules::default(),
        };
        store.book(new, now).await.unwrap();
    }
    store.close().await;
    drop(store);
    for file in ["visavis.db", "master.key"] {
        std::fs::copy(memory.path().join(file), data.join(file)).unwrap();
    }
}
