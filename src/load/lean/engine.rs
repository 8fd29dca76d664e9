//! The thread of all lean clients: reads what came, sends what is due, rests a quarter of a millisecond. Its own cost is measured by how late it sends.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::IoSliceMut;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use quinn_udp::RecvMeta;
use tokio::sync::{mpsc, oneshot};

use super::dtls::Identity;
use super::leg::{KEEP, Leg, Shape, Shared};
use super::offer::{self, Answer};
use super::picture::GROUP;
use super::source::SOUND;
use super::stamp::now_us;
use super::tally::{Tally, Totals};
use crate::load::LoadError;

/// Commands that wait; whoever has one more waits too.
const COMMANDS: usize = 1_024;
/// Longest rest: what came meanwhile is read at its end, stamped by the system with when it came.
const REST: Duration = Duration::from_micros(250);
/// The same while nobody is there.
const IDLE: Duration = Duration::from_millis(2);
/// Buffers of one receive call, each for a whole run of datagrams.
const BUFFERS: usize = 4;
const BUFFER_BYTES: usize = 64 * 1024;
/// Windows of a test are numbered from 1 to this, and again.
const WINDOWS: usize = 256;
/// Who is so late has lost the beat: its time begins anew.
const LOST_BEAT: Duration = Duration::from_secs(1);

enum Command {
    Connect(u32, Box<Answer>, oneshot::Sender<bool>),
    Send(u32),
    Count(u32, bool),
    Picture(u32, oneshot::Sender<()>),
    Silence(u32),
    Close(u32),
    Window(u8),
    Take(u8, oneshot::Sender<Tally>),
    Totals(oneshot::Sender<Totals>),
    Stop,
}

/// A running engine. Dropping it ends it.
pub struct Engine {
    commands: mpsc::Sender<Command>,
    identity: Arc<Identity>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts the thread; everybody speaks and looks like `shape`.
    pub fn start(shape: Shape) -> Result<Self, LoadError> {
        let failed = |error: std::io::Error| LoadError::Signaling(format!("the thread of the simulated people: {error}"));
        let identity = Arc::new(Identity::generate()?);
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let mut work = Work {
            poll: Poll::new().map_err(failed)?,
            legs: HashMap::new(),
            turns: BinaryHeap::new(),
            shared: Shared { window: 0, tallies: (0..WINDOWS).map(|_| None).collect(), totals: Totals::default() },
            identity: identity.clone(),
            shape,
            buffers: vec![0; BUFFERS * BUFFER_BYTES],
        };
        let thread = std::thread::Builder::new().name(String::from("load")).spawn(move || work.run(inbox)).map_err(failed)?;
        Ok(Self { commands, identity, thread: Some(thread) })
    }

    /// The offer of the transport with this number, which nobody else has.
    pub fn offer(&self, name: u32) -> String {
        offer::write(name, &self.identity.fingerprint)
    }

    /// Takes the answer; returns when the keys are there.
    pub async fn connect(&self, name: u32, answer: &str, within: Duration) -> Result<(), LoadError> {
        let answer = offer::read_answer(answer).ok_or_else(|| LoadError::Signaling(String::from("an answer without UDP candidates")))?;
        let (connected, told) = oneshot::channel();
        self.tell(Command::Connect(name, Box::new(answer), connected)).await;
        match tokio::time::timeout(within, told).await {
            Ok(Ok(true)) => Ok(()),
            Ok(_) => Err(LoadError::Signaling(String::from("the DTLS handshake failed"))),
            Err(_) => Err(LoadError::Late(within, "a connected transport")),
        }
    }

    /// Sends microphone and camera from now on.
    pub async fn send(&self, name: u32) {
        self.tell(Command::Send(name)).await;
    }

    /// Whether what is sent counts: somebody listens.
    pub async fn count(&self, name: u32, counts: bool) {
        self.tell(Command::Count(name, counts)).await;
    }

    /// Returns when the first picture of somebody begins to be there.
    pub async fn picture(&self, name: u32, within: Duration) -> Result<(), LoadError> {
        let (pictured, told) = oneshot::channel();
        self.tell(Command::Picture(name, pictured)).await;
        match tokio::time::timeout(within, told).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(LoadError::Late(within, "a picture")),
        }
    }

    /// A transport says nothing any more, not even good-bye: its network is gone. What still comes to it is counted until it is closed.
    pub async fn silence(&self, name: u32) {
        self.tell(Command::Silence(name)).await;
    }

    /// Ends a transport that the server has ended already, or that was silent.
    pub async fn close(&self, name: u32) {
        self.tell(Command::Close(name)).await;
    }

    /// From now on this window counts; 0: none does.
    pub async fn window(&self, window: u8) {
        self.tell(Command::Window(window)).await;
    }

    /// What a window has counted, which ends it.
    pub async fn take(&self, window: u8) -> Tally {
        let (tally, told) = oneshot::channel();
        self.tell(Command::Take(window, tally)).await;
        told.await.unwrap_or_default()
    }

    /// Counts since the start.
    pub async fn totals(&self) -> Totals {
        let (totals, told) = oneshot::channel();
        self.tell(Command::Totals(totals)).await;
        told.await.unwrap_or_default()
    }

    async fn tell(&self, command: Command) {
        // It ends only with this handle.
        let _ = self.commands.send(command).await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Full: then it is at work and sees that the handle is gone.
        let _ = self.commands.try_send(Command::Stop);
        let (closed, _) = mpsc::channel(1);
        self.commands = closed;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Sound,
    Picture,
    Group,
    Keep,
}

struct Work {
    poll: Poll,
    legs: HashMap<u32, Leg>,
    turns: BinaryHeap<Reverse<(Instant, u32, Turn)>>,
    shared: Shared,
    identity: Arc<Identity>,
    shape: Shape,
    buffers: Vec<u8>,
}

impl Work {
    fn run(&mut self, mut inbox: mpsc::Receiver<Command>) {
        let mut events = Events::with_capacity(1_024);
        loop {
            loop {
                match inbox.try_recv() {
                    Ok(Command::Stop) | Err(mpsc::error::TryRecvError::Disconnected) => return,
                    Ok(command) => self.obey(command),
                    Err(mpsc::error::TryRecvError::Empty) => break,
                }
            }
            if self.poll.poll(&mut events, Some(Duration::ZERO)).is_ok() {
                for event in &events {
                    self.receive(event.token().0 as u32);
                }
            }
            self.do_what_is_due();
            let now = Instant::now();
            let due = self.turns.peek().map_or(now + IDLE, |Reverse((due, ..))| *due);
            let longest = if self.legs.is_empty() { IDLE } else { REST };
            let rest = due.saturating_duration_since(now).min(longest);
            if !rest.is_zero() {
                std::thread::sleep(rest);
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Connect(name, answer, connected) => self.connect(name, &answer, connected, now),
            Command::Send(name) => {
                let Some(leg) = self.legs.get_mut(&name) else { return };
                let period = leg.picture_period();
                if leg.send() {
                    // Nobody is in step with anybody else.
                    let phase = |period: Duration, step: u32| period * (name.wrapping_mul(step) % 97) / 97;
                    self.turns.push(Reverse((now + phase(SOUND, 31), name, Turn::Sound)));
                    self.turns.push(Reverse((now + phase(period, 41), name, Turn::Picture)));
                }
            }
            Command::Count(name, counts) => {
                if let Some(leg) = self.legs.get_mut(&name) {
                    leg.counts = counts;
                }
            }
            Command::Picture(name, pictured) => {
                if let Some(leg) = self.legs.get_mut(&name) {
                    leg.await_picture(pictured);
                }
            }
            Command::Silence(name) => {
                if let Some(leg) = self.legs.get_mut(&name) {
                    leg.is_silent = true;
                }
            }
            Command::Close(name) => {
                if let Some(mut leg) = self.legs.remove(&name) {
                    let _ = self.poll.registry().deregister(leg.source());
                }
            }
            Command::Window(window) => {
                self.shared.window = window;
                if window > 0 {
                    self.shared.tallies[usize::from(window)] = Some(Tally::default());
                }
            }
            Command::Take(window, tally) => {
                let _ = tally.send(self.shared.tallies[usize::from(window)].take().unwrap_or_default());
            }
            Command::Totals(totals) => {
                let _ = totals.send(self.shared.totals);
            }
            Command::Stop => {}
        }
    }

    fn connect(&mut self, name: u32, answer: &Answer, connected: oneshot::Sender<bool>, now: Instant) {
        // Dropping `connected` tells that it came to nothing.
        let Ok(mut leg) = Leg::open((name, self.identity.clone()), answer, self.shape, connected, now) else { return };
        if self.poll.registry().register(leg.source(), Token(name as usize), Interest::READABLE).is_err() {
            return;
        }
        leg.keep(&mut self.shared, now);
        self.legs.insert(name, leg);
        self.turns.push(Reverse((now + Duration::from_millis(2), name, Turn::Keep)));
    }

    /// Everything that waits at one socket.
    fn receive(&mut self, name: u32) {
        let Some(leg) = self.legs.get_mut(&name) else { return };
        let now = Instant::now();
        loop {
            let mut metas = [RecvMeta::default(); BUFFERS];
            let mut parts = self.buffers.chunks_exact_mut(BUFFER_BYTES);
            let mut slices: [IoSliceMut<'_>; BUFFERS] = std::array::from_fn(|_| IoSliceMut::new(parts.next().unwrap_or_default()));
            let (socket, state) = leg.receiver();
            let Ok(received) = state.recv(socket, &mut slices, &mut metas) else { return };
            for (meta, slice) in metas.iter().zip(&mut slices).take(received) {
                let at_us = meta.timestamp.map_or_else(now_us, |at| u64::try_from(at.as_micros()).unwrap_or(u64::MAX));
                let length = meta.len.min(slice.len());
                for datagram in slice[..length].chunks_mut(meta.stride.max(1)) {
                    leg.handle_datagram(meta.addr, datagram, at_us, &mut self.shared, now);
                }
            }
            if received < BUFFERS {
                return;
            }
        }
    }

    fn do_what_is_due(&mut self) {
        loop {
            let now = Instant::now();
            let Some(Reverse((due, ..))) = self.turns.peek() else { return };
            if *due > now {
                return;
            }
            let Some(Reverse((due, name, turn))) = self.turns.pop() else { return };
            let Some(leg) = self.legs.get_mut(&name).filter(|leg| !leg.is_silent) else { continue };
            let shared = &mut self.shared;
            let late = now - due;
            let (next, again) = match turn {
                Turn::Sound => {
                    leg.sound(shared);
                    if let Some(tally) = shared.tallies[usize::from(shared.window)].as_mut() {
                        tally.lateness.note(late);
                    }
                    (SOUND, Turn::Sound)
                }
                Turn::Picture => {
                    if leg.begin_picture(shared, now) {
                        self.turns.push(Reverse((due + GROUP, name, Turn::Group)));
                    }
                    (leg.picture_period(), Turn::Picture)
                }
                Turn::Group => {
                    if !leg.go_on(shared) {
                        continue;
                    }
                    (GROUP, Turn::Group)
                }
                Turn::Keep => {
                    leg.keep(shared, now);
                    (KEEP, Turn::Keep)
                }
            };
            let next = if late > LOST_BEAT { now + next } else { due + next };
            self.turns.push(Reverse((next, name, again)));
        }
    }
}
