//! The table of settings: key, default, explanation, parser. File, environment, command line and `config/visavis.toml` all come from it.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::judged::*;
use super::openid::OPENID;
use super::services::SERVICES;
use super::topics::TOPICS;
use super::{Config, MailSecurity, Network};

/// One setting.
#[derive(Clone, Copy)]
pub struct Setting {
    /// Dotted; the first `*` stands for the key of a service, a second one for that of a topic.
    pub key: &'static str,
    /// The form of its value.
    pub kind: Kind,
    /// As it would stand in the file.
    pub default: &'static str,
    /// What it does, a sentence or two.
    pub about: &'static str,
    /// Judges the value and sets it for the service of this key (`advice`), or the topic (`advice.care`), if it is one's.
    /// The error says what is wrong and what would be right.
    pub(super) set: fn(&mut Config, &str, Value) -> Judged<()>,
}

/// All of them, in the order of the file.
pub const SETTINGS: &[Setting] = &ALL;

const PARTS: [&[Setting]; 4] = [OWN, OPENID, SERVICES, TOPICS];

const ALL: [Setting; OWN.len() + OPENID.len() + SERVICES.len() + TOPICS.len()] = {
    let mut all = [OWN[0]; OWN.len() + OPENID.len() + SERVICES.len() + TOPICS.len()];
    let (mut at, mut part, mut of_part) = (0, 0, 0);
    while at < all.len() {
        while of_part == PARTS[part].len() {
            part += 1;
            of_part = 0;
        }
        all[at] = PARTS[part][of_part];
        at += 1;
        of_part += 1;
    }
    all
};

const OWN: &[Setting] = &[
    Setting {
        key: "demo",
        kind: Kind::Switch,
        default: "false",
        about: "Demo mode: a demo account, API key and appointment, made at each start and written to `demo.json` in the data directory.\nNever on a server that real people use: its start page shows the account.",
        set: |config, _, value| switch(value).map(|on| config.demo = on),
    },
    Setting {
        key: "database",
        kind: Kind::Text,
        default: r#""""#,
        about: "A PostgreSQL database (13 or newer) for appointments and accounts: \"postgres://visavis@db.example.lu/visavis\". Empty: the embedded SQLite in `data.directory`.\nAn address on another machine means TLS with a certificate that is good for its name; `?sslrootcert=FILE` names an authority of your own, `?host=/run/postgresql` a local socket.\nMaster key and documents stay in `data.directory`. `visavis backup` and `restore` carry everything from one database to the other.",
        set: |config, _, value| {
            let address = text(value)?;
            config.database = match address.trim() {
                "" => None,
                address if is_database(address) => Some(address.to_owned()),
                address => {
                    let shown = if address.contains('@') { String::from("the address") } else { format!("{address:?}") };
                    return Err((
                        format!("{shown} is not that of a PostgreSQL database, or holds a password"),
                        String::from(r#""postgres://visavis@db.example.lu/visavis", the password in `database_password_file`"#),
                    ));
                }
            };
            Ok(())
        },
    },
    Setting {
        key: "database_password_file",
        kind: Kind::Text,
        default: r#""""#,
        about: "The file with its password, which nobody but the server's account may read (mode 0400).",
        set: |config, _, value| optional_path(value).map(|path| config.database_password_file = path),
    },
    Setting {
        key: "web.https",
        kind: Kind::List,
        default: r#"["[::]:8443"]"#,
        about: "Where browsers reach this server. `[::]` is every address of this machine, IPv4 included.",
        set: |config, _, value| addresses(value).map(|list| config.web.https = list),
    },
    Setting {
        key: "web.http",
        kind: Kind::List,
        default: r#"["127.0.0.1:8080", "[::1]:8080"]"#,
        about: "Plain HTTP for browsers on this machine alone (http://localhost needs no certificate). Loopback addresses only; empty turns it off.",
        set: |config, _, value| {
            let list = addresses(value)?;
            match list.iter().find(|address| !address.ip().is_loopback()) {
                Some(open) => Err((
                    format!("{open} is not a loopback address"),
                    String::from(r#"["127.0.0.1:8080"]: plain HTTP never leaves the machine"#),
                )),
                None => {
                    config.web.http = list;
                    Ok(())
                }
            }
        },
    },
    Setting {
        key: "web.public_url",
        kind: Kind::Text,
        default: r#""""#,
        about: "The address that stands in links, as citizens see it. Empty: https://localhost with the port of the first listener.",
        set: |config, _, value| {
            let url = text(value)?;
            config.web.public_url = match url.trim_end_matches('/') {
                "" => None,
                url if is_base_url(url) => Some(url.to_owned()),
                _ => {
                    return Err((
                        format!("{url:?} is not the address of a server"),
                        String::from(r#""https://video.example.lu", without a path"#),
                    ));
                }
            };
            Ok(())
        },
    },
    Setting {
        key: "web.trusted_proxies",
        kind: Kind::List,
        default: "[]",
        about: "Reverse proxies whose X-Forwarded-For is believed, as addresses or networks (10.0.0.0/8).",
        set: |config, _, value| {
            config.web.trusted_proxies = each(value, Network::parse, "an address or a network", r#"["10.0.0.5", "2001:db8::/32"]"#)?;
            Ok(())
        },
    },
    Setting {
        key: "tls.directory",
        kind: Kind::Text,
        default: r#""certs""#,
        about: "Certificates: `certificate.pem` and `private-key.pem` when they are there, else a development certificate is made here.",
        set: |config, _, value| path(value).map(|path| config.tls.directory = path),
    },
    Setting {
        key: "tls.certificate",
        kind: Kind::Text,
        default: r#""""#,
        about: "The operator's certificate chain (PEM), when it is elsewhere.",
        set: |config, _, value| optional_path(value).map(|path| config.tls.certificate = path),
    },
    Setting {
        key: "tls.private_key",
        kind: Kind::Text,
        default: r#""""#,
        about: "Its private key (PEM).",
        set: |config, _, value| optional_path(value).map(|path| config.tls.private_key = path),
    },
    Setting {
        key: "media.addresses",
        kind: Kind::List,
        default: "[]",
        about: "Addresses at which browsers reach the media port, best first, IPv4 and IPv6.\nEmpty: every address of every interface, loopback last.",
        set: |config, _, value| {
            config.media.addresses = each(value, |text| text.parse::<IpAddr>().ok(), "an IP address", r#"["192.0.2.10", "2001:db8::10"]"#)?;
            Ok(())
        },
    },
    Setting {
        key: "media.nat",
        kind: Kind::List,
        default: "[]",
        about: "Behind a 1:1 NAT: which public address leads to which address of this machine.",
        set: |config, _, value| {
            config.media.nat = each(value, nat_pair, "a pair of addresses", r#"["10.0.0.5=203.0.113.7"]"#)?;
            Ok(())
        },
    },
    Setting {
        key: "media.port",
        kind: Kind::Number,
        default: "3478",
        about: "UDP port of the first media worker; the others take the ports after it. At least 1024: Chromium ignores lower ones.",
        set: |config, _, value| {
            number(value, 1024, 65_000).and_then(|port| u16::try_from(port).map_err(|_| unreadable())).map(|port| config.media.port = port)
        },
    },
    Setting {
        key: "media.workers",
        kind: Kind::Number,
        default: "1",
        about: "Media threads, one UDP port each.",
        set: |config, _, value| {
            number(value, 1, 64).and_then(|n| usize::try_from(n).map_err(|_| unreadable())).map(|n| config.media.workers = n)
        },
    },
    Setting {
        key: "media.dtls13",
        kind: Kind::Switch,
        default: "true",
        about: "DTLS 1.3 with browsers that offer it, one round trip less. `false` caps DTLS at 1.2, should a browser release break its 1.3.",
        set: |config, _, value| switch(value).map(|on| config.media.dtls13 = on),
    },
    Setting {
        key: "media.tcp",
        kind: Kind::Switch,
        default: "true",
        about: "Media by TCP on the ports of `web.https`, for networks that block UDP. Browsers try it beside UDP and prefer UDP.",
        set: |config, _, value| switch(value).map(|on| config.media.tcp = on),
    },
    Setting {
        key: "media.tcp_addresses",
        kind: Kind::List,
        default: "[]",
        about: "Where browsers reach `web.https` by TCP when a port is forwarded to it, as addresses with ports, best first.\nEmpty: the addresses above with the port of `web.https`, public ones with that of `web.public_url`.",
        set: |config, _, value| addresses(value).map(|list| config.media.tcp_addresses = list),
    },
    Setting {
        key: "media.relay",
        kind: Kind::Switch,
        default: "true",
        about: "Media by TURN inside TLS on the ports of `web.https`, for networks that let nothing else through. It leads to this server's media and nowhere else.",
        set: |config, _, value| switch(value).map(|on| config.media.relay = on),
    },
    Setting {
        key: "data.directory",
        kind: Kind::Text,
        default: r#""data""#,
        about: "The embedded database, the master key, the documents and the demo data. `visavis backup` backs it up; keep others out of it.",
        set: |config, _, value| path(value).map(|path| config.data_directory = path),
    },
    Setting {
        key: "log.level",
        kind: Kind::Text,
        default: r#""info""#,
        about: "`error`, `warn`, `info`, `debug` or `trace`. No level logs names, tokens, addresses or texts.",
        set: |config, _, value| one_of(value, &["error", "warn", "info", "debug", "trace"]).map(|level| config.log.level = level),
    },
    Setting {
        key: "log.format",
        kind: Kind::Text,
        default: r#""text""#,
        about: "`text` or `json` (one object a line).",
        set: |config, _, value| one_of(value, &["text", "json"]).map(|format| config.log.json = format == "json"),
    },
    Setting {
        key: "mail.server",
        kind: Kind::Text,
        default: r#""""#,
        about: "The mail server that takes the mails to citizens, with its port when it is not the usual one. Empty: no mail is sent, and the booking says so.",
        set: |config, _, value| {
            let server = text(value)?;
            config.mail.server = match server.trim() {
                "" => None,
                server => Some(host_and_port(server).ok_or_else(|| {
                    (format!("{server:?} is not the name of a server"), String::from(r#""smtp.example.lu" or "smtp.example.lu:2525""#))
                })?),
            };
            Ok(())
        },
    },
    Setting {
        key: "mail.from",
        kind: Kind::Text,
        default: r#""""#,
        about: "Whom the mails come from. Answers go there too, so somebody should read them.",
        set: |config, _, value| {
            let from = text(value)?;
            config.mail.from = match from.trim() {
                "" => None,
                from if from.parse::<lettre::message::Mailbox>().is_ok() => Some(from.to_owned()),
                _ => {
                    return Err((format!("{from:?} is not an address"), String::from(r#""Video advice <video@example.lu>""#)));
                }
            };
            Ok(())
        },
    },
    Setting {
        key: "mail.security",
        kind: Kind::Text,
        default: r#""starttls""#,
        about: "How the line to the mail server is secured: `starttls` (port 587), `tls` from the first byte on (port 465), or `none` (port 25), for a server on this machine.\nWith the first two nothing is sent where the server's certificate is not one that this machine knows.",
        set: |config, _, value| {
            config.mail.security = match one_of(value, &["starttls", "tls", "none"])?.as_str() {
                "tls" => MailSecurity::Tls,
                "none" => MailSecurity::None,
                _ => MailSecurity::StartTls,
            };
            Ok(())
        },
    },
    Setting {
        key: "mail.username",
        kind: Kind::Text,
        default: r#""""#,
        about: "For a mail server that wants a sign-in.",
        set: |config, _, value| text(value).map(|name| config.mail.username = (!name.is_empty()).then_some(name)),
    },
    Setting {
        key: "mail.password_file",
        kind: Kind::Text,
        default: r#""""#,
        about: "The file with its password, which nobody but the server's account may read (mode 0400).",
        set: |config, _, value| optional_path(value).map(|path| config.mail.password_file = path),
    },
    Setting {
        key: "webhook.url",
        kind: Kind::Text,
        default: r#""""#,
        about: "Where short messages and events are posted to, for a portal that sends SMS or keeps its own agenda (docs/protocol.md). Empty: nothing is posted.",
        set: |config, _, value| {
            let url = text(value)?;
            config.webhook.url = match url.trim() {
                "" => None,
                url if is_webhook_url(url) => Some(url.to_owned()),
                _ => {
                    return Err((
                        format!("{url:?} is not an address that is safe to post to"),
                        String::from(r#""https://portal.example.lu/visavis"; http:// for 127.0.0.1, [::1] and localhost alone"#),
                    ));
                }
            };
            Ok(())
        },
    },
    Setting {
        key: "webhook.secret_file",
        kind: Kind::Text,
        default: r#""""#,
        about: "The file with the secret that signs what is posted, at least 16 characters, which nobody but the server's account may read (mode 0400).",
        set: |config, _, value| optional_path(value).map(|path| config.webhook.secret_file = path),
    },
    Setting {
        key: "api.requests_per_minute",
        kind: Kind::Number,
        default: "600",
        about: "How many requests one portal's key has a minute, at once or spread; further ones are answered 429 with the time to wait.\n`add-api-key --per-minute` gives one key a number of its own.",
        set: |config, _, value| {
            number(value, 1, 60_000_000).and_then(|n| u32::try_from(n).map_err(|_| unreadable())).map(|n| config.api_per_minute = n)
        },
    },
    Setting {
        key: "load.allowed",
        kind: Kind::Switch,
        default: "false",
        about: "Whether `visavis load` may test this server: simulated people, booked with a portal's key, take it to its limits, and real ones suffer meanwhile.\nAllow it for the time of a test alone. All that a test made is taken out when it ends, and at each start.",
        set: |config, _, value| switch(value).map(|on| config.load_allowed = on),
    },
];

/// The service that exists when none is configured.
pub(super) const FIRST_SERVICE: &str = "advice";
/// The topic of a service for which none is configured.
pub(super) const FIRST_TOPIC: &str = "information";

/// `config/visavis.toml`: every key, commented, with its default.
pub fn documented() -> String {
    let mut file = String::from(
        "# Settings of Visavis. Every key stands here with its default, commented; remove the `#` to change one.\n\
         # Each can also be given as an environment variable (media.port = VISAVIS_MEDIA_PORT) or on the command line (--media.port),\n\
         # which win over this file in that order. `visavis check` says what is wrong without starting.\n",
    );
    let mut section = "";
    for setting in SETTINGS {
        let (table, key) = setting.key.rsplit_once('.').unwrap_or(("", setting.key));
        if table != section {
            section = table;
            let _ = write!(file, "\n[{}]\n", named(table, FIRST_SERVICE, FIRST_TOPIC));
        }
        file.push('\n');
        for line in setting.about.lines() {
            let _ = writeln!(file, "# {line}");
        }
        let _ = writeln!(file, "#{key} = {}", setting.default);
    }
    file
}

/// The key of a setting for this service and, where it is one's, this topic.
pub(super) fn named(key: &str, service: &str, topic: &str) -> String {
    key.replacen('*', service, 1).replacen('*', topic, 1)
}
