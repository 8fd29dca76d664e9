//! What a portal's key allows: scopes, and how much of it. Knows no header and no SQL.

use std::collections::BTreeSet;
use std::time::Duration;

/// One thing that a key may be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Look at appointments.
    ReadAppointments,
    /// Book, move and cancel them, and send or replace their links.
    WriteAppointments,
    /// See who wants to be called back.
    ReadCallbacks,
    /// Hand in such wishes.
    WriteCallbacks,
    /// Test the load, where the server allows it at all.
    Load,
}

impl Scope {
    /// All of them: what a key has that was made without a word about scopes.
    pub const ALL: [Self; 5] = [Self::ReadAppointments, Self::WriteAppointments, Self::ReadCallbacks, Self::WriteCallbacks, Self::Load];

    /// As it is written on the command line, in the database and in `openapi.json`.
    pub fn word(self) -> &'static str {
        match self {
            Self::ReadAppointments => "appointments:read",
            Self::WriteAppointments => "appointments:write",
            Self::ReadCallbacks => "callbacks:read",
            Self::WriteCallbacks => "callbacks:write",
            Self::Load => "load",
        }
    }

    /// Reads one word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.word() == word)
    }
}

/// What the holder of a key may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyGrant {
    /// Which portal; its operator chose the word.
    pub label: String,
    /// For what it is good.
    pub scopes: BTreeSet<Scope>,
    /// Requests a minute, where it is not the server's usual number.
    pub per_minute: Option<u32>,
}

impl KeyGrant {
    /// Scopes as they are kept: words with a space between them. A word of another version allows nothing.
    pub fn scopes_of(words: &str) -> BTreeSet<Scope> {
        words.split(' ').filter_map(Scope::parse).collect()
    }

    /// The other way round.
    pub fn words_of(scopes: &BTreeSet<Scope>) -> String {
        scopes.iter().map(|scope| scope.word()).collect::<Vec<_>>().join(" ")
    }

    /// A minute's worth at once, and how long each further request takes to come back.
    pub fn measure(&self, usual: u32) -> (u32, Duration) {
        let a_minute = self.per_minute.unwrap_or(usual).max(1);
        (a_minute, Duration::from_secs(60) / a_minute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_survive_being_kept_and_unknown_words_allow_nothing() {
        let all: BTreeSet<Scope> = Scope::ALL.into_iter().collect();
        assert_eq!(KeyGrant::scopes_of(&KeyGrant::words_of(&all)), all);
        assert!(KeyGrant::scopes_of("appointments:everything  admin *").is_empty());
        assert!(KeyGrant::scopes_of("").is_empty());
    }

    #[test]
    fn a_key_with_a_number_of_its_own_has_that_and_no_number_is_zero() {
        let key = |per_minute| KeyGrant { label: String::new(), scopes: BTreeSet::new(), per_minute };
        assert_eq!(key(None).measure(600), (600, Duration::from_millis(100)));
        assert_eq!(key(Some(6)).measure(600), (6, Duration::from_secs(10)));
        assert_eq!(key(Some(0)).measure(600), (1, Duration::from_secs(60)));
    }
}
