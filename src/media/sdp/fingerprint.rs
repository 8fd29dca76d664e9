//! The certificate fingerprint of an offer (RFC 8122 §5). Knows how it is written, not what certificate it belongs to.

/// Hash of the client's DTLS certificate as the offer states it. SHA-1 and MD5 are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fingerprint {
    /// What browsers send.
    Sha256([u8; 32]),
    /// RFC 8122 allows it.
    Sha384([u8; 48]),
    /// RFC 8122 allows it.
    Sha512([u8; 64]),
}

impl Fingerprint {
    /// The hash itself.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(hash) => hash,
            Self::Sha384(hash) => hash,
            Self::Sha512(hash) => hash,
        }
    }

    /// Reads `sha-256 AB:CD:…`.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (algorithm, hex) = value.trim().split_once(' ')?;
        if algorithm.eq_ignore_ascii_case("sha-256") {
            octets(hex).map(Self::Sha256)
        } else if algorithm.eq_ignore_ascii_case("sha-384") {
            octets(hex).map(Self::Sha384)
        } else if algorithm.eq_ignore_ascii_case("sha-512") {
            octets(hex).map(Self::Sha512)
        } else {
            None
        }
    }
}

/// `AB:CD:…` of exactly `N` octets.
fn octets<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let mut hash = [0; N];
    let mut parts = hex.trim().split(':');
    for octet in &mut hash {
        let part = parts.next().filter(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        *octet = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(hash)
}
