//! One simulated consultation from the booking to the hang-up: the steps that a citizen and an agent take, with lean transports. Decides nothing about the test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::LoadError;
use super::lean::engine::Engine;
use super::operator::Operator;
use super::participant::SignedIn;
use super::signaling_client::SignalingClient;

/// How long a step may take.
const STEP: Duration = Duration::from_secs(10);
/// How long somebody who dropped is away: longer than a page that reloads, so that the others see it.
const AWAY: Duration = Duration::from_millis(2_500);
/// What was on its way when nothing counts any more has arrived by then.
const ON_ITS_WAY: Duration = Duration::from_millis(200);

/// What the calls of a test share.
pub struct Stage {
    /// Books.
    pub operator: Operator,
    /// Sends and hears.
    pub engine: Engine,
    /// The next number of a transport or device.
    pub names: AtomicU32,
}

impl Stage {
    fn name(&self) -> u32 {
        self.names.fetch_add(1, Ordering::Relaxed)
    }
}

/// An agent's page: one socket for all consultations of this agent.
pub struct Desk {
    signaling: SignalingClient,
}

impl Desk {
    /// Opens the page of somebody who is signed in.
    pub async fn open(stage: &Stage, signed_in: &SignedIn) -> Result<Self, LoadError> {
        Ok(Self { signaling: signed_in.open_terse(u64::from(stage.name())).await? })
    }
}

/// How long it took.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// From opening the link until the citizen waits with a transport that is up.
    pub join: Duration,
    /// From the citizen's answer until both have a picture.
    pub picture: Duration,
}

/// A consultation under way.
pub struct Call {
    stage: Arc<Stage>,
    desk: Arc<Desk>,
    appointment: String,
    signed_in: SignedIn,
    device: u64,
    citizen: SignalingClient,
    /// The citizen's transport, its number on the wire, and the agent's.
    legs: (u32, u32, u32),
}

impl Call {
    /// Books, opens the link, waits, is called, answers, and sends and hears on both sides.
    pub async fn begin(stage: Arc<Stage>, desk: Arc<Desk>, number: u32) -> Result<(Self, Times), LoadError> {
        let join_url = stage.operator.book(number).await?;
        let opened = Instant::now();
        let signed_in = SignedIn::citizen(&stage.operator.base, &join_url).await?;
        let (device, citizen_leg, agent_leg) = (u64::from(stage.name()), stage.name(), stage.name());
        let citizen = signed_in.open_terse(device).await?;
        citizen.request(json!({"type": "arrive"})).await?;
        let heard = citizen.until(STEP, "the waiting room", |heard| heard.states.values().any(|state| state["phase"] == "waiting")).await?;
        let appointment = heard.states.keys().next().cloned().unwrap_or_default();
        let call = Self { stage, desk, appointment, signed_in, device, citizen, legs: (citizen_leg, 1, agent_leg) };
        call.connect_citizen().await?;
        let join = opened.elapsed();

        call.agent("call", json!({})).await?;
        let offer = call.agent("offer", json!({"transport": 1, "sdp": call.stage.engine.offer(agent_leg)})).await?;
        call.stage.engine.connect(agent_leg, offer["sdp"].as_str().unwrap_or(""), STEP).await?;
        let ringing = call.phase_of_citizen("ringing").await?;
        let answered = Instant::now();
        call.citizen.request(json!({"type": "accept", "call": ringing["call"]["number"]})).await?;
        call.phase_of_citizen("in_call").await?;
        let of = call.appointment.clone();
        call.desk
            .signaling
            .until(STEP, "the agent in the call", |heard| heard.states.get(&of).is_some_and(|state| state["phase"] == "in_call"))
            .await?;
        call.publish_citizen().await?;
        call.agent("publish", sends()).await?;
        call.stage.engine.send(citizen_leg).await;
        call.stage.engine.send(agent_leg).await;
        call.stage.engine.picture(citizen_leg, STEP).await?;
        call.stage.engine.picture(agent_leg, STEP).await?;
        let picture = answered.elapsed();
        call.count(true).await;
        Ok((call, Times { join, picture }))
    }

    /// The citizen's network goes and comes back: another socket, another transport, the same seat.
    pub async fn drop_and_return(&mut self) -> Result<(), LoadError> {
        self.count(false).await;
        tokio::time::sleep(ON_ITS_WAY).await;
        let gone = self.legs.0;
        self.stage.engine.silence(gone).await;
        self.citizen.cut();
        tokio::time::sleep(AWAY).await;
        self.citizen = self.signed_in.open_terse(self.device).await?;
        self.phase_of_citizen("in_call").await?;
        self.legs.0 = self.stage.name();
        self.legs.1 += 1;
        self.connect_citizen().await?;
        self.publish_citizen().await?;
        self.stage.engine.send(self.legs.0).await;
        self.stage.engine.picture(self.legs.0, STEP).await?;
        self.stage.engine.close(gone).await;
        self.count(true).await;
        Ok(())
    }

    /// The citizen hangs up, the agent closes.
    pub async fn hang_up(self) -> Result<(), LoadError> {
        // Silent first, so that nothing is on its way to a transport that has ended, and both sides count alike.
        self.stage.engine.silence(self.legs.0).await;
        self.stage.engine.silence(self.legs.2).await;
        tokio::time::sleep(ON_ITS_WAY).await;
        let left = self.citizen.request(json!({"type": "leave"})).await.map(drop);
        let closed = self.agent("close", json!({"outcome": "done"})).await.map(drop);
        self.stage.engine.close(self.legs.0).await;
        self.stage.engine.close(self.legs.2).await;
        self.citizen.close().await;
        left.and(closed)
    }

    async fn count(&self, counts: bool) {
        self.stage.engine.count(self.legs.0, counts).await;
        self.stage.engine.count(self.legs.2, counts).await;
    }

    async fn connect_citizen(&self) -> Result<(), LoadError> {
        let (name, transport, _) = self.legs;
        let answer = self.citizen.request(json!({"type": "offer", "transport": transport, "sdp": self.stage.engine.offer(name)})).await?;
        self.stage.engine.connect(name, answer["sdp"].as_str().unwrap_or(""), STEP).await
    }

    async fn publish_citizen(&self) -> Result<(), LoadError> {
        let mut message = sends();
        message["type"] = json!("publish");
        self.citizen.request(message).await.map(drop)
    }

    async fn agent(&self, kind: &str, mut message: Value) -> Result<Value, LoadError> {
        message["type"] = json!(kind);
        message["appointment"] = json!(self.appointment);
        self.desk.signaling.request(message).await
    }

    async fn phase_of_citizen(&self, phase: &'static str) -> Result<Value, LoadError> {
        let is_so = |state: &Value| state["phase"] == phase;
        let heard = self.citizen.until(STEP, phase, |heard| heard.states.values().any(is_so)).await?;
        Ok(heard.states.into_values().find(is_so).unwrap_or_default())
    }
}

fn sends() -> Value {
    json!({"microphone": true, "camera": true, "screen": false})
}
