//! Values of settings in the forms that they come in, and the judges of what several settings have in common. Refuses to know single settings.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The form of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `"text"`
    Text,
    /// `12`
    Number,
    /// `true` or `false`
    Switch,
    /// `["a", "b"]`; in the environment and on the command line `a,b`
    List,
}

/// A value of the right form, not yet judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `Kind::Text`
    Text(String),
    /// `Kind::Number`
    Number(i64),
    /// `Kind::Switch`
    Switch(bool),
    /// `Kind::List`
    List(Vec<String>),
}

/// The error says what is wrong and what would be right.
pub(super) type Judged<T> = Result<T, (String, String)>;

pub(super) fn unreadable() -> (String, String) {
    (String::from("the value has the wrong form"), String::from("the form of the default"))
}

pub(super) fn text(value: Value) -> Judged<String> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err(unreadable()),
    }
}

pub(super) fn switch(value: Value) -> Judged<bool> {
    match value {
        Value::Switch(on) => Ok(on),
        _ => Err(unreadable()),
    }
}

pub(super) fn number(value: Value, least: i64, most: i64) -> Judged<i64> {
    match value {
        Value::Number(n) if (least..=most).contains(&n) => Ok(n),
        Value::Number(n) => Err((format!("{n} is out of range"), format!("a number from {least} to {most}"))),
        _ => Err(unreadable()),
    }
}

pub(super) fn minutes(value: Value, least: i64, most: i64) -> Judged<Duration> {
    number(value, least, most).map(|minutes| Duration::from_secs(60 * minutes.unsigned_abs()))
}

pub(super) fn one_of(value: Value, allowed: &[&str]) -> Judged<String> {
    let given = text(value)?;
    match allowed.contains(&given.as_str()) {
        true => Ok(given),
        false => Err((
            format!("{given:?} is none of its values"),
            allowed.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" or "),
        )),
    }
}

pub(super) fn path(value: Value) -> Judged<PathBuf> {
    match text(value)? {
        empty if empty.is_empty() => Err((String::from("it is empty"), String::from("the path of a directory"))),
        path => Ok(PathBuf::from(path)),
    }
}

pub(super) fn optional_path(value: Value) -> Judged<Option<PathBuf>> {
    text(value).map(|path| (!path.is_empty()).then(|| PathBuf::from(path)))
}

pub(super) fn each<T>(value: Value, parse: impl Fn(&str) -> Option<T>, what: &str, example: &str) -> Judged<Vec<T>> {
    let Value::List(list) = value else { return Err(unreadable()) };
    list.iter().map(|item| parse(item.trim()).ok_or_else(|| (format!("{item:?} is not {what}"), example.to_owned()))).collect()
}

pub(super) fn addresses(value: Value) -> Judged<Vec<SocketAddr>> {
    each(value, |text| text.parse().ok(), "an address with a port", r#"["[::]:8443"] or ["192.0.2.1:443"]"#)
}

pub(super) fn nat_pair(text: &str) -> Option<(IpAddr, IpAddr)> {
    let (own, public) = text.split_once('=')?;
    let pair: (IpAddr, IpAddr) = (own.trim().parse().ok()?, public.trim().parse().ok()?);
    (pair.0.is_ipv4() == pair.1.is_ipv4()).then_some(pair)
}

pub(super) fn is_base_url(url: &str) -> bool {
    let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://localhost").map(|_| "localhost"));
    authority.is_some_and(|authority| !authority.is_empty() && !authority.contains(['/', '?', '#', '@', ' ']))
}

/// `host`, `host:port` or `[v6]:port`.
pub(super) fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let url = url::Url::parse(&format!("smtp://{text}")).ok()?;
    let plain = url.username().is_empty() && url.path().is_empty() && url.query().is_none() && url.fragment().is_none();
    let host = url.host_str().filter(|host| plain && !host.contains(['%', ' ']))?;
    Some((host.to_owned(), url.port()))
}

/// HTTPS anywhere, HTTP on this machine alone: what is posted holds phone numbers.
pub(super) fn is_webhook_url(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else { return false };
    let is_here = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => return false,
    };
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    plain && (url.scheme() == "https" || (url.scheme() == "http" && is_here))
}

/// PostgreSQL, without a password: that stands in a file of its own (trust.md, rule 12).
pub(super) fn is_database(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else { return false };
    let has_password = url.password().is_some() || url.query_pairs().any(|(name, _)| name == "password");
    matches!(url.scheme(), "postgres" | "postgresql") && !has_password && url.fragment().is_none()
}
