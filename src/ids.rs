//! Names of things, one newtype each; knows nothing of what they name, nor where their randomness came from.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// 128 random bits, written as 32 lower-case hex digits wherever they are written.
macro_rules! random_id {
    ($(#[$about:meta])* $name:ident, $described:literal, $(#[$bad_about:meta])* $bad:ident, $wrong:literal) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u128);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        $(#[$bad_about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        #[error($wrong)]
        pub struct $bad;

        impl FromStr for $name {
            type Err = $bad;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let hex = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                if !hex {
                    return Err($bad);
                }
                u128::from_str_radix(text, 16).map(Self).map_err(|_| $bad)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$", "description": $described })
            }
        }
    };
}

random_id!(
    /// An appointment and the consultation that happens at it: 128 random bits, written as 32 hex digits.
    AppointmentId,
    "Names an appointment and its consultation.",
    /// Not 32 lower-case hex digits.
    BadAppointmentId,
    "an appointment id is 32 lower-case hex digits"
);

random_id!(
    /// A wish to be called back: 128 random bits, written as 32 hex digits.
    CallbackId,
    "Names a wish to be called back.",
    /// Not 32 lower-case hex digits.
    BadCallbackId,
    "a callback id is 32 lower-case hex digits"
);

/// A document, and the name of its file: 128 random bits, written as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentId(pub u128);

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentId({self})")
    }
}

/// Not 32 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a document id is 32 lower-case hex digits")]
pub struct BadDocumentId;

impl FromStr for DocumentId {
    type Err = BadDocumentId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The same form as an appointment's.
        text.parse::<AppointmentId>().map(|id| Self(id.0)).map_err(|_| BadDocumentId)
    }
}

impl Serialize for DocumentId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DocumentId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for DocumentId {
    fn schema_name() -> Cow<'static, str> {
        "DocumentId".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$", "description": "Names a document." })
    }
}

/// One person of one consultation. The citizen is always `0`; bounded by `limits::PARTICIPANTS_MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ParticipantId(pub u8);

impl ParticipantId {
    /// The citizen whose appointment it is.
    pub const CITIZEN: Self = Self(0);
    /// No seat: beyond every number that a participant can have.
    pub const NOBODY: Self = Self(u8::MAX);
}

/// One invitation of one consultation: 1 and up, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct GuestId(pub u32);

/// An agent's account: the row id of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentId(pub i64);

/// 16 random bytes of a browser's choice, written in base64url without padding (22 characters) wherever they are written.
macro_rules! page_id {
    ($(#[$about:meta])* $name:ident, $described:literal, $(#[$bad_about:meta])* $bad:ident, $wrong:literal) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 16]);

        $(#[$bad_about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        #[error($wrong)]
        pub struct $bad;

        impl FromStr for $name {
            type Err = $bad;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; 16];
                match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
                    Ok(16) => Ok(Self(bytes)),
                    _ => Err($bad),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{21}[AQgw]$", "description": $described })
            }
        }
    };
}

page_id!(
    /// One page in one browser: 16 random bytes that the page keeps over a reload.
    DeviceId,
    "16 bytes, base64url without padding.",
    /// Not 22 characters of base64url that mean 16 bytes.
    BadDeviceId,
    "a device is 16 bytes in base64url without padding"
);

page_id!(
    /// One chat message: 16 random bytes that its author's page chose, so that the same one said again is known.
    MessageId,
    "Names a chat message; 16 random bytes, base64url without padding.",
    /// Not 22 characters of base64url that mean 16 bytes.
    BadMessageId,
    "a chat message's id is 16 bytes in base64url without padding"
);
