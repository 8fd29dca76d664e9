//! Joins of the real media plane in a process of its own: CPU time of a join (SDP, ICE, DTLS, SCTP), memory of a connected peer without media, CPU time of a
//! thousand who wait. Beside each its reference in the same run: the DTLS handshake alone, and a bare echo of the same checks. Judges nothing.
//! `-- --json` prints one JSON object.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a bench ends where something is wrong, and prints

#[path = "support/channel.rs"]
mod channel;
#[path = "support/client.rs"]
mod client;
#[path = "support/echo.rs"]
mod echo;
#[path = "support/handshake.rs"]
mod handshake;
#[path = "support/measure.rs"]
mod measure;
#[path = "../tests/it/support"]
mod raw {
    pub mod raw_peer;
    pub mod raw_stun;
}

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use visavis::ids::{AppointmentId, ParticipantId};
use visavis::media::plane::{MediaConfig, MediaPlane};

use crate::client::Client;
use crate::echo::Echo;
use crate::measure::rounded;

/// The citizens who wait, each with a room of their own.
const PEERS: u32 = 1_000;
/// Joined and gone before anything is measured: pools fill, pages are touched.
const WARM_UP: u32 = 100;
/// Longer than the longest first wait of an acknowledgement or a repetition.
const SETTLE: Duration = Duration::from_secs(3);
/// From one check of a client to its next, as Chromium has it on a path that works.
const CHECK: Duration = Duration::from_millis(2_500);

fn main() {
    if std::env::args().any(|argument| argument == "--serve") {
        return serve();
    }
    let talks = !measure::wants_json();
    let seconds = measure::setting("VISAVIS_BENCH_SECONDS", 10);
    let mut server = Server::start();
    // The pool of the first joins is given back before the others are counted.
    let warm: Vec<Client> = (0..WARM_UP).map(|name| server.join(name)).collect();
    drop(warm);
    let (cpu, memory) = (server.cpu_time(), measure::resident_kib(&server.process));
    let mut clients: Vec<Client> = (WARM_UP..WARM_UP + PEERS).map(|name| server.join(name)).collect();
    let cpu_ms = (server.cpu_time() - cpu).as_secs_f64() * 1_000.0 / f64::from(PEERS);
    let kib = (measure::resident_kib(&server.process) - memory) / f64::from(PEERS);
    let handshake_ms = handshake::server_milliseconds(200);
    if talks {
        println!(
            "join: {cpu_ms:.3} ms CPU of the media thread; the DTLS handshake alone {handshake_ms:.3} ms; ratio {:.2}",
            cpu_ms / handshake_ms
        );
        println!("memory: {kib:.1} KiB a connected peer without media, in RAM");
    }
    // What joining left on its way is answered first: nobody waits with something to repeat.
    let settled = Instant::now();
    while settled.elapsed() < SETTLE {
        clients.iter_mut().for_each(|client| {
            client.turn();
        });
    }
    let before = server.cpu_time();
    wait(&mut clients, None, Duration::from_secs(seconds));
    let idle = (server.cpu_time() - before).as_secs_f64() / seconds as f64 * 100.0;
    let echo = Echo::start();
    let thread = measure::thread_named("self", echo::THREAD).unwrap();
    let before = measure::cpu_time("self", thread);
    wait(&mut clients, Some(echo.address), Duration::from_secs(seconds));
    let bare = (measure::cpu_time("self", thread) - before).as_secs_f64() / seconds as f64 * 100.0;
    if talks {
        println!("idle: {PEERS} who wait take {idle:.2} % of a core, their checks merely echoed {bare:.2} %; ratio {:.2}", idle / bare);
    }
    let figures = json!({
        "cpu_ms": rounded(cpu_ms, 3), "handshake_ms": rounded(handshake_ms, 3), "ratio": rounded(cpu_ms / handshake_ms, 2),
        "kib_per_peer": rounded(kib, 1),
        "idle_1000_percent_of_core": rounded(idle, 2), "echo_percent_of_core": rounded(bare, 2), "idle_ratio": rounded(idle / bare, 2),
    });
    if !talks {
        println!("{figures}");
    }
    measure::leave("joins", &figures);
}

/// Each client checks as a browser that waits does; to the server, or to somebody else.
fn wait(clients: &mut [Client], to: Option<SocketAddr>, duration: Duration) {
    if let Some(address) = to {
        clients.iter().for_each(|client| client.socket.connect(address).unwrap());
    }
    let begin = Instant::now();
    let apart = CHECK / clients.len() as u32;
    let mut buffer = [0; 2048];
    for turn in 0_u32.. {
        let due = begin + apart * turn;
        if due >= begin + duration {
            break;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let at = turn as usize % clients.len();
        let client = &mut clients[at];
        let check = client.peer.check();
        client.socket.send(&check).unwrap();
        while client.socket.recv(&mut buffer).is_ok() {}
    }
}

/// The media plane in a process of its own, so that its memory is nobody else's.
struct Server {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    process: String,
    thread: u64,
}

impl Server {
    fn start() -> Self {
        let mut child =
            Command::new(std::env::current_exe().unwrap()).arg("--serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (asks, mut answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut port = String::new();
        answers.read_line(&mut port).unwrap();
        let process = child.id().to_string();
        let thread = measure::thread_named(&process, &format!("media-{}", port.trim())).unwrap();
        Self { child, asks, answers, process, thread }
    }

    /// A citizen joins a room of their own, until the data channel is open.
    fn join(&mut self, name: u32) -> Client {
        let mut client = Client::new(name, "chat");
        writeln!(self.asks, "{}", json!({ "room": name, "offer": client.peer.offer() })).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        client.connect(serde_json::from_str::<Value>(&answer).unwrap()["answer"].as_str().unwrap());
        client
    }

    fn cpu_time(&self) -> Duration {
        measure::cpu_time(&self.process, self.thread)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers offers, a line each, until nobody asks any more.
fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let plane =
        MediaPlane::start(MediaConfig { advertised: vec![IpAddr::from([127, 0, 0, 1])], tcp: vec![], port: 0, workers: 1 }).unwrap();
    println!("{}", plane.ports()[0]);
    let mut doors = HashMap::new();
    for line in std::io::stdin().lines() {
        let ask: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let room = ask["room"].as_u64().unwrap();
        let (door, _events) = doors.entry(room).or_insert_with(|| plane.open(AppointmentId(u128::from(room))));
        let answer = runtime.block_on(door.offer(ParticipantId::CITIZEN, 1, ask["offer"].as_str().unwrap().to_owned())).unwrap();
        println!("{}", json!({ "answer": answer }));
    }
}
