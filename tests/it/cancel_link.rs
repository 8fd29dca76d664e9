//! The cancel link: two steps, none of which a program that follows links can take, and an honest answer at any time.

use serde_json::{Value, json};
use visavis::load::http_client::{Response, request};

use crate::http::{raw, rows};
use crate::running::{Running, no_token};

const MINUTE: i64 = 60_000;

/// Reference and the token of the cancel link, as the mail has it.
async fn booked(server: &Running, from_now_ms: i64) -> (String, String) {
    let (reference, _) = server.book(from_now_ms, "Clara").await;
    let of = server.server.store.appointment_by_reference(&reference).await.unwrap().unwrap();
    (reference, server.server.store.cancel_token(&of).text())
}

async fn show(server: &Running, token: &str) -> Response {
    server.post("/api/v1/cancel-link", &[], json!({ "token": token })).await
}

async fn cancel(server: &Running, token: &str) -> Response {
    server.post("/api/v1/cancel-link/cancel", &[], json!({ "token": token })).await
}

fn says(answer: &Response) -> (u16, Value, Value) {
    (answer.status, answer.json()["phase"].clone(), answer.json()["can_cancel"].clone())
}

#[tokio::test]
async fn fifty_prefetches_of_a_mail_scanner_cancel_nothing_and_two_steps_of_a_person_do() {
    let server = Running::start().await;
    let (reference, token) = booked(&server, 60 * MINUTE).await;
    let before = rows(&server).await;
    for round in 0..50 {
        let method = if round % 2 == 0 { "GET" } else { "HEAD" };
        for path in ["/c", &format!("/c?{token}"), "/api/v1/cancel-link", "/api/v1/cancel-link/cancel"] {
            let answer = request(&server.base, method, path, &[], None).await.unwrap();
            assert!(path.starts_with("/c") || answer.status == 405, "{path}: {}", answer.status);
        }
    }
    assert_eq!(rows(&server).await, before);

    // The first step of a person changes nothing either.
    let shown = show(&server, &token).await;
    assert_eq!(says(&shown), (200, json!("too_early"), json!(true)));
    assert_eq!(shown.json()["reference"], reference);
    assert!(!String::from_utf8_lossy(&shown.body).contains("Clara"), "it names nobody");
    assert_eq!(rows(&server).await, before);
    assert_eq!(says(&cancel(&server, &token).await), (200, json!("cancelled"), json!(false)));
    assert_eq!(says(&cancel(&server, &token).await), (200, json!("cancelled"), json!(false)), "done again it stays done");
    assert_eq!(says(&show(&server, &token).await), (200, json!("cancelled"), json!(false)));
    server.server.stop().await;
}

#[tokio::test]
async fn a_cancel_link_lets_nobody_in_and_a_join_link_is_none() {
    let server = Running::start().await;
    let (reference, token) = booked(&server, 60 * MINUTE).await;
    assert_eq!(server.join(&token).await.error_code(), "unknown_link");
    let of = server.server.store.appointment_by_reference(&reference).await.unwrap().unwrap();
    let join = server.server.store.link_token(&of).text();
    assert_eq!(cancel(&server, &join).await.error_code(), "unknown_link");
    for wrong in [no_token(), String::from("short")] {
        assert_eq!((show(&server, &wrong).await.status, cancel(&server, &wrong).await.status), (404, 404));
    }
    // No foreign page presses the button.
    let (host, body) = (&server.base.authority, json!({ "token": token }).to_string());
    for head in [format!("Origin: http://{host}"), String::from("Origin: https://evil.example\r\nX-Visavis: 1")] {
        let length = body.len();
        let asked = format!(
            "POST /api/v1/cancel-link/cancel HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n{head}\r\n\r\n{body}"
        );
        let answer = raw(&server, &asked).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    assert_eq!(says(&show(&server, &token).await), (200, json!("too_early"), json!(true)));
    server.server.stop().await;
}

#[tokio::test]
async fn guesses_are_slowed_down_as_those_of_join_links_are() {
    let server = Running::start().await;
    let (_, token) = booked(&server, 60 * MINUTE).await;
    for _ in 0..visavis::limits::LINK_FAILURES_PER_ORIGIN {
        assert_eq!(show(&server, &no_token()).await.status, 404);
    }
    assert_eq!(show(&server, &token).await.error_code(), "slow_down");
    server.server.stop().await;
}

#[tokio::test]
async fn it_works_while_the_join_link_does_and_says_when_it_is_too_late() {
    let server = Running::start().await;
    let (_, token) = booked(&server, 10 * MINUTE).await;
    assert_eq!(says(&show(&server, &token).await), (200, json!("open"), json!(true)), "the waiting room is open, nobody was called in");
    server.clock.shift(31 * MINUTE);
    assert_eq!(says(&show(&server, &token).await), (200, json!("late"), json!(false)));

    // Replaced together with the join link.
    let (reference, old) = booked(&server, 60 * MINUTE).await;
    let key = format!("Bearer {}", server.demo.api.key);
    let rotated =
        request(&server.base, "POST", &format!("/api/v1/appointments/{reference}/rotate"), &[("Authorization", &key)], None).await;
    assert_eq!(rotated.unwrap().status, 200);
    let answer = cancel(&server, &old).await;
    assert_eq!((answer.status, answer.error_code()), (410, String::from("link_replaced")));
    let of = server.server.store.appointment_by_reference(&reference).await.unwrap().unwrap();
    assert_eq!(says(&cancel(&server, &server.server.store.cancel_token(&of).text()).await), (200, json!("cancelled"), json!(false)));

    // Moved: the links stay.
    let (reference, kept) = booked(&server, 60 * MINUTE).await;
    let of = server.server.store.appointment_by_reference(&reference).await.unwrap().unwrap();
    let times = json!({"start": of.start.after(std::time::Duration::from_secs(3600)).rfc3339(), "end": of.end.after(std::time::Duration::from_secs(3600)).rfc3339()});
    let moved =
        request(&server.base, "PATCH", &format!("/api/v1/appointments/{reference}"), &[("Authorization", &key)], Some(&times)).await;
    assert_eq!(moved.unwrap().status, 200);
    assert_eq!(says(&show(&server, &kept).await), (200, json!("too_early"), json!(true)));
    server.server.stop().await;
}
