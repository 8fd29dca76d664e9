//! The web server's certificate: the operator's, or a development one made on first start. Refuses to know what is served under it.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::time::Timestamp;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The operator's file is missing or not PEM.
    #[error("{}: {what}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Only one of certificate and key is there.
    #[error("{} is there, {} is not: both are needed", there.display(), missing.display())]
    Half {
        /// The file that is there.
        there: PathBuf,
        /// The file that is not.
        missing: PathBuf,
    },
    /// Certificate and key do not belong together.
    #[error("the private key in {} is not that of the certificate in {}", key.display(), certificate.display())]
    KeyMismatch {
        /// Where the key is.
        key: PathBuf,
        /// Where the certificate is.
        certificate: PathBuf,
    },
    /// Their kind is not supported.
    #[error("certificate and key cannot be used: {0}")]
    Unusable(String),
    /// The development certificate could not be made or written.
    #[error("development certificate: {0}")]
    Development(String),
}

/// Where certificates are.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// `certificate.pem`, `private-key.pem`, or the development ones.
    pub directory: PathBuf,
    /// The chain, when it is elsewhere.
    pub certificate: Option<PathBuf>,
    /// The key, when it is elsewhere.
    pub private_key: Option<PathBuf>,
}

/// Whose certificate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Put there by the operator.
    Operator,
    /// Made by us and kept from an earlier start.
    Kept,
    /// Made by us now.
    Made,
}

/// A certificate that rustls accepted.
pub struct WebCertificate {
    /// Whose it is.
    pub origin: Origin,
    /// base64 of the SHA-256 of the public key (SubjectPublicKeyInfo): for browsers' certificate exceptions.
    pub spki_sha256: String,
    /// The last moment of its validity.
    pub not_after: Timestamp,
    chain: Vec<CertificateDer<'static>>,
    /// Ready for the accept loop: TLS 1.3 and 1.2, ALPN h2 and http/1.1 (trust.md, rule 7).
    pub server: Arc<ServerConfig>,
}

impl WebCertificate {
    /// The operator's certificate when there is one, else the development certificate: kept while valid, made for these names when not.
    pub fn load_or_make(files: &CertificateFiles, addresses: &[IpAddr], now: Timestamp) -> Result<Self, CertificateError> {
        if let Some(found) = Self::load(files)? {
            return Ok(found);
        }
        let (certificate, key) = development_files(&files.directory);
        if let Ok(kept) = read(&certificate, &key, Origin::Kept)
            && kept.not_after > now.after(WEEK)
        {
            return Ok(kept);
        }
        make(&files.directory, addresses, now)?;
        read(&certificate, &key, Origin::Made)
    }

    /// The operator's certificate, `None` when there is none. Writes nothing: for `check`.
    pub fn load(files: &CertificateFiles) -> Result<Option<Self>, CertificateError> {
        let certificate = files.certificate.clone().unwrap_or_else(|| files.directory.join("certificate.pem"));
        let key = files.private_key.clone().unwrap_or_else(|| files.directory.join("private-key.pem"));
        let named = files.certificate.is_some() || files.private_key.is_some();
        match (certificate.exists(), key.exists()) {
            (false, false) if !named => Ok(None),
            (true, false) => Err(CertificateError::Half { there: certificate, missing: key }),
            (false, true) => Err(CertificateError::Half { there: key, missing: certificate }),
            _ => read(&certificate, &key, Origin::Operator).map(Some),
        }
    }
}

impl WebCertificate {
    /// What browsers would refuse of it, one sentence each; nothing for a development certificate, which they refuse anyway. `host` as in a URL.
    pub fn faults(&self, host: Option<&str>, now: Timestamp) -> Vec<String> {
        match self.origin {
            Origin::Operator => super::faults::faults(&self.chain, host, now),
            Origin::Kept | Origin::Made => Vec::new(),
        }
    }
}

const WEEK: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);
const YEAR: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 3600);

fn development_files(directory: &Path) -> (PathBuf, PathBuf) {
    (directory.join("development-certificate.pem"), directory.join("development-private-key.pem"))
}

fn read(certificate: &Path, key: &Path, origin: Origin) -> Result<WebCertificate, CertificateError> {
    let wrong = |path: &Path, what: String| CertificateError::File { path: path.to_owned(), what };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(certificate, format!("no certificate in PEM form: {error}")))?;
    let leaf = chain.first().ok_or_else(|| wrong(certificate, String::from("no certificate in it")))?;
    let (_, parsed) = X509Certificate::from_der(leaf).map_err(|error| wrong(certificate, format!("not a certificate: {error}")))?;
    let spki_sha256 = STANDARD.encode(digest::digest(&digest::SHA256, parsed.public_key().raw));
    let not_after = Timestamp(parsed.validity().not_after.timestamp().saturating_mul(1000));
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, format!("no private key in PEM form: {error}")))?;
    let server = server_config(chain.clone(), private).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => CertificateError::KeyMismatch { key: key.to_owned(), certificate: certificate.to_owned() },
        error => CertificateError::Unusable(error.to_string()),
    })?;
    Ok(WebCertificate { origin, spki_sha256, not_after, chain, server: Arc::new(server) })
}

fn server_config(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), b"stun.turn".to_vec()];
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    Ok(config)
}

fn make(directory: &Path, addresses: &[IpAddr], now: Timestamp) -> Result<(), CertificateError> {
    let failed = |what: &dyn std::fmt::Display| CertificateError::Development(what.to_string());
    let mut names: Vec<String> = vec![String::from("localhost")];
    names.extend(host_name());
    names.extend(addresses.iter().map(IpAddr::to_string));
    let mut params = CertificateParams::new(names).map_err(|error| failed(&error))?;
    let (year, month, day) = date(now.before(WEEK));
    params.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = date(now.after(YEAR));
    params.not_after = rcgen::date_time_ymd(year, month, day);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Visavis development certificate");
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| failed(&error))?;
    let certificate = params.self_signed(&key).map_err(|error| failed(&error))?;
    let (certificate_path, key_path) = development_files(directory);
    fs::create_dir_all(directory).map_err(|error| failed(&error))?;
    write(&key_path, key.serialize_pem().as_bytes(), 0o600).map_err(|error| failed(&error))?;
    write(&certificate_path, certificate.pem().as_bytes(), 0o644).map_err(|error| failed(&error))
}

/// Whole or not at all: written beside and renamed.
fn write(path: &Path, content: &[u8], mode: u32) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(beside, path)
}

fn date(at: Timestamp) -> (i32, u8, u8) {
    let date = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
    (i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
}

fn host_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?.trim().to_lowercase();
    let is_dns = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    (is_dns && name != "localhost").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn files(directory: &Path) -> CertificateFiles {
        CertificateFiles { directory: directory.to_owned(), certificate: None, private_key: None }
    }

    #[test]
    fn development_certificate_is_made_once_and_kept_while_valid() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(directory.path());
        assert!(WebCertificate::load(&files).unwrap().is_none());
        let addresses = ["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
        let made = WebCertificate::load_or_make(&files, &addresses, NOW).unwrap();
        let kept = WebCertificate::load_or_make(&files, &[], NOW).unwrap();
        assert_eq!((made.origin, kept.origin), (Origin::Made, Origin::Kept));
        assert_eq!(made.spki_sha256, kept.spki_sha256);
        let later = WebCertificate::load_or_make(&files, &[], NOW.after(YEAR)).unwrap();
        assert_eq!(later.origin, Origin::Made);
        assert_ne!(later.spki_sha256, made.spki_sha256);
    }

    #[test]
    fn development_certificate_names_localhost_and_the_addresses() {
        let directory = tempfile::tempdir().unwrap();
        WebCertificate::load_or_make(&files(directory.path()), &["192.0.2.7".parse().unwrap()], NOW).unwrap();
        let der = CertificateDer::from_pem_file(directory.path().join("development-certificate.pem")).unwrap();
        let (_, parsed) = X509Certificate::from_der(&der).unwrap();
        let names =
            parsed.subject_alternative_name().unwrap().unwrap().value.general_names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        assert!(names.iter().any(|name| name.contains("localhost")), "{names:?}");
        assert!(names.len() >= 2, "{names:?}");
    }

    #[test]
    fn operators_certificate_comes_first_and_half_of_it_is_a_mistake() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(directory.path());
        WebCertificate::load_or_make(&files, &[], NOW).unwrap();
        let (certificate, key) = development_files(directory.path());
        fs::copy(certificate, directory.path().join("certificate.pem")).unwrap();
        assert!(matches!(WebCertificate::load_or_make(&files, &[], NOW), Err(CertificateError::Half { .. })));
        fs::copy(key, directory.path().join("private-key.pem")).unwrap();
        assert_eq!(WebCertificate::load_or_make(&files, &[], NOW).unwrap().origin, Origin::Operator);
        let other = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        fs::write(directory.path().join("private-key.pem"), other.serialize_pem()).unwrap();
        assert!(matches!(WebCertificate::load(&files), Err(CertificateError::KeyMismatch { .. })));
        fs::write(directory.path().join("certificate.pem"), "nonsense").unwrap();
        assert!(matches!(WebCertificate::load(&files), Err(CertificateError::File { .. })));
    }
}
