//! SRTP and SRTCP in place (RFC 3711, RFC 7714): AEAD_AES_128_GCM, AEAD_AES_256_GCM and AES_CM_128_HMAC_SHA1_80. No state for an SSRC before its first packet's
//! tag is verified (O4), nothing opens twice (O7). Own code because the library at hand allocates per SSRC before it verifies and copies each packet twice.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use super::dtls::SrtpKeys;
use crate::limits;

const SHA1_TAG: usize = 10;
const RTCP_HEADER: usize = 8;
const RTCP_INDEX: usize = 4;
const RTCP_ENCRYPTED: u32 = 1 << 31;
const REPLAY_WORDS: usize = limits::SRTP_REPLAY_WINDOW / 64;

/// A protection profile (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// SRTP_AEAD_AES_128_GCM
    Gcm128,
    /// SRTP_AEAD_AES_256_GCM
    Gcm256,
    /// SRTP_AES128_CM_HMAC_SHA1_80, for clients that have nothing else.
    CmSha1,
}

impl Profile {
    pub(super) fn from_engine(profile: dimpl::SrtpProfile) -> Option<Self> {
        match profile {
            dimpl::SrtpProfile::AEAD_AES_128_GCM => Some(Self::Gcm128),
            dimpl::SrtpProfile::AEAD_AES_256_GCM => Some(Self::Gcm256),
            dimpl::SrtpProfile::AES128_CM_SHA1_80 => Some(Self::CmSha1),
            _ => None,
        }
    }

    /// Bytes of master key and master salt.
    pub fn key_and_salt(self) -> (usize, usize) {
        match self {
            Self::Gcm128 => (16, 12),
            Self::Gcm256 => (32, 12),
            Self::CmSha1 => (16, 14),
        }
    }
}

/// Why a packet was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Not RTP or RTCP at all.
    Malformed,
    /// The tag is wrong.
    Forged,
    /// Opened before, or too old to tell.
    Replayed,
    /// More SSRCs than `limits::SRTP_SSRCS`.
    TooManySsrcs,
}

/// Both directions of one transport.
pub struct Srtp {
    inbound: Direction,
    outbound: Direction,
}

struct Direction {
    rtp: Keys,
    rtcp: Keys,
    rtp_seen: Seen,
    rtcp_seen: Seen,
    rtcp_index: u32,
}

/// A window for each SSRC of one direction, at most `limits::SRTP_SSRCS`: few enough to be looked through.
#[derive(Default)]
struct Seen {
    ssrcs: Vec<u32>,
    windows: Vec<Window>,
}

impl Srtp {
    /// The server's half of the keys that DTLS exported. `None` when their length is wrong.
    pub fn new(keys: &SrtpKeys) -> Option<Self> {
        let (key, salt) = keys.profile.key_and_salt();
        let material = keys.material.get(..2 * (key + salt))?;
        let (client_key, rest) = material.split_at(key);
        let (server_key, rest) = rest.split_at(key);
        let (client_salt, server_salt) = rest.split_at(salt);
        Some(Self {
            inbound: Direction::new(keys.profile, client_key, client_salt)?,
            outbound: Direction::new(keys.profile, server_key, server_salt)?,
        })
    }

    /// Opens an SRTP packet in place; the length of the plain packet.
    pub fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let direction = &mut self.inbound;
        let header = rtp_header_length(packet).ok_or(Refused::Malformed)?;
        let (sequence, ssrc) = (u16::from_be_bytes([packet[2], packet[3]]), u32_at(packet, 8));
        let place = direction.rtp_seen.place(ssrc);
        let known = direction.rtp_seen.at(place);
        let index = known.map_or(u64::from(sequence), |window| window.guess(sequence));
        if known.is_some_and(|window| window.has(index)) {
            return Err(Refused::Replayed);
        }
        let length = direction.rtp.open_rtp(packet, header, ssrc, index).ok_or(Refused::Forged)?;
        direction.rtp_seen.mark(place, ssrc, index)?;
        Ok(length)
    }

    /// Opens an SRTCP packet in place; the length of the plain compound.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let direction = &mut self.inbound;
        if packet.len() < RTCP_HEADER + RTCP_INDEX || packet[0] >> 6 != 2 {
            return Err(Refused::Malformed);
        }
        let ssrc = u32_at(packet, 4);
        let place = direction.rtcp_seen.place(ssrc);
        let known = direction.rtcp_seen.at(place);
        let (length, index) = direction.rtcp.open_rtcp(packet, ssrc, |index| !known.is_some_and(|window| window.has(index)))?;
        direction.rtcp_seen.mark(place, ssrc, index)?;
        Ok(length)
    }

    /// Appends the sealed form of a plain RTP packet. `false`, and nothing appended, when it is malformed or its sequence number was sealed before:
    /// the same nonce must never cover two packets.
    pub fn seal_rtp(&mut self, packet: &[u8], into: &mut Vec<u8>) -> bool {
        let start = into.len();
        into.extend_from_slice(packet);
        self.seal_written_rtp(into, start)
    }

    /// The same for a plain RTP packet that lies at the end of `into`, from `start` on: sealed where it is.
    pub fn seal_written_rtp(&mut self, into: &mut Vec<u8>, start: usize) -> bool {
        let direction = &mut self.outbound;
        let Some((packet, header)) = into.get(start..).and_then(|packet| Some((packet, rtp_header_length(packet)?))) else {
            into.truncate(start);
            return false;
        };
        let (sequence, ssrc) = (u16::from_be_bytes([packet[2], packet[3]]), u32_at(packet, 8));
        let place = direction.rtp_seen.place(ssrc);
        let index = direction.rtp_seen.at(place).map_or(u64::from(sequence), |window| window.guess(sequence));
        let sealed = direction.rtp_seen.mark(place, ssrc, index).is_ok() && direction.rtp.seal_rtp(into, start, header, ssrc, index);
        if !sealed {
            into.truncate(start);
        }
        sealed
    }

    /// Appends the sealed form of a plain RTCP compound. `false` when it is malformed or 2^31 were sealed (RFC 3711 §9.2).
    pub fn seal_rtcp(&mut self, packet: &[u8], into: &mut Vec<u8>) -> bool {
        let direction = &mut self.outbound;
        if packet.len() < RTCP_HEADER || direction.rtcp_index >= RTCP_ENCRYPTED - 1 {
            return false;
        }
        direction.rtcp_index += 1;
        direction.rtcp.seal_rtcp(packet, u32_at(packet, 4), direction.rtcp_index, into)
    }

    /// SSRCs for which state is kept, both directions.
    pub fn ssrcs(&self) -> usize {
        [&self.inbound, &self.outbound].iter().map(|direction| direction.rtp_seen.ssrcs.len() + direction.rtcp_seen.ssrcs.len()).sum()
    }
}

impl Direction {
    fn new(profile: Profile, master_key: &[u8], master_salt: &[u8]) -> Option<Self> {
        Some(Self {
            rtp: Keys::derive(profile, master_key, master_salt, 0)?,
            rtcp: Keys::derive(profile, master_key, master_salt, 3)?,
            rtp_seen: Seen::default(),
            rtcp_seen: Seen::default(),
            rtcp_index: 0,
        })
    }
}

impl Seen {
    fn place(&self, ssrc: u32) -> Option<usize> {
        self.ssrcs.iter().position(|known| *known == ssrc)
    }

    fn at(&self, place: Option<usize>) -> Option<&Window> {
        self.windows.get(place?)
    }

    /// Remembers that `index` passed; only called once a tag was verified, or for our own packets. `place` is that of the SSRC.
    fn mark(&mut self, place: Option<usize>, ssrc: u32, index: u64) -> Result<(), Refused> {
        if let Some(window) = place.and_then(|place| self.windows.get_mut(place)) {
            if window.has(index) {
                return Err(Refused::Replayed);
            }
            window.mark(index);
            return Ok(());
        }
        if self.ssrcs.len() >= limits::SRTP_SSRCS {
            return Err(Refused::TooManySsrcs);
        }
        self.ssrcs.push(ssrc);
        self.windows.push(Window::first(index));
        Ok(())
    }
}

/// Session keys of SRTP or SRTCP in one direction.
enum Keys {
    Gcm { key: Box<LessSafeKey>, salt: [u8; 12] },
    CmSha1 { key: Box<EncryptingKey>, authentication: Box<hmac::Key>, salt: [u8; 14] },
}

impl Keys {
    /// RFC 3711 §4.3 with labels `first` (key), +1 (authentication), +2 (salt); RFC 7714 §11 pads the salt of GCM on the right.
    fn derive(profile: Profile, master_key: &[u8], master_salt: &[u8], first: u8) -> Option<Self> {
        let algorithm = if profile == Profile::Gcm256 { &AES_256 } else { &AES_128 };
        let mut padded = [0; 14];
        padded.get_mut(..master_salt.len())?.copy_from_slice(master_salt);
        let stream = EncryptingKey::ctr(UnboundCipherKey::new(algorithm, master_key).ok()?).ok()?;
        let derive = |label: u8, out: &mut [u8]| {
            let mut iv = [0; 16];
            iv[..14].copy_from_slice(&padded);
            iv[7] ^= label;
            stream.less_safe_encrypt(out, EncryptionContext::Iv128(FixedLength::from(iv))).ok().map(drop)
        };
        let mut key = zeroize::Zeroizing::new([0; 32]);
        let key = &mut key[..master_key.len()];
        derive(first, key)?;
        Some(if profile == Profile::CmSha1 {
            let (mut authentication, mut salt) = (zeroize::Zeroizing::new([0; 20]), [0; 14]);
            derive(first + 1, &mut authentication[..])?;
            derive(first + 2, &mut salt)?;
            Self::CmSha1 {
                key: Box::new(EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, key).ok()?).ok()?),
                authentication: Box::new(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &authentication[..])),
                salt,
            }
        } else {
            let mut salt = [0; 12];
            derive(first + 2, &mut salt)?;
            let algorithm = if profile == Profile::Gcm256 { &AES_256_GCM } else { &AES_128_GCM };
            Self::Gcm { key: Box::new(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?)), salt }
        })
    }

    fn open_rtp(&self, packet: &mut [u8], header: usize, ssrc: u32, index: u64) -> Option<usize> {
        match self {
            Self::Gcm { key, salt } => {
                let (aad, body) = packet.split_at_mut(header);
                let plain = key.open_in_place(gcm_nonce(salt, ssrc, index), Aad::from(&*aad), body).ok()?;
                Some(header + plain.len())
            }
            Self::CmSha1 { key, authentication, salt } => {
                let end = packet.len().checked_sub(SHA1_TAG).filter(|end| *end >= header)?;
                let (message, given) = packet.split_at_mut(end);
                let tag = sha1_tag(authentication, message, &((index >> 16) as u32).to_be_bytes());
                aws_lc_rs::constant_time::verify_slices_are_equal(&tag.as_ref()[..SHA1_TAG], given).ok()?;
                key.less_safe_encrypt(&mut message[header..], cm_iv(salt, ssrc, index)).ok()?;
                Some(end)
            }
        }
    }

    fn seal_rtp(&self, into: &mut Vec<u8>, start: usize, header: usize, ssrc: u32, index: u64) -> bool {
        match self {
            Self::Gcm { key, salt } => {
                let (aad, body) = into[start..].split_at_mut(header);
                key.seal_in_place_separate_tag(gcm_nonce(salt, ssrc, index), Aad::from(&*aad), body)
                    .map(|tag| into.extend_from_slice(tag.as_ref()))
                    .is_ok()
            }
            Self::CmSha1 { key, authentication, salt } => {
                let done = key.less_safe_encrypt(&mut into[start + header..], cm_iv(salt, ssrc, index)).is_ok();
                let tag = sha1_tag(authentication, &into[start..], &((index >> 16) as u32).to_be_bytes());
                into.extend_from_slice(&tag.as_ref()[..SHA1_TAG]);
                done
            }
        }
    }

    fn open_rtcp(&self, packet: &mut [u8], ssrc: u32, fresh: impl Fn(u64) -> bool) -> Result<(usize, u64), Refused> {
        let behind_index = if matches!(self, Self::Gcm { .. }) { 0 } else { SHA1_TAG };
        let index_at = packet.len().checked_sub(behind_index + RTCP_INDEX).filter(|at| *at >= RTCP_HEADER).ok_or(Refused::Malformed)?;
        let word = u32_at(packet, index_at);
        let index = word & !RTCP_ENCRYPTED;
        if word == index {
            return Err(Refused::Forged); // unencrypted SRTCP is never negotiated
        }
        if !fresh(u64::from(index)) {
            return Err(Refused::Replayed);
        }
        let length = match self {
            Self::Gcm { key, salt } => {
                let mut aad = [0; RTCP_HEADER + RTCP_INDEX];
                aad[..RTCP_HEADER].copy_from_slice(&packet[..RTCP_HEADER]);
                aad[RTCP_HEADER..].copy_from_slice(&word.to_be_bytes());
                let body = &mut packet[RTCP_HEADER..index_at];
                key.open_in_place(gcm_nonce(salt, ssrc, u64::from(index)), Aad::from(aad), body)
                    .map(|plain| RTCP_HEADER + plain.len())
                    .map_err(|_| Refused::Forged)?
            }
            Self::CmSha1 { key, authentication, salt } => {
                let (message, given) = packet.split_at_mut(index_at + RTCP_INDEX);
                let tag = sha1_tag(authentication, message, &[]);
                aws_lc_rs::constant_time::verify_slices_are_equal(&tag.as_ref()[..SHA1_TAG], given).map_err(|_| Refused::Forged)?;
                key.less_safe_encrypt(&mut message[RTCP_HEADER..index_at], cm_iv(salt, ssrc, u64::from(index)))
                    .map_err(|_| Refused::Forged)?;
                index_at
            }
        };
        Ok((length, u64::from(index)))
    }

    fn seal_rtcp(&self, packet: &[u8], ssrc: u32, index: u32, into: &mut Vec<u8>) -> bool {
        let start = into.len();
        let word = (index | RTCP_ENCRYPTED).to_be_bytes();
        into.extend_from_slice(packet);
        let sealed = match self {
            Self::Gcm { key, salt } => {
                let mut aad = [0; RTCP_HEADER + RTCP_INDEX];
                aad[..RTCP_HEADER].copy_from_slice(&packet[..RTCP_HEADER]);
                aad[RTCP_HEADER..].copy_from_slice(&word);
                let body = &mut into[start + RTCP_HEADER..];
                let tag = key.seal_in_place_separate_tag(gcm_nonce(salt, ssrc, u64::from(index)), Aad::from(aad), body);
                tag.map(|tag| {
                    into.extend_from_slice(tag.as_ref());
                    into.extend_from_slice(&word);
                })
                .is_ok()
            }
            Self::CmSha1 { key, authentication, salt } => {
                let done = key.less_safe_encrypt(&mut into[start + RTCP_HEADER..], cm_iv(salt, ssrc, u64::from(index))).is_ok();
                into.extend_from_slice(&word);
                let tag = sha1_tag(authentication, &into[start..], &[]);
                into.extend_from_slice(&tag.as_ref()[..SHA1_TAG]);
                done
            }
        };
        if !sealed {
            into.truncate(start);
        }
        sealed
    }
}

/// RFC 7714 §8.1 and §9.1: 16 zero bits, SSRC, 48-bit index (ROC and sequence number, or SRTCP index), all XOR salt.
fn gcm_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    let mut nonce = *salt;
    nonce[2..6].iter_mut().zip(ssrc.to_be_bytes()).for_each(|(a, b)| *a ^= b);
    nonce[6..].iter_mut().zip(&index.to_be_bytes()[2..]).for_each(|(a, b)| *a ^= b);
    Nonce::assume_unique_for_key(nonce)
}

/// RFC 3711 §4.1.1.
fn cm_iv(salt: &[u8; 14], ssrc: u32, index: u64) -> EncryptionContext {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    iv[4..8].iter_mut().zip(ssrc.to_be_bytes()).for_each(|(a, b)| *a ^= b);
    iv[8..14].iter_mut().zip(&index.to_be_bytes()[2..]).for_each(|(a, b)| *a ^= b);
    EncryptionContext::Iv128(FixedLength::from(iv))
}

fn sha1_tag(key: &hmac::Key, message: &[u8], rollover: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(message);
    context.update(rollover);
    context.sign()
}

/// Fixed header, CSRCs and header extension (RFC 3550 §5.1); `None` when the packet is shorter than it says.
fn rtp_header_length(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let mut length = 12 + 4 * usize::from(first & 0x0f);
    if first & 0x10 != 0 {
        let words = packet.get(length + 2..length + 4)?;
        length += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    (first >> 6 == 2 && packet.len() >= length).then_some(length)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Which of the last `limits::SRTP_REPLAY_WINDOW` indices were seen (RFC 3711 §3.3.2).
struct Window {
    highest: u64,
    seen: [u64; REPLAY_WORDS],
}

impl Window {
    fn first(index: u64) -> Self {
        let mut window = Self { highest: index, seen: [0; REPLAY_WORDS] };
        window.set(index);
        window
    }

    /// The index that a sequence number most likely has (RFC 3711 §3.3.1).
    fn guess(&self, sequence: u16) -> u64 {
        let (rollover, last) = (self.highest >> 16, self.highest as u16);
        let rollover = if last < 0x8000 {
            if sequence > last && sequence - last > 0x8000 { rollover.saturating_sub(1) } else { rollover }
        } else if last - 0x8000 > sequence {
            rollover + 1
        } else {
            rollover
        };
        (rollover & 0xffff_ffff) << 16 | u64::from(sequence)
    }

    fn has(&self, index: u64) -> bool {
        if index > self.highest {
            return false;
        }
        self.highest - index >= limits::SRTP_REPLAY_WINDOW as u64 || self.seen[Self::word(index)] & Self::bit(index) != 0
    }

    fn mark(&mut self, index: u64) {
        if index > self.highest {
            let skipped = (index - self.highest).min(limits::SRTP_REPLAY_WINDOW as u64);
            for passed in index + 1 - skipped..=index {
                self.seen[Self::word(passed)] &= !Self::bit(passed);
            }
            self.highest = index;
        }
        self.set(index);
    }

    fn set(&mut self, index: u64) {
        self.seen[Self::word(index)] |= Self::bit(index);
    }

    fn word(index: u64) -> usize {
        (index / 64) as usize % REPLAY_WORDS
    }

    fn bit(index: u64) -> u64 {
        1 << (index % 64)
    }
}

#[cfg(test)]
mod tests {
    use rtc::srtp::context::Context;
    use rtc::srtp::option::{srtcp_no_replay_protection, srtp_no_replay_protection};
    use rtc::srtp::protection_profile::ProtectionProfile;

    use super::*;

    const PROFILES: [Profile; 3] = [Profile::Gcm128, Profile::Gcm256, Profile::CmSha1];

    fn keys(profile: Profile) -> SrtpKeys {
        let (key, salt) = profile.key_and_salt();
        SrtpKeys { profile, material: zeroize::Zeroizing::new((0..2 * (key + salt)).map(|n| (n * 7 + 3) as u8).collect()) }
    }

    /// The same session with both sides swapped: what we seal it opens.
    fn other_end(profile: Profile) -> Srtp {
        let Srtp { inbound, outbound } = Srtp::new(&keys(profile)).unwrap();
        Srtp { inbound: outbound, outbound: inbound }
    }

    /// `rtc-srtp` as the client: (opens what we seal, seals what we open).
    fn library(profile: Profile) -> (Context, Context) {
        let material = keys(profile).material;
        let (key, salt) = profile.key_and_salt();
        let theirs = match profile {
            Profile::Gcm128 => ProtectionProfile::AeadAes128Gcm,
            Profile::Gcm256 => ProtectionProfile::AeadAes256Gcm,
            Profile::CmSha1 => ProtectionProfile::Aes128CmHmacSha1_80,
        };
        let provider = rtc::crypto::default_provider().unwrap();
        let context = |key_at: usize, salt_at: usize| {
            Context::new(
                &material[key_at..key_at + key],
                &material[salt_at..salt_at + salt],
                theirs,
                Some(srtp_no_replay_protection()),
                Some(srtcp_no_replay_protection()),
                provider.crypto(),
            )
            .unwrap()
        };
        (context(key, 2 * key + salt), context(0, 2 * key))
    }

    fn rtp(ssrc: u32, sequence: u16, extension: bool, payload: usize) -> Vec<u8> {
        let mut packet = vec![if extension { 0x91 } else { 0x80 }, 96];
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 1, 0]);
        packet.extend_from_slice(&ssrc.to_be_bytes());
        if extension {
            packet.extend_from_slice(&[0, 0, 0, 9]); // CSRC
            packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x40, b'1', 0, 0]);
        }
        packet.extend((0..payload).map(|n| n as u8));
        packet
    }

    #[test]
    fn library_opens_what_we_seal_and_we_open_what_it_seals_over_a_rollover() {
        for profile in PROFILES {
            let (mut opens, mut seals) = library(profile);
            let mut ours = Srtp::new(&keys(profile)).unwrap();
            for n in 0..140_000u32 {
                if n % 97 > 2 && !(65_000..66_000).contains(&n) {
                    continue; // some loss; the steps stay small enough for the rollover to be seen
                }
                let plain = rtp(0xdead_beef, (n + 1) as u16, n % 2 == 0, (n % 300) as usize);
                let mut sealed = Vec::new();
                assert!(ours.seal_rtp(&plain, &mut sealed));
                assert_eq!(opens.decrypt_rtp(&sealed).unwrap(), plain, "{profile:?} {n}");
                let mut theirs = seals.encrypt_rtp(&plain).unwrap().to_vec();
                let length = ours.open_rtp(&mut theirs).unwrap_or_else(|refused| panic!("{profile:?} {n} {refused:?}"));
                assert_eq!(theirs[..length], plain);
            }
            let report = [0x80, 201, 0, 1, 1, 2, 3, 4, 0x81, 206, 0, 2, 1, 2, 3, 4, 9, 9, 9, 9];
            for _ in 0..5 {
                let mut sealed = Vec::new();
                assert!(ours.seal_rtcp(&report, &mut sealed));
                assert_eq!(opens.decrypt_rtcp(&sealed).unwrap()[..], report);
                let mut theirs = seals.encrypt_rtcp(&report).unwrap().to_vec();
                let length = ours.open_rtcp(&mut theirs).unwrap();
                assert_eq!(theirs[..length], report);
            }
        }
    }

    #[test]
    fn nothing_opens_twice_in_any_order_nor_after_the_sequence_wrapped() {
        for profile in PROFILES {
            let (mut sender, mut receiver) = (other_end(profile), Srtp::new(&keys(profile)).unwrap());
            let mut packets = Vec::new();
            for n in 65_300..66_300u32 {
                let mut sealed = Vec::new();
                assert!(sender.seal_rtp(&rtp(5, n as u16, false, 50), &mut sealed));
                packets.push(sealed);
            }
            // Neighbours swapped: reordering is not a replay.
            for pair in packets.chunks(2) {
                for packet in pair.iter().rev() {
                    assert!(receiver.open_rtp(&mut packet.clone()).is_ok());
                }
            }
            let replayed = packets.iter().cycle().take(10_000).filter(|packet| receiver.open_rtp(&mut (*packet).clone()).is_ok()).count();
            assert_eq!(replayed, 0);
            // One cycle later the same bytes stand for other indices, and their tags are wrong.
            for n in 66_300..132_000u32 {
                let mut sealed = Vec::new();
                sender.seal_rtp(&rtp(5, n as u16, false, 1), &mut sealed);
                assert!(receiver.open_rtp(&mut sealed).is_ok());
            }
            assert!(packets.iter().all(|packet| receiver.open_rtp(&mut packet.clone()).is_err()));
        }
    }

    #[test]
    fn replayed_rtcp_is_refused() {
        for profile in PROFILES {
            let (mut sender, mut receiver) = (other_end(profile), Srtp::new(&keys(profile)).unwrap());
            let mut sealed = Vec::new();
            sender.seal_rtcp(&[0x80, 201, 0, 1, 1, 2, 3, 4], &mut sealed);
            assert_eq!(receiver.open_rtcp(&mut sealed.clone()), Ok(8));
            assert_eq!(receiver.open_rtcp(&mut sealed.clone()), Err(Refused::Replayed));
        }
    }

    #[test]
    fn every_flipped_bit_and_truncation_is_refused_and_leaves_no_state() {
        for profile in PROFILES {
            let (mut sender, mut receiver) = (other_end(profile), Srtp::new(&keys(profile)).unwrap());
            let (mut media, mut report) = (Vec::new(), Vec::new());
            sender.seal_rtp(&rtp(5, 9, true, 40), &mut media);
            sender.seal_rtcp(&[0x80, 201, 0, 1, 1, 2, 3, 4], &mut report);
            for bit in 0..media.len() * 8 {
                let mut packet = media.clone();
                packet[bit / 8] ^= 1 << (bit % 8);
                assert!(receiver.open_rtp(&mut packet).is_err(), "{profile:?} bit {bit}");
            }
            for bit in 0..report.len() * 8 {
                let mut packet = report.clone();
                packet[bit / 8] ^= 1 << (bit % 8);
                assert!(receiver.open_rtcp(&mut packet).is_err(), "{profile:?} bit {bit}");
            }
            (0..media.len()).for_each(|length| assert!(receiver.open_rtp(&mut media[..length].to_vec()).is_err()));
            (0..report.len()).for_each(|length| assert!(receiver.open_rtcp(&mut report[..length].to_vec()).is_err()));
            assert_eq!(receiver.ssrcs(), 0);
        }
    }

    #[test]
    fn a_sequence_number_is_sealed_once() {
        let mut ours = Srtp::new(&keys(Profile::Gcm128)).unwrap();
        let mut out = Vec::new();
        assert!(ours.seal_rtp(&rtp(5, 9, false, 40), &mut out));
        let length = out.len();
        assert!(!ours.seal_rtp(&rtp(5, 9, false, 41), &mut out));
        assert_eq!(out.len(), length);
    }

    #[test]
    fn a_million_forged_ssrcs_leave_no_state() {
        let mut receiver = Srtp::new(&keys(Profile::Gcm128)).unwrap();
        for ssrc in 0..1_000_000 {
            assert_eq!(receiver.open_rtp(&mut rtp(ssrc, ssrc as u16, false, 30)), Err(Refused::Forged));
        }
        assert_eq!(receiver.ssrcs(), 0);
    }

    #[test]
    fn verified_ssrcs_are_bounded() {
        let (mut sender, mut receiver) = (other_end(Profile::Gcm128), Srtp::new(&keys(Profile::Gcm128)).unwrap());
        sender.outbound.rtp_seen = Seen::default();
        let opened = (0..200)
            .filter(|ssrc| {
                sender.outbound.rtp_seen = Seen::default();
                let mut sealed = Vec::new();
                sender.seal_rtp(&rtp(*ssrc, 1, false, 30), &mut sealed);
                receiver.open_rtp(&mut sealed).is_ok()
            })
            .count();
        assert_eq!(opened, limits::SRTP_SSRCS);
    }
}
