//! The streams of one worker, TCP connections and the relay's local ones: frames in, frames out, each with its queue. Knows sockets; refuses to know whose they
//! are and what the frames mean.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};

use mio::event::Event;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use super::batch::{Carrier, Path, Run};
use super::framing::Deframer;
use super::guard::{Kind, demultiplex};
use super::send_queue::{Class, SendQueue};
use crate::limits;
use crate::time::Instant;

/// A connection whose first frame was read and is a well-formed check, on its way to the worker that gave its ufrag out.
pub struct Arrival {
    /// Not blocking.
    pub stream: Stream,
    /// Our address.
    pub local: IpAddr,
    /// The client's.
    pub remote: SocketAddr,
    /// The content of the first frame.
    pub first: Vec<u8>,
    /// Its place among the sockets of the web server: given back when it is dropped.
    pub pass: Box<dyn Send>,
}

/// What carries the frames.
pub enum Stream {
    /// From the client itself.
    Tcp(std::net::TcpStream),
    /// From the relay of this process.
    Local(std::os::unix::net::UnixStream),
}

/// The same, polled.
enum Polled {
    Tcp(TcpStream),
    Local(UnixStream),
}

impl Polled {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(into),
            Self::Local(stream) => stream.read(into),
        }
    }

    /// Each write is a record of its own: the system must not add the next one to bytes that it holds unsent beyond the bound.
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => SockRef::from(stream).send_with_flags(bytes, END_OF_RECORD),
            Self::Local(stream) => SockRef::from(stream).send(bytes),
        }
    }
}

/// What the core must hear of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It cannot carry its pictures, or can again.
    Behind(bool),
    /// It is gone.
    Closed,
}

/// See the module's sentence. Bounded by `limits::PATHS` for each transport and by the web server's sockets.
pub struct Connections {
    live: HashMap<u32, Connection>,
    last: u32,
    /// Those that may hold input.
    readable: VecDeque<u32>,
    buffer: Vec<u8>,
    news: Vec<(Path, News)>,
    first_token: usize,
}

struct Connection {
    stream: Polled,
    path: Path,
    deframer: Deframer,
    queue: SendQueue,
    _pass: Box<dyn Send>,
}

/// Datagrams that the system took, that wait, and that were lost.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Taken by the queue.
    pub taken: u64,
    /// Lost to a bound of the queue, those that had waited included.
    pub lost: u64,
}

impl Connections {
    /// None yet; their tokens begin at `first_token`.
    pub fn new(first_token: usize) -> Self {
        Self { live: HashMap::new(), last: 0, readable: VecDeque::new(), buffer: Vec::new(), news: Vec::new(), first_token }
    }

    /// The path that an arrival will have, if it is kept.
    pub fn next_path(&mut self, arrival: &Arrival) -> Path {
        self.last = self.last.wrapping_add(1);
        Path { local: arrival.local, remote: arrival.remote, carrier: Carrier::Tcp(self.last) }
    }

    /// Keeps an arrival under its path.
    pub fn keep(&mut self, path: Path, arrival: Arrival, registry: &Registry) -> io::Result<()> {
        let Carrier::Tcp(number) = path.carrier else { return Ok(()) };
        let (token, interest) = (Token(self.first_token + number as usize), Interest::READABLE | Interest::WRITABLE);
        let stream = match arrival.stream {
            Stream::Tcp(stream) => {
                let mut stream = TcpStream::from_std(stream);
                prefer_short_queues(SockRef::from(&stream));
                registry.register(&mut stream, token, interest)?;
                Polled::Tcp(stream)
            }
            Stream::Local(stream) => {
                let mut stream = UnixStream::from_std(stream);
                registry.register(&mut stream, token, interest)?;
                Polled::Local(stream)
            }
        };
        let connection = Connection { stream, path, deframer: Deframer::default(), queue: SendQueue::default(), _pass: arrival.pass };
        self.live.insert(number, connection);
        self.readable.push_back(number);
        Ok(())
    }

    /// The poll says that something is possible again.
    pub fn handle_event(&mut self, event: &Event, now: Instant) {
        let Some(number) = event.token().0.checked_sub(self.first_token).and_then(|number| u32::try_from(number).ok()) else { return };
        if !self.live.contains_key(&number) {
            return;
        }
        if (event.is_readable() || event.is_read_closed() || event.is_error()) && !self.readable.contains(&number) {
            self.readable.push_back(number);
        }
        if event.is_writable() {
            self.write(number, now);
        }
    }

    /// Reads once from a connection that may hold input; `false` when none does.
    pub fn read_one(&mut self, mut handle: impl FnMut(Path, &mut [u8])) -> bool {
        let Some(number) = self.readable.pop_front() else { return false };
        let Some(connection) = self.live.get_mut(&number) else { return true };
        self.buffer.resize(limits::TCP_READ_BYTES, 0);
        match connection.stream.read(&mut self.buffer) {
            Ok(0) => self.end(number),
            Ok(length) => {
                let path = connection.path;
                match connection.deframer.push(&mut self.buffer[..length], |frame| handle(path, frame)) {
                    Ok(()) => self.readable.push_back(number),
                    Err(_) => self.end(number),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.readable.push_back(number),
            Err(_) => self.end(number),
        }
        true
    }

    /// Some connection may hold input that was not read.
    pub fn has_input(&self) -> bool {
        !self.readable.is_empty()
    }

    /// Sends a run whose path is a connection's. `is_picture` tells of one sealed packet whether a line that cannot carry everything does without it.
    pub fn send(&mut self, run: Run<'_>, now: Instant, mut is_picture: impl FnMut(&[u8]) -> bool) -> Sent {
        let mut sent = Sent::default();
        let Carrier::Tcp(number) = run.path.carrier else { return sent };
        let packets = run.contents.chunks(run.size.max(1));
        let Some(connection) = self.live.get_mut(&number) else { return sent };
        for packet in packets {
            let class = match demultiplex(packet) {
                Kind::Dtls => Class::Data,
                Kind::Rtp if is_picture(packet) => Class::Picture,
                _ => Class::Prompt,
            };
            let lost = connection.queue.push(class, packet, now) as u64;
            sent.taken += 1;
            sent.lost += lost;
        }
        sent.taken = sent.taken.saturating_sub(sent.lost);
        self.write(number, now);
        sent
    }

    /// Ends a connection that leads nowhere any more.
    pub fn close(&mut self, number: u32) {
        self.live.remove(&number);
    }

    /// What the core must hear, oldest first.
    pub fn take_news(&mut self) -> Vec<(Path, News)> {
        std::mem::take(&mut self.news)
    }

    /// The core must hear something.
    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    fn write(&mut self, number: u32, now: Instant) {
        let Some(connection) = self.live.get_mut(&number) else { return };
        let Connection { stream, queue, path, .. } = connection;
        let written = queue.write(now, |bytes| stream.write(bytes));
        if let Some(behind) = queue.take_news() {
            self.news.push((*path, News::Behind(behind)));
        }
        if written.is_err() {
            self.end(number);
        }
    }

    fn end(&mut self, number: u32) {
        if let Some(connection) = self.live.remove(&number) {
            self.news.push((connection.path, News::Closed));
        }
    }
}

/// Little may wait where sound cannot overtake pictures: in the system, which then holds few unsent bytes, and in the network, whose queues BBR does not fill as
/// the usual control does. A system that knows neither serves as well, with more delay.
pub fn prefer_short_queues(socket: SockRef<'_>) {
    #[cfg(target_os = "linux")]
    {
        let _ = socket.set_tcp_congestion(b"bbr");
        let _ = socket.set_tcp_notsent_lowat(limits::TCP_UNSENT_BYTES);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// `MSG_EOR` of Linux; other systems know no bound of unsent bytes either.
const END_OF_RECORD: i32 = if cfg!(target_os = "linux") { 0x80 } else { 0 };

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use mio::{Events, Poll};

    use super::*;

    /// A kept connection and the client's end of it.
    fn connected(connections: &mut Connections, poll: &Poll) -> (Path, std::net::TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, remote) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = Stream::Tcp(stream);
        let arrival = Arrival { stream, local: [127, 0, 0, 1].into(), remote, first: vec![], pass: Box::new(()) };
        let path = connections.next_path(&arrival);
        connections.keep(path, arrival, poll.registry()).unwrap();
        (path, client)
    }

    fn turn(connections: &mut Connections, poll: &mut Poll) -> Vec<Vec<u8>> {
        let mut events = Events::with_capacity(8);
        poll.poll(&mut events, Some(Duration::from_millis(50))).unwrap();
        events.iter().for_each(|event| connections.handle_event(event, Instant::now()));
        let mut frames = Vec::new();
        while connections.read_one(|_, frame| frames.push(frame.to_vec())) {}
        frames
    }

    fn packet(kind: u8, number: u16) -> Vec<u8> {
        let mut packet = vec![kind; 1_100];
        packet[0] = 0x80;
        packet[1] = 96;
        packet[8] = kind;
        packet[9..11].copy_from_slice(&number.to_be_bytes());
        packet
    }

    #[test]
    fn sound_is_not_behind_pictures_on_a_line_that_does_not_take_them() {
        const SOUND: u8 = 1;
        const PICTURE: u8 = 2;
        let mut poll = Poll::new().unwrap();
        let mut connections = Connections::new(10);
        let (path, mut client) = connected(&mut connections, &poll);
        client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut news = Vec::new();
        // The client reads nothing: what two systems' buffers hold is bounded, and pictures stop.
        let mut sent = 0;
        while !news.contains(&News::Behind(true)) {
            let packet = packet(PICTURE, 0);
            connections.send(Run { path, size: packet.len(), contents: &packet }, Instant::now(), |packet| packet[8] == PICTURE);
            news.extend(connections.take_news().into_iter().map(|(_, news)| news));
            sent += 1;
            assert!(sent < 100_000, "the queue never filled");
        }
        for number in 0..10 {
            let packet = packet(SOUND, number);
            connections.send(Run { path, size: packet.len(), contents: &packet }, Instant::now(), |packet| packet[8] == PICTURE);
        }
        // Now it reads: behind what the systems hold come all the sounds, and none of the pictures that waited.
        let (mut deframer, mut kinds) = (Deframer::default(), Vec::new());
        let mut bytes = [0; 65_536];
        while kinds.iter().filter(|kind| **kind == SOUND).count() < 10 {
            turn(&mut connections, &mut poll);
            if let Ok(length) = client.read(&mut bytes) {
                deframer.push(&mut bytes[..length], |frame| kinds.push(frame[8])).unwrap();
            }
        }
        let first = kinds.iter().position(|kind| *kind == SOUND).unwrap();
        assert_eq!(&kinds[first..], [SOUND; 10]);
        assert!(kinds.len() < sent, "{} of {sent}", kinds.len());
        // After a pause, with the next thing sent, pictures may come again.
        std::thread::sleep(limits::TCP_PICTURE_PAUSE);
        let packet = packet(SOUND, 11);
        connections.send(Run { path, size: packet.len(), contents: &packet }, Instant::now(), |_| false);
        assert_eq!(connections.take_news(), [(path, News::Behind(false))]);
    }

    #[test]
    fn half_frames_wait_and_what_is_no_frame_or_an_end_closes() {
        let mut poll = Poll::new().unwrap();
        let mut connections = Connections::new(10);
        let (path, mut client) = connected(&mut connections, &poll);
        client.write_all(&[0]).unwrap();
        assert!(turn(&mut connections, &mut poll).is_empty());
        client.write_all(&[5, b'h', b'e']).unwrap();
        assert!(turn(&mut connections, &mut poll).is_empty());
        client.write_all(b"llo\0\x01!").unwrap();
        assert_eq!(turn(&mut connections, &mut poll), [&b"hello"[..], b"!"]);
        client.write_all(&[0xff, 0xff]).unwrap();
        assert!(turn(&mut connections, &mut poll).is_empty());
        assert_eq!(connections.take_news(), [(path, News::Closed)]);
        assert_eq!(client.read(&mut [0; 10]).unwrap(), 0);

        let (path, client) = connected(&mut connections, &poll);
        drop(client);
        turn(&mut connections, &mut poll);
        assert_eq!(connections.take_news(), [(path, News::Closed)]);
        assert!(connections.live.is_empty() && !connections.has_input());
    }
}
