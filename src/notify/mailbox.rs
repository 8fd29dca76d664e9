//! The demo's mailbox: mails that would have been sent, kept in memory for whoever tries the demo. Never on a server that real people use: anybody may read it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::letter::Sheet;
use super::mailer::{Delivery, Mail};
use crate::limits;

/// At most `limits::DEMO_MAILS`, the oldest first. Clones are the same mailbox.
#[derive(Clone, Default)]
pub struct Mailbox(Arc<Mutex<VecDeque<Kept>>>);

/// One mail with its parts. Has no `Debug`: it is personal.
#[derive(Clone, Serialize)]
pub struct Kept {
    /// The address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// The calendar file; empty where the mail has none.
    pub ics: String,
    /// Where its links lead.
    pub links: Links,
}

/// The links of a mail.
#[derive(Clone, Serialize)]
pub struct Links {
    /// The join link; empty where the mail has none, as the next one.
    pub join: String,
    /// The cancel link.
    pub cancel: String,
}

impl Mailbox {
    /// `sheet`: of an appointment; a mail about something else has no links.
    pub(super) fn keep(&self, mail: &Mail<'_>, sheet: Option<&Sheet<'_>>) -> Delivery {
        let (Ok(text), Ok(html)) = (mail.letter.text(), mail.letter.html()) else { return Delivery::Never("unwritable") };
        let kept = Kept {
            to: mail.to_address.to_owned(),
            subject: mail.letter.subject.clone(),
            text,
            html,
            ics: mail.calendar.as_ref().map(|(_, file)| file.clone()).unwrap_or_default(),
            links: Links {
                join: sheet.map_or_else(String::new, |sheet| sheet.join_url.clone()),
                cancel: sheet.map_or_else(String::new, |sheet| sheet.cancel_url.clone()),
            },
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= limits::DEMO_MAILS {
            all.pop_front();
        }
        all.push_back(kept);
        Delivery::Taken
    }

    /// All of them, the oldest first.
    pub fn all(&self) -> Vec<Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
