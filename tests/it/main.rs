//! The integration tests, one binary; a module per room or promise.
#![allow(clippy::unwrap_used, clippy::large_futures, reason = "a test may die of a surprise, and runs once")]
#![allow(clippy::unwrap_used)] // a test may die of a surprise; clippy's own exception ends at the helpers beside #[test]

mod admission;
mod admission_protocol;
mod config;
mod consultation;
mod consultation_random;
mod durability;
mod guard;
mod http;
mod privacy;
mod protocol;
mod running;
mod signaling;
mod signaling_media;
mod store;
mod support;
mod tidy;
mod transport;
