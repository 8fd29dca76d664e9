//! One mail to one mail server over SMTP, and what became of it. Refuses to know what the mail says and when it is tried again.

use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body, Mailbox, Message, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters, TlsVersion};
use lettre::transport::smtp::commands;
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use tokio::time::timeout;

use super::NotifyError;
use super::calendar::Method;
use super::courier::{Couriers, Parcel};
use super::letter::{Letter, one_line};
use crate::config::secret::Secret;
use crate::config::{self, MailSecurity};
use crate::limits;
use crate::time::Timestamp;

/// How long a server may take to say good-bye.
const GOOD_BYE: Duration = Duration::from_secs(2);

/// What became of something that was to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// Taken.
    Taken,
    /// Not now: this one is tried again later.
    Later(&'static str),
    /// Nobody is there, or nobody takes anything: all wait.
    Unreachable(&'static str),
    /// Never: this one is refused for good.
    Never(&'static str),
}

/// The word for a server that cannot be reached, by which what waits for it is found.
pub(super) const UNREACHABLE: &str = "unreachable";

/// The mail server, as the settings name it.
pub struct Mailer {
    host: String,
    port: u16,
    security: MailSecurity,
    tls: Option<TlsParameters>,
    sign_in: Option<(String, Secret)>,
    from: Mailbox,
    hello: ClientId,
    couriers: Option<Couriers>,
}

/// Everything of a mail but its sender.
pub(super) struct Mail<'a> {
    /// The same however often it is tried: who gets it twice has it once.
    pub(super) id: &'a str,
    pub(super) to_name: &'a str,
    pub(super) to_address: &'a str,
    pub(super) language: &'a str,
    pub(super) letter: &'a Letter,
    pub(super) calendar: Option<(Method, String)>,
    pub(super) at: Timestamp,
}

impl Mailer {
    /// None where no mail is to be sent.
    pub fn new(settings: &config::Mail) -> Result<Option<Self>, NotifyError> {
        let Some((host, port)) = &settings.server else { return Ok(None) };
        let from: Mailbox = settings.from.as_ref().and_then(|from| from.parse().ok()).ok_or(NotifyError::NoSender)?;
        let sign_in = match (&settings.username, &settings.password_file) {
            (Some(name), Some(file)) => Some((name.clone(), Secret::read(file)?)),
            (None, None) => None,
            _ => return Err(NotifyError::HalfSignIn),
        };
        if sign_in.is_some() && settings.security == MailSecurity::None && !is_this_machine(host) {
            return Err(NotifyError::PlainPassword);
        }
        let port = port.unwrap_or_else(|| settings.security.port());
        Self::with(bare(host), port, settings.security, sign_in, from).map(Some)
    }

    fn with(host: &str, port: u16, security: MailSecurity, sign_in: Option<(String, Secret)>, from: Mailbox) -> Result<Self, NotifyError> {
        let tls = match security {
            MailSecurity::None => None,
            _ => {
                let parameters = TlsParameters::builder(host.to_owned()).set_min_tls_version(TlsVersion::Tlsv12).build_rustls();
                Some(parameters.map_err(|error| NotifyError::Tls(error.to_string()))?)
            }
        };
        let hello = ClientId::Domain(from.email.domain().to_owned());
        Ok(Self { host: host.to_owned(), port, security, tls, sign_in, from, hello, couriers: None })
    }

    /// As the courier of a parcel knows it.
    pub(super) fn of(parcel: &Parcel) -> Option<Self> {
        let sign_in = parcel.sign_in.as_ref().map(|(name, secret)| (name.clone(), Secret::told(secret.clone())));
        Self::with(&parcel.host, parcel.port, parcel.security, sign_in, Mailbox::new(None, parcel.from.parse().ok()?)).ok()
    }

    /// From now on mails are carried by processes of their own.
    pub(super) fn with_couriers(self, couriers: Couriers) -> Self {
        Self { couriers: Some(couriers), ..self }
    }

    /// Who carries, if anybody does.
    pub(super) fn couriers(&self) -> Option<&Couriers> {
        self.couriers.as_ref()
    }

    /// Whether it can be written to, in a sentence for the operator.
    pub(super) async fn reach(&self) -> Result<String, String> {
        let server = format!("mail server {} port {}", self.host, self.port);
        match self.connect().await {
            Ok(mut line) => {
                let _ = timeout(GOOD_BYE, line.quit()).await;
                Ok(format!("{server} answers{}", if self.sign_in.is_some() { " and takes the sign-in" } else { "" }))
            }
            Err((_, why)) => Err(format!("{server} cannot be used now: {why}")),
        }
    }

    /// Sends one mail, by a courier where there are some.
    pub(super) async fn send(&self, mail: &Mail<'_>) -> Delivery {
        let Some(message) = self.message(mail) else { return Delivery::Never("address") };
        let (from, to) = (self.from.email.to_string(), mail.to_address);
        let Some(couriers) = &self.couriers else { return self.deliver(&from, to, &message).await };
        let Ok(message) = String::from_utf8(message) else { return Delivery::Never("address") };
        let sign_in = self.sign_in.as_ref().map(|(name, secret)| (name.clone(), secret.text().to_owned()));
        let (id, host, to) = (mail.id.to_owned(), self.host.clone(), to.to_owned());
        couriers.carry(&Parcel { id, host, port: self.port, security: self.security, sign_in, from, to, message }).await
    }

    /// Delivers a written mail on a line of its own.
    pub(super) async fn deliver(&self, from: &str, to: &str, message: &[u8]) -> Delivery {
        let (Ok(from), Ok(to)) = (from.parse(), to.parse()) else { return Delivery::Never("address") };
        let Ok(envelope) = Envelope::new(Some(from), vec![to]) else { return Delivery::Never("address") };
        let mut line = match self.connect().await {
            Ok(line) => line,
            Err((fault, _)) => return Delivery::Unreachable(fault),
        };
        let sent = timeout(limits::MAIL_SEND, hand_over(&mut line, &envelope, message)).await;
        match sent {
            Ok(Ok(())) => {
                // The good-bye is nobody's business any more: what was taken is to be marked at once.
                tokio::spawn(async move { timeout(GOOD_BYE, line.quit()).await });
                Delivery::Taken
            }
            Ok(Err(delivery)) => {
                line.abort().await;
                delivery
            }
            Err(_) => {
                line.abort().await;
                Delivery::Unreachable(UNREACHABLE)
            }
        }
    }

    /// A line that is ready for mails, or the word for what failed and a sentence for the operator.
    async fn connect(&self) -> Result<AsyncSmtpConnection, (&'static str, String)> {
        let opened = async {
            let wrapped = if self.security == MailSecurity::Tls { self.tls.clone() } else { None };
            let address = (self.host.as_str(), self.port);
            let failed = |error: lettre::transport::smtp::Error| (UNREACHABLE, error.to_string());
            let mut line = AsyncSmtpConnection::connect_tokio1(address, Some(limits::MAIL_CONNECT), &self.hello, wrapped, None)
                .await
                .map_err(failed)?;
            if let (MailSecurity::StartTls, Some(tls)) = (self.security, &self.tls) {
                line.starttls(tls.clone(), &self.hello).await.map_err(failed)?;
            }
            if let Some((name, secret)) = &self.sign_in {
                let credentials = Credentials::new(name.clone(), secret.text().to_owned());
                let refused = |error: lettre::transport::smtp::Error| (UNREACHABLE, format!("the sign-in was refused: {error}"));
                line.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(refused)?;
            }
            Ok(line)
        };
        match timeout(limits::MAIL_CONNECT, opened).await {
            Ok(line) => line,
            Err(_) => Err((UNREACHABLE, format!("no answer within {} s", limits::MAIL_CONNECT.as_secs()))),
        }
    }

    /// None when the address is none after all.
    fn message(&self, mail: &Mail<'_>) -> Option<Vec<u8>> {
        let name = Some(one_line(mail.to_name)).filter(|name| !name.is_empty());
        let to = Mailbox::new(name, mail.to_address.parse().ok()?);
        let date = UNIX_EPOCH + Duration::from_millis(mail.at.0.unsigned_abs());
        let head = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(mail.letter.subject.clone())
            .date(date)
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            .header(AutoSubmitted)
            .header(ContentLanguage(mail.language.to_owned()));
        let two = MultiPart::alternative()
            .singlepart(SinglePart::plain(mail.letter.text().ok()?))
            .singlepart(SinglePart::html(mail.letter.html().ok()?));
        let message = match &mail.calendar {
            None => head.multipart(two),
            Some((method, file)) => {
                // Once for mail programs that answer invitations by themselves, once as a file for all others.
                let kind = format!("text/calendar; charset=utf-8; method={}", method.word());
                let inline = SinglePart::builder().header(ContentType::parse(&kind).ok()?).body(base64(file)?);
                let attached =
                    Attachment::new(String::from("appointment.ics")).body(base64(file)?, ContentType::parse("application/ics").ok()?);
                head.multipart(MultiPart::mixed().multipart(two.singlepart(inline)).singlepart(attached))
            }
        };
        Some(message.ok()?.formatted())
    }
}

/// The steps of SMTP for one mail.
async fn hand_over(line: &mut AsyncSmtpConnection, envelope: &Envelope, message: &[u8]) -> Result<(), Delivery> {
    let mut parameters = Vec::new();
    if envelope.to().iter().chain(envelope.from()).any(|address| !address.to_string().is_ascii()) {
        if !line.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(Delivery::Never("address"));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    // A sender that is refused is the operator's to put right: no mail is lost for it.
    let began = line.command(commands::Mail::new(envelope.from().cloned(), parameters)).await;
    began.map_err(|error| if error.is_permanent() { Delivery::Later("sender") } else { of_error(&error) })?;
    for to in envelope.to() {
        line.command(commands::Rcpt::new(to.clone(), Vec::new())).await.map_err(|error| of_error(&error))?;
    }
    line.command(commands::Data).await.map_err(|error| of_error(&error))?;
    line.message(message).await.map(drop).map_err(|error| of_error(&error))
}

fn of_error(error: &lettre::transport::smtp::Error) -> Delivery {
    match error {
        error if error.is_permanent() => Delivery::Never("refused"),
        error if error.is_transient() => Delivery::Later("not_now"),
        _ => Delivery::Unreachable(UNREACHABLE),
    }
}

/// Line ends and folds of a calendar must arrive as they are.
fn base64(file: &str) -> Option<Body> {
    Body::new_with_encoding(file.as_bytes().to_vec(), ContentTransferEncoding::Base64).ok()
}

/// RFC 3834: no machine answers this.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), String::from("auto-generated"))
    }
}

/// RFC 3282, for who has mails read aloud.
#[derive(Clone)]
struct ContentLanguage(String);

impl Header for ContentLanguage {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Content-Language")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}

/// An IPv6 address stands in brackets in the settings alone.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Whether what goes there stays on this machine.
pub(super) fn is_this_machine(host: &str) -> bool {
    bare(host).eq_ignore_ascii_case("localhost") || bare(host).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
