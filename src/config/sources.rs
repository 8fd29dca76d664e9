//! The three sources of settings and the order in which they win: file, then environment, then command line. Refuses to know single settings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Config;
use super::judged::{Kind, Value};
use super::problem::{Place, Problem, nearest};
use super::settings::{FIRST_SERVICE, FIRST_TOPIC, SETTINGS, Setting, named};

/// Where settings come from. The default has no source: the defaults alone.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Path and text of the file.
    pub file: Option<(PathBuf, String)>,
    /// `VISAVIS_…` variables.
    pub environment: Vec<(String, String)>,
    /// Dotted keys and values of the command line, with the option as it was written.
    pub command_line: Vec<(String, String, String)>,
}

/// One value found in a source.
struct Entry {
    key: String,
    value: Found,
    place: Place,
}

enum Found {
    /// From the file, typed by TOML; the text says what it was if it is nothing we take.
    Typed(Result<Value, &'static str>),
    /// From environment or command line: read by the setting's kind.
    Untyped(String),
}

/// The variable that names the file.
const FILE_VARIABLE: &str = "VISAVIS_CONFIG";
/// The variable with the API key of `visavis load`: no setting, but a secret that stays out of the list of processes.
pub const LOAD_KEY_VARIABLE: &str = "VISAVIS_LOAD_KEY";

impl Sources {
    /// The settings, or everything that is wrong with them.
    pub fn read(&self) -> Result<Config, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut entries = self.file_entries(&mut problems);
        entries.extend(self.environment_entries(&mut problems));
        entries.extend(self.command_line.iter().map(|(key, value, option)| Entry {
            key: key.clone(),
            value: Found::Untyped(value.clone()),
            place: Place::CommandLine(option.clone()),
        }));
        let mut config = defaults(&services_of(&entries));
        for entry in entries {
            if let Err(problem) = apply(&mut config, entry) {
                problems.push(problem);
            }
        }
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    fn file_entries(&self, problems: &mut Vec<Problem>) -> Vec<Entry> {
        let Some((path, text)) = &self.file else { return Vec::new() };
        let mut entries = Vec::new();
        match DeTable::parse(text) {
            Ok(table) => walk(table.get_ref(), "", path, text, &mut entries, problems),
            Err(error) => problems.push(Problem {
                place: place(path, text, error.span().map_or(0, |span| span.start)),
                wrong: format!("not TOML: {}", error.message()),
                right: String::from("key = value, texts in quotes, tables in [brackets]"),
            }),
        }
        entries
    }

    fn environment_entries(&self, problems: &mut Vec<Problem>) -> Vec<Entry> {
        let mut entries = Vec::new();
        let is_setting = |name: &str| name.starts_with("VISAVIS_") && ![FILE_VARIABLE, LOAD_KEY_VARIABLE].contains(&name);
        for (name, value) in self.environment.iter().filter(|(name, _)| is_setting(name)) {
            let place = Place::Environment(name.clone());
            match key_of_variable(name) {
                Some(key) => entries.push(Entry { key, value: Found::Untyped(value.clone()), place }),
                None => {
                    let known: Vec<String> = SETTINGS.iter().map(|setting| variable(setting.key)).collect();
                    let near = nearest(name, known.iter().map(String::as_str));
                    problems.push(Problem { place, wrong: String::from("there is no such setting"), right: or_the_list(near) });
                }
            }
        }
        entries
    }
}

/// The command line of `visavis`: one option for each setting, and `--set` for the settings of a service.
pub fn command_line() -> clap::Command {
    let mut command = clap::Command::new("visavis")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Self-hosted video consultations for public services")
        .arg(
            clap::Arg::new("config")
                .long("config")
                .value_name("FILE")
                .env(FILE_VARIABLE)
                .global(true)
                .help("Settings file [config/visavis.toml]"),
        )
        .arg(
            clap::Arg::new("set")
                .long("set")
                .value_name("KEY=VALUE")
                .action(clap::ArgAction::Append)
                .global(true)
                .help("Any setting by its key, such as services.advice.slot_minutes=10"),
        );
    for setting in SETTINGS.iter().filter(|setting| !setting.key.contains('*')) {
        let about = setting.about.lines().next().unwrap_or_default();
        let argument = clap::Arg::new(setting.key).long(setting.key).global(true).help(format!("{about} [{}]", setting.default));
        command = command.arg(match setting.kind {
            Kind::Switch => argument.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("true|false"),
            Kind::Number => argument.value_name("NUMBER"),
            Kind::List => argument.value_name("A,B"),
            Kind::Text => argument.value_name("TEXT"),
        });
    }
    command
}

impl Sources {
    /// File, environment and parsed command line of this process. A file that was named must exist; `config/visavis.toml` may be missing.
    pub fn of_process(matches: &clap::ArgMatches) -> Result<Self, Problem> {
        let named = matches.get_one::<String>("config").map(PathBuf::from);
        let path = named.clone().unwrap_or_else(|| PathBuf::from("config/visavis.toml"));
        let file = match std::fs::read_to_string(&path) {
            Ok(text) => Some((path, text)),
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                let wrong = format!("the file cannot be read: {error}");
                return Err(Problem { place: Place::File { path, line: 1 }, wrong, right: String::from("--config with a readable file") });
            }
        };
        let mut command_line = Vec::new();
        for setting in SETTINGS.iter().filter(|setting| !setting.key.contains('*')) {
            if let Some(value) = matches.get_one::<String>(setting.key) {
                command_line.push((setting.key.to_owned(), value.clone(), format!("--{}", setting.key)));
            }
        }
        for pair in matches.get_many::<String>("set").into_iter().flatten() {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            command_line.push((key.to_owned(), value.to_owned(), format!("--set {key}")));
        }
        // Secrets never come by the environment, so reading all of it loses nothing; names that are not UTF-8 are not ours.
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
        Ok(Self { file, environment, command_line })
    }
}

/// The services, each with its topics.
type Named = BTreeMap<String, BTreeSet<String>>;

/// All defaults, for these services and topics.
fn defaults(services: &Named) -> Config {
    let mut config = Config::blank();
    for setting in SETTINGS {
        let value = default_value(setting);
        match setting.key.matches('*').count() {
            0 => drop((setting.set)(&mut config, "", value)),
            1 => services.keys().for_each(|service| drop((setting.set)(&mut config, service, value.clone()))),
            _ => {
                for (service, topic) in services.iter().flat_map(|(service, topics)| topics.iter().map(move |topic| (service, topic))) {
                    drop((setting.set)(&mut config, &format!("{service}.{topic}"), value.clone()));
                }
            }
        }
    }
    config
}

fn default_value(setting: &Setting) -> Value {
    let parsed = DeValue::parse(setting.default).ok().and_then(|value| typed(value.get_ref()).ok());
    parsed.unwrap_or(Value::Text(String::new()))
}

/// The services that any source names, else the first one; of each the topics that any source names, else the first one.
fn services_of(entries: &[Entry]) -> Named {
    let mut named = Named::new();
    for of in entries.iter().filter_map(|entry| find(&entry.key)?.1) {
        let (service, topic) = of.split_once('.').map_or((of.as_str(), None), |(service, topic)| (service, Some(topic)));
        named.entry(service.to_owned()).or_default().extend(topic.map(str::to_owned));
    }
    if named.is_empty() {
        named.insert(FIRST_SERVICE.to_owned(), BTreeSet::new());
    }
    for topics in named.values_mut().filter(|topics| topics.is_empty()) {
        topics.insert(FIRST_TOPIC.to_owned());
    }
    named
}

fn apply(config: &mut Config, entry: Entry) -> Result<(), Problem> {
    let Some((setting, of)) = find(&entry.key) else {
        return Err(Problem { place: entry.place, wrong: format!("there is no setting `{}`", entry.key), right: suggestion(&entry.key) });
    };
    let value = match entry.value {
        Found::Typed(typed) => typed.map_err(|form| format!("`{}` is {form}", entry.key)),
        Found::Untyped(text) => untyped(setting.kind, &text).ok_or_else(|| format!("`{}` cannot be {text:?}", entry.key)),
    };
    let value = value.and_then(|value| match (setting.kind, &value) {
        (Kind::Text, Value::Text(_))
        | (Kind::Number, Value::Number(_))
        | (Kind::Switch, Value::Switch(_))
        | (Kind::List, Value::List(_)) => Ok(value),
        _ => Err(format!("`{}` has a value of the wrong form", entry.key)),
    });
    let form = format!("{}, such as {}", form_of(setting.kind), setting.default);
    let value = value.map_err(|wrong| Problem { place: entry.place.clone(), wrong, right: form })?;
    (setting.set)(config, of.as_deref().unwrap_or(""), value).map_err(|(wrong, right)| Problem {
        place: entry.place,
        wrong: format!("`{}`: {wrong}", entry.key),
        right,
    })
}

fn form_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "a text",
        Kind::Number => "a whole number",
        Kind::Switch => "true or false",
        Kind::List => "a list of texts",
    }
}

/// The setting of a dotted key, and the service (`advice`) or topic (`advice.care`) that it names.
fn find(key: &str) -> Option<(&'static Setting, Option<String>)> {
    if let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) {
        return (!key.contains('*')).then_some((setting, None));
    }
    let is_key = |key: &str| !key.is_empty() && key.len() <= 40 && key.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    let (service, leaf) = key.strip_prefix("services.")?.split_once('.')?;
    let (of, pattern) = match leaf.strip_prefix("topics.").map(|rest| rest.split_once('.')) {
        None => (service.to_owned(), format!("services.*.{leaf}")),
        Some(Some((topic, leaf))) if is_key(topic) => (format!("{service}.{topic}"), format!("services.*.topics.*.{leaf}")),
        Some(_) => return None,
    };
    let setting = SETTINGS.iter().find(|setting| setting.key == pattern)?;
    is_key(service).then_some((setting, Some(of)))
}

fn suggestion(key: &str) -> String {
    let mut parts = key.split('.');
    let service = parts.nth(1).filter(|_| key.starts_with("services.")).unwrap_or(FIRST_SERVICE);
    let topic = parts.nth(1).unwrap_or(FIRST_TOPIC);
    let known: Vec<String> = SETTINGS.iter().map(|setting| named(setting.key, service, topic)).collect();
    or_the_list(nearest(key, known.iter().map(String::as_str)))
}

fn or_the_list(near: Option<&str>) -> String {
    near.map_or_else(|| String::from("one of the settings in config/visavis.toml"), |near| format!("`{near}`, perhaps"))
}

/// The leaves of the file with their lines. A table of which nothing is known is named once.
fn walk(table: &DeTable<'_>, above: &str, path: &Path, text: &str, entries: &mut Vec<Entry>, problems: &mut Vec<Problem>) {
    for (name, value) in table {
        let key = if above.is_empty() { name.get_ref().to_string() } else { format!("{above}.{}", name.get_ref()) };
        let at = place(path, text, name.span().start);
        match value.get_ref() {
            DeValue::Table(inner) if is_table(&key) => walk(inner, &key, path, text, entries, problems),
            DeValue::Table(_) => {
                let wrong = format!("there is no table `{key}`");
                let tables = ["web", "tls", "media", "data", "log", "mail", "webhook", "oidc", "accounts", "load", "services"];
                problems.push(Problem { place: at, wrong, right: or_the_list(nearest(&key, tables.into_iter())) });
            }
            value => entries.push(Entry { key, value: Found::Typed(typed(value)), place: at }),
        }
    }
}

/// Whether settings stand under this key: a service's and a topic's own key may be any.
fn is_table(key: &str) -> bool {
    let parts = key.split('.').enumerate().map(|(at, part)| if key.starts_with("services.") && matches!(at, 1 | 3) { "*" } else { part });
    let prefix = format!("{}.", parts.collect::<Vec<_>>().join("."));
    SETTINGS.iter().any(|setting| setting.key.starts_with(&prefix))
}

fn place(path: &Path, text: &str, offset: usize) -> Place {
    let line = 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    Place::File { path: path.to_owned(), line }
}

fn typed(value: &DeValue<'_>) -> Result<Value, &'static str> {
    match value {
        DeValue::String(text) => Ok(Value::Text(text.to_string())),
        DeValue::Boolean(on) => Ok(Value::Switch(*on)),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map(Value::Number).map_err(|_| "a number too large")
        }
        DeValue::Array(list) => {
            list.iter().map(item).collect::<Option<Vec<_>>>().map(Value::List).ok_or("a list of something else than texts or numbers")
        }
        DeValue::Float(_) => Err("a fraction"),
        DeValue::Datetime(_) => Err("a date"),
        DeValue::Table(_) => Err("a table"),
    }
}

fn item(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string()),
        text => text.as_str().map(str::to_owned),
    }
}

fn untyped(kind: Kind, text: &str) -> Option<Value> {
    Some(match kind {
        Kind::Text => Value::Text(text.to_owned()),
        Kind::Number => Value::Number(text.trim().parse().ok()?),
        Kind::Switch => Value::Switch(text.trim().parse().ok()?),
        Kind::List => Value::List(text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()),
    })
}

/// `media.port` → `VISAVIS_MEDIA_PORT`.
fn variable(key: &str) -> String {
    format!("VISAVIS_{}", key.replace('.', "_").to_uppercase())
}

/// `VISAVIS_SERVICES_ADVICE_SLOT_MINUTES` → `services.advice.slot_minutes`.
fn key_of_variable(name: &str) -> Option<String> {
    if let Some(setting) = SETTINGS.iter().find(|setting| !setting.key.contains('*') && variable(setting.key) == name) {
        return Some(setting.key.to_owned());
    }
    let rest = name.strip_prefix("VISAVIS_SERVICES_")?;
    let key = |part: &str| part.to_lowercase().replace('_', "-");
    // A topic's first: `…_TOPICS_CARE_NAME_EN` ends like a service's name, too.
    let of_topic = SETTINGS.iter().filter_map(|setting| setting.key.strip_prefix("services.*.topics.*.")).find_map(|leaf| {
        let (service, topic) = rest.strip_suffix(&leaf.to_uppercase())?.strip_suffix('_')?.split_once("_TOPICS_")?;
        (!service.is_empty() && !topic.is_empty()).then(|| format!("services.{}.topics.{}.{leaf}", key(service), key(topic)))
    });
    of_topic.or_else(|| {
        SETTINGS.iter().filter_map(|setting| setting.key.strip_prefix("services.*.")).find_map(|leaf| {
            let service = rest.strip_suffix(&leaf.to_uppercase())?.strip_suffix('_')?;
            (!service.is_empty()).then(|| format!("services.{}.{leaf}", key(service)))
        })
    })
}
