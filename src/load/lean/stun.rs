//! Connectivity checks of a lean client (RFC 8489, RFC 8445): one request, and whether an answer belongs to it. Controlling, nominates at once.

use aws_lc_rs::hmac;

const COOKIE: u32 = 0x2112_A442;
const FINGERPRINT: u32 = 0x5354_554e;

/// Writes checks of one transport.
pub struct Checks {
    key: hmac::Key,
    username: String,
    name: u32,
    count: u64,
}

impl Checks {
    /// `name` tells the transactions of several clients apart.
    pub fn new(remote_ufrag: &str, remote_password: &str, own_ufrag: &str, name: u32) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, remote_password.as_bytes()),
            username: format!("{remote_ufrag}:{own_ufrag}"),
            name,
            count: 0,
        }
    }

    /// The next one.
    pub fn write(&mut self) -> Vec<u8> {
        self.count += 1;
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(&[0, 1, 0, 0]);
        out.extend_from_slice(&COOKIE.to_be_bytes());
        out.extend_from_slice(&self.name.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        attribute(&mut out, 0x0006, self.username.as_bytes());
        attribute(&mut out, 0x0024, &0x6e00_1fff_u32.to_be_bytes());
        attribute(&mut out, 0x802a, &[1; 8]);
        attribute(&mut out, 0x0025, &[]);
        announce(&mut out, 24);
        let tag = hmac::sign(&self.key, &out);
        attribute(&mut out, 0x0008, tag.as_ref());
        announce(&mut out, 8);
        let check = crc32(&out) ^ FINGERPRINT;
        attribute(&mut out, 0x8028, &check.to_be_bytes());
        out
    }

    /// Whether a datagram is a success response to one of ours.
    pub fn is_answer(&self, datagram: &[u8]) -> bool {
        datagram.len() >= 20 && datagram[..2] == [1, 1] && datagram[8..12] == self.name.to_be_bytes()
    }
}

fn attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&(value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
    announce(out, 0);
}

/// The length field: what is there, and `more` that will be.
fn announce(out: &mut [u8], more: usize) {
    let length = (out.len() - 20 + more) as u16;
    out[2..4].copy_from_slice(&length.to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    !bytes.iter().fold(!0_u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}
