//! Guessing links (trust.md S4): random tokens lead nowhere, and how long an answer takes does not tell a good one from a bad one.

use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use futures_util::StreamExt;
use serde_json::json;
use visavis::access::token::Token;
use visavis::config::Network;
use visavis::store::Found;

use crate::running::{Running, settings};

fn random() -> Token {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).unwrap();
    Token::new(bytes)
}

#[tokio::test]
async fn random_tokens_lead_nowhere() {
    let server = Running::start().await;
    for at in 0..20 {
        server.book(at * 1_800_000, "Clara").await;
    }
    let store = &server.server.store;
    // A hundred thousand in `make nightly`.
    let most: usize = std::env::var("VISAVIS_RANDOM_TOKENS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let tries = futures_util::stream::iter(0..most).map(|_| async {
        let hash = random().hash();
        let link = store.appointment_by_link(hash).await.unwrap();
        let (guest, cookie) = (store.guest_by_link(hash).await.unwrap(), store.api_key(hash).await.unwrap());
        matches!(link, Found::Nothing) && guest.is_none() && cookie.is_none()
    });
    let nothing = tries.buffer_unordered(4).filter(|nothing| std::future::ready(*nothing)).count().await;
    assert_eq!(nothing, most);
}

/// Tries of each kind; the row asks for 2,000, `VISAVIS_LINK_TRIES` says another number.
fn tries() -> usize {
    std::env::var("VISAVIS_LINK_TRIES").ok().and_then(|text| text.parse().ok()).unwrap_or(400)
}

#[tokio::test]
async fn the_time_of_an_answer_does_not_tell_a_good_link_from_a_bad_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = settings(&directory);
    config.web.trusted_proxies = vec![Network::parse("127.0.0.0/8").unwrap()];
    let server = Running::start_with(directory, config).await;
    let (_, good) = server.book(0, "Clara").await;
    // What the answer tells it tells each time; what a busy machine does to one round it does not do to all.
    for round in 1..=3 {
        let (good_ms, bad_ms) = medians(&server, &good).await;
        println!("{} each: a good link is answered in {good_ms:.2} ms, a bad one in {bad_ms:.2} ms", tries());
        if (good_ms - bad_ms).abs() < 0.05 * good_ms.max(bad_ms) {
            return;
        }
        assert!(round < 3, "{good_ms:.2} ms and {bad_ms:.2} ms");
    }
}

/// How long a good and a bad link take in the middle, in milliseconds.
async fn medians(server: &Running, good: &str) -> (f64, f64) {
    // In turns, so that whatever else the machine does falls on both.
    let asked = futures_util::stream::iter(0..2 * tries()).map(|at| {
        let (is_good, token) = if at % 2 == 0 { (true, good.to_owned()) } else { (false, random().text()) };
        async move {
            let from = format!("192.0.{}.{}", at / 250, 1 + at % 250);
            let begun = Instant::now();
            let answer = server.post("/api/v1/join", &[("X-Forwarded-For", &from)], json!({ "token": token })).await;
            let took = begun.elapsed();
            assert!(if is_good { answer.status == 200 } else { matches!(answer.status, 404 | 429) }, "{}", answer.status);
            (is_good, took)
        }
    });
    let all: Vec<(bool, Duration)> = asked.buffer_unordered(4).collect().await;
    let median = |wanted: bool| {
        let mut times: Vec<f64> = all.iter().filter(|(is_good, _)| *is_good == wanted).map(|(_, took)| took.as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    (median(true), median(false))
}
