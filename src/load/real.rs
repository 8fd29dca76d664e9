//! A few consultations of full WebRTC clients beside the lean ones: whether people whose transport is not ours hear each other under load. Measures sound alone.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::json;

use super::LoadError;
use super::operator::Operator;
use super::participant::{Participant, SignedIn};
use super::peer::PeerOptions;
use crate::sfu::negotiated::Source;

/// How long a step may take.
const STEP: Duration = Duration::from_secs(10);
/// Packets of a voice in a second.
const SOUNDS: f64 = 50.0;

/// One consultation.
pub struct RealCall {
    citizen: Participant,
    agent: Participant,
    appointment: String,
    since: Instant,
}

impl RealCall {
    /// All steps until both send. `name` and the one after it are nobody else's.
    pub async fn begin(operator: &Operator, agent: SignedIn, name: u32) -> Result<Self, LoadError> {
        let join_url = operator.book(name).await?;
        let bind = address_towards(&operator.base.authority).await?;
        let options = |name: u32| PeerOptions { bind, name, ..PeerOptions::default() };
        let signed_in = SignedIn::citizen(&operator.base, &join_url).await?;
        let mut citizen = Participant::open(signed_in, options(name)).await?;
        citizen.ask("arrive", None, json!({})).await?;
        citizen.signaling.until(STEP, "a state", |heard| !heard.states.is_empty()).await?;
        let appointment = citizen.appointment();
        citizen.phase(&appointment, "waiting").await?;
        citizen.connect(None).await?;
        let mut agent = Participant::open(agent, options(name + 1)).await?;
        agent.ask("call", Some(&appointment), json!({})).await?;
        agent.connect(Some(&appointment)).await?;
        let ringing = citizen.phase(&appointment, "ringing").await?;
        citizen.ask("accept", None, json!({"call": ringing["call"]["number"]})).await?;
        let sends = json!({"microphone": true, "camera": true, "screen": false});
        citizen.ask("publish", None, sends.clone()).await?;
        agent.ask("publish", Some(&appointment), sends).await?;
        citizen.start_sending();
        agent.start_sending();
        Ok(Self { citizen, agent, appointment, since: Instant::now() })
    }

    /// The part of the other's sound that each heard, 0 to 1: the smaller of both.
    pub fn heard(&self) -> f64 {
        let (Some(citizen), Some(agent)) = (&self.citizen.peer, &self.agent.peer) else { return 0.0 };
        let whole = [(citizen, agent), (agent, citizen)].map(|(ear, mouth)| ear.received().whole_of(mouth.stream(Source::Microphone)));
        let sent = (self.since.elapsed().as_secs_f64() * SOUNDS).max(1.0);
        (whole.into_iter().min().unwrap_or(0) as f64 / sent).min(1.0)
    }

    /// The citizen hangs up, the agent closes.
    pub async fn hang_up(self) -> Result<(), LoadError> {
        let left = self.citizen.ask("leave", None, json!({})).await.map(drop);
        let closed = self.agent.ask("close", Some(&self.appointment), json!({"outcome": "done"})).await.map(drop);
        self.citizen.close().await;
        self.agent.close().await;
        left.and(closed)
    }
}

/// The address of this machine from which packets to the server leave.
async fn address_towards(authority: &str) -> Result<IpAddr, LoadError> {
    let failed = |error: std::io::Error| LoadError::Signaling(format!("{authority}: {error}"));
    let server = tokio::net::lookup_host(authority).await.map_err(failed)?.next();
    let server = server.ok_or_else(|| LoadError::Signaling(format!("{authority} has no address")))?;
    let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).map_err(failed)?;
    socket.connect(server).map_err(failed)?;
    Ok(socket.local_addr().map_err(failed)?.ip())
}
