//! The media plane: sockets, guard, ICE-lite, DTLS, SRTP, SCTP, SDP and the workers that own them. Beside `load`, the other end, the only room that names `rtc` and `dimpl`;
//! refuses to know what a consultation is beyond its id, its participants and who is admitted.

pub mod batch;
pub mod chunk_guard;
pub mod client_hello;
pub mod core;
pub mod directory;
pub mod dtls;
pub mod framed_door;
pub mod framing;
pub mod gather;
pub mod guard;
pub mod hash;
pub mod ice_lite;
pub mod inbox;
pub mod outbox;
pub mod plane;
pub mod pressure;
pub mod room;
pub mod sctp;
mod sctp_tests;
pub mod sdp;
pub mod send_queue;
pub mod socket;
pub mod srtp;
pub mod stun;
pub mod tcp;
#[cfg(test)]
pub(crate) mod test_client;
pub mod transport;
pub mod wheel;
pub mod worker;
