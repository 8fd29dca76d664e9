//! How good one participant's line is, in the four words that a screen shows. Knows thresholds, not how the numbers were measured.

use std::time::Duration;

/// The line of one participant in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Loss below 3 % and round trip below 300 ms.
    Good,
    /// Noticeable.
    Fair,
    /// Talking is hard.
    Poor,
    /// Nothing arrives.
    Lost,
}

impl Quality {
    /// From the share of packets lost (0 to 1) and the round trip, where known.
    pub fn of(loss: f32, round_trip: Option<Duration>) -> Self {
        let round_trip = round_trip.unwrap_or_default();
        if loss < 0.03 && round_trip < Duration::from_millis(300) {
            Self::Good
        } else if loss < 0.10 && round_trip < Duration::from_millis(800) {
            Self::Fair
        } else {
            Self::Poor
        }
    }
}

impl Quality {
    /// From what the line leaves for a picture, in bits a second: a thumbnail is talking with difficulty.
    pub fn of_picture(bits_per_s: u64) -> Self {
        match bits_per_s {
            ..120_000 => Self::Poor,
            120_000..250_000 => Self::Fair,
            _ => Self::Good,
        }
    }
}

/// Both directions of one participant's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineQuality {
    /// Participant to server.
    pub uplink: Quality,
    /// Server to participant.
    pub downlink: Quality,
}

/// What was last told of a line. A word that comes and goes with each second helps nobody: a worse one is told when it is true twice in a row, a better one when
/// it has been true for a while, and what everybody sees anyway at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct ToldLine {
    line: Option<LineQuality>,
    worse: u8,
    better: u8,
}

/// Looks in a row, a second apart.
const WORSE: u8 = 2;
const BETTER: u8 = 4;

impl ToldLine {
    /// The line as it is now; true when this is to be told. `plain`: pictures rest, or nothing comes.
    pub fn look(&mut self, line: LineQuality, plain: bool) -> bool {
        let is_worse = self.line.is_none_or(|told| line.uplink > told.uplink || line.downlink > told.downlink);
        let is_better = !is_worse && self.line != Some(line);
        self.worse = if is_worse { self.worse + 1 } else { 0 };
        self.better = if is_better { self.better + 1 } else { 0 };
        let tells = self.line.is_none() || is_worse && plain || self.worse >= WORSE || self.better >= BETTER;
        if tells {
            *self = Self { line: Some(line), ..Self::default() };
        }
        tells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down(downlink: Quality) -> LineQuality {
        LineQuality { uplink: Quality::Good, downlink }
    }

    #[test]
    fn a_word_that_is_true_for_a_second_is_not_told() {
        let mut told = ToldLine::default();
        assert!(told.look(down(Quality::Fair), false), "the first word");
        let seconds = [Quality::Poor, Quality::Fair, Quality::Poor, Quality::Good, Quality::Poor, Quality::Fair];
        assert!(seconds.iter().all(|word| !told.look(down(*word), false)));
        assert!(!told.look(down(Quality::Poor), false) && told.look(down(Quality::Poor), false));
        assert!((0..3).all(|_| !told.look(down(Quality::Fair), false)) && told.look(down(Quality::Fair), false));
    }

    #[test]
    fn pictures_that_rest_are_told_of_at_once() {
        let mut told = ToldLine::default();
        told.look(down(Quality::Good), false);
        assert!(told.look(down(Quality::Poor), true));
        assert!(!told.look(down(Quality::Poor), true), "once");
        assert!(!told.look(down(Quality::Good), false), "and the end of it when it lasts");
    }

    #[test]
    fn the_worse_of_loss_and_round_trip_counts() {
        let ms = |n| Some(Duration::from_millis(n));
        assert_eq!(Quality::of(0.0, None), Quality::Good);
        assert_eq!(Quality::of(0.029, ms(299)), Quality::Good);
        assert_eq!(Quality::of(0.03, ms(20)), Quality::Fair);
        assert_eq!(Quality::of(0.0, ms(300)), Quality::Fair);
        assert_eq!(Quality::of(0.1, ms(20)), Quality::Poor);
        assert_eq!(Quality::of(0.0, ms(800)), Quality::Poor);
    }
}
