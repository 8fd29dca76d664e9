//! The settings of a topic, as rows of the table of settings. Refuses to know who books it.

use std::collections::BTreeMap;

use super::Config;
use super::judged::{Judged, Kind, Value, switch, text, unreadable};
use super::services::service;
use super::settings::Setting;
use crate::agenda::topic::Topic;
use crate::limits;

const EN: &str = "en";
const FR: &str = "fr";
const DE: &str = "de";
const LB: &str = "lb";

/// In the order of the file.
pub(super) const TOPICS: &[Setting] = &[
    Setting {
        key: "services.*.topics.*.name_en",
        kind: Kind::Text,
        default: r#""Information – documents""#,
        about: "What the service can be consulted about, by language. A section for each topic, `information` is its key; they are shown in the order of the keys.",
        set: |config, key, value| said(value).map(|text| put(&mut topic(config, key).names, EN, text)),
    },
    Setting {
        key: "services.*.topics.*.name_fr",
        kind: Kind::Text,
        default: r#""Informations – documents""#,
        about: "In French.",
        set: |config, key, value| said(value).map(|text| put(&mut topic(config, key).names, FR, text)),
    },
    Setting {
        key: "services.*.topics.*.name_de",
        kind: Kind::Text,
        default: r#""Auskünfte – Dokumente""#,
        about: "In German.",
        set: |config, key, value| said(value).map(|text| put(&mut topic(config, key).names, DE, text)),
    },
    Setting {
        key: "services.*.topics.*.name_lb",
        kind: Kind::Text,
        default: r#""Informatiounen – Dokumenter""#,
        about: "In Luxembourgish.",
        set: |config, key, value| said(value).map(|text| put(&mut topic(config, key).names, LB, text)),
    },
    Setting {
        key: "services.*.topics.*.by_video",
        kind: Kind::Switch,
        default: "true",
        about: "Whether an appointment by video may be booked for it. If not, it is listed with where to go instead.",
        set: |config, key, value| switch(value).map(|on| topic(config, key).by_video = on),
    },
    Setting {
        key: "services.*.topics.*.instead_en",
        kind: Kind::Text,
        default: r#""""#,
        about: "Where to go instead, when it is not dealt with by video.",
        set: |config, key, value| said(value).map(|text| put(&mut topic(config, key).instead, EN, text)),
    },
    Setting {
        key: "services.*.topics.*.instead_fr",
        kind: Kind::Text,
        default: r#""""#,
        about: "In French; English, when it is empty.",
        set: |config, key, value| said(value).map(|text| put(&mut topic(config, key).instead, FR, text)),
    },
    Setting {
        key: "services.*.topics.*.instead_de",
        kind: Kind::Text,
        default: r#""""#,
        about: "In German; English, when it is empty.",
        set: |config, key, value| said(value).map(|text| put(&mut topic(config, key).instead, DE, text)),
    },
    Setting {
        key: "services.*.topics.*.instead_lb",
        kind: Kind::Text,
        default: r#""""#,
        about: "In Luxembourgish; English, when it is empty.",
        set: |config, key, value| said(value).map(|text| put(&mut topic(config, key).instead, LB, text)),
    },
    Setting {
        key: "services.*.topics.*.notice_en",
        kind: Kind::Text,
        default: r#""""#,
        about: "What is told before it is chosen, such as that advice is given and nothing is decided.",
        set: |config, key, value| said(value).map(|text| put(&mut topic(config, key).notice, EN, text)),
    },
    Setting {
        key: "services.*.topics.*.notice_fr",
        kind: Kind::Text,
        default: r#""""#,
        about: "In French; English, when it is empty.",
        set: |config, key, value| said(value).map(|text| put(&mut topic(config, key).notice, FR, text)),
    },
    Setting {
        key: "services.*.topics.*.notice_de",
        kind: Kind::Text,
        default: r#""""#,
        about: "In German; English, when it is empty.",
        set: |config, key, value| said(value).map(|text| put(&mut topic(config, key).notice, DE, text)),
    },
    Setting {
        key: "services.*.topics.*.notice_lb",
        kind: Kind::Text,
        default: r#""""#,
        about: "In Luxembourgish; English, when it is empty.",
        set: |config, key, value| said(value).map(|text| put(&mut topic(config, key).notice, LB, text)),
    },
    Setting {
        key: "services.*.topics.*.required_en",
        kind: Kind::List,
        default: "[]",
        about: "What must be at hand, a short text each.",
        set: |config, key, value| items(value).map(|list| put(&mut topic(config, key).required, EN, list)),
    },
    Setting {
        key: "services.*.topics.*.required_fr",
        kind: Kind::List,
        default: "[]",
        about: "In French; English, when it is empty.",
        set: |config, key, value| items(value).map(|list| put(&mut topic(config, key).required, FR, list)),
    },
    Setting {
        key: "services.*.topics.*.required_de",
        kind: Kind::List,
        default: "[]",
        about: "In German; English, when it is empty.",
        set: |config, key, value| items(value).map(|list| put(&mut topic(config, key).required, DE, list)),
    },
    Setting {
        key: "services.*.topics.*.required_lb",
        kind: Kind::List,
        default: "[]",
        about: "In Luxembourgish; English, when it is empty.",
        set: |config, key, value| items(value).map(|list| put(&mut topic(config, key).required, LB, list)),
    },
    Setting {
        key: "services.*.topics.*.helpful_en",
        kind: Kind::List,
        default: "[]",
        about: "What helps to have at hand, a short text each.",
        set: |config, key, value| items(value).map(|list| put(&mut topic(config, key).helpful, EN, list)),
    },
    Setting {
        key: "services.*.topics.*.helpful_fr",
        kind: Kind::List,
        default: "[]",
        about: "In French; English, when it is empty.",
        set: |config, key, value| items(value).map(|list| put(&mut topic(config, key).helpful, FR, list)),
    },
    Setting {
        key: "services.*.topics.*.helpful_de",
        kind: Kind::List,
        default: "[]",
        about: "In German; English, when it is empty.",
        set: |config, key, value| items(value).map(|list| put(&mut topic(config, key).helpful, DE, list)),
    },
    Setting {
        key: "services.*.topics.*.helpful_lb",
        kind: Kind::List,
        default: "[]",
        about: "In Luxembourgish; English, when it is empty.",
        set: |config, key, value| items(value).map(|list| put(&mut topic(config, key).helpful, LB, list)),
    },
];

/// `key` is that of the service, a dot, and that of the topic.
fn topic<'a>(config: &'a mut Config, key: &str) -> &'a mut Topic {
    let (of, key) = key.split_once('.').unwrap_or(("", key));
    service(config, of).topics.entry(key.to_owned()).or_default()
}

fn said(value: Value) -> Judged<String> {
    text(value).and_then(short)
}

fn items(value: Value) -> Judged<Vec<String>> {
    let Value::List(list) = value else { return Err(unreadable()) };
    if list.len() > limits::TOPIC_ITEMS {
        return Err((format!("{} things are too many", list.len()), format!("at most {}", limits::TOPIC_ITEMS)));
    }
    list.into_iter().map(short).collect()
}

fn short(text: String) -> Judged<String> {
    match text.chars().nth(limits::TOPIC_CHARACTERS) {
        Some(_) => Err((String::from("the text is too long"), format!("at most {} characters", limits::TOPIC_CHARACTERS))),
        None => Ok(text),
    }
}

/// What is empty is not kept: a language that says nothing is one that is not there.
fn put<T: Empty>(map: &mut BTreeMap<String, T>, language: &str, value: T) {
    if value.is_empty() {
        map.remove(language);
    } else {
        map.insert(language.to_owned(), value);
    }
}

trait Empty {
    fn is_empty(&self) -> bool;
}

impl Empty for String {
    fn is_empty(&self) -> bool {
        str::is_empty(self)
    }
}

impl Empty for Vec<String> {
    fn is_empty(&self) -> bool {
        <[String]>::is_empty(self)
    }
}
