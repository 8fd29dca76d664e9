//! A time as people write it: day and hour on the wall of the service, in one of four languages. Knows no appointment.

use jiff::tz::TimeZone;
use jiff::{Timestamp as Moment, Zoned};

use super::words::{Words, fill};
use crate::time::Timestamp;

/// A moment on the clock of a zone; UTC where the zone is unknown.
pub(super) fn local(at: Timestamp, zone: &TimeZone) -> Zoned {
    Moment::from_millisecond(at.0).unwrap_or_default().to_zoned(zone.clone())
}

/// "Thursday 26 November 2026".
pub(super) fn day(at: &Zoned, words: &Words) -> String {
    let weekday = &words.weekdays[usize::from(at.weekday().to_monday_zero_offset().unsigned_abs())];
    let month = &words.months[usize::from(at.month().unsigned_abs()) - 1];
    // French counts the first of a month, and no other day.
    let number = match (at.day(), words.months[0] == "janvier") {
        (1, true) => String::from("1er"),
        (number, _) => number.to_string(),
    };
    fill(&words.day, &[("weekday", weekday), ("number", &number), ("month", month), ("year", &at.year().to_string())])
}

/// "09:20".
pub(super) fn time(at: &Zoned) -> String {
    format!("{:02}:{:02}", at.hour(), at.minute())
}

/// "Europe/Luxembourg (UTC+1)".
pub(super) fn zone(at: &Zoned, name: &str) -> String {
    let seconds = at.offset().seconds();
    let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
    let sign = if seconds < 0 { '−' } else { '+' };
    let minutes = if minutes == 0 { String::new() } else { format!(":{minutes:02}") };
    format!("{name} (UTC{sign}{hours}{minutes})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(at: &str, zone_name: &str, language: &str) -> String {
        let zoned = local(Timestamp::parse(at).unwrap(), &TimeZone::get(zone_name).unwrap());
        format!("{} {} {}", day(&zoned, Words::of(language).unwrap()), time(&zoned), zone(&zoned, zone_name))
    }

    #[test]
    fn days_are_written_as_people_write_them() {
        let at = "2026-11-26T08:05:00Z";
        assert_eq!(said(at, "Europe/Luxembourg", "en"), "Thursday 26 November 2026 09:05 Europe/Luxembourg (UTC+1)");
        assert_eq!(said(at, "Europe/Luxembourg", "fr"), "jeudi 26 novembre 2026 09:05 Europe/Luxembourg (UTC+1)");
        assert_eq!(said(at, "Europe/Luxembourg", "de"), "Donnerstag, 26. November 2026 09:05 Europe/Luxembourg (UTC+1)");
        assert_eq!(said(at, "Europe/Luxembourg", "lb"), "Donneschdeg, 26. November 2026 09:05 Europe/Luxembourg (UTC+1)");
    }

    #[test]
    fn the_zone_is_that_of_the_day_and_the_first_of_a_month_is_premier_in_french() {
        assert_eq!(said("2026-07-01T08:05:00Z", "Europe/Luxembourg", "fr"), "mercredi 1er juillet 2026 10:05 Europe/Luxembourg (UTC+2)");
        assert_eq!(said("2026-07-01T23:30:00Z", "Asia/Kolkata", "en"), "Thursday 2 July 2026 05:00 Asia/Kolkata (UTC+5:30)");
        assert_eq!(said("2026-01-01T00:00:00Z", "America/New_York", "en"), "Wednesday 31 December 2025 19:00 America/New_York (UTC−5)");
    }
}
