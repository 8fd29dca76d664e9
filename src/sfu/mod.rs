//! Selective forwarding of one consultation: who receives which track, rewriting, key frames, retransmission, reports.
//! Told the time and the randomness; never sees an address, a key or a socket.

pub mod h264;
pub mod negotiated;
pub mod quality;
pub mod router;
