//! Who somebody is: join links, passwords, what identity providers say, grants. Refuses to know cookies, sockets and SQL; told the time and the randomness.

pub mod api_key;
pub mod assurance;
pub mod claims;
pub mod contact;
pub mod link;
pub mod name;
pub mod password;
pub mod relay;
pub mod role;
pub mod rounds;
pub mod second_factor;
pub mod throttle;
pub mod token;

use crate::ids::{AgentId, AppointmentId, GuestId};

/// What a parsed credential allows; carried from the edge inwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// The holder of an appointment's join link.
    Citizen(AppointmentId),
    /// The holder of a guest's link.
    Guest(AppointmentId, GuestId),
    /// A signed-in agent; the name is the server's, never the client's (trust.md S6).
    Agent(AgentGrant),
}

/// A signed-in agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentGrant {
    /// The account.
    pub agent: AgentId,
    /// The name that others see.
    pub display_name: String,
    /// What they may do; from the store.
    pub role: role::Role,
}
