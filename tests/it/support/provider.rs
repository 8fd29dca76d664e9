//! A real OpenID Connect provider in a process of its own (`tests/oidc/provider.mjs`), and somebody who walks through its pages.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

/// What the provider calls how sure it is.
pub const LOW: &str = "http://eidas.europa.eu/LoA/low";
pub const SUBSTANTIAL: &str = "http://eidas.europa.eu/LoA/substantial";
pub const HIGH: &str = "http://eidas.europa.eu/LoA/high";

const SECRET: &str = "a secret of the tests, long enough";

/// Listens on loopback until it is dropped.
pub struct Provider {
    pub issuer: String,
    pub secret_file: PathBuf,
    process: Option<Child>,
    _directory: TempDir,
}

impl Provider {
    /// Knows the clients `citizens` and `agents` of a server at `base`.
    pub fn start(base: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        let secret_file = directory.path().join("secret");
        let mut open = std::fs::OpenOptions::new();
        std::io::Write::write_all(
            &mut open.write(true).create(true).truncate(true).mode(0o400).open(&secret_file).unwrap(),
            SECRET.as_bytes(),
        )
        .unwrap();
        let mut provider = Self { issuer: format!("http://127.0.0.1:{port}"), secret_file, process: None, _directory: directory };
        provider.run(base, port);
        provider
    }

    fn run(&mut self, base: &str, port: u16) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc/provider.mjs");
        let clients = json!([
            {"id": "citizens", "secret": SECRET, "redirect": format!("{base}/signed-in")},
            {"id": "agents", "secret": SECRET, "redirect": format!("{base}/agent/signed-in")},
        ]);
        let told = json!({"issuer": self.issuer, "port": port, "host": "127.0.0.1", "clients": clients});
        let mut command = Command::new("node");
        command.arg(script).arg(told.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("node is needed for the tests of sign-in");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = lines.by_ref().map_while(Result::ok).any(|line| line == "ready");
        assert!(ready, "the provider does not start: npm --prefix tests/oidc ci");
        // Whatever it says later is read, or it would wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        self.process = Some(process);
    }

    /// Nobody listens any more.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// What `person` does at the address to which our page sent the browser: choose themselves. Answers where the provider sends them back to.
    pub async fn walk(&self, to: &str, person: &str, acr: &str) -> Url {
        let mut jar: Vec<String> = Vec::new();
        let form = format!("account={person}&acr={}", url::form_urlencoded::byte_serialize(acr.as_bytes()).collect::<String>());
        let asked = exchange(&mut jar, "GET", to, "").await;
        if !asked.as_str().starts_with(&self.issuer) {
            return asked;
        }
        let chosen = exchange(&mut jar, "POST", asked.as_str(), &form).await;
        exchange(&mut jar, "GET", chosen.as_str(), "").await
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop();
    }
}

/// One request; answers where it leads.
async fn exchange(jar: &mut Vec<String>, method: &str, to: &str, body: &str) -> Url {
    let url = Url::parse(to).unwrap();
    let mut target = url.path().to_owned();
    if let Some(query) = url.query() {
        target = format!("{target}?{query}");
    }
    let authority = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: {authority}\r\ncookie: {}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        jar.join("; "),
        body.len()
    );
    let mut line = TcpStream::connect(&authority).await.unwrap();
    line.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.unwrap();
    let head = answer.split("\r\n\r\n").next().unwrap();
    let fields = |name: &'static str| {
        head.lines().filter_map(move |line| {
            line.split_once(": ").filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        })
    };
    jar.extend(fields("set-cookie").filter_map(|cookie| cookie.split(';').next().map(str::to_owned)));
    let location = fields("location").next().unwrap_or_else(|| panic!("{method} {to} leads nowhere: {answer}"));
    url.join(&location).unwrap()
}
