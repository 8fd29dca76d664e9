//! A mail as a person reads it: one set of facts in one language, from which text and HTML are both written, so that neither knows more than the other.
//! Refuses to know how it is sent.

use std::sync::OnceLock;

use jiff::tz::TimeZone;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use super::words::{Words, fill};
use super::{House, when};

use crate::agenda::phase::Slot;
use crate::agenda::topic;
use crate::config::Service;
use crate::protocol::values::known_language;
use crate::store::{Appointment, Callback, Kind, Store};

/// The links of an appointment, made again for this mail; nowhere kept.
pub struct Sheet<'a> {
    /// Whose mail it is.
    pub of: &'a Appointment,
    /// Where the join link leads.
    pub join_url: String,
    /// Where the cancel link leads.
    pub cancel_url: String,
}

impl<'a> Sheet<'a> {
    /// Made from the keys of the store.
    pub fn new(of: &'a Appointment, store: &Store, house: &House) -> Self {
        let (join, cancel) = (store.link_token(of), store.cancel_token(of));
        Self {
            of,
            join_url: format!("{}/j#{}", house.base_url, join.text()),
            cancel_url: format!("{}/c#{}", house.base_url, cancel.text()),
        }
    }
}

/// What a mail says. Has no `Debug`: it is personal.
#[derive(Serialize)]
pub struct Letter {
    language: &'static str,
    /// One line.
    pub subject: String,
    title: String,
    greeting: String,
    lead: String,
    facts: Vec<Fact>,
    join: Option<Way>,
    ready: Option<Prepare>,
    prepare: Option<Prepare>,
    cancel: Option<Way>,
    notes: Vec<String>,
    help: String,
}

#[derive(Serialize)]
struct Fact {
    label: String,
    value: String,
}

#[derive(Serialize)]
struct Way {
    label: String,
    url: String,
    hint: String,
}

#[derive(Serialize)]
struct Prepare {
    title: String,
    points: Vec<String>,
}

impl Letter {
    /// The letter about this; none where citizens are told nothing of it.
    pub fn about(kind: Kind, sheet: &Sheet<'_>, house: &House) -> Option<Self> {
        let of = sheet.of;
        let words = Words::of(&of.language)?;
        let cancellation = of.record.cancellation.as_ref();
        let occasion = words.occasion(kind, cancellation.is_some_and(|why| why.by_service))?;
        let told = Told::of(of, house, words);
        let takes_place = kind != Kind::Cancelled;
        let mut facts = told.facts(words);
        facts.extend(
            cancellation
                .and_then(|why| why.reason.clone())
                .filter(|_| !takes_place)
                .map(|value| Fact { label: words.reason.clone(), value }),
        );
        let minutes = (of.rules.early.as_secs() / 60).to_string();
        let join_hint = fill(&words.join_hint, &[("minutes", &minutes)]);
        let notes: Vec<&String> = match (takes_place, kind == Kind::Reminder) {
            (false, _) => vec![&words.calendar_gone, &words.again],
            // The entry came with the mail before.
            (true, true) => vec![&words.not_recorded],
            (true, false) => vec![&words.calendar, &words.not_recorded, &words.spam],
        };
        Some(Self {
            language: language(&of.language),
            subject: one_line(&told.fill(&occasion.subject)),
            title: occasion.title.clone(),
            greeting: fill(&words.greeting, &[("name", &of.name)]),
            lead: occasion.lead.clone(),
            facts,
            join: takes_place.then(|| Way { label: words.join.clone(), url: sheet.join_url.clone(), hint: join_hint }),
            ready: takes_place.then(|| ready(of, house, words)).flatten(),
            prepare: takes_place.then(|| Prepare { title: words.prepare.clone(), points: words.prepare_items.to_vec() }),
            cancel: takes_place.then(|| Way {
                label: words.cancel.clone(),
                url: sheet.cancel_url.clone(),
                hint: words.cancel_hint.clone(),
            }),
            notes: notes.into_iter().cloned().collect(),
            help: told.help,
        })
    }

    /// The letter that confirms a wish to be called back. It names no phone number: whoever reads the mail need not learn it.
    pub fn about_callback(wish: &Callback, house: &House) -> Option<Self> {
        let words = Words::of(&wish.language)?;
        let told = Told::with(wish.time, (&wish.service, &wish.language), "", house, words);
        let occasion = words.call_back();
        let is_of_time = |fact: &Fact| fact.label != words.reference;
        Some(Self {
            language: language(&wish.language),
            subject: one_line(&told.fill(&occasion.subject)),
            title: occasion.title.clone(),
            greeting: fill(&words.greeting, &[("name", &wish.details.name)]),
            lead: occasion.lead.clone(),
            facts: told.facts(words).into_iter().filter(is_of_time).collect(),
            join: None,
            ready: None,
            prepare: None,
            cancel: None,
            notes: vec![words.call_back_changed.clone(), words.spam.clone()],
            help: told.help,
        })
    }

    /// The HTML part: everything is escaped.
    pub fn html(&self) -> Result<String, minijinja::Error> {
        pages().get_template("mail.html")?.render(Serde(self))
    }

    /// The text part: it says all that the other one says.
    pub fn text(&self) -> Result<String, minijinja::Error> {
        pages().get_template("mail.txt")?.render(Serde(self))
    }
}

/// What every message tells, in words.
pub(super) struct Told {
    pub(super) service: String,
    pub(super) day: String,
    pub(super) start: String,
    end: String,
    zone: String,
    reference: String,
    help: String,
}

impl Told {
    pub(super) fn of(of: &Appointment, house: &House, words: &Words) -> Self {
        Self::with(of.slot(), (&of.service, &of.language), &of.reference, house, words)
    }

    /// `at`: the service and the language.
    fn with(time: Slot, at: (&str, &str), reference: &str, house: &House, words: &Words) -> Self {
        let service = house.services.get(at.0);
        let zone_name = service.map_or("UTC", |service| service.time_zone.as_str());
        let zone = TimeZone::get(zone_name).unwrap_or(TimeZone::UTC);
        let (start, end) = (when::local(time.start, &zone), when::local(time.end, &zone));
        let phone = service.map_or("", |service| service.helpdesk_phone.as_str());
        Self {
            service: service.map_or(at.0, |service| service.name(at.1)).to_owned(),
            day: when::day(&start, words),
            start: when::time(&start),
            end: when::time(&end),
            zone: when::zone(&start, zone_name),
            reference: reference.to_owned(),
            help: if phone.is_empty() { words.help_no_number.clone() } else { fill(&words.help, &[("phone", phone)]) },
        }
    }

    /// Puts day, start, service and reference into a text.
    pub(super) fn fill(&self, text: &str) -> String {
        self.fill_with(text, "")
    }

    pub(super) fn fill_with(&self, text: &str, link: &str) -> String {
        let values = [
            ("day", &*self.day),
            ("start", &*self.start),
            ("end", &*self.end),
            ("service", &*self.service),
            ("reference", &*self.reference),
            ("link", link),
        ];
        fill(text, &values)
    }

    fn facts(&self, words: &Words) -> Vec<Fact> {
        let fact = |label: &String, value: &str| Fact { label: label.clone(), value: value.to_owned() };
        let span = fill(&words.span, &[("start", &self.start), ("end", &self.end)]);
        vec![
            fact(&words.when, &self.day),
            fact(&words.time, &span),
            fact(&words.time_zone, &self.zone),
            fact(&words.with, &self.service),
            fact(&words.reference, &self.reference),
        ]
    }
}

/// What the topic asks to have ready; none where it asks for nothing. The topic itself is not named: a mail crosses the network as others let it.
fn ready(of: &Appointment, house: &House, words: &Words) -> Option<Prepare> {
    let topic = house.services.get(&of.service)?.topics.get(of.details.topic.as_deref()?)?;
    let in_words = |lists, text: &String| -> Vec<String> {
        topic::listed(lists, &of.language).iter().map(|item| one_line(&fill(text, &[("item", item)]))).collect()
    };
    let points = [in_words(&topic.required, &words.ready_required), in_words(&topic.helpful, &words.ready_helpful)].concat();
    (!points.is_empty()).then(|| Prepare { title: words.ready.clone(), points })
}

/// The name of its service in the citizen's language.
pub(super) fn name_of(service: Option<&Service>, of: &Appointment) -> String {
    service.map_or(of.service.as_str(), |service| service.name(&of.language)).to_owned()
}

fn language(wanted: &str) -> &'static str {
    known_language(wanted).unwrap_or("en")
}

/// A header is one line, whatever stands in the settings.
pub(super) fn one_line(text: &str) -> String {
    text.split(char::is_control).collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn pages() -> &'static Environment<'static> {
    static READ: OnceLock<Environment<'static>> = OnceLock::new();
    READ.get_or_init(|| {
        let mut pages = Environment::new();
        pages.set_undefined_behavior(UndefinedBehavior::Strict);
        if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).build() {
            pages.set_syntax(syntax);
        }
        pages.set_auto_escape_callback(|name| if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None });
        for (name, page) in [("mail.html", include_str!("templates/mail.html")), ("mail.txt", include_str!("templates/mail.txt"))] {
            // A page that cannot be read is missing then, and the tests say so.
            let _ = pages.add_template(name, page);
        }
        pages
    })
}
