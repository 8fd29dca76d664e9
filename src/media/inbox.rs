//! Commands on their way to a worker thread: bounded, and the thread is woken. Refuses to know what a command does.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::core::RoomId;
use super::plane::{Label, MediaEvent, OfferError};
use super::tcp::Arrival;
use crate::ids::ParticipantId;
use crate::limits;
use crate::sfu::negotiated::Publishing;
use crate::sfu::statistics::TrackStatistics;

/// What a consultation asks of its worker.
pub enum Command {
    /// A consultation comes.
    Open(RoomId, mpsc::Sender<MediaEvent>),
    /// It goes.
    Close(RoomId),
    /// An offer to answer.
    Offer(RoomId, ParticipantId, u32, String, oneshot::Sender<Result<String, OfferError>>),
    /// Forwarding opens or shuts.
    Admit(RoomId, ParticipantId, bool),
    /// What a participant says they send now.
    Publish(RoomId, ParticipantId, Publishing),
    /// What is counted of each track.
    Statistics(RoomId, oneshot::Sender<Vec<TrackStatistics>>),
    /// A transport ends.
    Remove(RoomId, ParticipantId),
    /// A data-channel message leaves.
    Send(RoomId, ParticipantId, Label, Vec<u8>, oneshot::Sender<bool>),
    /// A TCP connection that begins with a check for a transport here.
    Connect(Box<Arrival>),
    /// The worker ends.
    Stop,
}

/// One worker's queue.
pub struct Inbox {
    /// `None` once the worker ended.
    queue: Mutex<Option<VecDeque<Command>>>,
    waker: mio::Waker,
    /// Consultations placed here.
    pub load: AtomicUsize,
}

impl Inbox {
    /// Empty; `waker` ends the worker's sleep.
    pub fn new(waker: mio::Waker) -> Self {
        Self { queue: Mutex::new(Some(VecDeque::new())), waker, load: AtomicUsize::new(0) }
    }

    /// Queues a command. Offers, messages, questions and TCP connections are refused at `limits::MEDIA_COMMANDS`; the others always enter, they are bounded by the seats, and losing
    /// one would leave media running that must end. Everything is refused once the worker ended.
    pub fn push(&self, command: Command) -> bool {
        let refusable = matches!(command, Command::Offer(..) | Command::Send(..) | Command::Statistics(..) | Command::Connect(..));
        {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(queue) = queue.as_mut() else { return false };
            if refusable && queue.len() >= limits::MEDIA_COMMANDS {
                return false;
            }
            queue.push_back(command);
        }
        self.waker.wake().is_ok()
    }

    /// Takes everything.
    pub fn take(&self) -> VecDeque<Command> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The worker ends: who waits for an answer is told, and nobody waits any more.
    pub fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// One consultation more, or less.
    pub fn count(&self, more: bool) {
        if more {
            self.load.fetch_add(1, Ordering::Relaxed);
        } else {
            self.load.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
