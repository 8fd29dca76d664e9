//! One consultation: waiting room, seats, ringing, admission, drop, return, close. Says what may happen next, never how; told the time.

pub mod record;
