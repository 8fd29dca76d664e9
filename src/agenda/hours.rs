//! One line of a service's opening hours: days of the week, from when to when by the clock on the wall, how many agents are on duty. Knows no date.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Weekday;

/// Days of a week from a time of the day (included) to another (excluded).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    days: Days,
    /// Minutes since midnight, by the clock on the wall.
    pub from: u16,
    /// Minutes since midnight, later than `from`; 1440 is the next midnight.
    pub to: u16,
    /// Agents on duty in this time, when it is not the service's own number.
    pub agents: Option<u16>,
}

/// A set of days; bit 0 is Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Days(u8);

/// The text is not a line of opening hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotHours {
    /// Not `days from-to`, or with a third word that is not `x` and a number.
    #[error("not days, a time and perhaps the agents on duty")]
    Form,
    /// Not `mon`, `mon-fri` or `mon,wed,fri`.
    #[error("no such days")]
    Days,
    /// Not `08:30-11:30`, or it ends before it begins.
    #[error("no such time of the day")]
    Time,
    /// Not `x1` to `x999`.
    #[error("no such number of agents")]
    Agents,
}

impl Hours {
    /// Whether they hold on this day of the week.
    pub fn on(self, day: Weekday) -> bool {
        self.days.has(day)
    }

    /// A day of the week on which both hold at the same time.
    pub fn clash(self, other: Self) -> Option<Weekday> {
        let together = self.from < other.to && other.from < self.to;
        WEEK.into_iter().find(|(day, _)| together && self.on(*day) && other.on(*day)).map(|(day, _)| day)
    }
}

/// `mon-fri 08:30-11:30`, `mon,wed 13:00-16:00 x3`: days, time, and perhaps the agents on duty.
impl FromStr for Hours {
    type Err = NotHours;

    fn from_str(text: &str) -> Result<Self, NotHours> {
        let lower = text.to_lowercase();
        let mut words = lower.split_whitespace();
        let (Some(days), Some(time), agents, None) = (words.next(), words.next(), words.next(), words.next()) else {
            return Err(NotHours::Form);
        };
        let (from, to) = time.split_once('-').ok_or(NotHours::Time)?;
        let (from, to) = (minutes(from).ok_or(NotHours::Time)?, minutes(to).ok_or(NotHours::Time)?);
        if from >= to {
            return Err(NotHours::Time);
        }
        let agents = agents.map(|word| agents_of(word).ok_or(NotHours::Agents)).transpose()?;
        Ok(Self { days: Days::parse(days).ok_or(NotHours::Days)?, from, to, agents })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<&str> = WEEK.into_iter().filter(|(day, _)| self.on(*day)).map(|(_, name)| name).collect();
        write!(f, "{} {:02}:{:02}-{:02}:{:02}", days.join(","), self.from / 60, self.from % 60, self.to / 60, self.to % 60)?;
        self.agents.map_or(Ok(()), |agents| write!(f, " x{agents}"))
    }
}

const WEEK: [(Weekday, &str); 7] = [
    (Weekday::Monday, "mon"),
    (Weekday::Tuesday, "tue"),
    (Weekday::Wednesday, "wed"),
    (Weekday::Thursday, "thu"),
    (Weekday::Friday, "fri"),
    (Weekday::Saturday, "sat"),
    (Weekday::Sunday, "sun"),
];

impl Days {
    fn has(self, day: Weekday) -> bool {
        self.0 & 1 << day.to_monday_zero_offset() != 0
    }

    /// Days and ranges of days by comma. A range may pass Sunday: `fri-mon`.
    fn parse(text: &str) -> Option<Self> {
        let mut days = 0;
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (day(first)?, day(last)?);
            let length = (last + 7 - first) % 7;
            days |= (0..=length).map(|step| 1 << ((first + step) % 7)).sum::<u8>();
        }
        Some(Self(days))
    }
}

fn day(name: &str) -> Option<usize> {
    WEEK.iter().position(|(_, known)| *known == name)
}

fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse::<u16>().ok())?;
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (minutes < 60 && 60 * hours + minutes <= 1440).then_some(60 * hours + minutes)
}

fn agents_of(word: &str) -> Option<u16> {
    word.strip_prefix('x')?.parse().ok().filter(|agents| (1..=999).contains(agents))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(text: &str) -> Hours {
        text.parse().unwrap()
    }

    #[test]
    fn days_times_and_agents_are_read() {
        let morning = hours("mon-fri 08:30-11:30");
        assert_eq!((morning.from, morning.to, morning.agents), (510, 690, None));
        assert!(morning.on(Weekday::Monday) && morning.on(Weekday::Friday));
        assert!(!morning.on(Weekday::Saturday) && !morning.on(Weekday::Sunday));
        let some = hours("Mon,Wed,Sat-Sun 00:00-24:00 x3");
        assert_eq!((some.from, some.to, some.agents), (0, 1440, Some(3)));
        assert!(some.on(Weekday::Wednesday) && some.on(Weekday::Sunday) && !some.on(Weekday::Tuesday));
        assert!(hours("fri-mon 08:00-09:00").on(Weekday::Sunday));
    }

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["mon,tue,wed,thu,fri 08:30-11:30", "sat 09:00-24:00 x2"] {
            assert_eq!(hours(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_line_of_hours_is_refused_with_the_part_that_is_wrong() {
        for (text, wrong) in [
            ("", NotHours::Form),
            ("mon-fri", NotHours::Form),
            ("mon 08:00-09:00 x1 x2", NotHours::Form),
            ("lun 08:00-09:00", NotHours::Days),
            ("mon-fri- 08:00-09:00", NotHours::Days),
            ("mon 8:00-09:00", NotHours::Time),
            ("mon 09:00-09:00", NotHours::Time),
            ("mon 22:00-02:00", NotHours::Time),
            ("mon 08:60-09:00", NotHours::Time),
            ("mon 08:00-24:01", NotHours::Time),
            ("mon +8:00-09:00", NotHours::Time),
            ("mon 08:00-09:00 x0", NotHours::Agents),
            ("mon 08:00-09:00 3", NotHours::Agents),
        ] {
            assert_eq!(text.parse::<Hours>(), Err(wrong), "{text}");
        }
    }

    #[test]
    fn hours_that_hold_at_the_same_time_clash_and_neighbours_do_not() {
        assert_eq!(hours("mon-fri 08:00-12:00").clash(hours("fri-sat 11:00-13:00")), Some(Weekday::Friday));
        assert_eq!(hours("mon-fri 08:00-12:00").clash(hours("mon-fri 12:00-13:00")), None);
        assert_eq!(hours("mon 08:00-12:00").clash(hours("tue 08:00-12:00")), None);
    }
}
