//! The webhook against a real receiver: signed, repeated until it is taken, never led elsewhere, and a phone number only where the booking gave one.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use visavis::notify::signature;

use crate::running::{Running, settings};

const SECRET: &str = "a secret of the portal";
const PATIENCE: Duration = Duration::from_secs(30);
const MINUTE: i64 = 60_000;

/// The signature and the body that it signs.
type Told = (String, Vec<u8>);

/// A portal that keeps what it is told, and answers as it is told to.
#[derive(Clone, Default)]
struct Portal {
    told: Arc<Mutex<Vec<Told>>>,
    elsewhere: Arc<Mutex<usize>>,
    answer: Arc<Mutex<Option<StatusCode>>>,
}

impl Portal {
    async fn start() -> (Self, u16) {
        let portal = Self::default();
        let routes = Router::new().route("/hook", post(hear)).route("/elsewhere", post(stray)).with_state(portal.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else { return };
                let service = hyper_util::service::TowerToHyperService::new(routes.clone());
                tokio::spawn(async move {
                    let _ =
                        hyper::server::conn::http1::Builder::new().serve_connection(hyper_util::rt::TokioIo::new(socket), service).await;
                });
            }
        });
        (portal, port)
    }

    fn answer(&self, status: Option<StatusCode>) {
        *self.answer.lock().unwrap() = status;
    }

    fn heard(&self) -> Vec<Value> {
        self.told.lock().unwrap().iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect()
    }

    /// `event` of each, about one appointment, in the order in which they came.
    fn events(&self, reference: &str) -> Vec<String> {
        let about = |one: &Value| one["appointment"]["reference"] == reference;
        self.heard().iter().filter(|one| about(one)).map(|one| one["event"].as_str().unwrap().to_owned()).collect()
    }

    async fn until(&self, what: &str, good: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !good(self) {
            assert!(began.elapsed() < PATIENCE, "{what}: {:?}", self.heard());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn hear(State(portal): State<Portal>, headers: HeaderMap, body: Bytes) -> Response {
    let signed = headers.get("visavis-signature").unwrap().to_str().unwrap().to_owned();
    portal.told.lock().unwrap().push((signed, body.to_vec()));
    match *portal.answer.lock().unwrap() {
        Some(status) if status.is_redirection() => (status, [(header::LOCATION, "/elsewhere")]).into_response(),
        Some(status) => status.into_response(),
        // A body without end: nobody may wait for it.
        None => (
            StatusCode::OK,
            axum::body::Body::from_stream(futures_util::stream::repeat(Ok::<_, std::convert::Infallible>(Bytes::from_static(
                &[b'x'; 1024],
            )))),
        )
            .into_response(),
    }
}

async fn stray(State(portal): State<Portal>) {
    *portal.elsewhere.lock().unwrap() += 1;
}

async fn telling(port: u16) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let mut config = settings(&directory);
    let secret = directory.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o400)).unwrap();
    config.webhook.url = Some(format!("http://127.0.0.1:{port}/hook"));
    config.webhook.secret_file = Some(secret);
    Running::start_with(directory, config).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_portal_hears_signed_events_and_short_messages_go_only_where_a_phone_was_given() {
    let (portal, port) = Portal::start().await;
    let server = telling(port).await;
    let booked = server.book_for(60 * MINUTE, "fr", json!({"phone": "+352 621 123 456"})).await;
    assert_eq!(booked["mail"], false, "a webhook is no mail");
    let silent = server.book_for(61 * MINUTE, "fr", json!({})).await;
    let (reference, silent) = (booked["reference"].as_str().unwrap().to_owned(), silent["reference"].as_str().unwrap().to_owned());
    portal.until("both", |portal| portal.events(&reference).len() == 2 && portal.events(&silent).len() == 1).await;
    assert_eq!(portal.events(&silent), ["booked"]);

    let sms = portal.heard().into_iter().find(|one| one["event"] == "sms").unwrap();
    assert_eq!(
        (&sms["sms"]["to"], &sms["sms"]["language"], &sms["sms"]["about"]),
        (&json!("+352 621 123 456"), &json!("fr"), &json!("booked"))
    );
    let text = sms["sms"]["text"].as_str().unwrap();
    assert!(
        text.contains(booked["join_url"].as_str().unwrap()) && text.contains(&reference) && text.contains("rendez-vous vidéo"),
        "{text}"
    );
    for one in portal.heard().iter().filter(|one| one["event"] != "sms") {
        assert!(!one.to_string().contains("621") && !one.to_string().contains("Clara") && !one.to_string().contains("/j#"), "{one}");
    }

    assert_eq!(server.move_by(&reference, 5 * MINUTE).await.status, 200);
    assert_eq!(server.as_portal("DELETE", &format!("/api/v1/appointments/{reference}"), None).await.status, 200);
    portal.until("all", |portal| portal.events(&reference).iter().filter(|event| *event != "sms").count() == 3).await;
    let events: Vec<String> = portal.events(&reference).into_iter().filter(|event| event != "sms").collect();
    assert_eq!(events, ["booked", "rescheduled", "cancelled"]);

    // Every body carries the signature that its secret gives, as docs/protocol.md says, and an id of its own.
    let told = portal.told.lock().unwrap().clone();
    let ids: std::collections::HashSet<String> =
        told.iter().map(|(_, body)| serde_json::from_slice::<Value>(body).unwrap()["id"].to_string()).collect();
    assert_eq!(ids.len(), told.len());
    for (signed, body) in &told {
        let seconds: i64 = signed.strip_prefix("t=").unwrap().split_once(',').unwrap().0.parse().unwrap();
        assert_eq!(*signed, signature(SECRET, seconds, body));
        assert_ne!(*signed, signature("another secret here", seconds, body));
        assert!((server.clock.now().0 / 1000 - seconds).abs() < 60);
    }
    server.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_portal_does_not_take_is_told_again_and_no_redirect_is_followed() {
    let (portal, port) = Portal::start().await;
    portal.answer(Some(StatusCode::SERVICE_UNAVAILABLE));
    let server = telling(port).await;
    let booked = server.book_for(60 * MINUTE, "en", json!({})).await;
    let reference = booked["reference"].as_str().unwrap().to_owned();
    // Nobody comes: that is told too, later.
    let times = |portal: &Portal| portal.events(&reference).iter().filter(|event| *event == "booked").count();
    portal.answer(Some(StatusCode::TEMPORARY_REDIRECT));
    server.clock.shift(2 * MINUTE);
    portal.until("told in vain", |portal| times(portal) >= 1).await;
    let redirected = times(&portal);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(*portal.elsewhere.lock().unwrap(), 0);
    portal.answer(None);
    // Past any of the waits that there were.
    for _ in 0..3 {
        server.clock.shift(20 * MINUTE);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    portal.until("told again", |portal| times(portal) > redirected).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let taken = times(&portal);
    server.clock.shift(120 * MINUTE);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(times(&portal), taken, "what was taken is not told again");
    let heard = portal.heard();
    let ids: std::collections::HashSet<_> = heard
        .iter()
        .filter(|one| one["appointment"]["reference"] == reference && one["event"] == "booked")
        .map(|one| one["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1, "one id, however often it was told");
    server.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consultation_is_told_from_waiting_to_its_end() {
    use visavis::consultation::record::{Record, Stage};
    use visavis::ids::AgentId;
    use visavis::store::Who;
    let (portal, port) = Portal::start().await;
    let server = telling(port).await;
    let (reference, _) = server.book(0, "Clara").await;
    let of = server.server.store.appointment_by_reference(&reference).await.unwrap().unwrap();
    let store = &server.server.store;
    let agent = Who::Agent(AgentId(1));
    let steps: [(&'static str, Who); 7] = [
        ("arrive", Who::Citizen),
        ("call", agent),
        ("admit", Who::Citizen),
        ("drop", agent),
        ("drop", Who::Citizen),
        ("return", Who::Citizen),
        ("close", agent),
    ];
    for (what, who) in steps {
        let record = Record { stage: Stage::InCall, ..of.record.clone() };
        store.save_consultation(of.id, &record, &[(what, who)], server.clock.now()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    store.audit("erased", Who::Service, Some(of.id), server.clock.now()).await.unwrap();
    let expected = ["booked", "waiting", "admitted", "dropped", "returned", "ended", "erased"];
    portal.until("all", |portal| portal.events(&reference).len() == expected.len()).await;
    assert_eq!(portal.events(&reference), expected);
    server.server.stop().await;
}
