//! Values that appear in several messages, each checked once when it is read. Knows no message.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::limits;
use crate::time::Timestamp;

pub use crate::access::name::is_unfit_in_a_name;

/// The languages of screens and mails.
pub const LANGUAGES: [&str; 4] = ["en", "fr", "de", "lb"];

/// One of them.
pub fn known_language(wanted: &str) -> Option<&'static str> {
    LANGUAGES.into_iter().find(|known| *known == wanted)
}

/// A moment as RFC 3339 in UTC with milliseconds; any offset is understood when read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utc(pub Timestamp);

impl From<Timestamp> for Utc {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.rfc3339())
    }
}

impl<'de> Deserialize<'de> for Utc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text).map(Self).ok_or_else(|| D::Error::custom("not an RFC 3339 time with offset"))
    }
}

impl JsonSchema for Utc {
    fn schema_name() -> Cow<'static, str> {
        "Utc".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "format": "date-time", "description": "RFC 3339, UTC with milliseconds.",
            "pattern": "^\\d{4}-\\d{2}-\\d{2}[Tt ]\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?([Zz]|[+-]\\d{2}:\\d{2})$"
        })
    }
}

/// Text from an agent to a person who waits: 1 to `limits::NOTICE_CHARACTERS` characters, not only white space.
/// Its `Debug` does not show it: texts do not belong in logs (trust.md P2).
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct NoticeText(String);

impl NoticeText {
    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl std::fmt::Debug for NoticeText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NoticeText({} bytes)", self.0.len())
    }
}

/// Empty, only white space, or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is empty or longer than 500 characters")]
pub struct BadNotice;

impl TryFrom<String> for NoticeText {
    type Error = BadNotice;

    fn try_from(text: String) -> Result<Self, BadNotice> {
        let said = text.chars().any(|c| !c.is_whitespace());
        if said && text.chars().nth(limits::NOTICE_CHARACTERS).is_none() { Ok(Self(text)) } else { Err(BadNotice) }
    }
}

impl<'de> Deserialize<'de> for NoticeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
    }
}

/// [`is_unfit_in_a_name`] for the schema: none of these, and something that is not white space.
const NAME_PATTERN: &str =
    r"^\s*[^\s\x00-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff][^\x00-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff]*$";

/// A guest's name: 1 to `limits::NAME_CHARACTERS` characters, not only white space, nothing [`is_unfit_in_a_name`]; white space around it is cut off.
/// Its `Debug` does not show it (trust.md P2).
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct GuestName(String);

impl GuestName {
    /// The name.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl std::fmt::Debug for GuestName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GuestName({} bytes)", self.0.len())
    }
}

impl<'de> Deserialize<'de> for GuestName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let said = String::deserialize(deserializer)?;
        let name = said.trim();
        let fits = said.chars().nth(limits::NAME_CHARACTERS).is_none() && !name.is_empty() && !name.chars().any(is_unfit_in_a_name);
        if fits {
            Ok(Self(name.to_owned()))
        } else {
            Err(D::Error::custom("not a name of 1 to 80 characters that are seen and do not turn the text"))
        }
    }
}

/// A chat message: 1 to `limits::CHAT_CHARACTERS` characters, not only white space, no control but new line and tab.
/// Its `Debug` does not show it (trust.md P2).
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ChatText(String);

impl ChatText {
    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl std::fmt::Debug for ChatText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChatText({} bytes)", self.0.len())
    }
}

impl<'de> Deserialize<'de> for ChatText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let said = text.chars().any(|c| !c.is_whitespace());
        let fits = text.chars().nth(limits::CHAT_CHARACTERS).is_none();
        if said && fits && text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()) {
            Ok(Self(text))
        } else {
            Err(D::Error::custom("not a text of 1 to 2,000 characters without controls"))
        }
    }
}

/// A block of real-time text, as it travels; what it holds is the business of `chat::block`. Its `Debug` does not show it (trust.md P2).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct TextBlock(pub String);

impl std::fmt::Debug for TextBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextBlock({} bytes)", self.0.len())
    }
}

impl JsonSchema for ChatText {
    fn schema_name() -> Cow<'static, str> {
        "ChatText".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "minLength": 1, "maxLength": limits::CHAT_CHARACTERS, "pattern": r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b-\x1f\x7f-\x9f]*$",
            "description": "What somebody says in the chat, not only white space; no control but new line and tab."
        })
    }
}

impl JsonSchema for GuestName {
    fn schema_name() -> Cow<'static, str> {
        "GuestName".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "minLength": 1, "maxLength": limits::NAME_CHARACTERS, "pattern": NAME_PATTERN,
            "description": "The name of a guest, not only white space."
        })
    }
}

impl JsonSchema for NoticeText {
    fn schema_name() -> Cow<'static, str> {
        "NoticeText".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "minLength": 1, "maxLength": limits::NOTICE_CHARACTERS, "pattern": "\\S",
            "description": "Text to a person who waits, not only white space."
        })
    }
}
