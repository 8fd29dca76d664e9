//! SRTP and SRTCP of a lean client, in place, AES-GCM alone (RFC 7714): what every browser of today and this server agree on. Keeps no replay window.

use std::collections::HashMap;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

/// Bytes that sealing adds to an RTP packet.
pub const TAG: usize = 16;
const SALT: usize = 12;
/// The E bit of the word behind an SRTCP packet.
const ENCRYPTED: u32 = 1 << 31;

/// Both directions of one transport.
pub struct Srtp {
    seal: Direction,
    open: Direction,
    rtcp_index: u32,
    /// Highest index of each SSRC that was opened.
    highest: HashMap<u32, u64>,
}

struct Direction {
    rtp: (LessSafeKey, [u8; SALT]),
    rtcp: (LessSafeKey, [u8; SALT]),
}

impl Srtp {
    /// The client's half of what DTLS exported; the master key has 16 or 32 bytes. `None` when the length is wrong.
    pub fn new(material: &[u8], key: usize) -> Option<Self> {
        let material = material.get(..2 * (key + SALT))?;
        let part = |from: usize, length: usize| &material[from..from + length];
        Some(Self {
            seal: Direction::new(part(0, key), part(2 * key, SALT))?,
            open: Direction::new(part(key, key), part(2 * key + SALT, SALT))?,
            rtcp_index: 0,
            highest: HashMap::new(),
        })
    }

    /// Seals the RTP packet at the end of `into`, from `start` on, whose header has `header` bytes and whose place in its stream is `index` (ROC and sequence number).
    pub fn seal_rtp(&self, into: &mut Vec<u8>, start: usize, header: usize, ssrc: u32, index: u64) -> bool {
        let (key, salt) = &self.seal.rtp;
        let (head, body) = into[start..].split_at_mut(header);
        match key.seal_in_place_separate_tag(nonce(salt, ssrc, index), Aad::from(&*head), body) {
            Ok(tag) => into.extend_from_slice(tag.as_ref()),
            Err(_) => return false,
        }
        true
    }

    /// Opens an RTP packet with a header of `header` bytes; the plain payload.
    pub fn open_rtp<'a>(&mut self, packet: &'a mut [u8], header: usize, ssrc: u32, sequence: u16) -> Option<&'a [u8]> {
        let highest = self.highest.get(&ssrc).copied();
        let index = highest.map_or(u64::from(sequence), |highest| nearest(highest, sequence));
        let (key, salt) = &self.open.rtp;
        let (head, body) = packet.split_at_mut_checked(header)?;
        let plain = key.open_in_place(nonce(salt, ssrc, index), Aad::from(&*head), body).ok()?;
        if highest.is_none_or(|highest| index > highest) {
            self.highest.insert(ssrc, index);
        }
        Some(plain)
    }

    /// The sealed form of a plain compound.
    pub fn seal_rtcp(&mut self, compound: &[u8]) -> Option<Vec<u8>> {
        self.rtcp_index += 1;
        let word = (self.rtcp_index | ENCRYPTED).to_be_bytes();
        let head: [u8; 8] = *compound.first_chunk()?;
        let ssrc = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let aad = [&head[..], &word].concat();
        let mut out = compound.to_vec();
        let (key, salt) = &self.seal.rtcp;
        let tag = key.seal_in_place_separate_tag(nonce(salt, ssrc, u64::from(self.rtcp_index)), Aad::from(aad), &mut out[8..]).ok()?;
        out.extend_from_slice(tag.as_ref());
        out.extend_from_slice(&word);
        Some(out)
    }

    /// Opens an SRTCP packet in place; the plain compound.
    pub fn open_rtcp<'a>(&self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        let end = packet.len().checked_sub(4).filter(|end| *end >= 8 + TAG)?;
        let word = [packet[end], packet[end + 1], packet[end + 2], packet[end + 3]];
        let index = u32::from_be_bytes(word) & !ENCRYPTED;
        let ssrc = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        let aad = [&packet[..8], &word].concat();
        let (key, salt) = &self.open.rtcp;
        let length = key.open_in_place(nonce(salt, ssrc, u64::from(index)), Aad::from(aad), &mut packet[8..end]).ok()?.len();
        Some(&packet[..8 + length])
    }
}

impl Direction {
    /// RFC 3711 §4.3: labels 0 and 2 for SRTP, 3 and 5 for SRTCP; RFC 7714 §11 pads the master salt on the right.
    fn new(master: &[u8], salt: &[u8]) -> Option<Self> {
        let wide = master.len() == 32;
        let stream = EncryptingKey::ctr(UnboundCipherKey::new(if wide { &AES_256 } else { &AES_128 }, master).ok()?).ok()?;
        let derive = |label: u8, out: &mut [u8]| {
            let mut iv = [0; 16];
            iv[..SALT].copy_from_slice(salt);
            iv[7] ^= label;
            stream.less_safe_encrypt(out, EncryptionContext::Iv128(FixedLength::from(iv))).ok().map(drop)
        };
        let pair = |label: u8| {
            let (mut key, mut salt) = (vec![0; master.len()], [0; SALT]);
            derive(label, &mut key)?;
            derive(label + 2, &mut salt)?;
            Some((LessSafeKey::new(UnboundKey::new(if wide { &AES_256_GCM } else { &AES_128_GCM }, &key).ok()?), salt))
        };
        Some(Self { rtp: pair(0)?, rtcp: pair(3)? })
    }
}

/// RFC 7714 §8.1 and §9.1.
fn nonce(salt: &[u8; SALT], ssrc: u32, index: u64) -> Nonce {
    let mut nonce = *salt;
    nonce[2..6].iter_mut().zip(ssrc.to_be_bytes()).for_each(|(byte, with)| *byte ^= with);
    nonce[6..].iter_mut().zip(&index.to_be_bytes()[2..]).for_each(|(byte, with)| *byte ^= with);
    Nonce::assume_unique_for_key(nonce)
}

/// The index with this sequence number that is nearest to the highest one.
pub fn nearest(highest: u64, sequence: u16) -> u64 {
    let ahead = sequence.wrapping_sub(highest as u16) as i16;
    highest.checked_add_signed(i64::from(ahead)).unwrap_or(u64::from(sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_go_on_over_their_end_and_back() {
        assert_eq!(nearest(65_530, 3), 65_539);
        assert_eq!(nearest(65_539, 65_533), 65_533);
        assert_eq!(nearest(131_080, 10), 131_082);
        assert_eq!(nearest(3, 65_530), 65_530, "nothing lies before the first round");
    }
}
