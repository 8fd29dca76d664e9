//! What one window of the test counted: packets that left, packets that came, how long they took, how late they were sent. Judges nothing.

use std::time::Duration;

/// See the file's sentence.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Distinct payloads that left towards somebody who listens.
    pub sent: u64,
    /// Of these, payloads that came, each once, however often it was resent.
    pub received: u64,
    /// Payload bytes of pictures among them.
    pub picture_bytes: u64,
    /// How long they were on their way.
    pub delays: Histogram,
    /// How long after their time packets left: what this client itself could not do in time.
    pub lateness: Histogram,
}

impl Tally {
    /// Part of what left that never came, 0 to 1.
    pub fn loss(&self) -> f64 {
        if self.sent == 0 { 0.0 } else { self.sent.saturating_sub(self.received) as f64 / self.sent as f64 }
    }
}

/// Counts of packets and bytes since the start, for comparison with the server's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// RTP packets that left.
    pub rtp_sent: u64,
    /// RTP packets that came and opened.
    pub rtp_received: u64,
    /// Packets that did not open with the keys of their transport.
    pub unreadable: u64,
    /// Datagrams that the system did not take.
    pub not_sent: u64,
    /// Packets asked for again, by us and of us.
    pub asked_again: u64,
    /// See above.
    pub resent: u64,
}

/// Durations from 0 to 11 s, to a tenth of a millisecond below 10 ms, to one below a second, to ten above.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u32>,
    least: Option<Duration>,
}

const FINE: usize = 100;
const MIDDLE: usize = 990;
const COARSE: usize = 1_000;

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; FINE + MIDDLE + COARSE + 1], least: None }
    }
}

impl Histogram {
    /// One more.
    pub fn note(&mut self, duration: Duration) {
        let micros = duration.as_micros() as usize;
        let at = match micros {
            ..10_000 => micros / 100,
            10_000..1_000_000 => FINE + (micros - 10_000) / 1_000,
            _ => (FINE + MIDDLE + (micros - 1_000_000) / 10_000).min(self.counts.len() - 1),
        };
        self.counts[at] += 1;
        self.least = Some(self.least.map_or(duration, |least| least.min(duration)));
    }

    /// The shortest.
    pub fn least(&self) -> Option<Duration> {
        self.least
    }

    /// So many of a hundred are not longer; zero when there is none.
    pub fn percentile(&self, percent: f64) -> Duration {
        let all: u64 = self.counts.iter().map(|count| u64::from(*count)).sum();
        let wanted = (all as f64 * percent / 100.0).ceil() as u64;
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted && wanted > 0
        });
        // The upper end of its step.
        at.map_or(Duration::ZERO, |at| match at {
            ..FINE => Duration::from_micros(100 * (at as u64 + 1)),
            FINE..1_090 => Duration::from_millis(10 + (at - FINE) as u64 + 1),
            _ => Duration::from_millis(1_000 + 10 * ((at - FINE - MIDDLE) as u64 + 1)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_upper_ends_of_their_steps() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(99.0), Duration::ZERO);
        (0..98).for_each(|_| histogram.note(Duration::from_micros(250)));
        histogram.note(Duration::from_millis(50));
        histogram.note(Duration::from_secs(20));
        assert_eq!(histogram.percentile(50.0), Duration::from_micros(300));
        assert_eq!(histogram.percentile(99.0), Duration::from_millis(51));
        assert_eq!(histogram.percentile(100.0), Duration::from_millis(11_010));
        assert_eq!(histogram.least(), Some(Duration::from_micros(250)));
    }
}
