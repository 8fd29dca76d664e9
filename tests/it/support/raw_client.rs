//! A raw peer on a real UDP socket: one task drives it, tests put anything on the wire beside it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use visavis::ids::ParticipantId;
use visavis::load::synthetic::{Reading, read};

use super::raw_peer::{Arrived, RawOptions, RawPeer, read_rtp};
use super::room::{PATIENCE, Room};

/// A running raw peer.
pub struct RawClient {
    peer: Arc<Mutex<RawPeer>>,
    socket: Arc<UdpSocket>,
    server: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    task: tokio::task::JoinHandle<()>,
}

impl RawClient {
    /// Offers to the room and connects.
    pub async fn join(room: &Room, participant: ParticipantId, transport: u32, options: RawOptions) -> Self {
        let client = Self::offer(room, participant, transport, options).await;
        client.until("DTLS", |client| client.peer().is_connected()).await;
        client
    }

    /// Offers and starts without waiting for anything.
    pub async fn offer(room: &Room, participant: ParticipantId, transport: u32, options: RawOptions) -> Self {
        let mut peer = RawPeer::new(options);
        let answer = room.door.offer(participant, transport, peer.offer()).await.unwrap();
        peer.accept_answer(&answer, Instant::now());
        let server = peer.candidates()[0];
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let (peer, arrived) = (Arc::new(Mutex::new(peer)), Arc::default());
        let task = tokio::spawn(drive(Arc::clone(&peer), socket.clone(), server, Arc::clone(&arrived)));
        Self { peer, socket, server, arrived, task }
    }

    pub fn peer(&self) -> MutexGuard<'_, RawPeer> {
        self.peer.lock().unwrap()
    }

    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// Sends a datagram from this client's own socket.
    pub async fn send(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.server).await.unwrap();
    }

    /// Seals and sends a plain RTP packet.
    pub async fn send_rtp(&self, packet: &[u8]) -> Vec<u8> {
        let sealed = self.peer().seal_rtp(packet);
        self.send(&sealed).await;
        sealed
    }

    /// Seals and sends plain RTCP.
    pub async fn send_rtcp(&self, packet: &[u8]) {
        let sealed = self.peer().seal_rtcp(packet);
        self.send(&sealed).await;
    }

    /// Everything that arrived so far, decrypted.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    pub fn forget_arrived(&self) {
        self.arrived.lock().unwrap().clear();
    }

    /// Payloads of RTP packets that arrived with media in them.
    pub fn media(&self) -> Vec<Vec<u8>> {
        let arrived = self.arrived.lock().unwrap();
        let packets = arrived.iter().filter_map(|arrived| match arrived {
            Arrived::Rtp(packet) => read_rtp(packet).map(|(.., payload)| payload.to_vec()),
            _ => None,
        });
        packets.filter(|payload| !payload.is_empty()).collect()
    }

    /// How many intact payloads of a synthetic stream arrived, repeats counted.
    pub fn count_of(&self, stream: u32) -> usize {
        self.media().iter().filter(|payload| matches!(read(payload), Reading::Whole(stamp) if stamp.stream == stream)).count()
    }

    /// RTCP packets of a type that arrived, taken out of their compounds.
    pub fn rtcp(&self, kind: u8) -> Vec<Vec<u8>> {
        let arrived = self.arrived.lock().unwrap();
        let compounds = arrived.iter().filter_map(|arrived| match arrived {
            Arrived::Rtcp(compound) => Some(compound),
            _ => None,
        });
        compounds.flat_map(|compound| split_rtcp(compound)).filter(|packet| packet[1] == kind).collect()
    }

    /// Waits for a condition, looking each few milliseconds.
    pub async fn until(&self, what: &str, good: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !good(self) {
            assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for RawClient {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The packets of a compound (RFC 3550 §6.1).
pub fn split_rtcp(mut compound: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while compound.len() >= 4 {
        let length = (usize::from(u16::from_be_bytes([compound[2], compound[3]])) + 1) * 4;
        let length = length.min(compound.len());
        packets.push(compound[..length].to_vec());
        compound = &compound[length..];
    }
    packets
}

async fn drive(peer: Arc<Mutex<RawPeer>>, socket: Arc<UdpSocket>, server: SocketAddr, arrived: Arc<Mutex<Vec<Arrived>>>) {
    let mut buffer = vec![0; 2048];
    loop {
        let (out, wake) = {
            let mut peer = peer.lock().unwrap();
            peer.handle_timeout(Instant::now());
            let out: Vec<Vec<u8>> = std::iter::from_fn(|| peer.poll_datagram()).collect();
            arrived.lock().unwrap().extend(std::iter::from_fn(|| peer.poll_arrived()));
            (out, peer.poll_timeout())
        };
        for datagram in out {
            let _ = socket.send_to(&datagram, server).await;
        }
        // The tests put things into the peer as well: look at it at least this often.
        let wake = wake.map_or(Duration::from_millis(10), |at| at.saturating_duration_since(Instant::now()));
        let received = tokio::time::timeout(wake.min(Duration::from_millis(10)), socket.recv_from(&mut buffer)).await;
        if let Ok(Ok((length, from))) = received
            && from == server
        {
            peer.lock().unwrap().handle_datagram(&buffer[..length], Instant::now());
        }
    }
}
