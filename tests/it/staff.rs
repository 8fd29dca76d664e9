//! The staff signs in at a real provider with roles from a claim; sign-ins that end, end everywhere; what a client says of its role changes nothing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use url::Url;
use visavis::access::role::Role;
use visavis::load::http_client::{Response, request};
use visavis::load::signaling_client::SignalingClient;
use visavis::store::NewAgent;
use visavis::time::Clock;

use crate::agenda::Office;
use crate::running::Running;
use crate::sign_in::settings;
use crate::support::provider::{Provider, SUBSTANTIAL};

const BASE: &str = "https://video.example.lu";

async fn office(provider: &Provider) -> Office {
    let settings = settings(provider, "agents");
    let office = Office::furnished(&[], |config| {
        config.web.public_url = Some(BASE.to_owned());
        config.staff.provider = settings;
        config.second_factor = true;
    })
    .await;
    office.clock.shift(Clock::default().now().0 - office.clock.now().0);
    office
}

async fn end(office: &Office, path: &str, round: &str, back: &Url) -> Response {
    let body: Value =
        back.query_pairs().into_owned().map(|(name, value)| (name, Value::from(value))).collect::<serde_json::Map<_, _>>().into();
    request(&office.base, "POST", path, &[("Cookie", round)], Some(&body)).await.unwrap()
}

async fn sign_in(office: &Office, provider: &Provider, person: &str) -> Response {
    let begun = office.post("/api/v1/agent/sign-in/begin", json!({"language": "de"})).await;
    assert_eq!(begun.status, 200, "{}", begun.json());
    let back = provider.walk(begun.json()["url"].as_str().unwrap(), person, SUBSTANTIAL).await;
    end(office, "/api/v1/agent/sign-in/end", &begun.cookies()[0], &back).await
}

#[tokio::test]
async fn a_role_of_the_provider_makes_an_agent_or_a_supervisor_and_no_role_lets_nobody_in() {
    let provider = Provider::start(BASE);
    let office = office(&provider).await;
    assert_eq!(office.get("/api/v1/agent/sign-in").await.json(), json!({"provider": true}));
    let anna = sign_in(&office, &provider, "anna").await;
    assert_eq!((anna.status, anna.json()), (200, json!({"name": "Anna Adviser", "roles": ["agent"], "language": "de"})));
    let sofia = sign_in(&office, &provider, "sofia").await;
    assert_eq!(sofia.json()["roles"], json!(["agent", "supervisor"]));
    let cookie = &sofia.cookies()[0];
    let shown = request(&office.base, "GET", "/api/v1/agent", &[("Cookie", cookie)], None).await.unwrap();
    assert_eq!((shown.status, &shown.json()["roles"]), (200, &json!(["agent", "supervisor"])));
    for person in ["paul", "clara"] {
        let answer = sign_in(&office, &provider, person).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (403, "sign_in_refused"), "{person}");
        assert!(answer.cookies().iter().all(|cookie| !cookie.contains("visavis-agent")), "{person}");
    }

    // A citizen's round does not end at the desk, nor the other way round; who has no password here has none that is right.
    let begun = office.post("/api/v1/agent/sign-in/begin", json!({"language": "de"})).await;
    let back = provider.walk(begun.json()["url"].as_str().unwrap(), "anna", SUBSTANTIAL).await;
    assert_eq!(end(&office, "/api/v1/me/sign-in/end", &begun.cookies()[0], &back).await.status, 404);
    let username = "provider:0000000000000000";
    for password in ["", "a password of nobody"] {
        let answer = office.post("/api/v1/agent/sign-in", json!({"username": username, "password": password})).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (401, "wrong_credentials"));
    }
    office.server.stop().await;
}

#[tokio::test]
async fn an_account_that_is_disabled_is_out_everywhere_within_a_second() {
    let running = Running::start().await;
    let cookie = running.agent().await;
    let mut socket = SignalingClient::connect(&running.base, "agent", &cookie).await.unwrap();
    socket.hello("AAAAAAAAAAAAAAAAAAAAAA").await.unwrap();
    let began = Instant::now();
    assert!(running.server.store.disable_agent("anna", running.clock.now()).await.unwrap());
    assert_eq!(running.get("/api/v1/agent", &[("Cookie", &cookie)]).await.status, 401, "a request right after");
    socket.until(Duration::from_secs(2), "the end of the socket", |heard| heard.closed == Some(4001)).await.unwrap();
    let took = began.elapsed();
    println!("a disabled agent's socket was closed after {} ms", took.as_millis());
    assert!(took < Duration::from_millis(1_200), "{took:?}");
    let again = running.sign_in(&running.demo.agent.username, &running.demo.agent.password).await;
    assert_eq!((again.status, again.error_code().as_str()), (401, "wrong_credentials"));
    assert!(!running.server.store.disable_agent("nobody", running.clock.now()).await.unwrap());
    running.server.stop().await;
}

#[tokio::test]
async fn a_role_is_what_the_store_says_at_each_request() {
    let running = Running::start().await;
    let cookie = running.agent().await;
    let roles = async || running.get("/api/v1/agent", &[("Cookie", &cookie)]).await.json()["roles"].clone();
    assert_eq!(roles().await, json!(["agent"]));
    let account = NewAgent {
        username: "anna".into(),
        display_name: "Anna Agent".into(),
        language: "en".into(),
        password_hash: "x".into(),
        role: Role::Supervisor,
    };
    running.server.store.put_agent(account, running.clock.now()).await.unwrap();
    assert_eq!(roles().await, json!(["agent", "supervisor"]));
    running.server.stop().await;
}
