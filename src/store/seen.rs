//! What look-ups answered a moment ago, for the time in which the database does not answer: whoever is in a call comes back to it, and a link that was opened still
//! shows its page (trust.md R3). Decides nothing; holds opened appointments in memory alone.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Appointment, StoreError, Who};
use crate::access::AgentGrant;
use crate::access::token::TokenHash;
use crate::consultation::record::Record;
use crate::ids::AppointmentId;
use crate::limits;
use crate::time::Timestamp;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    /// The appointment behind a join link.
    Link(TokenHash),
    /// That behind a citizen's cookie.
    Citizen(TokenHash),
    /// The agent behind a cookie.
    Agent(TokenHash),
    /// An appointment.
    Id(AppointmentId),
}

/// Answers of the last `limits::SEEN_KEPT`, at most `limits::SEEN_ENTRIES`; beyond, the oldest goes.
#[derive(Default)]
pub(super) struct Seen(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Raised with every change: an answer that was on its way meanwhile is not kept.
    changes: u64,
    agents: HashMap<TokenHash, (AgentGrant, Instant)>,
    /// To which appointment a question leads.
    ids: HashMap<Asked, (AppointmentId, Instant)>,
    /// Each once, so that all questions get the same answer.
    appointments: HashMap<AppointmentId, Appointment>,
    order: VecDeque<Asked>,
    /// Cookies of citizens that were given while the database did not answer, at most `limits::SIGN_INS_WAITING`.
    waiting: Vec<(TokenHash, AppointmentId, Timestamp)>,
    /// Lines of the audit trail from that time, at most `limits::LINES_WAITING`.
    lines: VecDeque<Line>,
}

/// A line that waits: what, who, about which appointment, when.
pub(super) type Line = (&'static str, Who, Option<AppointmentId>, Timestamp);

impl Kept {
    fn drop_one(&mut self, asked: Asked) {
        self.ids.remove(&asked);
        match asked {
            Asked::Agent(cookie) => drop(self.agents.remove(&cookie)),
            Asked::Id(id) => drop(self.appointments.remove(&id)),
            Asked::Link(_) | Asked::Citizen(_) => {}
        }
    }

    fn line_up(&mut self, asked: Asked) {
        self.order.push_back(asked);
        while self.order.len() > limits::SEEN_ENTRIES {
            if let Some(oldest) = self.order.pop_front() {
                self.drop_one(oldest);
            }
        }
    }
}

impl Seen {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be taken before the database is asked.
    pub(super) fn changes(&self) -> u64 {
        self.kept().changes
    }

    /// The database said so, unless something changed since `changes`.
    pub(super) fn keep(&self, asked: Asked, found: Option<&Appointment>, changes: u64) {
        let mut kept = self.kept();
        let Some(of) = found else { return kept.drop_one(asked) };
        if kept.changes != changes {
            return;
        }
        for asked in [asked, Asked::Id(of.id)] {
            if kept.ids.insert(asked, (of.id, Instant::now())).is_none() {
                kept.line_up(asked);
            }
        }
        kept.appointments.insert(of.id, of.clone());
    }

    /// The same of an agent.
    pub(super) fn keep_agent(&self, cookie: TokenHash, found: Option<&AgentGrant>, changes: u64) {
        let mut kept = self.kept();
        let Some(grant) = found else { return kept.drop_one(Asked::Agent(cookie)) };
        if kept.changes == changes && kept.agents.insert(cookie, (grant.clone(), Instant::now())).is_none() {
            kept.line_up(Asked::Agent(cookie));
        }
    }

    /// What the database said the last time, when that is not too long ago.
    pub(super) fn recall(&self, asked: Asked) -> Option<Appointment> {
        let kept = self.kept();
        let (id, _) = kept.ids.get(&asked).filter(|(_, at)| at.elapsed() <= limits::SEEN_KEPT)?;
        kept.appointments.get(id).cloned()
    }

    /// The same of an agent.
    pub(super) fn recall_agent(&self, cookie: TokenHash) -> Option<AgentGrant> {
        self.kept().agents.get(&cookie).filter(|(_, at)| at.elapsed() <= limits::SEEN_KEPT).map(|(grant, _)| grant.clone())
    }

    /// A cookie for a link that was seen, until the database takes it. False when there is no room, or the appointment was not seen.
    pub(super) fn give(&self, cookie: TokenHash, id: AppointmentId, now: Timestamp) -> bool {
        let mut kept = self.kept();
        if kept.waiting.len() >= limits::SIGN_INS_WAITING || !kept.appointments.contains_key(&id) {
            return false;
        }
        kept.waiting.push((cookie, id, now));
        kept.ids.insert(Asked::Citizen(cookie), (id, Instant::now()));
        kept.line_up(Asked::Citizen(cookie));
        true
    }

    /// Those that wait to be written.
    pub(super) fn waiting(&self) -> Vec<(TokenHash, AppointmentId, Timestamp)> {
        self.kept().waiting.clone()
    }

    /// Keeps a line; false when there is no room.
    pub(super) fn note(&self, line: Line) -> bool {
        let mut kept = self.kept();
        let has_room = kept.lines.len() < limits::LINES_WAITING;
        if has_room {
            kept.lines.push_back(line);
        }
        has_room
    }

    /// The oldest line that waits.
    pub(super) fn next_line(&self) -> Option<Line> {
        self.kept().lines.front().copied()
    }

    /// It was written.
    pub(super) fn line_written(&self) {
        self.kept().lines.pop_front();
    }

    /// This one was written, or has no appointment any more.
    pub(super) fn settle(&self, cookie: TokenHash) {
        self.kept().waiting.retain(|(waits, ..)| *waits != cookie);
    }

    /// An appointment has another record from now on. Old ones must not come back: what is written on top of them would undo what was acknowledged.
    pub(super) fn renew(&self, id: AppointmentId, record: &Record) {
        let mut kept = self.kept();
        kept.changes += 1;
        if let Some(of) = kept.appointments.get_mut(&id) {
            of.record = record.clone();
        }
    }

    /// It is not known what an appointment looks like now.
    pub(super) fn doubt(&self, id: AppointmentId) {
        let mut kept = self.kept();
        kept.changes += 1;
        kept.appointments.remove(&id);
    }

    /// Somebody lost a right, or something was destroyed: nothing of before counts.
    pub(super) fn forget(&self) {
        let mut kept = self.kept();
        *kept = Kept {
            changes: kept.changes + 1,
            waiting: std::mem::take(&mut kept.waiting),
            lines: std::mem::take(&mut kept.lines),
            ..Kept::default()
        };
    }
}

impl StoreError {
    /// Whether the database could not be asked, rather than said no.
    pub fn is_away(&self) -> bool {
        use sqlx::Error as E;
        match self {
            Self::Database(E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Protocol(_)) => true,
            // PostgreSQL ends (57P01, 57P02, 57P03: classes of operator intervention), or waited in vain for a lock (55P03); SQLite's own words for that are numbers.
            Self::Database(E::Database(error)) => {
                error.code().is_some_and(|code| matches!(&*code, "57P01" | "57P02" | "57P03" | "55P03" | "5" | "6" | "261" | "517" | "773"))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::role::Role;
    use crate::ids::AgentId;

    fn anna() -> AgentGrant {
        AgentGrant { agent: AgentId(1), display_name: "Anna".into(), role: Role::Agent }
    }

    #[test]
    fn an_answer_is_recalled_until_the_database_says_no_or_everything_is_forgotten() {
        let (seen, anna) = (Seen::default(), anna());
        assert!(seen.recall_agent([7; 32]).is_none());
        seen.keep_agent([7; 32], Some(&anna), seen.changes());
        assert!(seen.recall_agent([7; 32]).is_some() && seen.recall(Asked::Agent([7; 32])).is_none());
        seen.keep_agent([7; 32], None, seen.changes());
        assert!(seen.recall_agent([7; 32]).is_none());
        seen.keep_agent([7; 32], Some(&anna), seen.changes());
        seen.forget();
        assert!(seen.recall_agent([7; 32]).is_none());
    }

    #[test]
    fn an_answer_that_was_on_its_way_while_something_changed_is_not_kept() {
        let (seen, anna) = (Seen::default(), anna());
        let asked = seen.changes();
        seen.renew(AppointmentId(1), &Record::default());
        seen.keep_agent([7; 32], Some(&anna), asked);
        assert!(seen.recall_agent([7; 32]).is_none());
    }

    #[test]
    fn the_oldest_answers_go_at_the_bound() {
        let (seen, anna) = (Seen::default(), anna());
        let cookie = |number: usize| {
            let mut cookie = [0; 32];
            cookie[..8].copy_from_slice(&(number as u64).to_be_bytes());
            cookie
        };
        for number in 0..=limits::SEEN_ENTRIES {
            seen.keep_agent(cookie(number), Some(&anna), seen.changes());
        }
        assert!(seen.recall_agent(cookie(0)).is_none());
        assert!(seen.recall_agent(cookie(limits::SEEN_ENTRIES)).is_some());
        assert_eq!(seen.kept().agents.len(), limits::SEEN_ENTRIES);
    }
}
