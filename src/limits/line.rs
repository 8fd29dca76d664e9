//! Bounds of what a receiver's line is taken to carry and what of it sound and pictures get. Holds numbers only.

use std::time::Duration;

/// No video track is asked to send less than this, in bits a second; below, the picture is no help any more.
pub const LID_MIN: u64 = 120_000;
/// A lid above this, in bits a second, is lifted: browsers send less by themselves.
pub const LID_MAX: u64 = 4_000_000;
/// Packets remembered of what was sent to one participant, by transport-wide number; feedback on older ones is not read. Eight octets each.
pub const SENT_PACKETS: usize = 4_096;
/// What a receiver's line is taken to carry until it was measured, in bits a second: congestion is then noticed within some hundred milliseconds.
pub const DOWNLINK_START: u64 = 1_000_000;
/// No line is judged to carry less, in bits a second: sound goes out whatever the judgement.
pub const DOWNLINK_MIN: u64 = 50_000;
/// No line is judged to carry more, in bits a second: nothing here sends that much to one person.
pub const DOWNLINK_MAX: u64 = 20_000_000;
/// What one voice takes of a line with all headers, in bits a second: it goes first, pictures share the rest.
pub const SOUND_BITS: u64 = 70_000;
/// And what of it is kept free for what is asked for again and for reports, once for all voices.
pub const SOUND_SPARE_BITS: u64 = 12_000;
/// And what saying it again takes, each time.
pub const REDUNDANT_BITS: u64 = 40_000;
/// Packets of sound that one packet says again at most; of a packet that says more again nothing is taken.
pub const REDUNDANT_BLOCKS: usize = 2;
/// A longer payload of sound is not said again.
pub const REDUNDANT_BYTES: usize = 400;
/// A line that leaves less for a picture, in bits a second, shows none: sound goes on alone.
pub const PICTURE_MIN: u64 = 45_000;
/// A line that leaves so much for a picture, in bits a second, shows it again.
pub const PICTURE_BACK: u64 = 90_000;
/// The same where a smaller encoding of it comes, which takes no more than the narrowest line leaves.
pub const SMALL_PICTURE_BACK: u64 = 50_000;
/// A lid rises at most this often; it falls at once.
pub const LID_RISE: Duration = Duration::from_millis(200);
/// What a line leaves for pictures is weighed against what the others leave at least this often while feedback comes, whether it moved or not.
pub const LID_WEIGHED: Duration = Duration::from_millis(500);
