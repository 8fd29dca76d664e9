//! Frames of RFC 4571 in a stream of bytes: two octets of length, then that many. Refuses to know what is in them and where the bytes come from.

use crate::limits;

/// Octets before each frame.
pub const PREFIX: usize = 2;

/// The stream is over: a frame longer than anything that we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Finds frames in the pieces of one stream. Holds at most one frame that is not complete yet.
#[derive(Debug, Default)]
pub struct Deframer {
    partial: Vec<u8>,
}

impl Deframer {
    /// Hands out every frame that this piece completes, in order, to be opened in place. Empty frames are passed over.
    pub fn push(&mut self, mut piece: &mut [u8], mut handle: impl FnMut(&mut [u8])) -> Result<(), TooLong> {
        while !self.partial.is_empty() && !piece.is_empty() {
            let wanted = match length(&self.partial)? {
                Some(length) => PREFIX + length,
                None => PREFIX,
            };
            let (head, rest) = piece.split_at_mut(piece.len().min(wanted - self.partial.len()));
            self.partial.extend_from_slice(head);
            piece = rest;
            if let Some(length) = length(&self.partial)?
                && self.partial.len() == PREFIX + length
            {
                handle_some(&mut self.partial[PREFIX..], &mut handle);
                self.partial.clear();
            }
        }
        while let Some(length) = length(piece)? {
            if piece.len() < PREFIX + length {
                break;
            }
            let (frame, rest) = piece.split_at_mut(PREFIX + length);
            handle_some(&mut frame[PREFIX..], &mut handle);
            piece = rest;
        }
        self.partial.extend_from_slice(piece);
        Ok(())
    }
}

fn handle_some(frame: &mut [u8], handle: &mut impl FnMut(&mut [u8])) {
    if !frame.is_empty() {
        handle(frame);
    }
}

/// What the prefix announces, as far as it is there.
fn length(bytes: &[u8]) -> Result<Option<usize>, TooLong> {
    let Some(prefix) = bytes.first_chunk::<PREFIX>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*prefix));
    if length > limits::FRAME_BYTES { Err(TooLong) } else { Ok(Some(length)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(frames: &[&[u8]]) -> Vec<u8> {
        frames.iter().flat_map(|frame| [&(frame.len() as u16).to_be_bytes()[..], frame].concat()).collect()
    }

    #[test]
    fn frames_come_out_whole_however_the_stream_is_cut() {
        let long = vec![7; 1200];
        let frames: [&[u8]; 5] = [b"one", b"", &long, b"x", b"five"];
        let bytes = stream(&frames);
        let wanted: Vec<Vec<u8>> = frames.iter().filter(|frame| !frame.is_empty()).map(|frame| frame.to_vec()).collect();
        for size in (1..40).chain([500, 1203, bytes.len()]) {
            let mut deframer = Deframer::default();
            let mut got = Vec::new();
            for piece in bytes.clone().chunks_mut(size) {
                deframer.push(piece, |frame| got.push(frame.to_vec())).unwrap();
            }
            assert_eq!(got, wanted, "pieces of {size}");
            assert!(deframer.partial.is_empty());
        }
    }

    #[test]
    fn too_long_a_frame_ends_the_stream_before_its_content_is_kept() {
        let prefix = (limits::FRAME_BYTES as u16 + 1).to_be_bytes();
        let mut deframer = Deframer::default();
        assert_eq!(deframer.push(&mut [prefix[0]], |_| {}), Ok(()));
        assert_eq!(deframer.push(&mut [prefix[1], 0], |_| {}), Err(TooLong));
        assert_eq!(Deframer::default().push(&mut prefix.clone(), |_| {}), Err(TooLong));
        let mut largest = stream(&[&vec![1; limits::FRAME_BYTES]]);
        let mut count = 0;
        Deframer::default().push(&mut largest, |frame| count += frame.len()).unwrap();
        assert_eq!(count, limits::FRAME_BYTES);
    }
}
