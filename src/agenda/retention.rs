//! How long what an appointment holds is kept (rule D and the deletion of mission.md). Refuses to delete: it says when.

use std::time::Duration;

use crate::agenda::phase::{LinkRules, Slot};
use crate::limits;
use crate::time::Timestamp;

/// An appointment that came to nothing (cancelled, missed) is erased this long after it ended.
pub const AFTER_NOTHING: Duration = Duration::from_secs(24 * 60 * 60);

/// How far an appointment has come; what the rules need to know of the consultation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Nobody is there and nobody was ever called in.
    Awaited,
    /// Somebody waits or talks: nothing is deleted, however long it lasts (rule N).
    Running,
    /// Was called in, and nobody is in the call any more; it is not closed.
    Away,
    /// A consultation took place and was closed then.
    Held(Timestamp),
    /// The service missed it then (rule L).
    Missed(Timestamp),
    /// It was cancelled then (rule X).
    Cancelled(Timestamp),
}

/// What goes when. Every bound is "at or after".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// When it ended, or ends by the calendar alone.
    pub ended: Timestamp,
    /// The copy of the identity card.
    pub identity_copy: Timestamp,
    /// Everything else.
    pub erased: Timestamp,
}

/// When an appointment's data goes. None while it runs.
pub fn retention(slot: Slot, rules: LinkRules, course: Course) -> Option<Retention> {
    let held =
        |ended: Timestamp| Retention { ended, identity_copy: ended.after(rules.identity_copy), erased: ended.after(rules.documents) };
    let nothing = |ended: Timestamp| Retention { ended, identity_copy: ended, erased: ended.after(AFTER_NOTHING) };
    Some(match course {
        Course::Running => return None,
        // At E the link lets nobody in any more: missed by the citizen.
        Course::Awaited => nothing(slot.end),
        Course::Away => held(slot.end.after(rules.come_back)),
        Course::Held(ended) => held(ended),
        Course::Missed(ended) | Course::Cancelled(ended) => nothing(ended),
    })
}

/// When the appointment must be looked at after a change: when the first of it goes. One that runs is looked at when it would go if nobody were there.
pub fn look_first(slot: Slot, rules: LinkRules, course: Course) -> Timestamp {
    match retention(slot, rules, course) {
        Some(kept) => kept.identity_copy.min(kept.erased),
        None => slot.end.after(rules.come_back).after(rules.documents),
    }
}

/// When it must be looked at again, after it was at `now`. One that still runs is looked at each `limits::RUNNING_LOOK`.
pub fn look_again(slot: Slot, rules: LinkRules, course: Course, now: Timestamp) -> Timestamp {
    match retention(slot, rules, course) {
        Some(kept) if kept.identity_copy <= now => kept.erased,
        Some(_) => look_first(slot, rules, course),
        None => look_first(slot, rules, course).max(now.after(limits::RUNNING_LOOK)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);
    const S: Timestamp = Timestamp(1_800_000_000_000);

    fn slot() -> Slot {
        Slot { start: S, end: S.after(20 * MINUTE) }
    }

    fn kept(course: Course) -> Retention {
        retention(slot(), LinkRules::default(), course).unwrap()
    }

    #[test]
    fn a_closed_consultation_keeps_its_documents_for_a_day_and_the_identity_copy_for_an_hour() {
        let closed = S.after(11 * MINUTE);
        let kept = kept(Course::Held(closed));
        assert_eq!((kept.ended, kept.identity_copy, kept.erased), (closed, closed.after(HOUR), closed.after(24 * HOUR)));
    }

    #[test]
    fn a_call_that_everybody_left_ends_half_an_hour_after_the_slot() {
        assert_eq!(kept(Course::Away).ended, S.after(50 * MINUTE));
        assert_eq!(kept(Course::Away).erased, S.after(50 * MINUTE + 24 * HOUR));
    }

    #[test]
    fn who_never_came_is_forgotten_a_day_after_the_end_and_their_identity_copy_at_the_end() {
        assert_eq!((kept(Course::Awaited).identity_copy, kept(Course::Awaited).erased), (slot().end, slot().end.after(24 * HOUR)));
    }

    #[test]
    fn a_cancelled_or_missed_appointment_goes_a_day_later_and_its_identity_copy_at_once() {
        let at = S.before(72 * HOUR);
        for course in [Course::Cancelled(at), Course::Missed(at)] {
            assert_eq!((kept(course).identity_copy, kept(course).erased), (at, at.after(24 * HOUR)));
        }
    }

    #[test]
    fn a_running_call_is_never_deleted_and_looked_at_all_the_same() {
        let rules = LinkRules::default();
        assert_eq!(retention(slot(), rules, Course::Running), None);
        assert_eq!(look_first(slot(), rules, Course::Running), S.after(50 * MINUTE + 24 * HOUR));
        let later = S.after(72 * HOUR);
        assert_eq!(look_again(slot(), rules, Course::Running, later), later.after(limits::RUNNING_LOOK));
    }

    #[test]
    fn a_service_that_keeps_documents_longer_keeps_nothing_else_longer() {
        let rules = LinkRules { documents: 72 * HOUR, ..LinkRules::default() };
        let of = |course| retention(slot(), rules, course).unwrap();
        assert_eq!(of(Course::Held(S)).erased, S.after(72 * HOUR));
        assert_eq!(of(Course::Held(S)).identity_copy, S.after(HOUR));
        assert_eq!(of(Course::Cancelled(S)).erased, S.after(24 * HOUR));
        assert_eq!(of(Course::Awaited).erased, slot().end.after(24 * HOUR));
    }

    #[test]
    fn the_first_look_is_for_the_identity_copy_and_the_next_for_the_rest() {
        let rules = LinkRules::default();
        assert_eq!(look_first(slot(), rules, Course::Held(S)), S.after(HOUR));
        assert_eq!(look_again(slot(), rules, Course::Held(S), S.after(HOUR)), S.after(24 * HOUR));
        assert_eq!(look_first(slot(), rules, Course::Cancelled(S)), S, "at once");
    }
}
