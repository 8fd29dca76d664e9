//! What leaves the server: mail with calendar entries, short messages and events by a signed webhook, taken out of the outbox by one task. Decides nothing
//! about appointments; a server at the other end that is slow or gone delays what leaves, and nobody else.

pub mod calendar;
mod content_line;
mod courier;
mod letter;
mod mailbox;
mod mailer;
mod sender;
mod short_message;
mod webhook;
mod when;
mod words;
mod zone;

use std::collections::BTreeMap;
use std::path::PathBuf;

use lettre::message::Mailbox as Sender;

use crate::config::secret::SecretError;
use crate::config::{Config, MailSecurity, Service};
use crate::store::{Outlets, Store};
use crate::time::Clock;

use courier::Couriers;

pub use courier::run as run_courier;
pub use letter::{Letter, Sheet};
pub use mailbox::{Kept, Mailbox};
pub use mailer::Mailer;
pub use sender::run;
pub use webhook::{Webhook, signature};

/// What is wrong with the settings of mail and webhook; the operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// Mails need a sender.
    #[error("mail.server is set and mail.from is not: mails need an address that they come from")]
    NoSender,
    /// A user name without a password or the other way round.
    #[error("mail.username and mail.password_file belong together: set both or neither")]
    HalfSignIn,
    /// The password would cross the network in the clear.
    #[error(
        "mail.security = \"none\" would send the password of mail.username in the clear to another machine: use \"starttls\" or \"tls\""
    )]
    PlainPassword,
    /// The certificates that the system knows could not be used.
    #[error("TLS to the mail server or the webhook cannot be prepared: {0}")]
    Tls(String),
    /// Events are signed.
    #[error("webhook.url is set and webhook.secret_file is not: what is posted must be signed")]
    NoSecret,
    /// The secret can be guessed.
    #[error("{}: a secret of fewer than 16 characters can be guessed", .0.display())]
    ShortSecret(PathBuf),
    /// A secret's file cannot be used.
    #[error(transparent)]
    SecretFile(#[from] SecretError),
}

/// What a mail or a calendar entry is made from, beside its appointment.
#[derive(Debug, Clone)]
pub struct House {
    /// The services by key.
    pub services: BTreeMap<String, Service>,
    /// What stands in links, without a slash at the end.
    pub base_url: String,
    /// Whom mails and calendar entries come from; none without mail.
    pub from: Option<Sender>,
}

impl House {
    /// From the settings; links begin with `base_url`.
    pub fn new(config: &Config, base_url: &str) -> Self {
        let demo = config.demo.then_some(DEMO_SENDER);
        let from = config.mail.from.as_deref().or(demo).and_then(|from| from.parse().ok());
        Self { services: config.services.clone(), base_url: base_url.to_owned(), from }
    }
}

/// Whom the mails of the demo would come from.
const DEMO_SENDER: &str = "Visavis demo <demo@visavis.example>";

/// The ways out of the server, as far as they are configured.
pub struct Notify {
    house: House,
    mailer: Option<Mailer>,
    /// Instead of a mail server, in demo mode.
    mailbox: Option<Mailbox>,
    webhook: Option<Webhook>,
}

impl Notify {
    /// Reads the secrets and prepares TLS. Connects to nobody.
    pub fn new(config: &Config, base_url: &str) -> Result<Self, NotifyError> {
        let (mailer, webhook) = (Mailer::new(&config.mail)?, Webhook::new(&config.webhook)?);
        let mailer = mailer.map(|mailer| match &config.program {
            Some(program) => mailer.with_couriers(Couriers::new(program.clone(), &config.data_directory)),
            None => mailer,
        });
        let mailbox = (config.demo && mailer.is_none()).then(Mailbox::default);
        Ok(Self { house: House::new(config, base_url), mailer, mailbox, webhook })
    }

    /// Where mails are kept instead of being sent.
    pub fn mailbox(&self) -> Option<Mailbox> {
        self.mailbox.clone()
    }

    /// What can be sent: only that is to be written into the outbox.
    pub fn outlets(&self) -> Outlets {
        let reminders = self.house.services.iter().map(|(key, service)| (key.clone(), service.reminders.clone()));
        let mail = self.mailer.is_some() || self.mailbox.is_some();
        Outlets { mail, webhook: self.webhook.is_some(), reminders: reminders.collect() }
    }

    /// Tells the store what can be sent, and answers the one task that sends it.
    pub async fn begin(self, store: &Store, clock: &Clock) -> Result<Sending, crate::store::StoreError> {
        store.set_outlets(&self.outlets(), clock.now()).await?;
        Ok(Sending { notify: self, store: store.clone(), clock: clock.clone() })
    }

    /// A sentence for each way out that was tried and did not answer, and for each that did: for `visavis check`.
    pub async fn reach(&self) -> Vec<Result<String, String>> {
        let mut said = Vec::new();
        if let Some(mailer) = &self.mailer {
            said.push(mailer.reach().await);
        }
        if let Some(webhook) = &self.webhook {
            said.push(webhook.reach().await);
        }
        said
    }
}

/// The sending task before it runs.
pub struct Sending {
    notify: Notify,
    store: Store,
    clock: Clock,
}

/// What is unsafe or missing though the server starts with it: for `visavis check`.
pub fn doubts(config: &Config) -> Vec<String> {
    let mut doubts = Vec::new();
    if let Some((host, _)) = &config.mail.server
        && config.mail.security == MailSecurity::None
        && !mailer::is_this_machine(host)
    {
        doubts.push(format!(
            "mail.security is \"none\" and {host} is another machine: names, times and links of citizens cross the network in the clear"
        ));
    }
    if config.mail.server.is_none() {
        doubts.push(String::from("mail.server is not set: citizens get no mail, and must write down their link when they book"));
    }
    doubts
}
