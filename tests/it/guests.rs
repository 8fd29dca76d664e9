//! A third person over the whole server: invitation, link, cookie, door, restart, revocation.

use std::time::Duration;

use serde_json::{Value, json};
use visavis::load::LoadError;
use visavis::load::http_client::Base;
use visavis::load::signaling_client::SignalingClient;

use crate::database::is_postgres;
use crate::running::Running;

const SOON: Duration = Duration::from_secs(5);

async fn socket(base: &Base, role: &str, cookie: &str, device: &str) -> SignalingClient {
    let mut client = SignalingClient::connect(base, role, cookie).await.unwrap();
    client.hello(device).await.unwrap();
    client
}

async fn phase(client: &SignalingClient, id: &str, wanted: &str) -> Value {
    let heard = client.until(SOON, "a phase", |heard| heard.states.get(id).is_some_and(|state| state["phase"] == wanted)).await;
    heard.unwrap_or_else(|error| panic!("{wanted}: {error:?} {:?}", client.heard().states)).states[id].clone()
}

fn refused(answer: Result<Value, LoadError>) -> String {
    match answer {
        Err(LoadError::Refused(code)) => code,
        other => panic!("{other:?}"),
    }
}

const CITIZEN: &str = "AAECAwQFBgcICQoLDA0ODw";
const AGENT: &str = "AQECAwQFBgcICQoLDA0ODw";
const GUEST: &str = "AgECAwQFBgcICQoLDA0ODw";

#[tokio::test]
async fn a_guest_comes_by_a_link_of_their_own_is_let_in_survives_a_restart_and_is_out_when_it_is_taken_back() {
    let server = Running::start().await;
    let (_, token) = server.book(0, "Clara Citizen").await;
    let (citizen_cookie, agent_cookie) = (server.citizen(&token).await, server.agent().await);
    let citizen = socket(&server.base, "citizen", &citizen_cookie, CITIZEN).await;
    citizen.request(json!({"type": "arrive"})).await.unwrap();
    let heard = citizen.until(SOON, "a state", |heard| !heard.states.is_empty()).await.unwrap();
    let id = heard.states.keys().next().unwrap().clone();
    let agent = socket(&server.base, "agent", &agent_cookie, AGENT).await;
    let invite = json!({"type": "invite", "appointment": id, "kind": "interpreter", "name": "Interpreter", "direct": false});
    assert_eq!(refused(agent.request(invite.clone()).await), "not_in_call", "nobody before the citizen");
    agent.request(json!({"type": "call", "appointment": id})).await.unwrap();
    let ringing = phase(&citizen, &id, "ringing").await;
    citizen.request(json!({"type": "accept", "call": ringing["call"]["number"]})).await.unwrap();
    phase(&agent, &id, "in_call").await;

    let invited = agent.request(invite).await.unwrap();
    let link = invited["url"].as_str().unwrap();
    let (_, guest_token) = link.split_once("/j#").unwrap();
    assert!(guest_token.len() == 43 && invited["qr"].as_array().unwrap().len() >= 21, "{invited}");
    let database = if is_postgres() { Vec::new() } else { std::fs::read(server.directory.path().join("data/visavis.db-wal")).unwrap() };
    assert!(!database.windows(43).any(|window| window == guest_token.as_bytes()), "the token itself is kept nowhere (S1)");

    let joined = server.join(guest_token).await;
    assert_eq!((joined.status, joined.json()["guest"].as_str(), joined.json()["phase"].as_str()), (200, Some("interpreter"), Some("open")));
    assert!(!joined.json().to_string().contains("Clara"), "a guest is not told whose appointment it is before they are let in");
    let guest_cookie = joined.cookies().remove(0);
    assert!(guest_cookie.starts_with("__Host-visavis-guest="));
    assert_eq!(server.get("/api/v1/link", &[("Cookie", &guest_cookie)]).await.status, 401, "no citizen's cookie");
    let guest = socket(&server.base, "guest", &guest_cookie, GUEST).await;
    phase(&guest, &id, "open").await;
    guest.request(json!({"type": "knock", "name": "Inga"})).await.unwrap();
    let at_the_door = phase(&guest, &id, "waiting").await;
    assert!(at_the_door["participants"].as_array().unwrap().is_empty() && at_the_door.get("guests").is_none());
    let let_in = json!({"type": "let_in", "appointment": id, "guest": invited["guest"]});
    assert_eq!(refused(agent.request(let_in.clone()).await), "not_agreed");
    citizen.request(json!({"type": "agree", "guest": invited["guest"], "agreed": true})).await.unwrap();
    agent.request(let_in).await.unwrap();
    let inside = phase(&guest, &id, "in_call").await;
    assert_eq!(inside["participants"].as_array().unwrap().len(), 2);

    let server = server.restart().await;
    let guest = socket(&server.base, "guest", &guest_cookie, GUEST).await;
    phase(&guest, &id, "in_call").await;
    let agent = socket(&server.base, "agent", &agent_cookie, AGENT).await;
    let seen = phase(&agent, &id, "in_call").await;
    assert_eq!(seen["guests"][0]["state"], "in_call");

    agent.request(json!({"type": "revoke", "appointment": id, "guest": invited["guest"]})).await.unwrap();
    phase(&guest, &id, "closed").await;
    assert_eq!(refused(guest.request(json!({"type": "knock", "name": "Inga"})).await), "closed");
    assert_eq!(server.join(guest_token).await.json()["phase"], "over");
    assert_eq!(server.get("/api/v1/guest", &[("Cookie", &guest_cookie)]).await.json()["phase"], "over");
}
