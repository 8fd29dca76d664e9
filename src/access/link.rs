//! The tokens of join link and cancel link: computed from the appointment so that it can be mailed again without being kept. Refuses to know URLs.

use std::fmt;

use aws_lc_rs::hmac;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::token::Token;
use crate::ids::AppointmentId;

/// The key of all join links of an installation.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LinkKey([u8; 32]);

impl LinkKey {
    /// From bytes that the caller drew or opened.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// HMAC-SHA-256(link key, appointment id ‖ epoch), both big-endian (trust.md, rule 3). A higher epoch makes another link.
    pub fn token(&self, appointment: AppointmentId, epoch: u32) -> Token {
        self.token_for(b"", appointment, epoch)
    }

    /// The cancel link's: HMAC-SHA-256(link key, `cancel` ‖ appointment id ‖ epoch). Who holds it cannot make the join link of it, nor the other way round.
    pub fn cancel_token(&self, appointment: AppointmentId, epoch: u32) -> Token {
        self.token_for(b"cancel", appointment, epoch)
    }

    /// What follows the purpose has one length, so no two purposes meet.
    fn token_for(&self, purpose: &[u8], appointment: AppointmentId, epoch: u32) -> Token {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut context = hmac::Context::with_key(&key);
        context.update(purpose);
        context.update(&appointment.0.to_be_bytes());
        context.update(&epoch.to_be_bytes());
        let mut token = [0; 32];
        token.copy_from_slice(context.sign().as_ref());
        Token::new(token)
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_link_is_another_one_and_changes_with_every_input_too() {
        let key = LinkKey::new([1; 32]);
        let token = key.cancel_token(AppointmentId(5), 1);
        assert_eq!(token, key.cancel_token(AppointmentId(5), 1));
        assert_ne!(token, key.token(AppointmentId(5), 1));
        assert_ne!(token, key.cancel_token(AppointmentId(5), 2));
        assert_ne!(token, key.cancel_token(AppointmentId(6), 1));
        assert_ne!(token, LinkKey::new([2; 32]).cancel_token(AppointmentId(5), 1));
    }

    #[test]
    fn same_link_can_be_made_again_and_every_input_changes_it() {
        let key = LinkKey::new([1; 32]);
        let token = key.token(AppointmentId(5), 1);
        assert_eq!(token, key.token(AppointmentId(5), 1));
        assert_ne!(token, key.token(AppointmentId(5), 2));
        assert_ne!(token, key.token(AppointmentId(6), 1));
        assert_ne!(token, LinkKey::new([2; 32]).token(AppointmentId(5), 1));
    }
}
