//! TURN inside TLS on the web port (RFC 8656): media through it, and row O10 of trust.md with its figures, by a client of its own.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use visavis::access::relay::RelaySecret;
use visavis::limits;
use visavis::load::synthetic::{OpusSource, Reading, read};
use visavis::time::Clock;

use crate::support::raw_peer::{Arrived, RawOptions, RawPeer, read_rtp, rtp_packet};
use crate::support::raw_turn::{CHANNEL_BIND, CREATE_PERMISSION, Heard, TurnClient};
use crate::support::room::{AGENT, CITIZEN, PATIENCE, Room};
use crate::support::site::Site;

type Turn = TurnClient<TlsStream<TcpStream>>;

async fn client(site: &Site, person: &str) -> Turn {
    let credential = site.secret.issue(person, limits::RELAY_CREDENTIAL, Clock::default().now());
    TurnClient::new(site.tls(&[]).await, &credential.username, &credential.password)
}

/// A raw peer behind the relay.
struct Relayed {
    peer: RawPeer,
    turn: Turn,
    server: SocketAddr,
    channel: Option<u16>,
    arrived: Vec<Arrived>,
}

impl Relayed {
    async fn join(site: &Site, room: &Room, seat: visavis::ids::ParticipantId, name: u32, channel: Option<u16>) -> Self {
        let mut turn = client(site, &format!("person {name}")).await;
        assert_eq!(turn.allocate().await, 0);
        let mut peer = RawPeer::new(RawOptions { name, ..RawOptions::default() });
        let answer = room.door.offer(seat, 1, peer.offer()).await.unwrap();
        peer.accept_answer(&answer, Instant::now());
        let server = peer.candidates()[0];
        let code = match channel {
            Some(channel) => turn.bind(channel, server).await,
            None => turn.permit(server).await,
        };
        assert_eq!(code, 0);
        let mut relayed = Self { peer, turn, server, channel, arrived: vec![] };
        relayed.until("DTLS", |relayed| relayed.peer.is_connected()).await;
        relayed
    }

    async fn send(&mut self, packet: &[u8]) {
        match self.channel {
            Some(channel) => self.turn.send_on(channel, packet).await,
            None => self.turn.send_to(self.server, packet).await,
        }
    }

    async fn until(&mut self, what: &str, good: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !good(self) {
            assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
            self.say().await;
            if let Some(Heard::Data(packet)) = self.turn.hear_within(Duration::from_millis(5)).await {
                self.peer.handle_datagram(&packet, Instant::now());
                self.arrived.extend(std::iter::from_fn(|| self.peer.poll_arrived()));
            }
        }
        // What the last input made it say.
        self.say().await;
    }

    async fn say(&mut self) {
        self.peer.handle_timeout(Instant::now());
        while let Some(packet) = self.peer.poll_datagram() {
            self.send(&packet).await;
        }
    }

    fn sounds(&self) -> usize {
        let whole = |packet: &[u8]| read_rtp(packet).is_some_and(|(.., payload)| matches!(read(payload), Reading::Whole(_)));
        self.arrived.iter().filter(|arrived| matches!(arrived, Arrived::Rtp(packet) if whole(packet))).count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_crosses_by_channel_and_by_indication() {
    let site = Site::start(2);
    let room = Room::open(&site.plane, 1);
    let mut citizen = Relayed::join(&site, &room, CITIZEN, 1, Some(0x4001)).await;
    let mut agent = Relayed::join(&site, &room, AGENT, 2, None).await;
    room.admit_both().await;
    let (mut one, mut two) = (OpusSource::new(1, 80), OpusSource::new(2, 81));
    for number in 0..50 {
        for (from, source) in [(&mut citizen, &mut one), (&mut agent, &mut two)] {
            let packet = source.packet();
            let sealed =
                from.peer.seal_rtp(&rtp_packet(111, packet.marker, number, packet.timestamp, from.peer.ssrcs()[0], &packet.payload));
            from.send(&sealed).await;
        }
    }
    citizen.until("sound of the agent", |citizen| citizen.sounds() == 50).await;
    agent.until("sound of the citizen", |agent| agent.sounds() == 50).await;
    // The end of a transport ends the way to it; the allocation goes with the connection.
    assert_eq!(site.relay.allocations(), 2);
    drop((citizen, agent));
    until("the end of the allocations", || site.relay.allocations() == 0).await;
    assert_eq!(site.plane.counters().panics, 0);
}

/// Addresses that lead somewhere else than to the media port, however they are spelt.
fn foreign(site: &Site) -> Vec<SocketAddr> {
    let media = site.plane.ports()[0];
    let web = site.address.port();
    let mut spellings: Vec<SocketAddr> = [
        "0.0.0.0",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "127.0.0.2",
        "127.1.2.3",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "fe80::1",
        "fd00::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    ]
    .into_iter()
    .map(|text| SocketAddr::new(text.parse().unwrap(), media))
    .collect();
    // The right address at another port: this server's own web port, a database, ssh.
    spellings.extend([web, 22, 53, 5432, media.wrapping_add(1), 0].map(|port| SocketAddr::from(([127, 0, 0, 1], port))));
    spellings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o10_no_spelling_of_a_foreign_address_is_relayed() {
    let site = Site::start(1);
    let listening = UdpSocket::bind("127.0.0.1:0").unwrap();
    listening.set_nonblocking(true).unwrap();
    let media: SocketAddr = ([127, 0, 0, 1], site.plane.ports()[0]).into();
    let mut turn = client(&site, "citizen 1").await;
    assert_eq!(turn.allocate().await, 0);
    assert_eq!(turn.permit(media).await, 0);
    let mut refused = 0;
    let mut all = foreign(&site);
    all.push(listening.local_addr().unwrap());
    for (number, peer) in all.iter().enumerate() {
        let channel = 0x4100 + number as u16;
        let right_ip = peer.ip() == media.ip();
        // A permission is for an address whatever the port (RFC 8656 §9); a port is chosen when something is sent, and then only ours is known.
        assert_eq!(turn.permit(*peer).await, if right_ip { 0 } else { 403 }, "{peer}");
        assert_eq!(turn.bind(channel, *peer).await, 403, "{peer}");
        turn.send_on(channel, b"not relayed").await;
        turn.send_to(*peer, b"not relayed").await;
        refused += 1;
    }
    // Two peers in one request, one of them right; none; too many.
    let (right, wrong) = (turn.peer(media), turn.peer("192.0.2.1:3478".parse().unwrap()));
    assert_eq!(turn.ask(CREATE_PERMISSION, vec![right, wrong]).await.0, 403);
    assert_eq!(turn.ask(CREATE_PERMISSION, vec![]).await.0, 400);
    let many = vec![turn.peer(media); 9];
    assert_eq!(turn.ask(CREATE_PERMISSION, many).await.0, 400);
    let right = turn.peer(media);
    assert_eq!(turn.ask(CHANNEL_BIND, vec![(0x000c, vec![0x3f, 0xff, 0, 0]), right]).await.0, 400, "no channel number");
    println!("{refused} foreign addresses, 0 permitted");
    assert!(refused >= 20);
    assert!(listening.recv(&mut [0; 100]).is_err(), "nothing left this process");
    // What is permitted brings nothing to a worker but checks with a ufrag of this process.
    turn.send_to(media, b"\x16\xfe\xfd junk that is no check").await;
    turn.send_to(media, &[0x80; 200]).await;
    assert_eq!(turn.permit(media).await, 0, "the connection is still there");
    let counters = site.plane.counters();
    assert_eq!((counters.tcp_taken, counters.tcp_refused, counters.received), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o10_one_person_has_four_allocations_and_gets_a_place_back_by_leaving() {
    let site = Site::start(1);
    let mut held = Vec::new();
    for number in 0..limits::RELAY_ALLOCATIONS {
        let mut turn = client(&site, "citizen 1").await;
        assert_eq!(turn.allocate().await, 0, "{number}");
        assert_eq!(turn.ask(0x0003, vec![(0x0019, vec![17, 0, 0, 0])]).await.0, 437, "one for each connection");
        held.push(turn);
    }
    assert_eq!(client(&site, "citizen 1").await.allocate().await, 486);
    assert_eq!(client(&site, "citizen 2").await.allocate().await, 0, "others have theirs");
    let mut leaving = held.remove(0);
    assert_eq!(leaving.refresh(0).await, 0);
    drop(held.remove(0));
    until("two places", || site.relay.allocations() <= 2).await;
    for _ in 0..2 {
        let mut turn = client(&site, "citizen 1").await;
        assert_eq!(turn.allocate().await, 0);
        held.push(turn);
    }
    assert_eq!(client(&site, "citizen 1").await.allocate().await, 486);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_are_wrong_expired_or_of_another_process_open_nothing() {
    let site = Site::start(1);
    let now = Clock::default().now();
    let good = site.secret.issue("citizen 1", limits::RELAY_CREDENTIAL, now);
    let hours_ago = visavis::time::Timestamp(now.0 - 3 * 3_600_000);
    let old = site.secret.issue("citizen 1", limits::RELAY_CREDENTIAL, hours_ago);
    let foreign = RelaySecret::new(&[9; 32]).issue("citizen 1", limits::RELAY_CREDENTIAL, now);
    let far = format!("9999999999:{}", good.username.split(':').next_back().unwrap());
    for (username, password) in [
        (good.username.as_str(), "wrong"),
        (good.username.as_str(), ""),
        (&old.username, &old.password),
        (&foreign.username, &foreign.password),
        (&far, &good.password),
        ("", ""),
    ] {
        let mut turn = TurnClient::new(site.tls(&[]).await, username, password);
        assert_eq!(turn.allocate().await, 401, "{username}");
        assert_eq!(turn.permit("127.0.0.1:3478".parse().unwrap()).await, 401, "{username}");
    }
    assert_eq!(site.relay.allocations(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lifetimes_are_bounded_and_strangers_are_closed() {
    let site = Site::start(1);
    let mut turn = client(&site, "citizen 1").await;
    assert_eq!(turn.allocate().await, 0);
    let (code, attributes) = turn.ask(0x0004, vec![(0x000d, u32::MAX.to_be_bytes().to_vec())]).await;
    let lifetime = attributes.iter().find(|(kind, _)| *kind == 0x000d).map(|(_, value)| u32::from_be_bytes(value[..].try_into().unwrap()));
    assert_eq!((code, lifetime), (0, Some(limits::RELAY_LIFETIME_MAX.as_secs() as u32)));
    // A message too long, no message at all, and silence.
    for bytes in [&[0x40, 0x00, 0xff, 0xff][..], &[0xc0, 0, 0, 0], &[0x00, 0x03, 0x00, 0x01]] {
        let mut stranger = client(&site, "citizen 2").await;
        assert_eq!(stranger.allocate().await, 0);
        stranger.send_bytes(bytes).await;
        assert!(stranger.is_closed().await, "{bytes:?}");
    }
    let mut silent = client(&site, "citizen 2").await;
    silent.send_bytes(&[0, 3]).await;
    let opened = Instant::now();
    while !silent.is_closed().await {
        assert!(opened.elapsed() < limits::RELAY_OPENING + Duration::from_secs(5));
    }
    assert_eq!(site.relay.allocations(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alpn_and_first_byte_tell_the_relay_from_https() {
    let site = Site::start(1);
    let credential = site.secret.issue("citizen 1", limits::RELAY_CREDENTIAL, Clock::default().now());
    for alpn in [&[][..], &[&b"stun.turn"[..]]] {
        let mut turn = TurnClient::new(site.tls(alpn).await, &credential.username, &credential.password);
        assert_eq!(turn.allocate().await, 0);
        assert_eq!(site.https_get(alpn).await, "hello", "HTTP without its name is served as well");
    }
    assert_eq!(site.https_get(&[b"http/1.1"]).await, "hello");
}

async fn until(what: &str, mut good: impl FnMut() -> bool) {
    let started = Instant::now();
    while !good() {
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
