//! Who may do what with whose (trust.md O17): every route of the table × every role × own, foreign and unknown objects, made from the table itself.
//! And what every changing route asks of a browser (S7).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use visavis::access::api_key::{KeyGrant, Scope};
use visavis::access::assurance::Assurance;
use visavis::access::claims::Person;
use visavis::access::token::Token;
use visavis::http::{Caller, Operation, operations, routes};
use visavis::load::http_client::{Response, request};
use visavis::load::signaling_client::SignalingClient;
use visavis::store::KnownPerson;

use crate::running::{Running, no_token};

/// Words that stand in Clara's data alone; nobody else may be told them.
const CANARIES: [&str; 3] = ["Clara Canary", "canary-clara@example.lu", "clara-canary.pdf"];

/// Routes outside of API v1 and who may open them: pages and sockets know no object. One that is missing here fails the test.
const OUTSIDE: &[&str] = &[
    "GET /",
    "GET /j",
    "GET /book",
    "GET /c",
    "GET /mine",
    "GET /signed-in",
    "GET /agent",
    "GET /agent/signed-in",
    "GET /assets/{name}",
    "GET /demo/mailbox",
    "GET /demo/mailbox.json",
    "POST /demo/clock",
    "GET /livez",
    "GET /readyz",
    "GET /signaling/citizen",
    "GET /signaling/guest",
    "GET /signaling/agent",
];

/// Two appointments with a document each, and everybody who could ask.
struct Cast {
    server: Running,
    clara: Objects,
    ben: Objects,
    /// Name of the role and the header that says it.
    roles: BTreeMap<&'static str, Vec<(String, String)>>,
}

/// What belongs to one appointment.
struct Objects {
    reference: String,
    consultation: String,
    document: String,
    callback: String,
    cookie: String,
    /// The cookie of its citizen, signed in at a provider.
    person: String,
}

impl Cast {
    async fn assemble() -> Self {
        let server = Running::start().await;
        let clara = Self::appointment(&server, CANARIES[0], CANARIES[1], CANARIES[2], "+352 621 700 001").await;
        let ben = Self::appointment(&server, "Ben Other", "ben@example.lu", "ben.pdf", "+352 621 700 002").await;
        let mut roles = BTreeMap::new();
        let cookie = |value: &str| vec![(String::from("Cookie"), value.to_owned())];
        let bearer = |value: &str| vec![(String::from("Authorization"), format!("Bearer {value}"))];
        let agent = server.agent().await;
        let agents_token = agent.split_once('=').unwrap().1.to_owned();
        roles.insert("nobody", Vec::new());
        roles.insert("citizen Clara", cookie(&clara.cookie));
        roles.insert("citizen Ben", cookie(&ben.cookie));
        roles.insert("person Clara", cookie(&clara.person));
        roles.insert("person Ben", cookie(&ben.person));
        roles.insert("agent", cookie(&agent));
        roles.insert("portal", bearer(&server.demo.api.key));
        for (at, scope) in Scope::ALL.into_iter().enumerate() {
            let key = Token::new([0x40 + at as u8; 32]);
            let grant = KeyGrant { label: scope.word().into(), scopes: [scope].into(), per_minute: Some(100_000) };
            server.server.store.put_api_key_for(&grant, key.hash(), server.clock.now()).await.unwrap();
            roles.insert(scope.word(), bearer(&key.text()));
        }
        // Good secrets in the wrong place, and bad ones in the right place.
        let clara_token = clara.cookie.split_once('=').unwrap().1.to_owned();
        roles.insert("a citizen's cookie as an agent's", cookie(&format!("__Host-visavis-agent={clara_token}")));
        roles.insert("an agent's cookie as a citizen's", cookie(&format!("__Host-visavis-citizen={agents_token}")));
        roles.insert("a citizen's cookie as a guest's", cookie(&format!("__Host-visavis-guest={clara_token}")));
        roles.insert("a citizen's cookie as a person's", cookie(&format!("__Host-visavis-person={clara_token}")));
        roles.insert("a person's cookie as a citizen's", cookie(&clara.person.replace("-person=", "-citizen=")));
        roles.insert("a person's cookie as an agent's", cookie(&clara.person.replace("-person=", "-agent=")));
        roles.insert("an agent's cookie as a key", bearer(&agents_token));
        roles.insert("a key as an agent's cookie", cookie(&format!("__Host-visavis-agent={}", server.demo.api.key)));
        roles.insert("a forged agent", cookie(&format!("__Host-visavis-agent={}", no_token())));
        roles.insert("a forged key", bearer(&no_token()));
        Self { server, clara, ben, roles }
    }

    async fn appointment(server: &Running, name: &str, email: &str, file: &str, phone: &str) -> Objects {
        let start = server.clock.now();
        let end = start.after(std::time::Duration::from_secs(1200));
        let key = format!("Bearer {}", server.demo.api.key);
        let body = json!({
            "service": "advice", "start": start.rfc3339(), "end": end.rfc3339(), "name": name, "language": "en", "email": email,
        });
        let booked = server.post("/api/v1/appointments", &[("Authorization", &key)], body).await.json();
        let token = booked["join_url"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
        let cookie = server.citizen(&token).await;
        let document = crate::documents::send(server, &cookie, "document", file, &crate::documents::pdf(50)).await.json();
        let document = document["id"].as_str().unwrap().to_owned();
        let times = server.get("/api/v1/callbacks/times?service=advice", &[]).await.json();
        let wish = json!({
            "service": "advice", "reason": "question", "start": times["times"][0]["start"], "name": name, "phone": phone, "language": "en",
            "consent": true, "about_appointment": false,
        });
        let callback = server.post("/api/v1/callbacks", &[("Authorization", &key)], wish).await.json();
        let hash = Token::parse(&token).unwrap().hash();
        let visavis::store::Found::Appointment(of) = server.server.store.appointment_by_link(hash).await.unwrap() else { panic!() };
        let person = Self::person(server, &of, name, &cookie).await;
        Objects {
            person,
            reference: booked["reference"].as_str().unwrap().to_owned(),
            consultation: of.id.to_string(),
            document,
            callback: callback["callback"].as_str().unwrap().to_owned(),
            cookie,
        }
    }

    /// The appointment's citizen showed at a provider who they are, in this browser.
    async fn person(server: &Running, of: &visavis::store::Appointment, name: &str, cookie: &str) -> String {
        let (store, now) = (&server.server.store, server.clock.now());
        let mark = store.person_mark("https://id.example.lu", name);
        let person = Person { name: name.into(), email: None, phone: None, assurance: Assurance::High };
        let known = KnownPerson { mark, person };
        let token = Token::parse(&no_token()).unwrap();
        store.sign_in_person(&token, &known, now).await.unwrap();
        let link = Token::parse(cookie.split_once('=').unwrap().1).unwrap();
        assert!(store.vouch(of, link.hash(), &known, now).await.unwrap());
        format!("__Host-visavis-person={}", token.text())
    }

    /// The path with the objects of one of the three in the places of its parameters.
    fn path(operation: &Operation, of: Option<&Objects>) -> String {
        let mut path = operation.path.to_owned();
        for name in operation.path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)) {
            let value = match (name, of) {
                ("reference", Some(of)) => of.reference.clone(),
                ("reference", None) => String::from("ZZZ-ZZZ"),
                ("consultation", Some(of)) => of.consultation.clone(),
                ("id", Some(of)) if operation.path.contains("documents") => of.document.clone(),
                ("id", Some(of)) if operation.path.contains("callbacks") => of.callback.clone(),
                ("consultation" | "id", None) => "0".repeat(31) + "1",
                (name, _) => panic!(
                    "{}: what is {{{name}}}? Say it in tests/it/access_matrix.rs, with one for Clara, one for Ben, and one of nobody",
                    operation.path
                ),
            };
            path = path.replace(&format!("{{{name}}}"), &value);
        }
        path
    }

    fn is_for(&self, caller: Caller, role: &str) -> bool {
        is_for(caller, role, self.roles[role].iter().any(|(name, _)| name == "Authorization"))
    }

    async fn ask(&self, role: &str, method: &str, path: &str) -> Response {
        self.ask_with(role, method, path, None).await
    }

    async fn ask_with(&self, role: &str, method: &str, path: &str, body: Option<&Value>) -> Response {
        let headers: Vec<(&str, &str)> = self.roles[role].iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        request(&self.server.base, method, path, &headers, body).await.unwrap()
    }
}

/// Whether the route is for this role at all.
fn is_for(caller: Caller, role: &str, says_key: bool) -> bool {
    match caller {
        Caller::Anybody => true,
        // Who says a key must have a good one.
        Caller::AnybodyOrPortal(scope) => !says_key || role == "portal" || role == scope.word(),
        Caller::Portal(scope) => role == "portal" || role == scope.word(),
        Caller::Citizen => role.starts_with("citizen "),
        Caller::Guest | Caller::CitizenAndPerson => false,
        Caller::Person => role.starts_with("person "),
        Caller::Agent => role == "agent",
    }
}

#[tokio::test]
async fn no_role_reaches_what_is_not_its_own_and_unknown_and_foreign_are_told_alike() {
    let cast = Cast::assemble().await;
    let described: Vec<String> = operations().iter().map(|(_, of)| format!("{} {}", of.method, of.path)).collect();
    for route in routes() {
        let named = format!("{} {}", route.method, route.path);
        assert!(
            described.contains(&named) || OUTSIDE.contains(&named.as_str()),
            "{named} is in no matrix: describe it in src/http/contract/, or say in OUTSIDE that it knows no object"
        );
    }
    let roles: Vec<&str> = cast.roles.keys().copied().collect();
    let (mut refused, mut compared) = (0, 0);
    for (_, operation) in operations() {
        let method = operation.method.as_str();
        let paths = [Cast::path(&operation, Some(&cast.clara)), Cast::path(&operation, Some(&cast.ben)), Cast::path(&operation, None)];
        for role in &roles {
            if cast.is_for(operation.caller, role) {
                continue;
            }
            let mut bodies = Vec::new();
            for path in &paths {
                let answer = cast.ask(role, method, path).await;
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                assert!(matches!(answer.status, 401 | 403), "{role}: {method} {path}: {} {text}", answer.status);
                assert!(CANARIES.iter().all(|canary| !text.contains(canary)), "{role}: {method} {path}: {text}");
                assert!(answer.cookies().is_empty());
                bodies.push((answer.status, answer.body));
                refused += 1;
            }
            assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{role}: {method} {}: tells objects apart", operation.path);
        }
        // What is one citizen's is nobody's for the other one, and for an agent in another consultation.
        let objects = operation.path.contains("{id}") && operation.path.contains("documents");
        if objects && matches!(operation.caller, Caller::Citizen | Caller::Agent) {
            let role = if operation.caller == Caller::Agent { "agent" } else { "citizen Ben" };
            let mixed = paths[1].replace(&cast.ben.document, &cast.clara.document);
            let unknown = paths[1].replace(&cast.ben.document, &("0".repeat(31) + "1"));
            let (foreign, unknown) = (cast.ask(role, method, &mixed).await, cast.ask(role, method, &unknown).await);
            assert!(
                foreign.status == 404 && foreign.body == unknown.body,
                "{role}: {method} {mixed}: {} {}",
                foreign.json(),
                unknown.json()
            );
            assert_eq!(unknown.status, 404);
            let timeless = |headers: &[(String, String)]| headers.iter().filter(|(name, _)| name != "date").cloned().collect::<Vec<_>>();
            assert_eq!(timeless(&foreign.headers), timeless(&unknown.headers), "{role}: {method} {mixed}");
            compared += 1;
        }
    }
    // What is one person's is nobody's for the other one.
    for (_, operation) in operations().iter().filter(|(_, of)| of.caller == Caller::Person && of.path.contains("{reference}")) {
        let body = operation.path.ends_with("/reschedule").then(|| json!({ "start": cast.server.clock.now().rfc3339() }));
        let (foreign, unknown) = (Cast::path(operation, Some(&cast.clara)), Cast::path(operation, None));
        let foreign = cast.ask_with("person Ben", operation.method.as_str(), &foreign, body.as_ref()).await;
        let unknown = cast.ask_with("person Ben", operation.method.as_str(), &unknown, body.as_ref()).await;
        assert!(foreign.status == 404 && foreign.body == unknown.body && unknown.status == 404, "{}: {}", operation.path, foreign.json());
        assert!(foreign.cookies().is_empty());
        compared += 1;
    }
    println!("{refused} questions refused, {compared} foreign objects told as unknown ones");
    assert!(refused > 1000 && compared == 6, "{refused} {compared}");

    // The control: who may is let in, and Ben is told nothing of Clara.
    for (_, operation) in operations().iter().filter(|(_, of)| of.method == "GET") {
        for role in roles.iter().filter(|role| cast.is_for(operation.caller, role)) {
            let own = if *role == "citizen Ben" { &cast.ben } else { &cast.clara };
            let path = Cast::path(operation, Some(own))
                + if operation.path.ends_with("/times") || operation.path.ends_with("/slots") { "?service=advice" } else { "" };
            let answer = cast.ask(role, "GET", &path).await;
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            let expected = match operation.caller {
                Caller::Portal(Scope::Load) => 403,
                // Nobody handed one in.
                _ if operation.path.ends_with("/identity-copy") => 404,
                _ => 200,
            };
            assert_eq!(answer.status, expected, "{role}: GET {path}: {text}");
            let may_know = matches!(operation.caller, Caller::Portal(_) | Caller::Agent) || role.ends_with(" Clara");
            assert!(may_know || CANARIES.iter().all(|canary| !text.contains(canary)), "{role}: GET {path}: {text}");
        }
    }
    // Nothing of what was refused happened.
    for objects in [&cast.clara, &cast.ben] {
        let phase = cast.ask("portal", "GET", &format!("/api/v1/appointments/{}", objects.reference)).await.json()["phase"].clone();
        assert_eq!(phase, "open");
    }
    assert_eq!(cast.ask("citizen Clara", "GET", "/api/v1/link/documents").await.json()["documents"].as_array().unwrap().len(), 1);
    // Sockets: the cookie decides, whatever the address says.
    for (role, cookie) in [("agent", &cast.clara.cookie), ("guest", &cast.clara.cookie), ("citizen", &cast.roles["agent"][0].1)] {
        let client = SignalingClient::connect(&cast.server.base, role, cookie).await.unwrap();
        let heard = client.until(std::time::Duration::from_secs(5), "a close", |heard| heard.closed.is_some()).await.unwrap();
        assert_eq!(heard.closed, Some(4001), "{role}");
    }
}

#[tokio::test]
async fn every_changing_route_refuses_foreign_pages_and_a_missing_header() {
    let cast = Cast::assemble().await;
    let host = &cast.server.base.authority;
    let callers: BTreeMap<String, Caller> =
        operations().into_iter().map(|(_, of)| (format!("{} {}", of.method, of.path), of.caller)).collect();
    let mut asked = 0;
    for route in routes().iter().filter(|route| route.method != "GET") {
        let named = format!("{} {}", route.method, route.path);
        // A script moves the demonstration's clock: no header is asked of it, but a foreign page may not.
        let is_clock = named == "POST /demo/clock";
        let known = callers.get(&named).copied().or(is_clock.then_some(Caller::Anybody));
        let caller = known.unwrap_or_else(|| panic!("{named} is not described in src/http/contract/"));
        let is_portals = matches!(caller, Caller::Portal(_)) || is_clock;
        let path = route.path.replace("{reference}", &cast.clara.reference).replace("{id}", &cast.clara.document);
        // The best credential that there is for it, as a browser would send it.
        let credential = match caller {
            Caller::Agent => format!("Cookie: {}\r\n", cast.roles["agent"][0].1),
            Caller::Person => format!("Cookie: {}\r\n", cast.clara.person),
            Caller::CitizenAndPerson => format!("Cookie: {}; {}\r\n", cast.clara.cookie, cast.clara.person),
            Caller::Portal(_) => format!("Authorization: Bearer {}\r\n", cast.server.demo.api.key),
            _ => format!("Cookie: {}\r\n", cast.clara.cookie),
        };
        let ask = async |extra: &str| {
            let head = format!("{} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n", route.method);
            crate::http::raw(&cast.server, &format!("{head}{credential}{extra}\r\n")).await
        };
        let foreign = [
            "X-Visavis: 1\r\nOrigin: https://evil.example\r\n",
            "X-Visavis: 1\r\nOrigin: null\r\n",
            "X-Visavis: 1\r\nSec-Fetch-Site: cross-site\r\n",
            "X-Visavis: 1\r\nSec-Fetch-Site: same-site\r\n",
        ];
        for extra in foreign.into_iter().chain((!is_portals).then_some("")) {
            let answer = ask(extra).await;
            assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("\"forbidden\""), "{named} with {extra:?}: {answer}");
            asked += 1;
        }
    }
    println!("{asked} requests of foreign pages refused");
    assert!(asked > 80, "{asked}");
    let phase = cast.ask("portal", "GET", &format!("/api/v1/appointments/{}", cast.clara.reference)).await.json()["phase"].clone();
    assert_eq!(phase, "open", "nothing happened");
    let value: Value = cast.ask("citizen Clara", "GET", "/api/v1/link/documents").await.json();
    assert_eq!(value["documents"].as_array().unwrap().len(), 1);
}
