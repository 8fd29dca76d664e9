//! WebSocket connections and one task per consultation: joins `consultation`, `media` and `store`. No rule is decided here.

mod agents;
mod callbacks;
mod desk;
mod invite;
mod link;
mod media_side;
mod rate;
mod registry;
mod socket;
mod task;
mod wire;

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::ws::WebSocket;
use tokio::sync::{oneshot, watch};

use crate::access::AgentGrant;
use crate::access::relay::RelaySecret;
use crate::access::token::TokenHash;
use crate::consultation::{Cancellation, Refusal};
use crate::ids::{AppointmentId, GuestId};
use crate::limits;
use crate::media::plane::MediaPlane;
use crate::protocol::server as protocol;
use crate::store::{Receipt, Store, Who};
use crate::time::{Clock, Timestamp};

use agents::Agents;
use desk::Desk;
use registry::Registry;

pub use callbacks::{reason_word, row as callback_row};
pub use invite::qr_of;
pub use socket::prepare;

/// How long `stop` waits for sockets to say good-bye.
const STOP: Duration = Duration::from_secs(2);

/// Why an appointment was not cancelled; nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCancelled {
    /// By the rules: somebody was called in, or it is over.
    Refused(Refusal),
    /// The server's fault: it could not be written down, or no more consultations fit.
    Failed,
}

/// Why an appointment's data is destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erasure {
    /// The citizen said so.
    Asked,
    /// The time to keep it may be over: this is what the clock says, as far as it is believed.
    Due(Timestamp),
}

/// Why it was not; nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotErased {
    /// Somebody waits or talks.
    Running,
    /// It is kept for longer.
    NotDue,
    /// The server's fault: it could not be written down, no more consultations fit, or it is gone already.
    Failed,
}

/// The running consultations and the desks of the agents.
pub struct Signaling {
    store: Store,
    media: MediaPlane,
    clock: Clock,
    /// Where there is a relay.
    relay: OnceLock<RelaySecret>,
    /// What stands in links, without a slash at the end.
    base_url: OnceLock<String>,
    agents: Agents,
    registry: Registry,
    desk: Desk,
    stopping: watch::Sender<bool>,
    /// Sockets being served.
    sockets: watch::Sender<usize>,
}

impl Signaling {
    /// Reads the agenda and brings running consultations back; else nothing runs until somebody connects. Needs a tokio runtime.
    pub fn new(store: Store, media: MediaPlane, clock: Clock) -> Arc<Self> {
        let (desk, news) = Desk::new();
        let house = Arc::new(Self {
            store,
            media,
            clock,
            relay: OnceLock::new(),
            base_url: OnceLock::new(),
            agents: Agents::default(),
            registry: Registry::default(),
            desk,
            stopping: watch::Sender::new(false),
            sockets: watch::Sender::new(0),
        });
        tokio::spawn(desk::run(house.clone(), news));
        house
    }

    /// From now on people are told credentials for the relay with this secret.
    pub fn offer_relay(&self, secret: RelaySecret) {
        let _ = self.relay.set(secret);
    }

    /// From now on guests can be invited: their links begin with this, without a slash at the end.
    pub fn offer_links(&self, base_url: String) {
        let _ = self.base_url.set(base_url);
    }

    fn relay_for(&self, who: &socket::Who) -> Option<protocol::Relay> {
        let (person, lasts) = match who {
            socket::Who::Citizen(appointment, _) => (format!("citizen {appointment}"), limits::RELAY_CREDENTIAL),
            socket::Who::Guest(appointment, guest, _) => (format!("guest {appointment} {}", guest.0), limits::RELAY_CREDENTIAL),
            // A desk stays open from one call to the next.
            socket::Who::Agent(grant, _) => (format!("agent {}", grant.agent.0), limits::AGENT_SIGN_IN),
        };
        let credential = self.relay.get()?.issue(&person, lasts, self.clock.now());
        Some(protocol::Relay { username: credential.username, credential: credential.password })
    }

    /// Serves one citizen's socket until it ends. The cookie was checked by `http`, the upgrade went through [`prepare`].
    pub async fn serve_citizen(self: Arc<Self>, socket: WebSocket, appointment: AppointmentId, sign_in: TokenHash) {
        self.serve(socket, socket::Who::Citizen(appointment, sign_in)).await;
    }

    /// Serves one guest's socket until it ends.
    pub async fn serve_guest(self: Arc<Self>, socket: WebSocket, appointment: AppointmentId, guest: GuestId, sign_in: TokenHash) {
        self.serve(socket, socket::Who::Guest(appointment, guest, sign_in)).await;
    }

    /// Serves one agent's socket until it or the sign-in ends.
    pub async fn serve_agent(self: Arc<Self>, socket: WebSocket, grant: AgentGrant, sign_in: TokenHash) {
        self.serve(socket, socket::Who::Agent(grant, sign_in)).await;
    }

    /// The desks read the agenda again: an appointment was booked or changed.
    pub fn agenda_changed(&self) {
        self.desk.reload();
    }

    /// These sign-ins of agents are gone from the store: the sockets that they opened close with 4001 and their media ends; the seats stay,
    /// and so do devices with another sign-in (trust.md S9).
    pub fn sign_ins_ended(&self, ended: &[TokenHash]) {
        self.agents.sign_ins_ended(ended);
    }

    /// The sign-ins by which agents have open sockets.
    pub fn sign_ins(&self) -> HashSet<TokenHash> {
        self.agents.sign_ins()
    }

    /// Sign-ins of agents who do not idle: in a call, or busy on the desk within `limits::AGENT_SEEN_STEP`.
    pub fn sign_ins_at_work(&self) -> HashSet<TokenHash> {
        self.agents.sign_ins_at_work()
    }

    /// The join link of this appointment was replaced or the appointment erased in the store: the citizen's sockets whose cookie died with it
    /// close with 4001 and their media ends.
    pub fn link_ended(self: &Arc<Self>, appointment: AppointmentId) {
        if self.registry.is_running(appointment) {
            let house = self.clone();
            tokio::spawn(async move { house.registry.send(&house, appointment, task::Mail::LinkEnded).await });
        }
    }

    /// The appointment does not take place (rule X): written down, and the citizen's page told, when this answers.
    pub async fn cancel(self: &Arc<Self>, appointment: AppointmentId, by: Who) -> Result<(), NotCancelled> {
        self.cancel_because(appointment, by, None).await
    }

    /// The same with what the service says to the citizen.
    pub async fn cancel_because(self: &Arc<Self>, appointment: AppointmentId, by: Who, reason: Option<String>) -> Result<(), NotCancelled> {
        let (done, told) = oneshot::channel();
        let why = Cancellation { by_service: by != Who::Citizen, reason };
        self.registry.send(self, appointment, task::Mail::Cancel { by, why, done }).await.map_err(|_| NotCancelled::Failed)?;
        told.await.unwrap_or(Err(NotCancelled::Failed))
    }

    /// Destroys what an appointment holds, unless somebody is there: it is gone, and every page of it told, when this answers.
    pub async fn erase(self: &Arc<Self>, appointment: AppointmentId, why: Erasure) -> Result<Receipt, NotErased> {
        let (done, told) = oneshot::channel();
        self.registry.send(self, appointment, task::Mail::Erase { why, done }).await.map_err(|_| NotErased::Failed)?;
        told.await.unwrap_or(Err(NotErased::Failed))
    }

    /// What happened to datagrams since the start.
    pub fn media(&self) -> &MediaPlane {
        &self.media
    }

    /// Consultations in memory; at most `limits::CONSULTATIONS_MAX`.
    pub fn consultations(&self) -> usize {
        self.registry.len()
    }

    /// Web sockets being served.
    pub fn sockets(&self) -> usize {
        *self.sockets.borrow()
    }

    /// Closes every socket with 1001 and ends all tasks; waits for the good-byes, at most two seconds.
    pub async fn stop(&self) {
        self.stopping.send_replace(true);
        let mut sockets = self.sockets.subscribe();
        let _ = tokio::time::timeout(STOP, sockets.wait_for(|open| *open == 0)).await;
    }

    async fn serve(self: Arc<Self>, socket: WebSocket, who: socket::Who) {
        let _counted = Counted::new(&self.sockets);
        Box::pin(socket::serve(self.clone(), socket, who)).await;
    }

    fn store(&self) -> &Store {
        &self.store
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn agents(&self) -> &Agents {
        &self.agents
    }

    fn registry(&self) -> &Registry {
        &self.registry
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// The revision after `last`: it grows over a restart too, since it is never behind the wall clock in milliseconds.
    fn revision(&self, last: u64) -> u64 {
        u64::try_from(self.clock.now().0).unwrap_or(0).max(last + 1)
    }
}

/// Waits until the server stops.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Counts a socket as long as it lives, a panic included.
struct Counted<'a>(&'a watch::Sender<usize>);

impl<'a> Counted<'a> {
    fn new(sockets: &'a watch::Sender<usize>) -> Self {
        sockets.send_modify(|open| *open += 1);
        Self(sockets)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}
