//! STUN Binding requests as a client writes them (RFC 8489, RFC 8445), whole or forged. Shares no code with the server's reader.

use aws_lc_rs::hmac;

const COOKIE: u32 = 0x2112_A442;

/// What goes into a request.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// `server ufrag:client ufrag`.
    pub username: &'a str,
    /// The server's ICE password.
    pub password: &'a str,
    pub transaction: [u8; 12],
    pub nominate: bool,
}

impl Request<'_> {
    /// The datagram.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(&[0, 1, 0, 0]);
        out.extend_from_slice(&COOKIE.to_be_bytes());
        out.extend_from_slice(&self.transaction);
        attribute(&mut out, 0x0006, self.username.as_bytes());
        attribute(&mut out, 0x0024, &0x6e00_1fff_u32.to_be_bytes());
        attribute(&mut out, 0x802a, &[1; 8]);
        if self.nominate {
            attribute(&mut out, 0x0025, &[]);
        }
        set_length(&mut out, 24);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.password.as_bytes());
        let tag = hmac::sign(&key, &out);
        attribute(&mut out, 0x0008, tag.as_ref());
        set_length(&mut out, 8);
        let crc = crc32(&out) ^ 0x5354_554e;
        attribute(&mut out, 0x8028, &crc.to_be_bytes());
        out
    }
}

#[allow(dead_code)] // one fuzz target only writes
/// Whether a datagram is a success response to this transaction.
pub fn is_success(datagram: &[u8], transaction: [u8; 12]) -> bool {
    datagram.len() >= 20 && datagram[..2] == [1, 1] && datagram[8..20] == transaction
}

fn attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&(value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
    set_length(out, 0);
}

fn set_length(out: &mut [u8], more: usize) {
    let length = (out.len() - 20 + more) as u16;
    out[2..4].copy_from_slice(&length.to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes
        .iter()
        .fold(!0_u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())))
}
