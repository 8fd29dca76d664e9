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
/// Account-and-origin pairs whose failed sign-ins are remembered; at the bound those older than an hour go, then the oldest.
pub const SIGN_IN_THROTTLE_ENTRIES: usize = 10_000;
/// Unknown join links a minute from one origin; beyond, 429 without a look-up (trust.md S4).
pub const LINK_FAILURES_PER_ORIGIN: usize = 20;
/// Unknown join links a minute in all; beyond, 429 instead of 404 (S4).
pub const LINK_FAILURES_GLOBAL: usize = 200;
/// Database connections for reading; one more caller waits, at most `DATABASE_WAIT`.
pub const DATABASE_READERS: u32 = 4;
/// Longest wait for a database connection or lock; beyond, the caller gets an error and nothing was written.
pub const DATABASE_WAIT: Duration = Duration::from_secs(5);
/// Characters of a message to a person who waits; a longer one is refused with `bad_message`.
pub const NOTICE_CHARACTERS: usize = 500;
/// Bytes of one offer (a Chromium offer with all our sections has about 25 KiB). A larger one is refused unread.
pub const SDP_BYTES: usize = 64 * 1024;
/// Lines of one offer; more are refused unread, so that reading stays below a millisecond (trust.md O9).
pub const SDP_LINES: usize = 4096;
/// Media sections of one offer; more are refused.
pub const SDP_SECTIONS: usize = 32;
/// Bytes of a `mid`: what the one-byte header extension holds (RFC 8285 §4.2). A longer one is refused.
pub const MID_BYTES: usize = 16;
/// Codecs answered per section; the least wanted beyond it are left out of the answer.
pub const CODECS_PER_SECTION: usize = 8;
/// Receiving sections per participant; further ones are answered `inactive`.
pub const SLOTS_MAX: usize = 16;
/// Largest data-channel message that we take or send (RFC 8841 §6).
pub const DATA_MESSAGE_BYTES: u32 = 262_144;
/// Rows of the desk, by start; more appointments than this within two days belong on several services.
pub const DESK_ROWS: u32 = 1_000;
/// An agent's sign-in ends after this long whatever happens (trust.md S9).
pub const AGENT_SIGN_IN: Duration = Duration::from_secs(12 * 60 * 60);
/// An agent's sign-in ends after this long without a request, unless in a call (S9).
pub const AGENT_IDLE: Duration = Duration::from_secs(30 * 60);
/// Activity of an agent is written at most this often: each write is synced to disk.
pub const AGENT_SEEN_STEP: Duration = Duration::from_secs(60);
/// Browsers in which one agent is signed in; one more ends the oldest.
pub const SIGN_INS_PER_AGENT: u32 = 16;
/// Browsers that exchanged one appointment's link; one more ends the oldest.
pub const SIGN_INS_PER_APPOINTMENT: u32 = 16;
/// A citizen's cookie outlives the slot by this: the return window and a day for the documents.
pub const CITIZEN_SIGN_IN_AFTER_END: Duration = Duration::from_secs(25 * 60 * 60);
