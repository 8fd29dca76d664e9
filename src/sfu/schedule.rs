//! When the next probe of a line is due: each that fills the line makes the next one wait longer, and as soon as one goes through the next one comes at once and asks
//! for much more. Told what the line is taken to carry; does not know what a probe is for.

use std::time::Duration;

use crate::time::Instant;

/// On a line where packets wait a probe is put off by this.
pub const PUT_OFF: Duration = Duration::from_millis(200);
/// How many times the estimate a probe sends: the first is felt by the sound behind it, the next ones come where there is room.
pub const FACTOR: (f64, f64) = (2.0, 4.0);
/// A probe that raised what the line carries by this found room.
const ROOM: f64 = 1.1;

/// The probes to one receiver.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    /// `None`: there is nothing to find out.
    due: Option<Instant>,
    /// The first wait before a probe, and the longest; and the present one.
    waits: (Duration, Duration),
    wait: Duration,
    /// What the line carried when the last probe began, if it is not judged yet; and whether the one before found room.
    probed: Option<u64>,
    carries: u64,
    room: bool,
    cuts: u32,
}

impl Schedule {
    /// Nothing is due; the first wait and the longest, and how often the line was found full so far.
    pub fn new(waits: (Duration, Duration), cuts: u32) -> Self {
        Self { waits, wait: waits.0, cuts, ..Self::default() }
    }

    /// When a probe is due.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Not yet.
    pub fn put_off(&mut self, now: Instant) {
        self.due = Some(now + PUT_OFF);
    }

    /// A probe begins: how many times the estimate it sends.
    pub fn probes(&mut self, now: Instant) -> f64 {
        self.due = Some(now + self.wait);
        self.probed = Some(self.carries);
        if self.room { FACTOR.1 } else { FACTOR.0 }
    }

    /// What the line carries by now, and how often it was found full; `empty`: no packet waits; `probing`: a probe is under way; `wanted`: more would be of use.
    pub fn look(&mut self, carries: u64, cuts: u32, (empty, probing, wanted): (bool, bool, bool), now: Instant) {
        self.carries = carries;
        if cuts != self.cuts {
            self.cuts = cuts;
            if self.probed.take().is_some() {
                self.wait = (self.wait * 2).min(self.waits.1);
            }
            self.room = false;
            self.due = Some(now + self.wait);
        } else if let Some(before) = self.probed.filter(|_| !probing) {
            self.probed = None;
            self.room = carries as f64 > before as f64 * ROOM + 1.0;
            if self.room {
                (self.due, self.wait) = (Some(now), self.waits.0);
            }
        }
        if !wanted {
            self.due = None;
        } else if !empty && !probing {
            self.due = self.due.map(|due| due.max(now + PUT_OFF));
        } else if self.due.is_none() {
            self.due = Some(now + self.wait);
        }
    }
}
