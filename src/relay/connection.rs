//! One connection of the relay: bytes of the client in, packets to the media workers over local streams, and back. Decides nothing: a [`Session`] does.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};

use super::message::{Message, Part, part};
use super::session::{House, Session, Step};
use super::{Place, Relay};
use crate::access::relay::RelaySecret;
use crate::limits;
use crate::time::Instant;

/// Ends with the client, with its allocation, or when it says what nobody understands.
pub(super) async fn serve(relay: Arc<Relay>, stream: impl AsyncRead + AsyncWrite + Send + 'static, client: SocketAddr) {
    let Some(nonce) = random::<16>() else { return };
    let nonce: String = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
    let (reading, writing) = tokio::io::split(stream);
    let (out, to_client) = mpsc::channel(limits::RELAY_QUEUE);
    let session = Arc::new(Mutex::new(Session::new(client, nonce)));
    let mut client = Client { relay, session, place: None, out, peers: HashMap::new(), tasks: JoinSet::new() };
    let mut writing = std::pin::pin!(write(writing, to_client));
    tokio::select! {
        () = client.read(reading) => {}
        () = &mut writing => return,
    }
    // The last answer still goes out.
    drop(client);
    let _ = timeout(limits::RELAY_OPENING, writing).await;
}

/// Brings packets to the client in the order in which they came; a slow client is waited for, and with it the media worker's queue.
async fn write<S: AsyncWrite>(mut writing: WriteHalf<S>, mut to_client: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = to_client.recv().await {
        if writing.write_all(&bytes).await.is_err() || writing.flush().await.is_err() {
            return;
        }
    }
}

struct Client {
    relay: Arc<Relay>,
    session: Arc<Mutex<Session>>,
    place: Option<Place>,
    out: mpsc::Sender<Vec<u8>>,
    /// The way to each peer that was sent something; at most one for each that there is.
    peers: HashMap<SocketAddr, OwnedWriteHalf>,
    tasks: JoinSet<()>,
}

impl Client {
    async fn read<S: AsyncRead>(&mut self, mut reading: ReadHalf<S>) {
        let opened = Instant::now();
        let mut bytes = Vec::with_capacity(limits::RELAY_MESSAGE_BYTES);
        loop {
            let ends = self.session().ends().unwrap_or(opened + limits::RELAY_OPENING);
            bytes.reserve(limits::RELAY_MESSAGE_BYTES);
            match timeout_at(ends.into(), reading.read_buf(&mut bytes)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => return,
                // It may have been refreshed meanwhile by nobody else: only we read.
                Err(_) => return,
            }
            let mut at = 0;
            loop {
                let whole = match part(&bytes[at..], limits::RELAY_MESSAGE_BYTES) {
                    Part::Incomplete => break,
                    Part::Foreign => return,
                    Part::Message(whole) => {
                        if !self.message(&bytes[at..at + whole]).await {
                            return;
                        }
                        whole
                    }
                    Part::Channel(number, length, whole) => {
                        let step = self.session().handle_channel_data(number, &bytes[at + 4..at + 4 + length], Instant::now());
                        if let Step::Forward(peer, data) = step {
                            self.forward(peer, data).await;
                        }
                        whole
                    }
                };
                at += whole;
            }
            bytes.drain(..at);
        }
    }

    /// `false` when the client is done.
    async fn message(&mut self, bytes: &[u8]) -> bool {
        // Indications that we do not know are passed over, requests too: nobody waits for our answer for long.
        let Some(message) = Message::parse(bytes) else { return true };
        let mut answer = Vec::new();
        let mut asked = Asked { relay: &self.relay, place: &mut self.place };
        let now = (Instant::now(), self.relay.clock.now());
        let step = self.session.lock().unwrap_or_else(PoisonError::into_inner).handle_message(&message, &mut asked, now, &mut answer);
        if !answer.is_empty() && self.out.send(answer).await.is_err() {
            return false;
        }
        match step {
            Step::Done => true,
            Step::Forward(peer, data) => {
                self.forward(peer, data).await;
                true
            }
            Step::Ended => {
                self.place = None;
                false
            }
        }
    }

    /// To the media worker: over the way that there is, else the packet opens one. What finds no way is lost, as by UDP.
    async fn forward(&mut self, peer: SocketAddr, packet: &[u8]) {
        let Ok(length) = u16::try_from(packet.len()) else { return };
        if let Some(way) = self.peers.get_mut(&peer) {
            let framed = [&length.to_be_bytes()[..], packet].concat();
            if way.write_all(&framed).await.is_ok() {
                return;
            }
            // The worker closed it: this packet was not a check of a transport of its, or the transport ended.
            self.peers.remove(&peer);
        }
        // A way whose transport ended is found closed only by what is sent to it.
        if self.peers.len() >= limits::RELAY_WAYS {
            return;
        }
        let Some(relayed) = self.session().relayed() else { return };
        let Ok((ours, theirs)) = way() else { return };
        if (self.relay.bring)(theirs, relayed, peer, packet.to_vec()) {
            let (reading, writing) = ours.into_split();
            self.peers.insert(peer, writing);
            self.tasks.spawn(bring_back(reading, peer, self.session.clone(), self.out.clone()));
        }
        while self.tasks.try_join_next().is_some() {}
    }

    fn session(&self) -> std::sync::MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A local stream that holds little: what the client does not take must wait in the worker's queue, where sound overtakes pictures.
fn way() -> io::Result<(UnixStream, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    for end in [&ours, &theirs] {
        SockRef::from(end).set_send_buffer_size(limits::RELAY_LOCAL_BYTES)?;
    }
    Ok((ours, theirs))
}

/// Packets of one peer to the client.
async fn bring_back(mut reading: OwnedReadHalf, peer: SocketAddr, session: Arc<Mutex<Session>>, out: mpsc::Sender<Vec<u8>>) {
    let mut packet = Vec::new();
    while let Ok(length) = reading.read_u16().await {
        packet.resize(usize::from(length), 0);
        let Some(transaction) = random() else { return };
        if reading.read_exact(&mut packet).await.is_err() {
            return;
        }
        let mut bytes = Vec::with_capacity(packet.len() + 64);
        let may =
            session.lock().unwrap_or_else(PoisonError::into_inner).write_from_peer(peer, &packet, transaction, Instant::now(), &mut bytes);
        if may && out.send(bytes).await.is_err() {
            return;
        }
    }
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// The house as one session sees it.
struct Asked<'a> {
    relay: &'a Arc<Relay>,
    place: &'a mut Option<Place>,
}

impl House for Asked<'_> {
    fn secret(&self) -> &RelaySecret {
        &self.relay.secret
    }

    fn peers(&self) -> &[SocketAddr] {
        &self.relay.peers
    }

    fn enter(&mut self, who: &str) -> bool {
        *self.place = self.relay.enter(who);
        self.place.is_some()
    }
}
