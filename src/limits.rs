//! Every bound of the process in one place, each with what happens at it. Holds numbers only.

use std::time::Duration;

/// People in one consultation, the citizen included. One more is refused with `busy`.
pub const PARTICIPANTS_MAX: usize = 8;
/// A ringing call that nobody answers returns the citizen to the queue (mission.md: no answer in 30 s).
pub const RING: Duration = Duration::from_secs(30);
/// A transport without an authenticated check or packet for this long is removed, the seat stays (RFC 7675).
pub const CONSENT: Duration = Duration::from_secs(30);
/// A signaling message larger than this closes the socket with 1008 (trust.md O12).
pub const SIGNALING_MESSAGE_BYTES: usize = 64 * 1024;
/// Signaling messages a second from one socket; above the burst the socket is closed with 1008 (O12).
pub const SIGNALING_RATE_PER_S: u32 = 20;
/// Burst allowed on top of the rate (O12).
pub const SIGNALING_BURST: u32 = 60;
/// Unsent messages for one socket; at the bound it is closed with 1013 and resumes by snapshot (O12).
pub const SIGNALING_QUEUE: usize = 64;
/// The client pings this often; three times this without a message ends the socket.
pub const HEARTBEAT: Duration = Duration::from_secs(5);
