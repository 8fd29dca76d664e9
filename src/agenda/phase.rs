//! The phase of an appointment's link at a moment (rules O W L N R D of mission.md). Refuses to know who is connected: it is told.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The slot: from S (included) to E (excluded).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// S of mission.md.
    pub start: Timestamp,
    /// E of mission.md.
    pub end: Timestamp,
}

/// The numbers of a service that decide about a link. The default is the CNS's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRules {
    /// The waiting room opens this long before S (rule O).
    pub early: Duration,
    /// Somebody who was admitted may come back until this long after E (rule R).
    pub come_back: Duration,
    /// Somebody who waits and was never called is told that the service missed them this long after E (rule L).
    pub give_up: Duration,
    /// The documents of a consultation can be downloaded until this long after it ended (rule D).
    pub documents: Duration,
    /// The copy of the identity card goes at the latest this long after the consultation ended (trust.md I1).
    #[serde(default = "an_hour")]
    pub identity_copy: Duration,
}

impl Default for LinkRules {
    fn default() -> Self {
        Self {
            early: Duration::from_secs(15 * 60),
            come_back: Duration::from_secs(30 * 60),
            give_up: Duration::from_secs(30 * 60),
            documents: Duration::from_secs(24 * 60 * 60),
            identity_copy: an_hour(),
        }
    }
}

fn an_hour() -> Duration {
    Duration::from_secs(60 * 60)
}

/// How far the citizen has come; what the rules need to know of the consultation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Never arrived, or left the waiting room without having been admitted.
    Absent,
    /// In the waiting room (ringing included), never admitted.
    Waiting,
    /// Was admitted at least once, wherever they are now.
    Admitted {
        /// An agent is in the call, or the citizen is: rule N, the two of them decide when it ends.
        call_runs: bool,
    },
    /// The agent closed the consultation.
    Closed,
}

/// What the link shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before S − early: date, time, countdown; no place in the queue (rule O).
    TooEarly,
    /// The signaling lets the citizen in: waiting, in call and return included (rules W N R).
    Open,
    /// At or after E and never there: book again (rule L).
    Late,
    /// Closed, or the time to come back is over, and nothing of it is kept for the citizen.
    Over,
    /// The same while the documents can still be downloaded (rule D).
    Documents,
    /// The time to keep anything is over.
    Erased,
    /// Waited and was never called until E + give_up: the service's fault (rule L).
    Missed,
    /// The citizen or the service cancelled it (rule X).
    Cancelled,
}

/// The phase of a link. To the second and below: every bound is "at or after".
pub fn phase(slot: Slot, rules: LinkRules, standing: Standing, now: Timestamp) -> Phase {
    match standing {
        Standing::Closed => Phase::Over,
        Standing::Admitted { call_runs: true } => Phase::Open,
        Standing::Admitted { call_runs: false } if now < slot.end.after(rules.come_back) => Phase::Open,
        Standing::Admitted { call_runs: false } => Phase::Over,
        Standing::Waiting if now < slot.end.after(rules.give_up) => Phase::Open,
        Standing::Waiting => Phase::Missed,
        Standing::Absent if now < opens(slot, rules) => Phase::TooEarly,
        Standing::Absent if now < slot.end => Phase::Open,
        Standing::Absent => Phase::Late,
    }
}

/// S − early: when the waiting room opens.
pub fn opens(slot: Slot, rules: LinkRules) -> Timestamp {
    slot.start.before(rules.early)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;
    const SECOND: i64 = 1_000;

    /// The phase `offset_ms` after S of a slot of 20 minutes under the default rules.
    fn at(standing: Standing, offset_ms: i64) -> Phase {
        let start = Timestamp(1_800_000_000_000);
        let slot = Slot { start, end: Timestamp(start.0 + 20 * MINUTE) };
        phase(slot, LinkRules::default(), standing, Timestamp(start.0 + offset_ms))
    }

    #[test]
    fn citizen_cannot_join_sixteen_minutes_early() {
        assert_eq!(at(Standing::Absent, -16 * MINUTE), Phase::TooEarly);
    }

    #[test]
    fn link_opens_fifteen_minutes_before_the_start_to_the_second() {
        assert_eq!(at(Standing::Absent, -15 * MINUTE - SECOND), Phase::TooEarly);
        assert_eq!(at(Standing::Absent, -15 * MINUTE - 1), Phase::TooEarly);
        assert_eq!(at(Standing::Absent, -15 * MINUTE), Phase::Open);
    }

    #[test]
    fn citizen_who_never_came_is_late_at_the_end_to_the_second() {
        assert_eq!(at(Standing::Absent, 20 * MINUTE - 1), Phase::Open);
        assert_eq!(at(Standing::Absent, 20 * MINUTE), Phase::Late);
        assert_eq!(at(Standing::Absent, 20 * MINUTE + SECOND), Phase::Late);
    }

    #[test]
    fn who_waits_at_the_end_is_not_thrown_out_and_is_missed_half_an_hour_later() {
        assert_eq!(at(Standing::Waiting, 20 * MINUTE), Phase::Open);
        assert_eq!(at(Standing::Waiting, 50 * MINUTE - SECOND), Phase::Open);
        assert_eq!(at(Standing::Waiting, 50 * MINUTE), Phase::Missed);
    }

    #[test]
    fn admitted_citizen_returns_until_half_an_hour_after_the_end() {
        let left = Standing::Admitted { call_runs: false };
        assert_eq!(at(left, 20 * MINUTE), Phase::Open);
        assert_eq!(at(left, 50 * MINUTE - SECOND), Phase::Open);
        assert_eq!(at(left, 50 * MINUTE), Phase::Over);
    }

    #[test]
    fn running_call_is_never_cut_and_stays_open_for_return() {
        let running = Standing::Admitted { call_runs: true };
        assert_eq!(at(running, 20 * MINUTE), Phase::Open);
        assert_eq!(at(running, 50 * MINUTE), Phase::Open);
        assert_eq!(at(running, 24 * 60 * MINUTE), Phase::Open);
    }

    #[test]
    fn closed_consultation_is_over_at_any_time() {
        for offset in [-60 * MINUTE, 0, 10 * MINUTE, 60 * MINUTE] {
            assert_eq!(at(Standing::Closed, offset), Phase::Over);
        }
    }

    #[test]
    fn service_with_other_numbers_is_judged_by_them() {
        let start = Timestamp(0);
        let slot = Slot { start, end: Timestamp(10 * MINUTE) };
        let esante = LinkRules { early: Duration::from_secs(600), ..LinkRules::default() };
        assert_eq!(phase(slot, esante, Standing::Absent, Timestamp(-11 * MINUTE)), Phase::TooEarly);
        assert_eq!(phase(slot, esante, Standing::Absent, Timestamp(-10 * MINUTE)), Phase::Open);
    }
}
