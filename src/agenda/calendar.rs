//! The slots of a service on the days of a real calendar: opening hours, holidays, time zone with its changes of the clock. Knows no appointment.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

use super::holiday::Holiday;
use super::hours::Hours;
use super::phase::Slot;
use crate::limits;
use crate::time::Timestamp;

/// When a service can be consulted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Where its clock hangs.
    pub zone: TimeZone,
    /// No two of them hold at the same time.
    pub hours: Vec<Hours>,
    /// Days without slots.
    pub holidays: Vec<Holiday>,
    /// Length of a slot.
    pub slot: Duration,
    /// Agents on duty where the hours say nothing else.
    pub agents: u16,
}

/// A slot of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// When.
    pub slot: Slot,
    /// How many are on duty.
    pub agents: u16,
}

impl Calendar {
    /// The slots that begin at or after `from` and before `to`, in order; the first `limits::SLOTS_LISTED` of them.
    pub fn openings(&self, from: Timestamp, to: Timestamp) -> Vec<Opening> {
        // A slot of yesterday's hours may begin today where midnight is passed by a change of the clock: a day before is looked at too.
        let first = self.date(from).and_then(|day| day.checked_sub(1.day()).ok());
        let (Some(first), Some(last)) = (first, self.date(to)) else { return Vec::new() };
        let days = first.series(1.day()).take_while(|day| *day <= last);
        let in_time = |opening: &Opening| from <= opening.slot.start && opening.slot.start < to;
        days.flat_map(|day| self.openings_of(day)).filter(in_time).take(limits::SLOTS_LISTED).collect()
    }

    /// The opening that is exactly this slot.
    pub fn opening(&self, slot: Slot) -> Option<Opening> {
        self.openings(slot.start, slot.start.after(Duration::from_millis(1))).into_iter().find(|opening| opening.slot == slot)
    }

    /// The day of the calendar in which the moment lies, from midnight to midnight.
    pub fn day(&self, moment: Timestamp) -> Option<Slot> {
        let day = self.date(moment)?;
        Some(Slot { start: self.moment(day, 0)?, end: self.moment(day.checked_add(1.day()).ok()?, 0)? })
    }

    /// The days (`2026-11-26`) that have openings among these, but none of them free.
    pub fn full_days(&self, openings: &[Opening], free: &[Slot]) -> Vec<String> {
        let days = |moments: &mut dyn Iterator<Item = Timestamp>| moments.filter_map(|at| self.date(at)).collect::<BTreeSet<_>>();
        let free = days(&mut free.iter().map(|slot| slot.start));
        days(&mut openings.iter().map(|opening| opening.slot.start)).difference(&free).map(Date::to_string).collect()
    }

    /// Times in which somebody is on duty, for a call back: what follows each other without gap is one of them, but none is longer than `longest`.
    /// Those that end after `from` and begin before `to`, in order.
    pub fn on_duty(&self, from: Timestamp, to: Timestamp, longest: Duration) -> Vec<Slot> {
        let begun = self.day(from).map_or(from, |day| day.start);
        let mut times: Vec<Slot> = Vec::new();
        for Opening { slot, .. } in self.openings(begun, to) {
            match times.last_mut() {
                Some(last) if last.end == slot.start && slot.end <= last.start.after(longest) => last.end = slot.end,
                _ => times.push(slot),
            }
        }
        times.retain(|time| time.end > from);
        times
    }

    /// Slots follow each other without gap from the beginning of the hours; what is left at their end is none. On a day on which the clock is changed
    /// within them, they are an hour longer or shorter, as the agents' day is.
    fn openings_of(&self, day: Date) -> Vec<Opening> {
        if self.holidays.iter().any(|holiday| holiday.falls_on(day)) {
            return Vec::new();
        }
        let mut hours: Vec<&Hours> = self.hours.iter().filter(|hours| hours.on(day.weekday())).collect();
        hours.sort_unstable_by_key(|hours| hours.from);
        hours.into_iter().flat_map(|hours| self.openings_within(day, *hours)).collect()
    }

    fn openings_within(&self, day: Date, hours: Hours) -> Vec<Opening> {
        let (Some(from), Some(to)) = (self.moment(day, hours.from), self.moment(day, hours.to)) else { return Vec::new() };
        let agents = hours.agents.unwrap_or(self.agents);
        let starts = std::iter::successors(Some(from), |start| Some(start.after(self.slot)));
        let slots = starts.map(|start| Slot { start, end: start.after(self.slot) });
        slots.take_while(|slot| slot.start < slot.end && slot.end <= to).map(|slot| Opening { slot, agents }).collect()
    }

    /// The moment at which the clock on the wall shows so many minutes after midnight. Of a time that comes twice it is the first; for one that is left
    /// out, the moment that the old clock would have shown it.
    fn moment(&self, day: Date, minutes: u16) -> Option<Timestamp> {
        let shown = day.to_datetime(jiff::civil::Time::midnight()).checked_add(Span::new().minutes(i64::from(minutes))).ok()?;
        let moment = self.zone.to_ambiguous_zoned(shown).compatible().ok()?;
        Some(Timestamp(moment.timestamp().as_millisecond()))
    }

    fn date(&self, moment: Timestamp) -> Option<Date> {
        let moment = jiff::Timestamp::from_millisecond(moment.0).ok()?;
        Some(self.zone.to_datetime(moment).date())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 24 * 60 * 60 * 1000;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn calendar(hours: &[&str]) -> Calendar {
        Calendar {
            zone: TimeZone::get("Europe/Luxembourg").unwrap(),
            hours: hours.iter().map(|text| text.parse().unwrap()).collect(),
            holidays: ["easter+39", "12-25"].iter().map(|text| text.parse().unwrap()).collect(),
            slot: Duration::from_secs(20 * 60),
            agents: 2,
        }
    }

    fn office() -> Calendar {
        calendar(&["mon-fri 08:30-11:30", "mon-fri 13:00-16:00"])
    }

    fn starts(calendar: &Calendar, from: &str, to: &str) -> Vec<String> {
        calendar.openings(at(from), at(to)).iter().map(|opening| opening.slot.start.rfc3339()).collect()
    }

    #[test]
    fn a_working_day_of_the_health_fund_has_eighteen_slots() {
        let starts = starts(&office(), "2026-11-25T00:00:00+01:00", "2026-11-26T00:00:00+01:00");
        assert_eq!(starts.len(), 18);
        assert_eq!(starts.first().unwrap(), "2026-11-25T07:30:00.000Z");
        assert_eq!(starts[8], "2026-11-25T10:10:00.000Z");
        assert_eq!(starts[9], "2026-11-25T12:00:00.000Z");
        assert_eq!(starts.last().unwrap(), "2026-11-25T14:40:00.000Z");
    }

    #[test]
    fn weekends_and_holidays_have_none() {
        assert!(starts(&office(), "2026-11-28T00:00:00+01:00", "2026-11-30T00:00:00+01:00").is_empty());
        assert!(starts(&office(), "2026-12-25T00:00:00+01:00", "2026-12-26T00:00:00+01:00").is_empty());
        assert!(starts(&office(), "2026-05-14T00:00:00+02:00", "2026-05-15T00:00:00+02:00").is_empty());
    }

    #[test]
    fn bounds_hold_to_the_millisecond() {
        let office = office();
        let first = at("2026-11-25T08:30:00+01:00");
        let count = |from: i64, to: i64| office.openings(Timestamp(first.0 + from), Timestamp(first.0 + to)).len();
        assert_eq!(count(0, 1), 1);
        assert_eq!(count(1, 2), 0);
        assert_eq!(count(-5, 0), 0);
        assert_eq!(count(0, 20 * 60 * 1000), 1);
        assert_eq!(count(0, 20 * 60 * 1000 + 1), 2);
    }

    #[test]
    fn office_hours_stay_where_they_are_on_the_wall_when_the_clock_is_changed() {
        // 25 October 2026: back to winter time. The Friday before and the Monday after.
        assert_eq!(starts(&office(), "2026-10-23T00:00:00Z", "2026-10-24T00:00:00Z")[0], "2026-10-23T06:30:00.000Z");
        assert_eq!(starts(&office(), "2026-10-26T00:00:00Z", "2026-10-27T00:00:00Z")[0], "2026-10-26T07:30:00.000Z");
        // 29 March 2026: summer time.
        assert_eq!(starts(&office(), "2026-03-27T00:00:00Z", "2026-03-28T00:00:00Z")[0], "2026-03-27T07:30:00.000Z");
        assert_eq!(starts(&office(), "2026-03-30T00:00:00Z", "2026-03-31T00:00:00Z")[0], "2026-03-30T06:30:00.000Z");
    }

    #[test]
    fn a_night_service_works_an_hour_less_in_spring_and_an_hour_more_in_autumn() {
        let night = calendar(&["sun 00:00-06:00"]);
        let count = |from, to| starts(&night, from, to).len();
        assert_eq!(count("2026-03-22T00:00:00+01:00", "2026-03-23T00:00:00+01:00"), 18);
        assert_eq!(count("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"), 15);
        assert_eq!(count("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"), 21);
    }

    #[test]
    fn hours_that_begin_in_the_hour_that_is_left_out_begin_when_it_is_over() {
        let early = calendar(&["sun 02:30-04:00"]);
        // 02:30 does not exist on 29 March 2026: the old clock would have shown it at 01:30Z, when the new one shows 03:30.
        assert_eq!(starts(&early, "2026-03-29T00:00:00Z", "2026-03-29T06:00:00Z"), ["2026-03-29T01:30:00.000Z"]);
    }

    #[test]
    fn last_slot_ends_with_the_hours_and_a_rest_is_none() {
        let odd = calendar(&["wed 09:00-09:50"]);
        assert_eq!(starts(&odd, "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z").len(), 2);
        let midnight = calendar(&["wed 23:20-24:00"]);
        assert_eq!(
            starts(&midnight, "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"),
            ["2026-11-25T22:20:00.000Z", "2026-11-25T22:40:00.000Z"]
        );
    }

    #[test]
    fn agents_of_the_hours_count_before_those_of_the_service() {
        let calendar = calendar(&["wed 09:00-10:00 x5", "wed 10:00-11:00"]);
        let agents: Vec<u16> =
            calendar.openings(at("2026-11-25T00:00:00Z"), at("2026-11-26T00:00:00Z")).iter().map(|opening| opening.agents).collect();
        assert_eq!(agents, [5, 5, 5, 2, 2, 2]);
    }

    #[test]
    fn only_a_whole_slot_of_the_calendar_is_one() {
        let office = office();
        let slot = |start: &str, end: &str| Slot { start: at(start), end: at(end) };
        assert!(office.opening(slot("2026-11-25T08:30:00+01:00", "2026-11-25T08:50:00+01:00")).is_some());
        assert!(office.opening(slot("2026-11-25T08:30:00+01:00", "2026-11-25T09:10:00+01:00")).is_none());
        assert!(office.opening(slot("2026-11-25T08:31:00+01:00", "2026-11-25T08:51:00+01:00")).is_none());
        assert!(office.opening(slot("2026-11-28T08:30:00+01:00", "2026-11-28T08:50:00+01:00")).is_none());
    }

    #[test]
    fn a_day_is_as_long_as_the_wall_says() {
        let hours = |noon: &str| {
            let day = office().day(at(noon)).unwrap();
            (day.end.0 - day.start.0) / (60 * 60 * 1000)
        };
        assert_eq!(office().day(at("2026-11-25T00:00:00+01:00")).unwrap().start, at("2026-11-25T00:00:00+01:00"));
        assert_eq!(office().day(at("2026-11-25T23:59:59.999+01:00")).unwrap().start, at("2026-11-25T00:00:00+01:00"));
        assert_eq!((hours("2026-11-25T12:00:00Z"), hours("2026-03-29T12:00:00Z"), hours("2026-10-25T12:00:00Z")), (24, 23, 25));
    }

    #[test]
    fn a_day_with_slots_but_none_free_is_full_and_a_day_without_slots_is_not() {
        let office = office();
        // From Wednesday to Monday: the weekend has no slots.
        let openings = office.openings(at("2026-11-25T00:00:00+01:00"), at("2026-12-01T00:00:00+01:00"));
        let wednesday_last = openings[17].slot;
        assert_eq!(office.full_days(&openings, &[wednesday_last]), ["2026-11-26", "2026-11-27", "2026-11-30"]);
        let all: Vec<Slot> = openings.iter().map(|opening| opening.slot).collect();
        assert!(office.full_days(&openings, &all).is_empty());
    }

    #[test]
    fn calls_back_are_offered_while_somebody_is_on_duty() {
        let times = |from: &str, to: &str, hours: u64| {
            let times = office().on_duty(at(from), at(to), Duration::from_secs(hours * 60 * 60));
            times.iter().map(|time| format!("{} {}", &time.start.rfc3339()[..16], &time.end.rfc3339()[11..16])).collect::<Vec<_>>()
        };
        let day = ("2026-11-25T00:00:00+01:00", "2026-11-26T00:00:00+01:00");
        assert_eq!(times(day.0, day.1, 4), ["2026-11-25T07:30 10:30", "2026-11-25T12:00 15:00"]);
        assert_eq!(times("2026-11-25T10:00:00+01:00", day.1, 4).len(), 2, "what has begun goes on");
        assert_eq!(times("2026-11-25T11:30:00+01:00", day.1, 4), ["2026-11-25T12:00 15:00"], "what is over is not offered");
        assert_eq!(times(day.0, day.1, 1).len(), 6, "a long time is cut into pieces");
    }

    #[test]
    fn a_list_without_end_is_cut() {
        let always = calendar(&["mon-sun 00:00-24:00"]);
        assert_eq!(always.openings(Timestamp(0), Timestamp(10_000 * DAY)).len(), limits::SLOTS_LISTED);
    }

    proptest! {
        /// On every day of two years and in any zone: slots are in order, do not overlap, have their length, and lie in the hours as the wall shows them.
        #[test]
        fn slots_are_in_order_and_within_the_hours(day in 0i64..730, from in 0u16..1380, length in 20u16..600, zone in 0usize..5) {
            let zone = ["Europe/Luxembourg", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago"][zone];
            let to = (from + length).min(1440);
            let text = format!("mon-sun {:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60);
            let calendar = Calendar { zone: TimeZone::get(zone).unwrap(), holidays: Vec::new(), ..calendar(&[&text]) };
            let start = Timestamp(1_767_225_600_000 + day * DAY);
            let openings = calendar.openings(start, Timestamp(start.0 + DAY));
            for pair in openings.windows(2) {
                prop_assert!(pair[0].slot.end <= pair[1].slot.start);
            }
            for opening in &openings {
                prop_assert_eq!(opening.slot.end, opening.slot.start.after(calendar.slot));
                prop_assert!(start <= opening.slot.start && opening.slot.start.0 < start.0 + DAY);
                prop_assert_eq!(calendar.opening(opening.slot), Some(*opening));
                let shown = calendar.zone.to_datetime(jiff::Timestamp::from_millisecond(opening.slot.start.0).unwrap());
                let minutes = u16::try_from(60 * i16::from(shown.hour()) + i16::from(shown.minute())).unwrap();
                // Two hours of grace where the clock is changed within the hours.
                prop_assert!(minutes + 120 >= from && minutes < to + 120, "{} of {}", shown, text);
            }
        }
    }
}
