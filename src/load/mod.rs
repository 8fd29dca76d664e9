//! Simulated citizens and agents over the `webrtc` crate, for benches and tests. Shares no code with the media plane and reads the protocol from its
//! document alone, so that the other end is never an echo of our own mistakes.

pub mod feedback;
pub mod http_client;
pub mod participant;
pub mod peer;
pub mod received;
pub mod signaling_client;
pub mod synthetic;

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
    /// Something did not happen in time.
    #[error("waited {0:?} for {1}")]
    Late(Duration, &'static str),
}
