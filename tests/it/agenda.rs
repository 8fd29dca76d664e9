//! Booking through the API of a server that is no demo: services, free slots, the last place, and what is no slot.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use visavis::access::token::Token;
use visavis::config::{Config, Network, Sources};
use visavis::load::http_client::{Base, Response, request};
use visavis::server::Server;
use visavis::store::Store;
use visavis::time::{Clock, Timestamp};

use crate::database::home;
use crate::running::settings;

/// A server for citizens, not for newcomers, with a portal's key. Its clock shows Monday, 4 January 2027, 08:00 in Luxembourg.
pub struct Office {
    pub server: Server,
    pub base: Base,
    key: String,
    pub clock: Clock,
    pub directory: TempDir,
}

impl Office {
    async fn start(hours: &str, agents: u16) -> Self {
        let agents = agents.to_string();
        Self::start_with(&[("opening_hours", hours), ("agents_on_duty", &agents)]).await
    }

    /// With these settings of the service. Who comes from loopback is a proxy: a test says in `X-Forwarded-For` where somebody comes from.
    pub async fn start_with(of_service: &[(&str, &str)]) -> Self {
        Self::furnished(of_service, |_| {}).await
    }

    /// The same, with settings of the installation changed.
    pub async fn furnished(of_service: &[(&str, &str)], change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let command_line = of_service.iter().map(|(key, value)| (format!("services.advice.{key}"), (*value).into(), "--set".into()));
        let services = Sources { command_line: command_line.collect(), ..Sources::default() }.read().unwrap().services;
        let mut config = Config { demo: false, services, ..settings(&directory) };
        config.web.trusted_proxies = vec![Network::parse("127.0.0.0/8").unwrap()];
        change(&mut config);
        std::fs::create_dir_all(&config.data_directory).unwrap();
        let key = Token::new([7; 32]);
        let store = Store::open(home(&config.data_directory)).await.unwrap();
        store.put_api_key("portal", key.hash(), Timestamp(0)).await.unwrap();
        store.close().await;
        drop(store);
        let clock = Clock::default();
        clock.shift(Timestamp::parse("2027-01-04T08:00:00+01:00").unwrap().0 - clock.now().0);
        let server = Server::start(config, clock.clone()).await.unwrap();
        let base = Base::plain(server.http[0].to_string());
        Self { server, base, key: format!("Bearer {}", key.text()), clock, directory }
    }

    pub async fn get(&self, path: &str) -> Response {
        request(&self.base, "GET", path, &[], None).await.unwrap()
    }

    pub async fn slots(&self, rest: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/slots?service=advice{rest}")).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["slots"].as_array().unwrap().clone()
    }

    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Response {
        request(&self.base, method, path, &[("Authorization", &self.key)], body.as_ref()).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Response {
        request(&self.base, "POST", path, &[], Some(&body)).await.unwrap()
    }

    pub async fn book(&self, start: &str, end: &str) -> Response {
        let body = json!({"service": "advice", "start": start, "end": end, "name": "Clara", "language": "lb"});
        request(&self.base, "POST", "/api/v1/appointments", &[("Authorization", &self.key)], Some(&body)).await.unwrap()
    }
}

#[tokio::test]
async fn services_are_told_with_what_a_booking_page_needs() {
    let office = Office::start("mon-fri 08:30-11:30", 1).await;
    let services = office.get("/api/v1/services").await.json();
    let advice = &services["services"][0];
    assert_eq!((advice["key"].as_str(), advice["names"]["lb"].as_str()), (Some("advice"), Some("Videoberodung")));
    assert_eq!((advice["slot_minutes"].as_u64(), advice["book_ahead_days"].as_u64()), (Some(20), Some(60)));
    office.server.stop().await;
}

#[tokio::test]
async fn free_slots_begin_with_the_next_one_and_end_where_none_is_offered_yet() {
    let office = Office::start("mon-fri 08:30-11:30", 2).await;
    let slots = office.slots("").await;
    assert_eq!(slots[0], json!({"start": "2027-01-04T07:30:00.000Z", "end": "2027-01-04T07:50:00.000Z", "places": 2}));
    let last = Timestamp::parse(slots.last().unwrap()["start"].as_str().unwrap()).unwrap();
    assert!(last < office.clock.now().after(Duration::from_secs(60 * 24 * 60 * 60)));
    let day = office.slots("&from=2027-01-05T00:00:00%2B01:00&to=2027-01-06T00:00:00%2B01:00").await;
    assert_eq!(day.len(), 9);
    assert!(office.slots("&from=2020-01-01T00:00:00Z&to=2027-01-04T07:00:00Z").await.is_empty(), "the past has no slots");
    for wrong in ["&from=tomorrow", "&to=2027-01-05"] {
        let answer = office.get(&format!("/api/v1/slots?service=advice{wrong}")).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (422, "invalid_appointment"), "{wrong}");
    }
    for (path, status) in [("/api/v1/slots?service=cheques", 422), ("/api/v1/slots", 400), ("/api/v1/slots?service=advice&day=1", 400)] {
        assert_eq!(office.get(path).await.status, status, "{path}");
    }
    office.server.stop().await;
}

#[tokio::test]
async fn what_is_no_slot_of_the_service_is_refused() {
    let office = Office::start("mon-fri 08:30-11:30", 1).await;
    for (start, end, why) in [
        ("2027-01-04T08:35:00+01:00", "2027-01-04T08:55:00+01:00", "between two slots"),
        ("2027-01-04T08:30:00+01:00", "2027-01-04T09:10:00+01:00", "two slots"),
        ("2027-01-04T12:00:00+01:00", "2027-01-04T12:20:00+01:00", "lunch"),
        ("2027-01-09T08:30:00+01:00", "2027-01-09T08:50:00+01:00", "Saturday"),
        ("2027-03-29T08:30:00+02:00", "2027-03-29T08:50:00+02:00", "Easter Monday"),
        ("2027-01-04T07:50:00+01:00", "2027-01-04T08:10:00+01:00", "has begun"),
    ] {
        let answer = office.book(start, end).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (422, "invalid_appointment"), "{why}");
    }
    assert_eq!(office.book("2027-01-04T08:30:00+01:00", "2027-01-04T08:50:00+01:00").await.status, 201);
    office.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_who_want_twenty_places_twenty_get_one_and_the_others_are_told_the_next() {
    let office = Office::start("mon-fri 08:30-11:30", 20).await;
    let (start, end) = ("2027-01-05T09:10:00+01:00", "2027-01-05T09:30:00+01:00");
    let answers = futures_util::future::join_all((0..200).map(|_| office.book(start, end))).await;
    let (booked, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    let references: HashSet<String> = booked.iter().map(|answer| answer.json()["reference"].as_str().unwrap().to_owned()).collect();
    assert_eq!((booked.len(), references.len(), refused.len()), (20, 20, 180));
    for answer in refused {
        assert_eq!((answer.status, answer.error_code().as_str()), (409, "slot_taken"));
        let free = &answer.json()["error"]["free"];
        assert_eq!(free[0], json!({"start": "2027-01-05T08:30:00.000Z", "end": "2027-01-05T08:50:00.000Z", "places": 20}));
        assert_eq!(free.as_array().unwrap().len(), 5);
    }
    let starts: Vec<Value> = office.slots("&to=2027-01-06T00:00:00Z").await.into_iter().map(|slot| slot["start"].clone()).collect();
    assert!(!starts.contains(&json!("2027-01-05T08:10:00.000Z")), "a full slot is not offered");
    office.server.stop().await;
}

#[tokio::test]
async fn an_appointment_is_moved_under_the_same_link_and_the_place_that_it_had_is_free_again() {
    let office = Office::start("mon-fri 08:30-11:30", 1).await;
    let (first, second) =
        (("2027-01-05T08:30:00+01:00", "2027-01-05T08:50:00+01:00"), ("2027-01-05T08:50:00+01:00", "2027-01-05T09:10:00+01:00"));
    let booked = office.book(first.0, first.1).await.json();
    let path = format!("/api/v1/appointments/{}", booked["reference"].as_str().unwrap());
    assert_eq!(office.book(second.0, second.1).await.status, 201);
    let moved = office.ask("PATCH", &path, Some(json!({"start": second.0, "end": second.1}))).await;
    assert_eq!((moved.status, moved.error_code().as_str()), (409, "slot_taken"));
    let lunch = json!({"start": "2027-01-05T12:00:00+01:00", "end": "2027-01-05T12:20:00+01:00"});
    assert_eq!(office.ask("PATCH", &path, Some(lunch)).await.status, 422);
    let third = json!({"start": "2027-01-05T09:10:00+01:00", "end": "2027-01-05T09:30:00+01:00"});
    let moved = office.ask("PATCH", &path, Some(third.clone())).await;
    assert_eq!((moved.status, moved.json()["start"].as_str()), (200, Some("2027-01-05T08:10:00.000Z")), "{}", moved.json());
    assert_eq!(office.ask("PATCH", &path, Some(third)).await.status, 200, "it does not stand in its own way");
    let shown = office.ask("GET", &path.to_lowercase(), None).await.json();
    assert_eq!(
        shown,
        json!({
            "reference": booked["reference"], "service": "advice", "name": "Clara", "language": "lb",
            "start": "2027-01-05T08:10:00.000Z", "end": "2027-01-05T08:30:00.000Z", "phase": "too_early", "messages": [],
        })
    );
    let token = booked["join_url"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let join = office.post("/api/v1/join", json!({ "token": token })).await;
    assert_eq!((join.status, join.json()["start"].as_str()), (200, Some("2027-01-05T08:10:00.000Z")));
    assert_eq!(office.book(first.0, first.1).await.status, 201, "the first place is free again");
    office.server.stop().await;
}

#[tokio::test]
async fn a_new_link_replaces_the_old_one_and_unknown_references_and_keys_are_refused() {
    let office = Office::start("mon-fri 08:30-11:30", 1).await;
    let booked = office.book("2027-01-05T08:30:00+01:00", "2027-01-05T08:50:00+01:00").await.json();
    let reference = booked["reference"].as_str().unwrap();
    let token = |answer: &Value| answer["join_url"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let rotated = office.ask("POST", &format!("/api/v1/appointments/{reference}/rotate"), Some(json!({}))).await.json();
    assert_eq!(rotated["reference"].as_str(), Some(reference));
    assert_eq!(office.post("/api/v1/join", json!({ "token": token(&booked) })).await.error_code(), "link_replaced");
    assert_eq!(office.post("/api/v1/join", json!({ "token": token(&rotated) })).await.status, 200);
    for (method, path, body) in [
        ("GET", "/api/v1/appointments/222-222", None),
        ("PATCH", "/api/v1/appointments/222-222", Some(json!({"start": "2027-01-05T08:30:00+01:00", "end": "2027-01-05T08:50:00+01:00"}))),
        ("POST", "/api/v1/appointments/222-222/rotate", Some(json!({}))),
    ] {
        let answer = office.ask(method, path, body.clone()).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (404, "unknown_appointment"), "{method} {path}");
        let known = path.replace("222-222", reference);
        let nobody = request(&office.base, method, &known, &[], body.as_ref()).await.unwrap();
        assert_eq!((nobody.status, nobody.error_code().as_str()), (401, "wrong_key"), "{method} {path}");
    }
    office.server.stop().await;
}

#[tokio::test]
async fn a_cancelled_appointment_gives_its_place_back_and_its_link_says_so() {
    let office = Office::start("mon-fri 08:30-11:30", 1).await;
    let (start, end) = ("2027-01-05T08:30:00+01:00", "2027-01-05T08:50:00+01:00");
    for by_citizen in [false, true] {
        let booked = office.book(start, end).await.json();
        assert_eq!(office.book(start, end).await.status, 409);
        let token = booked["join_url"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
        let path = format!("/api/v1/appointments/{}", booked["reference"].as_str().unwrap());
        let cookie = office.post("/api/v1/join", json!({ "token": token })).await.cookies().remove(0);
        let cancelled = match by_citizen {
            true => request(&office.base, "POST", "/api/v1/link/cancel", &[("Cookie", &cookie)], Some(&json!({}))).await.unwrap(),
            false => office.ask("DELETE", &path, None).await,
        };
        assert_eq!((cancelled.status, cancelled.json()["phase"].as_str()), (200, Some("cancelled")), "{}", cancelled.json());
        assert_eq!(office.post("/api/v1/join", json!({ "token": token })).await.json()["phase"], "cancelled");
        let moved = office.ask("PATCH", &path, Some(json!({"start": start, "end": end}))).await;
        assert_eq!((moved.status, moved.error_code().as_str()), (409, "wrong_state"), "what is cancelled is booked anew, not moved");
    }
    assert_eq!(office.book(start, end).await.status, 201, "the place is free again");
    office.server.stop().await;
}
