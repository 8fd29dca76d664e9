//! The media core with raw peers around it, in memory and in virtual time: no socket, no thread, no wait. A run from one seed is always the same but for
//! the randomness that the DTLS engines draw themselves.

#![allow(dead_code)] // each of tests, bench and fuzz uses a part

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use visavis::ids::ParticipantId;
use visavis::media::batch::Batch;
use visavis::media::core::{Core, RoomId};
use visavis::media::dtls::DtlsIdentity;
use visavis::media::guard::{CounterValues, Counters};
use visavis::media::plane::{MediaEvent, OfferError};

use super::raw_peer::{Arrived, RawOptions, RawPeer};

/// Where the core believes to listen.
pub const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// A peer at an address.
pub struct Seat {
    pub room: RoomId,
    pub participant: ParticipantId,
    pub transport: u32,
    pub address: SocketAddr,
    pub peer: RawPeer,
    /// Decrypted, in order.
    pub arrived: Vec<Arrived>,
    /// Datagrams of this peer that are not delivered any more.
    pub muted: bool,
}

/// The whole arrangement.
pub struct Rig {
    pub core: Core,
    pub counters: Arc<Counters>,
    pub now: Instant,
    pub seats: Vec<Seat>,
    pub events: Vec<(RoomId, MediaEvent)>,
    /// Datagrams to addresses where nobody sits: (address, bytes).
    pub astray: Vec<(SocketAddr, Vec<u8>)>,
    /// Datagrams and bytes that the core has sent to anybody.
    pub sent: (u64, u64),
    batch: Batch,
}

impl Rig {
    pub fn new(seed: u64) -> Self {
        let identity = DtlsIdentity::generate(true).unwrap();
        let counters = Arc::new(Counters::default());
        let mut state = seed | 1;
        let random = move |bytes: &mut [u8]| {
            for byte in bytes {
                state = next(state);
                *byte = (state >> 32) as u8;
            }
        };
        let core = Core::new(identity, vec![SocketAddr::new(LOCAL, 3478)], Box::new(random), counters.clone());
        Self {
            core,
            counters,
            now: Instant::now(),
            seats: Vec::new(),
            events: Vec::new(),
            astray: Vec::new(),
            sent: (0, 0),
            batch: Batch::default(),
        }
    }

    pub fn count(&self) -> CounterValues {
        self.counters.values()
    }

    /// Offers for a participant at `10.0.<room>.<number>`; nothing has been delivered yet. Index of the seat.
    pub fn offer(&mut self, room: u64, participant: u8, transport: u32, options: RawOptions) -> Result<usize, OfferError> {
        let mut peer = RawPeer::new(options);
        let (room, participant) = (RoomId(room), ParticipantId(participant));
        let offer = peer.offer();
        let answer = self.core.offer(room, participant, transport, &offer, self.now, &mut self.batch);
        self.deliver();
        peer.accept_answer(&answer?, self.now);
        let port = 40_000 + self.seats.len() as u16 % 20_000;
        let address = SocketAddr::from(([10, 0, room.0 as u8, participant.0], port));
        self.seats.push(Seat { room, participant, transport, address, peer, arrived: Vec::new(), muted: false });
        Ok(self.seats.len() - 1)
    }

    /// Opens the room if need be, offers and connects.
    pub fn join(&mut self, room: u64, participant: u8, options: RawOptions) -> usize {
        let seat = self.offer(room, participant, 1, options).unwrap();
        self.connect(seat);
        seat
    }

    pub fn open(&mut self, room: u64) {
        self.core.open(RoomId(room));
    }

    /// Runs until the seat's DTLS is up on both sides.
    pub fn connect(&mut self, seat: usize) {
        self.run_until(Duration::from_secs(5), |rig| {
            let at = &rig.seats[seat];
            let event = (at.room, MediaEvent::Connected(at.participant));
            at.peer.is_connected() && rig.events.contains(&event)
        });
    }

    pub fn admit(&mut self, room: u64, participant: u8, admitted: bool) {
        self.core.admit(RoomId(room), ParticipantId(participant), admitted, self.now, &mut self.batch);
        self.deliver();
    }

    pub fn remove(&mut self, room: u64, participant: u8) {
        self.core.remove(RoomId(room), ParticipantId(participant), self.now, &mut self.batch);
        self.deliver();
    }

    /// One datagram from anywhere, delivered at once, its consequences too.
    pub fn inject(&mut self, from: SocketAddr, datagram: &[u8]) {
        let mut datagram = datagram.to_vec();
        self.core.handle_datagram(self.now, LOCAL, from, &mut datagram, &mut self.batch);
        self.deliver();
    }

    /// One datagram from a seat's own address.
    pub fn send(&mut self, seat: usize, datagram: &[u8]) {
        self.inject(self.seats[seat].address, datagram);
    }

    /// Seals and sends plain RTP.
    pub fn send_rtp(&mut self, seat: usize, packet: &[u8]) -> Vec<u8> {
        let sealed = self.seats[seat].peer.seal_rtp(packet);
        self.send(seat, &sealed);
        sealed
    }

    /// Seals and sends plain RTCP.
    pub fn send_rtcp(&mut self, seat: usize, packet: &[u8]) {
        let sealed = self.seats[seat].peer.seal_rtcp(packet);
        self.send(seat, &sealed);
    }

    /// Lets time pass, timers and all.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.settle();
        while let Some(at) = self.next_timer().filter(|at| *at <= end && self.now < end) {
            self.now = self.now.max(at);
            self.core.handle_timeout(self.now, &mut self.batch);
            for seat in &mut self.seats {
                seat.peer.handle_timeout(self.now);
            }
            self.settle();
            // A timer that does not move on would stand still here for ever.
            self.now += Duration::from_micros(100);
        }
        self.now = self.now.max(end);
    }

    /// Lets time pass in steps of a millisecond until a condition holds.
    pub fn run_until(&mut self, within: Duration, good: impl Fn(&Self) -> bool) {
        let end = self.now + within;
        self.settle();
        while !good(self) {
            assert!(self.now < end, "waited {within:?} of virtual time in vain; events {:?}, {:?}", self.events, self.count());
            self.pass(Duration::from_millis(1));
        }
    }

    /// Exchanges what is on the way until nothing is.
    pub fn settle(&mut self) {
        for _ in 0..1_000 {
            let mut moved = false;
            for at in 0..self.seats.len() {
                while let Some(datagram) = self.seats[at].peer.poll_datagram() {
                    moved = true;
                    if !self.seats[at].muted {
                        self.inject(self.seats[at].address, &datagram);
                    }
                }
            }
            self.deliver();
            if !moved {
                return;
            }
        }
    }

    fn deliver(&mut self) {
        let events = &mut self.events;
        self.core.deliver_events(self.now, &mut self.batch, |room, event| {
            events.push((room, event));
            Ok(())
        });
        let mut out = Vec::new();
        self.batch.flush(64, |run| {
            out.extend(run.contents.chunks(run.size).map(|datagram| (run.path.remote, datagram.to_vec())));
        });
        for (to, datagram) in out {
            self.sent.0 += 1;
            self.sent.1 += datagram.len() as u64;
            // A later seat at the same address replaces the earlier one.
            match self.seats.iter_mut().rev().find(|seat| seat.address == to) {
                Some(seat) if seat.muted => {}
                Some(seat) => {
                    seat.peer.handle_datagram(&datagram, self.now);
                    seat.arrived.extend(std::iter::from_fn(|| seat.peer.poll_arrived()));
                }
                None => self.astray.push((to, datagram)),
            }
        }
    }

    fn next_timer(&self) -> Option<Instant> {
        let peers = self.seats.iter().filter(|seat| !seat.muted).filter_map(|seat| seat.peer.poll_timeout());
        peers.chain(self.core.poll_timeout()).min()
    }
}

/// xorshift64*.
pub fn next(mut state: u64) -> u64 {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}
