//! The last packets of one video track, for resending. A fixed ring of octets: nothing is allocated per packet, nothing outlives it.

use crate::limits::{RESEND_CACHE_BYTES, RESEND_CACHE_BYTES_FIRST, RESEND_CACHE_PACKETS, RESEND_CACHE_TICKS};
use crate::sfu::negotiated::CodecBinding;

/// A packet as the source numbered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media<'a> {
    /// The codec by the source's own numbers.
    pub binding: CodecBinding,
    /// The source's.
    pub sequence: u16,
    /// The source's.
    pub timestamp: u32,
    /// Last packet of a frame.
    pub marker: bool,
    /// As it came.
    pub audio_level: Option<u8>,
    /// As it came.
    pub video_orientation: Option<u8>,
    /// Whether a decoder can start here.
    pub starts: bool,
    /// Without padding and RTX header.
    pub payload: &'a [u8],
}

/// What is noted of a packet; its payload lies in the ring. Small: there are as many of them as packets.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Octets written before it, the end of the count alone.
    begin: u32,
    timestamp: u32,
    offset: u32,
    sequence: u16,
    /// `ABSENT` where nothing is noted.
    length: u16,
    /// Index into the bindings, marker, start.
    binding: u8,
    marker_and_start: u8,
    audio_level: Option<u8>,
    video_orientation: Option<u8>,
}

const ABSENT: u16 = u16::MAX;
const NOTHING: Entry = Entry {
    begin: 0,
    timestamp: 0,
    offset: 0,
    sequence: 0,
    length: ABSENT,
    binding: 0,
    marker_and_start: 0,
    audio_level: None,
    video_orientation: None,
};

/// The ring; takes its memory with the first packet, and more as long as a source fills it sooner than its packets get old.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    octets: Vec<u8>,
    /// Where the next payload goes.
    offset: usize,
    written: u32,
    /// Timestamp with which this turn of the ring began.
    turn: u32,
    /// By sequence number; a power of two of them.
    entries: Vec<Entry>,
    /// Few: a source's codecs.
    bindings: Vec<CodecBinding>,
}

impl Cache {
    /// Keeps a packet; the oldest ones make room.
    pub fn keep(&mut self, media: &Media<'_>) {
        let length = media.payload.len();
        if self.entries.is_empty() {
            self.octets = vec![0; RESEND_CACHE_BYTES_FIRST];
            self.entries = vec![NOTHING; RESEND_CACHE_PACKETS / (RESEND_CACHE_BYTES / RESEND_CACHE_BYTES_FIRST)];
            self.turn = media.timestamp;
        }
        // A packet never lies across the end of the ring.
        if self.offset + length > self.octets.len() {
            self.turn_over(media.timestamp);
        }
        let Some(place) = self.octets.get_mut(self.offset..self.offset + length) else { return };
        place.copy_from_slice(media.payload);
        let binding = self.binding(media.binding);
        let at = usize::from(media.sequence) % self.entries.len();
        self.entries[at] = Entry {
            begin: self.written,
            timestamp: media.timestamp,
            offset: self.offset as u32,
            sequence: media.sequence,
            length: length as u16,
            binding,
            marker_and_start: u8::from(media.marker) | u8::from(media.starts) << 1,
            audio_level: media.audio_level,
            video_orientation: media.video_orientation,
        };
        self.offset += length;
        self.written = self.written.wrapping_add(length as u32);
    }

    /// The packet with this number of the source, if it is still here.
    pub fn find(&self, sequence: u16) -> Option<Media<'_>> {
        let entry = self.entries.get(usize::from(sequence).checked_rem(self.entries.len())?)?;
        let overwritten = self.written.wrapping_sub(entry.begin) as usize > self.octets.len();
        if entry.length == ABSENT || entry.sequence != sequence || overwritten {
            return None;
        }
        let offset = entry.offset as usize;
        Some(Media {
            binding: *self.bindings.get(usize::from(entry.binding))?,
            sequence,
            timestamp: entry.timestamp,
            marker: entry.marker_and_start & 1 != 0,
            audio_level: entry.audio_level,
            video_orientation: entry.video_orientation,
            starts: entry.marker_and_start & 2 != 0,
            payload: self.octets.get(offset..offset + usize::from(entry.length))?,
        })
    }

    /// Forgets every packet; the memory stays.
    pub fn clear(&mut self) {
        self.entries.fill(NOTHING);
    }

    /// The end of the ring: goes on behind it where it was filled too soon, else at its beginning.
    fn turn_over(&mut self, timestamp: u32) {
        let young = timestamp.wrapping_sub(self.turn) < RESEND_CACHE_TICKS;
        self.turn = timestamp;
        let (full, written) = (self.octets.len(), self.written);
        if !young || full >= RESEND_CACHE_BYTES {
            self.written = written.wrapping_add((full - self.offset) as u32);
            self.offset = 0;
            return;
        }
        self.octets.resize((full * 2).min(RESEND_CACHE_BYTES), 0);
        let mut entries = vec![NOTHING; (self.entries.len() * 2).min(RESEND_CACHE_PACKETS)];
        let many = entries.len();
        // What the smaller ring has overwritten must not pass for kept in the larger one.
        let kept = |entry: &Entry| entry.length != ABSENT && written.wrapping_sub(entry.begin) as usize <= full;
        self.entries.drain(..).filter(kept).for_each(|entry| entries[usize::from(entry.sequence) % many] = entry);
        self.entries = entries;
    }

    fn binding(&mut self, binding: CodecBinding) -> u8 {
        let at = self.bindings.iter().position(|known| *known == binding).unwrap_or(self.bindings.len());
        if at == self.bindings.len() {
            self.bindings.push(binding);
        }
        // A section has at most `limits::CODECS_PER_SECTION` of them.
        u8::try_from(at).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sfu::negotiated::{Codec, Feedback};

    fn media(sequence: u16, payload: &[u8]) -> Media<'_> {
        let binding = CodecBinding {
            codec: Codec::Vp8,
            h264_profile: 0,
            payload_type: 96,
            rtx_payload_type: Some(97),
            red_payload_type: None,
            feedback: Feedback::default(),
        };
        Media { binding, sequence, timestamp: 7, marker: true, audio_level: None, video_orientation: Some(1), starts: false, payload }
    }

    #[test]
    fn a_kept_packet_is_found_as_it_was() {
        let mut cache = Cache::default();
        assert_eq!(cache.find(5), None);
        cache.keep(&media(5, &[1, 2, 3]));
        assert_eq!(cache.find(5), Some(media(5, &[1, 2, 3])));
        assert_eq!(cache.find(5 + RESEND_CACHE_PACKETS as u16), None, "the same place, another packet");
        let again = Media { audio_level: Some(3), video_orientation: None, marker: false, starts: true, timestamp: 9, ..media(6, &[4]) };
        cache.keep(&again);
        assert_eq!((cache.find(5), cache.find(6)), (Some(media(5, &[1, 2, 3])), Some(again)));
        cache.clear();
        assert_eq!(cache.find(5), None);
    }

    /// Keeps packets of about 1,145 octets with so many ticks between them; how many of the last 2,000 are found, each as it was.
    fn found(packets: u16, ticks: u32) -> (Cache, usize) {
        let mut cache = Cache::default();
        (0..packets).for_each(|sequence| keep(&mut cache, sequence, u32::from(sequence) * ticks));
        let count = held(&cache, packets);
        (cache, count)
    }

    fn payload(sequence: u16) -> Vec<u8> {
        vec![sequence as u8; 1_100 + usize::from(sequence) % 90]
    }

    fn keep(cache: &mut Cache, sequence: u16, timestamp: u32) {
        cache.keep(&Media { timestamp, ..media(sequence, &payload(sequence)) });
    }

    fn held(cache: &Cache, packets: u16) -> usize {
        let found = (0..packets).filter_map(|sequence| Some((sequence, cache.find(sequence)?)));
        found.inspect(|(sequence, media)| assert_eq!(media.payload, payload(*sequence))).count()
    }

    #[test]
    fn the_ring_holds_its_bound_and_never_gives_what_was_overwritten() {
        let (cache, count) = found(2_000, 300);
        assert!((200..=208).contains(&count), "{count} packets of about 1,145 octets in 232 KiB");
        assert_eq!((cache.octets.len(), cache.entries.len()), (RESEND_CACHE_BYTES, RESEND_CACHE_PACKETS));
        assert!(cache.octets.len() + cache.entries.len() * size_of::<Entry>() <= 256 * 1024);
    }

    #[test]
    fn a_source_that_sends_little_takes_little() {
        // Ten packets a second: two seconds of them lie in less than the ring begins with.
        let (cache, count) = found(500, 9_000);
        assert_eq!(cache.octets.len(), RESEND_CACHE_BYTES_FIRST);
        assert!((20..=26).contains(&count), "{count}");
        // One that speeds up later, and has overwritten much by then, still gets nothing wrong.
        let mut cache = Cache::default();
        for sequence in 0..400_u16 {
            keep(&mut cache, sequence, u32::from(sequence) * 9_000 - u32::from(sequence.saturating_sub(100)) * 8_100);
            assert!(held(&cache, 400) > usize::from(sequence.min(20)));
        }
        assert_eq!(cache.octets.len(), RESEND_CACHE_BYTES);
        // Nothing that was here is lost while the ring grows.
        let (cache, count) = found(90, 900);
        assert!(cache.octets.len() > RESEND_CACHE_BYTES_FIRST && count == 90, "{count} of 90");
    }
}
