//! The web server over real sockets: every route's headers, who is let in, what foreign pages cannot do, what a scanner cannot change.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use visavis::consultation::record::{Record, Stage};
use visavis::http::routes;
use visavis::load::http_client::{Response, request};
use visavis::load::signaling_client::SignalingClient;
use visavis::store::{Store, Who};

use crate::database::{home, pool};
use crate::running::{Running, no_token, settings};

/// A request on a raw socket, with exactly these lines.
pub(crate) async fn raw(server: &Running, request: &str) -> String {
    let mut socket = TcpStream::connect(&server.base.authority).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str())
}

/// Everything that a prefetch could have changed: all rows of the database.
pub(crate) async fn rows(server: &Running) -> Vec<String> {
    let pool = pool(server.directory.path().join("data")).await;
    let mut all = Vec::new();
    for (table, sql) in [
        ("appointments", "SELECT count(*), CAST(coalesce(sum(changed_ms), 0) AS BIGINT) FROM appointments"),
        ("citizen_sign_ins", "SELECT count(*), CAST(coalesce(sum(expires_ms), 0) AS BIGINT) FROM citizen_sign_ins"),
        ("agent_sign_ins", "SELECT count(*), CAST(coalesce(sum(seen_ms), 0) AS BIGINT) FROM agent_sign_ins"),
        ("erased", "SELECT count(*), 0 FROM erased"),
        ("agents", "SELECT count(*), 0 FROM agents"),
        ("load_appointments", "SELECT count(*), 0 FROM load_appointments"),
        ("load_agents", "SELECT count(*), 0 FROM load_agents"),
        ("audit", "SELECT count(*), 0 FROM audit"),
        ("outbox", "SELECT count(*), CAST(coalesce(sum(due_ms), 0) AS BIGINT) FROM outbox"),
        ("meta", "SELECT count(*), CAST(coalesce(sum(length(value)), 0) AS BIGINT) FROM meta"),
    ] {
        let row: (i64, i64) = sqlx::query_as(sql).fetch_one(&pool).await.unwrap();
        all.push(format!("{table}: {row:?}"));
    }
    pool.close().await;
    all
}

#[tokio::test]
async fn every_route_answers_with_every_security_header() {
    let server = Running::start().await;
    let mut asked: Vec<(String, String)> =
        routes().iter().map(|route| (route.method.to_string(), route.path.replace("{name}", "none.js"))).collect();
    asked.push(("GET".into(), "/nowhere".into()));
    asked.push(("DELETE".into(), "/j".into()));
    assert!(asked.len() > 10);
    for (method, path) in asked {
        let answer = request(&server.base, &method, &path, &[], None).await.unwrap();
        let csp = header(&answer, "content-security-policy");
        for directive in [
            "default-src 'none'",
            "script-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(csp.contains(directive), "{method} {path}: {directive} is not in {csp:?}");
        }
        assert!(!csp.contains("unsafe"), "{method} {path}");
        for (name, value) in [
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(header(&answer, name), value, "{method} {path}: {name}");
        }
        let permissions = header(&answer, "permissions-policy");
        for feature in ["camera=(self)", "microphone=(self)", "display-capture=(self)", "fullscreen=(self)"] {
            assert!(permissions.contains(feature), "{method} {path}");
        }
        let is_page = answer.status == 200
            && ["/j", "/c", "/book", "/mine", "/signed-in", "/agent", "/agent/signed-in", "/assets/none.js"].contains(&path.as_str());
        assert_eq!(header(&answer, "cache-control") == "no-store", !is_page, "{method} {path}: {}", header(&answer, "cache-control"));
        assert_eq!(header(&answer, "strict-transport-security"), "", "plain HTTP promises nothing");
        assert_ne!(answer.status, 500, "{method} {path}");
    }
}

#[tokio::test]
async fn errors_have_the_one_shape() {
    let server = Running::start().await;
    for (answer, status, code) in [
        (server.get("/nowhere", &[]).await, 404, "not_found"),
        (server.get("/assets/none.js", &[]).await, 404, "not_found"),
        (request(&server.base, "DELETE", "/j", &[], None).await.unwrap(), 405, "not_found"),
        (server.get("/api/v1/link", &[]).await, 401, "not_signed_in"),
        (server.get("/api/v1/agent", &[]).await, 401, "not_signed_in"),
        (server.get("/signaling/agent", &[]).await, 400, "bad_message"),
        (server.post("/api/v1/join", &[], json!({"tocken": 1})).await, 400, "bad_message"),
        (server.post("/api/v1/join", &[], json!({"token": "x".repeat(20_000)})).await, 413, "too_large"),
        (server.post("/api/v1/appointments", &[], json!({})).await, 401, "wrong_key"),
        (server.post("/api/v1/appointments", &[("Authorization", &format!("Bearer {}", no_token()))], json!({})).await, 401, "wrong_key"),
    ] {
        assert_eq!((answer.status, answer.error_code().as_str()), (status, code));
        assert!(!answer.json()["error"]["message"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn link_is_exchanged_for_a_cookie_that_shows_it_again() {
    let server = Running::start().await;
    let (reference, token) = server.book(0, "Zoé Citoyenne").await;
    let joined = server.join(&token).await;
    let set = header(&joined, "set-cookie");
    for attribute in ["__Host-visavis-citizen=", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains(&token), "the cookie is another secret than the link");
    let link = joined.json();
    assert_eq!(
        (&link["reference"], &link["phase"], &link["name"], &link["language"]),
        (&json!(reference), &json!("open"), &json!("Zoé Citoyenne"), &json!("fr"))
    );
    assert_eq!(link["service"]["name"], "Conseil par vidéo");
    assert_eq!(link["time_zone"], "Europe/Luxembourg");
    let shown = server.get("/api/v1/link", &[("Cookie", &joined.cookies()[0])]).await;
    assert_eq!((shown.status, &shown.json()["reference"]), (200, &json!(reference)));
}

#[tokio::test]
async fn phase_of_the_link_follows_the_servers_clock() {
    const MINUTE: i64 = 60_000;
    let server = Running::start().await;
    let (_, token) = server.book(60 * MINUTE, "Clara").await;
    let cookie = server.citizen(&token).await;
    let phase = async || server.get("/api/v1/link", &[("Cookie", &cookie)]).await.json()["phase"].clone();
    assert_eq!(phase().await, "too_early");
    server.clock.shift(44 * MINUTE);
    assert_eq!(phase().await, "too_early", "sixteen minutes before");
    server.clock.shift(MINUTE);
    assert_eq!(phase().await, "open", "fifteen minutes before");
    server.clock.shift(36 * MINUTE);
    assert_eq!(phase().await, "late", "never came");
    assert_eq!(server.join(&token).await.json()["phase"], "late", "the link still shows a useful page");
}

#[tokio::test]
async fn fifty_prefetches_of_a_scanner_change_nothing() {
    let server = Running::start().await;
    server.book(0, "Clara").await;
    let before = rows(&server).await;
    let paths: Vec<String> = routes().iter().map(|route| route.path.replace("{name}", "x.js")).collect();
    for i in 0..50 {
        for method in ["GET", "HEAD"] {
            let answer = request(&server.base, method, &paths[i % paths.len()], &[], None).await.unwrap();
            assert!(header(&answer, "set-cookie").is_empty());
        }
        // What a scanner makes of the link: it drops the fragment or sends it as a path.
        server.get("/j", &[]).await;
    }
    assert_eq!(rows(&server).await, before);
}

#[test]
fn get_changes_nothing() {
    for route in routes() {
        let changes = [
            "POST /api/v1/appointments",
            "PATCH /api/v1/appointments/{reference}",
            "DELETE /api/v1/appointments/{reference}",
            "POST /api/v1/appointments/{reference}/rotate",
            "POST /api/v1/bookings",
            "POST /api/v1/me/sign-in",
            "POST /api/v1/me/sign-in/end",
            "POST /api/v1/me/sign-out",
            "POST /api/v1/me/appointments/{reference}/open",
            "POST /api/v1/me/appointments/{reference}/cancel",
            "POST /api/v1/me/appointments/{reference}/reschedule",
            "POST /api/v1/link/step-up",
            "POST /api/v1/agent/sign-in/begin",
            "POST /api/v1/agent/sign-in/end",
            "POST /api/v1/agent/second-factor",
            "POST /api/v1/agent/second-factor/confirm",
            "POST /api/v1/callbacks",
            "PATCH /api/v1/callbacks/{id}",
            "POST /api/v1/appointments/{reference}/cancel",
            "POST /api/v1/appointments/{reference}/resend",
            "POST /api/v1/link/cancel",
            "POST /api/v1/link/erase",
            "POST /api/v1/link/documents",
            "DELETE /api/v1/link/documents/{id}",
            "POST /api/v1/link/reschedule",
            // Asks alone, by POST because the token belongs into no address.
            "POST /api/v1/cancel-link",
            "POST /api/v1/cancel-link/cancel",
            "POST /demo/clock",
            "POST /api/v1/join",
            "POST /api/v1/agent/consultations/{consultation}/identity",
            "POST /api/v1/agent/sign-in",
            "POST /api/v1/agent/sign-out",
            "POST /api/v1/load/begin",
            "POST /api/v1/load/agents",
            "POST /api/v1/load/end",
        ];
        let named = format!("{} {}", route.method, route.path);
        assert_eq!(route.method != "GET", changes.contains(&named.as_str()), "{named}: is it in the right half?");
    }
}

#[tokio::test]
async fn foreign_page_cannot_act_with_a_persons_cookie() {
    let server = Running::start().await;
    let cookie = server.agent().await;
    let host = &server.base.authority;
    let ask = async |extra: &str| {
        let text = format!(
            "POST /api/v1/agent/sign-out HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nContent-Length: 0\r\nConnection: close\r\n{extra}\r\n"
        );
        raw(&server, &text).await
    };
    for (extra, why) in [
        (String::new(), "no own header"),
        (format!("Origin: http://{host}\r\n"), "no own header with own origin"),
        (String::from("X-Visavis: 1\r\nOrigin: https://evil.example\r\n"), "foreign origin"),
        (String::from("X-Visavis: 1\r\nOrigin: null\r\n"), "opaque origin"),
        (format!("X-Visavis: 1\r\nOrigin: https://{host}\r\n"), "own host by the other scheme"),
        (String::from("X-Visavis: 1\r\nSec-Fetch-Site: cross-site\r\n"), "foreign site"),
        (String::from("X-Visavis: 1\r\nSec-Fetch-Site: same-site\r\n"), "sibling site"),
    ] {
        let answer = ask(&extra).await;
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("\"forbidden\""), "{why}: {answer}");
        assert_eq!(server.get("/api/v1/agent", &[("Cookie", &cookie)]).await.status, 200, "{why}: still signed in");
    }
    let own = ask(&format!("X-Visavis: 1\r\nOrigin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n")).await;
    assert!(own.starts_with("HTTP/1.1 204 "), "the control: {own}");
}

#[tokio::test]
async fn form_of_a_foreign_page_is_no_json() {
    let server = Running::start().await;
    let host = &server.base.authority;
    let body = json!({ "token": no_token() }).to_string();
    let text = format!(
        "POST /api/v1/join HTTP/1.1\r\nHost: {host}\r\nX-Visavis: 1\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    assert!(raw(&server, &text).await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn websocket_opens_for_own_pages_alone() {
    let server = Running::start().await;
    let cookie = server.agent().await;
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        assert!(SignalingClient::connect_from(&server.base, "agent", &cookie, origin).await.is_err(), "{origin}");
    }
    let host = &server.base.authority;
    let upgrade = |extra: &str| {
        format!(
            "GET /signaling/agent HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extra}\r\n"
        )
    };
    let foreign = raw(&server, &upgrade("Sec-WebSocket-Protocol: visavis.v1\r\nOrigin: https://evil.example\r\n")).await;
    assert!(foreign.starts_with("HTTP/1.1 403 "), "{foreign}");
    let absent = raw(&server, &upgrade("Sec-WebSocket-Protocol: visavis.v1\r\n")).await;
    assert!(absent.starts_with("HTTP/1.1 403 "), "{absent}");
    let protocol = raw(&server, &upgrade(&format!("Origin: http://{host}\r\n"))).await;
    assert!(protocol.starts_with("HTTP/1.1 400 "), "{protocol}");
    let mut own = SignalingClient::connect(&server.base, "agent", &cookie).await.unwrap();
    own.hello(&visavis::load::participant::device_name(1)).await.unwrap();
    own.close().await;
}

#[tokio::test]
async fn websocket_without_a_good_cookie_is_closed_with_4001() {
    let server = Running::start().await;
    for (role, cookie) in [
        ("citizen", String::from("a=b")),
        ("agent", format!("__Host-visavis-agent={}", no_token())),
        ("agent", server.citizen(&server.book(0, "Clara").await.1).await),
        ("citizen", server.agent().await),
    ] {
        let client = SignalingClient::connect(&server.base, role, &cookie).await.unwrap();
        let heard = client.until(Duration::from_secs(5), "a close", |heard| heard.closed.is_some()).await.unwrap();
        assert_eq!(heard.closed, Some(4001), "{role}");
    }
}

#[tokio::test]
async fn signed_out_agent_is_out_everywhere_at_once() {
    let server = Running::start().await;
    let cookie = server.agent().await;
    let mut client = SignalingClient::connect(&server.base, "agent", &cookie).await.unwrap();
    client.hello(&visavis::load::participant::device_name(1)).await.unwrap();
    assert_eq!(server.post("/api/v1/agent/sign-out", &[("Cookie", &cookie)], Value::Null).await.status, 204);
    assert_eq!(server.get("/api/v1/agent", &[("Cookie", &cookie)]).await.status, 401);
    let heard = client.until(Duration::from_secs(1), "a close", |heard| heard.closed.is_some()).await.unwrap();
    assert_eq!(heard.closed, Some(4001));
}

#[tokio::test]
async fn idle_agents_open_socket_ends_with_the_sign_in() {
    let server = Running::start().await;
    let cookie = server.agent().await;
    let mut client = SignalingClient::connect(&server.base, "agent", &cookie).await.unwrap();
    client.hello(&visavis::load::participant::device_name(1)).await.unwrap();
    server.clock.shift(31 * 60_000);
    let heard = client.until(Duration::from_secs(4), "a close", |heard| heard.closed.is_some()).await.unwrap();
    assert_eq!(heard.closed, Some(4001));
    assert_eq!(server.get("/api/v1/agent", &[("Cookie", &cookie)]).await.status, 401);
}

#[tokio::test]
async fn a_new_password_from_the_command_line_ends_open_sockets_of_the_running_server() {
    let server = Running::start().await;
    let cookie = server.agent().await;
    let mut client = SignalingClient::connect(&server.base, "agent", &cookie).await.unwrap();
    client.hello(&visavis::load::participant::device_name(1)).await.unwrap();
    let beside = Store::open_beside(home(server.directory.path().join("data"))).await.unwrap();
    let anna = beside.agent_account("anna").await.unwrap().unwrap().grant.agent;
    beside.sign_out_everywhere(anna, server.clock.now()).await.unwrap();
    let heard = client.until(Duration::from_secs(4), "a close", |heard| heard.closed.is_some()).await.unwrap();
    assert_eq!(heard.closed, Some(4001));
}

#[tokio::test]
async fn wrong_password_and_unknown_name_are_told_alike_and_slowed_down() {
    let server = Running::start().await;
    for (username, then) in [("nobody", "a wrong password"), ("anna", server.demo.agent.password.as_str())] {
        for _ in 0..5 {
            let refused = server.sign_in(username, "a wrong password").await;
            assert_eq!((refused.status, refused.error_code().as_str()), (401, "wrong_credentials"));
        }
        // The delay holds for the right password too, or it would hold for nobody.
        let slowed = server.sign_in(username, then).await;
        assert_eq!((slowed.status, slowed.error_code().as_str()), (429, "slow_down"));
        assert!(header(&slowed, "retry-after").parse::<u64>().unwrap() >= 1);
    }
}

#[tokio::test]
async fn name_of_an_account_is_the_same_in_any_case() {
    let server = Running::start().await;
    assert_eq!(server.sign_in(" Anna ", &server.demo.agent.password).await.status, 200);
    let forged = json!({"username": "anna", "password": server.demo.agent.password, "roles": ["supervisor"]});
    assert_eq!(server.post("/api/v1/agent/sign-in", &[], forged).await.status, 400);
}

#[tokio::test]
async fn twenty_unknown_links_a_minute_are_answered_and_no_more() {
    let server = Running::start().await;
    let (_, good) = server.book(0, "Clara").await;
    for _ in 0..20 {
        let answer = server.join(&no_token()).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (404, "unknown_link"));
    }
    let answer = server.join(&no_token()).await;
    assert_eq!((answer.status, answer.error_code().as_str()), (429, "slow_down"));
    assert_eq!(server.join(&good).await.status, 429, "without a look-up");
}

#[tokio::test]
async fn replaced_link_says_so() {
    let server = Running::start().await;
    let (_, token) = server.book(0, "Clara").await;
    let cookie = server.citizen(&token).await;
    let hash = visavis::access::token::Token::parse(&token).unwrap().hash();
    let visavis::store::Found::Appointment(appointment) = server.server.store.appointment_by_link(hash).await.unwrap() else { panic!() };
    let new = server.server.store.rotate_link(appointment.id, Who::Api, server.clock.now()).await.unwrap().unwrap();
    let answer = server.join(&token).await;
    assert_eq!((answer.status, answer.error_code().as_str()), (410, "link_replaced"));
    assert_eq!(server.get("/api/v1/link", &[("Cookie", &cookie)]).await.status, 401);
    assert_eq!(server.join(&new.text()).await.status, 200);
}

#[tokio::test]
async fn bad_appointment_is_refused_with_the_name_of_the_field() {
    let server = Running::start().await;
    let key = format!("Bearer {}", server.demo.api.key);
    let at = |minutes: i64| visavis::time::Timestamp(server.clock.now().0 + minutes * 60_000).rfc3339();
    let good = json!({"service": "advice", "start": at(0), "end": at(20), "name": "Clara", "language": "en"});
    assert_eq!(server.post("/api/v1/appointments", &[("Authorization", &key)], good.clone()).await.status, 201);
    for (field, value) in [
        ("service", json!("cheques")),
        ("start", json!("tomorrow")),
        ("start", json!("2026-11-23T10:00:00")),
        ("end", json!(at(-5))),
        ("end", json!(at(60 * 25))),
        ("name", json!("  ")),
        ("name", json!("x".repeat(101))),
        ("name", json!("Clara\u{202E}arta")),
        ("language", json!("xx")),
        ("email", json!("Clara at example")),
        ("phone", json!("call Clara")),
        ("note", json!("Clara".repeat(201))),
        ("topic", json!("Clara's")),
    ] {
        let mut bad = good.clone();
        bad[field] = value.clone();
        let answer = server.post("/api/v1/appointments", &[("Authorization", &key)], bad).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (422, "invalid_appointment"), "{field} {value}");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("{field}: ")), "{message}");
        assert!(!message.contains("Clara"), "a name is not repeated");
    }
}

#[tokio::test]
async fn demo_data_is_there_when_the_server_is_ready_and_new_at_each_start() {
    let server = Running::start().await;
    assert_eq!(server.get("/readyz", &[]).await.status, 200);
    let read = |server: &Running| -> Value {
        serde_json::from_slice(&std::fs::read(server.directory.path().join("data/demo.json")).unwrap()).unwrap()
    };
    let first = read(&server);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&first), ["agent", "api", "base_url", "booking_url", "citizen", "local_url", "mailbox_url", "spki_sha256"]);
    assert_eq!(keys(&first["citizen"]), ["join_url", "name"]);
    assert_eq!(keys(&first["agent"]), ["name", "password", "url", "username"]);
    assert!(first["api"]["url"].as_str().unwrap().ends_with("/api/v1"));
    assert!(first["base_url"].as_str().unwrap().starts_with("https://localhost:"));
    assert!(first["citizen"]["join_url"].as_str().unwrap().starts_with(&format!("{}/j#", first["base_url"].as_str().unwrap())));
    let token = first["citizen"]["join_url"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let cookie = server.agent().await;
    assert_eq!(server.join(&token).await.json()["phase"], "open");

    let server = server.restart().await;
    let second = read(&server);
    assert_ne!(first["citizen"]["join_url"], second["citizen"]["join_url"]);
    assert_ne!(first["agent"]["password"], second["agent"]["password"]);
    assert_ne!(first["api"]["key"], second["api"]["key"]);
    assert_eq!(first["spki_sha256"], second["spki_sha256"], "the certificate is kept");
    assert_eq!(server.join(&token).await.json()["phase"], "erased", "an unused demo appointment does not fill the desk");
    assert_eq!(server.get("/api/v1/agent", &[("Cookie", &cookie)]).await.status, 200, "a restart signs nobody out");
}

/// Asks until the answer is good; the demo looks after its appointment every two seconds.
async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..150 {
        if let Some(found) = ask().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn demo_appointment_gets_a_new_window_under_the_same_link_before_it_ends() {
    let server = Running::start().await;
    let token = server.demo.citizen.join_url.split_once('#').unwrap().1.to_owned();
    let cookie = server.citizen(&token).await;
    let end = async || server.get("/api/v1/link", &[("Cookie", &cookie)]).await.json()["end"].as_str().unwrap().to_owned();
    let first = end().await;
    server.clock.shift(7 * 3_600_000 + 600_000);
    until("a new end", async || (end().await > first).then_some(())).await;
    assert_eq!(server.join(&token).await.json()["phase"], "open");
}

#[tokio::test]
async fn closed_demo_appointment_is_followed_by_a_new_one() {
    let server = Running::start().await;
    let token = server.demo.citizen.join_url.split_once('#').unwrap().1.to_owned();
    let hash = visavis::access::token::Token::parse(&token).unwrap().hash();
    let store = server.server.store.clone();
    let visavis::store::Found::Appointment(appointment) = store.appointment_by_link(hash).await.unwrap() else { panic!() };
    let closed = Record { stage: Stage::Closed, ended_at: Some(server.clock.now()), ..Record::default() };
    store.save_consultation(appointment.id, &closed, &[], server.clock.now()).await.unwrap();
    let path = server.directory.path().join("data/demo.json");
    let new = until("a new link", async || {
        let data: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let url = data["citizen"]["join_url"].as_str().unwrap().to_owned();
        (url != server.demo.citizen.join_url).then_some(url)
    })
    .await;
    assert_eq!(server.join(&token).await.json()["phase"], "documents");
    assert_eq!(server.join(new.split_once('#').unwrap().1).await.json()["phase"], "open");
    let page = String::from_utf8(server.get("/", &[]).await.body).unwrap();
    assert!(page.contains(new.split_once("/j#").unwrap().1), "the start page leads to the new one");
}

#[tokio::test]
async fn stopped_server_leaves_a_store_that_opens() {
    let server = Running::start().await;
    let (_, token) = server.book(0, "Clara").await;
    let Running { server, directory, .. } = server;
    server.stop().await;
    let store = Store::open(home(directory.path().join("data"))).await.unwrap();
    let hash = visavis::access::token::Token::parse(&token).unwrap().hash();
    assert!(matches!(store.appointment_by_link(hash).await.unwrap(), visavis::store::Found::Appointment(_)));
}

#[tokio::test]
async fn second_server_does_not_touch_what_the_first_one_told() {
    let server = Running::start().await;
    let mut config = settings(&server.directory);
    config.web.http = server.server.http.clone();
    assert!(visavis::server::Server::start(config, server.clock.clone()).await.is_err(), "the port is taken");
    let config = settings(&server.directory);
    assert!(visavis::server::Server::start(config, server.clock.clone()).await.is_err(), "the directory is taken");
    assert!(server.directory.path().join("data/demo.json").exists());
}

#[tokio::test]
async fn https_port_speaks_tls_and_tells_plain_http_so() {
    let server = Running::start().await;
    let mut socket = TcpStream::connect(server.server.https[0]).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("https"), "{answer}");
    let mut socket = TcpStream::connect(server.server.https[0]).await.unwrap();
    socket.write_all(&[0x80, 20, 0, 1]).await.unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "anything else is met with silence");
}

/// One request over TLS with the development certificate as the only root. Answers the ALPN protocol and the text.
async fn over_tls(server: &Running, host: &str, alpn: &[&[u8]]) -> (Option<Vec<u8>>, String) {
    use rustls_pki_types::pem::PemObject;
    let path = server.directory.path().join("certs/development-certificate.pem");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls_pki_types::CertificateDer::from_pem_file(path).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let socket = TcpStream::connect(server.server.https[0]).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let mut tls = connector.connect("localhost".try_into().unwrap(), socket).await.unwrap();
    let chosen = tls.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
    if chosen.as_deref() == Some(b"h2") {
        return (chosen, String::new());
    }
    tls.write_all(format!("GET /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tls.read_to_end(&mut answer).await;
    (chosen, String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn https_offers_both_versions_and_promises_to_stay_but_for_localhost() {
    let server = Running::start().await;
    let (chosen, answer) = over_tls(&server, "video.example", &[b"http/1.1"]).await;
    assert_eq!(chosen.as_deref(), Some(b"http/1.1".as_slice()));
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("strict-transport-security: max-age=31536000"), "{answer}");
    let (_, local) = over_tls(&server, "localhost:8443", &[b"http/1.1"]).await;
    assert!(local.starts_with("HTTP/1.1 200 ") && !local.contains("strict-transport"), "{local}");
    let (chosen, _) = over_tls(&server, "localhost", &[b"h2", b"http/1.1"]).await;
    assert_eq!(chosen.as_deref(), Some(b"h2".as_slice()));
}

#[tokio::test]
async fn slow_header_and_huge_header_are_cut_off() {
    let server = Running::start().await;
    let begun = std::time::Instant::now();
    let slow = raw(&server, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
    assert!(!slow.contains("200"), "{slow}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let huge = raw(&server, &format!("GET / HTTP/1.1\r\nHost: x\r\nX-Huge: {}\r\n\r\n", "x".repeat(17 * 1024))).await;
    assert!(huge.starts_with("HTTP/1.1 431 "), "{}", &huge[..huge.len().min(200)]);
    let many = raw(&server, &format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(70))).await;
    assert!(many.starts_with("HTTP/1.1 431 "), "{}", &many[..many.len().min(200)]);
    let both =
        "POST /api/v1/join HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n";
    assert!(!raw(&server, both).await.contains(" 200 "), "two lengths");
}

#[tokio::test]
async fn forwarded_address_counts_only_from_a_trusted_proxy() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = settings(&directory);
    config.web.trusted_proxies = vec![visavis::config::Network::parse("127.0.0.0/8").unwrap()];
    let server = Running::start_with(directory, config).await;
    let join = async |from: &str| server.post("/api/v1/join", &[("X-Forwarded-For", from)], json!({ "token": no_token() })).await.status;
    for _ in 0..20 {
        assert_eq!(join("192.0.2.1").await, 404);
    }
    assert_eq!(join("192.0.2.1").await, 429);
    assert_eq!(join("198.51.100.9, 192.0.2.1").await, 429, "what the client claims stands left and does not count");
    assert_eq!(join("192.0.2.2").await, 404);

    let direct = Running::start().await;
    for i in 0..20 {
        let from = format!("192.0.2.{i}");
        let answer = direct.post("/api/v1/join", &[("X-Forwarded-For", &from)], json!({ "token": no_token() })).await;
        assert_eq!(answer.status, 404);
    }
    assert_eq!(direct.join(&no_token()).await.status, 429, "without a proxy the header is hearsay");
}

#[tokio::test]
async fn the_clock_of_a_demo_moves_and_that_of_a_real_server_does_not() {
    let server = Running::start().await;
    let (_, token) = server.book(3 * 3_600_000, "Clara").await;
    let phase = async || server.join(&token).await.json()["phase"].clone();
    assert_eq!(phase().await, "too_early");
    let set = async |seconds: i64| server.post("/demo/clock", &[], json!({"offset_seconds": seconds})).await;
    assert_eq!(set(3 * 3_600).await.status, 200);
    assert_eq!(phase().await, "open");
    assert_eq!(set(3 * 3_600).await.status, 200, "the same wish twice is one");
    assert_eq!(phase().await, "open");
    assert_eq!(set(4 * 3_600).await.status, 200);
    assert_eq!(phase().await, "late");
    assert_eq!(set(0).await.status, 200);
    assert_eq!(phase().await, "too_early");
    assert_eq!((set(i64::MAX).await.status, set(i64::MIN).await.status), (400, 400));

    let office = crate::agenda::Office::start_with(&[("public_booking", "true")]).await;
    assert_eq!(office.post("/demo/clock", json!({"offset_seconds": 60})).await.status, 404);
    office.server.stop().await;
}
