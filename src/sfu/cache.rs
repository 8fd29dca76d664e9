//! The last packets of one video track, for resending. A fixed ring of octets: nothing is allocated per packet, nothing outlives it.

use crate::limits::{RESEND_CACHE_BYTES, RESEND_CACHE_PACKETS};
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

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Everything but the payload, which lies in the ring.
    media: Media<'static>,
    begin: u64,
    length: usize,
}

/// The ring; takes its memory with the first packet.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    octets: Vec<u8>,
    written: u64,
    entries: Vec<Option<Entry>>,
}

impl Cache {
    /// Keeps a packet; the oldest ones make room.
    pub fn keep(&mut self, media: &Media<'_>) {
        if self.entries.is_empty() {
            self.entries = vec![None; RESEND_CACHE_PACKETS];
            self.octets = vec![0; RESEND_CACHE_BYTES];
        }
        let length = media.payload.len();
        let at = (self.written % RESEND_CACHE_BYTES as u64) as usize;
        // A packet never lies across the end of the ring.
        let skipped = if at + length > RESEND_CACHE_BYTES { RESEND_CACHE_BYTES - at } else { 0 };
        let at = if skipped > 0 { 0 } else { at };
        let Some(place) = self.octets.get_mut(at..at + length) else { return };
        place.copy_from_slice(media.payload);
        let begin = self.written + skipped as u64;
        self.written = begin + length as u64;
        if let Some(entry) = self.entries.get_mut(usize::from(media.sequence) % RESEND_CACHE_PACKETS) {
            *entry = Some(Entry { media: Media { payload: &[], ..*media }, begin, length });
        }
    }

    /// The packet with this number of the source, if it is still here.
    pub fn find(&self, sequence: u16) -> Option<Media<'_>> {
        let entry = (*self.entries.get(usize::from(sequence) % RESEND_CACHE_PACKETS)?)?;
        let overwritten = self.written - entry.begin > RESEND_CACHE_BYTES as u64;
        if entry.media.sequence != sequence || overwritten {
            return None;
        }
        let at = (entry.begin % RESEND_CACHE_BYTES as u64) as usize;
        Some(Media { payload: self.octets.get(at..at + entry.length)?, ..entry.media })
    }

    /// Forgets every packet; the memory stays.
    pub fn clear(&mut self) {
        self.entries.fill(None);
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
        cache.clear();
        assert_eq!(cache.find(5), None);
    }

    #[test]
    fn the_ring_holds_its_bound_and_never_gives_what_was_overwritten() {
        let mut cache = Cache::default();
        let mut found = 0;
        for sequence in 0..2_000_u16 {
            let payload = vec![sequence as u8; 1_100 + usize::from(sequence) % 90];
            cache.keep(&media(sequence, &payload));
        }
        for sequence in 0..2_000_u16 {
            if let Some(kept) = cache.find(sequence) {
                assert!(kept.payload.iter().all(|octet| *octet == sequence as u8));
                assert_eq!(kept.payload.len(), 1_100 + usize::from(sequence) % 90);
                found += 1;
            }
        }
        assert!((225..=239).contains(&found), "{found} packets of about 1,145 octets in 256 KiB");
        assert_eq!(cache.octets.len(), RESEND_CACHE_BYTES);
    }
}
