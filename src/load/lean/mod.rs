//! Simulated people for numbers: one thread, a socket for each transport, DTLS by `dimpl`, and SRTP, STUN and RTCP of their own. They must cost clearly less than
//! the server does, and share no code with it: what both sides got wrong in the same way would never be seen.

pub mod arrivals;
pub mod dtls;
pub mod ear;
pub mod engine;
pub mod head;
pub mod leg;
pub mod offer;
pub mod picture;
pub mod rtcp;
pub mod source;
pub mod srtp;
pub mod stamp;
pub mod stun;
pub mod tally;
