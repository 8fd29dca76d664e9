//! Simulated citizens and agents: over the `webrtc` crate for benches and tests, lean ones for the load test. Shares no code with the media plane and reads the
//! protocol from its document alone, so that the other end is never an echo of our own mistakes.

pub mod call;
pub mod client_cpu;
pub mod command;
pub mod feedback;
pub mod http_client;
pub mod lean;
pub mod operator;
pub mod participant;
pub mod peer;
pub mod ramp;
pub mod real;
pub mod received;
pub mod report;
pub mod signaling_client;
pub mod synthetic;
pub mod trial;
pub mod wire;

use std::time::Duration;

/// Why a simulated participant could not go on.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The peer connection refused.
    #[error("peer connection: {0}")]
    Peer(#[from] webrtc::error::Error),
    /// A socket or its framing failed.
    #[error("signaling: {0}")]
    Signaling(String),
    /// The server answered with a stable error code.
    #[error("the server answered `{0}`")]
    Refused(String),
    /// The server closed the socket with this code.
    #[error("the server closed the socket with {0}")]
    Closed(u16),
    /// The server does not take load tests, or not now; its own words.
    #[error("the server refuses the load test: {0}")]
    NotAllowed(String),
    /// Somebody pressed Ctrl-C.
    #[error("interrupted; what the test made was taken out")]
    Interrupted,
    /// Something did not happen in time.
    #[error("waited {0:?} for {1}")]
    Late(Duration, &'static str),
}
