//! The HTTP line to a provider: one request, one answer, both bounded; over rustls, or plain to this machine alone. Follows nowhere.

use std::future::Future;
use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::SetUpError;
use crate::limits;

/// No answer, or none that could be read. Says nothing of what was sent.
#[derive(Debug, thiserror::Error)]
#[error("the provider does not answer, or with more than is read")]
pub struct Unreachable;

/// Makes a connection for each request: sign-ins are seldom, and nothing is held open.
pub(super) struct Line {
    tls: TlsConnector,
}

impl Line {
    /// Believes the certificates that the system knows, and those in `ca`.
    pub(super) fn new(ca: Option<&Path>) -> Result<Self, SetUpError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca {
            let wrong = |why: String| SetUpError::CaFile { path: path.to_owned(), why };
            let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
            let mut added = 0;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
                added += 1;
            }
            if added == 0 {
                return Err(wrong(String::from("it holds no certificate")));
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| SetUpError::Tls(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)) })
    }

    /// One exchange within `limits::PROVIDER_ANSWER`.
    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Unreachable> {
        timeout(limits::PROVIDER_ANSWER, self.exchange(request)).await.map_err(|_| Unreachable)?
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, Unreachable> {
        let url = Url::parse(&request.uri().to_string()).map_err(|_| Unreachable)?;
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let host = url.host_str().ok_or(Unreachable)?;
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let (parts, body) = request.into_parts();
        let mut asked = Request::builder().method(parts.method).uri(target);
        for (name, value) in &parts.headers {
            asked = asked.header(name, value);
        }
        let asked = asked
            .header(header::HOST, host)
            .header(header::USER_AGENT, concat!("visavis/", env!("CARGO_PKG_VERSION")))
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| Unreachable)?;
        let stream = self.dial(&url).await.map_err(|_| Unreachable)?;
        let opened = http1::Builder::new().max_buf_size(limits::PROVIDER_HEAD_BYTES).handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = opened.map_err(|_| Unreachable)?;
        let answered = async {
            let (head, body) = sender.send_request(asked).await.map_err(|_| Unreachable)?.into_parts();
            let body = Limited::new(body, limits::PROVIDER_BODY_BYTES).collect().await.map_err(|_| Unreachable)?;
            Ok(HttpResponse::from_parts(head, body.to_bytes().to_vec()))
        };
        tokio::pin!(answered, connection);
        tokio::select! {
            answer = &mut answered => answer,
            _ = &mut connection => answered.await,
        }
    }

    /// TLS, or plain where the other end is this machine: codes and secrets cross no network in the clear.
    async fn dial(&self, url: &Url) -> Result<Box<dyn Stream>, std::io::Error> {
        let wrong = || std::io::Error::from(std::io::ErrorKind::InvalidInput);
        let port = url.port_or_known_default().ok_or_else(wrong)?;
        let (name, tcp) = match url.host().ok_or_else(wrong)? {
            Host::Domain(name) => (ServerName::try_from(name.to_owned()).map_err(|_| wrong())?, TcpStream::connect((name, port)).await?),
            Host::Ipv4(address) => (IpAddr::V4(address).into(), TcpStream::connect((address, port)).await?),
            Host::Ipv6(address) => (IpAddr::V6(address).into(), TcpStream::connect((address, port)).await?),
        };
        match url.scheme() {
            "https" => Ok(Box::new(self.tls.connect(name, tcp).await?)),
            "http" if tcp.peer_addr()?.ip().is_loopback() => Ok(Box::new(tcp)),
            _ => Err(wrong()),
        }
    }
}

impl<'c> AsyncHttpClient<'c> for Line {
    type Error = Unreachable;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Unreachable>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
