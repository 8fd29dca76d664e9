//! The copy of the identity card on a real server: it comes with the booking or nothing is booked, an agent looks at it and never gets it, and what the agent
//! says destroys it (trust.md I1).

use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use visavis::agenda::identity::IdentityCheck;
use visavis::load::http_client::{Base, Response};

use crate::documents::{pdf, until};
use crate::erasure::{close, count};
use crate::running::{Running, settings};

const MINUTE: i64 = 60_000;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0";

/// A demo whose service asks for the copy as this says.
async fn server(check: IdentityCheck) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let mut config = settings(&directory);
    config.services.values_mut().for_each(|service| service.identity_check = check);
    Running::start_with(directory, config).await
}

async fn wish(server: &Running) -> Value {
    let slots = server.get("/api/v1/slots?service=advice", &[]).await.json();
    json!({"service": "advice", "topic": "care", "start": slots["slots"][0]["start"], "name": "Clara Citizen", "email": "clara@example.lu", "language": "lb", "consent": true})
}

pub type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

pub fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, bytes) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        body.extend_from_slice(format!("--frontier\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--frontier--\r\n");
    body
}

/// Sends a form as the page does; of a `declared` length that is longer the rest never comes.
async fn post(server: &Running, body: &[u8], declared: usize) -> Response {
    post_with(&server.base, "", body, declared).await
}

/// The same with more lines in the head.
pub async fn post_with(base: &Base, head: &str, body: &[u8], declared: usize) -> Response {
    let host = &base.authority;
    let head = format!(
        "POST /api/v1/bookings HTTP/1.1\r\nHost: {host}\r\nX-Visavis: 1\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=frontier\r\n\
         {head}Content-Length: {declared}\r\n\r\n"
    );
    let mut socket = TcpStream::connect(host).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses early may shut its ear: what counts is its answer.
    let _ = socket.write_all(body).await;
    if declared > body.len() {
        let _ = socket.shutdown().await;
    }
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Response { status: 0, headers: Vec::new(), body: Vec::new() };
    };
    let status = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
    Response { status, headers: Vec::new(), body: answer[end + 4..].to_vec() }
}

async fn book(server: &Running, wish: &Value, name: &str, copy: &[u8]) -> Response {
    let body = form(&[("booking", None, wish.to_string().as_bytes()), ("identity_copy", Some(name), copy)]);
    post(server, &body, body.len()).await
}

fn vault(server: &Running) -> Vec<PathBuf> {
    std::fs::read_dir(server.directory.path().join("data/vault")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The cookie of who opens the link of a booking, and the id of its consultation.
async fn opened(server: &Running, booking: &Value) -> (String, String) {
    let cookie = server.citizen(booking["join_url"].as_str().unwrap().split_once('#').unwrap().1).await;
    let of = server.server.store.appointment_by_reference(booking["reference"].as_str().unwrap()).await.unwrap().unwrap();
    (cookie, of.id.to_string())
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str())
}

#[tokio::test]
async fn without_the_copy_nothing_is_booked_and_with_it_both_are_there_or_neither() {
    let server = server(IdentityCheck::Unauthenticated).await;
    let wish = wish(&server).await;
    assert_eq!(server.get("/api/v1/services", &[]).await.json()["services"][0]["identity_check"], "unauthenticated");
    let refused = server.post("/api/v1/bookings", &[], wish.clone()).await;
    assert_eq!((refused.status, refused.json()["error"]["message"].as_str()), (422, Some("identity_copy: needed")));
    let body = form(&[("booking", None, wish.to_string().as_bytes())]);
    assert_eq!(post(&server, &body, body.len()).await.status, 422, "a form without a copy");

    let booked = book(&server, &wish, "C:\\Karte Zoé.pdf", &pdf(300_000)).await;
    assert_eq!(booked.status, 201, "{}", booked.json());
    let (cookie, _) = opened(&server, &booked.json()).await;
    let there = server.get("/api/v1/link/documents", &[("Cookie", &cookie)]).await.json();
    let entry = &there["documents"][0];
    assert_eq!((&entry["kind"], &entry["bytes"], &there["count_left"]), (&json!("identity_copy"), &json!(300_000), &json!(14)));
    assert!(entry["name"].as_str().unwrap().ends_with("Karte Zoé.pdf"), "{entry}");
    assert_eq!(vault(&server).len(), 1);
    assert_eq!(count(&server, "SELECT count(*) FROM audit WHERE what = 'document_added' AND who = 'citizen'").await, 1);
}

#[tokio::test]
async fn of_a_booking_that_is_refused_no_copy_is_left() {
    let server = server(IdentityCheck::Always).await;
    let wish = wish(&server).await;
    let with = |field: &str, value: Value| {
        let mut wish = wish.clone();
        wish[field] = value;
        wish
    };
    let text = wish.to_string();
    for (asked, copy, status, code) in [
        (&wish, &b"PK\x03\x04not a card"[..], 415, "unfit_document"),
        (&wish, b"<svg onload=\"alert(1)\"/>", 415, "unfit_document"),
        (&wish, b"", 415, "unfit_document"),
        (&wish, b"II*\0 a scan that no browser shows", 415, "unfit_document"),
        (&wish, &pdf(20_000_001), 413, "too_large"),
        (&with("consent", json!(false)), PNG, 422, "invalid_appointment"),
        (&with("email", json!("clara")), PNG, 422, "invalid_appointment"),
        (&with("start", json!("2020-01-01T00:00:00Z")), PNG, 422, "invalid_appointment"),
        (&with("admin", json!(true)), PNG, 400, "bad_message"),
    ] {
        let answer = book(&server, asked, "x.png", copy).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (status, code), "{}", answer.json());
        assert_eq!(vault(&server).len(), 0);
    }
    let long = "x".repeat(20_000);
    let parts: [&[Part<'_>]; 5] = [
        &[("identity_copy", Some("x.png"), PNG), ("booking", None, text.as_bytes())],
        &[("booking", None, text.as_bytes()), ("identity_copy", Some("x.png"), PNG), ("identity_copy", Some("y.png"), PNG)],
        &[("booking", None, text.as_bytes()), ("else", None, b"x")],
        &[("booking", None, long.as_bytes())],
        &[],
    ];
    for (at, parts) in parts.into_iter().enumerate() {
        let body = form(parts);
        let answer = post(&server, &body, body.len()).await;
        assert!((400..500).contains(&answer.status), "{at}: {}", answer.status);
        assert_eq!(vault(&server).len(), 0, "{at}");
    }
    // One that breaks off in the middle of the copy.
    let body = form(&[("booking", None, text.as_bytes()), ("identity_copy", Some("x.pdf"), &pdf(400_000))]);
    let answer = post(&server, &body[..200_000], body.len()).await;
    assert!(answer.status != 201 && vault(&server).is_empty(), "{}", answer.status);
    // Who comes too late.
    let mut booked = 0;
    for mailbox in ["a", "b", "c", "d"] {
        let asked = with("email", json!(format!("{mailbox}@example.lu")));
        let answer = book(&server, &asked, "x.png", PNG).await;
        if answer.status == 201 {
            booked += 1;
        } else {
            assert_eq!(answer.error_code(), "slot_taken");
        }
    }
    assert!((1..4).contains(&booked), "three agents are on duty, and one may be busy");
    assert_eq!(count(&server, "SELECT count(*) FROM documents").await, booked);
    assert_eq!(vault(&server).len(), usize::try_from(booked).unwrap(), "who has no place leaves nothing of their copy");
}

#[tokio::test]
async fn an_attempt_that_is_sent_again_keeps_one_copy_and_a_service_that_asks_for_none_keeps_none() {
    let server = server(IdentityCheck::Unauthenticated).await;
    let mut wish = wish(&server).await;
    wish["attempt"] = json!("A".repeat(43));
    let first = book(&server, &wish, "x.png", PNG).await.json();
    let again = book(&server, &wish, "x.png", PNG).await.json();
    assert_eq!(first["reference"], again["reference"]);
    assert_eq!(vault(&server).len(), 1);

    let never = self::server(IdentityCheck::Never).await;
    let wish = self::wish(&never).await;
    assert_eq!(book(&never, &wish, "x.png", PNG).await.status, 201);
    assert_eq!(vault(&never).len(), 0);
}

#[tokio::test]
async fn an_agent_looks_at_the_copy_never_gets_it_as_a_file_and_their_word_destroys_it() {
    let server = server(IdentityCheck::Unauthenticated).await;
    let card = pdf(100_000);
    let booking = book(&server, &wish(&server).await, "card.pdf", &card).await.json();
    let (citizen, id) = opened(&server, &booking).await;
    let agent = server.agent().await;
    let path = format!("/api/v1/agent/consultations/{id}/identity-copy");
    let ours = [("Cookie", agent.as_str()), ("X-Visavis", "1"), ("Sec-Fetch-Dest", "empty")];

    // As an address, a picture or a frame it is not there, for nobody but an agent it is not there at all, and as a document it never is.
    for dest in ["document", "image", "iframe", "embed"] {
        let asked = server.get(&path, &[("Cookie", &agent), ("X-Visavis", "1"), ("Sec-Fetch-Dest", dest)]).await;
        assert_eq!((asked.status, asked.error_code().as_str()), (403, "forbidden"), "{dest}");
    }
    for cookie in [citizen.as_str(), "nothing=1"] {
        assert_eq!(server.get(&path, &[("Cookie", cookie), ("X-Visavis", "1")]).await.status, 401);
    }
    assert_eq!(count(&server, "SELECT count(*) FROM audit WHERE what = 'identity_copy_viewed'").await, 0);
    let listed = server.get(&format!("/api/v1/agent/consultations/{id}/documents"), &[("Cookie", &agent)]).await.json();
    let document = listed["documents"][0]["id"].as_str().unwrap();
    assert_eq!(listed.get("identity"), None);
    assert_eq!(server.get(&format!("/api/v1/agent/consultations/{id}/documents/{document}"), &[("Cookie", &agent)]).await.status, 404);

    let seen = server.get(&path, &ours).await;
    assert!(seen.status == 200 && seen.body == card);
    assert_eq!((header(&seen, "cache-control"), header(&seen, "x-content-type-options")), ("no-store", "nosniff"));
    assert!(
        header(&seen, "content-security-policy").contains("default-src 'none'")
            && header(&seen, "content-security-policy").contains("sandbox")
    );
    let agents = format!("agent:{}", server.server.store.agent_account(&server.demo.agent.username).await.unwrap().unwrap().grant.agent.0);
    let lines = async |what: &str| {
        let trail = server.server.store.audit_of(id.parse().unwrap()).await.unwrap();
        trail.iter().filter(|line| line.who == agents && line.what == what).count()
    };
    assert_eq!(lines("identity_copy_viewed").await, 1);

    let say = async |cookie: &str, result: &str| {
        server.post(&format!("/api/v1/agent/consultations/{id}/identity"), &[("Cookie", cookie)], json!({"result": result})).await
    };
    assert_eq!(say(&citizen, "matches").await.status, 401);
    assert_eq!(say(&agent, "verified").await.status, 400, "nobody is verified here");
    let said = say(&agent, "matches").await;
    assert_eq!(said.status, 200, "{}", said.json());
    assert_eq!((said.json()["method"].as_str(), said.json()["by"].as_str()), (Some("copy"), Some(server.demo.agent.name.as_str())));
    assert_eq!((vault(&server).len(), server.get(&path, &ours).await.status), (0, 404));
    assert_eq!(count(&server, "SELECT count(*) FROM documents").await, 0);
    assert_eq!(lines("identity_seen_matches").await, 1);
    assert_eq!(lines("document_deleted").await, 1);
    // What was said stays, and can be corrected; the copy is gone all the same.
    let told =
        async || server.get(&format!("/api/v1/agent/consultations/{id}/documents"), &[("Cookie", &agent)]).await.json()["identity"].clone();
    assert_eq!(told().await, said.json());
    assert_eq!(say(&agent, "does_not_match").await.json()["method"], "copy");
    assert_eq!(told().await["result"], "does_not_match");
    assert_eq!(say(&agent, "not_needed").await.json()["method"], "none");
}

#[tokio::test]
async fn where_there_is_no_copy_a_card_was_shown_and_a_foreign_consultation_is_unknown() {
    let server = server(IdentityCheck::Never).await;
    let (reference, _) = server.book(0, "Clara").await;
    let of = server.server.store.appointment_by_reference(&reference).await.unwrap().unwrap();
    let agent = server.agent().await;
    let say = async |id: &str| {
        server.post(&format!("/api/v1/agent/consultations/{id}/identity"), &[("Cookie", &agent)], json!({"result": "matches"})).await
    };
    assert_eq!(say(&of.id.to_string()).await.json()["method"], "card_shown");
    let unknown = say("00000000000000000000000000000001").await;
    assert_eq!((unknown.status, unknown.error_code().as_str()), (404, "unknown_appointment"));
}

#[tokio::test]
async fn the_copy_goes_as_long_after_the_end_as_the_service_says() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = settings(&directory);
    for service in config.services.values_mut() {
        service.identity_check = IdentityCheck::Always;
        service.rules.identity_copy = std::time::Duration::from_secs(10 * 60);
    }
    let server = Running::start_with(directory, config).await;
    let booking = book(&server, &wish(&server).await, "x.png", PNG).await.json();
    let of = server.server.store.appointment_by_reference(booking["reference"].as_str().unwrap()).await.unwrap().unwrap();
    server.clock.shift(of.start.0 - server.clock.now().0);
    close(&server, &of.reference).await;
    server.clock.shift(10 * MINUTE - 20_000);
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert_eq!(vault(&server).len(), 1, "not a moment early");
    server.clock.shift(25_000);
    until(async || vault(&server).is_empty()).await;
}
