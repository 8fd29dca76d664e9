//! Which agents are connected from which devices, and in which consultations they have a seat. Never waits; knows no rule.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ids::{AgentId, AppointmentId, DeviceId};
use crate::limits;
use crate::protocol::CloseCode;
use crate::signaling::link::Link;

/// All agents' sockets.
#[derive(Default)]
pub(super) struct Agents {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    sockets: HashMap<AgentId, Vec<(DeviceId, Link)>>,
    seats: HashMap<AgentId, HashSet<AppointmentId>>,
}

impl Agents {
    /// A socket said hello. An older one of the same device is replaced; at the bound the new one is refused.
    pub(super) fn enter(&self, agent: AgentId, device: DeviceId, link: &Link) -> bool {
        let mut inner = self.lock();
        let sockets = inner.sockets.entry(agent).or_default();
        sockets.retain(|(other, older)| {
            let same = *other == device;
            if same {
                older.close(CloseCode::Replaced);
            }
            !same
        });
        let room = sockets.len() < limits::SOCKETS_PER_PERSON;
        if room {
            sockets.push((device, link.clone()));
        }
        room
    }

    /// A socket ended. True when the device has no other: it is gone.
    pub(super) fn leave(&self, agent: AgentId, device: DeviceId, link: &Link) -> bool {
        let mut inner = self.lock();
        let Some(sockets) = inner.sockets.get_mut(&agent) else { return true };
        sockets.retain(|(_, other)| other.id() != link.id());
        let gone = sockets.iter().all(|(other, _)| *other != device);
        if sockets.is_empty() {
            inner.sockets.remove(&agent);
        }
        gone
    }

    /// The sockets of an agent, one per device.
    pub(super) fn sockets(&self, agent: AgentId) -> Vec<(DeviceId, Link)> {
        self.lock().sockets.get(&agent).cloned().unwrap_or_default()
    }

    /// Whether this device is connected.
    pub(super) fn is_connected(&self, agent: AgentId, device: DeviceId) -> bool {
        self.lock().sockets.get(&agent).is_some_and(|sockets| sockets.iter().any(|(other, _)| *other == device))
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
