//! Signaling joined with the real media plane: admission opens it, a lost socket does not touch it, put back and take-over end it (trust.md N9, S2, S8).

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use visavis::load::peer::{Peer, PeerOptions};
use visavis::sfu::negotiated::Source;

use crate::signaling::{House, Person};

const SOON: Duration = Duration::from_secs(10);

/// A peer connection of this person, answered and connected.
async fn connect(person: &Person, name: u32, transport: u32) -> Peer {
    let peer = Peer::new(PeerOptions { name, ..PeerOptions::default() }).await.unwrap();
    let sdp = peer.offer().await.unwrap();
    let answer = person.ask_with("offer", json!({"transport": transport, "sdp": sdp})).await.unwrap();
    peer.accept_answer(answer["sdp"].as_str().unwrap()).await.unwrap();
    peer.connected(SOON).await.unwrap();
    peer
}

async fn hears(to: &Peer, from: &Peer, more_than: usize) {
    let stream = from.stream(Source::Microphone);
    to.received_until(SOON, "sound", |received| received.whole_of(stream) > more_than).await.unwrap();
}

fn slot_of(state: &Value, participant: u64, source: &str) -> bool {
    state["slots"].as_array().is_some_and(|slots| slots.iter().any(|slot| slot["participant"] == participant && slot["source"] == source))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admission_opens_the_media_and_a_lost_socket_does_not_touch_it() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, anna) = house.waiting().await;
    let citizen = connect(&clara, 1, 1).await;
    anna.ask("call").await.unwrap();
    let agent = connect(&anna, 2, 1).await;
    citizen.start_sending(Source::Microphone);
    agent.start_sending(Source::Microphone);
    clara.phase("ringing").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((citizen.received().packets(), agent.received().packets()), (0, 0), "before admission not one packet crosses");

    clara.accept().await;
    clara.state("the agent's microphone on a slot", |state| slot_of(state, 1, "microphone")).await;
    anna.state("the citizen's microphone on a slot", |state| slot_of(state, 0, "microphone")).await;
    hears(&agent, &citizen, 20).await;
    hears(&citizen, &agent, 20).await;

    drop(clara);
    anna.state("away", |state| state["participants"][0]["presence"] == "away").await;
    let heard = agent.received().whole_of(citizen.stream(Source::Microphone));
    hears(&agent, &citizen, heard + 50).await;
    let clara = house.citizen(&of, 1).await;
    clara.state("the slots again", |state| state["phase"] == "in_call" && slot_of(state, 1, "microphone")).await;

    let put_back = Instant::now();
    anna.ask("put_back").await.unwrap();
    let put_back = put_back.elapsed();
    assert!(put_back < Duration::from_millis(300), "{put_back:?}");
    // What was on its way when the answer came.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (there, here) = (agent.received().packets(), citizen.received().packets());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((agent.received().packets(), citizen.received().packets()), (there, here), "put back ends media");

    // The citizen's transport stayed up: the next call needs no offer of theirs.
    anna.ask("call").await.unwrap();
    let again = connect(&anna, 3, 2).await;
    clara.accept().await;
    hears(&again, &citizen, 20).await;
    again.start_sending(Source::Microphone);
    hears(&citizen, &again, 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_over_is_in_the_call_with_media_and_the_other_device_is_out() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, anna) = house.waiting().await;
    let phone = connect(&clara, 1, 1).await;
    anna.ask("call").await.unwrap();
    let agent = connect(&anna, 2, 1).await;
    clara.accept().await;
    phone.start_sending(Source::Microphone);
    hears(&agent, &phone, 20).await;

    let laptop = house.citizen(&of, 5).await;
    laptop.ask("take_over").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let heard = agent.received().whole_of(phone.stream(Source::Microphone));
    // The same number as the phone's: numbers are a device's own.
    let computer = connect(&laptop, 5, 1).await;
    computer.start_sending(Source::Microphone);
    agent.start_sending(Source::Microphone);
    hears(&agent, &computer, 20).await;
    hears(&computer, &agent, 20).await;
    assert_eq!(agent.received().whole_of(phone.stream(Source::Microphone)), heard, "the phone is heard no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_takes_and_leaves_its_slot_by_what_its_sender_says() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (_, clara, anna) = house.in_call().await;
    let (_citizen, _agent) = (connect(&clara, 1, 1).await, connect(&anna, 2, 1).await);
    let sends = |screen: bool| json!({"microphone": true, "camera": false, "screen": screen});
    clara.ask_with("publish", sends(true)).await.unwrap();
    anna.state("the screen has a slot", |state| slot_of(state, 0, "screen")).await;
    let stopped = Instant::now();
    clara.ask_with("publish", sends(false)).await.unwrap();
    anna.state("the slot is free", |state| !slot_of(state, 0, "screen")).await;
    assert!(stopped.elapsed() < Duration::from_secs(5), "at once, not after the silence of its packets");
}
