//! The DTLS handshake alone, both engines in memory: what the server's half of a join cannot go below.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls, DtlsCertificate, Output};

struct End {
    engine: Dtls,
    out: Vec<Vec<u8>>,
    connected: bool,
}

impl End {
    fn new(certificate: &DtlsCertificate, active: bool, now: Instant) -> Self {
        let config = Arc::new(Config::builder().use_server_cookie(false).build().unwrap());
        let certificate = DtlsCertificate { certificate: certificate.certificate.clone(), private_key: certificate.private_key.clone() };
        let mut engine = Dtls::new_13(config, certificate, now);
        engine.set_active(active);
        Self { engine, out: Vec::new(), connected: false }
    }

    fn feed(&mut self, datagrams: &[Vec<u8>], now: Instant, buffer: &mut Vec<u8>) {
        self.engine.handle_timeout(now).unwrap();
        datagrams.iter().for_each(|datagram| self.engine.handle_packet(datagram).unwrap());
        loop {
            match self.engine.poll_output(buffer) {
                Output::Packet(datagram) => self.out.push(datagram.to_vec()),
                Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                Output::Timeout(_) => return,
                Output::Connected => self.connected = true,
                _ => {}
            }
        }
    }
}

/// Milliseconds that the server's engine works in one DTLS 1.3 handshake with client certificates, median of `times`.
pub fn server_milliseconds(times: u32) -> f64 {
    let certificate = || {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        DtlsCertificate { certificate: certificate.der().to_vec(), private_key: key.serialize_der() }
    };
    let (ours, theirs, mut buffer) = (certificate(), certificate(), vec![0; 20 * 1024]);
    let mut all = Vec::new();
    for _ in 0..times {
        let mut worked = Duration::ZERO;
        let now = Instant::now();
        let mut client = End::new(&theirs, true, now);
        client.feed(&[], now, &mut buffer);
        let begin = Instant::now();
        let mut server = End::new(&ours, false, now);
        worked += begin.elapsed();
        for _ in 0..10 {
            let to_server = std::mem::take(&mut client.out);
            let begin = Instant::now();
            server.feed(&to_server, now, &mut buffer);
            worked += begin.elapsed();
            let to_client = std::mem::take(&mut server.out);
            client.feed(&to_client, now, &mut buffer);
            if server.connected && client.connected {
                break;
            }
        }
        assert!(server.connected && client.connected, "the handshake alone does not come to an end");
        all.push(worked.as_secs_f64() * 1_000.0);
    }
    crate::measure::median(all)
}
