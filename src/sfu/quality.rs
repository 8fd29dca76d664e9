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

#[cfg(test)]
mod tests {
    use super::*;

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
