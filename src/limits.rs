//! Every bound of the process in one place, each with what happens at it. Holds numbers only.

mod line;
mod person;

use std::time::Duration;

pub use line::*;
pub use person::*;

/// People in one consultation, the citizen included. One more is refused with `busy`.
pub const PARTICIPANTS_MAX: usize = 8;
/// People who see and hear each other in one call: who receives has slots for three others. A guest more is not let in (`busy`); agents always are.
pub const IN_CALL_MAX: usize = 4;
/// Invitations remembered of one consultation; one more pushes out the oldest revoked one, or is refused with `busy`.
pub const GUESTS_MAX: usize = 16;
/// Characters of a guest's name; a longer one is refused with `bad_message`.
pub const NAME_CHARACTERS: usize = 80;
/// Characters of a citizen's name; a booking with a longer one is refused with `invalid_appointment`.
pub const CITIZEN_NAME_CHARACTERS: usize = 100;
/// Characters of an e-mail address (RFC 5321 4.5.3.1.3); a booking with a longer one is refused with `invalid_appointment`.
pub const EMAIL_CHARACTERS: usize = 254;
/// Characters of a phone number with its spaces; a booking with a longer one is refused with `invalid_appointment`.
pub const PHONE_CHARACTERS: usize = 40;
/// Characters of a citizen's note to the agent (mission.md); a booking with a longer one is refused with `invalid_appointment`.
pub const BOOKING_NOTE_CHARACTERS: usize = 1_000;
/// Places to come that one e-mail address may hold at a service by public booking, and one of them a day; one more is refused with `too_many`.
pub const PLACES_PER_ADDRESS: usize = 3;
/// Public bookings that one origin may make at once, a ministry behind one address included; then one more each `BOOKING_AGAIN`, else 429 `slow_down`.
pub const BOOKINGS_PER_ORIGIN: u32 = 30;
/// An origin may make one more public booking after this long.
pub const BOOKING_AGAIN: Duration = Duration::from_secs(5 * 60);
/// Public bookings that one origin may try at once, those that find no place or were wrong included; then one more each second, else 429 `slow_down`.
pub const BOOKING_TRIES_PER_ORIGIN: u32 = 300;
/// An origin may try one more public booking after this long.
pub const BOOKING_TRY_AGAIN: Duration = Duration::from_secs(1);
/// Calls back that one origin may ask for at once; then one more each `CALLBACK_AGAIN`, else 429 `slow_down`.
pub const CALLBACKS_PER_ORIGIN: u32 = 10;
/// An origin may ask for one more call back after this long.
pub const CALLBACK_AGAIN: Duration = Duration::from_secs(5 * 60);
/// Requests that one portal's key has a minute, at once or spread, where the settings or the key itself say nothing else; one more is answered 429 `slow_down`.
pub const API_PER_MINUTE: u32 = 600;
/// Characters of an `Idempotency-Key`; a longer one is refused with `bad_message`.
pub const IDEMPOTENCY_KEY_BYTES: usize = 128;
/// A request with an `Idempotency-Key` is known again for this long; after it, it does its work anew.
pub const API_REQUEST_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// Origins whose bookings or wishes are counted; at the bound those that may ask freely again go, then the one that may soonest.
pub const ASKING_ORIGINS: usize = 10_000;
/// Calls back that wait at one service; one more is refused with `busy`.
pub const CALLBACKS_WAITING: usize = 500;
/// Calls back on a desk: those that wait by their time, then those done last; the others come up as these are done.
pub const CALLBACKS_LISTED: u32 = 200;
/// Calls back are offered for times that begin within this, so that all are over when `CALLBACK_KEPT` is.
pub const CALLBACK_AHEAD: Duration = Duration::from_secs(10 * 24 * 60 * 60);
/// Characters of a citizen's own words to a call back; more are refused with `invalid_appointment`.
pub const CALLBACK_WORDS: usize = 500;
/// A time for a call back is not longer than this: nobody waits a whole day beside the phone.
pub const CALLBACK_LONGEST: Duration = Duration::from_secs(4 * 60 * 60);
/// A call back is erased this long after it was asked for, done or not.
pub const CALLBACK_KEPT: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// A call back that is done is erased after this long.
pub const CALLBACK_KEPT_DONE: Duration = Duration::from_secs(24 * 60 * 60);
/// Characters of a text of a topic; a longer one stops the start.
pub const TOPIC_CHARACTERS: usize = 500;
/// Things to have ready of a topic in one language; more stop the start.
pub const TOPIC_ITEMS: usize = 20;
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
/// A socket that has not said hello by then is closed with 1008.
pub const HELLO: Duration = Duration::from_secs(10);
/// Writing one message to a socket may take this long; beyond, the socket is given up without a close frame.
pub const SIGNALING_WRITE: Duration = Duration::from_secs(5);
/// Sockets of one citizen's link or one agent's account; one more is closed with 1013.
pub const SOCKETS_PER_PERSON: usize = 16;
/// Consultations in memory; for one more its sockets are closed with 1013.
pub const CONSULTATIONS_MAX: usize = 8192;
/// Requests waiting for one consultation; at the bound sockets wait, and with them their senders.
pub const CONSULTATION_QUEUE: usize = 256;
/// Offers of one consultation under way in the media plane; one more is answered `internal`.
pub const OFFERS_UNDER_WAY: usize = 16;
/// The media plane answers an offer within this time, or the client gets `internal`.
pub const OFFER: Duration = Duration::from_secs(10);
/// News from consultations waiting for the desk; at the bound consultations wait for it.
pub const DESK_QUEUE: usize = 1024;
/// The desk goes out to the agents at most this often; what happens in between is one snapshot.
pub const DESK_PAUSE: Duration = Duration::from_millis(100);
/// The line's quality is told at most this often.
pub const QUALITY_PAUSE: Duration = Duration::from_secs(2);
/// Account-and-origin pairs whose failed sign-ins are remembered; at the bound those older than an hour go, then the oldest.
pub const SIGN_IN_THROTTLE_ENTRIES: usize = 10_000;
/// Unknown join links a minute from one origin; beyond, 429 without a look-up (trust.md S4).
pub const LINK_FAILURES_PER_ORIGIN: usize = 20;
/// The token of a link is answered after this long at the earliest, whatever it leads to: the time of the answer tells nothing (S4).
pub const LINK_ANSWER: Duration = Duration::from_millis(40);
/// Unknown join links a minute in all; beyond, 429 instead of 404 (S4).
pub const LINK_FAILURES_GLOBAL: usize = 200;
/// Database connections for reading; one more caller waits, at most `DATABASE_WAIT`.
pub const DATABASE_READERS: u32 = 4;
/// Longest wait for a database connection or lock; beyond, the caller gets an error and nothing was written.
pub const DATABASE_WAIT: Duration = Duration::from_secs(5);
/// Longest look whether the database answers; beyond, the server is not ready.
pub const DATABASE_READY: Duration = Duration::from_secs(2);
/// Answers of the database that are kept for the time in which it does not answer; beyond, the oldest goes.
pub const SEEN_ENTRIES: usize = 10_000;
/// How long such an answer counts.
pub const SEEN_KEPT: Duration = Duration::from_secs(15 * 60);
/// Lines of the audit trail about sockets that come and go, kept while the database does not answer; beyond, they are lost, and the log says so.
pub const LINES_WAITING: usize = 10_000;
/// Citizens' cookies that are given while the database does not answer, and written when it does again; beyond, opening a link is refused until then.
pub const SIGN_INS_WAITING: usize = 1_000;
/// How often, and how long apart, a server asks for a PostgreSQL database that another one had a moment ago; then it does not start.
pub const OWNER_TRIES: u32 = 20;
/// Between two of these.
pub const OWNER_TRY: Duration = Duration::from_millis(50);
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
/// Rows of the desk, those nearest in time; more appointments than this within two days belong on several services.
pub const DESK_ROWS: u32 = 1_000;
/// From start to end of an appointment; a longer one is refused.
pub const APPOINTMENT_LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Slots in one answer of the agenda, the earliest; who wants more asks again from the last one on.
pub const SLOTS_LISTED: usize = 2_000;
/// Free slots that are told to whom the last place was taken from.
pub const SLOTS_INSTEAD: usize = 5;
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

// Media plane.

/// Transports of one consultation that the media plane holds: more than the rules let in (`PARTICIPANTS_MAX`), so that a hearing with listeners needs no other
/// media plane, and what many receivers cost can be measured. An offer for a seat beyond is refused.
pub const MEDIA_SEATS: usize = 64;
/// Commands (offers, data-channel messages) waiting for one worker; one more is answered `Unavailable` or `false`. Admissions and removals always enter: they are bounded by the seats.
pub const MEDIA_COMMANDS: usize = 1024;
/// Events waiting for one consultation's task. At the bound events are coalesced in the worker: the newest state of a participant replaces the older one.
pub const MEDIA_EVENTS: usize = 256;
/// Share of its time that a worker works, for so many seconds in a row, from which it takes no further citizen who waits (`overloaded`), and below which it does again:
/// running calls and who comes back to one go first (R2).
pub const WORKER_FULL: f64 = 0.9;
/// See [`WORKER_FULL`].
pub const WORKER_FULL_WINDOWS: u32 = 2;
/// See [`WORKER_FULL`].
pub const WORKER_EASED: f64 = 0.75;
/// Data-channel messages that a consultation's task has not taken yet; at the bound SCTP is read no further and its window closes (O11).
pub const MEDIA_MESSAGES_WAITING: usize = 64;
/// Datagrams a second of one transport; above the burst they are dropped unread and counted (trust.md, rule 2).
pub const TRANSPORT_PACKETS_PER_S: u32 = 12_000;
/// Burst on top of the rate: one full socket buffer of a file upload.
pub const TRANSPORT_PACKETS_BURST: u32 = 8_000;
/// An SCTP packet of ours of this size carries a file: the client may use one more datagram to acknowledge it.
pub const DATA_PACKET_BYTES: usize = 1_000;
/// STUN answers a second to one 5-tuple, also their burst; above it silence (O8).
pub const STUN_ANSWERS_PER_S: u32 = 20;
/// STUN answers a second of one transport over all its 5-tuples; above it silence (O8).
pub const STUN_ANSWERS_PER_TRANSPORT_PER_S: u32 = 100;
/// Verified 5-tuples kept for one transport; the one that was silent longest makes room.
pub const PATHS: usize = 8;
/// A path that brought nothing authenticated for this long yields to an un-nominated check from another 5-tuple (path rule, browsers.md section 7).
pub const PATH_SILENT: Duration = Duration::from_millis(400);
/// After an ICE restart the old credentials hold this long beside the new ones in use: Chromium sends on its old path, and checks it each 2.5 s, until it trusts the new one.
pub const ICE_CREDENTIALS_OVERLAP: Duration = Duration::from_secs(10);
/// Datagrams of an incomplete ClientHello kept for one transport; at the bound the collection starts again (dtls.md, trap 1).
pub const CLIENT_HELLO_DATAGRAMS: usize = 8;
/// Longest ClientHello; a longer one is not answered.
pub const CLIENT_HELLO_BYTES: usize = 16 * 1024;
/// The engine gives a DTLS handshake up after this; the transport is then removed.
pub const DTLS_HANDSHAKE: Duration = Duration::from_secs(15);
/// First retransmission of a DTLS flight (dtls.md, trap 5).
pub const DTLS_RTO: Duration = Duration::from_millis(200);
/// Retransmissions of one DTLS flight by the engine (dtls.md, trap 5: the client's repeats use them up too).
pub const DTLS_RETRIES: usize = 18;
/// Without input for this long our last flight is sent again from outside the engine.
pub const DTLS_RESEND: Duration = Duration::from_millis(400);
/// At most this often.
pub const DTLS_RESENDS: u32 = 5;
/// Datagrams of our last flight kept for that; more push out the oldest.
pub const DTLS_FLIGHT_DATAGRAMS: usize = 10;
/// Largest DTLS datagram that we send: fits IPv6's least MTU with room for tunnels (N8).
pub const DTLS_MTU: usize = 1200;
/// SRTP replay window in packets; older ones are dropped (O7).
pub const SRTP_REPLAY_WINDOW: usize = 1024;
/// Sending SSRCs for which SRTP keeps state in one direction of one transport; packets of one more are dropped (O4).
pub const SRTP_SSRCS: usize = 64;
/// Data channels of one transport; further ones are closed (O11).
pub const DATA_CHANNELS: usize = 8;
/// SCTP streams on which one transport may ask for a channel, refused ones included; what comes on further ones is dropped as if lost (O11).
pub const DATA_STREAMS: usize = 64;
/// Numbers of SCTP data beyond the last acknowledged one; what is further ahead is dropped as if lost. A full window of full packets fits (O11).
pub const DATA_CHUNKS_AHEAD: usize = 2_048;
/// Pieces of one data-channel message; a client that sends more loses its channels. A whole message in a tenth of a packet each fits (O11).
pub const DATA_MESSAGE_PIECES: usize = 2_560;
/// Unsent data-channel bytes of one transport; at the bound `send` answers false. With the receive window as much again: 2 MiB (O11).
pub const DATA_SEND_BYTES: usize = 1024 * 1024;
/// SCTP receive window of one transport.
pub const DATA_RECEIVE_BYTES: u32 = 1024 * 1024;
/// Largest SCTP packet: with DTLS's overhead it stays below `DTLS_MTU`.
pub const SCTP_MTU: u32 = 1150;
/// Bytes gathered for sending before the worker flushes though the sockets still have input.
pub const BATCH_BYTES: usize = 1024 * 1024;
/// Destinations gathered for sending before the worker flushes.
pub const BATCH_DESTINATIONS: usize = 512;
/// Datagrams read before the worker flushes and looks at commands and timers again: some milliseconds of work.
pub const RECEIVE_DATAGRAMS: usize = 4096;
/// Datagrams that one look at a socket led to, from which on another look comes before they leave: it costs less than a system call for each destination again.
pub const LOOK_AGAIN_DATAGRAMS: usize = 16;
/// When packets come densely a worker looks at its sockets only this often: what comes in between waits so long at most.
pub const GATHER: Duration = Duration::from_millis(1);
/// Packets expected within that time from which on it gathers; below, each is served as it comes.
pub const GATHER_DATAGRAMS: f64 = 5.0;
/// Timers of the media plane come in steps of this length: up to so much late, those of one step together, and never sooner than the next step.
pub const TIMER_STEP: Duration = Duration::from_millis(2);
/// Steps of one turn of a worker's timers; a timer further ahead is looked at once a turn.
pub const TIMER_SLOTS: usize = 16_384;
/// SCTP packet bytes taken while the consultation's task does not take messages; more are dropped and sent again by the client (O11).
pub const DATA_UNREAD_BYTES: usize = 256 * 1024;
/// Receive and send buffer asked of the system for a media socket; with less the operator is warned.
pub const SOCKET_BUFFER_BYTES: usize = 8 * 1024 * 1024;
/// A UDP path that brought nothing authenticated for this long yields to TCP; before, TCP never displaces it. Longer than a round trip of a slow line.
pub const UDP_SILENT: Duration = Duration::from_secs(2);
/// Bytes of one frame on a TCP connection (RFC 4571); a longer one closes the connection.
pub const FRAME_BYTES: usize = 2_048;
/// Bytes of the first frame of a TCP connection, a check; a longer one closes the connection before any worker hears of it.
pub const FIRST_FRAME_BYTES: usize = 512;
/// The first frame must be there within this, and must be an authentic check, or the connection is closed.
pub const FIRST_FRAME: Duration = Duration::from_secs(5);
/// TCP addresses named in an answer; a machine with more names the first ones. A browser opens a connection to each.
pub const ADVERTISED_TCP: usize = 8;
/// Bytes that the system may hold unsent on a TCP connection of media; what is beyond waits in our queue, where sound overtakes pictures.
pub const TCP_UNSENT_BYTES: u32 = 4 * 1024;
/// Frames are put together for one write to a TCP connection until they are this many bytes: sound waits for no more than these and a frame.
pub const TCP_WRITE_BYTES: usize = 1024;
/// Bytes of sound, reports and checks waiting on a TCP connection; the oldest go first.
pub const TCP_PROMPT_BYTES: usize = 16 * 1024;
/// Bytes of data channels waiting on a TCP connection; one more packet is lost, and repeated by SCTP.
pub const TCP_DATA_BYTES: usize = 64 * 1024;
/// Bytes of pictures waiting on a TCP connection (a large key frame); beyond, all of them go and pictures stop until the line has caught up.
pub const TCP_PICTURE_BYTES: usize = 160 * 1024;
/// A picture may wait this long on a TCP connection; beyond, the same.
pub const TCP_PICTURE_AGE: Duration = Duration::from_millis(500);
/// Pictures that stopped stay away at least this long, so that a weak line does not carry one key frame after another.
pub const TCP_PICTURE_PAUSE: Duration = Duration::from_secs(1);
/// Bytes read from a TCP connection before the next one has its turn.
pub const TCP_READ_BYTES: usize = 64 * 1024;
/// A citizen's credential for the relay opens allocations for this long after the greeting: a visit to the waiting room and the call. An agent's does as long
/// as a sign-in lasts. What it opened lives as long as its transport.
pub const RELAY_CREDENTIAL: Duration = Duration::from_secs(60 * 60);
/// Allocations of one person at the relay; one more is refused with 486 (O10).
pub const RELAY_ALLOCATIONS: usize = 4;
/// Peers that one allocation sends to, two file descriptors each; what goes to one more is lost, and its check with it.
pub const RELAY_WAYS: usize = 4;
/// An allocation ends after this unless it is refreshed, where the client names no time (RFC 8656 §3.2).
pub const RELAY_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// Longest time that a client may name.
pub const RELAY_LIFETIME_MAX: Duration = Duration::from_secs(10 * 60);
/// A permission ends after this unless it is made anew (RFC 8656 §9).
pub const RELAY_PERMISSION: Duration = Duration::from_secs(5 * 60);
/// A channel ends after this unless it is bound anew (RFC 8656 §12).
pub const RELAY_CHANNEL: Duration = Duration::from_secs(10 * 60);
/// A connection that has no allocation by then is closed.
pub const RELAY_OPENING: Duration = Duration::from_secs(10);
/// Bytes of one message to the relay with its header; a longer one closes the connection.
pub const RELAY_MESSAGE_BYTES: usize = FRAME_BYTES + 256;
/// Packets between the media worker and the relay's writing to one client; at the bound they wait in the worker's queue, where sound overtakes pictures.
pub const RELAY_QUEUE: usize = 2;
/// Send buffer asked of the system for the stream between a media worker and the relay; what does not fit waits in the worker's queue.
pub const RELAY_LOCAL_BYTES: usize = 4 * 1024;
/// Consultations on one worker; one more is opened but its offers are answered `Unavailable`.
pub const CONSULTATIONS_PER_WORKER: usize = 4096;
/// Panics in one consultation before it is removed from its worker.
pub const PANICS_PER_CONSULTATION: u32 = 16;
/// Messages kept for one person who waits; the oldest goes when one more comes.
pub const NOTICES_MAX: usize = 20;
/// A socket that is lost counts as a drop after this long; a page that reloads is back before.
pub const PRESENCE_GRACE: Duration = Duration::from_secs(2);
/// After the time to return (rule R), a consultation whose people have all been away for this long closes by itself.
pub const ABANDONED: Duration = Duration::from_secs(10 * 60);
/// Bytes of one RTP packet that is forwarded; a larger one is dropped (the path carries 1,200 to 1,500).
pub const RTP_BYTES: usize = 1_500;
/// Packets read of one compound RTCP packet; the rest is not looked at.
pub const RTCP_PACKETS: usize = 32;
/// Packets back in which a late or repeated RTP packet is still told apart; older ones are dropped.
pub const RTP_REORDER_WINDOW: u16 = 1_024;
/// Packets ahead that a source may jump; a further jump counts only when a second packet confirms it (RFC 3550 appendix A.1).
pub const RTP_JUMP_MAX: u16 = 3_000;
/// Bytes of the packets kept for resending per published video track, 256 KiB with what is noted of each; the oldest go first.
pub const RESEND_CACHE_BYTES: usize = 232 * 1024;
/// Bytes that it begins with; it doubles while what it holds is younger than `RESEND_CACHE_TICKS`.
pub const RESEND_CACHE_BYTES_FIRST: usize = 29 * 1024;
/// Age in ticks of the video clock that what is kept should reach: two seconds.
pub const RESEND_CACHE_TICKS: u32 = 180_000;
/// Packets kept for resending per published video track; the oldest go first.
pub const RESEND_CACHE_PACKETS: usize = 1_024;
/// Times that one packet is resent to one subscriber; further requests for it are ignored.
pub const RESENDS_PER_PACKET: u8 = 8;
/// Packets a second resent on one slot; further requests are ignored (a lost burst then costs a key frame).
pub const RESENDS_PER_S: u32 = 500;
/// Missing packets that are asked for per published track; more at once ask for a key frame instead.
pub const NACK_MISSING: usize = 256;
/// Times that one missing packet is asked for.
pub const NACK_TRIES: u8 = 10;
/// A missing packet is forgotten after this long: the receiver's picture has gone on or frozen by then.
pub const NACK_AGE: Duration = Duration::from_secs(1);
/// Longest wait for a packet that may only be late; raised towards this as reordering is seen.
pub const REORDER_TOLERANCE_MAX: Duration = Duration::from_millis(120);
/// Encodings of one picture that are told apart by rid (RFC 8853); further ones are not answered.
pub const LAYERS_MAX: usize = 3;
/// Tracks of one participant, every encoding counted; more are not taken.
pub const TRACKS_MAX: usize = 3 + 2 * (LAYERS_MAX - 1);
/// What the encodings below the best one may take of a publisher's uplink together, in bits a second.
pub const LOWER_LAYERS: u64 = 450_000;
/// An encoding of which nothing came for this long is not there.
pub const LAYER_SILENCE: Duration = Duration::from_secs(1);
/// A key frame is asked for again after this long, and never more often.
pub const KEY_FRAME_REPEAT: Duration = Duration::from_millis(300);
/// Requests without an answer after which asking rests until the source sends anything.
pub const KEY_FRAME_TRIES: u8 = 20;
/// Transport-wide feedback goes out this often while packets arrive.
pub const TRANSPORT_FEEDBACK: Duration = Duration::from_millis(100);
/// So often while few arrive: as browsers do, whose own feedback stays below a twentieth of what it is about.
pub const TRANSPORT_FEEDBACK_SPARSE: Duration = Duration::from_millis(250);
/// Packets since the last feedback from which on it is not sparse any more.
pub const TRANSPORT_FEEDBACK_PACKETS: u32 = 10;
/// Hundredths of that time after which it goes along with media that leaves for the same participant anyway.
pub const TRANSPORT_FEEDBACK_EARLY: u32 = 50;
/// Transport-wide numbers remembered per transport; a wider jump starts afresh.
pub const TRANSPORT_NUMBERS: usize = 2_048;
/// Sender and receiver reports go out this often (RFC 3550 §6.2 allows more, Chromium stops growing without).
pub const REPORT: Duration = Duration::from_secs(1);
/// Reports go out this much earlier along with media.
pub const REPORT_EARLY: Duration = Duration::from_millis(300);
/// A screen nobody declared leaves its slot after this long without a packet.
pub const SCREEN_SILENCE: Duration = Duration::from_secs(10);
/// A line on which nothing arrived for this long although something should have is `lost`.
pub const LINE_SILENCE: Duration = Duration::from_secs(4);
/// Open web sockets; one more is closed at once. Lowered to 80 % of the files that the process may open (trust.md O13).
pub const WEB_SOCKETS: usize = 8192;
/// First byte and TLS handshake must each be there within this, or the socket is closed (O13).
pub const WEB_HANDSHAKE: Duration = Duration::from_secs(10);
/// The header of a request must be complete within this (O13).
pub const WEB_HEADER: Duration = Duration::from_secs(10);
/// Bytes of a request's header; a larger one is refused with 431 (O13).
pub const WEB_HEADER_BYTES: usize = 16 * 1024;
/// Fields of a request's header; more are refused with 431.
pub const WEB_HEADERS: usize = 64;
/// A connection on which nothing is asked is closed after this (O13).
pub const WEB_IDLE: Duration = Duration::from_secs(60);
/// Bytes read ahead on a TLS connection whose protocol only its first byte tells; the rest waits in the socket.
pub const TLS_READ_BYTES: usize = 4 * 1024;
/// Bytes on an HTTP/2 connection beside those of requests (settings, pings, frames of nothing); who sends more is sent away (O13).
pub const WEB_UNASKED_BYTES: u64 = 64 * 1024;
/// So many of them come back each second.
pub const WEB_UNASKED_PER_S: u64 = 16 * 1024;
/// Bytes that a request may have beside the body that it announces.
pub const WEB_ASKED_BYTES: u64 = 40 * 1024;
/// Bytes announced by requests that may be on their way at once on one HTTP/2 connection.
pub const WEB_ANNOUNCED_BYTES: u64 = 64 * 1024 * 1024;
/// Requests at once on one HTTP/2 connection; the peer waits.
pub const WEB_STREAMS: u32 = 64;
/// A request must be answered within this, body included; beyond, 408 (O13).
pub const WEB_REQUEST: Duration = Duration::from_secs(15);
/// Bytes of a request's body; a larger one is refused with 413.
pub const WEB_BODY_BYTES: usize = 16 * 1024;
/// What is under way when the server stops may take this long.
pub const WEB_STOP: Duration = Duration::from_secs(5);
/// Passwords hashed at once: 64 MiB and a core each (S5). Further sign-ins wait, at most `WEB_REQUEST`.
pub const PASSWORD_HASHES: usize = 2;
/// Agents' accounts of one load test; more are refused with `forbidden`.
pub const LOAD_AGENTS: usize = 2_000;
/// A simulated agent's sign-in ends after this long, whatever happens to the test.
pub const LOAD_SIGN_IN: Duration = Duration::from_secs(4 * 60 * 60);
/// A load test that is not heard of for this long is over: what it made is taken out.
pub const LOAD_SILENCE: Duration = Duration::from_secs(20);
/// Addresses named in an answer; a machine with more names the first ones.
pub const ADVERTISED_ADDRESSES: usize = 16;
/// A certificate that ends within this is named to the operator as a fault: renewal did not happen.
pub const CERTIFICATE_WARNING: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// A consultation that runs although its data would be due is looked at this often.
pub const RUNNING_LOOK: Duration = Duration::from_secs(60);
/// Appointments looked at for deletion in one go; further ones have their turn a second later.
pub const ERASED_AT_ONCE: u32 = 200;
/// Lines of the audit trail read at once when the chain is checked.
pub const LEDGER_PAGE: u32 = 1_000;
/// Readers that keep the write-ahead log from being emptied are waited for this long; then it is tried again a second later.
pub const CHECKPOINT_WAIT: Duration = Duration::from_millis(100);
/// Bytes of a document's name; a longer one is cut at a character.
pub const DOCUMENT_NAME_BYTES: usize = 200;
/// Documents on their way in at once, of all people; one more is answered 503.
pub const UPLOADS: usize = 32;
/// Documents on their way in at once for one appointment, and with bookings that are not made yet for one origin; one more is answered 429.
pub const UPLOADS_PER_APPOINTMENT: usize = 3;
/// A document must be here whole within this; beyond, 408 and nothing of it is kept.
pub const UPLOAD: Duration = Duration::from_secs(10 * 60);
/// The next bytes of a document must come within this (trust.md O13).
pub const UPLOAD_SILENCE: Duration = Duration::from_secs(15);
/// What a client still sends of a document that was refused is taken and forgotten for so long.
pub const UPLOAD_REFUSED: Duration = Duration::from_secs(5);
/// What was sent or given up stays visible to the staff this long, then its row goes.
pub const OUTBOX_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Appointments looked at in one go when their slot is over; further ones have their turn a second later.
pub const ENDED_AT_ONCE: u32 = 200;
/// That somebody never came is told within this time after the end; a server that was down longer says nothing of it.
pub const NO_SHOW_TOLD: Duration = Duration::from_secs(24 * 60 * 60);
/// Rows overdue on one channel of the outbox; beyond, those due last are given up.
pub const OUTBOX_WAITING: u32 = 100_000;
/// Rows of a channel taken out of the outbox at once; the rest waits for the next look.
pub const OUTBOX_ROUND: u32 = 16;
/// What could not be sent for this long after it was due is given up (trust.md R5).
pub const OUTBOX_TRIED: Duration = Duration::from_secs(48 * 60 * 60);
/// Bytes read of what an earlier process handed over; there never is more than a line or two.
pub const HANDED_BYTES: u64 = 64 * 1024;
/// Reminders of one appointment; the settings refuse more.
pub const REMINDERS: u32 = 4;
/// How far the clock of a demo can be moved; further is refused with `bad_message`.
pub const DEMO_CLOCK: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);
/// Mails kept in the mailbox of the demo; the oldest goes when one more comes.
pub const DEMO_MAILS: usize = 100;
/// The mail server must be ready for a mail within this, TLS and sign-in included, or it counts as gone.
pub const MAIL_CONNECT: Duration = Duration::from_secs(30);
/// And must have taken the mail within this: what it takes after we gave up comes twice.
pub const MAIL_SEND: Duration = Duration::from_secs(5 * 60);
/// The webhook must answer within this, or it is told again later. Its answer's body is not read.
pub const WEBHOOK: Duration = Duration::from_secs(15);
/// Bytes of the head of the webhook's answer; a larger one counts as no answer.
pub const WEBHOOK_HEAD_BYTES: usize = 16 * 1024;
/// Bytes of what is handed to a courier, a mail with its head; more of them and it carries nothing.
pub const PARCEL_BYTES: u64 = 1024 * 1024;
/// Bytes of a secret's file; a larger one is refused at the start.
pub const SECRET_BYTES: u64 = 4 * 1024;
/// Characters of the reason for which a service cancels; a longer one is refused with `invalid_appointment`.
pub const REASON_CHARACTERS: usize = 500;
/// Characters of a chat message; a longer one is refused with `bad_message`.
pub const CHAT_CHARACTERS: usize = 2_000;
/// Chat messages of one consultation; one more is refused with `chat_full`. Their number also bounds what one key of an appointment seals.
pub const CHAT_MESSAGES: usize = 1_000;
/// Chat messages that one person may say at once; then one more each `CHAT_AGAIN`, else `slow_down`.
pub const CHAT_BURST: u32 = 20;
/// A person may say one more chat message after this long.
pub const CHAT_AGAIN: Duration = Duration::from_millis(500);
/// Bytes of the chat told in one go; who wants more asks from the last number on.
pub const CHAT_PAGE_BYTES: usize = 48 * 1024;
/// What a message takes on the wire beside text and name, at most.
pub const CHAT_ENTRY_BYTES: usize = 256;
/// Who said that they are writing counts as writing for so long.
pub const CHAT_TYPING: Duration = Duration::from_secs(6);
/// Characters in one block of real-time text; a longer one is refused with `bad_message`.
pub const LIVE_TEXT_BLOCK: usize = 2_000;
/// A block of real-time text on a channel counts as so many thousandths of a message: what was typed while the line passed nothing comes all at once.
pub const LIVE_TEXT_PART: u64 = 50;
/// Characters of one page's real-time text; beyond, its blocks are refused with `bad_message` (years of typing).
pub const LIVE_TEXT_LONGEST: u64 = 1 << 40;
/// Bytes of each real-time text kept in memory to be said again after a loss; what goes beyond is marked as lost at who missed it.
pub const LIVE_TEXT_KEPT_BYTES: usize = 8 * 1024;
/// Real-time texts of one person kept in memory, one for each time that their page was loaded; the oldest goes.
pub const LIVE_TEXTS: usize = 4;
