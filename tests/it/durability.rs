//! R1: what the server acknowledges is on the disk first. The binary runs under strace; its own system calls are the witness.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use visavis::load::http_client::Base;
use visavis::load::participant::SignedIn;

/// Each of these changes what a restart must remember.
const DURABLE: &[&str] = &["arrive", "leave", "return", "leave", "return", "leave", "return", "leave"];

#[tokio::test(flavor = "multi_thread")]
async fn each_acknowledgement_follows_a_sync_of_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let server = Traced::start(directory.path(), &trace);
    let demo = server.demo().await;
    let base = Base::parse(demo["local_url"].as_str().unwrap()).unwrap();
    let citizen = SignedIn::citizen(&base, demo["citizen"]["join_url"].as_str().unwrap()).await.unwrap();
    let signaling = citizen.open(1).await.unwrap();

    // The control comes first: requests that change nothing must not be followed by syncs, else the test could not fail.
    for _ in 0..DURABLE.len() {
        signaling.request(json!({"type": "ping"})).await.unwrap();
    }
    let mut acknowledged = Vec::new();
    for kind in DURABLE {
        let answer = signaling.request(json!({ "type": kind })).await.unwrap();
        acknowledged.push(answer["re"].as_u64().unwrap());
    }
    signaling.close().await;
    drop(server);

    let events = read(&std::fs::read_to_string(&trace).unwrap());
    assert!(acknowledged.iter().all(|re| events.contains(&Event::Ok(*re))), "every acknowledgement is seen in the trace");
    let pongs = events.iter().filter(|event| **event == Event::Pong).count();
    assert_eq!(pongs, DURABLE.len());
    let first_pong = events.iter().position(|event| *event == Event::Pong).unwrap();
    let last_pong = events.iter().rposition(|event| *event == Event::Pong).unwrap();
    let idle = events[first_pong..last_pong].iter().filter(|event| **event == Event::Synced).count();
    assert!(idle < DURABLE.len() - 1, "syncs happen without cause: {idle} between pings");

    let mut from = last_pong;
    for re in acknowledged {
        let at = events.iter().position(|event| *event == Event::Ok(re)).unwrap();
        assert!(events[from..at].contains(&Event::Synced), "acknowledgement {re} was sent before the database was synced");
        from = at;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_acknowledged_after_its_file_its_directory_and_its_row_are_synced() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let server = Traced::start(directory.path(), &trace);
    let demo = server.demo().await;
    let base = Base::parse(demo["local_url"].as_str().unwrap()).unwrap();
    let citizen = SignedIn::citizen(&base, demo["citizen"]["join_url"].as_str().unwrap()).await.unwrap();
    let sent = crate::documents::send_to(&base.authority, &citizen.cookie, "document", "x.pdf", &crate::documents::pdf(100_000)).await;
    assert_eq!(sent.status, 201, "{}", sent.json());
    let document = sent.json()["id"].as_str().unwrap().to_owned();
    drop(server);

    let trace = std::fs::read_to_string(&trace).unwrap();
    let lines: Vec<&str> = trace.lines().collect();
    let file = synced(&lines, 0, &format!("/vault/{document}.part>"));
    let folder = synced(&lines, file, "/data/vault>");
    let row = synced(&lines, folder, "visavis.db-wal>");
    let answered = lines.iter().position(|line| line.contains("201 Created")).expect("the answer is in the trace");
    assert!(row < answered, "file {file}, directory {folder}, row {row}, answer {answered}");
}

/// In which line the first sync of this file after `from` came back.
fn synced(lines: &[&str], from: usize, path: &str) -> usize {
    let asked = |line: &str| (line.contains("fsync(") || line.contains("fdatasync(")) && line.contains(path);
    let at = from + lines[from..].iter().position(|line| asked(line)).unwrap_or_else(|| panic!("no sync of {path} in the trace"));
    if !lines[at].contains("unfinished") {
        return at;
    }
    // Another thread spoke in between: the same one says later that it came back.
    let thread = lines[at].split(' ').next().unwrap();
    let back = |line: &&str| line.split(' ').next() == Some(thread) && line.contains("sync resumed");
    at + lines[at..].iter().position(back).unwrap_or_else(|| panic!("the sync of {path} does not come back"))
}

/// What of the trace matters, in the order of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// fsync or fdatasync came back with 0.
    Synced,
    /// `{"type":"ok","re":n}` was handed to the socket.
    Ok(u64),
    /// A pong was.
    Pong,
}

fn read(trace: &str) -> Vec<Event> {
    trace.lines().filter_map(event).collect()
}

fn event(line: &str) -> Option<Event> {
    if (line.contains("fdatasync") || line.contains("fsync")) && line.trim_end().ends_with("= 0") {
        return Some(Event::Synced);
    }
    // A write's text stands in the line of its entry, so its order is that of the hand-over, not of the return.
    let re = || -> Option<u64> {
        let rest = line.split_once(r#"\"re\":"#)?.1;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    if line.contains(r#"\"type\":\"ok\""#) {
        return re().map(Event::Ok);
    }
    line.contains(r#"\"type\":\"pong\""#).then_some(Event::Pong)
}

fn unused_port() -> u16 {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The server under strace, stopped when dropped.
struct Traced {
    child: Child,
    data: std::path::PathBuf,
}

impl Traced {
    fn start(directory: &Path, trace: &Path) -> Self {
        let data = directory.join("data");
        let child = Command::new("strace")
            .args(["-f", "-qq", "-y", "-s", "200", "-e", "trace=fsync,fdatasync,write,writev,sendto,sendmsg", "-o"])
            .arg(trace)
            .arg(env!("CARGO_BIN_EXE_visavis"))
            .args(["--demo=true", "--web.https=127.0.0.1:0", "--web.http=127.0.0.1:0", "--media.addresses=127.0.0.1"])
            .arg(format!("--media.port={}", unused_port()))
            .arg(format!("--data.directory={}", data.display()))
            .arg(crate::database::argument(&data))
            .arg(format!("--tls.directory={}", directory.join("certs").display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("strace is installed by the tests' set-up");
        Self { child, data }
    }

    async fn demo(&self) -> Value {
        let path = self.data.join("demo.json");
        let ready = async {
            loop {
                if let Ok(text) = tokio::fs::read_to_string(&path).await {
                    return serde_json::from_str(&text).unwrap();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), ready).await.expect("the server is ready")
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // strace hands the signal on by ending itself; its child is told by name of the process group.
        let _ = Command::new("pkill").args(["-TERM", "-P", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}
