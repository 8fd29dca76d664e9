//! Local accounts with a second factor: set up once, each code once, and no way around it.

use std::time::Duration;

use aws_lc_rs::rand;
use serde_json::{Value, json};
use visavis::access::password;
use visavis::access::role::Role;
use visavis::access::second_factor::Shared;
use visavis::load::http_client::{Response, request};
use visavis::store::NewAgent;

use crate::agenda::Office;

const PASSWORD: &str = "correct horse battery";

async fn office() -> Office {
    let office = Office::furnished(&[], |config| config.second_factor = true).await;
    let password_hash = password::hash(PASSWORD, [3; 16]).unwrap();
    let anna = NewAgent { username: "anna".into(), display_name: "Anna".into(), language: "fr".into(), password_hash, role: Role::Agent };
    office.server.store.put_agent(anna, office.clock.now()).await.unwrap();
    office
}

/// From an address of its own, so that one try does not delay the next.
async fn post(office: &Office, path: &str, changes: Value) -> Response {
    let mut address = [0; 2];
    rand::fill(&mut address).unwrap();
    let mut body = json!({"username": "anna", "password": PASSWORD});
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    let from = format!("198.18.{}.{}", address[0], address[1]);
    request(&office.base, "POST", path, &[("X-Forwarded-For", &from)], Some(&body)).await.unwrap()
}

async fn sign_in(office: &Office, changes: Value) -> (u16, String) {
    let answer = post(office, "/api/v1/agent/sign-in", changes).await;
    (answer.status, answer.error_code())
}

/// What the app shows after the secret was typed into it.
fn app(office: &Office, offer: &Value) -> String {
    shared(offer).code(office.clock.now()).unwrap()
}

fn shared(offer: &Value) -> Shared {
    let text: String = offer["secret"].as_str().unwrap().replace(' ', "");
    let bits: String =
        text.bytes().map(|b| format!("{:05b}", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|l| *l == b).unwrap())).collect();
    Shared::new(bits.as_bytes().chunks_exact(8).map(|octet| u8::from_str_radix(std::str::from_utf8(octet).unwrap(), 2).unwrap()).collect())
}

#[tokio::test]
async fn an_account_sets_up_its_second_factor_and_then_needs_it() {
    let office = office().await;
    let wrong = |code: &str| (401, code.to_owned());
    assert_eq!(sign_in(&office, json!({})).await, wrong("second_factor_missing"));
    assert_eq!(sign_in(&office, json!({"password": "something else entirely"})).await, wrong("wrong_credentials"));
    let stranger = post(&office, "/api/v1/agent/second-factor", json!({"password": "something else entirely"})).await;
    assert_eq!((stranger.status, stranger.error_code().as_str()), (401, "wrong_credentials"));

    let offer = post(&office, "/api/v1/agent/second-factor", json!({})).await.json();
    assert!(offer["uri"].as_str().unwrap().starts_with("otpauth://totp/Visavis%20"), "{offer}");
    assert!(offer["qr"].as_array().unwrap().len() > 20);
    assert_eq!(
        sign_in(&office, json!({"code": app(&office, &offer)})).await,
        wrong("second_factor_missing"),
        "nothing is kept of an offer"
    );
    let confirm = |setup: Value, code: String| json!({"setup": setup, "code": code});
    for (setup, code, status, error) in
        [(offer["setup"].clone(), String::from("000000"), 401, "wrong_code"), (json!("AAAA"), app(&office, &offer), 400, "bad_message")]
    {
        let answer = post(&office, "/api/v1/agent/second-factor/confirm", confirm(setup, code)).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (status, error));
    }
    let set = post(&office, "/api/v1/agent/second-factor/confirm", confirm(offer["setup"].clone(), app(&office, &offer))).await;
    assert_eq!((set.status, set.json()["account"]["name"].as_str()), (200, Some("Anna")), "{}", set.json());
    assert!(set.cookies()[0].starts_with("__Host-visavis-agent="));
    let codes: Vec<String> = serde_json::from_value(set.json()["recovery_codes"].clone()).unwrap();
    assert_eq!(codes.len(), 10);

    // The code that proved it is used; the next one is good once; an earlier one never.
    assert_eq!(sign_in(&office, json!({})).await, wrong("code_needed"));
    let used = app(&office, &offer);
    assert_eq!(sign_in(&office, json!({"code": used})).await, wrong("wrong_code"));
    office.clock.shift(30_000);
    let fresh = app(&office, &offer);
    assert_eq!(sign_in(&office, json!({"code": fresh})).await, (200, String::new()));
    assert_eq!(sign_in(&office, json!({"code": fresh})).await, wrong("wrong_code"));
    assert_eq!(
        sign_in(&office, json!({"code": used})).await,
        wrong("wrong_code"),
        "the code of the step before is not good after a later one"
    );
    assert_eq!(sign_in(&office, json!({"code": fresh, "password": "something else entirely"})).await, wrong("wrong_credentials"));

    // Codes to recover, once each, however they are typed.
    let spelled = codes[0].to_uppercase().replace('-', " ");
    assert_eq!(sign_in(&office, json!({"code": spelled})).await, (200, String::new()));
    assert_eq!(sign_in(&office, json!({"code": codes[0]})).await, wrong("wrong_code"));
    assert_eq!(sign_in(&office, json!({"code": codes[1]})).await, (200, String::new()));

    // Who knows the password alone cannot set up another one.
    for (path, changes) in [("", json!({})), ("/confirm", confirm(offer["setup"].clone(), app(&office, &offer)))] {
        let again = post(&office, &format!("/api/v1/agent/second-factor{path}"), changes).await;
        assert_eq!((again.status, again.error_code().as_str()), (409, "wrong_state"));
    }
    let account = office.server.store.agent_account("anna").await.unwrap().unwrap();
    office.server.store.forget_second_factor(account.grant.agent).await.unwrap();
    assert_eq!(sign_in(&office, json!({"code": codes[2]})).await, wrong("second_factor_missing"), "an operator helps who lost all");
    office.server.stop().await;
}

#[tokio::test]
async fn codes_cannot_be_tried_freely_by_who_knows_the_password() {
    let office = office().await;
    let offer = post(&office, "/api/v1/agent/second-factor", json!({})).await.json();
    let confirm = json!({"setup": offer["setup"], "code": app(&office, &offer)});
    assert_eq!(post(&office, "/api/v1/agent/second-factor/confirm", confirm).await.status, 200);
    let mut answers = Vec::new();
    for code in 0..8 {
        let body = json!({"username": "anna", "password": PASSWORD, "code": format!("{code:06}")});
        let answer =
            request(&office.base, "POST", "/api/v1/agent/sign-in", &[("X-Forwarded-For", "198.51.100.7")], Some(&body)).await.unwrap();
        answers.push(answer.error_code());
    }
    assert_eq!(answers.iter().filter(|code| *code == "wrong_code").count(), 5, "{answers:?}");
    assert_eq!(answers.last().map(String::as_str), Some("slow_down"));
    // An offer does not clear what was tried either: it is refused first.
    let body = json!({"username": "anna", "password": PASSWORD});
    let answer =
        request(&office.base, "POST", "/api/v1/agent/second-factor", &[("X-Forwarded-For", "198.51.100.7")], Some(&body)).await.unwrap();
    assert_eq!(answer.error_code(), "slow_down");
    office.server.stop().await;
}

#[tokio::test]
async fn an_unknown_name_takes_as_long_as_a_known_one() {
    let office = office().await;
    let mut medians = Vec::new();
    for (username, password) in
        [("anna", "something else entirely"), ("nobody-here", "something else entirely"), ("provider:00", "something else entirely")]
    {
        let mut times = Vec::new();
        for _ in 0..9 {
            let began = std::time::Instant::now();
            assert_eq!(sign_in(&office, json!({"username": username, "password": password})).await.0, 401);
            times.push(began.elapsed());
        }
        times.sort();
        medians.push(times[times.len() / 2]);
    }
    println!("median of a refused sign-in: known {:?}, unknown {:?}, without a password {:?}", medians[0], medians[1], medians[2]);
    // The machine is shared: what would tell is a hash that is not computed, a hundred times less.
    for other in &medians[1..] {
        let (less, more) = (medians[0].min(*other), medians[0].max(*other));
        assert!(more < less * 2 + Duration::from_millis(20), "{medians:?}");
    }
    office.server.stop().await;
}
