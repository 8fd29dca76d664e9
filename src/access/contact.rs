//! The mark of an e-mail address, a phone number or a person at an identity provider: tells whether the same one asks again, without keeping it. Refuses to know what is asked.

use std::fmt;

use aws_lc_rs::hmac;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::ids::AgentId;

/// HMAC-SHA-256: the same contact at the same service has the same mark, and nobody without the key can try addresses against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(pub [u8; 32]);

/// The key of all marks of an installation.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ContactKey([u8; 32]);

impl ContactKey {
    /// From bytes that the caller drew or opened.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Of an e-mail address. Capitals and what stands behind a `+` lead to the same mailbox, so they make no other mark.
    pub fn of_email(&self, service: &str, email: &str) -> Mark {
        let lower = email.to_lowercase();
        let (local, domain) = lower.split_once('@').unwrap_or((&lower, ""));
        let mailbox = local.split('+').next().unwrap_or(local);
        self.mark(&["email", service, mailbox, domain])
    }

    /// Of a phone number: its last eight digits, since the same phone is written with and without what stands before them.
    pub fn of_phone(&self, service: &str, phone: &str) -> Mark {
        let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
        self.mark(&["phone", service, digits.get(digits.len().saturating_sub(8)..).unwrap_or_default()])
    }

    /// Of a person at an identity provider: who signs in there again is known again, and nobody reads from it who that is.
    pub fn of_person(&self, issuer: &str, subject: &str) -> Mark {
        self.mark(&["person", issuer, subject])
    }

    /// The same person among those who hold places of a service.
    pub fn of_holder(&self, service: &str, person: Mark) -> Mark {
        let hex: String = person.0.iter().map(|byte| format!("{byte:02x}")).collect();
        self.mark(&["holder", service, &hex])
    }

    /// Of a code with which an account is recovered.
    pub fn of_recovery_code(&self, agent: AgentId, spelling: &str) -> Mark {
        self.mark(&["recovery", &agent.0.to_string(), spelling])
    }

    /// Each part with its length before it, so that no two lists of parts sound alike.
    fn mark(&self, parts: &[&str]) -> Mark {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut context = hmac::Context::with_key(&key);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut mark = [0; 32];
        mark.copy_from_slice(context.sign().as_ref());
        Mark(mark)
    }
}

impl fmt::Debug for ContactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContactKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mailbox_has_one_mark_however_it_is_written() {
        let key = ContactKey::new([1; 32]);
        let clara = key.of_email("advice", "clara@example.lu");
        assert_eq!(clara, key.of_email("advice", "Clara+video@Example.lu"));
        for other in ["claire@example.lu", "clara@example.org", "clar@aexample.lu"] {
            assert_ne!(clara, key.of_email("advice", other), "{other}");
        }
        assert_ne!(clara, key.of_email("tax", "clara@example.lu"));
        assert_ne!(clara, ContactKey::new([2; 32]).of_email("advice", "clara@example.lu"));
    }

    #[test]
    fn a_person_is_known_by_provider_and_subject_together() {
        let key = ContactKey::new([1; 32]);
        let clara = key.of_person("https://id.example.lu", "7");
        assert_eq!(clara, key.of_person("https://id.example.lu", "7"));
        for other in
            [key.of_person("https://id.example.lu", "8"), key.of_person("https://id.example.lu/", "7"), key.of_email("person", "7")]
        {
            assert_ne!(clara, other);
        }
        assert_ne!(key.of_holder("advice", clara), key.of_holder("tax", clara));
    }

    #[test]
    fn one_phone_has_one_mark_however_it_is_written() {
        let key = ContactKey::new([1; 32]);
        let phone = key.of_phone("advice", "+352 621 123 456");
        assert_eq!(phone, key.of_phone("advice", "00352-621/123.456"));
        assert_ne!(phone, key.of_phone("advice", "+352 621 123 457"));
        assert_ne!(key.of_phone("advice", "112"), key.of_phone("advice", "113"));
    }
}
