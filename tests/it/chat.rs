//! Chat and real-time text over real sockets, data channels and a real store: who may write and read, exactly once, and what is never kept (trust.md L1, O17, R1, P1).

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use visavis::ids::MessageId;
use visavis::load::peer::{Peer, PeerOptions};
use visavis::load::signaling_client::SignalingClient;

use crate::running::Running;
use crate::signaling::{House, Person};

const SOON: Duration = Duration::from_secs(10);

fn id(n: u128) -> String {
    MessageId(n.to_be_bytes()).to_string()
}

/// Texts of the chat that this person was told, in the order of their arrival.
fn texts(heard: &[Value]) -> Vec<String> {
    let chats = heard.iter().filter(|message| message["type"] == "chat");
    chats.flat_map(|chat| chat["messages"].as_array().unwrap().clone()).map(|said| said["text"].as_str().unwrap().to_owned()).collect()
}

/// Texts of an answer to `chat_since`.
fn page(answer: &Value) -> Vec<String> {
    assert_eq!(answer["type"], "chat_page");
    answer["messages"].as_array().unwrap().iter().map(|said| said["text"].as_str().unwrap().to_owned()).collect()
}

fn blocks(heard: &[Value]) -> Vec<String> {
    heard.iter().filter(|message| message["type"] == "text").map(|text| text["block"].as_str().unwrap().to_owned()).collect()
}

fn state(heard: &[Value]) -> Value {
    heard.iter().rev().find(|message| message["type"] == "chat_state").cloned().unwrap_or_default()
}

async fn say(person: &Person, n: u128, text: &str) -> Result<u64, String> {
    let answer = person.ask_with("chat", json!({"message": id(n), "text": text})).await?;
    Ok(answer["number"].as_u64().unwrap())
}

/// Every byte under a directory.
fn is_on_disk(directory: &Path, canary: &str) -> bool {
    let mut found = false;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        found |= if path.is_dir() {
            is_on_disk(&path, canary)
        } else {
            std::fs::read(&path).unwrap().windows(canary.len()).any(|window| window == canary.as_bytes())
        };
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_reaches_the_others_in_order_and_is_there_after_a_reload() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, anna) = house.in_call().await;
    for n in 1..=5 {
        assert_eq!(say(&clara, n, &format!("message {n}")).await, Ok(u64::try_from(n).unwrap()));
    }
    assert_eq!(say(&anna, 1, "answer").await, Ok(6));
    anna.hears("all of it", |heard| texts(heard).len() == 5).await;
    assert_eq!(texts(&anna.heard()), ["message 1", "message 2", "message 3", "message 4", "message 5"]);
    clara.hears("the answer", |heard| texts(heard) == ["answer"]).await;
    anna.hears("the number of the last one", |heard| state(heard)["last"] == 6 && state(heard)["open"] == true).await;

    drop(clara);
    let clara = house.citizen(&of, 1).await;
    let chat = clara.ask_with("chat_since", json!({"after": 2})).await.unwrap();
    assert_eq!(page(&chat), ["message 3", "message 4", "message 5", "answer"]);
    assert_eq!(chat["more"], false);
    assert_eq!((&chat["messages"][0]["you"], &chat["messages"][3]["you"]), (&json!(true), &json!(false)));
    assert_eq!((&chat["messages"][3]["name"], &chat["messages"][3]["role"]), (&json!("Agent 1"), &json!("agent")));
    assert!(!is_on_disk(directory.path(), "message 3"), "sealed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chat_is_locked_before_admission_and_after_being_put_back_and_the_citizen_reads_on() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (_, clara, anna) = house.waiting().await;
    assert_eq!(say(&clara, 1, "too early").await, Err("not_in_call".into()));
    assert_eq!(say(&anna, 1, "no seat").await, Err("not_seated".into()));
    anna.ask("call").await.unwrap();
    assert_eq!(say(&anna, 1, "it rings").await, Err("not_in_call".into()));
    clara.accept().await;
    say(&clara, 1, "now").await.unwrap();
    anna.ask("put_back").await.unwrap();
    clara.phase("waiting").await;
    assert_eq!(say(&clara, 2, "again").await, Err("not_in_call".into()));
    clara.hears("that it is locked", |heard| state(heard)["open"] == false).await;
    assert_eq!(page(&clara.ask_with("chat_since", json!({"after": 0})).await.unwrap()), ["now"]);
    assert_eq!(anna.ask_with("chat_since", json!({"after": 0})).await.map(|_| ()), Err("not_seated".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_said_again_after_its_answer_was_lost_or_the_server_killed_is_one_message() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, _anna) = house.in_call().await;
    assert_eq!(say(&clara, 7, "once").await, Ok(1));
    assert_eq!(say(&clara, 7, "once").await, Ok(1));
    house.kill().await;
    let house = House::start(directory.path()).await;
    let clara = house.citizen(&of, 1).await;
    clara.phase("in_call").await;
    assert_eq!(say(&clara, 7, "once").await, Ok(1));
    assert_eq!(say(&clara, 8, "twice").await, Ok(2));
    assert_eq!(page(&clara.ask_with("chat_since", json!({"after": 0})).await.unwrap()), ["once", "twice"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_and_what_was_seen_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (_, clara, anna) = house.in_call().await;
    anna.ask_with("chat_typing", json!({"typing": true})).await.unwrap();
    clara.hears("that Anna writes", |heard| state(heard)["typing"] == json!([1])).await;
    anna.ask_with("chat_typing", json!({"typing": false})).await.unwrap();
    clara.hears("that she stopped", |heard| state(heard)["typing"] == json!([])).await;
    say(&clara, 1, "hello").await.unwrap();
    clara.hears("delivered", |heard| state(heard)["last"] == 1).await;
    assert_eq!(state(&clara.heard())["seen"], 0);
    anna.ask_with("chat_seen", json!({"number": 1})).await.unwrap();
    clara.hears("seen", |heard| state(heard)["seen"] == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_too_much_at_once_is_told_to_slow_down() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (_, clara, anna) = house.in_call().await;
    let mut refused = 0;
    for n in 0..40 {
        match say(&clara, n, "flood").await {
            Ok(_) => {}
            Err(code) => {
                assert_eq!(code, "slow_down");
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
    assert!(say(&anna, 1, "others may").await.is_ok());
}

async fn connect(person: &Person, name: u32) -> Peer {
    let channels = vec![String::from("chat"), String::from("text")];
    let peer = Peer::new(PeerOptions { name, channels, ..PeerOptions::default() }).await.unwrap();
    let sdp = peer.offer().await.unwrap();
    let answer = person.ask_with("offer", json!({"transport": 1, "sdp": sdp})).await.unwrap();
    peer.accept_answer(answer["sdp"].as_str().unwrap()).await.unwrap();
    peer.connected(SOON).await.unwrap();
    peer
}

/// What came on a channel, as texts.
fn on(peer: &Peer, label: &str) -> Vec<String> {
    let all = peer.received().messages.clone();
    all.into_iter().filter(|(on, _)| on == label).map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_messages_go_by_data_channel_and_by_socket() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (_, clara, anna) = house.in_call().await;
    let peer = connect(&clara, 1).await;
    let chat = json!({"type": "chat", "id": 1, "message": id(1), "text": "by channel"});
    peer.send_message("chat", chat.to_string().as_bytes()).await.unwrap();
    peer.send_message("text", "\u{98}0000002a 0\u{9c}hel".as_bytes()).await.unwrap();
    peer.send_message("text", "\u{98}0000002a 0\u{9c}hello\u{2028}".as_bytes()).await.unwrap();
    anna.hears("both by the socket", |heard| texts(heard) == ["by channel"] && blocks(heard).len() == 2).await;
    assert_eq!(blocks(&anna.heard()), ["\u{98}0 0000002a 0\u{9c}hel", "\u{98}0 0000002a 3\u{9c}lo\u{2028}"]);
    // Said again by the other way it is known.
    assert_eq!(say(&clara, 1, "by channel").await, Ok(1));
    // The answer came by the channel, and so does what the other says.
    say(&anna, 2, "by socket").await.unwrap();
    anna.ask_with("text", json!({"block": "\u{98}00000007 0\u{9c}hi"})).await.unwrap();
    let all = |received: &visavis::load::received::Received| received.messages.len() >= 5;
    peer.received_until(SOON, "everything", all).await.unwrap();
    let chat: Vec<Value> = on(&peer, "chat").iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!((&chat[0]["type"], &chat[0]["re"], &chat[0]["number"]), (&json!("said"), &json!(1), &json!(1)));
    assert_eq!(texts(&chat), ["by socket"]);
    assert_eq!(
        on(&peer, "text"),
        ["\u{98}0 0000002a 0\u{9c}hel", "\u{98}0 0000002a 3\u{9c}lo\u{2028}", "\u{98}1 00000007 0\u{9c}hi"],
        "the own text is the acknowledgement"
    );
    assert_eq!(texts(&clara.heard()), Vec::<String>::new(), "not by both ways");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_time_text_is_said_again_after_a_loss_and_is_never_on_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, anna) = house.in_call().await;
    let canary = "c4n4ry-of-real-time-text-and-no-other";
    clara.ask_with("text", json!({"block": format!("\u{98}0000002a 0\u{9c}{canary}")})).await.unwrap();
    clara.ask_with("text", json!({"block": "not a block"})).await.unwrap_err();
    anna.hears("it", |heard| blocks(heard).len() == 1).await;
    drop(anna);
    clara.ask_with("text", json!({"block": format!("\u{98}0000002a {}\u{9c} and more", canary.len())})).await.unwrap();
    let anna = house.agent(1, &of, 11).await;
    anna.ask_with("text", json!({"block": "\u{98}again\u{9c}"})).await.unwrap();
    assert_eq!(
        blocks(&anna.heard()),
        ["\u{98}again\u{9c}".into(), format!("\u{98}0 0000002a 0\u{9c}{canary} and more"), "\u{98}done\u{9c}".into()]
    );
    say(&clara, 1, "so that something is written").await.unwrap();
    assert!(!is_on_disk(directory.path(), canary));
    anna.ask_with("close", json!({"outcome": "done"})).await.unwrap();
    drop((clara, anna));
    house.kill().await;
    assert!(!is_on_disk(directory.path(), canary));
}

const CITIZEN: &str = "AAECAwQFBgcICQoLDA0ODw";
const AGENT: &str = "AQECAwQFBgcICQoLDA0ODw";
const GUEST: &str = "AgECAwQFBgcICQoLDA0ODw";

async fn socket(server: &Running, role: &str, cookie: &str, device: &str) -> SignalingClient {
    let mut client = SignalingClient::connect(&server.base, role, cookie).await.unwrap();
    client.hello(device).await.unwrap();
    client
}

async fn phase(client: &SignalingClient, id: &str, wanted: &str) -> Value {
    let heard = client.until(SOON, "a phase", |heard| heard.states.get(id).is_some_and(|state| state["phase"] == wanted)).await;
    heard.unwrap_or_else(|error| panic!("{wanted}: {error:?} {:?}", client.heard().states)).states[id].clone()
}

#[tokio::test]
async fn a_guest_reads_what_is_said_while_they_are_in_the_call_and_the_link_shows_all_of_it_until_it_is_erased() {
    let server = Running::start().await;
    let (_, token) = server.book(0, "Clara Citizen").await;
    let (_, other_token) = server.book(0, "Paul Other").await;
    let (cookie, agent_cookie) = (server.citizen(&token).await, server.agent().await);
    let citizen = socket(&server, "citizen", &cookie, CITIZEN).await;
    citizen.request(json!({"type": "arrive"})).await.unwrap();
    let heard = citizen.until(SOON, "a state", |heard| !heard.states.is_empty()).await.unwrap();
    let of = heard.states.keys().next().unwrap().clone();
    let agent = socket(&server, "agent", &agent_cookie, AGENT).await;
    agent.request(json!({"type": "call", "appointment": of})).await.unwrap();
    let ringing = phase(&citizen, &of, "ringing").await;
    citizen.request(json!({"type": "accept", "call": ringing["call"]["number"]})).await.unwrap();
    phase(&agent, &of, "in_call").await;
    citizen.request(json!({"type": "chat", "message": id(1), "text": "before the guest"})).await.unwrap();
    let invite = json!({"type": "invite", "appointment": of, "kind": "interpreter", "name": "Mara", "direct": true});
    let invited = agent.request(invite).await.unwrap();
    let guest_token = invited["url"].as_str().unwrap().split_once("/j#").unwrap().1.to_owned();
    citizen.request(json!({"type": "agree", "guest": 1, "agreed": true})).await.unwrap();
    let guest_cookie = server.join(&guest_token).await.cookies().remove(0);
    let guest = socket(&server, "guest", &guest_cookie, GUEST).await;
    let too_early = guest.request(json!({"type": "chat", "message": id(2), "text": "x"})).await;
    assert!(format!("{too_early:?}").contains("not_seated"), "{too_early:?}");
    guest.request(json!({"type": "knock", "name": "Mara"})).await.unwrap();
    phase(&guest, &of, "in_call").await;
    guest.request(json!({"type": "chat", "message": id(3), "text": "by the guest"})).await.unwrap();
    agent.request(json!({"type": "chat", "appointment": of, "message": id(4), "text": "to both"})).await.unwrap();
    agent.request(json!({"type": "put_back_guest", "appointment": of, "guest": 1})).await.unwrap();
    phase(&guest, &of, "waiting").await;
    agent.request(json!({"type": "chat", "appointment": of, "message": id(5), "text": "behind the door"})).await.unwrap();
    let out = guest.request(json!({"type": "chat_since", "after": 0})).await;
    assert!(format!("{out:?}").contains("not_in_call"), "{out:?}");
    agent.request(json!({"type": "let_in", "appointment": of, "guest": 1})).await.unwrap();
    phase(&guest, &of, "in_call").await;
    assert_eq!(page(&guest.request(json!({"type": "chat_since", "after": 0})).await.unwrap()), ["by the guest", "to both"]);
    assert_eq!(texts(&guest.heard().all), ["to both"], "and was told no other");

    agent.request(json!({"type": "close", "appointment": of, "outcome": "done"})).await.unwrap();
    let all = server.get("/api/v1/link/chat", &[("Cookie", &cookie)]).await;
    let told = all.json()["messages"].as_array().unwrap().iter().map(|said| said["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(told, ["before the guest", "by the guest", "to both", "behind the door"]);
    let rest = server.get("/api/v1/link/chat?after=3", &[("Cookie", &cookie)]).await.json();
    assert_eq!(rest["messages"].as_array().unwrap().len(), 1);
    let other = server.citizen(&other_token).await;
    assert_eq!(server.get("/api/v1/link/chat", &[("Cookie", &other)]).await.json(), json!({"messages": []}));
    for nobody in [&agent_cookie, &guest_cookie, &String::from("x=y")] {
        assert_eq!(server.get("/api/v1/link/chat", &[("Cookie", nobody)]).await.status, 401);
    }
    drop((citizen, agent, guest));
    let header = [("Cookie", cookie.as_str()), ("X-Visavis", "1")];
    let erased = server.post("/api/v1/link/erase", &header, json!({})).await;
    assert_eq!(erased.status, 200, "{}", erased.json());
    assert_eq!(server.get("/api/v1/link/chat", &[("Cookie", &cookie)]).await.status, 401);
}
