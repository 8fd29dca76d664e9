//! Signaling over real sockets, a real store and the real media plane: journeys, races, resume, limits (trust.md S2, N9, O12, R1).
//! The cookie is the identity here: who may have which cookie is the business of `http`.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use visavis::access::AgentGrant;
use visavis::access::role::Role;
use visavis::agenda::phase::{LinkRules, Slot};
use visavis::ids::{AgentId, AppointmentId, DeviceId};
use visavis::load::LoadError;
use visavis::load::http_client::Base;
use visavis::load::signaling_client::SignalingClient;
use visavis::media::plane::{MediaConfig, MediaPlane};
use visavis::signaling::{Signaling, prepare};
use visavis::store::{Appointment, Details, NewAgent, NewAppointment, Store, Who};
use visavis::time::{Clock, Timestamp};

use crate::database::home;

const SOON: Duration = Duration::from_secs(5);

/// Store, media plane and signaling behind a router, on a runtime of its own that can be cut off like a killed process.
pub struct House {
    runtime: Option<tokio::runtime::Runtime>,
    signaling: Arc<Signaling>,
    store: Store,
    clock: Clock,
    base: Base,
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[derive(Clone)]
struct Doors(Arc<Signaling>, Store);

impl House {
    pub async fn start(directory: &Path) -> Self {
        Self::start_logging(directory, Log::default()).await
    }

    /// Everything that this house's own threads log, at every level, is in `log`.
    async fn start_logging(directory: &Path, log: Log) -> Self {
        let listen = move || {
            let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(log.clone());
            std::mem::forget(tracing::subscriber::set_default(subscriber.finish()));
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().on_thread_start(listen).build().unwrap();
        let directory = directory.to_owned();
        let clock = Clock::default();
        let started = runtime.spawn({
            let clock = clock.clone();
            async move {
                let store = Store::open(home(&directory)).await.unwrap();
                for number in 1..=2 {
                    let (username, display_name) = (number.to_string(), format!("Agent {number}"));
                    let account =
                        NewAgent { username, display_name, language: "en".into(), password_hash: String::new(), role: Role::Agent };
                    assert_eq!(store.put_agent(account, Timestamp(0)).await.unwrap(), AgentId(number));
                }
                let config = MediaConfig { advertised: vec![IpAddr::from([127, 0, 0, 1])], tcp: vec![], port: 0, workers: 1 };
                let signaling = Signaling::new(store.clone(), MediaPlane::start(config).unwrap(), clock);
                let router = Router::new()
                    .route("/signaling/citizen", get(citizen))
                    .route("/signaling/agent", get(agent))
                    .with_state(Doors(signaling.clone(), store.clone()));
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let base = Base::plain(listener.local_addr().unwrap().to_string());
                tokio::spawn(async move { axum::serve(listener, router).await });
                (store, signaling, base)
            }
        });
        let (store, signaling, base) = started.await.unwrap();
        Self { runtime: Some(runtime), signaling, store, clock, base }
    }

    /// Everything stops where it is: nothing is said, nothing is written any more.
    pub async fn kill(mut self) {
        let runtime = self.runtime.take().unwrap();
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(SOON)).await.unwrap();
        drop(self);
        store.close().await;
    }

    /// An appointment that begins `from_now` and lasts 20 minutes.
    async fn book_at(&self, from_now: i64) -> Appointment {
        let start = Timestamp(self.clock.now().0 + from_now * 1000);
        let slot = Slot { start, end: start.after(Duration::from_secs(1200)) };
        let new = NewAppointment {
            service: "advice".into(),
            name: "Clara Citizen".into(),
            language: "fr".into(),
            details: Details::default(),
            slot,
            rules: LinkRules::default(),
        };
        let (appointment, _) = self.store.book(new, self.clock.now()).await.unwrap();
        self.signaling.agenda_changed();
        appointment
    }

    pub async fn book(&self) -> Appointment {
        self.book_at(60).await
    }

    pub async fn citizen(&self, of: &Appointment, device: u8) -> Person {
        Person::open(&self.base, "citizen", &format!("appointment={}", of.id), of, device).await
    }

    pub async fn agent(&self, number: i64, of: &Appointment, device: u8) -> Person {
        self.agent_by(&number.to_string(), of, device).await
    }

    /// An agent by a certain sign-in.
    async fn agent_by(&self, sign_in: &str, of: &Appointment, device: u8) -> Person {
        Person::open(&self.base, "agent", &format!("agent={sign_in}"), of, device).await
    }

    /// As `http` does it.
    async fn sign_out(&self, sign_in: &str) {
        self.store.sign_out_agent(digest(sign_in), self.clock.now()).await.unwrap();
        self.signaling.sign_ins_ended(&[digest(sign_in)]);
    }

    /// Citizen waits, agent is at the desk.
    pub async fn waiting(&self) -> (Appointment, Person, Person) {
        let of = self.book().await;
        let citizen = self.citizen(&of, 1).await;
        let agent = self.agent(1, &of, 11).await;
        citizen.ask("arrive").await.unwrap();
        citizen.phase("waiting").await;
        (of, citizen, agent)
    }

    pub async fn in_call(&self) -> (Appointment, Person, Person) {
        let (of, citizen, agent) = self.waiting().await;
        agent.ask("call").await.unwrap();
        citizen.accept().await;
        citizen.phase("in_call").await;
        agent.phase("in_call").await;
        (of, citizen, agent)
    }

    /// A bare socket, for what no client does.
    async fn bare(&self, role: &str, cookie: &str) -> WebSocketStream<TcpStream> {
        let mut request = format!("ws://{}/signaling/{role}", self.base.authority).into_client_request().unwrap();
        request.headers_mut().insert("Cookie", cookie.parse().unwrap());
        request.headers_mut().insert("Sec-WebSocket-Protocol", "visavis.v1".parse().unwrap());
        let stream = TcpStream::connect(&self.base.authority).await.unwrap();
        tokio_tungstenite::client_async(request, stream).await.unwrap().0
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers["cookie"].to_str().unwrap().strip_prefix(name).unwrap()
}

async fn citizen(State(Doors(house, store)): State<Doors>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let appointment: AppointmentId = cookie(&headers, "appointment=").parse().unwrap();
    let sign_in = digest(&appointment.to_string());
    if let Ok(Some(of)) = store.appointment(appointment).await {
        let now = Timestamp(of.end.0);
        // A second socket comes with the same cookie.
        let _ = store.sign_in_citizen(&of, sign_in, now).await;
    }
    prepare(upgrade).on_upgrade(move |socket| house.serve_citizen(socket, appointment, sign_in))
}

/// `agent=1` is signed in; `agent=1.2` is the same agent by a second sign-in.
async fn agent(State(Doors(house, store)): State<Doors>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let cookie = cookie(&headers, "agent=");
    let grant = grant(cookie.split('.').next().unwrap().parse().unwrap());
    let sign_in = digest(cookie);
    let _ = store.sign_in_agent(grant.agent, sign_in, Timestamp(0)).await;
    prepare(upgrade).on_upgrade(move |socket| house.serve_agent(socket, grant, sign_in))
}

fn digest(cookie: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.iter_mut().zip(cookie.bytes().cycle().take(cookie.len().min(32))).for_each(|(to, from)| *to = from);
    hash
}

fn grant(number: i64) -> AgentGrant {
    AgentGrant { agent: AgentId(number), display_name: format!("Agent {number}"), role: Role::Agent }
}

/// A client of one appointment.
pub struct Person {
    signaling: SignalingClient,
    appointment: String,
    is_agent: bool,
}

impl Person {
    async fn open(base: &Base, role: &str, cookie: &str, of: &Appointment, device: u8) -> Self {
        let mut signaling = SignalingClient::connect(base, role, cookie).await.unwrap();
        signaling.hello(&DeviceId([device; 16]).to_string()).await.unwrap();
        Self { signaling, appointment: of.id.to_string(), is_agent: role == "agent" }
    }

    pub async fn ask_with(&self, kind: &str, mut message: Value) -> Result<Value, String> {
        message["type"] = json!(kind);
        if self.is_agent {
            message["appointment"] = json!(self.appointment);
        }
        self.signaling.request(message).await.map_err(|error| match error {
            LoadError::Refused(code) => code,
            error => panic!("{kind}: {error}"),
        })
    }

    pub async fn ask(&self, kind: &str) -> Result<Value, String> {
        self.ask_with(kind, json!({})).await
    }

    pub async fn accept(&self) {
        let ringing = self.phase("ringing").await;
        self.ask_with("accept", json!({"call": ringing["call"]["number"]})).await.unwrap();
    }

    /// Waits for a state for which `good` holds.
    pub async fn state(&self, what: &'static str, good: impl Fn(&Value) -> bool) -> Value {
        let heard = self.signaling.until(SOON, what, |heard| heard.states.get(&self.appointment).is_some_and(&good)).await;
        heard.unwrap_or_else(|error| panic!("{error}; last: {:?}", self.signaling.heard().states.get(&self.appointment))).states
            [&self.appointment]
            .clone()
    }

    pub async fn phase(&self, phase: &'static str) -> Value {
        self.state(phase, |state| state["phase"] == phase).await
    }

    /// Waits for the own row on the desk.
    async fn row(&self, what: &'static str, good: impl Fn(&Value) -> bool) -> Value {
        let own = |heard: &visavis::load::signaling_client::Heard| {
            heard.desk.as_ref()?["rows"].as_array()?.iter().find(|row| row["appointment"] == self.appointment).cloned()
        };
        let heard = self.signaling.until(SOON, what, |heard| own(heard).as_ref().is_some_and(&good)).await;
        heard.as_ref().ok().and_then(own).unwrap_or_else(|| panic!("{what}: {:?}", self.signaling.heard().desk))
    }

    /// Everything that the server said by itself, in order.
    pub fn heard(&self) -> Vec<Value> {
        self.signaling.heard().all
    }

    /// Waits until what the server said by itself is `good`.
    pub async fn hears(&self, what: &'static str, good: impl Fn(&[Value]) -> bool) {
        let heard = self.signaling.until(SOON, what, |heard| good(&heard.all)).await;
        heard.unwrap_or_else(|error| panic!("{error}: {:?}", self.heard()));
    }

    async fn closed(&self) -> u16 {
        self.signaling.until(SOON, "close", |heard| heard.closed.is_some()).await.unwrap().closed.unwrap()
    }

    fn revisions(&self) -> Vec<u64> {
        self.signaling
            .heard()
            .all
            .iter()
            .filter(|message| message["type"] == "state")
            .map(|state| state["revision"].as_u64().unwrap())
            .collect()
    }
}

/// Reads until the socket ends; the close code, if one came.
async fn end_of(socket: &mut WebSocketStream<TcpStream>) -> Option<u16> {
    let read = async {
        while let Some(message) = socket.next().await {
            match message {
                Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
        None
    };
    tokio::time::timeout(Duration::from_secs(15), read).await.expect("the socket was not closed")
}

fn hello() -> Message {
    Message::text(json!({"type": "hello", "id": 1, "version": 1, "device": DeviceId([9; 16]).to_string()}).to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_journey_from_the_link_to_the_close() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let of = house.book().await;
    let anna = house.agent(1, &of, 11).await;
    anna.row("expected", |row| row["state"] == "expected" && row["name"] == "Clara Citizen" && row["agent"].is_null()).await;

    let clara = house.citizen(&of, 1).await;
    clara.phase("open").await;
    clara.ask("arrive").await.unwrap();
    let waiting = clara.phase("waiting").await;
    assert_eq!((waiting["you"].as_u64(), waiting["waiting"]["place"].as_u64()), (Some(0), Some(1)));
    assert_eq!((waiting["participants"].clone(), waiting["slots"].clone()), (json!([]), json!([])));
    anna.row("waiting", |row| row["state"] == "waiting" && row["presence"] == "here" && row["since"].is_string()).await;

    anna.ask_with("notify", json!({"text": "Five more minutes"})).await.unwrap();
    clara.state("the message", |state| state["waiting"]["messages"][0]["text"] == "Five more minutes").await;

    anna.ask("call").await.unwrap();
    let calling = anna.phase("calling").await;
    assert_eq!((calling["you"].as_u64(), calling["call"]["from"].clone()), (Some(1), Value::Null));
    assert_eq!(calling["participants"][0]["name"], "Clara Citizen");
    let ringing = clara.phase("ringing").await;
    assert_eq!(ringing["call"]["from"], "Agent 1");
    anna.row("ringing", |row| row["state"] == "ringing" && row["agent"] == "Agent 1").await;

    clara.ask_with("accept", json!({"call": ringing["call"]["number"]})).await.unwrap();
    let in_call = clara.phase("in_call").await;
    assert_eq!(
        (in_call["participants"][0]["name"].as_str(), in_call["participants"][0]["role"].as_str()),
        (Some("Agent 1"), Some("agent"))
    );
    assert!(in_call.get("waiting").is_none() && in_call.get("call").is_none());
    clara.ask_with("publish", json!({"microphone": true, "camera": false, "screen": false})).await.unwrap();
    anna.state("a microphone", |state| state["participants"][0]["microphone"] == true).await;

    anna.ask("leave").await.unwrap();
    anna.phase("left").await;
    clara.state("alone", |state| state["phase"] == "in_call" && state["participants"] == json!([])).await;
    anna.ask("return").await.unwrap();
    clara.ask("leave").await.unwrap();
    clara.phase("left").await;
    anna.state("the citizen left", |state| state["phase"] == "in_call" && state["participants"] == json!([])).await;
    clara.ask("return").await.unwrap();
    clara.phase("in_call").await;

    anna.ask("put_back").await.unwrap();
    anna.phase("put_back").await;
    let back = clara.phase("waiting").await;
    assert_eq!(back["waiting"]["since"], waiting["waiting"]["since"], "the old place");
    anna.ask("call").await.unwrap();
    clara.accept().await;
    anna.phase("in_call").await;
    anna.ask_with("close", json!({"outcome": "done"})).await.unwrap();
    clara.phase("closed").await;
    anna.phase("closed").await;
    assert_eq!(clara.ask("return").await, Err("closed".into()));
    assert!(clara.revisions().is_sorted_by(|a, b| a < b) && anna.revisions().is_sorted_by(|a, b| a < b));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_called_twice_and_declining_goes_back_to_the_queue() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, anna) = house.waiting().await;
    let bert = house.agent(2, &of, 12).await;
    let answers = tokio::join!(anna.ask("call"), bert.ask("call"));
    let (called, refused) = if answers.0.is_ok() { (&anna, answers.1) } else { (&bert, answers.0) };
    assert_eq!(refused, Err("taken".into()));
    let number = clara.phase("ringing").await["call"]["number"].clone();
    clara.ask_with("decline", json!({"call": number})).await.unwrap();
    called.phase("declined").await;
    clara.phase("waiting").await;
    assert_eq!(clara.ask_with("accept", json!({"call": number})).await, Err("call_gone".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_socket_resumes_by_snapshot_and_is_away_only_after_the_grace() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, anna) = house.in_call().await;
    let cut = Instant::now();
    drop(clara);
    anna.state("away", |state| state["participants"][0]["presence"] == "away").await;
    assert!(cut.elapsed() >= Duration::from_secs(2), "too early: {:?}", cut.elapsed());
    let back = Instant::now();
    let clara = house.citizen(&of, 1).await;
    clara.phase("in_call").await;
    assert!(back.elapsed() < Duration::from_secs(2), "N9: {:?}", back.elapsed());
    anna.state("here", |state| state["participants"][0]["presence"] == "here").await;

    drop(anna);
    clara.state("the agent away", |state| state["participants"][0]["presence"] == "away").await;
    let anna = house.agent(1, &of, 11).await;
    anna.phase("in_call").await;
    clara.state("the agent here", |state| state["participants"][0]["presence"] == "here").await;
    let heard = anna.signaling.until(SOON, "desk", |heard| heard.desk.is_some()).await.unwrap();
    assert_eq!(heard.all[0]["type"], "state", "an agent's seats come before the desk");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_killed_brings_back_seats_phases_and_the_ring() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, _clara, anna) = house.in_call().await;
    let ringing = house.book().await;
    let other = house.citizen(&ringing, 2).await;
    other.ask("arrive").await.unwrap();
    let mut called = anna;
    called.appointment = ringing.id.to_string();
    called.ask("call").await.unwrap();
    let before = other.phase("ringing").await;
    house.kill().await;

    let house = House::start(directory.path()).await;
    let anna = house.agent(1, &of, 11).await;
    anna.phase("in_call").await;
    let clara = house.citizen(&of, 1).await;
    clara.phase("in_call").await;
    house.citizen(&of, 7).await.phase("elsewhere").await;
    anna.state("the citizen here", |state| state["participants"][0]["presence"] == "here").await;
    let other = house.citizen(&ringing, 2).await;
    let after = other.phase("ringing").await;
    assert_eq!((&after["call"], &after["waiting"]["since"]), (&before["call"], &before["waiting"]["since"]));
    assert!(after["revision"].as_u64() > before["revision"].as_u64(), "a client that keeps the latest revision takes this one");
    other.accept().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_devices_that_arrive_at_once_exactly_one_is_active_a_hundred_times() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    for round in 0..100 {
        let of = house.book().await;
        let (one, two) = tokio::join!(house.citizen(&of, 1), house.citizen(&of, 2));
        let answers = tokio::join!(one.ask("arrive"), two.ask("arrive"));
        let (active, other) = match (&answers.0, &answers.1) {
            (Ok(_), Err(code)) if code == "elsewhere" => (&one, &two),
            (Err(code), Ok(_)) if code == "elsewhere" => (&two, &one),
            both => panic!("round {round}: {both:?}"),
        };
        active.phase("waiting").await;
        other.phase("elsewhere").await;
        // Both want it now; whoever is last has it, and never both.
        let taken = tokio::join!(active.ask("take_over"), other.ask("take_over"));
        assert!(taken.0.is_ok() && taken.1.is_ok());
        let sends = json!({"microphone": true, "camera": true, "screen": false});
        let speak = tokio::join!(active.ask_with("publish", sends.clone()), other.ask_with("publish", sends));
        assert!(speak.0.is_ok() != speak.1.is_ok(), "round {round}: {speak:?}");
        let (active, other) = if speak.0.is_ok() { (active, other) } else { (other, active) };
        active.phase("waiting").await;
        other.phase("elsewhere").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_device_takes_over_a_call_by_a_click_and_the_first_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, anna) = house.in_call().await;
    let laptop = house.citizen(&of, 2).await;
    laptop.phase("elsewhere").await;
    assert_eq!(laptop.ask_with("offer", json!({"transport": 1, "sdp": "v=0"})).await, Err("not_seated".into()));
    laptop.ask("take_over").await.unwrap();
    laptop.phase("in_call").await;
    clara.phase("elsewhere").await;
    assert_eq!(clara.ask("leave").await, Err("elsewhere".into()));
    let other_desk = house.agent(1, &of, 12).await;
    other_desk.phase("elsewhere").await;
    other_desk.ask("take_over").await.unwrap();
    other_desk.phase("in_call").await;
    anna.phase("elsewhere").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_socket_of_the_same_device_replaces_the_older() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, anna) = house.in_call().await;
    let (newer, newer_agent) = (house.citizen(&of, 1).await, house.agent(1, &of, 11).await);
    assert_eq!((clara.closed().await, anna.closed().await), (4002, 4002));
    newer.phase("in_call").await;
    newer_agent.phase("in_call").await;
    let away = newer
        .signaling
        .until(Duration::from_secs(3), "a drop", |heard| heard.all.iter().any(|message| message["participants"][0]["presence"] == "away"));
    assert!(away.await.is_err(), "being replaced is no drop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_who_signs_out_is_cut_and_keeps_the_seat() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, anna) = house.in_call().await;
    let other_desk = house.agent_by("1.2", &of, 13).await;
    other_desk.phase("elsewhere").await;
    house.sign_out("1").await;
    assert_eq!(anna.closed().await, 4001);
    clara.state("away", |state| state["participants"][0]["presence"] == "away").await;
    // From another machine, without a click: nobody speaks from the seat.
    other_desk.ask("return").await.unwrap();
    other_desk.phase("in_call").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_says_hello_only_after_the_sign_out_gets_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    house.book().await;
    let mut late = house.bare("agent", "agent=1").await;
    house.sign_out("1").await;
    let hello = json!({"type": "hello", "id": 1, "version": 1, "device": DeviceId([9; 16]).to_string()});
    late.send(Message::text(hello.to_string())).await.unwrap();
    let mut told = Vec::new();
    let code = loop {
        match tokio::time::timeout(SOON, late.next()).await.unwrap().unwrap().unwrap() {
            Message::Close(frame) => break u16::from(frame.unwrap().code),
            message => told.push(message.into_text().unwrap().to_string()),
        }
    };
    assert_eq!(code, 4001);
    assert!(!told.iter().any(|text| text.contains("desk")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_link_ends_the_sockets_that_it_opened() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, anna) = house.in_call().await;
    house.store.rotate_link(of.id, Who::Api, house.clock.now()).await.unwrap().unwrap();
    house.signaling.link_ended(of.id);
    assert_eq!(clara.closed().await, 4001);
    anna.state("away", |state| state["participants"][0]["presence"] == "away").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_appointment_leaves_nobody_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, anna) = house.in_call().await;
    house.store.erase(of.id, Who::Service, house.clock.now()).await.unwrap();
    house.signaling.link_ended(of.id);
    assert_eq!(clara.closed().await, 4001);
    anna.phase("closed").await;
    let empty = anna.signaling.until(SOON, "an empty desk", |heard| heard.desk.as_ref().is_some_and(|desk| desk["rows"] == json!([])));
    empty.await.unwrap();
    assert_eq!(anna.ask("return").await, Err("unknown_appointment".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_comes_when_its_audit_line_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, _clara, anna) = house.waiting().await;
    anna.ask("call").await.unwrap();
    let trail = house.store.audit_of(of.id).await.unwrap();
    assert_eq!(trail.iter().map(|line| line.what.as_str()).collect::<Vec<_>>(), ["booked", "arrive", "call"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (_, clara, anna) = house.in_call().await;
    house.signaling.stop().await;
    assert_eq!((clara.closed().await, anna.closed().await), (1001, 1001));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_in_the_queue_follow_the_arrivals() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, anna) = house.waiting().await;
    let second = house.book_at(-60).await;
    let cyril = house.citizen(&second, 2).await;
    cyril.ask("arrive").await.unwrap();
    cyril.state("second", |state| state["waiting"]["place"] == 2).await;
    anna.ask("call").await.unwrap();
    cyril.state("still second while the first is called", |state| state["waiting"]["place"] == 2).await;
    clara.accept().await;
    cyril.state("first", |state| state["waiting"]["place"] == 1).await;
    anna.ask("put_back").await.unwrap();
    cyril.state("second again", |state| state["waiting"]["place"] == 2).await;
    let heard = anna.signaling.until(SOON, "both wait", |heard| {
        heard.desk.as_ref().is_some_and(|desk| desk["rows"][0]["appointment"] == of.id.to_string() && desk["rows"][1]["state"] == "waiting")
    });
    heard.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_calendar_alone_opens_the_waiting_room_and_ends_it() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let of = house.book_at(16 * 60).await;
    let clara = house.citizen(&of, 1).await;
    clara.phase("too_early").await;
    assert_eq!(clara.ask("arrive").await, Err("too_early".into()));
    house.clock.shift(61_000);
    clara.phase("open").await;
    clara.ask("arrive").await.unwrap();
    clara.phase("waiting").await;
    house.clock.shift(65 * 60_000);
    clara.phase("missed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_written_down_is_not_done() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let of = house.book().await;
    let clara = house.citizen(&of, 1).await;
    clara.phase("open").await;
    house.store.close().await;
    assert_eq!(clara.ask("arrive").await, Err("internal".into()));
    assert_eq!(clara.signaling.heard().states[&clara.appointment]["phase"], "open");
    assert_eq!(clara.ask_with("offer", json!({"transport": 1, "sdp": "v=0"})).await, Err("not_seated".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consultations_leave_the_memory_when_nobody_is_there_and_nothing_is_due() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let of = house.book().await;
    let clara = house.citizen(&of, 1).await;
    clara.phase("open").await;
    assert_eq!(house.signaling.consultations(), 1);
    drop(clara);
    let gone = async {
        while house.signaling.consultations() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("the consultation stayed in memory");
    house.citizen(&of, 1).await.phase("open").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_not_possible_are_refused_and_the_socket_stays() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let of = house.book().await;
    let clara = house.citizen(&of, 1).await;
    let anna = house.agent(1, &of, 11).await;
    assert_eq!(clara.ask("take_over").await, Err("wrong_state".into()));
    assert_eq!(clara.ask("leave").await, Err("not_seated".into()));
    assert_eq!(clara.ask_with("accept", json!({"call": 1})).await, Err("not_seated".into()));
    assert_eq!(clara.ask("dance").await, Err("bad_message".into()));
    assert_eq!(clara.ask_with("call", json!({"appointment": of.id.to_string()})).await, Err("bad_message".into()));
    assert_eq!(clara.ask_with("hello", json!({"version": 1, "device": DeviceId([1; 16]).to_string()})).await, Err("wrong_state".into()));
    for kind in ["call", "put_back", "leave", "return", "take_over", "cancel_call"] {
        let refused = anna.ask(kind).await.unwrap_err();
        assert!(["not_waiting", "not_in_call", "wrong_state", "call_gone"].contains(&refused.as_str()), "{kind}: {refused}");
    }
    let nowhere = anna.signaling.request(json!({"type": "call", "appointment": "0".repeat(32)})).await;
    assert!(matches!(nowhere, Err(LoadError::Refused(code)) if code == "unknown_appointment"));
    clara.ask("arrive").await.unwrap();
    assert_eq!(clara.ask_with("offer", json!({"transport": 1, "sdp": "not SDP"})).await, Err("bad_offer".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_leaves_one_line_with_the_reference_and_nothing_personal() {
    let directory = tempfile::tempdir().unwrap();
    let log = Log::default();
    let house = House::start_logging(directory.path(), log.clone()).await;
    let (of, clara, anna) = house.waiting().await;
    anna.ask_with("notify", json!({"text": "Geheimes Wort"})).await.unwrap();
    anna.ask("call").await.unwrap();
    clara.accept().await;
    anna.phase("in_call").await;
    drop(clara);
    anna.state("away", |state| state["participants"][0]["presence"] == "away").await;
    let clara = house.citizen(&of, 1).await;
    clara.phase("in_call").await;
    anna.ask("leave").await.unwrap();
    anna.ask_with("close", json!({"outcome": "done"})).await.unwrap();
    clara.phase("closed").await;
    let lines = |word: &str| {
        let end = format!(" {word} reference={}", of.reference);
        log.text().lines().filter(|line| line.contains("INFO") && line.contains(end.trim_start())).count()
    };
    let written = async {
        while lines("close") == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, written).await.unwrap_or_else(|_| panic!("{}", log.text()));
    for word in ["arrive", "notify", "call", "admit", "drop", "return", "leave", "close"] {
        assert_eq!(lines(word), 1, "{word}\n{}", log.text());
    }
    for personal in ["Clara", "Agent 1", "Geheimes"] {
        assert!(!log.text().contains(personal), "{personal}: {}", log.text().lines().find(|line| line.contains(personal)).unwrap_or(""));
    }
}

// O12: what no client does.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opening_is_held_to_its_rules() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let of = house.book().await;
    let cookie = format!("appointment={}", of.id);
    let begun = Instant::now();
    let mut silent = house.bare("citizen", &cookie).await;
    for first in ["{\"type\":\"ping\",\"id\":1}", "{\"type\":\"arrive\",\"id\":1}", "{\"id\":1}", "{}", "", "nonsense"] {
        let mut socket = house.bare("citizen", &cookie).await;
        socket.send(Message::text(first)).await.unwrap();
        assert_eq!(end_of(&mut socket).await, Some(1008), "{first}");
    }
    let mut socket = house.bare("citizen", &cookie).await;
    socket
        .send(Message::text(json!({"type": "hello", "id": 1, "version": 2, "device": DeviceId([1; 16]).to_string()}).to_string()))
        .await
        .unwrap();
    let answer = socket.next().await.unwrap().unwrap();
    assert!(answer.to_text().unwrap().contains("unsupported_version"));
    assert_eq!(end_of(&mut socket).await, Some(1008));
    assert_eq!(end_of(&mut silent).await, Some(1008));
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_secs(10) && waited < Duration::from_secs(12), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_breaks_a_limit_is_cut_and_nobody_else_notices() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, anna) = house.in_call().await;
    let cookie = format!("appointment={}", of.id);

    let mut flood = house.bare("citizen", &cookie).await;
    flood.send(hello()).await.unwrap();
    for id in 2..10_000 {
        if flood.send(Message::text(json!({"type": "ping", "id": id}).to_string())).await.is_err() {
            break;
        }
    }
    assert_eq!(end_of(&mut flood).await, Some(1008), "10,000 messages at once");

    let mut pings = house.bare("citizen", &cookie).await;
    pings.send(hello()).await.unwrap();
    for _ in 0..200 {
        if pings.send(Message::Ping("x".into())).await.is_err() {
            break;
        }
    }
    assert_eq!(end_of(&mut pings).await, Some(1008), "a flood of control frames");

    // Many times: the reason must not be lost to a reset when the socket ends with bytes that nobody read.
    for bytes in [64, 65, 96, 128, 192, 256].repeat(8) {
        let mut large = house.bare("citizen", &cookie).await;
        large.send(hello()).await.unwrap();
        let message = format!("{{\"type\":\"offer\",\"id\":2,\"transport\":1,\"sdp\":\"{}\"}}", "x".repeat(bytes * 1024));
        // A socket that is closed in the middle takes no more; what it said is still there to read.
        let _ = large.send(Message::text(message)).await;
        assert_eq!(end_of(&mut large).await, Some(1008), "a message of {bytes} KiB");
    }

    let mut binary = house.bare("citizen", &cookie).await;
    binary.send(hello()).await.unwrap();
    binary.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(end_of(&mut binary).await, Some(1008), "a binary message");

    let still = Instant::now();
    clara.ask_with("publish", json!({"microphone": true, "camera": true, "screen": false})).await.unwrap();
    anna.state("the camera", |state| state["participants"][0]["camera"] == true).await;
    assert!(still.elapsed() < Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_are_not_websocket_or_not_utf8_end_the_socket_without_a_panic() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, _anna) = house.in_call().await;
    let masked = |first: u8, payload: &[u8]| [&[first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0], payload].concat();
    let cases: [(&str, Vec<u8>); 5] = [
        ("text that is not UTF-8", masked(0x81, &[0xff, 0xfe, 0x80])),
        ("a frame of 4 GiB", [&[0x81, 0xff][..], &u64::to_be_bytes(1 << 32), &[0; 4]].concat()),
        ("a reserved bit, as deflate would set it", masked(0xc1, b"{}")),
        ("an unmasked frame", vec![0x81, 2, b'{', b'}']),
        ("a continuation of nothing", masked(0x80, b"{}")),
    ];
    for (what, bytes) in cases {
        let mut socket = house.bare("citizen", &format!("appointment={}", of.id)).await;
        socket.send(hello()).await.unwrap();
        let stream = socket.get_mut();
        stream.write_all(&bytes).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(SOON, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{what}: the socket was not ended");
    }
    assert_eq!(clara.signaling.heard().closed, None);
    clara.ask_with("publish", json!({"microphone": true, "camera": true, "screen": false})).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_link_has_so_many_sockets_and_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let of = house.book().await;
    let mut open = Vec::new();
    for device in 0..16 {
        open.push(house.citizen(&of, device).await);
    }
    assert_eq!(house.citizen(&of, 16).await.closed().await, 1013);
    for person in &open {
        person.phase("open").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_appointment_tells_the_page_that_waits_and_leaves_the_desk() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start(directory.path()).await;
    let (of, clara, anna) = house.waiting().await;
    anna.row("waiting", |row| row["state"] == "waiting").await;
    house.signaling.cancel(of.id, Who::Api).await.unwrap();
    clara.phase("cancelled").await;
    let empty = anna.signaling.until(SOON, "an empty desk", |heard| heard.desk.as_ref().is_some_and(|desk| desk["rows"] == json!([])));
    empty.await.unwrap();
    assert_eq!(clara.ask("arrive").await, Err("closed".into()));
    let lines = house.store.audit_of(of.id).await.unwrap();
    assert_eq!(lines.iter().map(|line| (line.what.as_str(), line.who.as_str())).next_back(), Some(("cancel", "api")));
    house.signaling.cancel(of.id, Who::Api).await.unwrap();
    assert_eq!(house.store.audit_of(of.id).await.unwrap().len(), lines.len(), "done again it leaves no second line");
}
