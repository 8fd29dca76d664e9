//! One client of the relay, with or without a credential, says anything: every answer is well-formed, and nothing is ever brought to anybody but the server's
//! own media ports, with a permission, while an allocation lives (trust.md O10).
#![no_main]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use visavis::access::relay::{RelayCredential, RelaySecret};
use visavis::limits;
use visavis::relay::message::{Message, Part, part};
use visavis::relay::session::{House, Session, Step};
use visavis::time::Timestamp;
use visavis_fuzz::records::{self, Body, Random};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const NONCE: &str = "0123456789abcdef";
const CLIENT: &str = "198.51.100.7:50000";

/// What a record is; its body is read in the order named.
mod kind {
    /// bytes of the stream as they are
    pub const ANY: u8 = 0;
    /// method, how it is signed, attributes as (which, length, value)
    pub const MESSAGE: u8 = 1;
    /// channel, data
    pub const CHANNEL: u8 = 2;
    /// seconds
    pub const PASS: u8 = 3;
    /// which peer, data
    pub const FROM_PEER: u8 = 4;
    pub const COUNT: u8 = 5;
}

const METHODS: [u16; 7] = [0x0001, 0x0003, 0x0004, 0x0008, 0x0009, 0x0016, 0x0017];
const ATTRIBUTES: [u16; 12] = [0x0006, 0x000C, 0x000D, 0x0012, 0x0013, 0x0014, 0x0015, 0x0017, 0x0019, 0x001A, 0x0020, 0x0008];
const PEER_ADDRESS: u16 = 0x0012;

struct Fake {
    secret: RelaySecret,
    peers: Vec<SocketAddr>,
    entered: usize,
}

impl House for Fake {
    fn secret(&self) -> &RelaySecret {
        &self.secret
    }

    fn peers(&self) -> &[SocketAddr] {
        &self.peers
    }

    fn enter(&mut self, _: &str) -> bool {
        self.entered += 1;
        self.entered <= limits::RELAY_ALLOCATIONS
    }
}

fuzz_target!(|input: &[u8]| {
    let secret = RelaySecret::new(&[7; 32]);
    let credential = secret.issue("somebody", limits::RELAY_CREDENTIAL, NOW);
    let key = secret.claim(credential.username.as_bytes(), NOW).expect("what was just issued").key;
    let peers: Vec<SocketAddr> = ["192.0.2.1:3478", "[2001:db8::1]:3478"].iter().map(|peer| peer.parse().unwrap()).collect();
    let mut house = Fake { secret, peers: peers.clone(), entered: 0 };
    let mut session = Session::new(CLIENT.parse().unwrap(), NONCE.to_owned());
    let (mut now, mut wall) = (Instant::now(), NOW);
    for (kind, mut body) in records::read(input).take(64) {
        match kind % kind::COUNT {
            kind::ANY => say(&mut session, &mut house, body.rest(), now, wall),
            kind::MESSAGE => say(&mut session, &mut house, &message(body, &credential, &key), now, wall),
            kind::CHANNEL => {
                let number = body.word();
                if let Step::Forward(peer, _) = session.handle_channel_data(number, body.rest(), now) {
                    assert!(peers.contains(&peer), "brought to {peer}");
                    assert!(session.relayed().is_some());
                }
            }
            kind::PASS => {
                let passed = Duration::from_secs(u64::from(body.word()));
                (now, wall) = (now + passed, wall.after(passed));
                // The connection ends with the allocation: nobody is there to speak any more.
                if session.ends().is_some_and(|ends| ends <= now) {
                    return;
                }
            }
            _ => {
                let peer = peers[usize::from(body.byte()) % 2];
                let mut out = Vec::new();
                if session.write_from_peer(peer, body.rest(), [9; 12], now, &mut out) {
                    assert!(session.relayed().is_some(), "data for a client without an address");
                    assert!(!matches!(part(&out, 1 << 20), Part::Foreign | Part::Incomplete), "an answer that nobody can read");
                } else {
                    assert!(out.is_empty());
                }
            }
        }
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { records::mutate(data, size, max_size, seed, sensible) });

/// Reads the bytes as the connection does and judges what comes of them.
fn say(session: &mut Session, house: &mut Fake, mut bytes: &[u8], now: Instant, wall: Timestamp) {
    loop {
        match part(bytes, limits::RELAY_MESSAGE_BYTES) {
            Part::Incomplete | Part::Foreign => return,
            Part::Channel(number, length, whole) => {
                if let Step::Forward(peer, data) = session.handle_channel_data(number, &bytes[4..4 + length], now) {
                    assert!(house.peers.contains(&peer) && data.len() == length);
                }
                bytes = &bytes[whole..];
            }
            Part::Message(whole) => {
                if let Some(message) = Message::parse(&bytes[..whole]) {
                    let mut out = Vec::new();
                    let step = session.handle_message(&message, house, (now, wall), &mut out);
                    assert!(out.is_empty() || part(&out, 1 << 20) == Part::Message(out.len()), "an answer that nobody can read");
                    if let Step::Forward(peer, _) = step {
                        assert!(house.peers.contains(&peer), "brought to {peer}");
                        assert!(session.relayed().is_some(), "brought without an allocation");
                    }
                    assert!(house.entered > 0 || session.relayed().is_none(), "an allocation without a place");
                }
                bytes = &bytes[whole..];
            }
        }
    }
}

/// A message of a client that knows its credential: signed rightly, or with what the record says instead.
fn message(mut body: Body<'_>, credential: &RelayCredential, key: &hmac::Key) -> Vec<u8> {
    let (method, signed) = (METHODS[usize::from(body.byte()) % METHODS.len()], body.byte());
    let mut out = [&method.to_be_bytes()[..], &[0, 0, 0x21, 0x12, 0xa4, 0x42], &[5; 12]].concat();
    while !body.rest().is_empty() && out.len() < limits::RELAY_MESSAGE_BYTES {
        let (kind, length) = (ATTRIBUTES[usize::from(body.byte()) % ATTRIBUTES.len()], usize::from(body.byte()));
        let value = body.take(length);
        // Addresses are written plain in a record and hidden here, so that a mutation of one is another address.
        let masked: Vec<u8> = match kind {
            PEER_ADDRESS => value.iter().enumerate().map(|(at, byte)| if at < 2 { *byte } else { byte ^ mask(at) }).collect(),
            _ => value.to_vec(),
        };
        put(&mut out, kind, &masked);
    }
    if signed & 1 == 1 {
        put(&mut out, 0x0006, credential.username.as_bytes());
        put(&mut out, 0x0014, b"visavis");
        put(&mut out, 0x0015, if signed & 2 == 0 { NONCE.as_bytes() } else { b"another" });
        let length = (out.len() - 20 + 24) as u16;
        out[2..4].copy_from_slice(&length.to_be_bytes());
        let tag = hmac::sign(key, &out);
        put(&mut out, 0x0008, tag.as_ref());
    }
    let length = (out.len() - 20) as u16;
    out[2..4].copy_from_slice(&length.to_be_bytes());
    out
}

/// What an address is hidden under: the cookie's first half before the port, then the cookie and the transaction (RFC 8489 §14.2).
fn mask(at: usize) -> u8 {
    match at {
        2..4 => [0x21, 0x12][at - 2],
        4..8 => [0x21, 0x12, 0xa4, 0x42][at - 4],
        _ => 5,
    }
}

fn put(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&(value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// What a browser does, in the order in which it does it.
fn sensible(random: &mut Random, into: &mut Vec<u8>) {
    const UDP: [u8; 6] = [8, 4, 17, 0, 0, 0];
    const MEDIA: [u8; 10] = [3, 8, 0, 1, 0x0d, 0x96, 192, 0, 2, 1];
    let signed = |method: u8, attributes: &[u8]| [&[method, 1], attributes].concat();
    match random.below(8) {
        0 => {
            records::write(into, kind::MESSAGE, &[&[1, 0], &UDP[..]].concat());
            records::write(into, kind::MESSAGE, &signed(1, &UDP));
        }
        1 => records::write(into, kind::MESSAGE, &signed(3, &MEDIA)),
        2 => {
            records::write(into, kind::MESSAGE, &signed(4, &[&[1, 4, 0x40, 1, 0, 0], &MEDIA[..]].concat()));
            records::write(into, kind::CHANNEL, &[0x40, 1, b'h', b'i']);
        }
        3 => records::write(into, kind::MESSAGE, &[&[5, 0], &MEDIA[..], &[4, 2, b'h', b'i']].concat()),
        4 => records::write(into, kind::MESSAGE, &signed(2, &[2, 4, 0, 0, 0, random.byte()])),
        5 => {
            let from = random.byte();
            records::write(into, kind::FROM_PEER, &[from, b'h', b'i']);
        }
        6 => records::write(into, kind::PASS, &[0, random.byte()]),
        _ => {
            let length = random.below(64);
            let mut bytes = random.bytes(length);
            bytes.iter_mut().take(1).for_each(|first| *first &= 0x7f);
            records::write(into, kind::ANY, &bytes);
        }
    }
}
