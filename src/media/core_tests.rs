//! The core as a whole against a client in memory: virtual time, seeded loss, no socket.
#![cfg(test)]

use std::time::Duration;

use super::super::plane::Quality;
use super::super::test_client::{CAMERA, Seeded, TestPeer};
use super::*;

const ROOM: RoomId = RoomId(1);
const SERVER: &str = "10.0.0.1";
const CITIZEN: ParticipantId = ParticipantId(0);
const AGENT: ParticipantId = ParticipantId(1);

/// A core, its clients, and a link between them.
struct World {
    core: Core,
    counters: Arc<Counters>,
    batch: Batch,
    now: Instant,
    start: Instant,
    random: Seeded,
    loss: f64,
    delay: Duration,
    peers: Vec<(ParticipantId, TestPeer)>,
    /// Arrival, sender or receiver, to the server, datagram.
    wire: Vec<(Instant, SocketAddr, bool, Vec<u8>)>,
    events: Vec<MediaEvent>,
    /// Datagrams to addresses that no client has.
    astray: usize,
    deaf: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Seeded::new(seed);
        let mut filler = Seeded::new(random.next());
        let counters = Arc::new(Counters::default());
        let identity = DtlsIdentity::generate(true).unwrap();
        let candidates = vec![SocketAddr::new(SERVER.parse().unwrap(), 3478)];
        let mut core = Core::new(identity, candidates, Box::new(move |bytes| filler.fill(bytes)), counters.clone());
        core.open(ROOM);
        let start = Instant::now();
        Self {
            core,
            counters,
            batch: Batch::default(),
            now: start,
            start,
            random,
            loss: 0.0,
            delay: Duration::from_millis(25),
            peers: Vec::new(),
            wire: Vec::new(),
            events: Vec::new(),
            astray: 0,
            deaf: false,
        }
    }

    fn join(&mut self, participant: ParticipantId, address: &str, dtls13: bool) {
        let mut peer = TestPeer::new(address, dtls13);
        let answer = self.core.offer(ROOM, participant, 1, &peer.offer("them"), self.now, &mut self.batch).unwrap();
        peer.accept(&answer, self.now);
        self.peers.push((participant, peer));
    }

    fn peer(&mut self, participant: ParticipantId) -> &mut TestPeer {
        &mut self.peers.iter_mut().find(|(id, _)| *id == participant).unwrap().1
    }

    /// A datagram straight into the core.
    fn inject(&mut self, from: &str, datagram: &[u8]) {
        self.core.handle_datagram(self.now, SERVER.parse().unwrap(), from.parse().unwrap(), &mut datagram.to_vec(), &mut self.batch);
    }

    /// One millisecond.
    fn tick(&mut self) {
        let now = self.now;
        let arrived: Vec<_> = self.wire.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, address, to_server, mut datagram) in arrived {
            if to_server {
                self.core.handle_datagram(now, SERVER.parse().unwrap(), address, &mut datagram, &mut self.batch);
            } else if let Some((_, peer)) = self.peers.iter_mut().find(|(_, peer)| peer.address == address) {
                peer.handle_datagram(&datagram, now);
            } else {
                self.astray += 1;
            }
        }
        if self.core.poll_timeout().is_some_and(|at| at <= now) {
            self.core.handle_timeout(now, &mut self.batch);
        }
        let (events, deaf) = (&mut self.events, self.deaf);
        self.core.deliver_events(now, &mut self.batch, |_, event| {
            if deaf {
                return Err(event);
            }
            events.push(event);
            Ok(())
        });
        let mut out = Vec::new();
        self.batch.flush(64, |run| {
            assert_eq!(run.path.local, SERVER.parse::<IpAddr>().unwrap(), "answers leave from the address that was asked");
            out.extend(run.contents.chunks(run.size).map(|datagram| (run.path.remote, false, datagram.to_vec())));
        });
        for (_, peer) in &mut self.peers {
            out.extend(peer.poll(now).into_iter().map(|datagram| (peer.address, true, datagram)));
        }
        for (address, to_server, datagram) in out {
            assert!(datagram.len() <= 1252, "{} bytes", datagram.len());
            if self.random.unit() >= self.loss {
                self.wire.push((now + self.delay, address, to_server, datagram));
            }
        }
        self.now += Duration::from_millis(1);
    }

    fn run(&mut self, milliseconds: u64) {
        (0..milliseconds).for_each(|_| self.tick());
    }

    fn run_until(&mut self, limit_ms: u64, mut done: impl FnMut(&mut Self) -> bool) -> Option<u64> {
        let start = self.now;
        while (self.now - start).as_millis() < u128::from(limit_ms) {
            if done(self) {
                return Some((self.now - start).as_millis() as u64);
            }
            self.tick();
        }
        None
    }

    fn connected(&mut self, participant: ParticipantId) -> bool {
        self.events.contains(&MediaEvent::Connected(participant)) && self.peer(participant).dtls.is_connected()
    }

    fn count(&self, of: impl Fn(super::super::guard::CounterValues) -> u64) -> u64 {
        of(self.counters.values())
    }
}

/// A world in which citizen and agent are connected.
fn connected_pair(seed: u64) -> World {
    let mut world = World::new(seed);
    world.join(CITIZEN, "192.0.2.1:1000", true);
    world.join(AGENT, "[2001:db8::2]:2000", false);
    world.run_until(2_000, |world| world.connected(CITIZEN) && world.connected(AGENT)).expect("both connect");
    world
}

#[test]
fn fifty_joins_over_eight_per_cent_loss_each_way_all_connect() {
    let mut times: Vec<u64> = (0..50)
        .map(|seed| {
            let mut world = World::new(seed);
            world.loss = 0.08;
            world.join(CITIZEN, "192.0.2.1:1000", seed % 2 == 0);
            world.run_until(15_000, |world| world.connected(CITIZEN)).unwrap_or_else(|| panic!("join {seed} never connected"))
        })
        .collect();
    times.sort_unstable();
    assert!(times[47] <= 2_000, "p95 {} ms, worst {} ms", times[47], times[49]);
}

#[test]
fn join_without_loss_takes_three_round_trips() {
    let mut world = World::new(1);
    world.join(CITIZEN, "192.0.2.1:1000", true);
    let took = world.run_until(2_000, |world| world.connected(CITIZEN)).unwrap();
    assert!(took <= 165, "{took} ms at 50 ms round trip: check, hello, finished");
    assert_eq!(world.count(|counters| counters.handshakes), 1);
}

#[test]
fn strangers_get_silence_and_leave_nothing() {
    let mut world = connected_pair(2);
    world.run(200);
    let known = world.core.directory.counts();
    let mut junk = vec![0; 1200];
    for n in 0..50_000u32 {
        let length = 1 + (n % 1200) as usize;
        world.random.fill(&mut junk[..length]);
        world.inject("203.0.113.9:9", &junk[..length]);
    }
    for n in 0..1_000u32 {
        let check = super::super::stun::request([n as u8; 12], &format!("AAAA{n:04}:them"), "0123456789012345678901", true);
        world.inject("203.0.113.9:9", &check);
    }
    assert!(world.batch.is_empty(), "an answer to a stranger");
    assert_eq!(world.core.directory.counts(), known);
    let values = world.counters.values();
    assert!(values.stun_unknown >= 1_000 && values.junk > 0 && values.unknown_source > 0);
}

#[test]
fn forged_epochs_and_ssrcs_from_the_clients_own_address_leave_no_state() {
    let mut world = World::new(3);
    world.join(CITIZEN, "192.0.2.1:1000", true);
    // Verified by a check, DTLS not begun.
    let check = world.peer(CITIZEN).check(true);
    world.inject("192.0.2.1:1000", &check);
    world.batch.flush(64, |_| {});
    let mut record = [0x17, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 87].to_vec();
    record.resize(100, 0xab);
    let mut rtp = vec![0x80, 96];
    rtp.resize(100, 0xcd);
    let step = Duration::from_micros(200); // within the packet budget
    for n in 0..100_000u32 {
        world.now += step;
        record[7..11].copy_from_slice(&n.to_be_bytes());
        rtp[8..12].copy_from_slice(&n.to_be_bytes());
        world.inject("192.0.2.1:1000", if n % 2 == 0 { &record } else { &rtp });
    }
    assert!(world.batch.is_empty(), "junk was answered");
    assert_eq!(world.count(|counters| counters.too_early), 50_000);
    world.start = world.now;
    world.run_until(2_000, |world| world.connected(CITIZEN)).expect("the handshake works afterwards");
    world.run(100);
    for n in 0..100_000u32 {
        world.now += step;
        rtp[8..12].copy_from_slice(&if n % 2 == 0 { n } else { CAMERA }.to_be_bytes());
        rtp[2..4].copy_from_slice(&(n as u16).to_be_bytes());
        world.inject("192.0.2.1:1000", &rtp);
    }
    let values = world.counters.values();
    assert_eq!(values.unknown_ssrc + values.forged, 100_000);
    assert!(values.forged >= 50_000 && values.rtp_in == 0);
}

#[test]
fn hello_from_another_address_is_dropped_and_the_join_completes() {
    let mut world = World::new(4);
    world.join(CITIZEN, "192.0.2.1:1000", true);
    let mut attacker = super::super::test_client::DtlsClient::any_version(true);
    attacker.start(world.now);
    let hello = attacker.take_datagrams();
    let took = world.run_until(2_000, |world| {
        for datagram in &hello {
            world.inject("192.0.2.1:1001", datagram);
            world.inject("203.0.113.9:1000", datagram);
        }
        world.connected(CITIZEN)
    });
    assert!(took.is_some_and(|took| took <= 200), "{took:?}");
    assert_eq!(world.astray, 0, "the attacker was answered");
}

#[test]
fn wrong_certificate_ends_the_transport() {
    let mut world = World::new(5);
    let mut peer = TestPeer::new("192.0.2.1:1000", true);
    let other = TestPeer::new("192.0.2.1:1000", true);
    let answer = world.core.offer(ROOM, CITIZEN, 1, &other.offer("them"), world.now, &mut world.batch).unwrap();
    peer.accept(&answer, world.now);
    world.peers.push((CITIZEN, peer));
    world.run_until(2_000, |world| world.events.contains(&MediaEvent::Gone(CITIZEN))).expect("gone");
    assert!(!world.events.contains(&MediaEvent::Connected(CITIZEN)));
    assert_eq!(world.count(|counters| counters.wrong_fingerprint), 1);
    assert_eq!(world.core.directory.counts(), (0, 0));
}

#[test]
fn thirty_seconds_without_consent_remove_the_transport() {
    let mut world = connected_pair(6);
    world.run(3_000);
    world.peers.retain(|(participant, _)| *participant == AGENT);
    world.run(29_000);
    assert!(!world.events.contains(&MediaEvent::Gone(CITIZEN)));
    world.run(4_000);
    assert!(world.events.contains(&MediaEvent::Gone(CITIZEN)) && !world.events.contains(&MediaEvent::Gone(AGENT)));
    assert_eq!((world.core.directory.counts(), world.count(|counters| counters.consent_lost)), ((1, 1), 1));
}

#[test]
fn restart_keeps_dtls_and_moves_the_path() {
    let mut world = connected_pair(7);
    let offer = world.peer(CITIZEN).offer("again");
    let (now, mut batch) = (world.now, std::mem::take(&mut world.batch));
    let answer = world.core.offer(ROOM, CITIZEN, 1, &offer, now, &mut batch).unwrap();
    assert_eq!(world.core.directory.counts().1, 3, "old credentials hold until the new ones are used");
    let peer = world.peer(CITIZEN);
    peer.address = "198.51.100.7:7000".parse().unwrap();
    peer.answers = 1;
    peer.accept(&answer, now);
    world.run(200);
    assert_eq!(world.core.directory.counts().1, 3, "and a while longer, for a client that still sends on its old path");
    world.run(limits::ICE_CREDENTIALS_OVERLAP.as_millis() as u64);
    let check = world.peer(CITIZEN).check(true);
    world.inject("198.51.100.7:7000", &check);
    assert_eq!(world.core.directory.counts().1, 2, "the old ones are void");
    let connected = world.events.iter().filter(|event| **event == MediaEvent::Connected(CITIZEN)).count();
    assert_eq!(connected, 1);
    assert!(!world.events.contains(&MediaEvent::Gone(CITIZEN)));
    let packet = world.peer(CITIZEN).media(CAMERA, 1);
    world.inject("198.51.100.7:7000", &packet);
    assert_eq!(world.count(|counters| counters.rtp_in), 1, "the SRTP keys are the same");
    let mut other = TestPeer::new("192.0.2.1:1000", true);
    let refused = world.core.offer(ROOM, CITIZEN, 1, &other.offer("x"), now, &mut batch);
    assert!(matches!(refused, Err(OfferError::Bad(_))), "another certificate");
    other.answers = 0;
}

#[test]
fn higher_number_replaces_and_lower_is_refused() {
    let mut world = connected_pair(8);
    let (now, mut batch) = (world.now, std::mem::take(&mut world.batch));
    let new = TestPeer::new("192.0.2.1:1002", true);
    world.core.offer(ROOM, CITIZEN, 5, &new.offer("them"), now, &mut batch).unwrap();
    assert_eq!(world.core.directory.counts(), (1, 2), "nothing leads to the old one");
    assert!(!batch.is_empty(), "the old one was told good-bye");
    let old = world.core.offer(ROOM, CITIZEN, 4, &new.offer("them"), now, &mut batch);
    assert!(matches!(old, Err(OfferError::Bad(_))));
    let packet = world.peer(CITIZEN).media(CAMERA, 1);
    world.inject("192.0.2.1:1000", &packet);
    assert_eq!(world.count(|counters| counters.rtp_in), 0);
}

#[test]
fn replayed_and_foreign_packets_are_not_forwarded() {
    let mut world = connected_pair(9);
    let packets: Vec<_> = (0..100).map(|sequence| world.peer(CITIZEN).media(CAMERA, sequence)).collect();
    for packet in packets.iter().cycle().take(1_000) {
        world.inject("192.0.2.1:1000", packet);
    }
    assert_eq!(world.count(|counters| counters.rtp_in), 100);
    // The agent's keys do not open what the citizen sealed.
    packets.iter().for_each(|packet| world.inject("[2001:db8::2]:2000", packet));
    let values = world.counters.values();
    assert_eq!((values.rtp_in, values.replayed, values.forged + values.unknown_ssrc), (100, 900, 100));
}

#[test]
fn panic_ends_one_transport_and_no_other() {
    let mut world = connected_pair(10);
    world.core.planted_panic = Some(Path::udp(SERVER.parse().unwrap(), "192.0.2.1:1000".parse().unwrap()));
    let packet = world.peer(CITIZEN).media(CAMERA, 1);
    world.inject("192.0.2.1:1000", &packet);
    world.core.planted_panic = None;
    world.tick();
    assert_eq!(world.count(|counters| counters.panics), 1);
    assert!(world.events.contains(&MediaEvent::Gone(CITIZEN)) && !world.events.contains(&MediaEvent::Gone(AGENT)));
    let packet = world.peer(AGENT).media(CAMERA, 1);
    world.inject("[2001:db8::2]:2000", &packet);
    assert_eq!(world.count(|counters| counters.rtp_in), 1, "the agent's transport lives on");
}

#[test]
fn packets_beyond_the_budget_are_dropped_unread() {
    let mut world = connected_pair(11);
    world.run(1_000);
    for _ in 0..limits::TRANSPORT_PACKETS_BURST + 500 {
        world.inject("192.0.2.1:1000", &[0x80; 50]);
    }
    assert_eq!(world.count(|counters| counters.over_budget), 500);
}

#[test]
fn reserved_channels_carry_messages_both_ways_and_others_are_closed() {
    let mut world = connected_pair(12);
    let now = world.now;
    world.peer(CITIZEN).connect_sctp(now);
    world.run(300);
    for (stream, label) in [(0, "chat"), (2, "spy"), (4, "files")] {
        let now = world.now;
        world.peer(CITIZEN).open_channel(stream, label, now);
    }
    world.run(500);
    assert_eq!(world.count(|counters| counters.channels_refused), 1);
    let now = world.now;
    assert!(world.peer(CITIZEN).write(0, b"moien", now));
    assert!(world.peer(CITIZEN).write(4, &[7; 100_000], now));
    world.run(2_000);
    let messages: Vec<_> = world.events.iter().filter(|event| matches!(event, MediaEvent::Message(..))).cloned().collect();
    assert_eq!(
        messages,
        [MediaEvent::Message(CITIZEN, Label::Chat, b"moien".to_vec()), MediaEvent::Message(CITIZEN, Label::Files, vec![7; 100_000])]
    );
    let (now, mut batch) = (world.now, std::mem::take(&mut world.batch));
    assert!(world.core.send(ROOM, CITIZEN, Label::Chat, b"bonjour", now, &mut batch));
    assert!(!world.core.send(ROOM, CITIZEN, Label::Text, b"nobody opened it", now, &mut batch));
    assert!(!world.core.send(ROOM, AGENT, Label::Chat, b"no association", now, &mut batch));
    world.batch = batch;
    world.run(200);
    assert_eq!(world.peer(CITIZEN).messages, [(0, b"bonjour".to_vec())]);
    assert!(!world.peer(CITIZEN).streams().contains(&2), "the refused channel was reset");
}

#[test]
fn channels_open_over_heavy_loss_and_repeated_inits_make_one_association() {
    for seed in 0..20 {
        let mut world = connected_pair(100 + seed);
        world.loss = 0.25;
        let now = world.now;
        world.peer(CITIZEN).connect_sctp(now);
        world.run_until(60_000, |world| world.peer(CITIZEN).is_associated()).unwrap_or_else(|| panic!("seed {seed}: no association"));
        let now = world.now;
        world.peer(CITIZEN).open_channel(0, "chat", now);
        assert!(world.peer(CITIZEN).write(0, b"there?", now));
        let wanted = MediaEvent::Message(CITIZEN, Label::Chat, b"there?".to_vec());
        assert!(world.run_until(60_000, |world| world.events.contains(&wanted)).is_some(), "seed {seed}");
    }
}

#[test]
fn a_task_that_does_not_listen_closes_the_window_and_nothing_is_lost() {
    let mut world = connected_pair(13);
    let now = world.now;
    world.peer(CITIZEN).connect_sctp(now);
    world.run(300);
    let now = world.now;
    world.peer(CITIZEN).open_channel(0, "files", now);
    world.run(300);
    world.deaf = true;
    for n in 0..400u32 {
        let now = world.now;
        assert!(world.peer(CITIZEN).write(0, &[&n.to_be_bytes()[..], &[0; 16_000]].concat(), now));
    }
    world.run(5_000);
    let held = world.core.rooms[&ROOM].outbox.has_room();
    assert!(!held, "reading stopped at the bound");
    world.deaf = false;
    world.run(20_000);
    let numbers: Vec<u32> = world
        .events
        .iter()
        .filter_map(|event| match event {
            MediaEvent::Message(_, _, message) => Some(u32::from_be_bytes([message[0], message[1], message[2], message[3]])),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, (0..400).collect::<Vec<_>>());
}

#[test]
fn sends_to_a_client_that_reads_nothing_are_bounded() {
    let mut world = connected_pair(14);
    let now = world.now;
    world.peer(CITIZEN).connect_sctp(now);
    world.run(300);
    let now = world.now;
    world.peer(CITIZEN).open_channel(0, "chat", now);
    world.run(300);
    world.peers.clear();
    let mut batch = Batch::default();
    let taken = (0..1_000).filter(|_| world.core.send(ROOM, CITIZEN, Label::Chat, &[1; 10_000], world.now, &mut batch)).count();
    assert!((50..=limits::DATA_SEND_BYTES / 10_000).contains(&taken), "{taken}");
}

#[test]
fn of_forty_channels_eight_stay_open() {
    let mut world = connected_pair(15);
    let now = world.now;
    world.peer(CITIZEN).connect_sctp(now);
    world.run(300);
    for stream in 0..40 {
        let now = world.now;
        world.peer(CITIZEN).open_channel(stream * 2, "chat", now);
    }
    world.run(3_000);
    assert_eq!(world.count(|counters| counters.channels_refused), 32);
    assert_eq!(world.peer(CITIZEN).streams().len(), limits::DATA_CHANNELS);
}

#[test]
fn a_line_is_told_when_it_changes() {
    let mut world = connected_pair(18);
    let lines = |world: &World| {
        world.events.iter().filter(|event| matches!(event, MediaEvent::Quality { participant: CITIZEN, .. })).cloned().collect::<Vec<_>>()
    };
    let send = |world: &mut World, milliseconds: u32| {
        for _ in 0..milliseconds / 20 {
            let sequence = (world.now - world.start).as_millis() as u16;
            let packet = world.peer(CITIZEN).media(CAMERA, sequence / 20);
            world.inject("192.0.2.1:1000", &packet);
            world.run(20);
        }
    };
    let line = |quality| MediaEvent::Quality { participant: CITIZEN, uplink: quality, downlink: quality };
    let (now, mut batch) = (world.now, Batch::default());
    world.core.admit(ROOM, CITIZEN, true, now, &mut batch);
    world.core.admit(ROOM, AGENT, true, now, &mut batch);
    send(&mut world, 8_000);
    assert_eq!(lines(&world), [line(Quality::Good)], "told once");
    world.run(10_000);
    assert_eq!(lines(&world), [line(Quality::Good), line(Quality::Lost)]);
}

#[test]
fn idle_transports_let_the_worker_sleep() {
    let mut world = connected_pair(17);
    world.run(5_000);
    let (mut woken, end) = (0, world.now + Duration::from_secs(20));
    while let Some(at) = world.core.poll_timeout().filter(|at| *at < end) {
        assert!(woken < 1_000, "the timers spin");
        world.core.handle_timeout(at, &mut world.batch);
        woken += 1;
    }
}

#[test]
fn closed_consultation_leaves_nothing() {
    let mut world = connected_pair(16);
    let (now, mut batch) = (world.now, Batch::default());
    world.core.close(ROOM, now, &mut batch);
    // A timer that was set comes once more and finds nobody.
    world.core.handle_timeout(now + limits::TIMER_STEP * limits::TIMER_SLOTS as u32, &mut batch);
    let Core { rooms, directory, timers, .. } = &world.core;
    assert!(rooms.is_empty() && directory.counts() == (0, 0) && timers.due().is_none());
    assert!(!batch.is_empty(), "both were told good-bye");
    assert!(matches!(world.core.offer(ROOM, CITIZEN, 9, "v=0", now, &mut batch), Err(OfferError::Unavailable)));
}

#[test]
fn the_last_seat_is_answered_and_the_one_beyond_is_refused() {
    let mut world = World::new(18);
    let last = limits::MEDIA_SEATS as u8 - 1;
    world.join(ParticipantId(last), "10.0.0.9:900", true);
    world.run(500);
    assert!(world.events.contains(&MediaEvent::Connected(ParticipantId(last))));
    let peer = TestPeer::new("10.0.0.9:901", true);
    let refused = world.core.offer(ROOM, ParticipantId(last + 1), 1, &peer.offer("them"), world.now, &mut world.batch);
    assert!(matches!(refused, Err(OfferError::Bad(_))));
}
