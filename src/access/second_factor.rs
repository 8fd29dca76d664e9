//! The second factor of local accounts: codes of an app by time (RFC 6238: SHA-1, six digits, thirty seconds) and codes to recover. Told the time and the
//! randomness; refuses to know which were used.

use totp_rs::{Algorithm, Builder, Totp};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::time::Timestamp;

/// What app and server share. Never shown but once, wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Shared(Vec<u8>);

/// Bytes of a secret, as RFC 4226 asks for.
pub const SHARED_BYTES: usize = 20;
/// Codes to recover that an account has at first.
pub const RECOVERY_CODES: usize = 10;
/// Random bytes of one of them: ten characters of 32.
pub const RECOVERY_BYTES: usize = 10;

impl Shared {
    /// From bytes that the caller drew or opened.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// To be sealed.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// To be typed into an app: base32 in groups of four.
    pub fn text(&self) -> String {
        let text = base32(&self.0);
        text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
    }

    /// To be scanned by an app: which server, which account.
    pub fn uri(&self, host: &str, username: &str) -> String {
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
        let issuer = encoded(&format!("Visavis {host}"));
        format!("otpauth://totp/{issuer}:{}?secret={}&issuer={issuer}", encoded(username), base32(&self.0))
    }

    /// The step of time that this code belongs to, when it is one of now, the one before or the one after. A step that was used must not be taken again.
    pub fn step(&self, code: &str, now: Timestamp) -> Option<i64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        if code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let step = self.totp()?.check(&code, u64::try_from(now.0 / 1000).ok()?)?;
        i64::try_from(step).ok()
    }

    /// The code of now: what the app shows.
    pub fn code(&self, now: Timestamp) -> Option<String> {
        Some(self.totp()?.generate(u64::try_from(now.0 / 1000).ok()?).to_string())
    }

    fn totp(&self) -> Option<Totp> {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_skew(1)
            .with_step_duration(30)
            .with_secret(self.0.clone())
            .build()
            .ok()
    }
}

/// `k7q4m-x2p9r`: for the day on which the phone is lost.
pub fn recovery_code(random: [u8; RECOVERY_BYTES]) -> String {
    let letters: String = random.iter().map(|byte| char::from(RECOVERY[usize::from(byte % 32)])).collect();
    format!("{}-{}", &letters[..5], &letters[5..])
}

/// The one spelling of a code to recover, when it may be one.
pub fn recovery_spelling(code: &str) -> Option<String> {
    let letters: String = code.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect();
    (letters.len() == RECOVERY_BYTES).then_some(letters)
}

/// No letter that looks like another.
const RECOVERY: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// RFC 4648 without padding.
fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut text, mut held, mut bits) = (String::new(), 0_u32, 0);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(LETTERS[usize::try_from((held >> bits) & 31).unwrap_or(0)]));
        }
    }
    if bits > 0 {
        text.push(char::from(LETTERS[usize::try_from((held << (5 - bits)) & 31).unwrap_or(0)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    fn shared() -> Shared {
        Shared::new(b"12345678901234567890".to_vec())
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            let now = Timestamp(seconds * 1000);
            assert_eq!(shared().code(now).as_deref(), Some(code));
            assert_eq!(shared().step(code, now), Some(seconds / 30));
        }
    }

    #[test]
    fn a_code_is_good_for_its_own_step_and_its_neighbours() {
        let at = |seconds: i64| Timestamp(seconds * 1000);
        let code = shared().code(at(3_000)).unwrap();
        for (seconds, step) in [(2_969, None), (2_970, Some(100)), (3_029, Some(100)), (3_059, Some(100)), (3_060, None)] {
            assert_eq!(shared().step(&code, at(seconds)), step, "{seconds}");
        }
        assert_eq!(shared().step(&format!("{} {}", &code[..3], &code[3..]), at(3_000)), Some(100));
        for wrong in ["", "12345", "1234567", "abcdef", "-12345"] {
            assert_eq!(shared().step(wrong, at(3_000)), None, "{wrong}");
        }
    }

    #[test]
    fn an_app_reads_the_secret() {
        assert_eq!(base32(b"12345678901234567890"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(base32(b"fooba"), "MZXW6YTB");
        assert_eq!(base32(b"foob"), "MZXW6YQ");
        let uri = shared().uri("video.example.lu", "anna müller");
        assert_eq!(
            uri,
            "otpauth://totp/Visavis%20video.example.lu:anna%20m%C3%BCller?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Visavis%20video.example.lu"
        );
    }

    #[test]
    fn a_code_to_recover_is_read_however_it_is_typed() {
        let code = recovery_code([0, 31, 7, 8, 9, 10, 200, 12, 13, 14]);
        assert_eq!(code.len(), 11);
        let spelling = recovery_spelling(&code).unwrap();
        assert_eq!(recovery_spelling(&format!(" {} ", code.to_uppercase().replace('-', " "))), Some(spelling));
        assert_eq!(recovery_spelling("287082"), None);
    }
}
