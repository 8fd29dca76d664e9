//! Credentials for the relay: made from a secret of this process and told apart by person, so that nothing need be kept of them. Told the time; refuses to know
//! sockets.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use md5::{Digest, Md5};

use crate::limits;
use crate::time::Timestamp;

/// What a relay's long-term credentials belong to (RFC 8489 §9.2).
pub const REALM: &str = "visavis";

/// Makes and checks credentials.
#[derive(Clone)]
pub struct RelaySecret(hmac::Key);

/// What a person gives the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayCredential {
    /// `expiry in seconds since 1970 ":" who`, the second in hex and saying nothing to anybody else.
    pub username: String,
    /// HMAC of the username.
    pub password: String,
}

/// A username that may be one of ours: only the integrity of the message proves it.
pub struct Claim {
    /// Who, the same for every credential of one person.
    pub who: String,
    /// The key of MESSAGE-INTEGRITY if the username is ours.
    pub key: hmac::Key,
}

impl RelaySecret {
    /// From 32 random bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// For one person, who may open allocations for so long; `person` is anything that names them, and cannot be read from the credential.
    pub fn issue(&self, person: &str, lasts: Duration, now: Timestamp) -> RelayCredential {
        let expires = now.after(lasts).0 / 1000;
        let who = hmac::sign(&self.0, format!("who {person}").as_bytes());
        let who: String = who.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let username = format!("{expires}:{who}");
        let password = self.password(&username);
        RelayCredential { username, password }
    }

    /// What this username must be proved with; `None` when it is expired or was never ours.
    pub fn claim(&self, username: &[u8], now: Timestamp) -> Option<Claim> {
        let username = std::str::from_utf8(username).ok()?;
        let (expires, who) = username.split_once(':')?;
        let expires: i64 = expires.parse().ok()?;
        let latest = now.after(limits::AGENT_SIGN_IN).0 / 1000;
        if who.len() != 16 || expires < now.0 / 1000 || expires > latest {
            return None;
        }
        // RFC 8489 §9.2.2 leaves MD5 to clients that know no other; what it hashes is 256 bits of HMAC.
        let key = Md5::digest(format!("{username}:{REALM}:{}", self.password(username)));
        Some(Claim { who: who.to_owned(), key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key) })
    }

    fn password(&self, username: &str) -> String {
        STANDARD_NO_PAD.encode(hmac::sign(&self.0, format!("password {username}").as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credential_is_good_until_it_expires_and_says_nothing_of_the_person() {
        let secret = RelaySecret::new(&[7; 32]);
        let now = Timestamp(1_800_000_000_000);
        let credential = secret.issue("citizen 42", limits::RELAY_CREDENTIAL, now);
        assert!(
            !credential.username.contains("42:")
                && credential.username.ends_with(&secret.claim(credential.username.as_bytes(), now).unwrap().who)
        );
        assert_eq!(secret.issue("citizen 42", limits::RELAY_CREDENTIAL, now), credential);
        assert_ne!(secret.issue("citizen 43", limits::RELAY_CREDENTIAL, now).username, credential.username);
        assert!(secret.claim(credential.username.as_bytes(), now.after(limits::RELAY_CREDENTIAL)).is_some());
        assert!(secret.claim(credential.username.as_bytes(), now.after(limits::RELAY_CREDENTIAL + Duration::from_secs(1))).is_none());
        assert_ne!(RelaySecret::new(&[8; 32]).issue("citizen 42", limits::RELAY_CREDENTIAL, now).password, credential.password);
    }

    #[test]
    fn no_username_lives_longer_than_a_credential_may() {
        let secret = RelaySecret::new(&[7; 32]);
        let now = Timestamp(1_800_000_000_000);
        let too_long = secret.issue("agent 1", 2 * limits::AGENT_SIGN_IN, now);
        assert!(secret.claim(too_long.username.as_bytes(), now).is_none());
        for username in
            ["", ":", "1800000000", "9999999999:0123456789abcdef", "1800000000:short", "x:0123456789abcdef", "-1:0123456789abcdef"]
        {
            assert!(secret.claim(username.as_bytes(), now).is_none(), "{username}");
        }
        assert!(secret.claim(&[0xff, b':'], now).is_none());
    }
}
