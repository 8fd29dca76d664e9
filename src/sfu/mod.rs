//! Selective forwarding of one consultation: who receives which track, rewriting, key frames, retransmission, reports.
//! Told the time and the randomness; never sees an address, a key or a socket.

mod arrivals;
mod assignment;
mod cache;
mod clock;
mod control;
mod estimator;
mod estimator_tests;
mod feedback;
pub mod h264;
mod harness;
mod key_frame;
mod key_request;
mod lid;
mod loss;
mod lossy_tests;
mod missing;
pub mod negotiated;
mod participant;
mod publisher;
pub mod quality;
mod queue;
mod reception;
mod report;
mod rewrite;
pub mod router;
mod rtcp;
mod rtp;
mod seed;
mod sent;
mod slot;
pub mod statistics;
mod tests;
mod throughput;
mod trend;
