//! The wire of `docs/protocol.md`: messages and error codes, the only types the browser sees. Knows no rule.

pub mod booking;
pub mod client;
pub mod codes;
pub mod http;
pub mod person;
pub mod schema;
pub mod server;
pub mod values;

pub use client::{AgentMessage, CitizenMessage, GuestMessage, Outcome, message_id};
pub use codes::{CloseCode, ErrorCode};
pub use server::ServerMessage;

/// The version that `hello` must name.
pub const VERSION: u32 = 1;
/// The WebSocket subprotocol (RFC 6455 §1.9).
pub const SUBPROTOCOL: &str = "visavis.v1";
