//! Whether one more appointment finds an agent: places are taken by what overlaps in time, not by what has the same start. Knows no calendar.

use super::calendar::Opening;
use super::phase::Slot;
use crate::limits;

/// Agents that these appointments keep busy at once, at the busiest moment of `slot`.
pub fn busiest(slot: Slot, booked: &[Slot]) -> usize {
    let overlapping = || booked.iter().filter(|other| other.start < slot.end && slot.start < other.end);
    // The number only grows where an appointment begins, so the busiest moment is one of these beginnings, or that of the slot.
    let moments = overlapping().map(|other| other.start.max(slot.start)).chain([slot.start]);
    moments.map(|moment| overlapping().filter(|other| other.start <= moment && moment < other.end).count()).max().unwrap_or(0)
}

/// Places left in `slot` when so many agents are on duty.
pub fn places_left(slot: Slot, agents: u16, booked: &[Slot]) -> u16 {
    agents.saturating_sub(u16::try_from(busiest(slot, booked)).unwrap_or(u16::MAX))
}

/// Whether somebody who holds these appointments, all still to come, may hold none more on this day: one a day and
/// `limits::PLACES_PER_ADDRESS` in all, so that nobody takes the places of the others.
pub fn holds_enough(held: &[Slot], day: Slot) -> bool {
    held.len() >= limits::PLACES_PER_ADDRESS || held.iter().any(|slot| day.start <= slot.start && slot.start < day.end)
}

/// The openings, which come in order, that have a place left, each with the number of them. One pass over a season's appointments.
pub fn free(openings: &[Opening], mut booked: Vec<Slot>) -> Vec<(Slot, u16)> {
    booked.sort_unstable_by_key(|slot| slot.start);
    let mut next = booked.into_iter().peekable();
    let mut near: Vec<Slot> = Vec::new();
    let mut free = Vec::new();
    for Opening { slot, agents } in openings {
        near.retain(|other| other.end > slot.start);
        while let Some(other) = next.next_if(|other| other.start < slot.end) {
            near.push(other);
        }
        let places = places_left(*slot, *agents, &near);
        if places > 0 {
            free.push((*slot, places));
        }
    }
    free
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Timestamp;

    fn slot(start: i64, end: i64) -> Slot {
        Slot { start: Timestamp(start), end: Timestamp(end) }
    }

    #[test]
    fn two_short_appointments_one_after_the_other_need_one_agent() {
        assert_eq!(busiest(slot(0, 20), &[slot(0, 10), slot(10, 20)]), 1);
        assert_eq!(busiest(slot(0, 20), &[slot(0, 11), slot(10, 20)]), 2);
    }

    #[test]
    fn neighbours_in_time_take_no_place() {
        assert_eq!(places_left(slot(20, 40), 1, &[slot(0, 20), slot(40, 60)]), 1);
        assert_eq!(places_left(slot(20, 40), 1, &[slot(0, 21)]), 0);
    }

    #[test]
    fn fewer_agents_than_appointments_leave_no_place_and_no_debt() {
        assert_eq!(places_left(slot(0, 20), 1, &[slot(0, 20), slot(0, 20), slot(5, 8)]), 0);
    }

    #[test]
    fn one_a_day_and_three_in_all_are_enough() {
        let day = slot(100, 200);
        assert!(!holds_enough(&[], day));
        assert!(holds_enough(&[slot(100, 110)], day) && holds_enough(&[slot(199, 210)], day));
        assert!(!holds_enough(&[slot(90, 110), slot(200, 210)], day), "what begins on another day is another day's");
        assert!(holds_enough(&[slot(300, 310), slot(400, 410), slot(500, 510)], day));
    }

    proptest! {
        /// The busiest moment by trying every moment.
        #[test]
        fn busiest_is_the_most_at_any_moment(booked in prop::collection::vec((0i64..30, 1i64..10), 0..12), start in 0i64..30, length in 1i64..10) {
            let booked: Vec<Slot> = booked.into_iter().map(|(start, length)| slot(start, start + length)).collect();
            let asked = slot(start, start + length);
            let tried = (start..start + length).map(|at| booked.iter().filter(|of| of.start.0 <= at && at < of.end.0).count()).max();
            prop_assert_eq!(busiest(asked, &booked), tried.unwrap());
        }

        /// The pass over all openings by asking for each of them.
        #[test]
        fn one_pass_finds_what_each_opening_by_itself_finds(
            booked in prop::collection::vec((0i64..60, 1i64..30), 0..20),
            openings in prop::collection::vec((0i64..60, 1i64..9, 1u16..4), 0..12),
        ) {
            let booked: Vec<Slot> = booked.into_iter().map(|(start, length)| slot(start, start + length)).collect();
            let mut openings: Vec<Opening> =
                openings.into_iter().map(|(start, length, agents)| Opening { slot: slot(start, start + length), agents }).collect();
            openings.sort_by_key(|opening| opening.slot.start);
            let each: Vec<(Slot, u16)> =
                openings.iter().map(|of| (of.slot, places_left(of.slot, of.agents, &booked))).filter(|(_, places)| *places > 0).collect();
            prop_assert_eq!(free(&openings, booked), each);
        }
    }
}
