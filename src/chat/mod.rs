//! What people write to each other in a consultation: messages that are kept ([`book`]) and real-time text that never is ([`live_text`]). Says who may read what,
//! never how it travels; told the time.
//!
//! Who reads what (trust.md O17): the citizen and the agents in the call read everything that was said in this consultation. A guest reads what was said while
//! they were in the call, and what they said themselves; neither what came before nor what came after.

pub mod block;
pub mod book;
pub mod live_text;
pub mod message;

pub use book::{Book, Refusal, Said, View};
pub use message::{Author, Message};
