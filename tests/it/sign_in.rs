//! Citizens sign in at a real provider: what is believed, what is not, and which appointments are theirs.

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;
use visavis::access::assurance::Assurance;
use visavis::config::OpenId;
use visavis::load::http_client::{Response, request};
use visavis::load::signaling_client::SignalingClient;
use visavis::time::Clock;

use crate::agenda::Office;
use crate::documents::pdf;
use crate::identity;
use crate::support::provider::{HIGH, LOW, Provider, SUBSTANTIAL};

const BASE: &str = "https://video.example.lu";

/// Where citizens book with and without authentication.
struct House {
    office: Office,
    provider: Provider,
}

/// One browser: its cookies.
#[derive(Default, Clone)]
struct Browser(Vec<String>);

impl Browser {
    fn header(&self) -> String {
        self.0.join("; ")
    }

    /// A later cookie of the same name takes the place of an earlier one; an empty one goes.
    fn keep(&mut self, answer: &Response) {
        for cookie in answer.cookies() {
            let (name, value) = cookie.split_once('=').unwrap();
            self.0.retain(|old| !old.starts_with(&format!("{name}=")));
            if !value.is_empty() {
                self.0.push(cookie.clone());
            }
        }
    }
}

impl House {
    async fn start(of_service: &[(&str, &str)]) -> Self {
        let provider = Provider::start(BASE);
        let settings = settings(&provider, "citizens");
        let mut all = vec![("opening_hours", "mon-fri 08:30-11:30"), ("agents_on_duty", "3"), ("public_booking", "true")];
        all.extend_from_slice(of_service);
        let office = Office::furnished(&all, |config| {
            config.web.public_url = Some(BASE.to_owned());
            config.citizens.provider = settings;
        })
        .await;
        // The provider lives by the real clock.
        office.clock.shift(Clock::default().now().0 - office.clock.now().0);
        Self { office, provider }
    }

    async fn ask(&self, browser: &mut Browser, method: &str, path: &str, body: Option<Value>) -> Response {
        let answer = request(&self.office.base, method, path, &[("Cookie", &browser.header())], body.as_ref()).await.unwrap();
        browser.keep(&answer);
        answer
    }

    /// The address at the provider to which the page sends this browser.
    async fn begin(&self, browser: &mut Browser, to: &str) -> Url {
        let answer = self.ask(browser, "POST", "/api/v1/me/sign-in", Some(json!({"to": to, "language": "fr"}))).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        Url::parse(answer.json()["url"].as_str().unwrap()).unwrap()
    }

    async fn end(&self, browser: &mut Browser, back: &Url) -> Response {
        let body: Value = back
            .query_pairs()
            .filter(|(name, _)| name != "error_description")
            .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
            .collect::<serde_json::Map<_, _>>()
            .into();
        self.ask(browser, "POST", "/api/v1/me/sign-in/end", Some(body)).await
    }

    /// All of it.
    async fn sign_in(&self, browser: &mut Browser, person: &str, acr: &str) -> Response {
        let to = self.begin(browser, "book").await;
        let back = self.provider.walk(to.as_str(), person, acr).await;
        self.end(browser, &back).await
    }

    async fn signed_in(&self, person: &str, acr: &str) -> Browser {
        let mut browser = Browser::default();
        let answer = self.sign_in(&mut browser, person, acr).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        browser
    }

    /// The `n`th free slot of the day after tomorrow or later.
    async fn slot(&self, n: usize) -> Value {
        let from = self.office.clock.now().after(Duration::from_secs(2 * 24 * 60 * 60)).rfc3339();
        self.office.slots(&format!("&from={from}")).await[n].clone()
    }

    async fn book(&self, browser: &mut Browser, n: usize, changes: Value) -> Response {
        let wish = self.wish(n, changes).await;
        self.ask(browser, "POST", "/api/v1/bookings", Some(wish)).await
    }

    /// The same booking with a copy of the identity card.
    async fn book_with_copy(&self, browser: &Browser, wish: &Value) -> Response {
        let form = identity::form(&[("booking", None, wish.to_string().as_bytes()), ("identity_copy", Some("card.pdf"), &pdf(300))]);
        identity::post_with(&self.office.base, &format!("Cookie: {}\r\n", browser.header()), &form, form.len()).await
    }

    async fn wish(&self, n: usize, changes: Value) -> Value {
        let mut wish = json!({
            "service": "advice", "topic": "information", "start": self.slot(n).await["start"], "name": "Somebody Else",
            "email": "clara@example.lu", "language": "fr", "consent": true, "authenticated": true,
        });
        for (key, value) in changes.as_object().unwrap() {
            wish[key] = value.clone();
        }
        wish
    }

    async fn mine(&self, browser: &mut Browser) -> Vec<Value> {
        let answer = self.ask(browser, "GET", "/api/v1/me/appointments", None).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["appointments"].as_array().unwrap().clone()
    }
}

pub fn settings(provider: &Provider, client: &str) -> OpenId {
    OpenId {
        issuer: Some(provider.issuer.clone()),
        client_id: client.to_owned(),
        secret_file: Some(provider.secret_file.clone()),
        ca_file: None,
        scopes: ["profile", "email", "phone"].map(str::to_owned).to_vec(),
    }
}

fn refused(answer: &Response) -> (u16, String) {
    (answer.status, answer.error_code())
}

fn failed() -> (u16, String) {
    (400, String::from("sign_in_failed"))
}

#[tokio::test]
async fn a_citizen_signs_in_and_books_under_the_name_that_the_provider_vouches_for() {
    let house = House::start(&[]).await;
    assert_eq!(house.office.get("/api/v1/services").await.json()["authentication"], json!(true));
    let mut browser = Browser::default();
    let to = house.begin(&mut browser, "book").await;
    let query: std::collections::HashMap<_, _> = to.query_pairs().into_owned().collect();
    assert_eq!((query["code_challenge_method"].as_str(), query["response_type"].as_str()), ("S256", "code"));
    assert_eq!(query["redirect_uri"], format!("{BASE}/signed-in"));
    assert_eq!(query["acr_values"], format!("{LOW} {SUBSTANTIAL} {HIGH}"));
    assert!(query["state"].len() >= 20 && query["nonce"].len() >= 20 && query["ui_locales"] == "fr");

    let back = house.provider.walk(to.as_str(), "clara", SUBSTANTIAL).await;
    let answer = house.end(&mut browser, &back).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"to": "book"})));
    let set: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str()).collect();
    assert!(
        set.iter()
            .any(|cookie| cookie.starts_with("__Host-visavis-person=") && cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax")),
        "{set:?}"
    );
    assert!(set.iter().any(|cookie| cookie.starts_with("__Host-visavis-round=;") && cookie.contains("Max-Age=0")), "{set:?}");
    let me = house.ask(&mut browser, "GET", "/api/v1/me", None).await.json();
    assert_eq!(
        (me["name"].as_str(), me["email"].as_str(), me["phone"].as_str()),
        (Some("Clara Weber-Thill"), Some("clara@example.lu"), Some("+352 621 123 456"))
    );
    assert_eq!(me["assurance"], json!("substantial"));

    let booked = house.book(&mut browser, 0, json!({})).await;
    assert_eq!(booked.status, 201, "{}", booked.json());
    let reference = booked.json()["reference"].as_str().unwrap().to_owned();
    let kept = house.office.server.store.appointment_by_reference(&reference).await.unwrap().unwrap();
    assert!(kept.name == "Clara Weber-Thill" && kept.details.assurance == Some(Assurance::Substantial));
    // Without the flag the cookie changes nothing: a copy of the card is asked for then, and who signed in needed none.
    let wish = house.wish(0, json!({"authenticated": false, "email": "other@example.lu"})).await;
    let without = house.ask(&mut browser, "POST", "/api/v1/bookings", Some(wish.clone())).await;
    assert_eq!((without.status, without.json()["error"]["message"].as_str()), (422, Some("identity_copy: needed")));
    let without = house.book_with_copy(&browser, &wish).await;
    assert_eq!(without.status, 201, "{}", without.json());
    let reference = without.json()["reference"].as_str().unwrap().to_owned();
    let kept = house.office.server.store.appointment_by_reference(&reference).await.unwrap().unwrap();
    assert!(kept.name == "Somebody Else" && kept.details.assurance.is_none());
    assert_eq!(house.mine(&mut browser).await.len(), 1);

    assert_eq!(house.ask(&mut browser, "POST", "/api/v1/me/sign-out", None).await.status, 204);
    let ended = house.signed_in("clara", LOW).await;
    assert_eq!(refused(&house.ask(&mut browser, "GET", "/api/v1/me", None).await), (401, String::from("not_signed_in")));
    assert_eq!(refused(&house.book(&mut browser, 1, json!({})).await), (401, String::from("not_signed_in")));
    // The session is short, whatever is done with it.
    house.office.clock.shift(Duration::from_secs(60 * 60).as_millis() as i64);
    assert_eq!(house.ask(&mut ended.clone(), "GET", "/api/v1/me", None).await.status, 401);
    house.office.server.stop().await;
}

#[tokio::test]
async fn where_everybody_brings_a_copy_of_their_card_who_signed_in_does_too() {
    let house = House::start(&[("identity_check", "always")]).await;
    let mut clara = house.signed_in("clara", HIGH).await;
    let wish = house.wish(0, json!({})).await;
    let without = house.ask(&mut clara, "POST", "/api/v1/bookings", Some(wish.clone())).await;
    assert_eq!((without.status, without.json()["error"]["message"].as_str()), (422, Some("identity_copy: needed")));
    let booked = house.book_with_copy(&clara, &wish).await;
    assert_eq!(booked.status, 201, "{}", booked.json());
    assert_eq!(house.mine(&mut clara).await.len(), 1);
    house.office.server.stop().await;
}

#[tokio::test]
async fn who_comes_back_otherwise_than_they_went_is_not_believed() {
    let house = House::start(&[]).await;
    let changed = |url: &Url, name: &str, value: Option<&str>| {
        let pairs: Vec<_> = url.query_pairs().into_owned().filter(|(key, _)| key != name).collect();
        let mut changed = url.clone();
        changed.query_pairs_mut().clear().extend_pairs(&pairs);
        if let Some(value) = value {
            changed.query_pairs_mut().append_pair(name, value);
        }
        changed
    };
    let begun = async || {
        let mut browser = Browser::default();
        let to = house.begin(&mut browser, "book").await;
        (browser, to)
    };

    // Another state; none at all; no cookie of the round.
    let (mut browser, to) = begun().await;
    let back = house.provider.walk(to.as_str(), "clara", SUBSTANTIAL).await;
    let bad = changed(&back, "state", Some("another"));
    assert_eq!(refused(&house.end(&mut browser.clone(), &bad).await), failed(), "another state");
    assert_eq!(house.end(&mut browser.clone(), &changed(&back, "state", None)).await.status, 400, "no state");
    assert_eq!(refused(&house.end(&mut Browser::default(), &back).await), failed(), "another browser");
    // The issuer names itself, and it is not ours; then no code is sent anywhere, and the round is over.
    let kept = browser.clone();
    assert_eq!(refused(&house.end(&mut browser, &changed(&back, "iss", Some("https://evil.example"))).await), failed(), "foreign issuer");
    assert_eq!(refused(&house.end(&mut kept.clone(), &back).await), failed(), "a round that came back once");

    // The same code again: in the same round, and in another one.
    let (mut browser, to) = begun().await;
    let kept = browser.clone();
    let back = house.provider.walk(to.as_str(), "clara", SUBSTANTIAL).await;
    assert_eq!(house.end(&mut browser, &back).await.status, 200);
    assert_eq!(refused(&house.end(&mut kept.clone(), &back).await), failed(), "replayed");
    let (mut thief, other) = begun().await;
    let state = other.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    assert_eq!(refused(&house.end(&mut thief, &changed(&back, "state", Some(&state))).await), failed(), "replayed in another round");

    // A fresh code of somebody else's browser: the verifier is not theirs.
    let (_, to) = begun().await;
    let stolen = house.provider.walk(to.as_str(), "clara", SUBSTANTIAL).await;
    let (mut thief, other) = begun().await;
    let state = other.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    assert_eq!(refused(&house.end(&mut thief, &changed(&stolen, "state", Some(&state))).await), failed(), "stolen code");

    // The provider was asked with another nonce, so the token is of another round.
    let (mut browser, to) = begun().await;
    let back = house.provider.walk(changed(&to, "nonce", Some("another-nonce-another-nonce")).as_str(), "clara", SUBSTANTIAL).await;
    assert_eq!(refused(&house.end(&mut browser, &back).await), failed(), "another nonce");

    // A code of another provider, which does not name itself.
    let foreign = Provider::start(BASE);
    let (mut browser, to) = begun().await;
    let elsewhere = to.as_str().replace(&house.provider.issuer, &foreign.issuer);
    let back = changed(&foreign.walk(&elsewhere, "clara", SUBSTANTIAL).await, "iss", None);
    assert_eq!(refused(&house.end(&mut browser, &back).await), failed(), "a code of another provider");

    // Gave up at the provider; said too much.
    let (mut browser, to) = begun().await;
    let back = house.provider.walk(to.as_str(), "", "").await;
    assert_eq!(refused(&house.end(&mut browser, &back).await), (403, String::from("sign_in_refused")));
    let (mut browser, to) = begun().await;
    let back = house.provider.walk(to.as_str(), "clara", SUBSTANTIAL).await;
    assert_eq!(house.end(&mut browser, &changed(&back, "code", Some(&"x".repeat(5_000)))).await.status, 400);
    house.office.server.stop().await;
}

#[tokio::test]
async fn a_missing_unknown_or_low_assurance_lets_nobody_in() {
    let house = House::start(&[]).await;
    let not_assured = (403, String::from("not_assured"));
    let mut browser = Browser::default();
    assert_eq!(refused(&house.sign_in(&mut browser, "clara", "urn:example:unknown").await), not_assured, "unknown");
    let to = house.begin(&mut browser, "book").await;
    let mut unasked = to.clone();
    let pairs: Vec<_> = to.query_pairs().into_owned().filter(|(name, _)| name != "acr_values").collect();
    unasked.query_pairs_mut().clear().extend_pairs(&pairs);
    let back = house.provider.walk(unasked.as_str(), "clara", "").await;
    assert_eq!(refused(&house.end(&mut browser, &back).await), not_assured, "missing");
    assert_eq!(refused(&house.sign_in(&mut browser, "nameless", SUBSTANTIAL).await), failed(), "no name");
    assert!(browser.0.iter().all(|cookie| !cookie.contains("person")), "{:?}", browser.0);
    house.office.server.stop().await;
}

#[tokio::test]
async fn a_level_below_the_least_lets_nobody_in() {
    let provider = Provider::start(BASE);
    let settings = settings(&provider, "citizens");
    let office = Office::furnished(&[("public_booking", "true")], |config| {
        config.web.public_url = Some(BASE.to_owned());
        config.citizens.provider = settings;
        config.citizens.least = Some(Assurance::Substantial);
    })
    .await;
    office.clock.shift(Clock::default().now().0 - office.clock.now().0);
    let house = House { office, provider };
    let mut browser = Browser::default();
    let to = house.begin(&mut browser, "book").await;
    assert!(to.query_pairs().any(|(name, value)| name == "acr_values" && value == format!("{SUBSTANTIAL} {HIGH}")));
    assert_eq!(refused(&house.sign_in(&mut browser, "clara", LOW).await), (403, String::from("not_assured")));
    assert_eq!(house.sign_in(&mut browser, "clara", HIGH).await.status, 200);
    house.office.server.stop().await;
}

#[tokio::test]
async fn a_token_or_a_round_that_is_too_old_is_not_believed_and_a_provider_that_is_away_is_said() {
    let mut house = House::start(&[]).await;
    let mut browser = Browser::default();
    let to = house.begin(&mut browser, "book").await;
    let back = house.provider.walk(to.as_str(), "clara", SUBSTANTIAL).await;
    house.office.clock.shift(Duration::from_secs(15 * 60).as_millis() as i64);
    assert_eq!(refused(&house.end(&mut browser, &back).await), failed(), "the round took too long");
    // Two hours on, a token of now ended an hour ago.
    house.office.clock.shift(Duration::from_secs(2 * 60 * 60).as_millis() as i64);
    assert_eq!(refused(&house.sign_in(&mut browser, "clara", SUBSTANTIAL).await), failed(), "an expired token");

    let to = house.begin(&mut browser, "book").await;
    let back = house.provider.walk(to.as_str(), "clara", SUBSTANTIAL).await;
    house.provider.stop();
    let unreachable = (502, String::from("provider_unreachable"));
    assert_eq!(refused(&house.end(&mut browser, &back).await), unreachable, "away when somebody comes back");
    house.office.server.stop().await;

    // One that is away from the start: booking without authentication goes on.
    let settings = settings(&house.provider, "citizens");
    let of_service = [("opening_hours", "mon-fri 08:30-11:30"), ("public_booking", "true"), ("identity_check", "never")];
    let office = Office::furnished(&of_service, |config| config.citizens.provider = settings).await;
    let house = House { office, provider: house.provider };
    for _ in 0..3 {
        let answer = house.ask(&mut browser, "POST", "/api/v1/me/sign-in", Some(json!({"to": "book", "language": "en"}))).await;
        assert_eq!(refused(&answer), unreachable);
    }
    assert_eq!(house.book(&mut browser, 0, json!({"authenticated": false})).await.status, 201);
    house.office.server.stop().await;
}

#[tokio::test]
async fn a_citizen_lists_opens_moves_and_cancels_their_own_appointments_and_nobody_elses() {
    let house = House::start(&[]).await;
    let mut clara = house.signed_in("clara", SUBSTANTIAL).await;
    let mut jos = house.signed_in("jos", LOW).await;
    assert!(house.mine(&mut clara).await.is_empty());
    let reference = house.book(&mut clara, 0, json!({})).await.json()["reference"].as_str().unwrap().to_owned();
    let others = house.book(&mut jos, 0, json!({"email": "jos@example.lu"})).await.json()["reference"].as_str().unwrap().to_owned();

    // From another browser, after another sign-in: the same person.
    let mut phone = house.signed_in("clara", LOW).await;
    let mine = house.mine(&mut phone).await;
    assert_eq!((mine.len(), mine[0]["reference"].as_str(), mine[0]["phase"].as_str()), (1, Some(reference.as_str()), Some("too_early")));
    assert_eq!((mine[0]["can_cancel"].as_bool(), mine[0]["can_move"].as_bool()), (Some(true), Some(true)));
    for act in ["open", "cancel", "reschedule"] {
        let body = (act == "reschedule").then(|| json!({"start": "2027-01-05T08:50:00+01:00"}));
        let path = format!("/api/v1/me/appointments/{others}/{act}");
        let answer = house.ask(&mut phone, "POST", &path, body.clone()).await;
        assert_eq!(refused(&answer), (404, String::from("unknown_appointment")), "{act}");
        assert_eq!(house.ask(&mut Browser::default(), "POST", &path, body).await.status, 401, "{act} by nobody");
    }

    let later = house.slot(4).await;
    let moved = house
        .ask(&mut phone, "POST", &format!("/api/v1/me/appointments/{reference}/reschedule"), Some(json!({"start": later["start"]})))
        .await;
    assert_eq!((moved.status, &moved.json()["start"]), (200, &later["start"]), "{}", moved.json());
    let opened = house.ask(&mut phone, "POST", &format!("/api/v1/me/appointments/{reference}/open"), None).await;
    assert_eq!((opened.status, opened.json()["name"].as_str()), (200, Some("Clara Weber-Thill")));
    let link = house.ask(&mut phone, "GET", "/api/v1/link", None).await.json();
    assert_eq!(link["reference"].as_str(), Some(reference.as_str()));
    // Who signs out on a shared computer leaves no page of an appointment open.
    let mut shared = house.signed_in("clara", LOW).await;
    house.ask(&mut shared, "POST", &format!("/api/v1/me/appointments/{reference}/open"), None).await;
    let kept = shared.clone();
    assert_eq!(house.ask(&mut shared, "POST", "/api/v1/me/sign-out", None).await.status, 204);
    assert!(shared.0.is_empty(), "{:?}", shared.0);
    assert_eq!(house.ask(&mut kept.clone(), "GET", "/api/v1/link", None).await.status, 401);
    for _ in 0..2 {
        let cancelled = house.ask(&mut phone, "POST", &format!("/api/v1/me/appointments/{reference}/cancel"), None).await;
        assert_eq!(
            (cancelled.status, cancelled.json()["phase"].as_str(), cancelled.json()["can_cancel"].as_bool()),
            (200, Some("cancelled"), Some(false))
        );
    }
    assert_eq!(house.mine(&mut clara).await[0]["phase"].as_str(), Some("cancelled"));

    // One person holds three places of a service, whatever addresses they give.
    for n in 0..2 {
        assert_eq!(house.book(&mut jos, 9 * (n + 1), json!({"email": format!("jos{n}@example.lu")})).await.status, 201, "{n}");
    }
    assert_eq!(refused(&house.book(&mut jos, 27, json!({"email": "new@example.lu"})).await), (429, String::from("too_many")));

    // What is deleted is nobody's any more.
    let mut link = Browser::default();
    let open = house.ask(&mut jos, "POST", &format!("/api/v1/me/appointments/{others}/open"), None).await;
    link.keep(&open);
    assert_eq!(house.ask(&mut link, "POST", "/api/v1/link/erase", None).await.status, 200);
    assert!(house.mine(&mut jos).await.iter().all(|one| one["reference"] != json!(others)));
    house.office.server.stop().await;
}

#[tokio::test]
async fn a_service_that_asks_for_more_lets_nobody_into_the_waiting_room_by_the_link_alone() {
    let house = House::start(&[("step_up", "substantial")]).await;
    let start = house.office.clock.now().after(Duration::from_secs(60));
    let store = &house.office.server.store;
    let booked = |name: &'static str| async move {
        let new = visavis::store::NewAppointment {
            service: "advice".into(),
            name: name.into(),
            language: "fr".into(),
            details: visavis::store::Details::default(),
            slot: visavis::agenda::phase::Slot { start, end: start.after(Duration::from_secs(1200)) },
            rules: visavis::agenda::phase::LinkRules::default(),
        };
        store.book(new, start.before(Duration::from_secs(60))).await.unwrap()
    };
    let (of, token) = booked("Clara Citizen").await;
    let mut browser = Browser::default();
    let join = house.ask(&mut browser, "POST", "/api/v1/join", Some(json!({"token": token.text()}))).await;
    assert_eq!((join.json()["phase"].as_str(), join.json()["step_up"].as_str()), (Some("open"), Some("substantial")), "{}", join.json());
    let cookie = browser.0[0].clone();
    let socket = async |cookie: &str| SignalingClient::connect(&house.office.base, "citizen", cookie).await;
    assert!(hello(socket(&cookie).await).await.is_err(), "the link alone opened a socket");
    assert_eq!(house.ask(&mut browser, "POST", "/api/v1/link/step-up", None).await.status, 401);

    // Not sure enough: the provider is asked for enough, and what it says is judged again.
    let to = house.begin(&mut browser, "join").await;
    assert!(to.query_pairs().any(|(name, value)| name == "acr_values" && value == format!("{SUBSTANTIAL} {HIGH}")));
    let back = house.provider.walk(to.as_str(), "clara", LOW).await;
    let low = house.end(&mut browser, &back).await;
    assert_eq!((low.status, low.json()["to"].as_str()), (200, Some("join")));
    assert_eq!(refused(&house.ask(&mut browser, "POST", "/api/v1/link/step-up", None).await), (403, String::from("not_assured")));
    assert!(hello(socket(&cookie).await).await.is_err());

    let to = house.begin(&mut browser, "join").await;
    let back = house.provider.walk(to.as_str(), "clara", HIGH).await;
    assert_eq!(house.end(&mut browser, &back).await.status, 200);
    let link = house.ask(&mut browser, "POST", "/api/v1/link/step-up", None).await;
    assert_eq!((link.status, link.json().get("step_up")), (200, None), "{}", link.json());
    assert!(hello(socket(&cookie).await).await.is_ok());
    let kept = store.appointment(of.id).await.unwrap().unwrap();
    assert!(
        kept.details.assurance == Some(Assurance::High)
            && kept.details.vouched_name.as_deref() == Some("Clara Weber-Thill")
            && kept.name == "Clara Citizen"
    );

    // Another device with the link must show it again; another person may not.
    let mut thief = house.signed_in("jos", HIGH).await;
    let join = house.ask(&mut thief, "POST", "/api/v1/join", Some(json!({"token": token.text()}))).await;
    assert_eq!(join.json()["step_up"].as_str(), Some("substantial"));
    assert_eq!(refused(&house.ask(&mut thief, "POST", "/api/v1/link/step-up", None).await), (403, String::from("other_person")));
    house.office.server.stop().await;
}

/// A socket that greets.
async fn hello(socket: Result<SignalingClient, visavis::load::LoadError>) -> Result<(), String> {
    let mut socket = socket.map_err(|error| error.to_string())?;
    socket.hello("AAAAAAAAAAAAAAAAAAAAAA").await.map(drop).map_err(|error| error.to_string())
}
