//! Which agents are connected from which devices by which sign-in, and in which consultations they have a seat. Never waits; knows no rule.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::access::token::TokenHash;
use crate::ids::{AgentId, AppointmentId, DeviceId};
use crate::limits;
use crate::protocol::CloseCode;
use crate::signaling::link::Link;
use crate::time::Instant;

/// All agents' sockets.
#[derive(Default)]
pub(super) struct Agents {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    sockets: HashMap<AgentId, Vec<Socket>>,
    seats: HashMap<AgentId, HashSet<AppointmentId>>,
}

struct Socket {
    device: DeviceId,
    /// What it was opened with; it ends with it (trust.md S9).
    sign_in: TokenHash,
    link: Link,
    /// When something was last asked on it.
    asked_at: Option<Instant>,
}

impl Agents {
    /// A socket said hello. An older one of the same device is replaced; at the bound the new one is refused.
    pub(super) fn enter(&self, agent: AgentId, device: DeviceId, sign_in: TokenHash, link: &Link) -> bool {
        let mut inner = self.lock();
        let sockets = inner.sockets.entry(agent).or_default();
        sockets.retain(|older| {
            let same = older.device == device;
            if same {
                older.link.close(CloseCode::Replaced);
            }
            !same
        });
        let room = sockets.len() < limits::SOCKETS_PER_PERSON;
        if room {
            sockets.push(Socket { device, sign_in, link: link.clone(), asked_at: None });
        }
        room
    }

    /// Something was asked on this socket: its person is at work.
    pub(super) fn asked(&self, agent: AgentId, link: &Link) {
        if let Some(socket) =
            self.lock().sockets.get_mut(&agent).and_then(|sockets| sockets.iter_mut().find(|socket| socket.link.id() == link.id()))
        {
            socket.asked_at = Some(Instant::now());
        }
    }

    /// The sockets that were opened with these sign-ins are closed with 4001; other devices of the same agents keep theirs.
    pub(super) fn sign_ins_ended(&self, ended: &[TokenHash]) {
        for socket in self.lock().sockets.values().flatten().filter(|socket| ended.contains(&socket.sign_in)) {
            socket.link.close(CloseCode::CredentialEnded);
        }
    }

    /// What the open sockets were opened with.
    pub(super) fn sign_ins(&self) -> HashSet<TokenHash> {
        self.lock().sockets.values().flatten().map(|socket| socket.sign_in).collect()
    }

    /// Sign-ins of those who do not idle: a seat in a consultation, or something asked a moment ago.
    pub(super) fn sign_ins_at_work(&self) -> HashSet<TokenHash> {
        let inner = self.lock();
        let sockets = inner.sockets.iter().flat_map(|(agent, sockets)| sockets.iter().map(move |socket| (agent, socket)));
        let at_work = sockets.filter(|(agent, socket)| {
            inner.seats.contains_key(agent) || socket.asked_at.is_some_and(|at| at.elapsed() < limits::AGENT_SEEN_STEP)
        });
        at_work.map(|(_, socket)| socket.sign_in).collect()
    }

    /// A socket ended. True when the device has no other: it is gone.
    pub(super) fn leave(&self, agent: AgentId, device: DeviceId, link: &Link) -> bool {
        let mut inner = self.lock();
        let Some(sockets) = inner.sockets.get_mut(&agent) else { return true };
        sockets.retain(|other| other.link.id() != link.id());
        let gone = sockets.iter().all(|other| other.device != device);
        if sockets.is_empty() {
            inner.sockets.remove(&agent);
        }
        gone
    }

    /// The sockets of an agent, one per device.
    pub(super) fn sockets(&self, agent: AgentId) -> Vec<(DeviceId, Link)> {
        let inner = self.lock();
        let sockets = inner.sockets.get(&agent).into_iter().flatten();
        sockets.map(|socket| (socket.device, socket.link.clone())).collect()
    }

    /// Whether this device is connected.
    pub(super) fn is_connected(&self, agent: AgentId, device: DeviceId) -> bool {
        self.lock().sockets.get(&agent).is_some_and(|sockets| sockets.iter().any(|socket| socket.device == device))
    }

    /// An agent has a seat in a consultation, or no longer.
    pub(super) fn seated(&self, agent: AgentId, consultation: AppointmentId, seated: bool) {
        let mut inner = self.lock();
        let seats = inner.seats.entry(agent).or_default();
        if seated {
            seats.insert(consultation);
        } else {
            seats.remove(&consultation);
        }
        if seats.is_empty() {
            inner.seats.remove(&agent);
        }
    }

    /// Where an agent has a seat.
    pub(super) fn seats(&self, agent: AgentId) -> Vec<AppointmentId> {
        self.lock().seats.get(&agent).map(|seats| seats.iter().copied().collect()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Each change is whole before the guard goes: a panic elsewhere leaves nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
