//! The media plane: sockets, guard, ICE-lite, DTLS, SRTP, SCTP, SDP and the workers that own them. The only room that names `rtc` and `dimpl`;
//! refuses to know what a consultation is beyond its id, its participants and who is admitted.

pub mod plane;
pub mod sdp;
