//! Days on which a service is closed: the same day each year, so many days from Easter Sunday, or one day. Knows no country.

use std::str::FromStr;

use jiff::civil::Date;

/// A public holiday, or a day on which the service is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holiday {
    /// `12-25`: each year.
    Yearly {
        /// 1 to 12.
        month: i8,
        /// 1 to 31.
        day: i8,
    },
    /// `easter+39`: days after (or before) Easter Sunday of the western churches, each year.
    Easter(i16),
    /// `2026-12-24`: once.
    Once(Date),
}

/// Neither a day of the year, nor days from Easter, nor a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such day")]
pub struct NotHoliday;

impl Holiday {
    /// Whether the day is this holiday.
    pub fn falls_on(self, day: Date) -> bool {
        match self {
            Self::Yearly { month, day: of_month } => day.month() == month && day.day() == of_month,
            Self::Easter(days) => easter(day.year()).is_some_and(|easter| (day - easter).get_days() == i32::from(days)),
            Self::Once(once) => day == once,
        }
    }
}

impl FromStr for Holiday {
    type Err = NotHoliday;

    fn from_str(text: &str) -> Result<Self, NotHoliday> {
        if let Some(days) = text.strip_prefix("easter") {
            let days = if days.is_empty() { Ok(0) } else { days.parse::<i16>() };
            return days.ok().filter(|days| (-100..=250).contains(days)).map(Self::Easter).ok_or(NotHoliday);
        }
        if let Ok(once) = text.parse::<Date>() {
            return Ok(Self::Once(once));
        }
        // A leap year, so that 02-29 is a day.
        let yearly = Date::strptime("%Y-%m-%d", format!("2024-{text}")).map_err(|_| NotHoliday)?;
        Ok(Self::Yearly { month: yearly.month(), day: yearly.day() })
    }
}

/// Easter Sunday by the Gregorian reckoning: the Sunday after the full moon of the church's tables. In the terms of Gauss' rule with Lichtenberg's
/// correction, whose result is a day counted as if March went on. None outside the years that can be dated.
fn easter(year: i16) -> Option<Date> {
    let x = i32::from(year);
    let century = x / 100;
    let moon_shift = 15 + (3 * century + 3) / 4 - (8 * century + 13) / 25;
    let sun_shift = 2 - (3 * century + 3) / 4;
    let cycle = x % 19;
    let moon_seed = (19 * cycle + moon_shift) % 30;
    let correction = (moon_seed + cycle / 11) / 29;
    let full_moon = 21 + moon_seed - correction;
    let first_sunday = 7 - (x + x / 4 + sun_shift) % 7;
    let to_sunday = 7 - (full_moon - first_sunday).rem_euclid(7);
    let day_of_march = full_moon + to_sunday;
    Date::new(year, 3, 1).ok()?.checked_add(jiff::Span::new().days(day_of_march - 1)).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const LUXEMBOURG: [&str; 11] =
        ["01-01", "easter+1", "05-01", "05-09", "easter+39", "easter+50", "06-23", "08-15", "11-01", "12-25", "12-26"];

    #[test]
    fn easter_falls_where_the_churches_keep_it() {
        for (year, month, day) in [
            (1818, 3, 22),
            (1943, 4, 25),
            (1954, 4, 18),
            (1981, 4, 19),
            (2000, 4, 23),
            (2024, 3, 31),
            (2025, 4, 20),
            (2026, 4, 5),
            (2027, 3, 28),
            (2038, 4, 25),
            (2049, 4, 18),
            (2076, 4, 19),
        ] {
            assert_eq!(easter(year), Some(date(year, month, day)), "{year}");
        }
    }

    #[test]
    fn easter_is_a_sunday_between_22_march_and_25_april_in_every_year() {
        for year in 1583..=4099 {
            let day = easter(year).unwrap();
            assert_eq!(day.weekday(), jiff::civil::Weekday::Sunday, "{year}");
            assert!(day >= date(year, 3, 22) && day <= date(year, 4, 25), "{year}: {day}");
        }
    }

    #[test]
    fn days_of_a_year_days_from_easter_and_single_days_are_read() {
        let holiday = |text: &str| text.parse::<Holiday>();
        assert!(holiday("12-25").unwrap().falls_on(date(2031, 12, 25)));
        assert!(holiday("02-29").unwrap().falls_on(date(2028, 2, 29)));
        assert!(holiday("easter+39").unwrap().falls_on(date(2026, 5, 14)));
        assert!(holiday("easter-2").unwrap().falls_on(date(2026, 4, 3)));
        assert!(holiday("2026-12-24").unwrap().falls_on(date(2026, 12, 24)));
        assert!(!holiday("2026-12-24").unwrap().falls_on(date(2027, 12, 24)));
        for wrong in ["", "13-01", "02-30", "easter+400", "easter monday", "2026-13-01", "christmas"] {
            assert_eq!(holiday(wrong), Err(NotHoliday), "{wrong}");
        }
    }

    #[test]
    fn luxembourg_has_eleven_holidays_in_every_year_unless_two_fall_together() {
        let holidays: Vec<Holiday> = LUXEMBOURG.iter().map(|text| text.parse().unwrap()).collect();
        let in_year = |year: i16| {
            date(year, 1, 1)
                .series(jiff::Span::new().days(1))
                .take_while(|day| day.year() == year)
                .filter(|day| holidays.iter().any(|of| of.falls_on(*day)))
                .count()
        };
        assert_eq!(in_year(2026), 11);
        // Ascension fell on Europe Day.
        assert_eq!(in_year(2024), 10);
    }
}
