//! What a portal's key opens for a load test: the server's own figures, bookings, agents, begin and end. Knows no people.

use serde::Deserialize;
use serde_json::{Value, json};

use super::LoadError;
use super::http_client::{Base, request};
use super::participant::SignedIn;
use crate::time::Timestamp;

/// Appointments of a test are under way since a minute and last so long, in milliseconds.
const SLOT_MS: i64 = 2 * 60 * 60 * 1000;

/// `GET /api/v1/load`, as `docs/protocol.md` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Figures {
    /// On a clock of the server that never goes back.
    pub at_us: u64,
    /// Cores that the server may use.
    pub cores: u32,
    /// CPU time of its process and, of it, that of its media threads.
    pub process_cpu_us: u64,
    /// See above.
    pub media_cpu_us: u64,
    /// Consultations in its memory, and open web sockets.
    pub consultations: u32,
    /// See above.
    pub sockets: u32,
    /// RTP packets taken from senders and sealed for receivers.
    pub rtp_in: u64,
    /// See above.
    pub rtp_out: u64,
    /// Packets of known transports that it did not forward.
    pub dropped: u64,
}

/// See the file's sentence.
pub struct Operator {
    /// The server.
    pub base: Base,
    authorization: String,
    service: String,
}

impl Operator {
    /// `service` is the key of the service that is booked.
    pub fn new(base: Base, key: &str, service: &str) -> Self {
        Self { base, authorization: format!("Bearer {key}"), service: service.to_owned() }
    }

    /// The server's figures; a running test is heard of by it.
    pub async fn figures(&self) -> Result<Figures, LoadError> {
        let answer = self.ask("GET", "/api/v1/load", None).await?;
        serde_json::from_value(answer).map_err(|error| LoadError::Signaling(format!("the server's figures: {error}")))
    }

    /// A test begins.
    pub async fn begin(&self) -> Result<(), LoadError> {
        self.ask("POST", "/api/v1/load/begin", None).await.map(drop)
    }

    /// It ends, and all that it made.
    pub async fn end(&self) -> Result<(), LoadError> {
        self.ask("POST", "/api/v1/load/end", None).await.map(drop)
    }

    /// New agents, signed in.
    pub async fn agents(&self, count: usize) -> Result<Vec<SignedIn>, LoadError> {
        let answer = self.ask("POST", "/api/v1/load/agents", Some(json!({ "count": count }))).await?;
        let cookies = answer["cookies"].as_array().cloned().unwrap_or_default();
        let signed_in = |cookie: &Value| SignedIn {
            base: self.base.clone(),
            role: "agent",
            cookie: format!("__Host-visavis-agent={}", cookie.as_str().unwrap_or("")),
            answer: Value::Null,
        };
        Ok(cookies.iter().map(signed_in).collect())
    }

    /// Books an appointment that is under way; its join link.
    pub async fn book(&self, number: u32) -> Result<String, LoadError> {
        let now = crate::time::Clock::default().now();
        let (start, end) = (Timestamp(now.0 - 60_000), Timestamp(now.0 + SLOT_MS));
        let body = json!({
            "service": self.service, "start": start.rfc3339(), "end": end.rfc3339(), "name": format!("Load test {number}"), "language": "en",
        });
        let answer = self.ask("POST", "/api/v1/appointments", Some(body)).await?;
        Ok(answer["join_url"].as_str().unwrap_or("").to_owned())
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, LoadError> {
        let headers = [("Authorization", self.authorization.as_str()), ("X-Visavis-Load", "1")];
        let answer = request(&self.base, method, path, &headers, body.as_ref()).await?;
        match answer.status {
            200..300 => Ok(answer.json()),
            401 => Err(LoadError::NotAllowed(String::from("it does not know this API key (`visavis add-api-key` makes one)"))),
            403 => Err(LoadError::NotAllowed(answer.json()["error"]["message"].as_str().unwrap_or("forbidden").to_owned())),
            404 if path.starts_with("/api/v1/load") => Err(LoadError::NotAllowed(String::from("its version knows no load tests"))),
            _ => Err(LoadError::Refused(format!("{}: {}", answer.error_code(), answer.json()["error"]["message"].as_str().unwrap_or("")))),
        }
    }
}
