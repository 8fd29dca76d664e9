//! Which consultations have a task, and how mail reaches it: the only DashMap of the house. Never two tasks for one consultation.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::mpsc;

use crate::ids::AppointmentId;
use crate::limits;
use crate::signaling::Signaling;
use crate::signaling::task::{self, Mail};

/// The running tasks.
#[derive(Default)]
pub(super) struct Registry {
    tasks: DashMap<AppointmentId, mpsc::Sender<Mail>>,
}

/// `limits::CONSULTATIONS_MAX` are in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Registry {
    /// Brings mail to the consultation's task, which is started when there is none. Waits while its queue is full.
    pub(super) async fn send(&self, house: &Arc<Signaling>, id: AppointmentId, mut mail: Mail) -> Result<(), Full> {
        loop {
            match self.open(house, id)?.send(mail).await {
                Ok(()) => return Ok(()),
                // The task ended in between (only a panic does that while mail is on its way): the next one gets it.
                Err(mpsc::error::SendError(back)) => mail = back,
            }
        }
    }

    /// Whether the consultation has a task.
    pub(super) fn is_running(&self, id: AppointmentId) -> bool {
        self.tasks.get(&id).is_some_and(|task| !task.is_closed())
    }

    /// How many run.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Mail for a task that runs; dropped when there is none, or no room.
    pub(super) fn whisper(&self, id: AppointmentId, mail: Mail) {
        if let Some(task) = self.tasks.get(&id) {
            let _ = task.try_send(mail);
        }
    }

    /// The task asks to end: granted when no mail waits and nobody is about to send any.
    pub(super) fn retire(&self, id: AppointmentId, inbox: &mpsc::Receiver<Mail>) -> bool {
        self.tasks.remove_if(&id, |_, task| inbox.is_empty() && task.strong_count() == 1).is_some()
    }

    fn open(&self, house: &Arc<Signaling>, id: AppointmentId) -> Result<mpsc::Sender<Mail>, Full> {
        if let Some(task) = self.tasks.get(&id)
            && !task.is_closed()
        {
            return Ok(task.clone());
        }
        // Counted outside the entry: the bound may be passed by as many as ask at the same moment.
        let full = self.tasks.len() >= limits::CONSULTATIONS_MAX;
        match self.tasks.entry(id) {
            Entry::Occupied(entry) if !entry.get().is_closed() => Ok(entry.get().clone()),
            Entry::Vacant(_) if full => Err(Full),
            entry => {
                let (task, inbox) = mpsc::channel(limits::CONSULTATION_QUEUE);
                entry.insert(task.clone());
                tokio::spawn(task::run(house.clone(), id, inbox));
                Ok(task)
            }
        }
    }
}
