//! Forwarding of the real worker, all RTCP on, beside a floor in the same run: the same packets, sockets, wake-ups, GSO and AES-GCM, and nothing else.
//! Prints CPU time of the forwarding thread per forwarded packet, and their ratio; judges nothing. `-- --json` prints one JSON object.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a bench ends where something is wrong, and prints

#[path = "support/floor.rs"]
mod floor;
#[path = "support/legs.rs"]
mod legs;
#[path = "support/measure.rs"]
mod measure;
#[path = "../tests/it/support"]
mod raw {
    pub mod raw_peer;
    pub mod raw_stun;
}

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use visavis::ids::{AppointmentId, ParticipantId};
use visavis::media::plane::{MediaConfig, MediaDoor, MediaPlane};

use crate::floor::{Floor, FloorLeg};
use crate::legs::{Leg, Protection};
use crate::raw::raw_peer::{DtlsVersion, RawOptions, RawPeer};

/// Who talks to whom.
struct Scenario {
    name: &'static str,
    about: &'static str,
    rooms: u32,
    /// People in each room.
    people: u32,
    /// How many of them send.
    senders: u32,
}

/// A consultation has at most 8 people, so one to fifty is seven rooms of one who sends and seven who watch.
const SCENARIOS: [Scenario; 2] = [
    Scenario {
        name: "one_to_one",
        about: "50 rooms, 2 people each, both send 150 video + 50 audio packets/s",
        rooms: 50,
        people: 2,
        senders: 2,
    },
    Scenario {
        name: "fan_out",
        about: "7 rooms, 1 sends 150 video + 50 audio packets/s to 7 others (49 receivers)",
        rooms: 7,
        people: 8,
        senders: 1,
    },
];

/// One measured round.
#[derive(Debug, Clone, Copy)]
struct Round {
    /// Nanoseconds of the forwarding thread per forwarded packet.
    nanoseconds: f64,
    forwarded: u64,
    sent: u64,
    /// Part of the forwarded packets that reached the clients.
    arrived: f64,
}

fn main() {
    let setting = |name: &str, default: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let json = std::env::args().any(|argument| argument == "--json");
    let seconds = Duration::from_secs(setting("VISAVIS_BENCH_SECONDS", 5));
    let rounds = setting("VISAVIS_BENCH_ROUNDS", 3).max(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut report = Vec::new();
    for scenario in &SCENARIOS {
        if !json {
            println!("{}: {}", scenario.name, scenario.about);
        }
        let (mut worker, mut floor) = (Vec::new(), Vec::new());
        // In turns, so that whatever else this machine does falls on both.
        for round in 0..rounds {
            worker.push(real(scenario, seconds, &runtime));
            floor.push(bare(scenario, seconds));
            if !json {
                println!("  round {}: worker {}", round + 1, said(worker.last()));
                println!("  round {}: floor  {}", round + 1, said(floor.last()));
            }
        }
        let middle = |rounds: &[Round]| measure::median(rounds.iter().map(|round| round.nanoseconds).collect());
        let (worker_ns, floor_ns) = (middle(&worker), middle(&floor));
        if !json {
            println!(
                "  median of {rounds}: worker {worker_ns:.0} ns, floor {floor_ns:.0} ns a forwarded packet; ratio {:.2}",
                worker_ns / floor_ns
            );
        }
        let each = |rounds: &[Round]| rounds.iter().map(|round| round.nanoseconds.round()).collect::<Vec<_>>();
        report.push(serde_json::json!({
            "scenario": scenario.name, "about": scenario.about, "seconds": seconds.as_secs(), "rounds": rounds,
            "worker_ns": worker_ns.round(), "floor_ns": floor_ns.round(), "ratio": worker_ns / floor_ns,
            "worker_rounds_ns": each(&worker), "floor_rounds_ns": each(&floor),
            "worker_forwarded": worker.iter().map(|round| round.forwarded).collect::<Vec<_>>(),
        }));
    }
    if json {
        println!("{}", serde_json::json!({ "forwarding": report }));
    }
}

fn said(round: Option<&Round>) -> String {
    round.map_or_else(String::new, |round| {
        format!(
            "{:>6.0} ns a packet, {} in, {} forwarded, {:.1} % arrived",
            round.nanoseconds,
            round.sent,
            round.forwarded,
            round.arrived * 100.0
        )
    })
}

/// The product's worker: real offers, ICE, DTLS, SRTP, router, RTCP.
fn real(scenario: &Scenario, seconds: Duration, runtime: &tokio::runtime::Runtime) -> Round {
    let config = MediaConfig { advertised: vec![IpAddr::from([127, 0, 0, 1])], tcp: vec![], port: 0, workers: 1 };
    let plane = MediaPlane::start(config).unwrap();
    let mut doors = Vec::new();
    let mut legs = Vec::new();
    for room in 0..scenario.rooms {
        let (door, events) = plane.open(AppointmentId(u128::from(room)));
        for person in 0..scenario.people {
            legs.push(join(&door, room * scenario.people + person, person, person < scenario.senders, runtime));
            door.admit(ParticipantId(person as u8), true);
        }
        // Nobody takes the events: they are coalesced, as the plane promises.
        doors.push((door, events));
    }
    let thread = measure::thread_named(&format!("media-{}", plane.ports()[0])).unwrap();
    legs::run(&mut legs, Duration::from_secs(1));
    let (cpu, forwarded) = (measure::cpu_time(thread), plane.counters().rtp_out);
    let received: u64 = legs.iter().map(|leg| leg.received).sum();
    let sent = legs::run(&mut legs, seconds);
    settle(&mut legs);
    let (cpu, forwarded) = (measure::cpu_time(thread) - cpu, plane.counters().rtp_out - forwarded);
    let received = legs.iter().map(|leg| leg.received).sum::<u64>() - received;
    round(cpu, forwarded, sent, received)
}

fn join(door: &MediaDoor, name: u32, person: u32, sends: bool, runtime: &tokio::runtime::Runtime) -> Leg {
    let mut peer = RawPeer::new(RawOptions { name, version: DtlsVersion::V13, ..RawOptions::default() });
    let answer = runtime.block_on(door.offer(ParticipantId(person as u8), 1, peer.offer())).unwrap();
    peer.accept_answer(&answer, Instant::now());
    let ([audio, video, ..], server) = (peer.ssrcs(), peer.candidates()[0]);
    let mut leg = Leg::new(name, server, [video, audio], Protection::Peer(Box::new(peer)), sends);
    leg.connect();
    leg
}

/// The floor with keys that everybody was given.
fn bare(scenario: &Scenario, seconds: Duration) -> Round {
    let sockets: Vec<UdpSocket> = (0..scenario.rooms * scenario.people).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let addresses: Vec<SocketAddr> = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
    let keys = |at: usize, up: u8| ([at as u8 ^ up, up, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], [up; 12]);
    let people = scenario.people as usize;
    let floor = Floor::start(|_| {
        let leg = |(at, address): (usize, &SocketAddr)| {
            let room = at / people * people;
            let receivers = (room..room + people).filter(|to| *to != at && at - room < scenario.senders as usize).collect();
            FloorLeg { address: *address, opens: keys(at, 0x80), seals: keys(at, 0x40), receivers }
        };
        addresses.iter().enumerate().map(leg).collect()
    });
    let mut legs: Vec<Leg> = sockets
        .into_iter()
        .enumerate()
        .map(|(at, socket)| {
            let (key, salt) = keys(at, 0x80);
            let ssrcs = [0x2000_0000 + at as u32 * 2, 0x2000_0001 + at as u32 * 2];
            let sends = at % people < scenario.senders as usize;
            Leg::with_socket(socket, at as u32, floor.address, ssrcs, Protection::key(key, salt), sends)
        })
        .collect();
    let thread = measure::thread_named(floor::THREAD).unwrap();
    legs::run(&mut legs, Duration::from_secs(1));
    let (cpu, forwarded) = (measure::cpu_time(thread), floor.forwarded.load(Ordering::Relaxed));
    let received: u64 = legs.iter().map(|leg| leg.received).sum();
    let sent = legs::run(&mut legs, seconds);
    settle(&mut legs);
    let (cpu, forwarded) = (measure::cpu_time(thread) - cpu, floor.forwarded.load(Ordering::Relaxed) - forwarded);
    let received = legs.iter().map(|leg| leg.received).sum::<u64>() - received;
    round(cpu, forwarded, sent, received)
}

/// Lets what is on its way arrive.
fn settle(legs: &mut [Leg]) {
    std::thread::sleep(Duration::from_millis(150));
    legs::run(legs, Duration::ZERO);
}

fn round(cpu: Duration, forwarded: u64, sent: u64, received: u64) -> Round {
    let each = forwarded.max(1) as f64;
    Round { nanoseconds: cpu.as_nanos() as f64 / each, forwarded, sent, arrived: received as f64 / each }
}
