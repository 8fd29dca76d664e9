//! Attacks on the web port of the real program (trust.md O13): slow headers and bodies, smuggled requests, floods of HTTP/2, thousands of idle sockets, huge headers.
//! Beside each of them 300 requests a second of other people are timed.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls_pki_types::pem::PemObject;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use visavis::server::addresses;

/// The program and where it listens.
struct Victim {
    child: Child,
    http: SocketAddr,
    https_port: u16,
    directory: TempDir,
}

impl Victim {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let media = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(env!("CARGO_BIN_EXE_visavis"))
            .args(["--demo=true", "--web.https=0.0.0.0:0", "--media.addresses=127.0.0.1"])
            .arg(format!("--web.http=127.0.0.1:{port}"))
            .arg(format!("--media.port={media}"))
            .arg(format!("--data.directory={}", directory.path().join("data").display()))
            .arg(format!("--tls.directory={}", directory.path().join("certs").display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begin = Instant::now();
        let read = |path: &Path| std::fs::read_to_string(path).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let demo = loop {
            if let Some(demo) = read(&directory.path().join("data/demo.json")) {
                break demo;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "the server is not ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let https_port = demo["base_url"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
        Self { child, http: SocketAddr::from(([127, 0, 0, 1], port)), https_port, directory }
    }

    fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    fn open_files_max(&self) -> usize {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.child.id())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        line.split_whitespace().nth(3).unwrap().parse().unwrap()
    }

    /// Resident memory in KiB.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// HTTP/2 inside TLS, the preface and empty settings sent.
    async fn h2(&self) -> TlsStream<TcpStream> {
        let path = self.directory.path().join("certs/development-certificate.pem");
        let mut roots = rustls::RootCertStore::empty();
        roots.add(rustls_pki_types::CertificateDer::from_pem_file(path).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let socket = TcpStream::connect(("127.0.0.1", self.https_port)).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let mut tls = connector.connect("localhost".try_into().unwrap(), socket).await.unwrap();
        tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        tls.write_all(&frame(4, 0, 0, &[])).await.unwrap();
        tls
    }

    /// Sends these bytes on a plain connection and answers what comes until it is closed or quiet for so long.
    async fn plain(&self, bytes: &[u8], quiet: Duration) -> (String, bool) {
        let mut socket = TcpStream::connect(self.http).await.unwrap();
        let _ = socket.write_all(bytes).await;
        let mut answer = Vec::new();
        loop {
            let mut some = [0; 4096];
            match tokio::time::timeout(quiet, socket.read(&mut some)).await {
                Ok(Ok(0) | Err(_)) => return (String::from_utf8_lossy(&answer).into_owned(), true),
                Ok(Ok(length)) => answer.extend_from_slice(&some[..length]),
                Err(_) => return (String::from_utf8_lossy(&answer).into_owned(), false),
            }
        }
    }

    /// 300 requests a second over connections that stay, for so long. Answers the 99th percentile; every one must be answered 200.
    async fn others(&self, long: Duration) -> Duration {
        const CONNECTIONS: u32 = 6;
        const EACH: Duration = Duration::from_millis(20);
        let address = self.http;
        let one = move || async move {
            let mut socket = TcpStream::connect(address).await.unwrap();
            socket.set_nodelay(true).unwrap();
            let mut times = Vec::new();
            let begin = Instant::now();
            let mut every = tokio::time::interval(EACH);
            while begin.elapsed() < long {
                every.tick().await;
                let asked = Instant::now();
                socket.write_all(b"GET /api/v1/services HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
                let mut bytes = Vec::new();
                loop {
                    let mut some = [0; 8192];
                    let length = tokio::time::timeout(Duration::from_secs(10), socket.read(&mut some)).await.expect("no answer").unwrap();
                    assert!(length > 0, "closed");
                    bytes.extend_from_slice(&some[..length]);
                    let text = String::from_utf8_lossy(&bytes);
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
                    let said =
                        head.to_ascii_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
                    if body.len() >= said.unwrap() {
                        break;
                    }
                }
                times.push(asked.elapsed());
            }
            times
        };
        let all = (0..CONNECTIONS).map(|_| tokio::spawn(one())).collect::<Vec<_>>();
        let mut times = Vec::new();
        for task in all {
            times.extend(task.await.unwrap());
        }
        times.sort();
        times[times.len() * 99 / 100]
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The row's figure, where the machine gives it without an attack too: this is a development build beside other tests.
fn bearable(calm: Duration) -> Duration {
    Duration::from_millis(100).max(3 * calm)
}

/// A frame of HTTP/2 (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET /` of localhost in HPACK.
fn get() -> Vec<u8> {
    [&[0x82, 0x87, 0x84, 0x41, 9][..], b"localhost"].concat()
}

/// Writes until the other end refuses or the time is over, and reads beside it what it says. Answers how much was written, and whether it ended.
async fn flood(mut tls: TlsStream<TcpStream>, bytes: Vec<u8>, long: Duration) -> (u64, bool) {
    let (mut written, begin) = (0, Instant::now());
    let mut heard = vec![0; 16 * 1024];
    while begin.elapsed() < long {
        // Who floods does not listen for long; but a closed line is one.
        match tokio::time::timeout(Duration::from_millis(200), tls.write_all(&bytes)).await {
            Ok(Ok(())) => written += bytes.len() as u64,
            Ok(Err(_)) => return (written, true),
            Err(_) => {}
        }
        if let Ok(Ok(0) | Err(_)) = tokio::time::timeout(Duration::from_millis(1), tls.read(&mut heard)).await {
            return (written, true);
        }
    }
    (written, false)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_http2_take_nothing_from_others() {
    let victim = Victim::start().await;
    let calm = victim.others(Duration::from_secs(2)).await;
    let long = Duration::from_secs(3);
    let reset: Vec<u8> =
        (0..200_u32).flat_map(|at| [frame(1, 5, 1 + 2 * at, &get()), frame(3, 0, 1 + 2 * at, &8_u32.to_be_bytes())].concat()).collect();
    let unending =
        [frame(1, 0, 1, &get()), (0..200).flat_map(|_| frame(9, 0, 1, &[0x40, 1, b'a', 1, b'b'].repeat(100))).collect()].concat();
    let opened = frame(1, 4, 1, &get());
    for (name, bytes) in [
        ("rapid reset", reset),
        ("settings", frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]).repeat(500)),
        ("ping", frame(6, 0, 0, &[7; 8]).repeat(500)),
        ("continuation", unending),
        ("empty data", [opened, frame(0, 0, 1, &[]).repeat(500)].concat()),
        ("priority", frame(2, 0, 3, &[0, 0, 0, 0, 16]).repeat(500)),
        ("window updates", frame(8, 0, 0, &1_u32.to_be_bytes()).repeat(500)),
    ] {
        let before = victim.resident();
        let attackers = (0..4).map(|_| async { flood(victim.h2().await, bytes.clone(), long).await });
        let (ends, others) = tokio::join!(futures_util::future::join_all(attackers), victim.others(long));
        let grown = victim.resident().saturating_sub(before);
        let ended = ends.iter().filter(|(_, ended)| *ended).count();
        let written: u64 = ends.iter().map(|(written, _)| written / 1024).sum();
        println!("{name}: {written} KiB from 4 lines, {ended} of them ended; memory +{grown} KiB; others p99 {others:?} (calm {calm:?})");
        assert_eq!(ended, 4, "{name}: who does that is sent away");
        assert!(grown < 64 * 1024, "{name}: +{grown} KiB");
        assert!(others < bearable(calm), "{name}: {others:?}, calm {calm:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_headers_and_bodies_end_and_take_nothing_from_others() {
    let victim = Victim::start().await;
    let calm = victim.others(Duration::from_secs(2)).await;
    // A byte a second of a header, and of a body; hundreds of each.
    let slow = |head: &'static str, within: u64| {
        let address = victim.http;
        async move {
            let mut socket = TcpStream::connect(address).await.unwrap();
            let begin = Instant::now();
            socket.write_all(head.as_bytes()).await.unwrap();
            let (mut reading, mut writing) = socket.into_split();
            let dripping = tokio::spawn(async move {
                while writing.write_all(b"a").await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            });
            let mut answer = Vec::new();
            let ended = tokio::time::timeout(Duration::from_secs(within + 10), reading.read_to_end(&mut answer)).await.is_ok();
            dripping.abort();
            assert!(ended, "still open after {:?}: {head}", begin.elapsed());
            (begin.elapsed(), String::from_utf8_lossy(&answer).into_owned())
        }
    };
    const HEAD: &str = "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    const BODY: &str = "POST /api/v1/join HTTP/1.1\r\nHost: x\r\nX-Visavis: 1\r\nContent-Type: application/json\r\nContent-Length: 10000\r\nConnection: close\r\n\r\n{";
    let headers = futures_util::future::join_all((0..300).map(|_| slow(HEAD, 10)));
    let bodies = futures_util::future::join_all((0..300).map(|_| slow(BODY, 15)));
    let (headers, bodies, others) = tokio::join!(headers, bodies, victim.others(Duration::from_secs(12)));
    let longest = |all: &[(Duration, String)]| all.iter().map(|(took, _)| *took).max().unwrap();
    println!(
        "300 slow headers ended within {:?}, 300 slow bodies within {:?}; others p99 {others:?} (calm {calm:?})",
        longest(&headers),
        longest(&bodies)
    );
    assert!(longest(&headers) < Duration::from_secs(15) && longest(&bodies) < Duration::from_secs(21));
    assert!(bodies.iter().all(|(_, answer)| answer.starts_with("HTTP/1.1 408 ")), "{:?}", bodies[0]);
    assert!(others < bearable(calm), "{others:?}, calm {calm:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_smuggled_in_the_body_of_another() {
    let victim = Victim::start().await;
    let hidden = "GET /livez HTTP/1.1\r\nHost: hidden\r\n\r\n";
    let chunked = format!("0\r\n\r\n{hidden}");
    let both = |fields: &str, body: &str| {
        let length = body.len();
        format!("POST /api/v1/join HTTP/1.1\r\nHost: x\r\nX-Visavis: 1\r\n{}\r\n\r\n{body}", fields.replace("ALL", &length.to_string()))
    };
    // Each can be read in two ways; whoever stands before us may have read it in the other one.
    let pairs = [
        ("length and chunks", both("Content-Length: ALL\r\nTransfer-Encoding: chunked", &chunked)),
        ("chunks and length", both("Transfer-Encoding: chunked\r\nContent-Length: ALL", &chunked)),
        ("two lengths", both("Content-Length: 0\r\nContent-Length: ALL", hidden)),
        ("two lengths in one", both("Content-Length: 0, ALL", hidden)),
        ("a length with a sign", both("Content-Length: +0", hidden)),
        ("a negative length", both("Content-Length: -1", hidden)),
        ("a length in hex", both("Content-Length: 0x0", hidden)),
        ("an empty length", both("Content-Length: ", hidden)),
        ("chunks that are none", both("Content-Length: ALL\r\nTransfer-Encoding: xchunked", &chunked)),
        ("chunks in the middle", both("Content-Length: ALL\r\nTransfer-Encoding: chunked, identity", &chunked)),
        ("a space before the colon", both("Content-Length: ALL\r\nTransfer-Encoding : chunked", &chunked)),
        ("a field that goes on in the next line", both("Content-Length: ALL\r\nTransfer-Encoding:\r\n chunked", &chunked)),
        ("a tab", both("Content-Length: ALL\r\nTransfer-Encoding:\tchunked", &chunked)),
        ("a vertical tab", both("Content-Length: ALL\r\nTransfer-Encoding: \x0bchunked", &chunked)),
        ("a bare line feed", both("Content-Length: ALL\nTransfer-Encoding: chunked", &chunked)),
        ("a bare carriage return", both("X: a\rTransfer-Encoding: chunked\r\nContent-Length: ALL", &chunked)),
        (
            "chunks of HTTP/1.0",
            both("Transfer-Encoding: chunked\r\nContent-Length: ALL", &chunked).replace("HTTP/1.1\r\nHost: x", "HTTP/1.0\r\nHost: x"),
        ),
        ("a chunk of a size with a sign", both("Transfer-Encoding: chunked", &format!("+0\r\n\r\n{hidden}"))),
        ("a chunk of a size that overflows", both("Transfer-Encoding: chunked", &format!("10000000000000000\r\n\r\n{hidden}"))),
        ("a chunk that ends in a bare line feed", both("Transfer-Encoding: chunked", &format!("0\n\n{hidden}"))),
        ("no colon", both("Content-Length ALL", hidden)),
    ];
    let mut taken = Vec::new();
    for (name, text) in &pairs {
        let (answer, closed) = victim.plain(text.as_bytes(), Duration::from_millis(800)).await;
        let answers = answer.matches("HTTP/1.1 ").count() + answer.matches("HTTP/1.0 ").count();
        let refused = answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.0 400 ");
        // What is not refused must be read as RFC 9112 §6.3 says, chunks before length, and then nothing may stand in the way of who is next.
        let hidden_answered = answers > 1;
        assert!(!hidden_answered || !refused, "{name}: refused and read on: {answer}");
        if hidden_answered {
            taken.push(*name);
        }
        assert!(closed || answers > 0, "{name}: neither answered nor closed");
    }
    println!("{} ambiguous requests; read on after {taken:?}", pairs.len());
    assert!(taken.is_empty(), "read on after {taken:?}: a request that can be read in two ways ends its connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn huge_headers_are_refused_and_ten_thousand_idle_sockets_leave_room_for_others() {
    let victim = Victim::start().await;
    let huge = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Huge: {}\r\n\r\n", "x".repeat(1024 * 1024));
    let (answer, closed) = victim.plain(huge.as_bytes(), Duration::from_secs(3)).await;
    assert!(closed && (answer.is_empty() || answer.starts_with("HTTP/1.1 431 ")), "{}", &answer[..answer.len().min(100)]);
    // The same by HTTP/2: a field of 64 KiB in frames of its own.
    let mut tls = victim.h2().await;
    let field = [&[0x40, 1, b'x', 0x7f, 0x81, 0xff, 0x03][..], &vec![b'x'; 0x10000]].concat();
    let mut frames = frame(1, 1, 1, &get());
    let parts: Vec<&[u8]> = field.chunks(16_000).collect();
    for (at, part) in parts.iter().enumerate() {
        frames.extend(frame(9, if at + 1 == parts.len() { 4 } else { 0 }, 1, part));
    }
    let _ = tls.write_all(&frames).await;
    let mut heard = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(3), tls.read_to_end(&mut heard)).await;
    assert!(!heard.windows(4).any(|window| window == b"<!do"), "a page was served");

    let calm = victim.others(Duration::from_secs(2)).await;
    let Some(outside) = addresses::of_machine().into_iter().find(|address| matches!(address, IpAddr::V4(v4) if !v4.is_loopback())) else {
        panic!("this machine has no address but loopback, which stands for a proxy and is let in without a bound");
    };
    let own_limit: usize = std::fs::read_to_string("/proc/self/limits")
        .unwrap()
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .and_then(|line| line.split_whitespace().nth(3)?.parse().ok())
        .unwrap();
    let wanted = 10_000.min(own_limit * 7 / 10);
    let limit = victim.open_files_max();
    let attack = async {
        let mut sockets = Vec::new();
        for _ in 0..wanted {
            if let Ok(Ok(socket)) = tokio::time::timeout(Duration::from_secs(2), TcpStream::connect((outside, victim.https_port))).await {
                sockets.push(socket);
            }
        }
        sockets
    };
    let (sockets, others) = tokio::join!(attack, victim.others(Duration::from_secs(8)));
    let open = victim.open_files();
    println!(
        "{} idle sockets of one address (wanted {wanted}): the server holds {open} files of {limit}; others p99 {others:?} (calm {calm:?})",
        sockets.len()
    );
    assert!(open * 10 <= limit * 8, "{open} of {limit} files");
    assert!(sockets.len() * 10 >= wanted * 9, "{} of {wanted}", sockets.len());
    assert!(others < bearable(calm), "{others:?}, calm {calm:?}");
    // Who says nothing is gone after the deadline of a handshake.
    let begin = Instant::now();
    while victim.open_files() > 200 {
        assert!(begin.elapsed() < Duration::from_secs(20), "{} files are still open", victim.open_files());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
