//! P2: the whole journey at debug level leaves nothing personal in the logs, and one line for each step that a person would care about.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use visavis::load::http_client::{Base, request};
use visavis::load::participant::{Participant, SignedIn, desk_row, device_name};
use visavis::load::peer::PeerOptions;
use visavis::sfu::negotiated::Source;

use crate::support::smtp_sink::SmtpSink;

const PATIENCE: Duration = Duration::from_secs(15);

/// The product's own binary in demo mode, its standard error read to the end.
struct Process {
    child: Running,
    logs: std::thread::JoinHandle<String>,
    demo: Value,
    directory: tempfile::TempDir,
}

/// Killed when a test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    async fn start(level: &str, options: &[String]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Free at this moment; nobody else here binds ports that the system has just given out.
        let http = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let media = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = directory.path().join("data");
        let mut child = Command::new(env!("CARGO_BIN_EXE_visavis"))
            .current_dir(directory.path())
            .args(["--demo=true", "--web.https="])
            .arg(format!("--web.http={http}"))
            .arg(format!("--media.port={media}"))
            .arg("--media.addresses=127.0.0.1")
            .arg(format!("--data.directory={}", data.display()))
            .arg(crate::database::argument(&data))
            .arg(format!("--log.level={level}"))
            .args(options)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let logs = std::thread::spawn(move || {
            let mut logs = String::new();
            let _ = stderr.read_to_string(&mut logs);
            logs
        });
        let mut child = Running(child);
        let started = Instant::now();
        let demo = loop {
            if let Some(demo) = std::fs::read(data.join("demo.json")).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok()) {
                break demo;
            }
            assert!(child.0.try_wait().unwrap().is_none(), "it ended: {}", logs.join().unwrap());
            assert!(started.elapsed() < PATIENCE, "no demo.json");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        Self { child, logs, demo, directory }
    }

    fn base(&self) -> Base {
        let local = self.demo["local_url"].as_str().unwrap();
        Base::plain(Base::parse(local).unwrap().authority.replace("localhost", "127.0.0.1"))
    }

    fn said(&self, path: &str) -> String {
        self.demo.pointer(path).and_then(Value::as_str).unwrap().to_owned()
    }

    /// Ends it as an operator would, and answers everything that it has logged.
    async fn stop(mut self) -> String {
        let pid = self.child.0.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        let asked = Instant::now();
        while self.child.0.try_wait().unwrap().is_none() {
            assert!(asked.elapsed() < PATIENCE, "it does not stop");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(self.directory);
        self.logs.join().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_journey_at_debug_level_leaves_nothing_personal_in_the_logs() {
    const NAME: &str = "Zoé Eigenname";
    const NOTICE: &str = "your documents are in order, five minutes";
    const FILE: &str = "Attest Glioblastom.pdf";
    const DIAGNOSIS: &str = "Metastasen im Befund";
    const CHAT: &str = "my insurance number is 1975 0101";
    const EMAIL: &str = "zoe.eigenname@citizen.example";
    const PHONE: &str = "+352 621 975 010";
    let sink = SmtpSink::start();
    let mail = [
        format!("--mail.server=127.0.0.1:{}", sink.port),
        String::from("--mail.security=none"),
        String::from("--mail.from=video@service.example"),
    ];
    let server = Process::start("debug", &mail).await;
    let base = server.base();
    // A secure cookie needs a trustworthy origin: the browser's name for this listener.
    let base = Base::plain(base.authority.replace("127.0.0.1", "localhost"));

    // Book, join, sign in; wrong credentials on the way.
    let key = server.said("/api/key");
    let now = visavis::time::Clock::default().now();
    let slot = json!({"service": "advice", "start": now.rfc3339(), "end": now.after(Duration::from_secs(1200)).rfc3339(), "name": NAME, "language": "en", "email": EMAIL, "phone": PHONE});
    let bearer = format!("Bearer {key}");
    let booked = request(&base, "POST", "/api/v1/appointments", &[("Authorization", &bearer)], Some(&slot)).await.unwrap();
    assert_eq!(booked.status, 201, "{}", booked.json());
    let (reference, link) =
        (booked.json()["reference"].as_str().unwrap().to_owned(), booked.json()["join_url"].as_str().unwrap().to_owned());
    let token = link.rsplit('#').next().unwrap().to_owned();
    // The mail is a way out of its own: what it holds is in no line either.
    let sent = sink.mails(1).await.remove(0);
    let text = sent["text"].as_str().unwrap();
    let cancel = text.split("/c#").nth(1).unwrap()[..43].to_owned();
    assert!(text.contains(&token) && text.contains(NAME));
    let (username, password) = (server.said("/agent/username"), server.said("/agent/password"));
    let wrong = "Wr0ng-and-secret-all-the-same";
    assert!(SignedIn::agent(&base, &username, wrong).await.is_err());
    assert!(SignedIn::citizen(&base, &format!("{link}x")).await.is_err());
    let agent = SignedIn::agent(&base, &username, &password).await.unwrap();
    let citizen = SignedIn::citizen(&base, &link).await.unwrap();
    let cookies = [agent.cookie.clone(), citizen.cookie.clone()];
    let file = [crate::documents::pdf(60), DIAGNOSIS.as_bytes().to_vec()].concat();
    let sent = crate::documents::send_to(&base.authority, &cookies[1], "document", FILE, &file).await;
    assert_eq!(sent.status, 201, "{}", sent.json());
    let refused = crate::documents::send_to(&base.authority, &cookies[1], "document", FILE, DIAGNOSIS.as_bytes()).await;
    assert_eq!(refused.status, 415, "{}", refused.json());

    // Arrive, be told to wait, be called, answer.
    let citizen_options = PeerOptions { name: 11, ..PeerOptions::default() };
    let mut agent = Participant::open(agent, PeerOptions { name: 12, ..PeerOptions::default() }).await.unwrap();
    let mut citizen = Participant::open(citizen, citizen_options).await.unwrap();
    let heard = citizen.signaling.until(PATIENCE, "the first state", |heard| !heard.states.is_empty()).await.unwrap();
    let id = heard.states.keys().next().unwrap().clone();
    citizen.ask("arrive", None, json!({})).await.unwrap();
    citizen.connect(None).await.unwrap();
    desk_row(&agent.signaling, &reference, "waiting").await.unwrap();
    agent.ask("notify", Some(&id), json!({"text": NOTICE})).await.unwrap();
    agent.ask("call", Some(&id), json!({})).await.unwrap();
    agent.connect(Some(&id)).await.unwrap();
    let ringing = citizen.phase(&id, "ringing").await.unwrap();
    citizen.ask("accept", None, json!({"call": ringing["call"]["number"]})).await.unwrap();
    agent.phase(&id, "in_call").await.unwrap();
    citizen.start_sending();
    agent.start_sending();
    let (hears, of) = (agent.peer.as_ref().unwrap(), citizen.peer.as_ref().unwrap().stream(Source::Camera));
    hears.received_until(PATIENCE, "the citizen's camera", |received| received.whole_of(of) > 30).await.unwrap();
    citizen.peer.as_ref().unwrap().send_message("chat", CHAT.as_bytes()).await.unwrap();

    // Everything of the citizen is cut; they come back as the same device.
    citizen.peer.take().unwrap().close().await;
    drop(std::mem::replace(&mut citizen.signaling, SignedIn::open(&agent.signed_in, 999).await.unwrap()));
    let away = |state: &Value| state["participants"].as_array().is_some_and(|all| all.iter().any(|one| one["presence"] == "away"));
    agent.signaling.until(PATIENCE, "the drop", |heard| heard.states.get(&id).is_some_and(away)).await.unwrap();
    citizen.reopen().await.unwrap();
    citizen.phase(&id, "in_call").await.unwrap();
    citizen.connect(None).await.unwrap();
    citizen.restart(None).await.unwrap();

    // Hang up; the agent closes.
    citizen.ask("leave", None, json!({})).await.unwrap();
    citizen.phase(&id, "left").await.unwrap();
    agent.ask("close", Some(&id), json!({"outcome": "done"})).await.unwrap();
    citizen.phase(&id, "closed").await.unwrap();
    citizen.close().await;
    agent.close().await;

    // The agent reads what was sent; the citizen deletes everything.
    let path = format!("/api/v1/agent/consultations/{id}/documents/{}", sent.json()["id"].as_str().unwrap());
    assert_eq!(request(&base, "GET", &path, &[("Cookie", &cookies[0])], None).await.unwrap().body, file);
    assert_eq!(request(&base, "POST", "/api/v1/link/erase", &[("Cookie", &cookies[1])], None).await.unwrap().status, 200);
    let agent_name = server.said("/agent/name");
    let logs = server.stop().await;

    // Nothing personal.
    let tokens: Vec<&str> = cookies.iter().map(|cookie| cookie.split_once('=').unwrap().1).collect();
    let devices = [device_name(11), device_name(12)];
    let mut secrets = vec![
        "Zoé",
        "Eigenname",
        NOTICE,
        "documents",
        CHAT,
        "Attest",
        "Glioblastom",
        "Metastasen",
        "insurance",
        &token,
        &token[..20],
        &cancel,
        EMAIL,
        "citizen.example",
        PHONE,
        "621 975",
        &link,
        &key,
        &password,
        wrong,
        &agent_name,
        "127.0.0.1",
        "::1",
        "ice-ufrag",
        "candidate",
        "a=",
        "v=0",
        "Mozilla",
        &id,
    ];
    secrets.extend(agent_name.split(' '));
    secrets.extend(tokens);
    secrets.extend(devices.iter().map(String::as_str));
    let found: Vec<&&str> = secrets.iter().filter(|secret| logs.contains(**secret)).collect();
    assert!(found.is_empty(), "{found:?} in\n{logs}");
    assert!(!names_person(&logs, &username), "{username} in\n{logs}");
    assert!(logs.contains("DEBUG"), "the level was not debug:\n{logs}");

    // One line for each step, with the reference.
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for line in logs.lines().filter(|line| line.contains(&format!("reference={reference}"))) {
        for word in ["arrive", "call", "admit", "drop", "return", "leave", "close", "added", "erased"] {
            *lines.entry(word).or_default() += usize::from(line.split_whitespace().any(|part| part == word));
        }
    }
    let expected = BTreeMap::from(["arrive", "call", "admit", "drop", "return", "leave", "close", "added", "erased"].map(|word| (word, 1)));
    assert_eq!(lines, expected, "{logs}");
}

/// `agent` is a word of ours; a user name counts only where it stands as a value.
fn names_person(logs: &str, username: &str) -> bool {
    ["=", "\"", "'", ": "].iter().any(|before| {
        logs.match_indices(&format!("{before}{username}")).any(|(at, found)| {
            let after = logs[at + found.len()..].chars().next();
            after.is_none_or(|after| !after.is_alphanumeric() && after != '_' && after != '=' && after != ':')
        })
    })
}
