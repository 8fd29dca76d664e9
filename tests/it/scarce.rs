//! A server that may open few files (trust.md R8): who is there stays, who comes is refused, nothing dies, and it recovers by itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const FILES: usize = 256;
const SOON: Duration = Duration::from_secs(10);

struct Scarce {
    child: Child,
    address: SocketAddr,
    demo: Value,
}

impl Scarce {
    /// The real program under `ulimit -n`.
    fn start(directory: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = directory.join("data");
        let media = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("sh")
            .args(["-c", &format!("ulimit -n {FILES}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_visavis")])
            .args(["--demo=true", "--web.https=127.0.0.1:0", "--media.addresses=127.0.0.1"])
            .arg(format!("--web.http=127.0.0.1:{port}"))
            .arg(format!("--media.port={media}"))
            .arg(format!("--data.directory={}", data.display()))
            .arg(crate::database::argument(&data))
            .arg(format!("--tls.directory={}", directory.join("certs").display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begin = Instant::now();
        let demo = loop {
            if let Some(demo) = std::fs::read_to_string(data.join("demo.json")).ok().and_then(|text| serde_json::from_str(&text).ok()) {
                break demo;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "the server is not ready");
            std::thread::sleep(Duration::from_millis(50));
        };
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)), demo }
    }

    fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Scarce {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// Status and body of one request on a connection that stays; `None`: it was closed.
fn ask(stream: &mut TcpStream, line: &str, fields: &str, body: &str) -> Option<(u16, String)> {
    let length = body.len();
    let request =
        format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{fields}\r\n{body}");
    stream.write_all(request.as_bytes()).ok()?;
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 4096];
        match stream.read(&mut some) {
            Ok(0) | Err(_) => return None,
            Ok(length) => bytes.extend_from_slice(&some[..length]),
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()));
        }
    }
}

/// Whether the server has closed it.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    !matches!(stream.read(&mut [0; 1]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn with_few_files_who_comes_is_refused_who_is_there_stays_and_nothing_dies() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Scarce::start(directory.path());
    let key = format!("Authorization: Bearer {}\r\n", server.demo["api"]["key"].as_str().unwrap());
    let mut there = connect(server.address);
    assert_eq!(ask(&mut there, "GET /readyz", "", "").unwrap().0, 200);

    let mut crowd: Vec<_> = (0..2 * FILES).map(|_| connect(server.address)).collect();
    let (begin, mut refused) = (Instant::now(), 0);
    // All but 80 % of the files, of which the connection that was there first is one.
    while refused < 2 * FILES - FILES / 5 * 4 {
        assert!(begin.elapsed() < Duration::from_secs(5), "{refused} refused, {} files open", server.open_files());
        std::thread::sleep(Duration::from_millis(20));
        refused = crowd.iter_mut().filter_map(|stream| is_closed(stream).then_some(())).count();
    }
    let open = server.open_files();
    println!("{FILES} files: of {} who came {refused} were refused; {open} are open", 2 * FILES);
    assert!(open + 16 <= FILES, "{open} files: no room is left for the store and the media");

    // Who is there is served, and what they ask for is written.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let at = |minutes: u64| visavis::time::Timestamp(now.as_millis() as i64).after(Duration::from_secs(60 * minutes)).rfc3339();
    let booking = serde_json::json!({"service": "advice", "start": at(60), "end": at(80), "name": "Clara", "language": "en"}).to_string();
    let (status, body) = ask(&mut there, "POST /api/v1/appointments", &key, &booking).unwrap();
    assert_eq!(status, 201, "{body}");

    drop(crowd);
    let begin = Instant::now();
    while ask(&mut connect(server.address), "GET /readyz", "", "").is_none_or(|(status, _)| status != 200) {
        assert!(begin.elapsed() < SOON, "it does not recover");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(server.lives());
}
