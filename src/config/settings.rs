//! The table of settings: key, default, explanation, parser. File, environment, command line and `config/visavis.toml` all come from it.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use super::judged::*;
use super::{Config, MailSecurity, Network, Service};
use crate::agenda::holiday::Holiday;
use crate::agenda::hours::Hours;
use crate::limits;

/// One setting.
pub struct Setting {
    /// Dotted; `*` stands for the key of a service.
    pub key: &'static str,
    /// The form of its value.
    pub kind: Kind,
    /// As it would stand in the file.
    pub default: &'static str,
    /// What it does, a sentence or two.
    pub about: &'static str,
    /// Judges the value and sets it for the named service, if it is one's. The error says what is wrong and what would be right.
    pub(super) set: fn(&mut Config, &str, Value) -> Judged<()>,
}

/// All of them, in the order of the file.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "demo",
        kind: Kind::Switch,
        default: "false",
        about: "Demo mode: a demo account, API key and appointment, made at each start and written to `demo.json` in the data directory.\nNever on a server that real people use: its start page shows the account.",
        set: |config, _, value| switch(value).map(|on| config.demo = on),
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
        about: "The database, its master key, the documents and the demo data. `visavis backup` backs it up; keep others out of it.",
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
        key: "load.allowed",
        kind: Kind::Switch,
        default: "false",
        about: "Whether `visavis load` may test this server: simulated people, booked with a portal's key, take it to its limits, and real ones suffer meanwhile.\nAllow it for the time of a test alone. All that a test made is taken out when it ends, and at each start.",
        set: |config, _, value| switch(value).map(|on| config.load_allowed = on),
    },
    Setting {
        key: "services.*.name_en",
        kind: Kind::Text,
        default: r#""Video advice""#,
        about: "The name of the service, by language. `advice` is the key that portals book with; add a section for each further service.",
        set: |config, key, value| text(value).map(|name| set_name(config, key, "en", name)),
    },
    Setting {
        key: "services.*.name_fr",
        kind: Kind::Text,
        default: r#""Conseil par vidéo""#,
        about: "In French.",
        set: |config, key, value| text(value).map(|name| set_name(config, key, "fr", name)),
    },
    Setting {
        key: "services.*.name_de",
        kind: Kind::Text,
        default: r#""Videoberatung""#,
        about: "In German.",
        set: |config, key, value| text(value).map(|name| set_name(config, key, "de", name)),
    },
    Setting {
        key: "services.*.name_lb",
        kind: Kind::Text,
        default: r#""Videoberodung""#,
        about: "In Luxembourgish.",
        set: |config, key, value| text(value).map(|name| set_name(config, key, "lb", name)),
    },
    Setting {
        key: "services.*.helpdesk_phone",
        kind: Kind::Text,
        default: r#""""#,
        about: "Shown on every page of the citizen, for when video does not work.",
        set: |config, key, value| text(value).map(|phone| service(config, key).helpdesk_phone = phone),
    },
    Setting {
        key: "services.*.time_zone",
        kind: Kind::Text,
        default: r#""Europe/Luxembourg""#,
        about: "The zone in which times are shown.",
        set: |config, key, value| {
            let zone = text(value)?;
            if jiff::tz::TimeZone::get(&zone).is_err() {
                return Err((format!("{zone:?} is not a time zone"), String::from(r#"an IANA name such as "Europe/Luxembourg""#)));
            }
            service(config, key).time_zone = zone;
            Ok(())
        },
    },
    Setting {
        key: "services.*.slot_minutes",
        kind: Kind::Number,
        default: "20",
        about: "Length of a slot.",
        set: |config, key, value| minutes(value, 5, 480).map(|length| service(config, key).slot = length),
    },
    Setting {
        key: "services.*.opening_hours",
        kind: Kind::List,
        default: r#"["mon-fri 08:30-11:30", "mon-fri 13:00-16:00"]"#,
        about: "When slots exist, in the service's time zone. Days, from when to when, and with `x3` how many agents are on duty then.",
        set: |config, key, value| {
            let hours = each(
                value,
                |text| text.parse::<Hours>().ok(),
                "a line of opening hours",
                r#"["mon-fri 08:30-11:30", "sat 09:00-12:00 x3"]"#,
            )?;
            for (i, one) in hours.iter().enumerate() {
                if let Some(other) = hours[..i].iter().find(|other| one.clash(**other).is_some()) {
                    return Err((
                        format!("\"{other}\" and \"{one}\" hold at the same time"),
                        String::from("each time of a day in one line"),
                    ));
                }
            }
            service(config, key).opening_hours = hours;
            Ok(())
        },
    },
    Setting {
        key: "services.*.holidays",
        kind: Kind::List,
        default: r#"["01-01", "easter+1", "05-01", "05-09", "easter+39", "easter+50", "06-23", "08-15", "11-01", "12-25", "12-26"]"#,
        about: "Days without slots: each year (`12-25`), counted from Easter Sunday (`easter+39`), or once (`2026-12-24`). The default are Luxembourg's public holidays.",
        set: |config, key, value| {
            let example = r#"["12-25", "easter+1", "2026-12-24"]"#;
            each(value, |text| text.parse::<Holiday>().ok(), "a day", example).map(|days| service(config, key).holidays = days)
        },
    },
    Setting {
        key: "services.*.agents_on_duty",
        kind: Kind::Number,
        default: "1",
        about: "How many appointments go on at once, where the opening hours say nothing else.",
        set: |config, key, value| {
            let agents = number(value, 1, 999)?;
            service(config, key).agents_on_duty = u16::try_from(agents).map_err(|_| unreadable())?;
            Ok(())
        },
    },
    Setting {
        key: "services.*.book_ahead_days",
        kind: Kind::Number,
        default: "60",
        about: "Slots that begin later than this are not offered yet.",
        set: |config, key, value| {
            number(value, 1, 731).map(|days| service(config, key).book_ahead = Duration::from_secs(24 * 60 * 60 * days.unsigned_abs()))
        },
    },
    Setting {
        key: "services.*.early_minutes",
        kind: Kind::Number,
        default: "15",
        about: "The waiting room opens this long before the start (rule O).",
        set: |config, key, value| minutes(value, 0, 1440).map(|early| service(config, key).rules.early = early),
    },
    Setting {
        key: "services.*.return_minutes",
        kind: Kind::Number,
        default: "30",
        about: "Who was admitted may come back until this long after the end (rule R).",
        set: |config, key, value| minutes(value, 0, 1440).map(|late| service(config, key).rules.come_back = late),
    },
    Setting {
        key: "services.*.give_up_minutes",
        kind: Kind::Number,
        default: "30",
        about: "Who waits and was not called by then, counted from the end, was missed by the service (rule L).",
        set: |config, key, value| minutes(value, 0, 1440).map(|late| service(config, key).rules.give_up = late),
    },
    Setting {
        key: "services.*.documents_hours",
        kind: Kind::Number,
        default: "24",
        about: "After the end of a consultation its documents can be downloaded for this long; then they and everything personal are destroyed (rule D).",
        set: |config, key, value| {
            number(value, 1, 720).map(|hours| service(config, key).rules.documents = Duration::from_secs(60 * 60 * hours.unsigned_abs()))
        },
    },
    Setting {
        key: "services.*.document_count",
        kind: Kind::Number,
        default: "15",
        about: "How many documents an appointment may have, the copy of the identity card included.",
        set: |config, key, value| {
            let count = number(value, 0, 100)?;
            service(config, key).quota.count = u32::try_from(count).map_err(|_| unreadable())?;
            Ok(())
        },
    },
    Setting {
        key: "services.*.document_megabytes",
        kind: Kind::Number,
        default: "20",
        about: "And how large they may be in all, in millions of bytes.",
        set: |config, key, value| {
            number(value, 1, 1000).map(|megabytes| service(config, key).quota.bytes = 1_000_000 * megabytes.unsigned_abs())
        },
    },
    Setting {
        key: "services.*.reminders_minutes",
        kind: Kind::List,
        default: "[1440, 60]",
        about: "How long before the start citizens are reminded, by mail and short message. Who books later than that is not reminded then; empty reminds nobody.",
        set: |config, key, value| {
            let reminders = each(
                value,
                |text| {
                    text.parse::<u64>()
                        .ok()
                        .filter(|minutes| (5..=43_200).contains(minutes))
                        .map(|minutes| Duration::from_secs(60 * minutes))
                },
                "a number of minutes from 5 to 43200",
                "[1440, 60]: a day and an hour before",
            )?;
            if reminders.len() > limits::REMINDERS as usize {
                return Err((format!("{} reminders are too many", reminders.len()), format!("at most {}", limits::REMINDERS)));
            }
            service(config, key).reminders = reminders;
            Ok(())
        },
    },
];

/// The service that exists when none is configured.
pub(super) const FIRST_SERVICE: &str = "advice";

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
            let _ = write!(file, "\n[{}]\n", table.replace('*', FIRST_SERVICE));
        }
        file.push('\n');
        for line in setting.about.lines() {
            let _ = writeln!(file, "# {line}");
        }
        let _ = writeln!(file, "#{key} = {}", setting.default);
    }
    file
}

fn service<'a>(config: &'a mut Config, key: &str) -> &'a mut Service {
    config.services.entry(key.to_owned()).or_default()
}

fn set_name(config: &mut Config, key: &str, language: &str, name: String) {
    service(config, key).names.insert(language.to_owned(), name);
}
