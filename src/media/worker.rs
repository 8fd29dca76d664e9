//! A worker: a plain thread with its own port that drains its sockets until they are empty, then flushes once. Drives a [`Core`] and decides nothing.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use mio::{Events, Interest, Poll, Token, Waker};
use tokio::sync::mpsc;

use super::batch::Batch;
use super::core::{Core, RoomId};
use super::dtls::DtlsIdentity;
use super::gather::Gather;
use super::guard::{Counters, count, count_many};
use super::inbox::{Command, Inbox};
use super::plane::{MediaError, MediaEvent, OfferError};
use super::pressure::Pressure;
use super::socket::{MediaSocket, ReceiveBuffers};
use super::tcp::{Arrival, Connections, News};
use crate::limits;
use crate::time::Instant;

const WAKER: Token = Token(usize::MAX);
/// Tokens below are those of UDP sockets.
const FIRST_TCP: usize = 16;
/// How soon events that found their channel full are tried again.
const RETRY_EVENTS: Duration = Duration::from_millis(10);

/// A running worker, seen from outside.
pub struct Worker {
    /// Its queue.
    pub inbox: Arc<Inbox>,
    /// Its counters.
    pub counters: Arc<Counters>,
    /// Its UDP port.
    pub port: u16,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Binds the port (both families where the system has them) and starts the thread of worker number `worker`. `advertised`: for UDP and for TCP.
    pub fn start((worker, port): (usize, u16), advertised: (&[IpAddr], &[SocketAddr]), identity: DtlsIdentity) -> Result<Self, MediaError> {
        let fault = |source: io::Error| MediaError::Socket { port, source };
        let sockets = bind(port).map_err(fault)?;
        let poll = Poll::new().map_err(fault)?;
        let inbox = Arc::new(Inbox::new(Waker::new(poll.registry(), WAKER).map_err(fault)?));
        let ready = vec![true; sockets.len()];
        let mut turn = Turn {
            poll,
            sockets,
            ready,
            inbox: inbox.clone(),
            senders: HashMap::new(),
            buffers: ReceiveBuffers::default(),
            gather: Gather::default(),
            pressure: Pressure::default(),
            connections: Connections::new(FIRST_TCP),
        };
        let mut bound = port;
        for (at, socket) in turn.sockets.iter_mut().enumerate() {
            bound = socket.port().map_err(fault)?;
            turn.poll.registry().register(socket.source(), Token(at), Interest::READABLE).map_err(fault)?;
            let (receive, send) = socket.buffers().map_err(fault)?;
            if receive < limits::SOCKET_BUFFER_BYTES || send < limits::SOCKET_BUFFER_BYTES {
                tracing::warn!(
                    port = bound,
                    receive,
                    send,
                    wanted = limits::SOCKET_BUFFER_BYTES,
                    "socket buffers are smaller than wanted: bursts may be lost; raise net.core.rmem_max and net.core.wmem_max"
                );
            }
        }
        let counters = Arc::new(Counters::default());
        let candidates = advertised.0.iter().map(|ip| SocketAddr::new(*ip, bound)).collect();
        let random = SystemRandom::new();
        let mut core = Core::new(
            identity,
            candidates,
            Box::new(move |bytes| {
                if random.fill(bytes).is_err() {
                    // No randomness, no secrets: nothing may go on with predictable ones.
                    std::process::abort();
                }
            }),
            counters.clone(),
        );
        core.set_tcp(advertised.1.to_vec(), worker);
        let shared = counters.clone();
        let thread = std::thread::Builder::new().name(thread_name(bound)).spawn(move || turn.run(core, &shared)).map_err(fault)?;
        Ok(Self { inbox, counters, port: bound, thread: Some(thread) })
    }

    /// What the system shows its thread as.
    pub fn thread_name(&self) -> String {
        thread_name(self.port)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.inbox.push(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Linux keeps 15 octets of it.
fn thread_name(port: u16) -> String {
    format!("media-{port}")
}

/// IPv4 and IPv6 on one port; a system with one of them is served on that one.
fn bind(port: u16) -> io::Result<Vec<MediaSocket>> {
    let mut attempts = if port == 0 { 16 } else { 1 };
    loop {
        attempts -= 1;
        let v4 = MediaSocket::bind(false, port);
        let shared = v4.as_ref().map_or(Ok(port), MediaSocket::port)?;
        match (v4, MediaSocket::bind(true, shared)) {
            (Ok(v4), Ok(v6)) => return Ok(vec![v4, v6]),
            (Ok(_), Err(error)) if error.kind() == io::ErrorKind::AddrInUse && attempts > 0 => {}
            (Ok(_), Err(error)) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            (Ok(v4), Err(_)) => return Ok(vec![v4]),
            (Err(error), _) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            (Err(_), Ok(v6)) => return Ok(vec![v6]),
            (Err(error), Err(_)) => return Err(error),
        }
    }
}

/// The thread's own things.
struct Turn {
    poll: Poll,
    sockets: Vec<MediaSocket>,
    /// Which of them may hold something.
    ready: Vec<bool>,
    inbox: Arc<Inbox>,
    senders: HashMap<RoomId, mpsc::Sender<MediaEvent>>,
    buffers: ReceiveBuffers,
    connections: Connections,
    gather: Gather,
    pressure: Pressure,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

impl Turn {
    fn run(mut self, mut core: Core, counters: &Counters) {
        let mut events = Events::with_capacity(256);
        let mut batch = Batch::default();
        loop {
            let waited = self.poll.poll(&mut events, self.sleep(&core));
            if let Err(error) = waited.or_else(|error| if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) }) {
                tracing::error!(%error, "media worker cannot wait for its sockets");
                std::thread::sleep(RETRY_EVENTS);
            }
            let mut commanded = false;
            for event in &events {
                match self.ready.get_mut(event.token().0) {
                    Some(ready) => *ready = true,
                    None => commanded = true,
                }
            }
            let begin = Instant::now();
            let read = self.receive(&mut core, &mut batch, counters);
            self.receive_framed(&events, &mut core, &mut batch, counters);
            if commanded && !self.obey(&mut core, &mut batch, counters) {
                self.flush(&mut core, &mut batch, counters);
                return;
            }
            let now = Instant::now();
            core.handle_timeout(now, &mut batch);
            let senders = &self.senders;
            core.deliver_events(now, &mut batch, |room, event| match senders.get(&room).map(|sender| sender.try_send(event)) {
                Some(Err(mpsc::error::TrySendError::Full(event))) => Err(event),
                _ => Ok(()),
            });
            self.flush(&mut core, &mut batch, counters);
            self.pressure.worked(begin, Instant::now());
            core.take_orphans().into_iter().for_each(|number| self.connections.close(number));
            if let Some(rest) = self.gather.rest(begin, read, self.has_input()) {
                std::thread::sleep(rest.saturating_sub(begin.elapsed()));
            }
        }
    }

    fn sleep(&self, core: &Core) -> Option<Duration> {
        if self.has_input() {
            return Some(Duration::ZERO);
        }
        let timer = core.poll_timeout().map(|at| at.saturating_duration_since(Instant::now()));
        let retry = core.has_waiting_events().then_some(RETRY_EVENTS);
        timer.into_iter().chain(retry).min()
    }

    /// Something is left over from this turn.
    fn has_input(&self) -> bool {
        self.ready.contains(&true) || self.connections.has_input() || self.connections.has_news()
    }

    /// Drains the sockets, or reads `limits::RECEIVE_DATAGRAMS` of them. How many it read.
    fn receive(&mut self, core: &mut Core, batch: &mut Batch, counters: &Counters) -> usize {
        let mut read = 0;
        while read < limits::RECEIVE_DATAGRAMS && self.ready.contains(&true) {
            for (socket, ready) in self.sockets.iter().zip(&mut self.ready).filter(|(_, ready)| **ready) {
                let (now, before) = (Instant::now(), batch.datagrams());
                let received = socket.receive(&mut self.buffers, |local, remote, datagram| {
                    read += 1;
                    core.handle_datagram(now, local, remote, datagram, batch);
                });
                // What followed while many were sealed leaves with them: the rest of a picture that is watched by many.
                let many = batch.datagrams() - before >= limits::LOOK_AGAIN_DATAGRAMS;
                *ready = received.map(|more| more || many).unwrap_or_else(|error| {
                    // An ICMP error of an earlier send. What waits behind it is read with the next packet: an error that stays must not spin the worker.
                    tracing::trace!(%error, "receive");
                    false
                });
            }
            if batch.is_full() {
                self.flush(core, batch, counters);
            }
        }
        read
    }

    /// The same for TCP connections, and what has become of them.
    fn receive_framed(&mut self, events: &Events, core: &mut Core, batch: &mut Batch, counters: &Counters) {
        let now = Instant::now();
        events.iter().filter(|event| event.token() != WAKER).for_each(|event| self.connections.handle_event(event, now));
        for (path, news) in self.connections.take_news() {
            match news {
                News::Behind(behind) => core.set_behind(path, behind, now, batch),
                News::Closed => core.handle_closed(path, now, batch),
            }
        }
        let mut read = 0;
        while read < limits::RECEIVE_DATAGRAMS
            && self.connections.read_one(|path, frame| {
                read += 1;
                core.handle_packet(now, path, frame, batch);
            })
        {
            read += 1;
            if batch.is_full() {
                self.flush(core, batch, counters);
            }
        }
    }

    /// Keeps a TCP connection if its first frame is an authentic check of a transport here.
    fn connect(&mut self, mut arrival: Arrival, core: &mut Core, batch: &mut Batch, counters: &Counters) {
        let path = self.connections.next_path(&arrival);
        core.handle_packet(Instant::now(), path, &mut std::mem::take(&mut arrival.first), batch);
        if !core.is_verified(path) {
            count(&counters.tcp_refused);
            return;
        }
        count(&counters.tcp_taken);
        if let Err(error) = self.connections.keep(path, arrival, self.poll.registry()) {
            tracing::warn!(error = %error.kind(), "a TCP connection could not be polled");
            core.handle_closed(path, Instant::now(), batch);
        }
    }

    /// Carries out the waiting commands; `false` when the worker is to stop.
    fn obey(&mut self, core: &mut Core, batch: &mut Batch, counters: &Counters) -> bool {
        for command in self.inbox.take() {
            let now = Instant::now();
            match command {
                Command::Open(room, events) => {
                    self.senders.insert(room, events);
                    core.open(room);
                }
                Command::Close(room) => {
                    core.close(room, now, batch);
                    self.senders.remove(&room);
                }
                Command::Offer(room, participant, _, _, answer) if self.pressure.is_full(now) && core.is_newcomer(room, participant) => {
                    count(&counters.put_off);
                    let _ = answer.send(Err(OfferError::Overloaded));
                }
                Command::Offer(room, participant, number, sdp, answer) => {
                    let _ = answer.send(core.offer(room, participant, number, &sdp, now, batch));
                }
                Command::Admit(room, participant, admitted) => core.admit(room, participant, admitted, now, batch),
                Command::Publish(room, participant, publishing) => core.publish(room, participant, publishing, now, batch),
                Command::Statistics(room, answer) => {
                    let _ = answer.send(core.statistics(room));
                }
                Command::Remove(room, participant) => core.remove(room, participant, now, batch),
                Command::Send(room, participant, label, message, answer) => {
                    let _ = answer.send(core.send(room, participant, label, &message, now, batch));
                }
                Command::Connect(arrival) => self.connect(*arrival, core, batch, counters),
                Command::Stop => return false,
            }
        }
        true
    }

    fn flush(&mut self, core: &mut Core, batch: &mut Batch, counters: &Counters) {
        if batch.is_empty() {
            return;
        }
        let segments = self.sockets.iter().map(MediaSocket::segments).min().unwrap_or(1);
        let (mut sent, mut failed) = (0, 0);
        batch.flush(segments, |run| {
            if run.path.is_tcp() {
                let framed = self.connections.send(run, Instant::now(), |packet| core.is_picture(run.path, packet));
                sent += framed.taken;
                count_many(&counters.tcp_lost, framed.lost);
                return;
            }
            let datagrams = run.contents.len().div_ceil(run.size);
            // The first socket is IPv4 unless the system has none.
            let socket = if run.path.remote.is_ipv4() { self.sockets.first() } else { self.sockets.last() };
            let taken = socket.map_or(0, |socket| socket.send(run));
            sent += taken as u64;
            failed += (datagrams - taken) as u64;
        });
        count_many(&counters.sent, sent);
        count_many(&counters.send_failed, failed);
    }
}
