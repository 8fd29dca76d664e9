//! One message as it is kept: who said what, and which guests were there to read it. Knows neither seal nor wire.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, GuestId, MessageId};
use crate::time::Timestamp;

/// Who writes and reads: a person, never a seat, since a seat's number may be another's tomorrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// Whose appointment it is.
    Citizen,
    /// Of the service, by account.
    Agent(AgentId),
    /// A third person, by invitation.
    Guest(GuestId),
}

/// A message that was said. Its `Debug` leaves name and text out (trust.md P2).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its place in the consultation: 1 and up, without gaps.
    pub number: u32,
    /// Chosen by the author's page: said twice, it is one message.
    pub id: MessageId,
    /// Who said it.
    pub author: Author,
    /// The author's name at that time.
    pub name: String,
    /// What they said.
    pub text: String,
    /// When the server took it.
    pub at: Timestamp,
    /// The guests who were in the call then.
    pub guests: Vec<GuestId>,
}

impl Message {
    /// Whether this person may read it.
    pub fn is_for(&self, reader: Author) -> bool {
        match reader {
            Author::Citizen | Author::Agent(_) => true,
            Author::Guest(guest) => self.author == reader || self.guests.contains(&guest),
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("number", &self.number).field("author", &self.author).finish_non_exhaustive()
    }
}
