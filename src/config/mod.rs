//! Every setting by file, environment and command line; knows what is wrong with one and says so with file and line. Refuses to know what the settings do.

mod judged;
mod openid;
mod problem;
pub mod secret;
mod services;
mod settings;
mod sources;
mod topics;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::access::assurance::Assurance;
use crate::agenda::calendar::Calendar;
use crate::agenda::holiday::Holiday;
use crate::agenda::hours::Hours;
use crate::agenda::identity::IdentityCheck;
use crate::agenda::phase::LinkRules;
use crate::agenda::topic::Topic;
use crate::documents::ledger::Quota;

pub use openid::{OpenId, OpenIdCitizens, OpenIdStaff};
pub use problem::{Place, Problem};
pub use settings::{SETTINGS, Setting, documented};
pub use sources::{LOAD_KEY_VARIABLE, Sources, command_line};

/// All settings, parsed: nothing here can be wrong any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The web server.
    pub web: Web,
    /// The certificate of the web server.
    pub tls: Tls,
    /// The media plane.
    pub media: Media,
    /// Embedded database, master key, documents, demo data.
    pub data_directory: PathBuf,
    /// The address of a PostgreSQL database, without a password; none: the embedded one.
    pub database: Option<String>,
    /// The file with its password.
    pub database_password_file: Option<PathBuf>,
    /// What is logged and how.
    pub log: Log,
    /// Mail to citizens.
    pub mail: Mail,
    /// Short messages and events to a portal.
    pub webhook: Webhook,
    /// Where citizens sign in, when they do.
    pub citizens: OpenIdCitizens,
    /// Where the staff signs in, beside local accounts.
    pub staff: OpenIdStaff,
    /// Local accounts need a second factor; never in demo mode.
    pub second_factor: bool,
    /// The services by their key.
    pub services: BTreeMap<String, Service>,
    /// Demo mode: an account, a key and an appointment that anybody at this machine may use.
    pub demo: bool,
    /// This binary, which carries mails in processes of its own; none where the server runs in another program. No setting.
    pub program: Option<PathBuf>,
    /// Whoever holds an API key may run load tests: simulated people, and figures about the process.
    pub load_allowed: bool,
    /// Requests that one portal's key has a minute.
    pub api_per_minute: u32,
}

/// The web server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Web {
    /// HTTPS listeners.
    pub https: Vec<SocketAddr>,
    /// Plain HTTP listeners; loopback only.
    pub http: Vec<SocketAddr>,
    /// `https://host[:port]`, without a slash at the end, when it cannot be guessed.
    pub public_url: Option<String>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
}

/// The certificate of the web server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// Where certificates are looked for, and the development certificate is made.
    pub directory: PathBuf,
    /// The operator's chain, PEM, when it is elsewhere.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub private_key: Option<PathBuf>,
}

/// The media plane.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Media {
    /// Addresses written into answers, best first; empty means every address of every interface, loopback last.
    pub addresses: Vec<IpAddr>,
    /// 1:1 NAT: (address of this machine, the public address that leads to it).
    pub nat: Vec<(IpAddr, IpAddr)>,
    /// Media may come by TCP on the HTTPS listeners where UDP is blocked.
    pub tcp: bool,
    /// Media may come by TURN inside TLS on the HTTPS listeners.
    pub relay: bool,
    /// Where browsers reach the HTTPS listeners, when that is not where they listen.
    pub tcp_addresses: Vec<SocketAddr>,
    /// First UDP port.
    pub port: u16,
    /// Worker threads, one port each.
    pub workers: usize,
    /// DTLS 1.3 with clients that offer it; without, 1.2 is the cap.
    pub dtls13: bool,
}

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// JSON lines instead of text.
    pub json: bool,
}

/// Mail to citizens; off without a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mail {
    /// Host and, when it is not the usual one, port of the mail server that takes what we send.
    pub server: Option<(String, Option<u16>)>,
    /// Whom mails come from: `Service <no-reply@example.lu>`.
    pub from: Option<String>,
    /// How the line to it is secured.
    pub security: MailSecurity,
    /// With which it is signed in, when it asks for that.
    pub username: Option<String>,
    /// The file with the password.
    pub password_file: Option<PathBuf>,
}

/// How the line to the mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum MailSecurity {
    /// A plain greeting, then TLS, or nothing is sent (port 587).
    #[default]
    StartTls,
    /// TLS from the first byte on (port 465).
    Tls,
    /// Not at all (port 25): for a mail server on this machine.
    None,
}

impl MailSecurity {
    /// The usual port.
    pub fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// Short messages and events to a portal; off without an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Webhook {
    /// Where they are posted to: `https://…`, or `http://` on this machine.
    pub url: Option<String>,
    /// The file with the secret that signs them.
    pub secret_file: Option<PathBuf>,
}

/// One service that citizens consult.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// Its name by language (`en`, `fr`, `de`, `lb`).
    pub names: BTreeMap<String, String>,
    /// Shown on every page of the citizen.
    pub helpdesk_phone: String,
    /// IANA name.
    pub time_zone: String,
    /// Length of a slot.
    pub slot: Duration,
    /// When slots exist; no two of them hold at the same time.
    pub opening_hours: Vec<Hours>,
    /// Days without slots.
    pub holidays: Vec<Holiday>,
    /// How many appointments go on at once, where the opening hours say nothing else.
    pub agents_on_duty: u16,
    /// Slots that begin later than this from now are not offered yet.
    pub book_ahead: Duration,
    /// Citizens book by themselves.
    pub public_booking: bool,
    /// What it can be consulted about, by key; never empty.
    pub topics: BTreeMap<String, Topic>,
    /// The numbers of rules O, R, L and D, and of the copy of the identity card.
    pub rules: LinkRules,
    /// Of whom a copy of the identity card is asked.
    pub identity_check: IdentityCheck,
    /// How many documents an appointment may have, and how large.
    pub quota: Quota,
    /// How long before the start people are reminded; at most `limits::REMINDERS`.
    pub reminders: Vec<Duration>,
    /// Who joins must have shown who they are with at least this assurance.
    pub step_up: Option<Assurance>,
}

impl Service {
    /// The name in this language, else in English.
    pub fn name(&self, language: &str) -> &str {
        self.names.get(language).or_else(|| self.names.get("en")).map_or("", String::as_str)
    }

    /// When it can be consulted.
    pub fn calendar(&self) -> Calendar {
        Calendar {
            // The name was judged when it was read.
            zone: jiff::tz::TimeZone::get(&self.time_zone).unwrap_or(jiff::tz::TimeZone::UTC),
            hours: self.opening_hours.clone(),
            holidays: self.holidays.clone(),
            slot: self.slot,
            agents: self.agents_on_duty,
        }
    }
}

/// A range of addresses in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// `10.0.0.0/8`, `2001:db8::/32`, or one address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(longest), |prefix| prefix.parse().ok())?;
        (prefix <= longest).then_some(Self { address, prefix })
    }

    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        fn bits(address: IpAddr) -> (u128, u32) {
            match address.to_canonical() {
                IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, 32),
                IpAddr::V6(v6) => (u128::from(v6), 128),
            }
        }
        let ((own, own_width), (other, other_width)) = (bits(self.address), bits(address));
        let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
        own_width == other_width && own & mask == other & mask
    }
}

impl Default for Config {
    /// The defaults of the table of settings.
    fn default() -> Self {
        // The table's own defaults are parsed by its own parsers; a test holds that none of them fails.
        Sources::default().read().unwrap_or_else(|_| Self::blank())
    }
}

impl Config {
    fn blank() -> Self {
        Self {
            web: Web::default(),
            tls: Tls::default(),
            media: Media::default(),
            data_directory: PathBuf::new(),
            database: None,
            database_password_file: None,
            log: Log::default(),
            mail: Mail::default(),
            webhook: Webhook::default(),
            citizens: OpenIdCitizens::default(),
            staff: OpenIdStaff::default(),
            second_factor: false,
            services: BTreeMap::new(),
            demo: false,
            program: None,
            load_allowed: false,
            api_per_minute: crate::limits::API_PER_MINUTE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_holds_its_addresses_and_no_other() {
        let ten = Network::parse("10.0.0.0/8").unwrap();
        assert!(ten.contains("10.200.3.4".parse().unwrap()));
        assert!(ten.contains("::ffff:10.1.1.1".parse().unwrap()));
        assert!(!ten.contains("11.0.0.1".parse().unwrap()));
        assert!(!ten.contains("a00::1".parse().unwrap()));
        assert!(Network::parse("0.0.0.0/0").unwrap().contains("192.0.2.1".parse().unwrap()));
        assert!(Network::parse("2001:db8::/32").unwrap().contains("2001:db8:1::1".parse().unwrap()));
        assert!(Network::parse("192.0.2.1").unwrap().contains("192.0.2.1".parse().unwrap()));
        assert_eq!(Network::parse("10.0.0.0/33"), None);
        assert_eq!(Network::parse("ten"), None);
    }
}
