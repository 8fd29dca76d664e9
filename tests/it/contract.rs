//! API v1 as a contract: `openapi.json` against the routes, problems, keys with scopes and measures, requests that do their work once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use visavis::access::api_key::{KeyGrant, Scope};
use visavis::access::token::Token;
use visavis::http::{Caller, document, operations, routes};
use visavis::load::http_client::{Response, request};

use crate::running::{Running, settings};

/// Where the routes of API v1 begin.
const ROOT: &str = "/api/v1/";

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
}

#[test]
fn every_route_of_api_v1_is_described_and_nothing_else_is() {
    let named = |method: &str, path: &str| format!("{method} {path}");
    let served: BTreeSet<String> =
        routes().iter().filter(|route| route.path.starts_with(ROOT)).map(|route| named(route.method.as_str(), route.path)).collect();
    let described: BTreeSet<String> = operations().iter().map(|(_, operation)| named(operation.method.as_str(), operation.path)).collect();
    let missing: Vec<_> = served.difference(&described).collect();
    assert!(
        missing.is_empty(),
        "routes without a description: {missing:#?}\nadd an `Operation::new(…)` with caller, bodies and errors to the table of who may ask, in src/http/contract/"
    );
    let gone: Vec<_> = described.difference(&served).collect();
    assert!(gone.is_empty(), "descriptions without a route: {gone:#?}\ntake them out of src/http/contract/");
    let in_document: BTreeSet<String> = document()["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| format!("{} /api/v1{path}", method.to_uppercase())).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(in_document, served);
}

#[test]
fn the_document_is_whole_every_reference_in_it_leads_somewhere_and_names_are_told_apart() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut references = Vec::new();
    fn walk(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                into.extend(map.get("$ref").and_then(|to| to.as_str()).map(str::to_owned));
                map.values().for_each(|value| walk(value, into));
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, into)),
            _ => {}
        }
    }
    walk(&document, &mut references);
    assert!(references.len() > 100);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads out of the document"));
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    let all = operations();
    all.iter().for_each(|(_, operation)| *ids.entry(operation.id).or_default() += 1);
    assert!(ids.values().all(|count| *count == 1), "{ids:?}");
    for (_, operation) in &all {
        let below = operation.path.strip_prefix("/api/v1").unwrap();
        let told = &document["paths"][below][operation.method.as_str().to_ascii_lowercase()];
        for (status, codes) in operation.statuses() {
            let examples = &told["responses"][status.to_string()]["content"]["application/problem+json"]["examples"];
            assert_eq!(examples.as_object().map_or(0, serde_json::Map::len), codes.len(), "{} {status}", operation.id);
        }
        assert!(told["responses"][operation.success.as_str()].is_object(), "{}", operation.id);
        for link in told["responses"][operation.success.as_str()]["links"].as_object().into_iter().flat_map(|links| links.values()) {
            assert!(ids.contains_key(link["operationId"].as_str().unwrap()), "{} leads nowhere: {link}", operation.id);
        }
        if matches!(operation.caller, Caller::Portal(_)) {
            assert!(told["security"][0]["key"][0].is_string(), "{}", operation.id);
        }
    }
}

#[test]
fn every_example_in_the_document_fits_its_schema() {
    let document = document();
    let judge = |schema: &Value, example: &Value, what: &str| {
        let mut whole = json!({"components": document["components"], "allOf": [schema]});
        whole["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        let errors: Vec<String> = jsonschema::validator_for(&whole).unwrap().iter_errors(example).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{what}: {errors:?}");
    };
    let mut judged = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let content = &operation["requestBody"]["content"]["application/json"];
            if content.is_object() {
                judge(&content["schema"], &content["example"], &format!("{method} {path}"));
                judged += 1;
            }
        }
    }
    for (name, example) in document["components"]["examples"].as_object().unwrap() {
        judge(&json!({"$ref": "#/components/schemas/Problem"}), &example["value"], name);
        judged += 1;
    }
    let event = &document["webhooks"]["event"]["post"]["requestBody"]["content"]["application/json"];
    judge(&event["schema"], &event["example"], "webhook");
    assert!(judged > 30, "{judged}");
}

#[tokio::test]
async fn the_document_is_served_and_each_problem_leads_into_it() {
    let server = Running::start().await;
    let served = server.get("/api/v1/openapi.json", &[]).await;
    assert_eq!((served.status, header(&served, "content-type")), (200, "application/json"));
    assert_eq!(served.json(), document());
    for answer in [
        server.get("/api/v1/nowhere", &[]).await,
        server.get("/api/v1/link", &[]).await,
        server.get("/api/v1/slots", &[]).await,
        server.get("/api/v1/slots?service=nowhere", &[]).await,
        server.get("/api/v1/appointments/%FF", &[("Authorization", &format!("Bearer {}", server.demo.api.key))]).await,
        request(&server.base, "PUT", "/api/v1/link", &[], None).await.unwrap(),
    ] {
        assert_eq!(header(&answer, "content-type"), "application/problem+json");
        let problem = answer.json();
        let pointer = problem["type"].as_str().unwrap().strip_prefix("/api/v1/openapi.json#").unwrap();
        assert_eq!(document().pointer(pointer).unwrap()["value"]["error"]["code"], problem["error"]["code"]);
        assert_eq!((problem["status"].as_u64(), &problem["detail"]), (Some(u64::from(answer.status)), &problem["error"]["message"]));
        assert!(!problem["title"].as_str().unwrap().is_empty());
    }
}

/// A key that is good for these.
async fn key(server: &Running, label: &str, scopes: &[Scope], per_minute: Option<u32>) -> String {
    static DRAWN: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(1);
    let key = Token::new([DRAWN.fetch_add(1, std::sync::atomic::Ordering::Relaxed); 32]);
    let grant = KeyGrant { label: label.into(), scopes: scopes.iter().copied().collect(), per_minute };
    server.server.store.put_api_key_for(&grant, key.hash(), server.clock.now()).await.unwrap();
    format!("Bearer {}", key.text())
}

fn booking(server: &Running) -> Value {
    let start = server.clock.now().after(std::time::Duration::from_secs(3600));
    let end = start.after(std::time::Duration::from_secs(1200));
    json!({"service": "advice", "start": start.rfc3339(), "end": end.rfc3339(), "name": "Clara", "language": "en"})
}

#[tokio::test]
async fn a_key_is_good_for_its_scopes_and_says_which_one_is_missing() {
    let server = Running::start().await;
    let reader = key(&server, "reader", &[Scope::ReadAppointments], None).await;
    let (reference, _) = server.book(3_600_000, "Clara").await;
    let one = format!("/api/v1/appointments/{reference}");
    assert_eq!(server.get(&one, &[("Authorization", &reader)]).await.status, 200);
    for (method, path) in [
        ("POST", "/api/v1/appointments"),
        ("DELETE", one.as_str()),
        ("PATCH", one.as_str()),
        ("POST", "/api/v1/callbacks"),
        ("GET", "/api/v1/callbacks"),
        ("GET", "/api/v1/load"),
    ] {
        let refused = request(&server.base, method, path, &[("Authorization", &reader)], Some(&json!({}))).await.unwrap();
        assert_eq!((refused.status, refused.error_code().as_str()), (403, "forbidden"), "{method} {path}");
        assert!(refused.json()["detail"].as_str().unwrap().starts_with("this key is not good for "), "{}", refused.json());
    }
    assert_eq!(server.get(&one, &[("Authorization", &reader)]).await.json()["phase"], "too_early", "nothing happened");
}

#[tokio::test]
async fn a_key_that_asks_too_often_hears_when_it_may_again_and_another_key_is_not_slowed_down() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = settings(&directory);
    config.api_per_minute = 5;
    let server = Running::start_with(directory, config).await;
    let usual = key(&server, "usual", &[Scope::ReadAppointments], None).await;
    let own = key(&server, "own", &[Scope::ReadAppointments], Some(2)).await;
    for (key, number) in [(&usual, 5), (&own, 2)] {
        let ask = async || server.get("/api/v1/appointments/K7Q-4MX", &[("Authorization", key)]).await;
        for _ in 0..number {
            assert_eq!(ask().await.status, 404);
        }
        let refused = ask().await;
        assert_eq!((refused.status, refused.error_code().as_str()), (429, "slow_down"));
        let wait: u64 = header(&refused, "retry-after").parse().unwrap();
        assert!((1..=60 / number + 1).contains(&wait), "{wait}");
        assert_eq!(refused.json()["detail"], format!("this key has had its {number} requests a minute"));
    }
}

#[tokio::test]
async fn a_booking_that_comes_again_under_its_key_is_made_once_and_answered_alike() {
    let server = Running::start().await;
    let portal = key(&server, "portal", &Scope::ALL, None).await;
    let other = key(&server, "other", &Scope::ALL, None).await;
    let book = async |key: &str, once: &str, body: &Value| {
        server.post("/api/v1/appointments", &[("Authorization", key), ("Idempotency-Key", once)], body.clone()).await
    };
    let wish = booking(&server);
    let first = book(&portal, "order-17", &wish).await;
    assert_eq!(first.status, 201, "{}", first.json());
    let again = book(&portal, "order-17", &wish).await;
    assert_eq!((again.status, again.json()), (201, first.json()), "asked again it is the same appointment with the same link");
    let mut changed = wish.clone();
    changed["name"] = json!("Somebody else");
    let refused = book(&portal, "order-17", &changed).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (422, "key_reused"));
    assert_ne!(book(&portal, "order-18", &wish).await.json()["reference"], first.json()["reference"]);
    assert_ne!(
        book(&other, "order-17", &wish).await.json()["reference"],
        first.json()["reference"],
        "a key of another portal is another key"
    );
    for bad in ["", "with space", &"x".repeat(129), "é"] {
        assert_eq!(book(&portal, bad, &wish).await.status, 400, "{bad:?}");
    }

    // A link is replaced once, and the answer that got lost is told again.
    let path = format!("/api/v1/appointments/{}/rotate", first.json()["reference"].as_str().unwrap());
    let rotate = async |once: &str| server.post(&path, &[("Authorization", &portal), ("Idempotency-Key", once)], Value::Null).await.json();
    let link = rotate("rotate-1").await;
    assert_ne!(link["join_url"], first.json()["join_url"]);
    assert_eq!(rotate("rotate-1").await, link);
    assert_ne!(rotate("rotate-2").await["join_url"], link["join_url"]);

    server.clock.shift(25 * 3_600_000);
    server.server.store.forget_api_requests(server.clock.now()).await.unwrap();
    let wish = booking(&server);
    let anew = book(&portal, "order-17", &wish).await;
    assert_eq!(anew.status, 201);
    assert_ne!(anew.json()["reference"], first.json()["reference"], "a day later the key is free again");
}

#[tokio::test]
async fn a_hundred_same_requests_at_once_book_once() {
    let server = Running::start().await;
    let portal = key(&server, "portal", &Scope::ALL, None).await;
    let wish = booking(&server);
    let headers = [("Authorization", portal.as_str()), ("Idempotency-Key", "same")];
    let all = (0..100).map(|_| server.post("/api/v1/appointments", &headers, wish.clone()));
    let answers = futures_util::future::join_all(all).await;
    let references: BTreeSet<String> = answers.iter().map(|answer| answer.json()["reference"].as_str().unwrap().to_owned()).collect();
    assert_eq!(references.len(), 1);
}

#[tokio::test]
async fn portals_list_and_make_calls_back() {
    let server = Running::start().await;
    let portal = key(&server, "portal", &[Scope::ReadCallbacks, Scope::WriteCallbacks], None).await;
    let times = server.get("/api/v1/callbacks/times?service=advice", &[]).await.json();
    let wish = json!({
        "service": "advice", "reason": "question", "start": times["times"][0]["start"], "name": "Jos Citizen", "phone": "+352 621 000 111",
        "language": "lb", "consent": true, "email": "jos@example.lu",
    });
    // No browser: no header of ours, no origin.
    let host = &server.base.authority;
    let text = format!(
        "POST /api/v1/callbacks HTTP/1.1\r\nHost: {host}\r\nAuthorization: {portal}\r\nIdempotency-Key: wish-1\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{wish}",
        wish.to_string().len()
    );
    let (first, again) = (crate::http::raw(&server, &text).await, crate::http::raw(&server, &text).await);
    assert!(first.starts_with("HTTP/1.1 201 "), "{first}");
    let body = |answer: &str| -> Value { serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap() };
    assert_eq!((body(&first), body(&first)["mail"].as_bool()), (body(&again), Some(true)));
    let listed = server.get("/api/v1/callbacks?service=advice", &[("Authorization", &portal)]).await.json();
    assert_eq!(listed["callbacks"].as_array().unwrap().len(), 1, "once");
    assert_eq!((&listed["callbacks"][0]["callback"], &listed["callbacks"][0]["name"]), (&body(&first)["callback"], &json!("Jos Citizen")));
    assert_eq!(server.get("/api/v1/callbacks?service=nowhere", &[("Authorization", &portal)]).await.status, 422);
    assert_eq!(server.get("/api/v1/callbacks", &[]).await.status, 401);

    // Who asks by themselves hears no id, and gets the mail too.
    let mut own = wish.clone();
    own["phone"] = json!("+352 621 000 222");
    let told = server.post("/api/v1/callbacks", &[], own).await.json();
    assert!(told.get("callback").is_none() && told["mail"] == true, "{told}");
    let mut mails = Value::Null;
    for _ in 0..100 {
        mails = server.get("/demo/mailbox.json", &[]).await.json();
        if mails.as_array().is_some_and(|mails| mails.len() == 2) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let mail = &mails[0];
    assert_eq!((mail["to"].as_str(), mail["ics"].as_str(), mail["links"]["join"].as_str()), (Some("jos@example.lu"), Some(""), Some("")));
    assert!(mail["subject"].as_str().unwrap().starts_with("Mir ruffen Iech den "), "{mail}");
    assert!(!mail["text"].as_str().unwrap().contains("621"), "the number is nobody's business who reads the mail");
    assert!(!mail["text"].as_str().unwrap().contains('{') && !mail["subject"].as_str().unwrap().contains('{'), "{mail}");
}

#[tokio::test]
async fn a_portal_without_its_key_hears_that_it_is_missing_and_an_unknown_method_is_none() {
    let server = Running::start().await;
    let host = &server.base.authority;
    let ask = async |line: &str| {
        crate::http::raw(&server, &format!("{line} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")).await
    };
    for line in ["POST /api/v1/load/begin", "POST /api/v1/load/agents", "POST /api/v1/load/end", "POST /api/v1/appointments"] {
        let answer = ask(line).await;
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("\"wrong_key\""), "{line}: {answer}");
    }
    for line in ["TRACE /api/v1/services", "OPTIONS /api/v1/slots", "PUT /api/v1/topics", "TRACE /api/v1/callbacks"] {
        let answer = ask(line).await;
        assert!(answer.starts_with("HTTP/1.1 405 ") && answer.to_ascii_lowercase().contains("\r\nallow: get,"), "{line}: {answer}");
    }
}

#[tokio::test]
async fn topics_are_listed_of_one_service_or_all_and_slots_ask_for_one_that_is_by_video() {
    let server = Running::start().await;
    let all = server.get("/api/v1/topics", &[]).await.json();
    let keys: Vec<(&str, bool)> = all["topics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|topic| (topic["key"].as_str().unwrap(), topic["by_video"].as_bool().unwrap()))
        .collect();
    assert!(all["topics"][0]["service"] == "advice" && keys.len() >= 2, "{all}");
    assert_eq!(server.get("/api/v1/topics?service=advice", &[]).await.json(), all);
    assert_eq!(server.get("/api/v1/topics?service=nowhere", &[]).await.status, 422);
    assert_eq!(server.get("/api/v1/topics?servce=advice", &[]).await.status, 400);
    for (key, by_video) in keys {
        let answer = server.get(&format!("/api/v1/slots?service=advice&topic={key}"), &[]).await;
        assert_eq!(answer.status, if by_video { 200 } else { 422 }, "{key}");
    }
    assert_eq!(server.get("/api/v1/slots?service=advice&topic=nothing", &[]).await.status, 422);
}
