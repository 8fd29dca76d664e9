//! What a media plane bears beside its calls: garbage at fifty thousand datagrams a second (trust.md O3), and five thousand people who come and go (R9).
//! In memory and in virtual time; the cost of a dropped datagram is measured where the build is optimised.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use visavis::load::synthetic::{OpusSource, Vp8Source};
use visavis::media::batch::Batch;
use visavis::media::core::RoomId;

use crate::support::process::{alone, resident};
use crate::support::raw_peer::{Arrived, RawOptions, read_rtp, rtp_packet};
use crate::support::rig::{LOCAL, Rig, next};

const CALLS: u64 = 10;
const GARBAGE_PER_S: u64 = 50_000;

fn options(name: u32) -> RawOptions {
    RawOptions { name, ..RawOptions::default() }
}

// ---- O3: a flood of garbage beside ten calls ----

#[test]
fn o3_a_flood_of_garbage_takes_nothing_from_ten_calls() {
    alone("flood::o3_flood_alone");
}

#[test]
#[ignore = "started by o3_a_flood_of_garbage_takes_nothing_from_ten_calls in a process of its own"]
fn o3_flood_alone() {
    let mut rig = Rig::new(3);
    for call in 1..=CALLS {
        rig.open(call);
        for who in 0..2 {
            rig.join(call, who, options(call as u32 * 10 + u32::from(who)));
            rig.admit(call, who, true);
        }
    }
    let people = rig.seats.len();
    let mut speakers: Vec<Speaker> = (0..people).map(|seat| Speaker::new(rig.seats[seat].peer.ssrcs(), seat as u32)).collect();
    // The buffers that busy calls have anyway.
    let mut sent: Vec<(usize, Vec<u8>)> = Vec::new();
    for tick in 0..100 {
        sent = speak(&mut rig, &mut speakers, tick);
    }
    rig.pass(Duration::from_millis(20));
    rig.seats.iter_mut().for_each(|seat| seat.arrived.clear());
    let (before, counted, expected) = (resident(), rig.count(), speakers.iter().map(|speaker| speaker.packets).collect::<Vec<_>>());

    let (mut random, mut spent, mut thrown) = (0x0bad_5eed, Duration::ZERO, 0);
    let mut batch = Batch::default();
    for tick in 100..100 + 250 {
        sent = speak(&mut rig, &mut speakers, tick).into_iter().chain(sent).take(64).collect();
        // What was captured, changed somewhere, or nothing that ever was: from strangers and from the 5-tuples of those who call.
        let garbage: Vec<(SocketAddr, Vec<u8>)> = (0..GARBAGE_PER_S / 50)
            .map(|number| {
                random = next(random);
                let (seat, captured) = &sent[(random >> 8) as usize % sent.len()];
                let mut datagram = match random % 3 {
                    0 => random.to_be_bytes().repeat(1 + (random >> 20) as usize % 100),
                    _ => captured.clone(),
                };
                let at = (random >> 16) as usize % datagram.len();
                datagram[at] ^= 1 + (random >> 40) as u8 % 255;
                let from = match number % 2 {
                    0 => SocketAddr::from(([203, 0, (random >> 48) as u8, (random >> 56) as u8], 1_000 + (random >> 32) as u16 % 60_000)),
                    _ => rig.seats[*seat].address,
                };
                (from, datagram)
            })
            .collect();
        thrown += garbage.len() as u32;
        let now = rig.now;
        let begun = Instant::now();
        for (from, mut datagram) in garbage {
            rig.core.handle_datagram(now, LOCAL, from, &mut datagram, &mut batch);
        }
        spent += begun.elapsed();
        rig.settle();
    }
    rig.pass(Duration::from_millis(50));

    let grown = resident().saturating_sub(before);
    let per_packet = spent.as_secs_f64() * 1e6 / f64::from(thrown);
    println!("{thrown} datagrams of garbage, {per_packet:.2} us each, resident memory +{} KiB; {:?}", grown / 1024, rig.count());
    for (seat, before) in expected.iter().enumerate() {
        let other = seat ^ 1;
        let arrived =
            rig.seats[other].arrived.iter().filter(|arrived| matches!(arrived, Arrived::Rtp(packet) if read_rtp(packet).is_some()));
        let (arrived, sent) = (arrived.count() as u64, speakers[seat].packets - before);
        assert!(arrived * 1000 >= sent * 999, "of {sent} packets of seat {seat} {arrived} arrived");
    }
    assert!(grown < 16 * 1024 * 1024, "+{grown} bytes");
    assert_eq!(rig.count().panics, 0);
    assert!(rig.count().rtp_in - counted.rtp_in <= speakers.iter().zip(&expected).map(|(speaker, before)| speaker.packets - before).sum());
    assert!(cfg!(debug_assertions) || per_packet < 2.0, "{per_packet:.2} us");
}

/// A microphone and a camera.
struct Speaker {
    ssrcs: [u32; 5],
    sound: OpusSource,
    picture: Vp8Source,
    numbers: [u16; 2],
    packets: u64,
}

impl Speaker {
    fn new(ssrcs: [u32; 5], stream: u32) -> Self {
        Self {
            ssrcs,
            sound: OpusSource::new(stream * 2, 80),
            picture: Vp8Source::new(stream * 2 + 1, 25, 2, 600),
            numbers: [0; 2],
            packets: 0,
        }
    }
}

/// Twenty milliseconds of everybody's sound, and a picture every forty. The datagrams.
fn speak(rig: &mut Rig, speakers: &mut [Speaker], tick: u32) -> Vec<(usize, Vec<u8>)> {
    let mut sent = Vec::new();
    for (seat, speaker) in speakers.iter_mut().enumerate() {
        let mut packets = vec![(0, 111, true, tick * 960, speaker.sound.packet().payload)];
        if tick.is_multiple_of(2) {
            let frame = speaker.picture.frame(tick.is_multiple_of(50));
            let last = frame.len() - 1;
            packets.extend(frame.into_iter().enumerate().map(|(at, packet)| (1, 96, at == last, tick * 1800, packet.payload)));
        }
        for (which, kind, marker, timestamp, payload) in packets {
            let number = &mut speaker.numbers[which];
            *number = number.wrapping_add(1);
            speaker.packets += 1;
            sent.push((seat, rig.send_rtp(seat, &rtp_packet(kind, marker, *number, timestamp, speaker.ssrcs[which], &payload))));
        }
    }
    rig.pass(Duration::from_millis(20));
    sent
}

// ---- R9: people come and go, and nothing of them stays ----

/// Calls of the soak; 5,000 is the row's figure, fewer by `VISAVIS_SOAK_JOINS` where time is short.
fn soak() -> u64 {
    std::env::var("VISAVIS_SOAK_JOINS").ok().and_then(|text| text.parse().ok()).unwrap_or(400)
}

#[test]
fn r9_thousands_come_and_go_and_nothing_of_them_stays() {
    alone("flood::r9_soak_alone");
}

#[test]
#[ignore = "started by r9_thousands_come_and_go_and_nothing_of_them_stays in a process of its own"]
fn r9_soak_alone() {
    const SETTLED: u64 = 100;
    let joins = soak().max(SETTLED + 100);
    let mut rig = Rig::new(9);
    let base = rig.core.held();
    let mut resident_then = 0;
    let mut calls = 0;
    for call in 1..=joins / 2 {
        rig.open(call);
        let first = rig.join(call, 0, options(1));
        let second = rig.join(call, 1, options(2));
        rig.admit(call, 0, true);
        rig.admit(call, 1, true);
        let ssrcs = [rig.seats[first].peer.ssrcs(), rig.seats[second].peer.ssrcs()];
        for number in 0..5 {
            rig.send_rtp(first, &rtp_packet(111, true, number, u32::from(number) * 960, ssrcs[0][0], &[1; 80]));
            rig.send_rtp(second, &rtp_packet(96, true, number, u32::from(number) * 3000, ssrcs[1][1], &[0x10; 900]));
            rig.pass(Duration::from_millis(20));
        }
        // Half hang up, half fall silent and are found gone by consent.
        if call % 2 == 0 {
            rig.remove(call, 0);
            rig.remove(call, 1);
        } else {
            rig.seats.iter_mut().for_each(|seat| seat.muted = true);
            rig.pass(Duration::from_secs(40));
        }
        rig.core.close(RoomId(call), rig.now, &mut Batch::default());
        rig.seats.clear();
        rig.events.clear();
        rig.astray.clear();
        calls += 1;
        if calls == SETTLED / 2 {
            resident_then = resident();
        }
    }
    // Every timer that was set has come.
    rig.pass(Duration::from_secs(60));
    let grown = resident().saturating_sub(resident_then);
    println!("{joins} joins, resident memory +{grown} bytes since the first {SETTLED}; {:?}", rig.core.held());
    assert_eq!(rig.core.held(), base);
    assert_eq!(rig.count().handshakes, calls * 2);
    assert_eq!(rig.count().panics, 0);
    // 400 bytes a call, and what an allocator keeps of its own accord.
    let most = (calls - SETTLED / 2) * 400 + 2 * 1024 * 1024;
    assert!(grown as u64 <= most, "+{grown} bytes in {} calls", calls - SETTLED / 2);
}
