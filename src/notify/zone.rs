//! A time zone as a calendar file carries it (RFC 5545 §3.6.5): every change of the clock around an appointment, as it really happens, so that no reader
//! needs a database of its own. Knows no appointment.

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp as Moment, ToSpan};

use super::content_line::Lines;
use super::when;
use crate::time::Timestamp;

/// One change of the clock, or how it went from the beginning on.
struct Observance {
    /// On the clock as it was before.
    begins: jiff::civil::DateTime,
    from: Offset,
    to: Offset,
    name: String,
    is_daylight: bool,
}

/// Writes `VTIMEZONE` for the years in which something from `from` to `to` lies.
pub(super) fn write(lines: &mut Lines, name: &str, zone: &TimeZone, from: Timestamp, to: Timestamp) {
    let observances = observances(zone, from, to);
    lines.component("VTIMEZONE", |lines| {
        lines.text("TZID", name);
        for one in observances {
            lines.component(if one.is_daylight { "DAYLIGHT" } else { "STANDARD" }, |lines| {
                lines.plain("DTSTART", &one.begins.strftime("%Y%m%dT%H%M%S").to_string());
                lines.plain("TZOFFSETFROM", &offset(one.from));
                lines.plain("TZOFFSETTO", &offset(one.to));
                lines.text("TZNAME", &one.name);
            });
        }
    });
}

/// The state before the first of the years, then each change within them.
fn observances(zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Observance> {
    let year_begins =
        when::local(from, zone).first_of_year().and_then(|day| day.start_of_day()).map_or(Moment::UNIX_EPOCH, |day| day.timestamp());
    let next_year = when::local(to, zone).last_of_year().and_then(|day| day.end_of_day()).map_or(Moment::MAX, |day| day.timestamp());
    let mut observances = Vec::new();
    let mut offset_before = zone.to_offset(year_begins - 1.second());
    let before = zone.to_offset_info(year_begins - 1.second());
    // The change that made it so, or if there never was one, the beginning of the count of time.
    let since = zone.preceding(year_begins).next().map(|change| change.timestamp());
    let before_that = since.map_or(before.offset(), |since| zone.to_offset(since - 1.second()));
    observances.push(Observance {
        begins: before_that.to_datetime(since.unwrap_or(Moment::UNIX_EPOCH)),
        from: before_that,
        to: before.offset(),
        name: before.abbreviation().to_owned(),
        is_daylight: before.dst().is_dst(),
    });
    for change in zone.following(year_begins - 1.second()).take_while(|change| change.timestamp() <= next_year) {
        observances.push(Observance {
            begins: offset_before.to_datetime(change.timestamp()),
            from: offset_before,
            to: change.offset(),
            name: change.abbreviation().to_owned(),
            is_daylight: change.dst().is_dst(),
        });
        offset_before = change.offset();
    }
    observances
}

/// `+0100`.
fn offset(offset: Offset) -> String {
    let (sign, seconds) = if offset.seconds() < 0 { ('-', -offset.seconds()) } else { ('+', offset.seconds()) };
    let rest = if seconds % 60 == 0 { String::new() } else { format!("{:02}", seconds % 60) };
    format!("{sign}{:02}{:02}{rest}", seconds / 3600, seconds / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(zone: &str, from: &str, to: &str) -> String {
        let mut lines = Lines::default();
        let at = |text| Timestamp::parse(text).unwrap();
        write(&mut lines, zone, &TimeZone::get(zone).unwrap(), at(from), at(to));
        lines.finish().replace("\r\n", " ")
    }

    #[test]
    fn a_year_has_both_its_changes_and_what_held_at_its_beginning() {
        let zone = written("Europe/Luxembourg", "2026-11-26T08:00:00Z", "2026-11-26T08:20:00Z");
        let winter = |begins| format!("BEGIN:STANDARD DTSTART:{begins} TZOFFSETFROM:+0200 TZOFFSETTO:+0100 TZNAME:CET END:STANDARD ");
        let summer = "BEGIN:DAYLIGHT DTSTART:20260329T020000 TZOFFSETFROM:+0100 TZOFFSETTO:+0200 TZNAME:CEST END:DAYLIGHT ";
        let expected = [winter("20251026T030000"), summer.into(), winter("20261025T030000")].concat();
        assert_eq!(zone, format!("BEGIN:VTIMEZONE TZID:Europe/Luxembourg {expected}END:VTIMEZONE "));
    }

    #[test]
    fn an_appointment_over_new_year_has_the_changes_of_both_years() {
        let zone = written("Europe/Luxembourg", "2026-12-31T22:50:00Z", "2026-12-31T23:10:00Z");
        for begins in ["20251026T030000", "20260329T020000", "20261025T030000", "20270328T020000", "20271031T030000"] {
            assert!(zone.contains(begins), "{zone}");
        }
    }

    #[test]
    fn a_zone_that_never_changes_its_clock_has_one_observance() {
        let zone = written("UTC", "2026-07-01T08:00:00Z", "2026-07-01T08:20:00Z");
        assert_eq!(
            zone,
            "BEGIN:VTIMEZONE TZID:UTC BEGIN:STANDARD DTSTART:19700101T000000 TZOFFSETFROM:+0000 TZOFFSETTO:+0000 TZNAME:UTC END:STANDARD END:VTIMEZONE "
        );
        let zone = written("Asia/Kolkata", "2026-07-01T08:00:00Z", "2026-07-01T08:20:00Z");
        assert!(zone.contains("TZOFFSETTO:+0530") && zone.matches("DTSTART").count() == 1, "{zone}");
    }
}
