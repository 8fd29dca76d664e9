//! The door of the media plane: commands in, events out. Forwarding itself never passes here.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::core::RoomId;
use super::dtls::DtlsIdentity;
use super::guard::CounterValues;
use super::inbox::{Command, Inbox};
use super::worker::Worker;
use crate::ids::{AppointmentId, ParticipantId};
use crate::limits;
use crate::sfu::negotiated::SlotAssignment;

/// What the media plane needs to start.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// Addresses written into answers, best first.
    pub advertised: Vec<IpAddr>,
    /// First UDP port; worker `i` uses `port + i`. 0 lets the system choose (tests).
    pub port: u16,
    /// Worker threads.
    pub workers: usize,
}

/// Why an offer was refused.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// The client's fault: not SDP, or nothing we can answer. The text says what, without repeating the offer.
    #[error("offer refused: {0}")]
    Bad(&'static str),
    /// Ours: the worker is gone or full.
    #[error("media plane unavailable")]
    Unavailable,
}

/// Why the media plane did not start.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The socket could not be bound or set up.
    #[error("media port {port}: {source}")]
    Socket {
        /// The UDP port.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// The DTLS certificate could not be made.
    #[error("DTLS certificate: {0}")]
    Certificate(String),
}

/// Labels of the data channels; others are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Label {
    /// Chat messages.
    Chat,
    /// Real-time text (T.140).
    Text,
    /// Document chunks.
    Files,
}

pub use crate::sfu::quality::Quality;

/// What the media plane tells a consultation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// DTLS is up.
    Connected(ParticipantId),
    /// No consent for `limits::CONSENT`, DTLS closed or failed. The seat is not touched.
    Gone(ParticipantId),
    /// What the participant's slots carry now, whole.
    Slots(ParticipantId, Vec<SlotAssignment>),
    /// The participant's line, when it changed.
    Quality {
        /// Whose.
        participant: ParticipantId,
        /// Participant to server.
        uplink: Quality,
        /// Server to participant.
        downlink: Quality,
    },
    /// A data-channel message, whole.
    Message(ParticipantId, Label, Vec<u8>),
}

/// All workers. Dropping it ends them.
pub struct MediaPlane {
    workers: Vec<Worker>,
    rooms: AtomicU64,
}

impl MediaPlane {
    /// Binds the sockets, makes the certificate of this process, starts the workers.
    pub fn start(config: MediaConfig) -> Result<Self, MediaError> {
        Self::start_with(config, true)
    }

    /// The same; without `allow_dtls13` DTLS is capped at 1.2: the operator's way out should a browser release break its 1.3.
    pub fn start_with(config: MediaConfig, allow_dtls13: bool) -> Result<Self, MediaError> {
        let identity = DtlsIdentity::generate(allow_dtls13).map_err(|error| MediaError::Certificate(error.to_string()))?;
        let workers = (0..config.workers.max(1))
            .map(|worker| {
                let port = if config.port == 0 { 0 } else { config.port.saturating_add(u16::try_from(worker).unwrap_or(u16::MAX)) };
                Worker::start(port, &config.advertised, identity.clone())
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { workers, rooms: AtomicU64::new(0) })
    }

    /// The UDP port of each worker.
    pub fn ports(&self) -> Vec<u16> {
        self.workers.iter().map(|worker| worker.port).collect()
    }

    /// Places a consultation on the worker that has the fewest. Dropping the returned door removes it with all its transports.
    /// Events beyond the channel's bound are coalesced, never waited for.
    pub fn open(&self, consultation: AppointmentId) -> (MediaDoor, mpsc::Receiver<MediaEvent>) {
        let (events, receiver) = mpsc::channel(limits::MEDIA_EVENTS);
        let room = RoomId(self.rooms.fetch_add(1, Ordering::Relaxed));
        let inbox = self.workers.iter().map(|worker| &worker.inbox).min_by_key(|inbox| inbox.load.load(Ordering::Relaxed)).cloned();
        tracing::trace!(room = room.0, %consultation, "consultation placed");
        if let Some(inbox) = &inbox {
            inbox.count(true);
            inbox.push(Command::Open(room, events));
        }
        (MediaDoor { inbox, room }, receiver)
    }

    /// What happened to datagrams since the start, all workers together.
    pub fn counters(&self) -> CounterValues {
        self.workers.iter().map(|worker| worker.counters.values()).fold(CounterValues::default(), |sum, values| sum + values)
    }
}

/// One consultation's commands to its worker.
pub struct MediaDoor {
    inbox: Option<Arc<Inbox>>,
    room: RoomId,
}

impl MediaDoor {
    /// An offer of one participant: a new transport, or an ICE restart when `transport` is the number of the running one. Answers with SDP.
    pub async fn offer(&self, participant: ParticipantId, transport: u32, sdp: String) -> Result<String, OfferError> {
        let (answer, answered) = oneshot::channel();
        if !self.push(Command::Offer(self.room, participant, transport, sdp, answer)) {
            return Err(OfferError::Unavailable);
        }
        answered.await.unwrap_or(Err(OfferError::Unavailable))
    }

    /// Opens or shuts the forwarding from and to a participant; holds for transports that come later.
    pub fn admit(&self, participant: ParticipantId, admitted: bool) {
        self.push(Command::Admit(self.room, participant, admitted));
    }

    /// Ends the participant's transport. No event tells of it.
    pub fn remove(&self, participant: ParticipantId) {
        self.push(Command::Remove(self.room, participant));
    }

    /// Sends on a data channel; false when there is none or its queue is full.
    pub async fn send(&self, participant: ParticipantId, label: Label, message: Vec<u8>) -> bool {
        let (answer, answered) = oneshot::channel();
        self.push(Command::Send(self.room, participant, label, message, answer)) && answered.await.unwrap_or(false)
    }

    fn push(&self, command: Command) -> bool {
        self.inbox.as_ref().is_some_and(|inbox| inbox.push(command))
    }
}

impl Drop for MediaDoor {
    fn drop(&mut self) {
        if let Some(inbox) = &self.inbox {
            inbox.count(false);
            inbox.push(Command::Close(self.room));
        }
    }
}
