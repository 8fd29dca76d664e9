//! One signed POST to the portal's webhook, and what became of it. Follows nowhere, reads no body of an answer, refuses to know when it is tried again.

use std::sync::Arc;

use aws_lc_rs::hmac;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::NotifyError;
use super::mailer::{Delivery, UNREACHABLE};
use crate::config;
use crate::config::secret::Secret;
use crate::limits;
use crate::time::Timestamp;

/// The portal's end, as the settings name it.
pub struct Webhook {
    url: Url,
    secret: Secret,
    tls: Option<TlsConnector>,
}

/// The body of every POST (docs/protocol.md). Has no `Debug`: it may hold a phone number.
#[derive(Serialize)]
pub(super) struct Posted<'a> {
    /// The same however often it is tried.
    pub(super) id: &'a str,
    /// `sms` or what happened.
    pub(super) event: &'a str,
    /// When it happened.
    pub(super) at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) appointment: Option<About<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) callback: Option<Wished>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sms: Option<ShortMessage<'a>>,
}

/// The appointment; of an erased one nothing but its reference is left.
#[derive(Serialize)]
pub(super) struct About<'a> {
    pub(super) reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<String>,
}

/// A wish to be called back; whose it is, `GET /api/v1/callbacks` tells who may know.
#[derive(Serialize)]
pub(super) struct Wished {
    pub(super) callback: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<String>,
}

/// What is to be sent to a phone.
#[derive(Serialize)]
pub(super) struct ShortMessage<'a> {
    pub(super) about: &'a str,
    pub(super) to: &'a str,
    pub(super) language: &'a str,
    pub(super) text: &'a str,
}

const SIGNATURE: &str = "visavis-signature";

/// `t=<seconds since 1970>,v1=<hex of HMAC-SHA-256(secret, "<seconds>.<body>")>`.
pub fn signature(secret: &str, seconds: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    let hex: String = context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

impl Webhook {
    /// None where nothing is to be posted.
    pub fn new(settings: &config::Webhook) -> Result<Option<Self>, NotifyError> {
        let Some(url) = settings.url.as_ref().and_then(|url| Url::parse(url).ok()) else { return Ok(None) };
        let file = settings.secret_file.as_ref().ok_or(NotifyError::NoSecret)?;
        let secret = Secret::read(file)?;
        if secret.text().chars().count() < 16 {
            return Err(NotifyError::ShortSecret(file.clone()));
        }
        let tls = if url.scheme() == "https" { Some(connector()?) } else { None };
        Ok(Some(Self { url, secret, tls }))
    }

    /// Whether somebody listens there, in a sentence for the operator. Posts nothing.
    pub(super) async fn reach(&self) -> Result<String, String> {
        let host = self.url.host_str().unwrap_or_default();
        match timeout(limits::WEBHOOK, self.dial()).await {
            Ok(Ok(_)) => Ok(format!("webhook: {host} answers")),
            Ok(Err(error)) => Err(format!("webhook: {host} cannot be reached now: {error}")),
            Err(_) => Err(format!("webhook: {host} does not answer within {} s", limits::WEBHOOK.as_secs())),
        }
    }

    /// Posts one thing.
    pub(super) async fn post(&self, posted: &Posted<'_>, now: Timestamp) -> Delivery {
        let Ok(body) = serde_json::to_vec(posted) else { return Delivery::Never("unwritable") };
        let status = match timeout(limits::WEBHOOK, self.exchange(body, now)).await {
            Ok(Ok(status)) => status,
            Ok(Err(_)) | Err(_) => return Delivery::Unreachable(UNREACHABLE),
        };
        match status {
            status if status.is_success() => Delivery::Taken,
            // The portal says that it will never take it.
            StatusCode::GONE => Delivery::Never("gone"),
            status if status.is_redirection() => Delivery::Later("redirected"),
            StatusCode::TOO_MANY_REQUESTS => Delivery::Later("not_now"),
            status if status.is_server_error() => Delivery::Unreachable(UNREACHABLE),
            // A key that was changed on one side, a path that moved: an operator puts that right.
            _ => Delivery::Later("refused"),
        }
    }

    async fn exchange(&self, body: Vec<u8>, now: Timestamp) -> Result<StatusCode, Broken> {
        let seconds = now.0.div_euclid(1000);
        let target = match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        };
        let host = match self.url.port() {
            Some(port) => format!("{}:{port}", self.url.host_str().unwrap_or_default()),
            None => self.url.host_str().unwrap_or_default().to_owned(),
        };
        let request = Request::post(target)
            .header(header::HOST, host)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("visavis/", env!("CARGO_PKG_VERSION")))
            .header(header::CONNECTION, "close")
            .header(SIGNATURE, signature(self.secret.text(), seconds, &body))
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| Broken)?;
        let line = self.dial().await.map_err(|_| Broken)?;
        let opened = http1::Builder::new().max_buf_size(limits::WEBHOOK_HEAD_BYTES).handshake(TokioIo::new(line)).await;
        let (mut sender, connection) = opened.map_err(|_| Broken)?;
        let asked = sender.send_request(request);
        tokio::pin!(connection, asked);
        // The body of the answer is nobody's: line and answer are dropped with it.
        tokio::select! {
            answer = &mut asked => answer.map(|answer| answer.status()).map_err(|_| Broken),
            _ = &mut connection => asked.await.map(|answer| answer.status()).map_err(|_| Broken),
        }
    }

    async fn dial(&self) -> Result<Box<dyn Line>, std::io::Error> {
        let port = self.url.port_or_known_default().unwrap_or(443);
        let (name, tcp) = match self.url.host() {
            Some(Host::Domain(name)) => (ServerName::try_from(name.to_owned()).ok(), TcpStream::connect((name, port)).await?),
            Some(Host::Ipv4(address)) => (Some(std::net::IpAddr::V4(address).into()), TcpStream::connect((address, port)).await?),
            Some(Host::Ipv6(address)) => (Some(std::net::IpAddr::V6(address).into()), TcpStream::connect((address, port)).await?),
            None => return Err(std::io::ErrorKind::InvalidInput.into()),
        };
        match (&self.tls, name) {
            (None, _) => Ok(Box::new(tcp)),
            (Some(tls), Some(name)) => Ok(Box::new(tls.connect(name, tcp).await?)),
            (Some(_), None) => Err(std::io::ErrorKind::InvalidInput.into()),
        }
    }
}

/// No answer, or none that could be read.
struct Broken;

trait Line: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

/// Believes the certificates that the system knows.
fn connector() -> Result<TlsConnector, NotifyError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| NotifyError::Tls(error.to_string()))?.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_other_implementations_compute() {
        // python3: hmac.new(b"a secret of 22 letters", b'1764140000.{"id":"1"}', hashlib.sha256).hexdigest()
        let expected = "t=1764140000,v1=df34ff1d9a7fd33dc5e77696d8dcedfcad1256c45e2dc7046f097f5000951d9b";
        assert_eq!(signature("a secret of 22 letters", 1_764_140_000, br#"{"id":"1"}"#), expected);
    }
}
