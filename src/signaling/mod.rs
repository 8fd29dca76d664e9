//! WebSocket connections and one task per consultation: joins `consultation`, `media` and `store`. No rule is decided here.

use std::sync::Arc;

use axum::extract::ws::WebSocket;

use crate::access::AgentGrant;
use crate::ids::AppointmentId;
use crate::media::plane::MediaPlane;
use crate::store::Store;
use crate::time::Clock;

/// The running consultations and the desks of the agents.
pub struct Signaling {}

impl Signaling {
    /// Nothing runs until somebody connects.
    pub fn new(store: Store, media: MediaPlane, clock: Clock) -> Arc<Self> {
        let _ = (store, media, clock);
        unimplemented!()
    }

    /// Serves one citizen's socket until it ends. The cookie was checked by `http`.
    pub async fn serve_citizen(self: Arc<Self>, socket: WebSocket, appointment: AppointmentId) {
        let _ = (socket, appointment);
        unimplemented!()
    }

    /// Serves one agent's socket until it ends.
    pub async fn serve_agent(self: Arc<Self>, socket: WebSocket, grant: AgentGrant) {
        let _ = (socket, grant);
        unimplemented!()
    }

    /// The desks read the agenda again: an appointment was booked or changed.
    pub fn agenda_changed(&self) {
        unimplemented!()
    }

    /// The credential of this agent ended: sockets close with 4001, the seat stays (trust.md S9).
    pub fn agent_signed_out(&self, grant: &AgentGrant) {
        let _ = grant;
        unimplemented!()
    }

    /// Closes every socket with 1001.
    pub async fn stop(&self) {
        unimplemented!()
    }
}
