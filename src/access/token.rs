//! A bearer secret of 256 bits: join link, sign-in cookie, API key. Written once to its holder; everybody else keeps its SHA-256.

use std::fmt;

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What is kept of a token at rest: its SHA-256. 256 random bits need no slow hash (trust.md S1).
pub type TokenHash = [u8; 32];

/// 32 secret bytes, wiped when dropped, never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Token([u8; 32]);

impl Token {
    /// From bytes that the caller drew or computed.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads the form of `text`: exactly 43 characters of base64url without padding, the one canonical spelling.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 43 {
            return None;
        }
        let mut bytes = [0; 32];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(32) => Some(Self(bytes)),
            _ => None,
        }
    }

    /// 43 characters of base64url without padding.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The SHA-256 under which the store finds the holder. Looking up by hash needs no constant-time comparison (S4).
    pub fn hash(&self) -> TokenHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, &self.0).as_ref());
        hash
    }

    /// A key that only the holder of this token can make: HMAC-SHA-256(token, purpose). What it seals, a stolen store does not open.
    pub fn key(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), purpose.as_bytes()).as_ref());
        key
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_survives_its_text() {
        let token = Token::new([0xA7; 32]);
        assert_eq!(token.text().len(), 43);
        assert_eq!(Token::parse(&token.text()), Some(token));
    }

    #[test]
    fn only_the_canonical_spelling_is_read() {
        let text = Token::new([1; 32]).text();
        assert_eq!(Token::parse(&format!("{text}=")), None);
        assert_eq!(Token::parse(&text[..42]), None);
        assert_eq!(Token::parse(&format!("{}!", &text[..42])), None);
        // 43 characters carry 258 bits: the last two must be zero, or one link would have four spellings.
        assert_eq!(Token::parse(&format!("{}/", "A".repeat(42))), None);
        assert_eq!(Token::parse(&format!("{}B", "A".repeat(42))), None);
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Token::new([7; 32])), "Token(…)");
    }
}
