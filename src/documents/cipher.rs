//! The encrypted form of one document: chunks of AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015). The number of the chunk and
//! whether it is the last stand in its nonce, so that none can be left out, moved or added. Knows no file and draws no key.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::ids::DocumentId;

/// Plain bytes of a chunk; the last one may hold fewer.
pub const CHUNK: usize = 64 * 1024;
/// What a chunk is longer when sealed.
pub const TAG: usize = 16;

/// The key of one document, used for nothing else: so the nonces need no random part.
pub type DocumentKey = Zeroizing<[u8; 32]>;

/// It was not sealed so, or not with this key, or not as this chunk of this document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the document does not open: damaged, or of another key")]
pub struct Damaged;

/// Seals or opens the chunks of one document in their order.
pub struct Chunks {
    key: LessSafeKey,
    document: DocumentId,
    next: u32,
}

impl Chunks {
    /// Begins with the first chunk.
    pub fn new(key: &DocumentKey, document: DocumentId) -> Result<Self, Damaged> {
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| Damaged)?;
        Ok(Self { key: LessSafeKey::new(key), document, next: 0 })
    }

    /// Seals the next chunk in its place; it grows by `TAG`.
    pub fn seal(&mut self, chunk: &mut Vec<u8>, is_last: bool) -> Result<(), Damaged> {
        let (nonce, place) = self.step(is_last)?;
        self.key.seal_in_place_append_tag(nonce, Aad::from(place), chunk).map_err(|_| Damaged)
    }

    /// Opens the next chunk in its place; it shrinks by `TAG`.
    pub fn open(&mut self, chunk: &mut Vec<u8>, is_last: bool) -> Result<(), Damaged> {
        let (nonce, place) = self.step(is_last)?;
        let length = self.key.open_in_place(nonce, Aad::from(place), chunk).map_err(|_| Damaged)?.len();
        chunk.truncate(length);
        Ok(())
    }

    fn step(&mut self, is_last: bool) -> Result<(Nonce, [u8; 16]), Damaged> {
        let mut nonce = [0; NONCE_LEN];
        nonce[7..11].copy_from_slice(&self.next.to_be_bytes());
        nonce[11] = u8::from(is_last);
        self.next = self.next.checked_add(1).ok_or(Damaged)?;
        Ok((Nonce::assume_unique_for_key(nonce), self.document.0.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: DocumentId = DocumentId(7);

    fn key(byte: u8) -> DocumentKey {
        Zeroizing::new([byte; 32])
    }

    fn sealed(parts: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut chunks = Chunks::new(&key(1), DOCUMENT).unwrap();
        let last = parts.len() - 1;
        let seal = |(at, part): (usize, &&[u8])| {
            let mut chunk = part.to_vec();
            chunks.seal(&mut chunk, at == last).unwrap();
            chunk
        };
        parts.iter().enumerate().map(seal).collect()
    }

    fn opened(key_byte: u8, document: DocumentId, chunks: &[Vec<u8>]) -> Result<Vec<u8>, Damaged> {
        let mut opening = Chunks::new(&key(key_byte), document).unwrap();
        let mut plain = Vec::new();
        for (at, chunk) in chunks.iter().enumerate() {
            let mut chunk = chunk.clone();
            opening.open(&mut chunk, at + 1 == chunks.len())?;
            plain.extend(chunk);
        }
        Ok(plain)
    }

    #[test]
    fn what_was_sealed_opens_whole_and_only_with_its_key_and_as_its_document() {
        let chunks = sealed(&[b"one", b"two", b"three"]);
        assert_eq!(opened(1, DOCUMENT, &chunks).unwrap(), b"onetwothree");
        assert_eq!(opened(2, DOCUMENT, &chunks), Err(Damaged));
        assert_eq!(opened(1, DocumentId(8), &chunks), Err(Damaged));
    }

    #[test]
    fn no_chunk_can_be_left_out_moved_repeated_or_cut_off() {
        let chunks = sealed(&[b"one", b"two", b"three"]);
        let pick = |order: &[usize]| order.iter().map(|at| chunks[*at].clone()).collect::<Vec<_>>();
        for order in [&[0, 1][..], &[0, 2], &[1, 2], &[1, 0, 2], &[0, 0, 1, 2], &[0, 1, 2, 2], &[0, 1, 1, 2], &[2]] {
            assert_eq!(opened(1, DOCUMENT, &pick(order)), Err(Damaged), "{order:?}");
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let chunks = sealed(&[b"first", b""]);
        for (chunk, byte) in [(0, 0), (0, 4), (0, 20), (1, 0), (1, 15)] {
            let mut bad = chunks.clone();
            bad[chunk][byte] ^= 1;
            assert_eq!(opened(1, DOCUMENT, &bad), Err(Damaged));
        }
        assert_eq!(opened(1, DOCUMENT, &chunks).unwrap(), b"first");
    }
}
