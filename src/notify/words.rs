//! The texts of mails and short messages in four languages. A language that lacks one is found by the tests, not by a citizen.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::store::Kind;

/// All texts of one language; the keys of `texts/*.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    /// Monday first.
    pub(super) weekdays: [String; 7],
    pub(super) months: [String; 12],
    pub(super) day: String,
    pub(super) span: String,
    pub(super) greeting: String,
    pub(super) when: String,
    pub(super) time: String,
    pub(super) time_zone: String,
    pub(super) with: String,
    pub(super) reference: String,
    pub(super) reason: String,
    pub(super) join: String,
    pub(super) join_hint: String,
    pub(super) cancel: String,
    pub(super) cancel_hint: String,
    pub(super) ready: String,
    pub(super) ready_required: String,
    pub(super) ready_helpful: String,
    pub(super) prepare: String,
    pub(super) prepare_items: [String; 4],
    pub(super) calendar: String,
    pub(super) calendar_gone: String,
    pub(super) not_recorded: String,
    pub(super) spam: String,
    pub(super) again: String,
    pub(super) help: String,
    pub(super) help_no_number: String,
    pub(super) alarm: String,
    pub(super) summary: String,
    pub(super) call_back_changed: String,
    booked: Occasion,
    rescheduled: Occasion,
    cancelled_by_citizen: Occasion,
    cancelled_by_service: Occasion,
    link_rotated: Occasion,
    resent: Occasion,
    reminder: Occasion,
    callback_requested: CallBack,
}

/// What is said on one occasion.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Occasion {
    pub(super) subject: String,
    pub(super) title: String,
    pub(super) lead: String,
    pub(super) sms: String,
}

/// What is said to who wants to be called back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallBack {
    pub(super) subject: String,
    pub(super) title: String,
    pub(super) lead: String,
}

const TEXTS: [(&str, &str); 4] = [
    ("en", include_str!("texts/en.toml")),
    ("fr", include_str!("texts/fr.toml")),
    ("de", include_str!("texts/de.toml")),
    ("lb", include_str!("texts/lb.toml")),
];

impl Words {
    /// Of a language, else of English. None would be a build whose texts cannot be read: the tests keep that from happening.
    pub(super) fn of(language: &str) -> Option<&'static Self> {
        static READ: OnceLock<Vec<(&str, Words)>> = OnceLock::new();
        let all = READ.get_or_init(|| TEXTS.iter().filter_map(|(language, text)| Some((*language, toml::from_str(text).ok()?))).collect());
        let of = |wanted: &str| all.iter().find(|(language, _)| *language == wanted).map(|(_, words)| words);
        of(language).or_else(|| of("en"))
    }

    /// What confirms a wish to be called back.
    pub(super) fn call_back(&self) -> &CallBack {
        &self.callback_requested
    }

    /// What is said about this; none where citizens are told nothing.
    pub(super) fn occasion(&self, kind: Kind, by_service: bool) -> Option<&Occasion> {
        Some(match kind {
            Kind::Booked => &self.booked,
            Kind::Rescheduled => &self.rescheduled,
            Kind::Cancelled if by_service => &self.cancelled_by_service,
            Kind::Cancelled => &self.cancelled_by_citizen,
            Kind::LinkRotated => &self.link_rotated,
            Kind::Resent => &self.resent,
            Kind::Reminder => &self.reminder,
            _ => return None,
        })
    }
}

/// Puts values into the `{places}` of a text. A value is never looked at for places again.
pub(super) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, beyond)) = after.split_once('}') else { return out + &rest[before.len()..] };
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => out.push_str(value),
            None => out.push_str(&rest[before.len()..before.len() + name.len() + 2]),
        }
        rest = beyond;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn flat(language: &str) -> BTreeMap<String, String> {
        fn walk(value: &toml::Value, at: String, into: &mut BTreeMap<String, String>) {
            match value {
                toml::Value::String(text) => drop(into.insert(at, text.clone())),
                toml::Value::Table(table) => table.iter().for_each(|(key, value)| walk(value, format!("{at}.{key}"), into)),
                toml::Value::Array(list) => list.iter().enumerate().for_each(|(i, value)| walk(value, format!("{at}.{i}"), into)),
                other => panic!("{at} is {other:?}"),
            }
        }
        let text = TEXTS.iter().find(|(known, _)| *known == language).unwrap().1;
        let mut into = BTreeMap::new();
        walk(&toml::from_str(text).unwrap(), String::new(), &mut into);
        into
    }

    fn places(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn every_language_has_every_text_with_the_same_places() {
        let english = flat("en");
        for (language, text) in TEXTS {
            toml::from_str::<Words>(text).unwrap_or_else(|error| panic!("{language}: {error}"));
            let texts = flat(language);
            for (key, text) in &texts {
                assert!(!text.trim().is_empty(), "{language}{key} is empty");
                assert_eq!(places(text), places(&english[key]), "{language}{key}");
            }
        }
    }

    #[test]
    fn no_text_is_the_same_in_two_languages_but_for_names_of_days_and_months() {
        // Words that are the same on purpose.
        let same = [".day", ".with", ".greeting"];
        for (a, b) in [("en", "fr"), ("en", "de"), ("en", "lb"), ("fr", "de"), ("fr", "lb"), ("de", "lb")] {
            let (one, other) = (flat(a), flat(b));
            for (key, text) in &one {
                let allowed = key.starts_with(".months") || key.starts_with(".weekdays") || same.contains(&key.as_str());
                assert!(allowed || *text != other[key], "{key} is the same in {a} and {b}: {text}");
            }
        }
    }

    #[test]
    fn places_are_filled_once_and_what_is_filled_in_is_not_read_again() {
        assert_eq!(fill("{a} and {b}", &[("a", "{b}"), ("b", "x")]), "{b} and x");
        assert_eq!(fill("{unknown} {a", &[("a", "1")]), "{unknown} {a");
        assert_eq!(fill("none", &[]), "none");
    }
}
