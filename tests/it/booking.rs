//! Citizens book by themselves, move what they booked and ask to be called back: over the real routes of a server that is no demo.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use visavis::load::http_client::{Response, request};
use visavis::load::signaling_client::SignalingClient;

use crate::agenda::Office;
use crate::running::Running;

/// The health fund's office with three topics, one of them not by video.
async fn office(agents: &str) -> Office {
    Office::start_with(&[
        ("opening_hours", "mon-fri 08:30-11:30"),
        ("agents_on_duty", agents),
        ("public_booking", "true"),
        // Copies of identity cards have tests of their own.
        ("identity_check", "never"),
        ("topics.care.name_en", "Care"),
        ("topics.care.required_en", "Your card"),
        ("topics.cheques.name_en", "Cheques"),
        ("topics.cheques.by_video", "false"),
        ("topics.cheques.instead_en", "Come to a counter."),
    ])
    .await
}

/// Tuesday, the second slot of the morning, by Clara.
fn wish() -> Value {
    json!({
        "service": "advice", "topic": "care", "start": "2027-01-05T08:50:00+01:00", "name": "Clara Citizen",
        "email": "clara@example.lu", "language": "lb", "consent": true,
    })
}

fn with(mut wish: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        wish[key] = value.clone();
    }
    wish
}

async fn post_from(office: &Office, address: &str, path: &str, body: &Value) -> Response {
    request(&office.base, "POST", path, &[("X-Forwarded-For", address)], Some(body)).await.unwrap()
}

async fn book(office: &Office, wish: &Value) -> Response {
    post_from(office, "192.0.2.1", "/api/v1/bookings", wish).await
}

fn refused(answer: &Response) -> (u16, String) {
    (answer.status, answer.error_code())
}

/// The cookie of who opens the link.
async fn opened(office: &Office, booking: &Value) -> String {
    let token = booking["join_url"].as_str().unwrap().split_once('#').unwrap().1;
    let joined = office.post("/api/v1/join", json!({ "token": token })).await;
    assert_eq!(joined.status, 200, "{}", joined.json());
    joined.cookies().remove(0)
}

#[tokio::test]
async fn a_citizen_books_a_free_slot_and_the_link_of_the_answer_opens_it() {
    let office = office("1").await;
    let services = office.get("/api/v1/services").await.json();
    let advice = &services["services"][0];
    assert_eq!((advice["public_booking"].as_bool(), advice["topics"][0]["required"]["en"][0].as_str()), (Some(true), Some("Your card")));
    assert_eq!(
        advice["topics"][1],
        json!({"key": "cheques", "names": advice["topics"][1]["names"], "by_video": false, "instead": {"en": "Come to a counter."}})
    );

    let told = with(wish(), json!({"phone": "+352 621 123 456", "note": "It is about my mother."}));
    let answer = book(&office, &told).await;
    assert_eq!(answer.status, 201, "{}", answer.json());
    let booking = answer.json();
    assert_eq!((booking["start"].as_str(), booking["end"].as_str()), (Some("2027-01-05T07:50:00.000Z"), Some("2027-01-05T08:10:00.000Z")));
    assert_eq!(booking["qr"][0].as_str().unwrap().len(), booking["qr"].as_array().unwrap().len());
    let cookie = opened(&office, &booking).await;
    let link = request(&office.base, "GET", "/api/v1/link", &[("Cookie", &cookie)], None).await.unwrap().json();
    assert_eq!(
        (link["phase"].as_str(), link["name"].as_str(), link["service"]["key"].as_str()),
        (Some("too_early"), Some("Clara Citizen"), Some("advice"))
    );
    let kept = office.server.store.appointment_by_reference(booking["reference"].as_str().unwrap()).await.unwrap().unwrap();
    assert!(kept.details.email.as_deref() == Some("clara@example.lu") && kept.details.topic.as_deref() == Some("care"));
    assert!(kept.details.note.as_deref() == Some("It is about my mother.") && kept.details.phone.is_some());
    let trail = office.server.store.audit_of(kept.id).await.unwrap();
    assert_eq!((trail[0].what.as_str(), trail[0].who.as_str()), ("booked", "citizen"));
    office.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_citizens_who_want_twenty_places_twenty_get_one() {
    let office = office("20").await;
    let answers = futures_util::future::join_all((0..200).map(|i| {
        let (office, wish) = (&office, with(wish(), json!({"email": format!("citizen-{i}@example.lu")})));
        async move { post_from(office, &format!("198.51.100.{}", i % 20), "/api/v1/bookings", &wish).await }
    }))
    .await;
    let (booked, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    let references: HashSet<String> = booked.iter().map(|answer| answer.json()["reference"].as_str().unwrap().to_owned()).collect();
    assert_eq!((booked.len(), references.len(), refused.len()), (20, 20, 180));
    for answer in refused {
        assert_eq!((answer.status, answer.error_code().as_str()), (409, "slot_taken"));
        assert_eq!(
            answer.json()["error"]["free"][0],
            json!({"start": "2027-01-05T08:10:00.000Z", "end": "2027-01-05T08:30:00.000Z", "places": 20})
        );
    }
    office.server.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_the_name_of_the_field_and_books_nothing() {
    let office = office("1").await;
    let long = "x".repeat(1001);
    for (field, value) in [
        ("service", json!("cheques")),
        ("topic", json!("cheques")),
        ("topic", json!("weather")),
        ("topic", json!("")),
        ("start", json!("tomorrow")),
        ("start", json!("2027-01-05T08:55:00+01:00")),
        ("start", json!("2027-01-09T08:50:00+01:00")),
        ("start", json!("2026-12-29T08:50:00+01:00")),
        ("start", json!("2027-12-29T08:50:00+01:00")),
        ("name", json!("")),
        ("name", json!("Clara\u{202E}arta")),
        ("name", json!("Clara\r\nBcc: all@example.lu")),
        ("name", json!("x".repeat(101))),
        ("email", json!("")),
        ("email", json!("clara")),
        ("email", json!("clara@example.lu\r\nBcc: x@y.lu")),
        ("phone", json!("call me")),
        ("note", json!(long)),
        ("language", json!("xx")),
        ("consent", json!(false)),
        ("attempt", json!("again")),
    ] {
        let answer = book(&office, &with(wish(), json!({ field: value }))).await;
        assert_eq!(refused(&answer), (422, "invalid_appointment".into()), "{field} {value}");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("{field}:")), "{field} {value}: {message}");
        assert!(!message.contains("Clara") && !message.contains("clara@"), "{message}");
    }
    for body in [json!({}), with(wish(), json!({"admin": true})), with(wish(), json!({"consent": null}))] {
        assert_eq!(refused(&book(&office, &body).await), (400, "bad_message".into()), "{body}");
    }
    assert_eq!(office.slots("&to=2027-01-06T00:00:00Z").await.len(), 18, "both mornings are free");
    // Markup and quotes are names like others; whoever shows them must not run them.
    let name = "<script>alert(1)</script> D’Árbó";
    let hostile = book(&office, &with(wish(), json!({ "name": name }))).await;
    assert_eq!(hostile.status, 201);
    let cookie = opened(&office, &hostile.json()).await;
    assert_eq!(request(&office.base, "GET", "/api/v1/link", &[("Cookie", &cookie)], None).await.unwrap().json()["name"], name);
    office.server.stop().await;
}

#[tokio::test]
async fn a_service_that_is_not_booked_in_public_is_not_and_a_foreign_page_books_nothing() {
    let closed = Office::start_with(&[("opening_hours", "mon-fri 08:30-11:30")]).await;
    let asked = with(wish(), json!({"topic": "information"}));
    assert_eq!(refused(&book(&closed, &asked).await), (422, "invalid_appointment".into()));
    assert_eq!(closed.get("/api/v1/services").await.json()["services"][0]["public_booking"], false);
    closed.server.stop().await;

    let office = office("1").await;
    let body = wish().to_string();
    for headers in ["Origin: https://evil.example\r\nX-Visavis: 1", "Sec-Fetch-Site: cross-site\r\nX-Visavis: 1", "Accept: */*"] {
        let mut socket = tokio::net::TcpStream::connect(&office.base.authority).await.unwrap();
        let head = format!("POST /api/v1/bookings HTTP/1.1\r\nHost: {}\r\n{headers}\r\nConnection: close", office.base.authority);
        let text = format!("{head}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        socket.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("\"forbidden\""), "{headers}: {answer}");
    }
    assert_eq!(office.slots("&to=2027-01-06T00:00:00Z").await.len(), 18);
    office.server.stop().await;
}

#[tokio::test]
async fn one_mailbox_holds_one_place_a_day_and_three_in_all() {
    let office = office("5").await;
    let on = |day: u8, email: &str| with(wish(), json!({"start": format!("2027-01-{day:02}T08:50:00+01:00"), "email": email}));
    let first = book(&office, &on(5, "clara@example.lu")).await.json();
    for again in ["clara@example.lu", "Clara+video@EXAMPLE.lu"] {
        assert_eq!(refused(&book(&office, &on(5, again)).await), (429, "too_many".into()), "{again}");
    }
    assert_eq!(book(&office, &on(5, "jos@example.lu")).await.status, 201, "another mailbox");
    assert_eq!(book(&office, &on(6, "clara@example.lu")).await.status, 201, "another day");
    assert_eq!(book(&office, &on(7, "clara@example.lu")).await.status, 201);
    assert_eq!(refused(&book(&office, &on(8, "clara@example.lu")).await), (429, "too_many".into()), "a fourth");
    // What is cancelled holds no place, nor does what is over.
    let cookie = opened(&office, &first).await;
    assert_eq!(request(&office.base, "POST", "/api/v1/link/cancel", &[("Cookie", &cookie)], Some(&json!({}))).await.unwrap().status, 200);
    assert_eq!(book(&office, &on(8, "clara@example.lu")).await.status, 201);
    office.clock.shift(3 * 24 * 60 * 60 * 1000);
    assert_eq!(book(&office, &on(11, "clara@example.lu")).await.status, 201, "Wednesday's and Thursday's are over");
    // What is over is forgotten, so that its attempt books anew; what is to come is not.
    let attempt = |letter: &str, day: u8, email: &str| with(on(day, email), json!({ "attempt": letter.repeat(43) }));
    let kept = book(&office, &attempt("A", 12, "pit@example.lu")).await.json();
    office.clock.shift(3 * 24 * 60 * 60 * 1000);
    office.server.store.forget_public_bookings(office.clock.now()).await.unwrap();
    assert_eq!(book(&office, &attempt("A", 12, "pit@example.lu")).await.json(), kept);
    office.clock.shift(3 * 24 * 60 * 60 * 1000);
    office.server.store.forget_public_bookings(office.clock.now()).await.unwrap();
    assert_ne!(book(&office, &attempt("A", 14, "pit@example.lu")).await.json()["reference"], kept["reference"]);
    office.server.stop().await;
}

#[tokio::test]
async fn the_same_attempt_sent_again_answers_what_it_booked_and_books_nothing_more() {
    let office = office("1").await;
    let attempt = "A".repeat(43);
    let asked = with(wish(), json!({ "attempt": attempt }));
    let first = book(&office, &asked).await;
    let again = book(&office, &asked).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.json(), again.json());
    assert_eq!(office.slots("&to=2027-01-06T00:00:00Z").await.len(), 17);
    let stranger = with(asked, json!({"email": "eve@example.lu"}));
    assert_eq!(refused(&book(&office, &stranger).await), (409, "slot_taken".into()), "another mailbox is told nothing");
    office.server.stop().await;
}

#[tokio::test]
async fn one_origin_takes_thirty_places_and_another_still_finds_one() {
    let office = Office::start_with(&[
        ("opening_hours", "mon-fri 08:30-11:30"),
        ("agents_on_duty", "99"),
        ("public_booking", "true"),
        ("identity_check", "never"),
    ])
    .await;
    let asked = |i: usize| with(wish(), json!({"topic": "information", "email": format!("citizen-{i}@example.lu")}));
    for i in 0..30 {
        assert_eq!(book(&office, &asked(i)).await.status, 201, "{i}");
    }
    let answer = book(&office, &asked(30)).await;
    assert_eq!(refused(&answer), (429, "slow_down".into()));
    let wait = answer.headers.iter().find(|(name, _)| name == "retry-after").unwrap().1.parse::<u64>().unwrap();
    assert!((1..=301).contains(&wait), "{wait}");
    assert_eq!(post_from(&office, "192.0.2.2", "/api/v1/bookings", &asked(31)).await.status, 201);
    office.server.stop().await;
}

#[tokio::test]
async fn full_days_are_told_as_full() {
    let office =
        Office::start_with(&[("opening_hours", "mon-fri 08:30-09:10"), ("public_booking", "true"), ("identity_check", "never")]).await;
    for (start, email) in [("2027-01-05T08:30:00+01:00", "a@example.lu"), ("2027-01-05T08:50:00+01:00", "b@example.lu")] {
        assert_eq!(book(&office, &with(wish(), json!({"topic": "information", "start": start, "email": email}))).await.status, 201);
    }
    let answer = office.get("/api/v1/slots?service=advice&to=2027-01-11T00:00:00Z").await.json();
    assert_eq!((answer["slots"].as_array().unwrap().len(), &answer["full_days"]), (8, &json!(["2027-01-05"])));
    office.server.stop().await;
}

#[tokio::test]
async fn a_citizen_moves_their_appointment_until_the_waiting_room_opens_and_the_link_stays() {
    let office = office("1").await;
    let booking = book(&office, &wish()).await.json();
    let cookie = opened(&office, &booking).await;
    let (base, cookie) = (&office.base, cookie.as_str());
    let to = |start: &'static str| async move {
        request(base, "POST", "/api/v1/link/reschedule", &[("Cookie", cookie)], Some(&json!({ "start": start }))).await.unwrap()
    };
    let other = with(wish(), json!({"start": "2027-01-05T09:10:00+01:00", "email": "jos@example.lu"}));
    assert_eq!(book(&office, &other).await.status, 201);
    let taken = to("2027-01-05T09:10:00+01:00").await;
    assert_eq!(refused(&taken), (409, "slot_taken".into()));
    assert!(!taken.json()["error"]["free"].as_array().unwrap().is_empty());
    for wrong in ["2027-01-05T09:15:00+01:00", "2027-01-09T08:50:00+01:00", "2027-01-01T08:50:00+01:00", "soon"] {
        assert_eq!(refused(&to(wrong).await), (422, "invalid_appointment".into()), "{wrong}");
    }
    let moved = to("2027-02-01T08:30:00+01:00").await;
    assert_eq!((moved.status, moved.json()["start"].as_str()), (200, Some("2027-02-01T07:30:00.000Z")), "{}", moved.json());
    let token = booking["join_url"].as_str().unwrap().split_once('#').unwrap().1;
    let joined = office.post("/api/v1/join", json!({ "token": token })).await.json();
    assert_eq!((joined["reference"].as_str(), joined["start"].as_str()), (booking["reference"].as_str(), Some("2027-02-01T07:30:00.000Z")));
    assert_eq!(book(&office, &with(wish(), json!({"email": "third@example.lu"}))).await.status, 201, "the first place is free again");
    // Weeks later the browser that opened the link still knows it; the waiting room is open now.
    office.clock.shift(28 * 24 * 60 * 60 * 1000 + 20 * 60 * 1000);
    assert_eq!(refused(&to("2027-02-01T08:50:00+01:00").await), (409, "wrong_state".into()));
    let nobody = office.post("/api/v1/link/reschedule", json!({"start": "2027-02-01T08:50:00+01:00"})).await;
    assert_eq!(refused(&nobody), (401, "not_signed_in".into()));
    office.server.stop().await;
}

fn callback() -> Value {
    json!({
        "service": "advice", "reason": "no_slot", "words": "Only on Fridays", "start": "2027-01-04T08:30:00+01:00", "name": "Jos Canary-5R8W",
        "phone": "+352 621 770 770", "language": "lb", "consent": true,
    })
}

#[tokio::test]
async fn a_call_back_is_asked_for_in_a_time_when_somebody_is_on_duty() {
    let office = office("1").await;
    let times = office.get("/api/v1/callbacks/times?service=advice").await.json();
    assert_eq!(times["times"][0], json!({"start": "2027-01-04T07:30:00.000Z", "end": "2027-01-04T10:30:00.000Z"}));
    assert_eq!(times["times"].as_array().unwrap().len(), 8, "ten days ahead");
    let ask = async |changes: Value| post_from(&office, "192.0.2.1", "/api/v1/callbacks", &with(callback(), changes)).await;
    for (field, value) in [
        ("service", json!("cheques")),
        ("start", json!("2027-01-04T09:00:00+01:00")),
        ("start", json!("soon")),
        ("name", json!(" ")),
        ("phone", json!("")),
        ("phone", json!("my phone")),
        ("words", json!("x".repeat(501))),
        ("language", json!("xx")),
        ("consent", json!(false)),
    ] {
        let answer = ask(json!({ field: value })).await;
        assert_eq!(refused(&answer), (422, "invalid_appointment".into()), "{field} {value}");
    }
    assert_eq!(refused(&ask(json!({"about_appointment": true})).await), (401, "not_signed_in".into()));
    let asked = ask(json!({})).await;
    assert_eq!((asked.status, asked.json()), (201, times["times"][0].clone()));
    assert_eq!(refused(&ask(json!({"phone": "00352 621-770-770"})).await), (429, "too_many".into()), "that phone waits already");
    for i in 0..8 {
        assert_eq!(ask(json!({ "phone": format!("+352 621 000 00{i}") })).await.status, 201);
    }
    assert_eq!(refused(&ask(json!({"phone": "+352 621 111 111"})).await), (429, "slow_down".into()));
    office.server.stop().await;
}

#[tokio::test]
async fn a_call_back_about_an_appointment_names_it_whatever_the_phase_and_is_sealed() {
    let office = office("1").await;
    let booking = book(&office, &wish()).await.json();
    let cookie = opened(&office, &booking).await;
    office.clock.shift(2 * 24 * 60 * 60 * 1000);
    let link = request(&office.base, "GET", "/api/v1/link", &[("Cookie", &cookie)], None).await.unwrap().json();
    assert_eq!(link["phase"], "late");
    let asked = with(callback(), json!({"about_appointment": true, "start": "2027-01-07T08:30:00+01:00", "reason": "missed"}));
    let answer = request(&office.base, "POST", "/api/v1/callbacks", &[("Cookie", &cookie)], Some(&asked)).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
    let kept = office.server.store.callbacks().await.unwrap();
    assert_eq!((kept.len(), kept[0].reference.as_deref()), (1, booking["reference"].as_str()));
    assert!(kept[0].details.name == "Jos Canary-5R8W" && kept[0].details.words == "Only on Fridays");
    office.server.stop().await;
    for file in std::fs::read_dir(office.directory.path().join("data")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        for canary in [&b"Canary-5R8W"[..], b"621 770 770", b"Only on Fridays", b"clara@example.lu"] {
            assert!(!bytes.windows(canary.len()).any(|window| window == canary), "in the clear");
        }
    }
}

#[tokio::test]
async fn the_desk_shows_topic_and_note_and_who_wants_to_be_called_as_soon_as_it_is_known() {
    let server = Running::start().await;
    let slots = server.get("/api/v1/slots?service=advice", &[]).await.json();
    let asked = with(wish(), json!({"start": slots["slots"][0]["start"], "name": "Clara Told", "note": "It is about my mother."}));
    let booked = server.post("/api/v1/bookings", &[], asked).await;
    assert_eq!(booked.status, 201, "{}", booked.json());
    let kept = server.server.store.appointment_by_reference(booked.json()["reference"].as_str().unwrap()).await.unwrap().unwrap();
    // The desk shows what begins within a day: the clock goes to an hour before it, before anybody signs in.
    server.clock.shift((kept.start.0 - server.clock.now().0 - 60 * 60 * 1000).max(0));
    server.server.signaling.agenda_changed();
    let mut agent = SignalingClient::connect(&server.base, "agent", &server.agent().await).await.unwrap();
    agent.hello("AQECAwQFBgcICQoLDA0ODw").await.unwrap();
    let soon = Duration::from_secs(5);
    let is_told = |desk: &Value| desk["rows"].as_array().is_some_and(|rows| rows.iter().any(|row| row["name"] == "Clara Told"));
    let heard = agent.until(soon, "the row", |heard| heard.desk.as_ref().is_some_and(is_told)).await.unwrap().desk.unwrap();
    let row = heard["rows"].as_array().unwrap().iter().find(|row| row["name"] == "Clara Told").unwrap().clone();
    assert_eq!((&row["topic"], &row["note"], &row["service"]), (&json!("care"), &json!("It is about my mother."), &json!("advice")));
    assert!(heard.get("callbacks").is_none(), "nobody waits to be called");

    let times = server.get("/api/v1/callbacks/times?service=advice", &[]).await.json();
    let asked = with(callback(), json!({"start": times["times"][0]["start"]}));
    assert_eq!(server.post("/api/v1/callbacks", &[], asked).await.status, 201);
    let waits = |heard: &visavis::load::signaling_client::Heard| heard.desk.as_ref().is_some_and(|desk| desk["callbacks"].is_array());
    let desk = agent.until(soon, "the call back", waits).await.unwrap().desk.unwrap();
    let row = &desk["callbacks"][0];
    assert_eq!((&row["name"], &row["reason"], &row["done"]), (&json!("Jos Canary-5R8W"), &json!("no_slot"), &json!(false)));
    server.server.stop().await;
}

#[tokio::test]
async fn agents_say_what_is_done_and_it_is_erased_a_day_later_and_what_nobody_did_after_two_weeks() {
    let server = Running::start().await;
    let times = server.get("/api/v1/callbacks/times?service=advice", &[]).await.json();
    let start = &times["times"][0]["start"];
    for (name, phone) in [("Jos", "+352 621 000 001"), ("Ines", "+352 621 000 002")] {
        let asked = with(callback(), json!({"start": start, "name": name, "phone": phone}));
        assert_eq!(server.post("/api/v1/callbacks", &[], asked).await.status, 201);
    }
    let kept = server.server.store.callbacks().await.unwrap();
    let path = format!("/api/v1/callbacks/{}", kept[0].id);
    let patch = async |path: &str, cookie: &str, done: bool| {
        request(&server.base, "PATCH", path, &[("Cookie", cookie)], Some(&json!({ "done": done }))).await.unwrap().status
    };
    assert_eq!(patch(&path, "", true).await, 401, "citizens see and say nothing");
    let agent = server.agent().await;
    assert_eq!(patch("/api/v1/callbacks/00000000000000000000000000000000", &agent, true).await, 404);
    assert_eq!(patch("/api/v1/callbacks/1", &agent, true).await, 404);
    assert_eq!(patch(&path, &agent, true).await, 204);
    assert_eq!(patch(&path, &agent, false).await, 204);
    assert_eq!(patch(&path, &agent, true).await, 204);
    let store = &server.server.store;
    let listed = store.callbacks().await.unwrap();
    assert_eq!((listed[0].done.is_none(), listed[1].done.is_some(), listed[1].id), (true, true, kept[0].id), "who waits comes first");
    let now = server.clock.now();
    let day = Duration::from_secs(24 * 60 * 60);
    assert_eq!(store.erase_callbacks(now.after(day - Duration::from_secs(60))).await.unwrap(), 0);
    assert_eq!(store.erase_callbacks(now.after(day)).await.unwrap(), 1, "done a day ago");
    assert_eq!(store.erase_callbacks(now.after(14 * day - Duration::from_secs(60))).await.unwrap(), 0);
    assert_eq!(store.erase_callbacks(now.after(14 * day)).await.unwrap(), 1, "two weeks");
    assert!(store.callbacks().await.unwrap().is_empty());
    server.server.stop().await;
}
