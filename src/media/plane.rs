//! The door of the media plane: commands in, events out. Forwarding itself never passes here.

use std::net::IpAddr;

use tokio::sync::mpsc;

use crate::ids::{AppointmentId, ParticipantId};
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

/// All workers.
pub struct MediaPlane {}

impl MediaPlane {
    /// Binds the sockets, makes the certificate of this process, starts the workers.
    pub fn start(config: MediaConfig) -> Result<Self, MediaError> {
        let _ = config;
        unimplemented!()
    }

    /// The UDP port of each worker.
    pub fn ports(&self) -> Vec<u16> {
        unimplemented!()
    }

    /// Places a consultation on a worker. Dropping the returned door removes it with all its transports.
    /// Events beyond the channel's bound are coalesced, never waited for.
    pub fn open(&self, consultation: AppointmentId) -> (MediaDoor, mpsc::Receiver<MediaEvent>) {
        let _ = consultation;
        unimplemented!()
    }
}

/// One consultation's commands to its worker.
pub struct MediaDoor {}

impl MediaDoor {
    /// An offer of one participant: a new transport, or an ICE restart when `transport` is the number of the running one. Answers with SDP.
    pub async fn offer(&self, participant: ParticipantId, transport: u32, sdp: String) -> Result<String, OfferError> {
        let _ = (participant, transport, sdp);
        unimplemented!()
    }

    /// Opens or shuts the forwarding from and to a participant; holds for transports that come later.
    pub fn admit(&self, participant: ParticipantId, admitted: bool) {
        let _ = (participant, admitted);
        unimplemented!()
    }

    /// Ends the participant's transport.
    pub fn remove(&self, participant: ParticipantId) {
        let _ = participant;
        unimplemented!()
    }

    /// Sends on a data channel; false when there is none or its queue is full.
    pub async fn send(&self, participant: ParticipantId, label: Label, message: Vec<u8>) -> bool {
        let _ = (participant, label, message);
        unimplemented!()
    }
}
