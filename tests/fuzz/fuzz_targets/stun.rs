//! Any datagram as a STUN check, and a right one with some of its bytes changed: what parses is well-formed, what is authentic was signed, and the answer
//! is never more than half as long again as the question.
#![no_main]

#[path = "../../it/support/raw_stun.rs"]
mod raw_stun;

use libfuzzer_sys::fuzz_target;
use visavis::media::stun::{BindingRequest, IntegrityKey};

const PASSWORD: &str = "fuzzfuzzfuzzfuzzfuzzfuzz";

fuzz_target!(|input: (bool, Vec<(u8, u8)>, &[u8])| {
    let (signed, changes, raw) = input;
    let right =
        raw_stun::Request { username: "AAAAAAAA:bbbb", password: PASSWORD, transaction: [7; 12], nominate: raw.len() % 2 == 0 }.write();
    let mut datagram = if signed { right.clone() } else { raw.to_vec() };
    let length = datagram.len().max(1);
    for (at, value) in &changes {
        if let Some(byte) = datagram.get_mut(usize::from(*at) % length) {
            *byte = *value;
        }
    }
    let key = IntegrityKey::new(PASSWORD.as_bytes());
    let Some(request) = BindingRequest::parse(&datagram) else { return };
    let authentic = request.authentic(&key);
    // Everything in front of the tag is under it; forging it is not what a fuzzer does.
    assert!(!authentic || datagram[..20] == right[..20] || !signed);
    for from in ["192.0.2.7:40000", "[2001:db8::7]:40000"] {
        let mut answer = Vec::new();
        request.write_success(from.parse().unwrap(), &key, &mut answer);
        assert!(answer.len() <= 76);
    }
    let mut answer = Vec::new();
    request.write_role_conflict(&key, &mut answer);
    request.write_unknown_attribute(request.unknown.unwrap_or(1), &key, &mut answer);
    assert!(answer.len() <= 200);
});
