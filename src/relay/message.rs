//! STUN messages and ChannelData of TURN, byte for byte (RFC 8656, RFC 8489), over a stream: what a client that relays to this server needs and nothing more.
//! Refuses to know who may do what.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use aws_lc_rs::hmac;

const MAGIC_COOKIE: u32 = 0x2112_A442;
const HEADER: usize = 20;
const INTEGRITY: usize = 20;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const CHANNEL_NUMBER: u16 = 0x000C;
const LIFETIME: u16 = 0x000D;
const XOR_PEER_ADDRESS: u16 = 0x0012;
const DATA: u16 = 0x0013;
const REALM: u16 = 0x0014;
const NONCE: u16 = 0x0015;
const XOR_RELAYED_ADDRESS: u16 = 0x0016;
const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
const REQUESTED_TRANSPORT: u16 = 0x0019;
const DONT_FRAGMENT: u16 = 0x001A;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// What is asked, or told without being answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Who am I (RFC 8489).
    Binding,
    /// An address to be relayed from.
    Allocate,
    /// Keep it, or with lifetime 0 give it back.
    Refresh,
    /// Let this peer in.
    CreatePermission,
    /// A short number for this peer.
    ChannelBind,
    /// Data for a peer; never answered.
    Send,
}

/// What begins a stream, as far as it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// More bytes are needed.
    Incomplete,
    /// A message of this many bytes.
    Message(usize),
    /// ChannelData: its number, the bytes of its content, and the bytes that it takes with header and padding (RFC 8656 §12.5).
    Channel(u16, usize, usize),
    /// Nothing of this protocol, or longer than `most`: the stream is over.
    Foreign,
}

/// Looks at the beginning of a stream.
pub fn part(bytes: &[u8], most: usize) -> Part {
    let Some([a, b, c, d]) = bytes.first_chunk::<4>() else { return Part::Incomplete };
    let (first, length) = (u16::from_be_bytes([*a, *b]), usize::from(u16::from_be_bytes([*c, *d])));
    let whole = match first >> 14 {
        0 if length % 4 == 0 => HEADER + length,
        1 => 4 + length.next_multiple_of(4),
        _ => return Part::Foreign,
    };
    if whole > most {
        return Part::Foreign;
    }
    match (bytes.len() >= whole, first >> 14) {
        (false, _) => Part::Incomplete,
        (true, 0) => Part::Message(whole),
        (true, _) => Part::Channel(first, length, whole),
    }
}

/// Addresses of peers in one message; more are not looked at, which refuses the message.
pub const PEERS: usize = 8;

/// A request or a Send indication, read but not authenticated.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    bytes: &'a [u8],
    integrity_at: Option<usize>,
    /// What it is.
    pub method: Method,
    /// USERNAME.
    pub username: Option<&'a [u8]>,
    /// NONCE.
    pub nonce: Option<&'a [u8]>,
    /// LIFETIME, seconds.
    pub lifetime: Option<u32>,
    /// Protocol of REQUESTED-TRANSPORT; 17 is UDP.
    pub transport: Option<u8>,
    /// REQUESTED-ADDRESS-FAMILY; 1 is IPv4, 2 is IPv6.
    pub family: Option<u8>,
    /// Every XOR-PEER-ADDRESS as it is spelt; `None` when one cannot be read or there are too many.
    pub peers: Option<Vec<SocketAddr>>,
    /// CHANNEL-NUMBER.
    pub channel: Option<u16>,
    /// DATA.
    pub data: Option<&'a [u8]>,
    /// First attribute that must be understood and is not.
    pub unknown: Option<u16>,
}

impl<'a> Message<'a> {
    /// Reads one whole message; `None` for what is no request or Send indication of ours.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let method = match u16_at(bytes, 0)? {
            0x0001 => Method::Binding,
            0x0003 => Method::Allocate,
            0x0004 => Method::Refresh,
            0x0008 => Method::CreatePermission,
            0x0009 => Method::ChannelBind,
            0x0016 => Method::Send,
            _ => return None,
        };
        if bytes.get(4..8)? != MAGIC_COOKIE.to_be_bytes() || usize::from(u16_at(bytes, 2)?) + HEADER != bytes.len() {
            return None;
        }
        let mut message = Self {
            bytes,
            integrity_at: None,
            method,
            username: None,
            nonce: None,
            lifetime: None,
            transport: None,
            family: None,
            peers: Some(Vec::new()),
            channel: None,
            data: None,
            unknown: None,
        };
        let mut at = HEADER;
        while at < bytes.len() {
            let kind = u16_at(bytes, at)?;
            let length = usize::from(u16_at(bytes, at + 2)?);
            let value = bytes.get(at + 4..at + 4 + length)?;
            // What follows the integrity is not covered by it, but for FINGERPRINT, which proves nothing.
            if message.integrity_at.is_none() {
                message.read(kind, value, at);
            }
            at += 4 + length.next_multiple_of(4);
        }
        Some(message)
    }

    fn read(&mut self, kind: u16, value: &'a [u8], at: usize) {
        match kind {
            MESSAGE_INTEGRITY if value.len() == INTEGRITY => self.integrity_at = Some(at),
            USERNAME => self.username = Some(value),
            NONCE => self.nonce = Some(value),
            REALM | DONT_FRAGMENT => {}
            LIFETIME => self.lifetime = value.try_into().ok().map(u32::from_be_bytes),
            REQUESTED_TRANSPORT => self.transport = value.first().copied(),
            REQUESTED_ADDRESS_FAMILY => self.family = value.first().copied(),
            CHANNEL_NUMBER => self.channel = u16_at(value, 0),
            DATA => self.data = Some(value),
            XOR_PEER_ADDRESS => {
                let address = self.address(value);
                self.peers = self.peers.take().filter(|peers| peers.len() < PEERS).zip(address).map(|(mut peers, address)| {
                    peers.push(address);
                    peers
                });
            }
            required if required < 0x8000 => self.unknown = self.unknown.or(Some(required)),
            _ => {}
        }
    }

    /// Whether MESSAGE-INTEGRITY is right under `key`.
    pub fn authentic(&self, key: &hmac::Key) -> bool {
        let Some(at) = self.integrity_at else { return false };
        let given = self.bytes.get(at + 4..at + 4 + INTEGRITY);
        given.is_some_and(|given| aws_lc_rs::constant_time::verify_slices_are_equal(tag(key, self.bytes, at).as_ref(), given).is_ok())
    }

    /// Whether it carries a MESSAGE-INTEGRITY at all.
    pub fn claims_integrity(&self) -> bool {
        self.integrity_at.is_some()
    }

    fn address(&self, value: &[u8]) -> Option<SocketAddr> {
        let port = u16_at(value, 2)? ^ (MAGIC_COOKIE >> 16) as u16;
        let ip: IpAddr = match (value.get(1)?, value.len()) {
            (1, 8) => Ipv4Addr::from(u32::from_be_bytes(value.get(4..8)?.try_into().ok()?) ^ MAGIC_COOKIE).into(),
            (2, 20) => {
                let mut octets: [u8; 16] = value.get(4..20)?.try_into().ok()?;
                octets.iter_mut().zip(&self.bytes[4..20]).for_each(|(octet, mask)| *octet ^= mask);
                Ipv6Addr::from(octets).into()
            }
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }

    /// A success response; `fill` appends its attributes. Sealed when there is a key.
    pub fn write_success(&self, key: Option<&hmac::Key>, into: &mut Vec<u8>, fill: impl FnOnce(&mut Attributes<'_>)) {
        self.write(0x0100, key, into, fill);
    }

    /// An error response (RFC 8489 §14.8).
    pub fn write_error(&self, code: u16, key: Option<&hmac::Key>, into: &mut Vec<u8>, fill: impl FnOnce(&mut Attributes<'_>)) {
        self.write(0x0110, key, into, |attributes| {
            attributes.put(ERROR_CODE, &[0, 0, (code / 100) as u8, (code % 100) as u8]);
            fill(attributes);
        });
    }

    fn write(&self, class: u16, key: Option<&hmac::Key>, into: &mut Vec<u8>, fill: impl FnOnce(&mut Attributes<'_>)) {
        let start = into.len();
        let kind = u16::from_be_bytes([self.bytes[0], self.bytes[1]]) | class;
        into.extend_from_slice(&kind.to_be_bytes());
        into.extend_from_slice(&[0, 0]);
        into.extend_from_slice(&self.bytes[4..HEADER]);
        let mut attributes = Attributes { into, start };
        fill(&mut attributes);
        if let Some(key) = key {
            let at = attributes.into.len() - start;
            let tag = tag(key, &attributes.into[start..], at);
            attributes.put(MESSAGE_INTEGRITY, tag.as_ref());
        }
        attributes.close();
    }
}

/// Appends attributes to a message.
pub struct Attributes<'a> {
    into: &'a mut Vec<u8>,
    start: usize,
}

impl Attributes<'_> {
    fn put(&mut self, kind: u16, value: &[u8]) {
        self.into.extend_from_slice(&kind.to_be_bytes());
        self.into.extend_from_slice(&(value.len() as u16).to_be_bytes());
        self.into.extend_from_slice(value);
        let padded = self.start + (self.into.len() - self.start).next_multiple_of(4);
        self.into.resize(padded, 0);
    }

    fn put_address(&mut self, kind: u16, address: SocketAddr) {
        let port = (address.port() ^ (MAGIC_COOKIE >> 16) as u16).to_be_bytes();
        match address.ip() {
            IpAddr::V4(ip) => {
                let ip = (u32::from(ip) ^ MAGIC_COOKIE).to_be_bytes();
                self.put(kind, &[&[0, 1], &port[..], &ip[..]].concat());
            }
            IpAddr::V6(ip) => {
                let mut octets = ip.octets();
                octets.iter_mut().zip(&self.into[self.start + 4..self.start + HEADER]).for_each(|(octet, mask)| *octet ^= mask);
                self.put(kind, &[&[0, 2], &port[..], &octets[..]].concat());
            }
        }
    }

    /// XOR-MAPPED-ADDRESS.
    pub fn mapped(&mut self, address: SocketAddr) {
        self.put_address(XOR_MAPPED_ADDRESS, address);
    }

    /// XOR-RELAYED-ADDRESS.
    pub fn relayed(&mut self, address: SocketAddr) {
        self.put_address(XOR_RELAYED_ADDRESS, address);
    }

    /// LIFETIME, seconds.
    pub fn lifetime(&mut self, seconds: u32) {
        self.put(LIFETIME, &seconds.to_be_bytes());
    }

    /// REALM and NONCE: what a client needs to authenticate.
    pub fn challenge(&mut self, realm: &str, nonce: &str) {
        self.put(REALM, realm.as_bytes());
        self.put(NONCE, nonce.as_bytes());
    }

    /// UNKNOWN-ATTRIBUTES with one of them.
    pub fn unknown(&mut self, attribute: u16) {
        self.put(UNKNOWN_ATTRIBUTES, &attribute.to_be_bytes());
    }

    fn close(&mut self) {
        let length = (self.into.len() - self.start - HEADER) as u16;
        self.into[self.start + 2..self.start + 4].copy_from_slice(&length.to_be_bytes());
    }
}

/// Appends ChannelData, padded as over a stream.
pub fn write_channel_data(channel: u16, data: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(&channel.to_be_bytes());
    into.extend_from_slice(&(data.len() as u16).to_be_bytes());
    into.extend_from_slice(data);
    into.resize(into.len() + data.len().next_multiple_of(4) - data.len(), 0);
}

/// Appends a Data indication. `transaction` is anything fresh.
pub fn write_data_indication(transaction: [u8; 12], peer: SocketAddr, data: &[u8], into: &mut Vec<u8>) {
    let start = into.len();
    into.extend_from_slice(&[0x00, 0x17, 0, 0]);
    into.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
    into.extend_from_slice(&transaction);
    let mut attributes = Attributes { into, start };
    attributes.put_address(XOR_PEER_ADDRESS, peer);
    attributes.put(DATA, data);
    attributes.close();
}

/// HMAC over the message up to the attribute, the header's length counting as if the attribute were the last (RFC 8489 §14.5).
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"key")
    }

    /// A ChannelBind with an IPv6 peer, sealed.
    fn request() -> Vec<u8> {
        let mut out = vec![0x00, 0x09, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        let mut attributes = Attributes { into: &mut out, start: 0 };
        attributes.put(USERNAME, b"who");
        attributes.put(NONCE, b"once");
        attributes.put(CHANNEL_NUMBER, &[0x40, 0x01, 0, 0]);
        attributes.put_address(XOR_PEER_ADDRESS, "[2001:db8::7]:3478".parse().unwrap());
        let at = attributes.into.len();
        let tag = tag(&key(), attributes.into, at);
        attributes.put(MESSAGE_INTEGRITY, tag.as_ref());
        attributes.close();
        out
    }

    #[test]
    fn request_is_read_whole_and_authentic() {
        let bytes = request();
        assert_eq!(part(&bytes, 500), Part::Message(bytes.len()));
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(
            (message.method, message.channel, message.username, message.nonce),
            (Method::ChannelBind, Some(0x4001), Some(&b"who"[..]), Some(&b"once"[..]))
        );
        assert_eq!(message.peers, Some(vec!["[2001:db8::7]:3478".parse().unwrap()]));
        assert!(message.authentic(&key()));
    }

    #[test]
    fn no_damage_is_authentic_and_no_damage_panics() {
        let whole = request();
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!Message::parse(&damaged).is_some_and(|message| message.authentic(&key())), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(Message::parse(&whole[..length]).is_none(), "{length}");
            assert_eq!(part(&whole[..length], 500), Part::Incomplete, "{length}");
        }
        let mut state = 7_u64;
        let mut bytes = whole.clone();
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes[20 + (state >> 33) as usize % (whole.len() - 20)] = (state >> 56) as u8;
            let _ = Message::parse(&bytes).map(|message| message.authentic(&key()));
            if state.is_multiple_of(64) {
                bytes.copy_from_slice(&whole);
            }
        }
    }

    #[test]
    fn channel_data_is_told_by_its_first_bits_and_padded() {
        let mut bytes = Vec::new();
        write_channel_data(0x4001, b"hello", &mut bytes);
        assert_eq!((part(&bytes, 500), bytes.len()), (Part::Channel(0x4001, 5, 12), 12));
        assert_eq!(part(&bytes[..11], 500), Part::Incomplete);
        assert_eq!(part(&[0x40, 0x01, 0xff, 0xff], 500), Part::Foreign, "too long");
        assert_eq!(part(&[0x80, 0, 0, 0], 500), Part::Foreign);
        assert_eq!(part(&[0x16, 3, 1, 1], 500), Part::Foreign, "a length that is not whole words");
    }
}
