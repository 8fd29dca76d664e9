//! Whether somebody who books hands in a copy of their identity card, and what an agent says after a look at it (trust.md I1). Knows no file and no screen.
//! It is a person's look for plausibility: nothing here says that anybody's identity was proven.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::AgentId;
use crate::time::Timestamp;

/// Of whom a service wants a copy of the identity card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityCheck {
    /// Of everybody.
    Always,
    /// Of those who book without having signed in.
    #[default]
    Unauthenticated,
    /// Of nobody.
    Never,
}

impl IdentityCheck {
    /// The word of the settings.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "always" => Some(Self::Always),
            "unauthenticated" => Some(Self::Unauthenticated),
            "never" => Some(Self::Never),
            _ => None,
        }
    }

    /// Whether somebody who books must bring the copy.
    pub fn needs_copy(self, authenticated: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Unauthenticated => !authenticated,
            Self::Never => false,
        }
    }
}

/// What the agent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityResult {
    /// The person looks like the one on the card.
    Matches,
    /// They do not.
    DoesNotMatch,
    /// Nobody needs to know for this consultation.
    NotNeeded,
}

/// How the agent came to say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityMethod {
    /// By the copy that was handed in, beside the picture.
    Copy,
    /// By a card that was held into the camera: there was no copy.
    CardShown,
    /// Not at all.
    None,
}

/// All that is kept of the look: no picture, no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentitySeen {
    /// How.
    pub method: IdentityMethod,
    /// What was said.
    pub result: IdentityResult,
    /// By whom.
    pub agent: AgentId,
    /// When.
    pub at: Timestamp,
}

impl IdentityMethod {
    /// What is true, whatever an agent's page says: there was a copy or there was none.
    pub fn of(result: IdentityResult, had_copy: bool) -> Self {
        match (result, had_copy) {
            (IdentityResult::NotNeeded, _) => Self::None,
            (_, true) => Self::Copy,
            (_, false) => Self::CardShown,
        }
    }
}

impl IdentityResult {
    /// The word of the audit trail.
    pub fn word(self) -> &'static str {
        match self {
            Self::Matches => "identity_seen_matches",
            Self::DoesNotMatch => "identity_seen_does_not_match",
            Self::NotNeeded => "identity_not_needed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_wanted_as_the_service_says_and_by_default_of_who_did_not_sign_in() {
        let wanted = |word: &str| IdentityCheck::parse(word).map(|check| (check.needs_copy(false), check.needs_copy(true)));
        assert_eq!(wanted("always"), Some((true, true)));
        assert_eq!(wanted("unauthenticated"), Some((true, false)));
        assert_eq!(wanted("never"), Some((false, false)));
        assert_eq!(wanted("sometimes"), None);
        assert_eq!(IdentityCheck::default(), IdentityCheck::Unauthenticated);
    }

    #[test]
    fn how_it_was_seen_is_said_by_what_was_there() {
        use IdentityResult::{DoesNotMatch, Matches, NotNeeded};
        assert_eq!(IdentityMethod::of(Matches, true), IdentityMethod::Copy);
        assert_eq!(IdentityMethod::of(DoesNotMatch, false), IdentityMethod::CardShown);
        assert_eq!(IdentityMethod::of(NotNeeded, true), IdentityMethod::None);
    }
}
