//! Where a decoder can start: the first packet of a key frame, told from the payload's first octets. Nothing behind them is looked at.

use crate::sfu::negotiated::Codec;

/// Whether this payload begins a key frame. For audio every packet is a beginning.
pub fn starts(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Opus => true,
        Codec::Vp8 => vp8(payload).unwrap_or(false),
        Codec::H264 => h264(payload),
    }
}

/// RFC 7741 §4.2 and §4.3: first partition (S = 1, PID = 0) whose frame header has P = 0.
fn vp8(payload: &[u8]) -> Option<bool> {
    let first = *payload.first()?;
    if first & 0x17 != 0x10 {
        return Some(false);
    }
    let mut at = 1;
    if first & 0x80 != 0 {
        let extended = *payload.get(at)?;
        at += 1;
        if extended & 0x80 != 0 {
            at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        if extended & 0x40 != 0 {
            at += 1;
        }
        if extended & 0x30 != 0 {
            at += 1;
        }
    }
    Some(payload.get(at)? & 0x01 == 0)
}

/// RFC 6184 §5: parameter sets (7) or the start of an IDR slice (5), alone, aggregated (STAP-A 24) or fragmented (FU-A 28).
fn h264(payload: &[u8]) -> bool {
    let key = |kind: u8| kind == 5 || kind == 7;
    match payload.first().map(|first| first & 0x1f) {
        Some(24) => {
            let mut rest = payload.get(1..).unwrap_or_default();
            while let Some((length, after)) = rest.split_first_chunk::<2>() {
                if after.first().is_some_and(|first| key(first & 0x1f)) {
                    return true;
                }
                rest = after.get(usize::from(u16::from_be_bytes(*length))..).unwrap_or_default();
            }
            false
        }
        Some(28) => payload.get(1).is_some_and(|header| header & 0x80 != 0 && key(header & 0x1f)),
        Some(kind) => key(kind),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vp8_key_frames_are_told_from_the_descriptor_and_the_frame_header() {
        assert!(starts(Codec::Vp8, &[0x10, 0x00]));
        assert!(!starts(Codec::Vp8, &[0x10, 0x01]), "an inter frame");
        assert!(!starts(Codec::Vp8, &[0x00, 0x00]), "not the start of a partition");
        assert!(!starts(Codec::Vp8, &[0x11, 0x00]), "the second partition");
        assert!(starts(Codec::Vp8, &[0x90, 0x80, 0x81, 0x02, 0x00]), "15-bit picture id, as Chromium sends");
        assert!(starts(Codec::Vp8, &[0x90, 0x80, 0x01, 0x00]), "7-bit picture id");
        assert!(starts(Codec::Vp8, &[0x90, 0xf0, 0x81, 0x02, 0x03, 0x04, 0x00]), "picture id, TL0PICIDX, TID");
        assert!(!starts(Codec::Vp8, &[0x90, 0xf0, 0x81, 0x02, 0x03, 0x04]), "cut off");
    }

    #[test]
    fn h264_key_frames_are_found_alone_aggregated_and_fragmented() {
        assert!(starts(Codec::H264, &[0x67, 1, 2]));
        assert!(starts(Codec::H264, &[0x65]));
        assert!(!starts(Codec::H264, &[0x41]));
        assert!(starts(Codec::H264, &[0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1]));
        assert!(starts(Codec::H264, &[0x78, 0, 1, 0x09, 0, 2, 0x67, 1]), "behind an access unit delimiter");
        assert!(!starts(Codec::H264, &[0x78, 0, 1, 0x41]));
        assert!(!starts(Codec::H264, &[0x78, 0xff, 0xff, 0x41]), "a length beyond the end");
        assert!(starts(Codec::H264, &[0x7c, 0x85]));
        assert!(!starts(Codec::H264, &[0x7c, 0x05]), "a later fragment");
        assert!(!starts(Codec::H264, &[]));
    }
}
