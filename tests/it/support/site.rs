//! A web listener with everything that is served on its port, and a media plane behind it; no signaling, no store.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use rustls_pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;
use visavis::access::relay::RelaySecret;
use visavis::media::plane::{MediaConfig, MediaPlane};
use visavis::relay::{Bring, Relay};
use visavis::time::Clock;
use visavis::tls::{self, Acceptor, CertificateFiles, Framed, Gate, Guests, Relayed, WebCertificate};

/// On loopback, ports of the system's choice.
pub struct Site {
    pub plane: MediaPlane,
    pub address: SocketAddr,
    pub relay: Arc<Relay>,
    pub secret: RelaySecret,
    _stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    directory: tempfile::TempDir,
}

impl Site {
    pub fn start(workers: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let files = CertificateFiles { directory: directory.path().to_owned(), certificate: None, private_key: None };
        let certificate = WebCertificate::load_or_make(&files, &[], Clock::default().now()).unwrap();
        let listener = tls::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let own = IpAddr::from([127, 0, 0, 1]);
        let plane = MediaPlane::start(MediaConfig { advertised: vec![own], tcp: vec![address], port: 0, workers }).unwrap();
        let door = plane.framed_door();
        let framed: Framed = Arc::new(move |socket, peer, pass| {
            let door = door.clone();
            Box::pin(async move { door.take(socket, peer, Box::new(pass)).await })
        });
        let secret = RelaySecret::new(&[3; 32]);
        let peers = plane.ports().into_iter().map(|port| SocketAddr::new(own, port)).collect();
        let door = plane.framed_door();
        let bring: Bring = Arc::new(move |stream, remote, peer, first| door.bring(stream, remote, peer.ip(), first));
        let relay = Relay::new(secret.clone(), peers, bring, Clock::default());
        let served = relay.clone();
        let relayed: Relayed = Arc::new(move |stream, client, pass| {
            let relay = served.clone();
            Box::pin(async move {
                relay.serve(stream, client).await;
                drop(pass);
            })
        });
        let (stop, stopped) = watch::channel(false);
        let router = Router::new().route("/", get(async || "hello"));
        let acceptor = Acceptor::Tls(certificate.server, Guests { framed: Some(framed), relayed: Some(relayed) });
        let task = tokio::spawn(tls::serve(listener, acceptor, router, Gate::new(|_| false), stopped));
        Self { plane, address, relay, secret, _stop: stop, task, directory }
    }

    /// A TLS connection with these ALPN names; the server's certificate is believed.
    pub async fn tls(&self, alpn: &[&[u8]]) -> TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        let path = self.directory.path().join("development-certificate.pem");
        roots.add(rustls_pki_types::CertificateDer::from_pem_file(path).unwrap()).unwrap();
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let tcp = TcpStream::connect(self.address).await.unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), tcp).await.unwrap()
    }

    /// The body of `GET /`.
    pub async fn https_get(&self, alpn: &[&[u8]]) -> String {
        let mut tls = self.tls(alpn).await;
        tls.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        let _ = tls.read_to_string(&mut answer).await;
        answer.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}
