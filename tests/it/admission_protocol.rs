//! S8 over the whole server: a citizen on the `webrtc` crate tries to send, to ask and to pretend in every state before admission; then the control.

use std::time::{Duration, Instant};

use rtc::rtcp::Packet;
use rtc::rtcp::goodbye::Goodbye;
use rtc::rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{NackPair, TransportLayerNack};
use serde_json::{Value, json};
use visavis::load::LoadError;
use visavis::load::participant::{Participant, SignedIn, desk_row};
use visavis::load::peer::{Peer, PeerOptions};
use visavis::load::signaling_client::SignalingClient;
use visavis::load::synthetic::{OpusSource, Vp8Source};
use visavis::sfu::negotiated::Source;

use crate::running::Running;

const PATIENCE: Duration = Duration::from_secs(15);
const SOURCES: [Source; 3] = [Source::Microphone, Source::Camera, Source::Screen];

/// The people of the tests: a citizen who tries everything, an agent, and a bystander in another appointment.
struct Cast {
    server: Running,
    citizen: Participant,
    agent: Participant,
    bystander: Participant,
    id: String,
    other_id: String,
    reference: String,
}

impl Cast {
    async fn new() -> Self {
        let server = Running::start().await;
        let (reference, token) = server.book(0, "Probing Citizen").await;
        let (_, other) = server.book(0, "Bystander").await;
        let citizen = SignedIn::citizen(&server.base, &token).await.unwrap();
        let channels = ["chat", "text", "files", "attic"].map(String::from).to_vec();
        let citizen =
            Participant::open(citizen, PeerOptions { name: 21, channels: channels.clone(), ..PeerOptions::default() }).await.unwrap();
        let bystander = SignedIn::citizen(&server.base, &other).await.unwrap();
        let bystander = Participant::open(bystander, PeerOptions { name: 23, ..PeerOptions::default() }).await.unwrap();
        let agent = SignedIn::agent(&server.base, &server.demo.agent.username, &server.demo.agent.password).await.unwrap();
        let agent = Participant::open(agent, PeerOptions { name: 22, channels, ..PeerOptions::default() }).await.unwrap();
        let id = first_appointment(&citizen).await;
        let other_id = first_appointment(&bystander).await;
        Self { server, citizen, agent, bystander, id, other_id, reference }
    }

    /// The agent calls and has its transport up, sending all the time.
    async fn ring(&mut self) -> Value {
        desk_row(&self.agent.signaling, &self.reference, "waiting").await.unwrap();
        self.agent.ask("call", Some(&self.id), json!({})).await.unwrap();
        self.agent.connect(Some(&self.id)).await.unwrap();
        self.agent.start_sending();
        self.citizen.phase(&self.id, "ringing").await.unwrap()
    }

    fn agent_peer(&self) -> Option<&Peer> {
        self.agent.peer.as_ref()
    }

    /// What has crossed between the citizen and anybody.
    fn crossed(&self) -> (u64, u64, usize, u64) {
        let citizen = self.citizen.peer.as_ref();
        let to_citizen = citizen.map_or(0, |peer| peer.received().packets());
        let to_agent = self.agent_peer().map_or(0, |peer| peer.received().packets());
        let messages =
            self.agent_peer().map_or(0, |peer| peer.received().messages.len()) + citizen.map_or(0, |peer| peer.received().messages.len());
        let asked: u64 = self.agent_peer().map_or(0, |peer| SOURCES.iter().map(|source| peer.key_frame_requests(*source)).sum());
        (to_citizen, to_agent, messages, asked)
    }
}

async fn first_appointment(participant: &Participant) -> String {
    let heard = participant.signaling.until(PATIENCE, "the first state", |heard| !heard.states.is_empty()).await.unwrap();
    heard.states.keys().next().unwrap().clone()
}

fn state(signaling: &SignalingClient, id: &str) -> Value {
    signaling.heard().states.get(id).cloned().unwrap_or_default()
}

/// Messages that no state before admission may let do anything. `{id}`, `{other}` stand for appointments.
fn pretences(id: &str, other: &str, wrong_call: u64) -> Vec<(&'static str, Value)> {
    vec![
        ("accept a call that does not ring", json!({"type": "accept", "call": wrong_call})),
        ("accept no call", json!({"type": "accept", "call": 0})),
        ("accept with a forged role", json!({"type": "accept", "call": wrong_call, "role": "agent", "admitted": true})),
        ("call oneself", json!({"type": "call", "appointment": id})),
        ("call the other", json!({"type": "call", "appointment": other})),
        ("admit oneself", json!({"type": "admit", "appointment": id, "participant": 0})),
        ("return as an agent", json!({"type": "return", "appointment": id})),
        ("put somebody back", json!({"type": "put_back", "appointment": id})),
        ("put back in another appointment", json!({"type": "put_back", "appointment": other})),
        ("remove the agent", json!({"type": "remove", "appointment": id, "participant": 1})),
        ("close", json!({"type": "close", "appointment": id, "outcome": "done"})),
        ("close another appointment", json!({"type": "close", "appointment": other, "outcome": "done"})),
        ("notify", json!({"type": "notify", "appointment": id, "text": "me"})),
        ("cancel the call", json!({"type": "cancel_call", "appointment": id})),
        ("offer for another appointment", json!({"type": "offer", "appointment": other, "transport": 99, "sdp": "v=0\r\n"})),
        ("offer as another participant", json!({"type": "offer", "participant": 1, "transport": 99, "sdp": "v=0\r\n"})),
        ("offer that is none", json!({"type": "offer", "transport": 99, "sdp": ""})),
        ("hello again, as an agent", json!({"type": "hello", "version": 1, "device": "AAAAAAAAAAAAAAAAAAAAAA", "role": "agent"})),
        ("a state of one's own", json!({"type": "state", "phase": "in_call", "appointment": id})),
        ("an unknown message", json!({"type": "open_sesame"})),
        ("a phase in arrive", json!({"type": "arrive", "phase": "in_call", "participant": 1})),
    ]
}

/// Everything that the citizen's page could put on the wire in this state. Names of what was tried.
async fn try_everything(cast: &mut Cast, wrong_call: u64) -> Vec<String> {
    let mut tried = Vec::new();
    for (name, message) in pretences(&cast.id, &cast.other_id, wrong_call) {
        let harmless = matches!(name, "offer as another participant" | "a phase in arrive");
        let answer = cast.citizen.signaling.request(message).await;
        let refused = matches!(answer, Err(LoadError::Refused(_)));
        assert!(refused || (harmless && answer.is_ok()), "{name}: {answer:?}");
        tried.push(name.to_owned());
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    let _ = cast.citizen.ask("publish", None, json!({"microphone": true, "camera": true, "screen": true})).await;
    tried.push(String::from("publish"));
    let agents = cast.agent_peer().map_or([7, 8, 9], |peer| SOURCES.map(|source| peer.ssrc(source)));
    let Some(peer) = &cast.citizen.peer else { return tried };
    for source in SOURCES {
        let stream = peer.stream(source);
        for _ in 0..5 {
            let packets = if source == Source::Microphone {
                vec![OpusSource::new(stream, 80).packet()]
            } else {
                Vp8Source::new(stream, 30, 3, 500).frame(true)
            };
            for packet in &packets {
                peer.send(source, packet).await.unwrap();
            }
        }
        tried.push(format!("RTP as {source:?}"));
    }
    let slots: Vec<u32> = peer.slot_ssrcs();
    for target in agents.into_iter().chain(slots) {
        let own = peer.ssrc(Source::Microphone);
        let asking: Vec<Box<dyn Packet>> = vec![
            Box::new(PictureLossIndication { sender_ssrc: own, media_ssrc: target }),
            Box::new(FullIntraRequest { sender_ssrc: own, media_ssrc: target, fir: vec![FirEntry { ssrc: target, sequence_number: 1 }] }),
            Box::new(TransportLayerNack { sender_ssrc: own, media_ssrc: target, nacks: vec![NackPair::new(1)] }),
            Box::new(ReceiverEstimatedMaximumBitrate { sender_ssrc: own, bitrate: 5e6, ssrcs: vec![target] }),
            Box::new(Goodbye { sources: vec![target], ..Default::default() }),
        ];
        for packet in asking {
            let _ = peer.send_rtcp(vec![packet]).await;
        }
    }
    tried.extend(["PLI", "FIR", "NACK", "REMB", "BYE"].map(String::from));
    for label in ["chat", "text", "files"] {
        let _ = peer.send_message(label, b"before admission").await;
        tried.push(format!("data channel {label}"));
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    tried
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_citizen_who_tries_everything_before_admission_gets_nothing_across() {
    let mut cast = Cast::new().await;
    cast.bystander.ask("arrive", None, json!({})).await.unwrap();
    cast.bystander.phase(&cast.other_id, "waiting").await.unwrap();

    // The agent's door does not open for a citizen's cookie.
    for role in ["agent", "citizen"] {
        let stolen = cast.citizen.signed_in.cookie.replace("citizen", role);
        match SignalingClient::connect(&cast.server.base, "agent", &stolen).await {
            Err(refused) => assert!(matches!(refused, LoadError::Refused(_)), "{refused}"),
            // Let in to be told why: closed before anything is said.
            Ok(mut socket) => {
                let welcome = socket.hello("AAAAAAAAAAAAAAAAAAAAAA").await;
                assert!(matches!(welcome, Err(LoadError::Closed(4001))), "{welcome:?}");
                assert!(socket.heard().all.is_empty());
            }
        }
    }

    // Before arriving: no seat, so no transport either.
    assert!(matches!(cast.citizen.connect(None).await, Err(LoadError::Refused(code)) if code == "not_seated"));
    let tried = try_everything(&mut cast, 1).await;
    assert!(tried.len() >= 20, "{tried:?}");
    // A forged field in `arrive` may be passed over; more than arriving it never is.
    let phase = state(&cast.citizen.signaling, &cast.id)["phase"].clone();
    assert!(phase == "open" || phase == "waiting", "{phase}");
    cast.citizen.ask("arrive", None, json!({})).await.unwrap();
    cast.citizen.phase(&cast.id, "waiting").await.unwrap();

    // Waiting, transport up.
    cast.citizen.connect(None).await.unwrap();
    let tried = try_everything(&mut cast, 1).await;
    assert!(tried.len() >= 30, "{tried:?}");
    assert_eq!((cast.crossed(), state(&cast.citizen.signaling, &cast.id)["phase"].as_str()), ((0, 0, 0, 0), Some("waiting")), "waiting");

    // Ringing: the agent's transport is up and sends. Then declined.
    let ringing = cast.ring().await;
    let call = ringing["call"]["number"].as_u64().unwrap();
    try_everything(&mut cast, call + 1).await;
    let crossed = cast.crossed();
    assert_eq!((crossed, state(&cast.citizen.signaling, &cast.id)["phase"].as_str()), ((0, 0, 0, 0), Some("ringing")), "ringing");
    cast.citizen.ask("decline", None, json!({"call": call})).await.unwrap();
    cast.citizen.phase(&cast.id, "waiting").await.unwrap();
    try_everything(&mut cast, call).await;
    assert_eq!((cast.crossed(), state(&cast.citizen.signaling, &cast.id)["phase"].as_str()), ((0, 0, 0, 0), Some("waiting")), "declined");

    // Nobody else was touched.
    assert_eq!(state(&cast.bystander.signaling, &cast.other_id)["phase"], "waiting");

    // Control: answered, the same sending and asking crosses.
    let call = cast.ring().await["call"]["number"].as_u64().unwrap();
    cast.citizen.ask("accept", None, json!({"call": call})).await.unwrap();
    cast.agent.phase(&cast.id, "in_call").await.unwrap();
    cast.citizen.start_sending();
    let (citizen, agent) = (cast.citizen.peer.as_ref().unwrap(), cast.agent.peer.as_ref().unwrap());
    for (peer, other) in [(citizen, agent), (agent, citizen)] {
        for source in [Source::Microphone, Source::Camera] {
            peer.received_until(PATIENCE, "media", |received| received.whole_of(other.stream(source)) > 20).await.unwrap();
        }
    }
    let before = agent.key_frame_requests(Source::Camera);
    let own = citizen.ssrc(Source::Microphone);
    for target in citizen.slot_ssrcs() {
        citizen.send_rtcp(vec![Box::new(PictureLossIndication { sender_ssrc: own, media_ssrc: target })]).await.unwrap();
    }
    agent.received_until(PATIENCE, "a key-frame request", |_| agent.key_frame_requests(Source::Camera) > before).await.unwrap();

    // Put back: media ends both ways in less than 300 ms, and everything is tried again.
    let asked = Instant::now();
    cast.agent.ask("put_back", Some(&cast.id), json!({})).await.unwrap();
    cast.citizen.phase(&cast.id, "waiting").await.unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    for peer in [citizen, agent] {
        let late = peer.received().last().unwrap().saturating_duration_since(asked);
        println!("last packet {late:?} after put back");
        assert!(late < Duration::from_millis(300), "{late:?} after put back");
    }
    citizen.forget_received();
    agent.forget_received();
    let asked = agent.key_frame_requests(Source::Camera);
    try_everything(&mut cast, call).await;
    let (to_citizen, to_agent, messages, requests) = cast.crossed();
    assert_eq!((to_citizen, to_agent, messages, requests - asked), (0, 0, 0, 0), "put back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_or_hangs_up_hears_and_is_heard_no_more_after_300_ms() {
    for way in ["remove", "leave"] {
        let mut cast = Cast::new().await;
        cast.citizen.ask("arrive", None, json!({})).await.unwrap();
        cast.citizen.connect(None).await.unwrap();
        let call = cast.ring().await["call"]["number"].as_u64().unwrap();
        cast.citizen.ask("accept", None, json!({"call": call})).await.unwrap();
        cast.citizen.start_sending();
        let (citizen, agent) = (cast.citizen.peer.as_ref().unwrap(), cast.agent.peer.as_ref().unwrap());
        for (peer, other) in [(citizen, agent), (agent, citizen)] {
            let heard = peer.received_until(PATIENCE, "media", |received| received.whole_of(other.stream(Source::Camera)) > 20).await;
            heard.unwrap();
        }
        let asked = Instant::now();
        match way {
            "remove" => cast.agent.ask("remove", Some(&cast.id), json!({"participant": 0})).await.unwrap(),
            _ => cast.citizen.ask("leave", None, json!({})).await.unwrap(),
        };
        tokio::time::sleep(Duration::from_millis(900)).await;
        for peer in [citizen, agent] {
            let late = peer.received().last().unwrap().saturating_duration_since(asked);
            assert!(late < Duration::from_millis(300), "{late:?} after {way}");
        }
    }
}
