//! One consultation on a real media plane, for tests: peers of the `webrtc` crate at its sockets, its events kept.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use visavis::ids::{AppointmentId, ParticipantId};
use visavis::load::peer::{Peer, PeerOptions};
use visavis::media::plane::{MediaConfig, MediaDoor, MediaEvent, MediaPlane};
use visavis::sfu::negotiated::SlotAssignment;

/// How long anything may take on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub const CITIZEN: ParticipantId = ParticipantId(0);
pub const AGENT: ParticipantId = ParticipantId(1);
pub const GUEST: ParticipantId = ParticipantId(2);

/// A plane with one worker on loopback and a port of the system's choice.
pub fn plane() -> MediaPlane {
    MediaPlane::start(MediaConfig { advertised: vec![IpAddr::from([127, 0, 0, 1])], tcp: vec![], port: 0, workers: 1 }).unwrap()
}

/// One consultation.
pub struct Room {
    pub door: MediaDoor,
    events: Arc<Mutex<Vec<MediaEvent>>>,
    changed: watch::Receiver<usize>,
}

impl Room {
    pub fn open(plane: &MediaPlane, id: u128) -> Self {
        let (door, mut receiver) = plane.open(AppointmentId(id));
        let events = Arc::new(Mutex::new(Vec::new()));
        let (tell, changed) = watch::channel(0);
        let kept = events.clone();
        tokio::spawn(async move {
            while let Some(event) = receiver.recv().await {
                kept.lock().unwrap().push(event);
                tell.send_modify(|count| *count += 1);
            }
        });
        Self { door, events, changed }
    }

    /// A connected peer for a participant; `transport` as on the wire.
    pub async fn join(&self, participant: ParticipantId, transport: u32) -> Peer {
        self.join_with(
            participant,
            transport,
            PeerOptions { name: u32::from(participant.0) + 1 + transport * 16, ..PeerOptions::default() },
        )
        .await
    }

    pub async fn join_with(&self, participant: ParticipantId, transport: u32, options: PeerOptions) -> Peer {
        let peer = Peer::new(options).await.unwrap();
        let answer = self.door.offer(participant, transport, peer.offer().await.unwrap()).await.unwrap();
        peer.accept_answer(&answer).await.unwrap();
        peer.connected(PATIENCE).await.unwrap();
        self.event("connected", |event| *event == MediaEvent::Connected(participant)).await;
        peer
    }

    /// Opens the forwarding between citizen and agent, and waits until it is.
    pub async fn admit_both(&self) {
        self.door.admit(CITIZEN, true);
        self.door.admit(AGENT, true);
        for participant in [CITIZEN, AGENT] {
            self.event("slots", |event| matches!(event, MediaEvent::Slots(of, slots) if *of == participant && !slots.is_empty())).await;
            self.event("connected", |event| *event == MediaEvent::Connected(participant)).await;
        }
    }

    /// Every event so far.
    pub fn events(&self) -> Vec<MediaEvent> {
        self.events.lock().unwrap().clone()
    }

    /// Waits for an event, past or future.
    pub async fn event(&self, what: &str, wanted: impl Fn(&MediaEvent) -> bool) -> MediaEvent {
        let mut changed = self.changed.clone();
        let wait = async {
            loop {
                if let Some(found) = self.events.lock().unwrap().iter().find(|event| wanted(event)).cloned() {
                    return found;
                }
                changed.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(event) => event,
            Err(_) => panic!("no {what} among {:?}", self.events()),
        }
    }

    /// The latest slots that a participant was told.
    pub fn slots(&self, of: ParticipantId) -> Vec<SlotAssignment> {
        let events = self.events.lock().unwrap();
        let told = events.iter().rev().find_map(|event| match event {
            MediaEvent::Slots(participant, slots) if *participant == of => Some(slots.clone()),
            _ => None,
        });
        told.unwrap_or_default()
    }
}
