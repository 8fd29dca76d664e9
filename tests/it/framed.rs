//! Media by TCP on the web port (RFC 4571, RFC 6544): raw clients with their own framing against the real listener and the real media plane.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use visavis::limits;
use visavis::load::synthetic::{OpusSource, Reading, Vp8Source, read};

use crate::support::framed_client::{FramedClient, connect, frame};
use crate::support::raw_client::RawClient;
use crate::support::raw_peer::{Arrived, RawOptions, read_rtp, rtp_packet};
use crate::support::raw_stun::Request;
use crate::support::room::{AGENT, CITIZEN, PATIENCE, Room};
use crate::support::site::Site;

fn options(name: u32) -> RawOptions {
    RawOptions { name, ..RawOptions::default() }
}

/// Intact payloads of a synthetic stream at a client, in order.
fn numbers(client: &FramedClient, stream: u32) -> Vec<u32> {
    let payloads = client.arrived.iter().filter_map(|arrived| match arrived {
        Arrived::Rtp(packet) => read_rtp(packet).map(|(.., payload)| payload),
        _ => None,
    });
    payloads
        .filter_map(|payload| match read(payload) {
            Reading::Whole(stamp) if stamp.stream == stream => Some(stamp.number),
            _ => None,
        })
        .collect()
}

/// Key-frame requests (PLI) that reached a UDP client.
fn key_frame_requests(client: &RawClient) -> usize {
    client.rtcp(206).iter().filter(|packet| packet[0] & 0x1f == 1).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_crosses_by_tcp_however_the_stream_is_cut() {
    let site = Site::start(2);
    for (round, pieces) in [1, 7, 600, usize::MAX].into_iter().enumerate() {
        let room = Room::open(&site.plane, round as u128);
        let mut citizen = FramedClient::offer(&room, CITIZEN, 1, options(1)).await;
        citizen.pieces = pieces;
        citizen.until("DTLS", |client| client.peer.is_connected()).await;
        let mut agent = FramedClient::join(&room, AGENT, 1, options(2)).await;
        room.admit_both().await;
        let ssrc = citizen.peer.ssrcs()[0];
        let mut source = OpusSource::new(1, 80);
        for number in 0..30 {
            let packet = source.packet();
            citizen.send_rtp(&rtp_packet(111, packet.marker, number, packet.timestamp, ssrc, &packet.payload));
        }
        agent.until("all of the sound", |agent| numbers(agent, 1).len() == 30).await;
        assert_eq!(numbers(&agent, 1), (0..30).collect::<Vec<_>>());
        assert_eq!(agent.peer.undecryptable + citizen.peer.undecryptable, 0);
    }
    let counters = site.plane.counters();
    assert_eq!((counters.tcp_taken, counters.tcp_refused, counters.tcp_lost, counters.panics), (8, 0, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn https_is_served_beside_it_and_the_end_of_a_transport_closes_its_connection() {
    let site = Site::start(1);
    let room = Room::open(&site.plane, 1);
    let mut citizen = FramedClient::join(&room, CITIZEN, 1, options(1)).await;
    assert_eq!(site.https_get(&[]).await, "hello");
    assert!(!citizen.is_closed());
    room.door.remove(CITIZEN);
    until("the end of the connection", || citizen.is_closed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_connection_is_followed_by_a_new_one_without_another_handshake() {
    let site = Site::start(1);
    let room = Room::open(&site.plane, 1);
    let mut citizen = FramedClient::join(&room, CITIZEN, 1, options(1)).await;
    let agent = RawClient::join(&room, AGENT, 1, options(2)).await;
    room.admit_both().await;
    let mut source = OpusSource::new(2, 80);
    let ssrc = agent.peer().ssrcs()[0];
    for round in 0..3 {
        let check = citizen.peer.check();
        citizen.send(&check);
        // The check is answered before sound may be expected on the new connection.
        tokio::time::sleep(Duration::from_millis(100)).await;
        for _ in 0..10 {
            let packet = source.packet();
            let sequence = (packet.timestamp / 960) as u16;
            agent.send_rtp(&rtp_packet(111, packet.marker, sequence, packet.timestamp, ssrc, &packet.payload)).await;
        }
        citizen.until("sound on the new connection", |citizen| numbers(citizen, 2).len() == 10 * (round + 1)).await;
        citizen.reconnect();
    }
    let counters = site.plane.counters();
    assert_eq!((counters.tcp_taken, counters.handshakes, counters.panics), (3, 2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_falls_behind_loses_pictures_and_gets_the_sound_in_time() {
    let site = Site::start(1);
    let room = Room::open(&site.plane, 1);
    let mut citizen = FramedClient::join(&room, CITIZEN, 1, options(1)).await;
    let agent = RawClient::join(&room, AGENT, 1, options(2)).await;
    room.admit_both().await;
    let [microphone, camera, ..] = agent.peer().ssrcs();
    let (mut sound, mut picture) = (OpusSource::new(2, 80), Vp8Source::new(3, 30, 8, 1_000));
    let (mut number, mut sequence) = (0_u16, 0_u16);
    // 30 pictures a second of 8 packets and 50 sounds a second, until pictures are lost; nobody reads.
    let started = Instant::now();
    let mut tick = |key: bool| {
        let mut packets = vec![sound.packet()];
        number += 1;
        let mut sealed = vec![rtp_packet(111, true, number, packets[0].timestamp, microphone, &packets.remove(0).payload)];
        for packet in picture.frame(key) {
            sequence = sequence.wrapping_add(1);
            sealed.push(rtp_packet(96, packet.marker, sequence, packet.timestamp, camera, &packet.payload));
        }
        sealed
    };
    let mut first = true;
    while site.plane.counters().tcp_lost == 0 {
        assert!(started.elapsed() < PATIENCE, "nothing was ever lost: {:?}", site.plane.counters());
        for packet in tick(std::mem::take(&mut first)) {
            agent.send_rtp(&packet).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // A second more: what would have waited behind the pictures is the newest sound.
    let requests = key_frame_requests(&agent);
    for _ in 0..50 {
        for packet in tick(false) {
            agent.send_rtp(&packet).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let newest = number_of_last(&tick(false));
    let reading = Instant::now();
    citizen.until("the newest sound", |citizen| numbers(citizen, 2).last().is_some_and(|last| u32::from(newest) <= last + 3)).await;
    let caught_up = reading.elapsed();
    println!("read all that waited in {caught_up:?}; {:?}", site.plane.counters());
    assert!(caught_up < Duration::from_millis(500), "{caught_up:?}");
    let heard = numbers(&citizen, 2);
    assert!(heard.windows(2).all(|pair| pair[0] < pair[1]), "in order");
    assert!(heard.len() > usize::from(newest) * 9 / 10, "{} of {newest} sounds", heard.len());
    // The pictures come back with a key frame, which is asked for.
    let seen = numbers(&citizen, 3).len();
    let started = Instant::now();
    while numbers(&citizen, 3).len() < seen + 20 {
        assert!(started.elapsed() < PATIENCE, "pictures never came back; {:?}", site.plane.counters());
        let key = key_frame_requests(&agent) > requests;
        for packet in tick(key) {
            agent.send_rtp(&packet).await;
        }
        citizen.turn();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(key_frame_requests(&agent) > requests);
}

/// The sequence number of the sound in a tick.
fn number_of_last(tick: &[Vec<u8>]) -> u16 {
    u16::from_be_bytes([tick[0][2], tick[0][3]]) - 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_closed_in_silence_and_reach_no_worker() {
    let site = Site::start(1);
    let room = Room::open(&site.plane, 1);
    let mut citizen = FramedClient::join(&room, CITIZEN, 1, options(1)).await;
    let (good, password) = (citizen.peer.username(), citizen.peer.remote_password());
    let request = |username: &str, password: &str| Request { username, password, transaction: [7; 12], nominate: true }.write();
    let mut damaged = request(&good, &password);
    damaged[30] ^= 1;
    let unknown = format!("{}AAAAAAA:x", &good[..1]);
    let foreign_worker = format!("9{}", &good[1..]);
    let strangers: Vec<Vec<u8>> = vec![
        frame(&request(&good, "not the password of it")),
        frame(&request(&unknown, &password)),
        frame(&request(&foreign_worker, &password)),
        frame(&damaged),
        frame(&[0; 20]),
        frame(&[]),
        frame(&[0xff; 255]),
        vec![0x01, 0xff, 1, 2, 3].into_iter().chain([9; 600]).collect(),
        vec![0x02, 0x01, 1, 2, 3],
        vec![0x80, 0x00],
        vec![0xff; 100],
    ];
    let before = site.plane.counters();
    for (which, bytes) in strangers.iter().enumerate() {
        let mut stream = connect(site.address);
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // A reset is an end as well: we closed with bytes unread.
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{which}: {answer:?}");
    }
    let now = site.plane.counters();
    assert_eq!(now.tcp_taken, before.tcp_taken);
    assert_eq!(now.tcp_refused - before.tcp_refused, 2, "the others never reached a worker");
    // One that is known and then says nonsense: too long a frame ends it, and the call goes on by another connection.
    citizen.send_bytes(&[0xff, 0xff, 0, 0]);
    until("the end of the connection", || citizen.is_closed()).await;
    citizen.reconnect();
    let check = citizen.peer.check();
    citizen.send(&check);
    until("the new connection", || site.plane.counters().tcp_taken == now.tcp_taken + 1).await;
    assert_eq!(site.plane.counters().panics, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_silent_sockets_hold_up_nobody_and_are_closed() {
    const SILENT: usize = 3_000;
    let site = Site::start(1);
    let mut silent: Vec<std::net::TcpStream> = (0..SILENT).map(|_| std::net::TcpStream::connect(site.address).unwrap()).collect();
    for (number, stream) in silent.iter_mut().enumerate() {
        // A third says nothing, a third half a length, a third half a frame.
        let said: &[u8] = [&b""[..], &[0], &[0, 100, 0, 1, 0, 80]][number % 3];
        stream.write_all(said).unwrap();
    }
    let opened = Instant::now();
    let room = Room::open(&site.plane, 1);
    let started = Instant::now();
    let citizen = FramedClient::join(&room, CITIZEN, 1, options(1)).await;
    let joined = started.elapsed();
    println!("{SILENT} silent sockets, a join beside them took {joined:?}");
    assert!(joined < Duration::from_secs(2), "{joined:?}");
    let deadline = limits::WEB_HANDSHAKE.max(limits::FIRST_FRAME) + Duration::from_secs(5);
    let mut open = SILENT;
    while open > 0 {
        assert!(opened.elapsed() < deadline, "{open} of {SILENT} are still open");
        tokio::time::sleep(Duration::from_millis(200)).await;
        silent.retain_mut(|stream| {
            stream.set_nonblocking(true).unwrap();
            matches!(stream.read(&mut [0; 16]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
        });
        open = silent.len();
    }
    drop(citizen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn udp_that_is_alive_keeps_the_media_whatever_comes_by_tcp() {
    let site = Site::start(1);
    let room = Room::open(&site.plane, 1);
    let citizen = RawClient::join(&room, CITIZEN, 1, options(1)).await;
    let agent = RawClient::join(&room, AGENT, 1, options(2)).await;
    room.admit_both().await;
    // The same transport nominates a TCP connection, as Firefox does.
    let mut stream = connect(site.address);
    let (mut source, ssrc) = (OpusSource::new(2, 80), agent.peer().ssrcs()[0]);
    for number in 0..100_u16 {
        let check = citizen.peer().check();
        stream.write_all(&frame(&check)).unwrap();
        citizen.send(&check).await;
        let packet = source.packet();
        agent.send_rtp(&rtp_packet(111, packet.marker, number, packet.timestamp, ssrc, &packet.payload)).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    citizen.until("all of the sound by UDP", |citizen| citizen.count_of(2) == 100).await;
    assert_eq!(site.plane.counters().tcp_taken, 1);
    assert_eq!(media_frames(stream), 0, "no media on the TCP connection");
}

/// Frames on a connection that are media.
fn media_frames(mut stream: std::net::TcpStream) -> usize {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 8192]);
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..length]);
    }
    let (mut at, mut media) = (0, 0);
    while at + 3 <= bytes.len() {
        media += usize::from(bytes[at + 2] >= 128);
        at += 2 + usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    }
    media
}

async fn until(what: &str, mut good: impl FnMut() -> bool) {
    let started = Instant::now();
    while !good() {
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
