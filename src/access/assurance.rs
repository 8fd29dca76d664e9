//! How sure an identity provider was of who somebody is, in the three levels of eIDAS. Refuses to guess: what no setting names is no level (trust.md I2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ordered: `High` is worth `Low` too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// eIDAS "low".
    Low,
    /// eIDAS "substantial".
    Substantial,
    /// eIDAS "high".
    High,
}

impl Assurance {
    /// As it stands in settings, store and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Substantial => "substantial",
            Self::High => "high",
        }
    }

    /// Back from [`Assurance::word`].
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Low, Self::Substantial, Self::High].into_iter().find(|level| level.word() == word)
    }
}

/// Which `acr` of a provider stands for which level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Levels {
    /// For `low`.
    pub low: Vec<String>,
    /// For `substantial`.
    pub substantial: Vec<String>,
    /// For `high`.
    pub high: Vec<String>,
}

impl Levels {
    /// The level of an `acr`; none when it is missing, unknown, or stands for two levels.
    pub fn of(&self, acr: Option<&str>) -> Option<Assurance> {
        let acr = acr?;
        let mut found = self.all().filter(|(_, names)| names.iter().any(|name| name == acr)).map(|(level, _)| level);
        let level = found.next()?;
        found.next().is_none().then_some(level)
    }

    /// The `acr` values worth at least this, the best last: what a provider is asked for.
    pub fn from(&self, least: Assurance) -> Vec<String> {
        self.all().filter(|(level, _)| *level >= least).flat_map(|(_, names)| names.iter().cloned()).collect()
    }

    fn all(&self) -> impl Iterator<Item = (Assurance, &Vec<String>)> {
        [(Assurance::Low, &self.low), (Assurance::Substantial, &self.substantial), (Assurance::High, &self.high)].into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels() -> Levels {
        let one = |name: &str| vec![name.to_owned()];
        Levels { low: one("urn:low"), substantial: vec!["urn:sub".into(), "both".into()], high: vec!["urn:high".into(), "both".into()] }
    }

    #[test]
    fn a_missing_unknown_or_ambiguous_acr_is_no_level() {
        let levels = levels();
        assert_eq!(levels.of(Some("urn:sub")), Some(Assurance::Substantial));
        for acr in [None, Some(""), Some("urn:lo"), Some("URN:LOW"), Some("high"), Some("both")] {
            assert_eq!(levels.of(acr), None, "{acr:?}");
        }
        assert_eq!(Levels::default().of(Some("")), None);
    }

    #[test]
    fn a_provider_is_asked_for_what_is_worth_enough() {
        assert_eq!(levels().from(Assurance::High), ["urn:high", "both"]);
        assert_eq!(levels().from(Assurance::Low)[0], "urn:low");
        assert!(Assurance::High > Assurance::Substantial && Assurance::Substantial > Assurance::Low);
        assert_eq!(Assurance::parse(Assurance::High.word()), Some(Assurance::High));
        assert_eq!(Assurance::parse("very"), None);
    }
}
