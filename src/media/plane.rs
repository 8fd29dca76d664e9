//! The door of the media plane: commands in, events out. Forwarding itself never passes here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::core::RoomId;
use super::dtls::DtlsIdentity;
use super::framed_door::FramedDoor;
use super::guard::CounterValues;
use super::inbox::{Command, Inbox};
use super::worker::Worker;
use crate::ids::{AppointmentId, ParticipantId};
use crate::limits;
use crate::sfu::negotiated::{Publishing, SlotAssignment};
use crate::sfu::statistics::TrackStatistics;

/// What the media plane needs to start.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// Addresses written into answers, best first.
    pub advertised: Vec<IpAddr>,
    /// TCP addresses written into answers, best first: those at which a [`FramedDoor`] is served. Empty: media goes by UDP alone.
    pub tcp: Vec<SocketAddr>,
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
    /// Ours: the worker has work enough, and the citizen is not in a call: later there is room.
    #[error("media plane overloaded")]
    Overloaded,
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

pub use crate::sfu::lids::Lids;
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
    /// Whether the participant should send every encoding of their picture, or the best alone.
    Layers(ParticipantId, bool),
    /// The participant's line, when it changed.
    Quality {
        /// Whose.
        participant: ParticipantId,
        /// Participant to server.
        uplink: Quality,
        /// Server to participant.
        downlink: Quality,
    },
    /// What the participant is asked to send at most, when it changed.
    Lids(ParticipantId, Lids),
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
                Worker::start((worker, port), (&config.advertised, &config.tcp), identity.clone())
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { workers, rooms: AtomicU64::new(0) })
    }

    /// The UDP port of each worker.
    pub fn ports(&self) -> Vec<u16> {
        self.workers.iter().map(|worker| worker.port).collect()
    }

    /// The name of each worker's thread, no other media plane's among them.
    pub fn threads(&self) -> Vec<String> {
        self.workers.iter().map(Worker::thread_name).collect()
    }

    /// Where a web listener brings connections that begin with a frame.
    pub fn framed_door(&self) -> FramedDoor {
        FramedDoor::new(self.workers.iter().map(|worker| worker.inbox.clone()).collect())
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

    /// What the participant says they send now: a screen that ends leaves its slot at once.
    pub fn publish(&self, participant: ParticipantId, publishing: Publishing) {
        self.push(Command::Publish(self.room, participant, publishing));
    }

    /// What is counted of each track of this consultation; empty when the worker is gone or full.
    pub async fn statistics(&self) -> Vec<TrackStatistics> {
        let (answer, answered) = oneshot::channel();
        self.push(Command::Statistics(self.room, answer));
        answered.await.unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;
    use crate::media::test_client::TestPeer;
    use crate::time::Instant;

    fn plane(workers: usize) -> MediaPlane {
        MediaPlane::start(MediaConfig { advertised: vec!["127.0.0.1".parse().unwrap()], tcp: vec![], port: 0, workers }).unwrap()
    }

    /// A client on a real socket of this family, until DTLS is up at both ends.
    async fn join(door: &MediaDoor, events: &mut mpsc::Receiver<MediaEvent>, bind: &str, server: SocketAddr) {
        let socket = UdpSocket::bind(bind).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let mut peer = TestPeer::new(&socket.local_addr().unwrap().to_string(), true);
        let answer = door.offer(ParticipantId::CITIZEN, 1, peer.offer("them")).await.unwrap();
        assert!(answer.contains(&format!(" 127.0.0.1 {} typ host", server.port())));
        peer.accept(&answer, Instant::now());
        let end = Instant::now() + Duration::from_secs(10);
        while !peer.dtls.is_connected() {
            assert!(Instant::now() < end, "never connected");
            for datagram in peer.poll(Instant::now()) {
                socket.send_to(&datagram, server).unwrap();
            }
            let mut bytes = [0; 2000];
            if let Ok((length, from)) = socket.recv_from(&mut bytes) {
                assert_eq!(from, server, "the answer comes from the address that was asked");
                peer.handle_datagram(&bytes[..length], Instant::now());
            }
        }
        for datagram in peer.poll(Instant::now()) {
            socket.send_to(&datagram, server).unwrap();
        }
        let event = tokio::time::timeout(Duration::from_secs(5), events.recv()).await.unwrap();
        assert_eq!(event, Some(MediaEvent::Connected(ParticipantId::CITIZEN)));
    }

    #[tokio::test]
    async fn client_connects_over_ipv4_and_over_ipv6() {
        let plane = plane(1);
        let port = plane.ports()[0];
        for (bind, server) in [
            ("127.0.0.1:0", SocketAddr::from(([127, 0, 0, 5], port))),
            ("[::1]:0", SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port))),
        ] {
            let (door, mut events) = plane.open(AppointmentId(1));
            join(&door, &mut events, bind, server).await;
        }
        assert_eq!(plane.counters().handshakes, 2);
    }

    #[tokio::test]
    async fn consultations_go_to_the_worker_that_has_the_fewest_and_dropping_the_door_frees_it() {
        let plane = plane(2);
        assert_eq!(plane.ports().len(), 2);
        let load = || plane.workers.iter().map(|worker| worker.inbox.load.load(Ordering::Relaxed)).collect::<Vec<_>>();
        let doors: Vec<_> = (0..6).map(|n| plane.open(AppointmentId(n))).collect();
        assert_eq!(load(), [3, 3]);
        let first = doors.into_iter().next();
        assert_eq!(load().iter().sum::<usize>(), 1);
        drop(first);
        assert_eq!(load(), [0, 0]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_overloaded_worker_puts_off_who_waits_and_serves_who_is_in_a_call_and_takes_everybody_when_it_is_over() {
        let plane = plane(1);
        let server = SocketAddr::from(([127, 0, 0, 5], plane.ports()[0]));
        let (running, mut events) = plane.open(AppointmentId(1));
        join(&running, &mut events, "127.0.0.1:0", server).await;
        running.admit(ParticipantId::CITIZEN, true);
        let (door, _events) = plane.open(AppointmentId(2));
        let offer = || TestPeer::new("127.0.0.1:9", true).offer("them");
        // A storm of agents who join: each offer is work.
        let storming = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let storm: Vec<_> = (10..18)
            .map(|id| {
                let (storming, sdp, (agents, events)) = (storming.clone(), offer(), plane.open(AppointmentId(id)));
                tokio::spawn(async move {
                    let _events = events;
                    for number in 1.. {
                        if !storming.load(Ordering::Relaxed) {
                            break;
                        }
                        assert!(agents.offer(ParticipantId(1), number, sdp.clone()).await.is_ok());
                    }
                })
            })
            .collect();
        let begin = Instant::now();
        let mut number = 0;
        let refused = loop {
            number += 1;
            // Each is another newcomer, who goes again.
            match door.offer(ParticipantId::CITIZEN, number, offer()).await {
                Err(OfferError::Overloaded) => break true,
                _ if begin.elapsed() > Duration::from_secs(20) => break false,
                _ => door.remove(ParticipantId::CITIZEN),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let others =
            [running.offer(ParticipantId::CITIZEN, 2, offer()).await.is_ok(), door.offer(ParticipantId(1), 1, offer()).await.is_ok()];
        storming.store(false, Ordering::Relaxed);
        for agent in storm {
            agent.await.unwrap();
        }
        assert!(refused && plane.counters().put_off > 0);
        assert_eq!(others, [true, true], "who is in a call comes back, and an agent takes their seat");
        let begin = Instant::now();
        while door.offer(ParticipantId::CITIZEN, number + 1, offer()).await.is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20), "it stays full");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    #[tokio::test]
    async fn offer_after_the_end_of_the_plane_is_unavailable() {
        let plane = plane(1);
        let (door, _events) = plane.open(AppointmentId(1));
        drop(plane);
        assert!(matches!(door.offer(ParticipantId::CITIZEN, 1, String::from("v=0")).await, Err(OfferError::Unavailable)));
        assert!(!door.send(ParticipantId::CITIZEN, Label::Chat, vec![1]).await);
    }
}
