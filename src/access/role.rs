//! What a member of the staff may do beside talking to citizens. Refuses to know who gave the role.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A role; it comes from the store alone, never from a client (trust.md S6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Talks to citizens.
    Agent,
    /// Watches over a service, and may do what an agent does.
    Supervisor,
}

impl Role {
    /// As it stands in store and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
        }
    }

    /// Back from [`Role::word`]; whatever else it says, it is the role that may do least.
    pub fn of(word: &str) -> Self {
        if word == Self::Supervisor.word() { Self::Supervisor } else { Self::Agent }
    }

    /// All that this role may act as, for the screens.
    pub fn all(self) -> Vec<Role> {
        match self {
            Self::Agent => vec![Self::Agent],
            Self::Supervisor => vec![Self::Agent, Self::Supervisor],
        }
    }
}
