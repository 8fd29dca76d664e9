//! A whole server for tests: temporary directories, ports chosen by the system, a clock that the test moves, a demo agent, a portal's key.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use visavis::agenda::identity::IdentityCheck;
use visavis::config::Config;
use visavis::demo::DemoData;
use visavis::load::http_client::{Base, Response, request};
use visavis::server::Server;
use visavis::time::Clock;

use crate::database::address;

/// A server in demo mode with its directories; both are gone when it is dropped.
pub struct Running {
    pub server: Server,
    pub clock: Clock,
    /// The plain listener.
    pub base: Base,
    pub demo: DemoData,
    pub directory: TempDir,
}

/// Settings for a server in `directory` on loopback and free ports.
pub fn settings(directory: &TempDir) -> Config {
    let mut config = Config { demo: true, second_factor: false, data_directory: directory.path().join("data"), ..Config::default() };
    // Copies of identity cards have tests of their own.
    config.services.values_mut().for_each(|service| service.identity_check = IdentityCheck::Never);
    config.database = address(&config.data_directory);
    config.tls.directory = directory.path().join("certs");
    config.web.https = vec!["127.0.0.1:0".parse().unwrap()];
    config.web.http = vec!["127.0.0.1:0".parse().unwrap()];
    config.media.port = 0;
    config.media.addresses = vec!["127.0.0.1".parse().unwrap()];
    config
}

impl Running {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = settings(&directory);
        Self::start_with(directory, config).await
    }

    pub async fn start_with(directory: TempDir, config: Config) -> Self {
        let clock = Clock::default();
        let server = Server::start(config, clock.clone()).await.unwrap();
        let base = Base::plain(server.http[0].to_string());
        let demo = server.demo.as_ref().unwrap().data.clone();
        Self { server, clock, base, demo, directory }
    }

    /// Stops, and starts again on the same directories.
    pub async fn restart(self) -> Self {
        self.server.stop().await;
        let config = settings(&self.directory);
        Self::start_with(self.directory, config).await
    }

    /// The same on this database, which the setting of the first start named.
    pub async fn restart_on(self, database: String) -> Self {
        self.server.stop().await;
        let mut config = settings(&self.directory);
        config.database = Some(database);
        Self::start_with(self.directory, config).await
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        request(&self.base, "GET", path, headers, None).await.unwrap()
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Response {
        request(&self.base, "POST", path, headers, Some(&body)).await.unwrap()
    }

    /// Books a slot of 20 minutes that begins in `from_now_ms`. Answers reference and token.
    pub async fn book(&self, from_now_ms: i64, name: &str) -> (String, String) {
        let start = visavis::time::Timestamp(self.clock.now().0 + from_now_ms);
        let end = start.after(Duration::from_secs(1200));
        let body = json!({"service": "advice", "start": start.rfc3339(), "end": end.rfc3339(), "name": name, "language": "fr"});
        let key = format!("Bearer {}", self.demo.api.key);
        let booked = self.post("/api/v1/appointments", &[("Authorization", &key)], body).await;
        assert_eq!(booked.status, 201, "{}", booked.json());
        let booked = booked.json();
        let token = booked["join_url"].as_str().unwrap().split_once("/j#").unwrap().1.to_owned();
        (booked["reference"].as_str().unwrap().to_owned(), token)
    }

    pub async fn join(&self, token: &str) -> Response {
        self.post("/api/v1/join", &[], json!({ "token": token })).await
    }

    /// The citizen's cookie for a token, as a `Cookie` header.
    pub async fn citizen(&self, token: &str) -> String {
        let joined = self.join(token).await;
        assert_eq!(joined.status, 200, "{}", joined.json());
        joined.cookies().remove(0)
    }

    pub async fn sign_in(&self, username: &str, password: &str) -> Response {
        self.post("/api/v1/agent/sign-in", &[], json!({"username": username, "password": password})).await
    }

    /// The demo agent's cookie, as a `Cookie` header.
    pub async fn agent(&self) -> String {
        let signed_in = self.sign_in(&self.demo.agent.username, &self.demo.agent.password).await;
        assert_eq!(signed_in.status, 200, "{}", signed_in.json());
        signed_in.cookies().remove(0)
    }
}

/// 43 characters that are nobody's token, different at each call.
pub fn no_token() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut bytes = [0xEE; 32];
    bytes[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    visavis::access::token::Token::new(bytes).text()
}
