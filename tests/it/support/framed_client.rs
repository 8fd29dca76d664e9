//! A raw peer on a TCP connection with frames of RFC 4571, cut as the test likes; own framing, no code of the server's.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use visavis::ids::ParticipantId;

use super::raw_peer::{Arrived, RawOptions, RawPeer};
use super::room::{PATIENCE, Room};

/// A peer and its connection; driven by [`FramedClient::turn`].
pub struct FramedClient {
    pub peer: RawPeer,
    pub stream: TcpStream,
    /// Decrypted, in order.
    pub arrived: Vec<Arrived>,
    /// Bytes written at once.
    pub pieces: usize,
    input: Vec<u8>,
    closed: bool,
}

/// The length and the content.
pub fn frame(packet: &[u8]) -> Vec<u8> {
    [&(packet.len() as u16).to_be_bytes()[..], packet].concat()
}

/// A connection with a small receive buffer, so that one who does not read is felt soon.
pub fn connect(server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.set_tcp_nodelay(true).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.into()
}

/// What the answer says of TCP: the lines and the addresses.
pub fn tcp_candidates(sdp: &str) -> Vec<(String, SocketAddr)> {
    let lines = sdp.lines().filter(|line| line.starts_with("a=candidate:") && line.contains(" tcp "));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            (line.to_owned(), SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap()))
        })
        .collect()
}

impl FramedClient {
    /// Offers to the room and connects to the first TCP candidate; nothing has been sent yet.
    pub async fn offer(room: &Room, participant: ParticipantId, transport: u32, options: RawOptions) -> Self {
        let mut peer = RawPeer::new(options);
        let answer = room.door.offer(participant, transport, peer.offer()).await.unwrap();
        peer.accept_answer(&answer, Instant::now());
        let (line, server) = tcp_candidates(&answer).remove(0);
        assert!(line.ends_with("typ host tcptype passive"), "{line}");
        Self { peer, stream: connect(server), arrived: vec![], pieces: usize::MAX, input: vec![], closed: false }
    }

    /// The same until DTLS is up on both sides.
    pub async fn join(room: &Room, participant: ParticipantId, transport: u32, options: RawOptions) -> Self {
        let mut client = Self::offer(room, participant, transport, options).await;
        client.until("DTLS", |client| client.peer.is_connected()).await;
        client
    }

    /// A new connection in place of the old one, which ends.
    pub fn reconnect(&mut self) {
        self.stream = connect(self.stream.peer_addr().unwrap());
        self.input.clear();
        self.closed = false;
    }

    pub fn send(&mut self, packet: &[u8]) {
        self.send_bytes(&frame(packet));
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        for mut piece in bytes.chunks(self.pieces) {
            while !piece.is_empty() {
                match self.stream.write(piece) {
                    Ok(some) => piece = &piece[some..],
                    Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(1)),
                    Err(_) => return,
                }
            }
        }
    }

    pub fn send_rtp(&mut self, packet: &[u8]) {
        let sealed = self.peer.seal_rtp(packet);
        self.send(&sealed);
    }

    /// Sends what is due and reads what is there.
    pub fn turn(&mut self) {
        self.peer.handle_timeout(Instant::now());
        while let Some(packet) = self.peer.poll_datagram() {
            self.send(&packet);
        }
        self.read();
    }

    /// The server has closed the connection.
    pub fn is_closed(&mut self) -> bool {
        self.read();
        self.closed
    }

    fn read(&mut self) {
        let mut bytes = [0; 8192];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => self.closed = true,
                Ok(length) => {
                    self.input.extend_from_slice(&bytes[..length]);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.closed = true,
            }
            break;
        }
        let mut at = 0;
        while let Some(prefix) = self.input.get(at..at + 2) {
            let length = usize::from(u16::from_be_bytes([prefix[0], prefix[1]]));
            let Some(packet) = self.input.get(at + 2..at + 2 + length) else { break };
            self.peer.handle_datagram(packet, Instant::now());
            at += 2 + length;
        }
        self.input.drain(..at);
        self.arrived.extend(std::iter::from_fn(|| self.peer.poll_arrived()));
    }

    /// Takes turns until a condition holds.
    pub async fn until(&mut self, what: &str, good: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !good(self) {
            assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
            self.turn();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // What the last input made it say.
        self.turn();
    }
}
