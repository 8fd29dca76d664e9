//! Any text as a message of a citizen, a guest or an agent: it parses or it does not; what parses can be written and read again as the same message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use visavis::protocol::client::{AgentMessage, CitizenMessage, GuestMessage, message_id};
use visavis::protocol::server::ServerMessage;

fuzz_target!(|text: &str| {
    let _ = message_id(text);
    if let Ok(message) = serde_json::from_str::<CitizenMessage>(text) {
        let again = serde_json::to_string(&message).unwrap();
        assert_eq!(message, serde_json::from_str(&again).unwrap());
    }
    if let Ok(message) = serde_json::from_str::<AgentMessage>(text) {
        let again = serde_json::to_string(&message).unwrap();
        assert_eq!(message, serde_json::from_str(&again).unwrap());
    }
    if let Ok(message) = serde_json::from_str::<GuestMessage>(text) {
        let again = serde_json::to_string(&message).unwrap();
        assert_eq!(message, serde_json::from_str(&again).unwrap());
    }
    if let Ok(message) = serde_json::from_str::<ServerMessage>(text) {
        let again = serde_json::to_string(&message).unwrap();
        assert_eq!(message, serde_json::from_str(&again).unwrap());
    }
});
