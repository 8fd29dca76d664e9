//! A simulated citizen or agent: sign-in, signaling and one peer connection, in the steps a person takes. Decides nothing on its own.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::load::LoadError;
use crate::load::http_client::{Base, Response, request};
use crate::load::peer::{Peer, PeerOptions};
use crate::load::signaling_client::SignalingClient;
use crate::load::synthetic::mix;
use crate::sfu::negotiated::Source;

/// How long a step may take.
const STEP: Duration = Duration::from_secs(10);

/// Who somebody is, before any socket.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The server.
    pub base: Base,
    /// `citizen` or `agent`: the path of the socket.
    pub role: &'static str,
    /// `name=value`.
    pub cookie: String,
    /// What the server told at sign-in: `link` or `agent`.
    pub answer: Value,
}

impl SignedIn {
    /// Exchanges the token of a join link (`<base>/j#<token>`) for the citizen's cookie.
    pub async fn citizen(base: &Base, join_url: &str) -> Result<Self, LoadError> {
        let token = join_url.rsplit('#').next().unwrap_or("");
        let response = request(base, "POST", "/api/v1/join", &[], Some(&json!({"token": token}))).await?;
        Self::from(base, "citizen", response)
    }

    /// Signs an agent in.
    pub async fn agent(base: &Base, username: &str, password: &str) -> Result<Self, LoadError> {
        let body = json!({"username": username, "password": password});
        let response = request(base, "POST", "/api/v1/agent/sign-in", &[], Some(&body)).await?;
        Self::from(base, "agent", response)
    }

    fn from(base: &Base, role: &'static str, response: Response) -> Result<Self, LoadError> {
        if response.status != 200 {
            return Err(LoadError::Refused(response.error_code()));
        }
        let wanted = format!("__Host-visavis-{role}=");
        let cookie = response.cookies().into_iter().find(|cookie| cookie.starts_with(&wanted));
        let cookie = cookie.ok_or_else(|| LoadError::Signaling(String::from("no cookie")))?;
        Ok(Self { base: base.clone(), role, cookie, answer: response.json() })
    }

    /// Opens the socket and says hello as the device named by a number.
    pub async fn open(&self, device: u64) -> Result<SignalingClient, LoadError> {
        let mut signaling = SignalingClient::connect(&self.base, self.role, &self.cookie).await?;
        signaling.hello(&device_name(device)).await?;
        Ok(signaling)
    }

    /// The same with a socket that keeps little: for one of very many.
    pub async fn open_terse(&self, device: u64) -> Result<SignalingClient, LoadError> {
        let mut signaling = SignalingClient::connect_terse(&self.base, self.role, &self.cookie).await?;
        signaling.hello(&device_name(device)).await?;
        Ok(signaling)
    }
}

/// 16 bytes that belong to a number, base64url.
pub fn device_name(device: u64) -> String {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&mix(device).to_be_bytes());
    bytes[8..].copy_from_slice(&mix(!device).to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Somebody at a consultation, with socket and transport.
pub struct Participant {
    /// Credentials.
    pub signed_in: SignedIn,
    /// The socket.
    pub signaling: SignalingClient,
    /// The transport, once offered.
    pub peer: Option<Peer>,
    options: PeerOptions,
    transport: u32,
}

impl Participant {
    /// Opens the socket; the device has the number of `options.name`.
    pub async fn open(signed_in: SignedIn, options: PeerOptions) -> Result<Self, LoadError> {
        let signaling = signed_in.open(u64::from(options.name)).await?;
        Ok(Self { signed_in, signaling, peer: None, options, transport: 0 })
    }

    /// Replaces the socket by a new one of the same device.
    pub async fn reopen(&mut self) -> Result<(), LoadError> {
        self.signaling = self.signed_in.open(u64::from(self.options.name)).await?;
        Ok(())
    }

    /// The citizen's own appointment, or `""` before the first `state`.
    pub fn appointment(&self) -> String {
        self.signaling.heard().states.keys().next().cloned().unwrap_or_default()
    }

    /// A new peer connection, offered, answered and connected. `appointment` only for agents.
    pub async fn connect(&mut self, appointment: Option<&str>) -> Result<(), LoadError> {
        let peer = Box::pin(Peer::new(self.options.clone())).await?;
        self.transport += 1;
        let sdp = peer.offer().await?;
        let answer = self.offer(appointment, &sdp).await?;
        peer.accept_answer(&answer).await?;
        peer.connected(STEP).await?;
        if let Some(old) = self.peer.replace(peer) {
            old.close().await;
        }
        Ok(())
    }

    /// An ICE restart on the running peer connection.
    pub async fn restart(&mut self, appointment: Option<&str>) -> Result<(), LoadError> {
        let Some(peer) = &self.peer else { return Err(LoadError::Signaling(String::from("no peer connection"))) };
        let sdp = peer.restart_offer().await?;
        let answer = self.offer(appointment, &sdp).await?;
        peer.accept_answer(&answer).await
    }

    async fn offer(&self, appointment: Option<&str>, sdp: &str) -> Result<String, LoadError> {
        let message = self.ask("offer", appointment, json!({"transport": self.transport, "sdp": sdp})).await?;
        Ok(message["sdp"].as_str().unwrap_or("").to_owned())
    }

    /// One request by name, with the fields of `rest`.
    pub async fn ask(&self, kind: &str, appointment: Option<&str>, rest: Value) -> Result<Value, LoadError> {
        let mut message = rest;
        message["type"] = json!(kind);
        if let Some(appointment) = appointment {
            message["appointment"] = json!(appointment);
        }
        self.signaling.request(message).await
    }

    /// Waits for a phase of `state`.
    pub async fn phase(&self, appointment: &str, phase: &str) -> Result<Value, LoadError> {
        let heard = self
            .signaling
            .until(STEP, "a phase", |heard| heard.states.get(appointment).is_some_and(|state| state["phase"] == phase))
            .await?;
        Ok(heard.states[appointment].clone())
    }

    /// Sends microphone and camera until closed.
    pub fn start_sending(&self) {
        if let Some(peer) = &self.peer {
            peer.start_sending(Source::Microphone);
            peer.start_sending(Source::Camera);
        }
    }

    /// Ends socket and transport.
    pub async fn close(&self) {
        self.signaling.close().await;
        if let Some(peer) = &self.peer {
            peer.close().await;
        }
    }
}

/// Waits on the desk for a row of this appointment in this state.
pub async fn desk_row(signaling: &SignalingClient, reference: &str, state: &str) -> Result<Value, LoadError> {
    let wanted = |row: &Value| row["reference"] == reference && row["state"] == state;
    let rows = |desk: &Value| desk["rows"].as_array().cloned().unwrap_or_default();
    let heard =
        signaling.until(STEP, "a row of the desk", |heard| heard.desk.as_ref().is_some_and(|desk| rows(desk).iter().any(wanted))).await?;
    let row = heard.desk.as_ref().map(rows).unwrap_or_default().into_iter().find(wanted);
    row.ok_or_else(|| LoadError::Signaling(String::from("the row is gone")))
}
