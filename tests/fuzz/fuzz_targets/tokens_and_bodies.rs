//! Any text as a join link's token, as the relay's username and as the body of a request: what is taken has one spelling, and is written and read again as itself.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use visavis::access::relay::RelaySecret;
use visavis::access::token::Token;
use visavis::protocol::http::{Join, NewAppointment, SignIn};
use visavis::time::Timestamp;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

static SECRET: LazyLock<RelaySecret> = LazyLock::new(|| RelaySecret::new(&[7; 32]));

fuzz_target!(|bytes: &[u8]| {
    if let Some(claim) = SECRET.claim(bytes, NOW) {
        assert_eq!(claim.who.len(), 16);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(token) = Token::parse(text) {
        assert_eq!(token.text(), text, "two spellings of one token");
    }
    if let Ok(join) = serde_json::from_str::<Join>(text) {
        let again = serde_json::to_string(&join).unwrap();
        assert!(join == serde_json::from_str(&again).unwrap());
        assert!(Token::parse(&join.token).is_none_or(|token| token.text() == join.token));
    }
    if let Ok(appointment) = serde_json::from_str::<NewAppointment>(text) {
        let again = serde_json::to_string(&appointment).unwrap();
        assert!(appointment == serde_json::from_str(&again).unwrap());
        for moment in [&appointment.start, &appointment.end] {
            let _ = Timestamp::parse(moment);
        }
    }
    if let Ok(sign_in) = serde_json::from_str::<SignIn>(text) {
        let again = serde_json::to_string(&sign_in).unwrap();
        assert!(sign_in == serde_json::from_str(&again).unwrap());
    }
});
