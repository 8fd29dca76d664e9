//! The settings of a service, as rows of the table of settings. Refuses to know what the service does with them.

use std::time::Duration;

use super::judged::*;
use super::settings::Setting;
use super::{Config, Service};
use crate::access::assurance::Assurance;
use crate::agenda::holiday::Holiday;
use crate::agenda::hours::Hours;
use crate::agenda::identity::IdentityCheck;
use crate::limits;

/// In the order of the file.
pub(super) const SERVICES: &[Setting] = &[
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
        key: "services.*.public_booking",
        kind: Kind::Switch,
        default: "false",
        about: "Whether citizens book by themselves on the page `/book`, and ask there to be called back. Without it portals alone book.",
        set: |config, key, value| switch(value).map(|on| service(config, key).public_booking = on),
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
        key: "services.*.identity_check",
        kind: Kind::Text,
        default: r#""unauthenticated""#,
        about: "Of whom a copy of the identity card is asked when they book: `always`, `unauthenticated` (who did not sign in) or `never`.",
        set: |config, key, value| {
            let word = text(value)?;
            let check = IdentityCheck::parse(&word);
            service(config, key).identity_check = check.ok_or_else(|| {
                (format!("{word:?} is none of the ways to check"), String::from(r#""always", "unauthenticated" or "never""#))
            })?;
            Ok(())
        },
    },
    Setting {
        key: "services.*.identity_copy_minutes",
        kind: Kind::Number,
        default: "60",
        about: "The copy of the identity card is destroyed when the agent has said what they saw, and at the latest this long after the end of the consultation.",
        set: |config, key, value| minutes(value, 0, 1440).map(|kept| service(config, key).rules.identity_copy = kept),
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
    Setting {
        key: "services.*.step_up",
        kind: Kind::Text,
        default: r#""none""#,
        about: "How sure the identity provider (`oidc.citizens`) must be of who a citizen is before they enter the waiting room: `none`, `low`, `substantial` or `high`.\nWith anything but `none` the link alone opens no call.",
        set: |config, key, value| {
            let least = one_of(value, &["none", "low", "substantial", "high"])?;
            service(config, key).step_up = Assurance::parse(&least);
            Ok(())
        },
    },
];

pub(super) fn service<'a>(config: &'a mut Config, key: &str) -> &'a mut Service {
    config.services.entry(key.to_owned()).or_default()
}

fn set_name(config: &mut Config, key: &str, language: &str, name: String) {
    service(config, key).names.insert(language.to_owned(), name);
}
