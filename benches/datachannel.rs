//! The data channel, engine to engine over sockets: bytes of messages a second from a client to the media plane and back, beside the same engines in memory in the
//! same run. Judges nothing. `-- --json` prints one JSON object.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a bench ends where something is wrong, and prints

#[path = "support/channel.rs"]
mod channel;
#[path = "support/client.rs"]
mod client;
#[path = "support/measure.rs"]
mod measure;
#[path = "../tests/it/support"]
mod raw {
    pub mod raw_peer;
    pub mod raw_stun;
    pub mod rig;
}

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use visavis::ids::{AppointmentId, ParticipantId};
use visavis::limits;
use visavis::media::plane::{Label, MediaConfig, MediaEvent, MediaPlane};

use crate::channel::Channel;
use crate::client::Client;
use crate::measure::{median, rounded};
use crate::raw::raw_peer::{Arrived, RawOptions};
use crate::raw::rig::Rig;

/// Bytes of one message: what the page cuts files into lies between 16 and 64 KiB.
const MESSAGE: usize = 64 * 1024;
/// Bytes moved in memory for the reference.
const IN_MEMORY: u64 = 64 * 1024 * 1024;

fn main() {
    let duration = Duration::from_secs(measure::setting("VISAVIS_BENCH_SECONDS", 3));
    let rounds = measure::setting("VISAVIS_BENCH_ROUNDS", 3).max(1);
    let talks = !measure::wants_json();
    let (mut up, mut down, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        let (upward, downward) = over_sockets(duration);
        up.push(upward);
        down.push(downward);
        memory.push(in_memory());
        if talks {
            println!(
                "round {round}: client to server {upward:.0} Mbit/s, server to client {downward:.0}; the engines in memory on one core {:.0}",
                memory[memory.len() - 1]
            );
        }
    }
    let (up, down, memory) = (median(up), median(down), median(memory));
    // What the engines carry. The other way a transport's packet budget ends it long before (trust.md O11: little CPU for each connection).
    let budget = f64::from(limits::TRANSPORT_PACKETS_PER_S) * f64::from(limits::SCTP_MTU) * 8.0 / 1e6;
    let figures = json!({
        "mbit_per_s": down.round(), "client_to_server": up.round(), "client_to_server_budget": budget.round(),
        "in_memory": memory.round(), "ratio": rounded(down / memory, 2),
    });
    if talks {
        println!(
            "median of {rounds}: {down:.0} Mbit/s to a client, {:.2} of the engines in memory; {up:.0} from it, where {budget:.0} are allowed",
            down / memory
        );
    } else {
        println!("{figures}");
    }
    measure::leave("datachannel", &figures);
}

/// Megabits a second from the client to the plane, and back.
fn over_sockets(duration: Duration) -> (f64, f64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let plane =
        MediaPlane::start(MediaConfig { advertised: vec![IpAddr::from([127, 0, 0, 1])], tcp: vec![], port: 0, workers: 1 }).unwrap();
    let (door, mut events) = plane.open(AppointmentId(1));
    let mut client = Client::new(1, "files");
    let answer = runtime.block_on(door.offer(ParticipantId::CITIZEN, 1, client.peer.offer())).unwrap();
    client.connect(&answer);
    let taken = Arc::new(AtomicU64::new(0));
    let counted = taken.clone();
    let taker = std::thread::spawn(move || {
        while let Some(event) = events.blocking_recv() {
            if let MediaEvent::Message(_, _, message) = event {
                counted.fetch_add(message.len() as u64, Ordering::Relaxed);
            }
        }
    });
    let message = Bytes::from(vec![7; MESSAGE]);
    let mut upload = |duration: Duration| {
        let (begin, before) = (Instant::now(), taken.load(Ordering::Relaxed));
        while begin.elapsed() < duration {
            while client.channel.write(&message, Instant::now()) {}
            client.turn();
        }
        megabits(taken.load(Ordering::Relaxed) - before, begin.elapsed())
    };
    upload(Duration::from_millis(500));
    let up = upload(duration);
    upload(Duration::ZERO);
    let settled = Instant::now();
    while settled.elapsed() < Duration::from_secs(1) {
        client.turn();
    }

    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let sender = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            if !runtime.block_on(door.send(ParticipantId::CITIZEN, Label::Files, vec![7; MESSAGE])) {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        door
    });
    let mut download = |duration: Duration| {
        let (begin, before) = (Instant::now(), client.channel.received);
        while begin.elapsed() < duration {
            client.turn();
        }
        megabits(client.channel.received - before, begin.elapsed())
    };
    download(Duration::from_millis(500));
    let down = download(duration);
    stop.store(true, Ordering::Relaxed);
    drop((sender.join().unwrap(), plane));
    taker.join().unwrap();
    (up, down)
}

/// The same engines, DTLS and core included, on one thread and without a socket: megabits a second from client to server.
fn in_memory() -> f64 {
    let mut rig = Rig::new(1);
    rig.open(1);
    let seat = rig.join(1, 0, RawOptions::default());
    let mut channel = Channel::new("files", rig.now);
    let message = Bytes::from(vec![7; MESSAGE]);
    let (mut taken, mut begin) = (0, None);
    while taken < IN_MEMORY {
        if channel.is_open() {
            begin.get_or_insert_with(Instant::now);
            while channel.write(&message, rig.now) {}
        }
        let peer = &mut rig.seats[seat].peer;
        channel.poll_packets(rig.now, |packet| peer.send_data(packet));
        // The transport's budget of packets counts in virtual time.
        rig.pass(Duration::from_millis(20));
        for arrived in std::mem::take(&mut rig.seats[seat].arrived) {
            if let Arrived::Data(packet) = arrived {
                channel.handle_packet(&packet, rig.now);
            }
        }
        for (_, event) in rig.events.drain(..) {
            if let MediaEvent::Message(_, _, message) = event {
                taken += message.len() as u64;
            }
        }
    }
    megabits(taken, begin.unwrap().elapsed())
}

fn megabits(bytes: u64, time: Duration) -> f64 {
    bytes as f64 * 8.0 / 1e6 / time.as_secs_f64()
}
