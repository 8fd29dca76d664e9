//! One WebSocket of a simulated participant, as `docs/protocol.md` describes it: numbered requests, one answer each, whole snapshots.
//! Messages are plain JSON values, so that nothing here repeats an opinion of the server's own types.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::load::LoadError;
use crate::load::http_client::Base;
use crate::load::wire::{Wire, dial};

/// Answers are expected within this time.
const ANSWER: Duration = Duration::from_secs(5);
/// Unsent messages of one socket; a request waits at the bound.
const SENDING: usize = 64;
/// Snapshots and other server messages kept for reading back; older ones are forgotten.
const KEPT: usize = 1_000;

/// What the server has said so far, beside answers.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// The latest `state` by appointment.
    pub states: HashMap<String, Value>,
    /// The latest `desk`.
    pub desk: Option<Value>,
    /// Everything in order, bounded.
    pub all: Vec<Value>,
    /// The close code, once the socket has ended; 1006 when there was none.
    pub closed: Option<u16>,
}

struct Shared {
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    heard: watch::Sender<Heard>,
    next: Mutex<u64>,
    /// Neither the desk nor the history is kept.
    is_terse: bool,
}

/// An open socket.
pub struct SignalingClient {
    shared: Arc<Shared>,
    sending: mpsc::Sender<Message>,
    heartbeat: tokio::task::JoinHandle<()>,
    socket: tokio::task::JoinHandle<()>,
}

impl SignalingClient {
    /// Connects to `/signaling/<role>` with the cookie, says nothing yet. A refused upgrade is `Refused("403")` and the like.
    pub async fn connect(base: &Base, role: &str, cookie: &str) -> Result<Self, LoadError> {
        Self::connect_from(base, role, cookie, &base.origin()).await
    }

    /// As [`Self::connect`], for one of very many: keeps `states` alone, and leaves the desk unread.
    pub async fn connect_terse(base: &Base, role: &str, cookie: &str) -> Result<Self, LoadError> {
        Self::connect_with(base, role, cookie, &base.origin(), true).await
    }

    /// As [`Self::connect`] with any `Origin`.
    pub async fn connect_from(base: &Base, role: &str, cookie: &str, origin: &str) -> Result<Self, LoadError> {
        Self::connect_with(base, role, cookie, origin, false).await
    }

    async fn connect_with(base: &Base, role: &str, cookie: &str, origin: &str, is_terse: bool) -> Result<Self, LoadError> {
        let mut request = format!("ws://{}/signaling/{role}", base.authority).into_client_request().map_err(|error| failed(&error))?;
        for (name, value) in [("Cookie", cookie), ("Origin", origin), ("Sec-WebSocket-Protocol", "visavis.v1")] {
            let value = value.parse().map_err(|_| LoadError::Signaling(format!("not a value for {name}")))?;
            request.headers_mut().insert(name, value);
        }
        let stream = dial(&base.authority, base.trust.as_ref()).await?;
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await.map_err(|error| match error {
            Error::Http(answer) => LoadError::Refused(answer.status().as_u16().to_string()),
            error => failed(&error),
        })?;
        let shared = Arc::new(Shared { waiting: Mutex::default(), heard: watch::Sender::default(), next: Mutex::new(0), is_terse });
        let (sending, outbox) = mpsc::channel(SENDING);
        let socket = tokio::spawn(run(socket, outbox, shared.clone()));
        let heartbeat = tokio::spawn(async {});
        Ok(Self { shared, sending, heartbeat, socket })
    }

    /// Says hello for a device (16 bytes, base64url) and begins to ping as asked. Returns the `welcome`.
    pub async fn hello(&mut self, device: &str) -> Result<Value, LoadError> {
        let welcome = self.request(json!({"type": "hello", "version": 1, "device": device})).await?;
        let pause = Duration::from_millis(welcome["heartbeat_ms"].as_u64().unwrap_or(5_000).max(100));
        let (sending, shared) = (self.sending.clone(), self.shared.clone());
        self.heartbeat = tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                let ping = json!({"type": "ping", "id": next(&shared)}).to_string();
                if sending.send(Message::text(ping)).await.is_err() {
                    return;
                }
            }
        });
        Ok(welcome)
    }

    /// Sends a request under the next number and waits for its answer; an `error` becomes [`LoadError::Refused`] with its code.
    pub async fn request(&self, mut message: Value) -> Result<Value, LoadError> {
        let id = next(&self.shared);
        message["id"] = json!(id);
        let (tx, rx) = oneshot::channel();
        lock(&self.shared.waiting).insert(id, tx);
        if self.sending.send(Message::text(message.to_string())).await.is_err() {
            return Err(self.ended());
        }
        let answer = tokio::time::timeout(ANSWER, rx).await.map_err(|_| LoadError::Late(ANSWER, "an answer"))?;
        let answer = answer.map_err(|_| self.ended())?;
        match answer["type"].as_str() {
            Some("error") => Err(LoadError::Refused(answer["code"].as_str().unwrap_or("").to_owned())),
            _ => Ok(answer),
        }
    }

    /// Sends a text as it is, for tests of what the server refuses.
    pub async fn send_text(&self, text: &str) -> Result<(), LoadError> {
        self.sending.send(Message::text(text)).await.map_err(|_| self.ended())
    }

    /// A copy of what was heard.
    pub fn heard(&self) -> Heard {
        self.shared.heard.borrow().clone()
    }

    /// Waits until `good` holds for what was heard.
    pub async fn until(&self, within: Duration, what: &'static str, good: impl Fn(&Heard) -> bool) -> Result<Heard, LoadError> {
        let mut heard = self.shared.heard.subscribe();
        let waited = tokio::time::timeout(within, heard.wait_for(|heard| good(heard))).await;
        match waited {
            Ok(Ok(heard)) => Ok(heard.clone()),
            Ok(Err(_)) => Err(self.ended()),
            Err(_) => Err(LoadError::Late(within, what)),
        }
    }

    /// Closes with 1000.
    pub async fn close(&self) {
        let _ = self.sending.send(Message::Close(None)).await;
    }

    /// Ends the socket without a word, as a network that is gone.
    pub fn cut(&self) {
        self.heartbeat.abort();
        self.socket.abort();
    }

    fn ended(&self) -> LoadError {
        LoadError::Closed(self.shared.heard.borrow().closed.unwrap_or(1006))
    }
}

impl Drop for SignalingClient {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

fn next(shared: &Shared) -> u64 {
    let mut next = lock(&shared.next);
    *next += 1;
    *next
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(error: &Error) -> LoadError {
    LoadError::Signaling(error.to_string())
}

async fn run(mut socket: WebSocketStream<Wire>, mut outbox: mpsc::Receiver<Message>, shared: Arc<Shared>) {
    let mut closed = 1006;
    let mut writable = true;
    loop {
        tokio::select! {
            message = outbox.recv(), if writable => match message {
                // What the server still has to say, such as why it closes, is read all the same.
                Some(message) => writable = socket.send(message).await.is_ok(),
                // The client was dropped: the socket is cut, as a lost network would.
                None => break,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => note(&shared, text.as_str()),
                Some(Ok(Message::Close(frame))) => closed = frame.map_or(1005, |frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            },
        }
    }
    shared.heard.send_modify(|heard| heard.closed = Some(closed));
    lock(&shared.waiting).clear();
}

fn note(shared: &Shared, text: &str) {
    if shared.is_terse && text.starts_with(r#"{"type":"desk""#) {
        return;
    }
    let Ok(message) = serde_json::from_str::<Value>(text) else { return };
    if let Some(re) = message["re"].as_u64() {
        if let Some(waiting) = lock(&shared.waiting).remove(&re) {
            let _ = waiting.send(message);
        }
        return;
    }
    shared.heard.send_modify(|heard| {
        match message["type"].as_str() {
            Some("state") => {
                heard.states.insert(message["appointment"].as_str().unwrap_or("").to_owned(), message.clone());
            }
            Some("desk") => heard.desk = Some(message.clone()),
            _ => {}
        }
        if shared.is_terse {
            return;
        }
        if heard.all.len() >= KEPT {
            heard.all.drain(..KEPT / 2);
        }
        heard.all.push(message);
    });
}
