//! The guard in front of the media plane: rows O4 to O9 of trust.md with their figures, and the end of consent. Driven in memory and in virtual time.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use visavis::ids::ParticipantId;
use visavis::limits;
use visavis::load::synthetic::{OpusSource, Reading, Vp8Source, read};
use visavis::media::core::RoomId;
use visavis::media::plane::MediaEvent;

use crate::support::process::{alone, resident};
use crate::support::raw_peer::{Arrived, DtlsVersion, RawOptions, read_rtp, rtp_packet};
use crate::support::raw_stun::Request;
use crate::support::rig::{Rig, next};

fn options(name: u32) -> RawOptions {
    RawOptions { name, ..RawOptions::default() }
}

/// Two admitted people in a room; seats 0 and 1 of the rig, or behind those that exist.
fn pair(rig: &mut Rig, room: u64) -> (usize, usize) {
    rig.open(room);
    let name = room as u32 * 10;
    let first = rig.join(room, 0, options(name));
    let second = rig.join(room, 1, options(name + 1));
    rig.admit(room, 0, true);
    rig.admit(room, 1, true);
    (first, second)
}

/// Intact synthetic payloads at a seat, with how often each came.
fn payloads(rig: &Rig, seat: usize) -> Vec<(u32, u32)> {
    let packets = rig.seats[seat].arrived.iter().filter_map(|arrived| match arrived {
        Arrived::Rtp(packet) => read_rtp(packet),
        _ => None,
    });
    packets
        .filter_map(|(.., payload)| match read(payload) {
            Reading::Whole(stamp) => Some((stamp.stream, stamp.number)),
            _ => None,
        })
        .collect()
}

// ---- O4: forged SSRCs, forged tags, records of the next epoch: flat memory, exact counters ----

#[test]
fn o4_a_million_forged_packets_leave_no_memory_behind() {
    alone("guard::o4_forged_packets_alone");
}

#[test]
#[ignore = "started by o4_a_million_forged_packets_leave_no_memory_behind in a process of its own"]
fn o4_forged_packets_alone() {
    const FORGED: u64 = 250_000;
    let mut rig = Rig::new(4);
    let (citizen, agent) = pair(&mut rig, 1);
    let handshaking = rig.offer(1, 2, 1, options(77)).unwrap();
    let address = rig.seats[handshaking].address;
    // The server has verified its 5-tuple and waits for a hello; the client has not heard of it yet.
    rig.seats[handshaking].muted = true;
    let check = rig.seats[handshaking].peer.check();
    rig.inject(address, &check);
    let own = rig.seats[citizen].peer.ssrcs()[1];
    let from = rig.seats[citizen].address;
    let stranger = SocketAddr::from(([203, 0, 113, 9], 999));
    // The buffers that a busy server has anyway.
    flood(&mut rig, 20_000, |number, random| (from, forged_rtp(number, random as u32)));
    let (before, counted) = (resident(), rig.count());

    let mut sent = flood(&mut rig, FORGED, |number, random| (from, forged_rtp(number, random as u32 | 1 << 31)));
    sent += flood(&mut rig, FORGED, |number, _| (from, forged_rtp(number, own)));
    sent += flood(&mut rig, FORGED, |number, random| (address, epoch_one_record(number, random)));
    sent += flood(&mut rig, FORGED, |number, random| {
        (stranger, if number % 2 == 0 { forged_rtp(number, random as u32) } else { epoch_one_record(number, random) })
    });

    let (grown, now) = (resident().saturating_sub(before), rig.count());
    let dropped = now.unknown_ssrc - counted.unknown_ssrc + now.forged - counted.forged + now.replayed - counted.replayed;
    println!("{} forged packets, resident memory +{grown} bytes; {now:?}", 4 * FORGED);
    assert!(grown < 1024 * 1024, "+{grown} bytes");
    assert_eq!(now.received - counted.received, sent);
    assert_eq!(now.unknown_source - counted.unknown_source, FORGED, "strangers");
    let over_budget = now.over_budget - counted.over_budget;
    assert!(dropped <= 2 * FORGED && dropped + over_budget >= 2 * FORGED, "dropped {dropped}, over the budget {over_budget}");
    assert_eq!(now.rtp_in, counted.rtp_in, "none got through");
    assert_eq!(now.panics, 0);
    // Both still work: the call, and the handshake that was under fire.
    rig.pass(Duration::from_secs(2));
    rig.send_rtp(agent, &rtp_packet(111, true, 1, 960, 0x1000_0000 + 11 * 0x100, &OpusSource::new(1, 80).packet().payload));
    rig.pass(Duration::from_millis(5));
    assert_eq!(payloads(&rig, citizen), [(1, 0)]);
    rig.seats[handshaking].muted = false;
    rig.connect(handshaking);
}

/// Spread over virtual time, so that the budget of a transport does not hide what lies behind it; consent goes on. How many datagrams that took.
fn flood(rig: &mut Rig, count: u64, make: impl Fn(u64, u64) -> (SocketAddr, Vec<u8>)) -> u64 {
    let (mut random, mut taken) = (0x5eed, count);
    for number in 0..count {
        if number % 20_000 == 0 {
            for seat in 0..rig.seats.len() {
                let check = rig.seats[seat].peer.check();
                rig.send(seat, &check);
                taken += 1;
            }
        }
        random = next(random);
        let (from, datagram) = make(number, random);
        rig.inject(from, &datagram);
        rig.now += Duration::from_micros(u64::from(number % 2 == 0) * 500);
    }
    taken
}

fn forged_rtp(number: u64, ssrc: u32) -> Vec<u8> {
    rtp_packet(96, true, number as u16, number as u32 * 3000, ssrc, &[0x55; 80])
}

/// A DTLS 1.2 record of epoch 1: application data that nobody can read yet.
fn epoch_one_record(number: u64, random: u64) -> Vec<u8> {
    let mut record = vec![23, 0xfe, 0xfd, 0, 1];
    record.extend_from_slice(&number.to_be_bytes()[2..]);
    record.extend_from_slice(&[0, 64]);
    record.extend_from_slice(&random.to_be_bytes().repeat(8));
    record
}

// ---- O5: somebody else's ClientHello between ICE and DTLS ----

/// Joins; 1000 is the row's figure, fewer by `VISAVIS_JOINS` where time is short.
fn joins() -> u64 {
    std::env::var("VISAVIS_JOINS").ok().and_then(|text| text.parse().ok()).unwrap_or(1000)
}

#[test]
fn o5_a_foreign_client_hello_stops_no_join() {
    let joins = joins();
    let mut foreign = Rig::new(55);
    foreign.open(1);
    let mut rig = Rig::new(5);
    let mut wrong_source = 0;
    let mut worst = Duration::ZERO;
    for join in 0..joins {
        let room = join % 200 + 1;
        rig.open(room);
        // A hello of another client, taken from a rig of its own.
        let version = if join % 2 == 0 { DtlsVersion::V12 } else { DtlsVersion::V13 };
        let hello = foreign_hello(&mut foreign, version);
        let listed = SocketAddr::from(([10, 9, 8, 7], 5000));
        let more_lines = format!("a=candidate:1 1 udp 2130706431 {} {} typ host\r\n", listed.ip(), listed.port());
        let seat = rig.offer(room, 0, join as u32 + 1, RawOptions { name: join as u32, version, more_lines, ..options(1) }).unwrap();
        let started = rig.now;
        let before = rig.count();
        let address = rig.seats[seat].address;
        // ICE succeeds; the client's own hello is still on its way.
        let check = rig.seats[seat].peer.check();
        rig.inject(address, &check);
        for source in [SocketAddr::new(address.ip(), address.port() ^ 1), listed] {
            for datagram in &hello {
                rig.inject(source, datagram);
                wrong_source += 1;
            }
        }
        assert_eq!(rig.count().unknown_source - before.unknown_source, hello.len() as u64 * 2);
        rig.connect(seat);
        worst = worst.max(rig.now - started);
        rig.remove(room, 0);
        rig.seats.clear();
        rig.events.clear();
    }
    println!("{joins} of {joins} joins complete, {wrong_source} foreign datagrams dropped, slowest {worst:?} of virtual time");
    assert!(worst < Duration::from_millis(100), "{worst:?}");
    assert!(rig.astray.is_empty(), "nothing was answered to the wrong source");
}

/// Whoever can write from the very 5-tuple that ICE has verified can spoil that one handshake: DTLS 1.2 and 1.3 read the first hello before anything is
/// authenticated. It costs the one transport, not the seat: the next one connects, and nobody else notices.
#[test]
fn o5_a_hello_spoofed_from_the_verified_5_tuple_costs_one_transport_at_most() {
    let mut foreign = Rig::new(56);
    foreign.open(1);
    let mut rig = Rig::new(6);
    let (bystander, talking) = pair(&mut rig, 2);
    rig.open(1);
    for (join, version) in [DtlsVersion::V12, DtlsVersion::V13].into_iter().cycle().take(20).enumerate() {
        let hello = foreign_hello(&mut foreign, version);
        let number = join as u32 * 2 + 1;
        let seat = rig.offer(1, 0, number, RawOptions { name: number, version, ..options(1) }).unwrap();
        let address = rig.seats[seat].address;
        let check = rig.seats[seat].peer.check();
        rig.inject(address, &check);
        for datagram in &hello {
            rig.inject(address, datagram);
        }
        rig.pass(Duration::from_millis(500));
        let again = rig.offer(1, 0, number + 1, RawOptions { name: number + 1, version, ..options(1) }).unwrap();
        let started = rig.now;
        rig.events.clear();
        rig.connect(again);
        assert!(rig.now - started < Duration::from_millis(100));
    }
    let ssrc = rig.seats[talking].peer.ssrcs()[0];
    rig.send_rtp(talking, &rtp_packet(111, true, 1, 960, ssrc, &OpusSource::new(1, 80).packet().payload));
    rig.pass(Duration::from_millis(5));
    assert_eq!(payloads(&rig, bystander), [(1, 0)]);
    assert_eq!(rig.count().panics, 0);
}

/// The first flight of a client that the server under test has never heard of.
fn foreign_hello(foreign: &mut Rig, version: DtlsVersion) -> Vec<Vec<u8>> {
    let number = foreign.seats.len() as u32 + 1;
    let seat = foreign.offer(1, 0, number, RawOptions { name: 9_000 + number, version, ..options(1) }).unwrap();
    let address = foreign.seats[seat].address;
    // Let the check be answered; what the client then has to say is its hello.
    while let Some(datagram) = foreign.seats[seat].peer.poll_datagram() {
        foreign.inject(address, &datagram);
        if foreign.seats[seat].peer.is_checked() {
            break;
        }
    }
    std::iter::from_fn(|| foreign.seats[seat].peer.poll_datagram()).filter(|datagram| (20..64).contains(&datagram[0])).collect()
}

// ---- O6: a certificate unlike the offer's fingerprint ----

#[test]
fn o6_a_wrong_fingerprint_is_torn_down_and_forwards_nothing() {
    for (round, version) in [DtlsVersion::V12, DtlsVersion::V13].into_iter().cycle().take(50).enumerate() {
        let mut rig = Rig::new(60 + round as u64);
        rig.open(1);
        let watching = rig.join(1, 1, options(2));
        rig.admit(1, 0, true);
        rig.admit(1, 1, true);
        let before = rig.count();
        let wrong = rig.offer(1, 0, 1, RawOptions { name: 1, version, wrong_fingerprint: true, ..options(1) }).unwrap();
        rig.pass(Duration::from_secs(1));
        let ssrc = rig.seats[wrong].peer.ssrcs()[0];
        if rig.seats[wrong].peer.profile().is_some() {
            // The client has keys, as it did nothing wrong in its own eyes.
            for number in 1..50 {
                rig.send_rtp(wrong, &rtp_packet(111, true, number, 960, ssrc, &OpusSource::new(1, 80).packet().payload));
            }
        }
        rig.pass(Duration::from_secs(1));
        let now = rig.count();
        assert_eq!(now.wrong_fingerprint - before.wrong_fingerprint, 1, "{version:?}: {now:?}");
        assert_eq!(now.handshakes, before.handshakes, "not counted as connected");
        assert!(rig.events.contains(&(RoomId(1), MediaEvent::Gone(ParticipantId(0)))));
        assert!(!rig.events.contains(&(RoomId(1), MediaEvent::Connected(ParticipantId(0)))));
        assert_eq!((payloads(&rig, watching), now.rtp_in, now.rtp_out), (vec![], before.rtp_in, before.rtp_out));
    }
}

// ---- O7: replay, injection, foreign sessions ----

#[test]
fn o7_nothing_is_forwarded_twice_even_around_the_wrap() {
    let mut rig = Rig::new(7);
    let (citizen, agent) = pair(&mut rig, 1);
    let ssrc = rig.seats[citizen].peer.ssrcs()[0];
    let mut source = OpusSource::new(1, 80);
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let count = 3_000;
    for number in 0..count {
        // Two wraps would need 65536 packets more: begin shortly before one.
        let sequence = 64_000_u16.wrapping_add(number as u16);
        let packet = source.packet();
        let sealed = rig.send_rtp(citizen, &rtp_packet(111, packet.marker, sequence, packet.timestamp, ssrc, &packet.payload));
        for _ in 0..10 {
            rig.send(citizen, &sealed);
        }
        kept.push(sealed);
        // Old ones as well, from before the wrap too.
        for back in [2, 60, 127, 500, 1_600] {
            if let Some(old) = kept.len().checked_sub(back).map(|at| kept[at].clone()) {
                rig.send(citizen, &old);
            }
        }
        rig.pass(Duration::from_millis(20));
    }
    let mut got = payloads(&rig, agent);
    let all = got.len();
    got.sort_unstable();
    got.dedup();
    assert_eq!((all, got.len()), (count, count), "each once; {:?}", rig.count());
    assert!(rig.count().replayed + rig.count().over_budget >= 10 * count as u64);
}

#[test]
fn o7_a_hundred_thousand_foreign_packets_are_not_forwarded() {
    let mut rig = Rig::new(8);
    let (citizen, agent) = pair(&mut rig, 1);
    let (stranger, bystander) = pair(&mut rig, 2);
    let own = rig.seats[citizen].peer.ssrcs();
    let of_stranger = rig.seats[stranger].peer.ssrcs();
    let address = rig.seats[citizen].address;
    let before = rig.count();
    let mut random = 0xf00d;
    for number in 0..100_000_u64 {
        random = next(random);
        let sequence = number as u16;
        let payload = Vp8Source::new(9, 30, 1, 60).frame(true).remove(0).payload;
        let (from, datagram) = match number % 5 {
            // Sealed for another session, with its SSRC and with ours, from our 5-tuple.
            0 => (address, rig.seats[stranger].peer.seal_rtp(&rtp_packet(96, true, sequence, 1, of_stranger[1], &payload))),
            1 => (address, rig.seats[stranger].peer.seal_rtp(&rtp_packet(96, true, sequence, 1, own[1], &payload))),
            // Not sealed at all.
            2 => (address, rtp_packet(96, true, sequence, 1, own[1], &payload)),
            // Sealed right, one bit changed.
            3 => {
                let mut sealed = rig.seats[citizen].peer.seal_rtp(&rtp_packet(96, true, sequence, 1, own[1], &payload));
                let at = random as usize % sealed.len();
                sealed[at] ^= 1 << (random >> 61);
                (address, sealed)
            }
            // Sealed right, from a 5-tuple that never checked.
            _ => (
                SocketAddr::from(([203, 0, 113, 5], 7)),
                rig.seats[citizen].peer.seal_rtp(&rtp_packet(96, true, sequence, 1, own[1], &payload)),
            ),
        };
        rig.inject(from, &datagram);
        rig.now += Duration::from_micros(500);
        if number % 10_000 == 0 {
            rig.pass(Duration::from_millis(5));
        }
    }
    rig.pass(Duration::from_millis(100));
    let now = rig.count();
    for seat in [citizen, agent, stranger, bystander] {
        assert_eq!(payloads(&rig, seat), [], "seat {seat}");
    }
    assert_eq!((now.rtp_in, now.panics), (before.rtp_in, 0), "{now:?}");
    // The call still works.
    rig.send_rtp(citizen, &rtp_packet(111, true, 1, 960, own[0], &OpusSource::new(1, 80).packet().payload));
    rig.pass(Duration::from_millis(5));
    assert_eq!(payloads(&rig, agent), [(1, 0)]);
}

// ---- O8: STUN as an amplifier ----

#[test]
fn o8_checks_amplify_nothing() {
    let mut rig = Rig::new(9);
    let (citizen, _) = pair(&mut rig, 1);
    rig.pass(Duration::from_secs(5));
    let good = rig.seats[citizen].peer.username();
    let password = rig.seats[citizen].peer.remote_password();
    let server = good.split(':').next().unwrap().to_owned();
    let victim = SocketAddr::from(([203, 0, 113, 1], 53));
    let send = |rig: &mut Rig, from: SocketAddr, username: &str, password: &str, number: u64| {
        let mut transaction = [0; 12];
        transaction[4..].copy_from_slice(&number.to_be_bytes());
        let request = Request { username, password, transaction, nominate: false }.write();
        let (count, bytes) = rig.sent;
        rig.inject(from, &request);
        (rig.sent.0 - count, rig.sent.1 - bytes, request.len() as u64)
    };

    // Unknown ufrag, wrong password, none at all: silence.
    let strangers = ["", ":", "x:y", "AAAAAAAA:rawu0010", &format!("{}:", &server[1..]), &"A".repeat(400)];
    for (number, username) in strangers.into_iter().enumerate() {
        assert_eq!(send(&mut rig, victim, username, &password, number as u64).0, 0, "{username:?}");
    }
    assert_eq!(send(&mut rig, victim, &good, "not the password of it", 90).0, 0);
    for text in [&b"\x00\x01\x00\x00\x21\x12\xa4\x42"[..], &[0; 20], &[1, 1, 0, 0], &[0, 1], &[0]] {
        let before = rig.sent.0;
        rig.inject(victim, text);
        assert_eq!(rig.sent.0, before);
    }

    // Known: not more than half as much again, and not more than 20 a second to one source.
    let (_, bytes, asked) = send(&mut rig, victim, &good, &password, 100);
    assert!(bytes > 0 && bytes * 2 <= asked * 3, "{asked} bytes asked, {bytes} answered");
    rig.pass(Duration::from_secs(2));
    let answered: u64 = (0..2_000).map(|number| send(&mut rig, victim, &good, &password, 200 + number).0).sum();
    assert!(answered <= 20, "{answered} answers in no time");
    let mut answered = 0;
    for number in 0..5_000 {
        rig.pass(Duration::from_millis(1));
        answered += send(&mut rig, victim, &good, &password, 3_000 + number).0;
    }
    println!("{asked} bytes asked, {bytes} bytes answered; {answered} answers in 5 s of flood");
    assert!((60..=5 * 20 + 20).contains(&answered), "{answered} answers in 5 s");
}

// ---- O9: candidates as a way to make the server send ----

#[test]
fn o9_five_hundred_candidates_are_never_spoken_to() {
    const HOSTS: [&str; 12] = [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "fd00::1",
        "10.0.0.1",
        "255.255.255.255",
        "::",
        "0d3f5a9e-1111-2222-3333-444455556666.local",
        "metadata.example",
    ];
    let candidates = |many: usize| -> String {
        let line =
            |at: usize| format!("a=candidate:{at} 1 udp 2130706431 {} {} typ host\r\n", HOSTS[at % HOSTS.len()], 1 + at * 100 % 65_000);
        (0..many).map(line).collect()
    };
    let mut rig = Rig::new(10);
    rig.open(1);
    let mut fastest = Duration::MAX;
    let mut seat = None;
    for transport in 1..=5 {
        let started = Instant::now();
        let made = RawOptions { more_lines: candidates(500), ..options(transport) };
        let prepared = started.elapsed();
        match rig.offer(1, 0, transport, made) {
            Ok(taken) => seat = Some(taken),
            Err(refused) => println!("refused: {refused}"),
        }
        fastest = fastest.min(started.elapsed().saturating_sub(prepared));
    }
    println!("an offer with 500 candidates takes {fastest:?} (client's own work included)");
    assert!(fastest < Duration::from_millis(if cfg!(debug_assertions) { 50 } else { 5 }), "{fastest:?}");
    // Refused or not, a client with candidates in moderation connects, and nothing went anywhere else.
    let seat = seat.unwrap_or_else(|| rig.offer(1, 0, 9, RawOptions { more_lines: candidates(20), ..options(9) }).unwrap());
    rig.connect(seat);
    rig.pass(Duration::from_secs(60));
    assert!(rig.astray.is_empty(), "spoken to: {:?}", rig.astray.iter().map(|(to, _)| to).collect::<Vec<_>>());
}

// ---- consent (RFC 7675) ----

#[test]
fn thirty_seconds_of_silence_remove_the_transport_and_only_that() {
    let mut rig = Rig::new(11);
    let (citizen, agent) = pair(&mut rig, 1);
    rig.pass(Duration::from_secs(60));
    assert!(!rig.events.iter().any(|(_, event)| matches!(event, MediaEvent::Gone(_))), "checks keep it alive");
    let silent_since = rig.now;
    rig.seats[citizen].muted = true;
    rig.pass(limits::CONSENT - Duration::from_secs(5));
    assert!(!rig.events.contains(&(RoomId(1), MediaEvent::Gone(ParticipantId(0)))), "not a second early");
    rig.run_until(Duration::from_secs(10), |rig| rig.events.contains(&(RoomId(1), MediaEvent::Gone(ParticipantId(0)))));
    assert!(rig.now - silent_since <= limits::CONSENT + Duration::from_secs(1), "{:?}", rig.now - silent_since);
    assert!(!rig.events.contains(&(RoomId(1), MediaEvent::Gone(ParticipantId(1)))));
    assert_eq!(rig.count().consent_lost, 1);

    // The seat and its admission are untouched: a new transport of the same participant is in the call at once.
    let again = rig.offer(1, 0, 2, options(50)).unwrap();
    rig.events.clear();
    rig.connect(again);
    let ssrc = rig.seats[again].peer.ssrcs()[0];
    rig.send_rtp(again, &rtp_packet(111, true, 1, 960, ssrc, &OpusSource::new(3, 80).packet().payload));
    rig.pass(Duration::from_millis(5));
    assert_eq!(payloads(&rig, agent), [(3, 0)]);
}

#[test]
fn authentic_media_renews_consent() {
    let mut rig = Rig::new(12);
    let (citizen, _) = pair(&mut rig, 1);
    assert_eq!(rig.seats[citizen].address.ip(), IpAddr::from([10, 0, 1, 0]));
    // limits::CONSENT speaks of "an authenticated check or packet": authentic media from the verified path counts.
    let ssrc = rig.seats[citizen].peer.ssrcs()[0];
    rig.seats[citizen].peer.fall_silent();
    let mut source = OpusSource::new(3, 80);
    for number in 0..3_000_u16 {
        let packet = source.packet();
        rig.send_rtp(citizen, &rtp_packet(111, false, number, packet.timestamp, ssrc, &packet.payload));
        rig.pass(Duration::from_millis(20));
    }
    assert!(!rig.events.contains(&(RoomId(1), MediaEvent::Gone(ParticipantId(0)))), "60 s of authentic media keep it");
}
