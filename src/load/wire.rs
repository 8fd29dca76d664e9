//! A connection to the server's web port: plain on this machine's loopback, or TLS with a certificate that is known. Speaks no HTTP.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::LoadError;

/// Both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// An open connection.
pub type Wire = Box<dyn Duplex>;

/// Whose certificates are believed.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Those in `ca`, else those that the system knows.
    pub fn of(ca: Option<&Path>) -> Result<Self, LoadError> {
        let failed = |what: String| LoadError::Signaling(format!("certificates: {what}"));
        let read: Vec<_> = match ca {
            Some(path) => {
                let read = CertificateDer::pem_file_iter(path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
                read.filter_map(Result::ok).collect()
            }
            None => rustls_native_certs::load_native_certs().certs,
        };
        let mut roots = RootCertStore::empty();
        if roots.add_parsable_certificates(read).0 == 0 {
            return Err(failed(
                ca.map_or_else(|| String::from("this system knows none, --ca is needed"), |path| format!("{} holds none", path.display())),
            ));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

impl PartialEq for Trust {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Trust {}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust(…)")
    }
}

/// Connects to `host:port`.
pub async fn dial(authority: &str, trust: Option<&Trust>) -> Result<Wire, LoadError> {
    let failed = |error: std::io::Error| LoadError::Signaling(format!("{authority}: {error}"));
    let tcp = TcpStream::connect(authority).await.map_err(failed)?;
    tcp.set_nodelay(true).map_err(failed)?;
    let Some(Trust(config)) = trust else { return Ok(Box::new(tcp)) };
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host).trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(|_| LoadError::Signaling(format!("{host} is no name of a server")))?;
    let tls = TlsConnector::from(config.clone()).connect(name, tcp).await.map_err(failed)?;
    Ok(Box::new(tls))
}
