//! One way of a simulated person's line: a rate that changes, a queue, delay, jitter and loss. Knows octets and times, no packet.

#![cfg(test)]

use super::seed::Seed;

/// One way of one person's line; each figure may change with the time in milliseconds.
#[derive(Debug, Clone)]
pub struct Line {
    /// (from this millisecond on, bits a second); 0 = nothing passes.
    pub rates: Vec<(u64, u64)>,
    pub delay_ms: u64,
    pub jitter_ms: u64,
    /// In 1/1000, and how many packets go at once.
    pub loss: u64,
    pub burst: u64,
    /// What would wait longer is dropped.
    pub queue_ms: u64,
}

impl Line {
    pub fn clean(bits_per_s: u64, delay_ms: u64) -> Self {
        Self { rates: vec![(0, bits_per_s)], delay_ms, jitter_ms: 0, loss: 0, burst: 1, queue_ms: 1_000 }
    }

    pub fn rate(&self, ms: u64) -> u64 {
        self.rates.iter().rev().find(|(from, _)| *from <= ms).map_or(0, |(_, rate)| *rate)
    }
}

/// The way at a moment.
pub struct Way {
    pub line: Line,
    free_at: u64,
    last_at: u64,
    losing: u64,
}

impl Way {
    pub fn of(line: Line) -> Self {
        Self { line, free_at: 0, last_at: 0, losing: 0 }
    }

    pub fn waits_micros(&self, now: u64) -> u64 {
        self.free_at.saturating_sub(now)
    }

    /// When the packet comes out, if it does.
    pub fn carry(&mut self, octets: usize, now: u64, seed: &mut Seed) -> Option<u64> {
        if self.losing > 0 {
            self.losing -= 1;
            return None;
        }
        if seed.draw() % (1_000 * self.line.burst) < self.line.loss {
            self.losing = self.line.burst - 1;
            return None;
        }
        let rate = self.line.rate(now / 1_000);
        if rate == 0 || self.waits_micros(now) > self.line.queue_ms * 1_000 {
            return None;
        }
        self.free_at = self.free_at.max(now) + (octets as u64 * 8_000_000) / rate;
        let jitter = if self.line.jitter_ms > 0 { seed.draw() % (self.line.jitter_ms * 1_000) } else { 0 };
        // What shakes keeps the order, as on Wi-Fi and mobile lines; a packet in a hundred of a shaking line does not.
        let shuffled = self.line.jitter_ms > 0 && seed.draw().is_multiple_of(100);
        let at = (self.free_at + self.line.delay_ms * 1_000 + jitter).max(if shuffled { 0 } else { self.last_at });
        self.last_at = self.last_at.max(at);
        Some(at)
    }
}
