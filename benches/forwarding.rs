//! Forwarding of the real worker, all RTCP on, beside a floor in the same run: the same packets, sockets, wake-ups, GSO and AES-GCM, and nothing else.
//! Prints CPU time of the forwarding thread per forwarded packet, and their ratio; judges nothing. `-- --json` prints one JSON object, names choose scenarios.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a bench ends where something is wrong, and prints

#[path = "support/floor.rs"]
mod floor;
#[path = "support/heard.rs"]
mod heard;
#[path = "support/legs.rs"]
mod legs;
#[path = "support/measure.rs"]
mod measure;
#[path = "../tests/it/support"]
mod raw {
    pub mod raw_peer;
    pub mod raw_stun;
}

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use visavis::ids::{AppointmentId, ParticipantId};
use visavis::media::plane::{MediaConfig, MediaDoor, MediaPlane};

use crate::floor::{Floor, FloorLeg};
use crate::legs::{Leg, Load, Pacing, Protection, Wire};
use crate::measure::{median, rounded};
use crate::raw::raw_peer::{DtlsVersion, RawOptions, RawPeer};

/// Who talks to whom.
#[derive(Clone, Copy)]
struct Scenario {
    name: &'static str,
    about: &'static str,
    rooms: u32,
    /// People in each room.
    people: u32,
    /// How many of them send.
    senders: u32,
    load: Load,
    /// Until the rings of kept packets have their size: their first memory comes from the system a page at a time, once.
    warm_up: Duration,
}

/// 150 video packets a second in 25 pictures of six, and 50 audio packets.
const PERSON: Load =
    Load { pictures: 25.0, packets: 6, sounds: 50.0, feedback: Duration::from_millis(100), pacing: Pacing::Burst, loss: 0 };

const ONE_TO_ONE: Scenario = Scenario {
    name: "one_to_one",
    about: "50 rooms, 2 people each, both send 25 pictures of 6 packets back to back + 50 audio packets/s",
    rooms: 50,
    people: 2,
    senders: 2,
    load: PERSON,
    warm_up: Duration::from_secs(2),
};

const ONE_TO_FIFTY: Scenario = Scenario {
    name: "one_to_fifty",
    about: "2 rooms, 1 sends 25 pictures of 6 packets back to back + 50 audio packets/s to 50 others",
    rooms: 2,
    people: 51,
    senders: 1,
    load: PERSON,
    warm_up: Duration::from_secs(2),
};

const BESIDE_A_FLOOR: [Scenario; 7] = [
    ONE_TO_ONE,
    Scenario {
        name: "one_to_one_alone",
        about: "as one_to_one, but the packets of a picture spread over its time: every packet comes alone",
        load: Load { pacing: Pacing::Alone, ..PERSON },
        ..ONE_TO_ONE
    },
    Scenario {
        name: "one_to_one_loss",
        about: "as one_to_one, 2 % lost each way, asked for and resent",
        load: Load { loss: 20, ..PERSON },
        ..ONE_TO_ONE
    },
    Scenario {
        name: "one_room",
        about: "one room of 2 people alone: 400 packets/s, nothing to share a wake-up with",
        rooms: 1,
        ..ONE_TO_ONE
    },
    Scenario {
        name: "one_to_seven",
        about: "7 rooms, 1 sends to 7 others: the largest consultation that the rules allow",
        rooms: 7,
        people: 8,
        ..ONE_TO_FIFTY
    },
    ONE_TO_FIFTY,
    Scenario {
        name: "one_to_fifty_loss",
        about: "as one_to_fifty, 2 % lost each way, asked for and resent",
        load: Load { loss: 20, ..PERSON },
        ..ONE_TO_FIFTY
    },
];

/// The same 2,500 pictures of six packets, 5,000 audio packets and 1,000 feedbacks a second in few rooms or in many.
fn spread(rooms: u32) -> Scenario {
    let people = f64::from(rooms * 2);
    let load = Load { pictures: 2_500.0 / people, sounds: 5_000.0 / people, feedback: Duration::from_secs_f64(people / 1_000.0), ..PERSON };
    Scenario { name: "spread", about: "", rooms, load, warm_up: Duration::from_secs(6), ..ONE_TO_ONE }
}

/// One measured round.
#[derive(Debug, Clone, Copy)]
struct Round {
    /// Nanoseconds of the forwarding thread per forwarded packet.
    nanoseconds: f64,
    forwarded: u64,
    seconds: f64,
    sent: u64,
    /// Part of the forwarded packets that reached the clients.
    arrived: f64,
}

struct Bench {
    seconds: Duration,
    rounds: u64,
    talks: bool,
    runtime: tokio::runtime::Runtime,
}

fn main() {
    let bench = Bench {
        seconds: Duration::from_secs(measure::setting("VISAVIS_BENCH_SECONDS", 3)),
        rounds: measure::setting("VISAVIS_BENCH_ROUNDS", 3).max(1),
        talks: !measure::wants_json(),
        runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
    };
    let mut report = Map::new();
    for scenario in BESIDE_A_FLOOR.iter().filter(|scenario| measure::is_wanted(scenario.name)) {
        report.insert(scenario.name.to_owned(), bench.beside_a_floor(scenario));
    }
    if measure::is_wanted("spread") {
        let (percent, bare, figures) = bench.spread(&[20, 100, 500]);
        report.insert(String::from("spread_20_to_500_rooms_percent"), json!(percent));
        report.insert(String::from("spread_floor_percent"), json!(bare));
        report.insert(String::from("spread_worker_and_floor_us"), figures);
    }
    let report = Value::Object(report);
    if measure::is_whole() {
        measure::leave("forwarding", &report);
    }
    if !bench.talks {
        println!("{report}");
    }
}

impl Bench {
    fn beside_a_floor(&self, scenario: &Scenario) -> Value {
        self.say(&format!("{}: {}", scenario.name, scenario.about));
        let (mut worker, mut floor) = (Vec::new(), Vec::new());
        // In turns, so that whatever else this machine does falls on both.
        for round in 1..=self.rounds {
            worker.push(self.real(scenario));
            floor.push(self.bare(scenario));
            self.say(&format!("  round {round}: worker {}", said(worker.last())));
            self.say(&format!("  round {round}: floor  {}", said(floor.last())));
        }
        let (worker_ns, floor_ns) = (middle(&worker), middle(&floor));
        let ratio = worker_ns / floor_ns;
        self.say(&format!("  median of {}: worker {worker_ns:.0} ns, floor {floor_ns:.0} ns a packet; ratio {ratio:.2}", self.rounds));
        json!({
            "us_per_packet": rounded(worker_ns / 1_000.0, 2), "floor_us": rounded(floor_ns / 1_000.0, 2), "ratio": rounded(ratio, 2),
            "packets_per_s": median(worker.iter().map(|round| round.forwarded as f64 / round.seconds).collect()).round(),
            "about": scenario.about, "rounds_us": each(&worker), "floor_rounds_us": each(&floor),
        })
    }

    /// How much the cost per packet changes when the same packets are spread over more rooms: the largest difference from the fewest rooms, in percent, of the worker
    /// and of the floor, whose keys are as many.
    fn spread(&self, rooms: &[u32]) -> (f64, f64, Value) {
        self.say("spread: the same 20,000 packets/s in few rooms or in many");
        let mut costs: Vec<(Vec<Round>, Vec<Round>)> = vec![(Vec::new(), Vec::new()); rooms.len()];
        for round in 1..=self.rounds {
            for (rooms, (worker, floor)) in rooms.iter().zip(&mut costs) {
                worker.push(self.real(&spread(*rooms)));
                floor.push(self.bare(&spread(*rooms)));
                self.say(&format!("  round {round}: {rooms:>3} rooms, worker {}", said(worker.last())));
                self.say(&format!("  round {round}: {rooms:>3} rooms, floor  {}", said(floor.last())));
            }
        }
        let largest = |middles: &[f64]| {
            let changes = middles.iter().map(|cost| (cost / middles[0] - 1.0) * 100.0);
            changes.max_by(|one, other| one.abs().total_cmp(&other.abs())).unwrap_or(f64::NAN)
        };
        let workers: Vec<f64> = costs.iter().map(|(worker, _)| middle(worker)).collect();
        let floors: Vec<f64> = costs.iter().map(|(_, floor)| middle(floor)).collect();
        let (percent, bare) = (largest(&workers), largest(&floors));
        self.say(&format!("  median of {}: {percent:+.1} % at most against {} rooms, the floor {bare:+.1} %", self.rounds, rooms[0]));
        let both = workers.iter().zip(&floors).map(|(worker, floor)| json!([rounded(worker / 1_000.0, 2), rounded(floor / 1_000.0, 2)]));
        let figures = rooms.iter().map(u32::to_string).zip(both);
        (rounded(percent, 1), rounded(bare, 1), Value::Object(figures.collect()))
    }

    fn say(&self, text: &str) {
        if self.talks {
            println!("{text}");
        }
    }

    /// The product's worker: real offers, ICE, DTLS, SRTP, router, RTCP.
    fn real(&self, scenario: &Scenario) -> Round {
        let config = MediaConfig { advertised: vec![IpAddr::from([127, 0, 0, 1])], tcp: vec![], port: 0, workers: 1 };
        let plane = MediaPlane::start(config).unwrap();
        let (wire, mut doors, mut legs) = (Wire::new(), Vec::new(), Vec::new());
        for room in 0..scenario.rooms {
            let (door, events) = plane.open(AppointmentId(u128::from(room)));
            for person in 0..scenario.people {
                legs.push(self.join(&door, scenario, &wire, room * scenario.people + person, person));
                Leg::connect(&mut legs);
                door.admit(ParticipantId(person as u8), true);
            }
            // Nobody takes the events: they are coalesced, as the plane promises.
            doors.push((door, events));
        }
        let thread = measure::thread_named("self", &format!("media-{}", plane.ports()[0])).unwrap();
        self.measured(&mut legs, scenario.warm_up, || (measure::cpu_time("self", thread), plane.counters().rtp_out))
    }

    fn join(&self, door: &MediaDoor, scenario: &Scenario, wire: &Rc<Wire>, name: u32, person: u32) -> Leg {
        let mut peer = RawPeer::new(RawOptions { name, version: DtlsVersion::V13, ..RawOptions::default() });
        let answer = self.runtime.block_on(door.offer(ParticipantId(person as u8), 1, peer.offer())).unwrap();
        peer.accept_answer(&answer, Instant::now());
        let ([audio, video, rtx, ..], server) = (peer.ssrcs(), peer.candidates()[0]);
        let protection = Protection::Peer(Box::new(peer));
        Leg::new(wire.clone(), name, server, [video, rtx, audio], protection, person < scenario.senders, scenario.load)
    }

    /// The floor with keys that everybody was given.
    fn bare(&self, scenario: &Scenario) -> Round {
        let wire = Wire::new();
        let addresses: Vec<SocketAddr> = (0..(scenario.rooms * scenario.people) as usize).map(|at| wire.address(at)).collect();
        let keys = |at: usize, up: u8| ([at as u8 ^ up, up, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], [up; 12]);
        let people = scenario.people as usize;
        let sends = |at: usize| at % people < scenario.senders as usize;
        let floor = Floor::start(|_| {
            let leg = |(at, address): (usize, &SocketAddr)| {
                let room = at / people * people;
                let receivers = (room..room + people).filter(|to| *to != at && sends(at)).collect();
                FloorLeg { address: *address, opens: keys(at, 0x80), seals: keys(at, 0x40), receivers }
            };
            addresses.iter().enumerate().map(leg).collect()
        });
        let leg = |at: usize| {
            let (key, salt) = keys(at, 0x80);
            let ssrcs = [0x2000_0000 + at as u32 * 4, 0x2000_0001 + at as u32 * 4, 0x2000_0002 + at as u32 * 4];
            Leg::new(wire.clone(), at as u32, floor.address, ssrcs, Protection::key(key, salt), sends(at), scenario.load)
        };
        let mut legs: Vec<Leg> = (0..addresses.len()).map(leg).collect();
        let thread = measure::thread_named("self", floor::THREAD).unwrap();
        self.measured(&mut legs, scenario.warm_up, || (measure::cpu_time("self", thread), floor.forwarded.load(Ordering::Relaxed)))
    }

    fn measured(&self, legs: &mut [Leg], warm_up: Duration, read: impl Fn() -> (Duration, u64)) -> Round {
        let count = |legs: &[Leg]| legs.iter().map(|leg| leg.received).sum::<u64>();
        legs::run(legs, warm_up);
        let ((cpu, forwarded), received, begin) = (read(), count(legs), Instant::now());
        let sent = legs::run(legs, self.seconds);
        let seconds = begin.elapsed().as_secs_f64();
        // What is on its way arrives.
        std::thread::sleep(Duration::from_millis(150));
        legs::run(legs, Duration::ZERO);
        let (cpu_after, forwarded_after) = read();
        let forwarded = forwarded_after - forwarded;
        let each = forwarded.max(1) as f64;
        let arrived = (count(legs) - received) as f64 / each;
        Round { nanoseconds: (cpu_after - cpu).as_nanos() as f64 / each, forwarded, seconds, sent, arrived }
    }
}

fn said(round: Option<&Round>) -> String {
    round.map_or_else(String::new, |round| {
        let Round { nanoseconds, forwarded, sent, .. } = round;
        format!("{nanoseconds:>6.0} ns a packet, {sent} in, {forwarded} forwarded, {:.1} % arrived", round.arrived * 100.0)
    })
}

fn middle(rounds: &[Round]) -> f64 {
    median(rounds.iter().map(|round| round.nanoseconds).collect())
}

fn each(rounds: &[Round]) -> Vec<f64> {
    rounds.iter().map(|round| rounded(round.nanoseconds / 1_000.0, 2)).collect()
}
