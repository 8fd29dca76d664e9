//! STUN Binding requests and their answers, byte for byte (RFC 8489, RFC 8445): what ICE-lite needs and nothing more.
//! Refuses to know whose credentials they are and what a check means.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::hmac;

const MAGIC_COOKIE: u32 = 0x2112_A442;
const HEADER: usize = 20;
const INTEGRITY: usize = 20;
const FINGERPRINT_XOR: u32 = 0x5354_554e;

const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;

/// The key of MESSAGE-INTEGRITY with short-term credentials: HMAC-SHA1 under the password (RFC 8489 §9.1.1).
pub struct IntegrityKey(hmac::Key);

impl IntegrityKey {
    /// The key of the ICE password `password`.
    pub fn new(password: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password))
    }
}

/// A well-formed Binding request with a right FINGERPRINT, not yet authenticated.
#[derive(Debug, Clone, Copy)]
pub struct BindingRequest<'a> {
    datagram: &'a [u8],
    integrity_at: usize,
    /// USERNAME before the colon: our ufrag.
    pub local_ufrag: &'a [u8],
    /// USERNAME after the colon: the client's ufrag.
    pub remote_ufrag: &'a [u8],
    /// USE-CANDIDATE: the client nominates this 5-tuple.
    pub nominated: bool,
    /// ICE-CONTROLLED: the client believes that we decide, which a lite side never does.
    pub controlled: bool,
    /// First attribute that must be understood and is not (RFC 8489 §6.3.1).
    pub unknown: Option<u16>,
}

impl<'a> BindingRequest<'a> {
    /// Reads one datagram; `None` for everything that is not a Binding request of ICE (silence is the answer, O8).
    /// Attributes behind MESSAGE-INTEGRITY are ignored but for FINGERPRINT.
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let length = usize::from(u16_at(datagram, 2)?);
        let right = u16_at(datagram, 0)? == BINDING_REQUEST
            && u32_at(datagram, 4)? == MAGIC_COOKIE
            && length % 4 == 0
            && datagram.len() == HEADER + length;
        if !right {
            return None;
        }
        let mut request =
            Self { datagram, integrity_at: 0, local_ufrag: &[], remote_ufrag: &[], nominated: false, controlled: false, unknown: None };
        let mut at = HEADER;
        let mut fingerprint = false;
        while at < datagram.len() {
            let kind = u16_at(datagram, at)?;
            let length = usize::from(u16_at(datagram, at + 2)?);
            let value = datagram.get(at + 4..at + 4 + length)?;
            match kind {
                FINGERPRINT => {
                    let expected = crc32(datagram.get(..at)?) ^ FINGERPRINT_XOR;
                    fingerprint = length == 4 && u32_at(value, 0)? == expected && at + 8 == datagram.len();
                    break;
                }
                _ if request.integrity_at != 0 => {}
                MESSAGE_INTEGRITY if length == INTEGRITY => request.integrity_at = at,
                USERNAME => {
                    let colon = value.iter().position(|byte| *byte == b':')?;
                    (request.local_ufrag, request.remote_ufrag) = (&value[..colon], &value[colon + 1..]);
                }
                USE_CANDIDATE => request.nominated = true,
                ICE_CONTROLLED => request.controlled = true,
                PRIORITY => {}
                required if required < 0x8000 => request.unknown = request.unknown.or(Some(required)),
                _ => {}
            }
            at += 4 + length.next_multiple_of(4);
        }
        (fingerprint && request.integrity_at != 0 && !request.local_ufrag.is_empty()).then_some(request)
    }

    /// Whether MESSAGE-INTEGRITY is right under `key` (RFC 8489 §14.5). Constant time in the tag.
    pub fn authentic(&self, key: &IntegrityKey) -> bool {
        let tag = tag(&key.0, self.datagram, self.integrity_at);
        let given = self.datagram.get(self.integrity_at + 4..self.integrity_at + 4 + INTEGRITY);
        given.is_some_and(|given| aws_lc_rs::constant_time::verify_slices_are_equal(tag.as_ref(), given).is_ok())
    }

    /// Appends the success response with the address from which the request came: 64 bytes for IPv4, 76 for IPv6.
    pub fn write_success(&self, from: SocketAddr, key: &IntegrityKey, into: &mut Vec<u8>) {
        self.write(BINDING_SUCCESS, key, into, |into| {
            let port = from.port() ^ (MAGIC_COOKIE >> 16) as u16;
            match from.ip() {
                IpAddr::V4(ip) => {
                    attribute(into, XOR_MAPPED_ADDRESS, 8);
                    into.extend_from_slice(&[0, 1]);
                    into.extend_from_slice(&port.to_be_bytes());
                    into.extend_from_slice(&(u32::from(ip) ^ MAGIC_COOKIE).to_be_bytes());
                }
                IpAddr::V6(ip) => {
                    attribute(into, XOR_MAPPED_ADDRESS, 20);
                    into.extend_from_slice(&[0, 2]);
                    into.extend_from_slice(&port.to_be_bytes());
                    // The cookie and the transaction id stand next to each other in the request.
                    into.extend(ip.octets().iter().zip(&self.datagram[4..20]).map(|(a, b)| a ^ b));
                }
            }
        });
    }

    /// Appends 487 Role Conflict: the client turns to controlling and asks again (RFC 8445 §7.3.1.1).
    pub fn write_role_conflict(&self, key: &IntegrityKey, into: &mut Vec<u8>) {
        self.write(BINDING_ERROR, key, into, |into| {
            attribute(into, ERROR_CODE, 4);
            into.extend_from_slice(&[0, 0, 4, 87]);
        });
    }

    /// Appends 420 Unknown Attribute with the first one.
    pub fn write_unknown_attribute(&self, unknown: u16, key: &IntegrityKey, into: &mut Vec<u8>) {
        self.write(BINDING_ERROR, key, into, |into| {
            attribute(into, ERROR_CODE, 4);
            into.extend_from_slice(&[0, 0, 4, 20]);
            attribute(into, UNKNOWN_ATTRIBUTES, 2);
            into.extend_from_slice(&unknown.to_be_bytes());
            into.extend_from_slice(&[0, 0]);
        });
    }

    fn write(&self, kind: u16, key: &IntegrityKey, into: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
        let start = into.len();
        into.extend_from_slice(&kind.to_be_bytes());
        into.extend_from_slice(&[0, 0]);
        into.extend_from_slice(&self.datagram[4..HEADER]);
        body(into);
        let integrity_at = into.len() - start;
        let tag = tag(&key.0, &into[start..], integrity_at);
        attribute(into, MESSAGE_INTEGRITY, INTEGRITY);
        into.extend_from_slice(tag.as_ref());
        let length = (into.len() - start - HEADER + 8) as u16;
        into[start + 2..start + 4].copy_from_slice(&length.to_be_bytes());
        let fingerprint = crc32(&into[start..]) ^ FINGERPRINT_XOR;
        attribute(into, FINGERPRINT, 4);
        into.extend_from_slice(&fingerprint.to_be_bytes());
    }
}

fn attribute(into: &mut Vec<u8>, kind: u16, length: usize) {
    into.extend_from_slice(&kind.to_be_bytes());
    into.extend_from_slice(&(length as u16).to_be_bytes());
}

/// HMAC over the message up to the attribute, the header's length counting as if the attribute were the last.
fn tag(key: &hmac::Key, message: &[u8], integrity_at: usize) -> hmac::Tag {
    let length = (integrity_at - HEADER + 4 + INTEGRITY) as u16;
    let mut context = hmac::Context::with_key(key);
    context.update(&message[..2]);
    context.update(&length.to_be_bytes());
    context.update(&message[4..integrity_at]);
    context.sign()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}

/// CRC-32 of ITU V.42, as FINGERPRINT wants it (RFC 8489 §14.7).
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let (mut value, mut bit) = (index as u32, 0);
            while bit < 8 {
                value = if value & 1 == 1 { (value >> 1) ^ 0xEDB8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, byte| (crc >> 8) ^ TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize])
}

/// Writes Binding requests: the other end of the tests here and in `core`.
#[cfg(test)]
pub(crate) fn request(transaction: [u8; 12], username: &str, password: &str, nominated: bool) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&BINDING_REQUEST.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
    out.extend_from_slice(&transaction);
    attribute(&mut out, USERNAME, username.len());
    out.extend_from_slice(username.as_bytes());
    out.resize(out.len().next_multiple_of(4), 0);
    attribute(&mut out, PRIORITY, 4);
    out.extend_from_slice(&[0x6e, 0, 1, 0xff]);
    attribute(&mut out, 0x802A, 8);
    out.extend_from_slice(&[1; 8]);
    if nominated {
        attribute(&mut out, USE_CANDIDATE, 0);
    }
    let at = out.len();
    let tag = tag(&IntegrityKey::new(password.as_bytes()).0, &out, at);
    attribute(&mut out, MESSAGE_INTEGRITY, INTEGRITY);
    out.extend_from_slice(tag.as_ref());
    let length = (out.len() - HEADER + 8) as u16;
    out[2..4].copy_from_slice(&length.to_be_bytes());
    let fingerprint = crc32(&out) ^ FINGERPRINT_XOR;
    attribute(&mut out, FINGERPRINT, 4);
    out.extend_from_slice(&fingerprint.to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 §2.1.
    const REQUEST: [u8; 108] = [
        0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22,
        0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04,
        0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76,
        0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56,
        0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
    ];
    const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

    #[test]
    fn request_of_rfc_5769_is_read_and_authentic() {
        let request = BindingRequest::parse(&REQUEST).unwrap();
        assert_eq!((request.local_ufrag, request.remote_ufrag), (&b"evtj"[..], &b"h6vY"[..]));
        assert!(request.controlled && !request.nominated && request.unknown.is_none());
        assert!(request.authentic(&IntegrityKey::new(PASSWORD)));
        assert!(!request.authentic(&IntegrityKey::new(b"VOkJxbRl1RmTxUk/WvJxBu")));
    }

    #[test]
    fn every_single_bit_error_is_silence() {
        for bit in 0..REQUEST.len() * 8 {
            let mut damaged = REQUEST;
            damaged[bit / 8] ^= 1 << (bit % 8);
            let read = BindingRequest::parse(&damaged).is_some_and(|request| request.authentic(&IntegrityKey::new(PASSWORD)));
            assert!(!read, "bit {bit}");
        }
    }

    #[test]
    fn every_truncation_is_silence() {
        for length in 0..REQUEST.len() {
            assert!(BindingRequest::parse(&REQUEST[..length]).is_none(), "length {length}");
        }
    }

    /// RFC 5769 §2.2 and §2.3 carry a SOFTWARE attribute that we do not send, so the mapped address is compared and the rest recomputed.
    #[test]
    fn answers_carry_the_mapped_addresses_of_rfc_5769() {
        let key = IntegrityKey::new(PASSWORD);
        let request = BindingRequest::parse(&REQUEST).unwrap();
        let mut answer = Vec::new();
        request.write_success("192.0.2.1:32853".parse().unwrap(), &key, &mut answer);
        assert_eq!(answer.len(), 64);
        assert_eq!(&answer[20..32], &[0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        assert_eq!(&answer[8..20], &REQUEST[8..20]);
        assert!(answer_is_sealed(&answer, &key));
        answer.clear();
        request.write_success("[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap(), &key, &mut answer);
        let mapped = [
            0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe,
            0xd2, 0xb9, 0xd9,
        ];
        assert_eq!(&answer[20..44], &mapped);
        assert!(answer_is_sealed(&answer, &key));
    }

    #[test]
    fn answer_is_smaller_than_the_least_request() {
        let least = request([7; 12], "abcd:e", "0123456789012345678901", false);
        let key = IntegrityKey::new(b"0123456789012345678901");
        let mut answer = Vec::new();
        BindingRequest::parse(&least).unwrap().write_success("[2001:db8::1]:9".parse().unwrap(), &key, &mut answer);
        assert!(answer.len() * 2 <= least.len() * 3, "{} to {}", answer.len(), least.len());
    }

    #[test]
    fn errors_are_sealed_too() {
        let key = IntegrityKey::new(PASSWORD);
        let request = BindingRequest::parse(&REQUEST).unwrap();
        let mut answer = Vec::new();
        request.write_role_conflict(&key, &mut answer);
        assert!(answer_is_sealed(&answer, &key));
        answer.clear();
        request.write_unknown_attribute(0x7777, &key, &mut answer);
        assert!(answer_is_sealed(&answer, &key));
    }

    fn answer_is_sealed(answer: &[u8], key: &IntegrityKey) -> bool {
        let at = answer.len() - 32;
        let tag = tag(&key.0, answer, at);
        let crc = crc32(&answer[..answer.len() - 8]) ^ FINGERPRINT_XOR;
        usize::from(u16_at(answer, 2).unwrap()) + HEADER == answer.len()
            && answer[at + 4..at + 24] == *tag.as_ref()
            && answer.ends_with(&crc.to_be_bytes())
    }
}
