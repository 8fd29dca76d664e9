//! Microphone and camera of a simulated person: when packets come and how large they are, shaped like those of real calls, from a seed. Encodes nothing.

use std::time::Duration;

use crate::load::synthetic::mix;

/// From one Opus packet to the next.
pub const SOUND: Duration = Duration::from_millis(20);
/// From one packet of comfort noise to the next (RFC 7587 §3.1.3: DTX).
const COMFORT: u32 = 20;
/// Payload bytes of a voice packet: Opus at 16 to 32 kbit/s.
const VOICE: std::ops::RangeInclusive<usize> = 40..=80;
/// Largest payload of a video packet.
const VIDEO_BYTES: usize = 1_100;
/// A key frame is so many times as large as the mean frame.
const KEY: f64 = 6.0;

/// Numbers from a seed.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The same numbers from the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// In 0..1.
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(1);
        (mix(self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A voice.
#[derive(Debug, Clone)]
pub struct Voice {
    dice: Dice,
    size: usize,
    dtx: bool,
    is_talking: bool,
    /// Packets left of this spurt or silence.
    left: u32,
}

impl Voice {
    /// With `dtx` it is silent about half of the time.
    pub fn new(seed: u64, dtx: bool) -> Self {
        Self { dice: Dice::new(mix(seed)), size: 60, dtx, is_talking: true, left: 100 }
    }

    /// The payload bytes of the next 20 ms, and whether a talk spurt begins; `None` while nothing is sent.
    pub fn speak(&mut self) -> Option<(usize, bool)> {
        let mut begins = false;
        if self.dtx {
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                self.is_talking = !self.is_talking;
                self.left = 50 + (self.dice.unit() * 100.0) as u32;
                begins = self.is_talking;
            }
        }
        if !self.is_talking {
            return self.left.is_multiple_of(COMFORT).then_some((*VOICE.start(), false));
        }
        // Neighbours sound alike: a walk, not dice.
        let step = (self.dice.unit() * 17.0) as usize;
        self.size = (self.size + step).saturating_sub(8).clamp(*VOICE.start(), *VOICE.end());
        Some((self.size, begins))
    }
}

/// A camera with its encoder.
#[derive(Debug, Clone)]
pub struct Camera {
    dice: Dice,
    fps: u32,
    wanted: u64,
    /// What the other side can receive, once it said so.
    lid: Option<u64>,
    /// What a key frame took more than its share, to be saved by the next frames.
    debt: f64,
}

impl Camera {
    /// `fps` pictures and about `bits_per_s` a second.
    pub fn new(seed: u64, fps: u32, bits_per_s: u64) -> Self {
        Self { dice: Dice::new(mix(!seed)), fps: fps.max(1), wanted: bits_per_s, lid: None, debt: 0.0 }
    }

    /// The receiver's side allows no more.
    pub fn set_lid(&mut self, bits_per_s: u64) {
        self.lid = Some(bits_per_s);
    }

    /// From one picture to the next.
    pub fn period(&self) -> Duration {
        Duration::from_secs(1) / self.fps
    }

    /// Payload bytes of each packet of the next picture: all alike but the last, which may be shorter.
    pub fn picture(&mut self, key: bool) -> (usize, usize, usize) {
        let bits = self.lid.map_or(self.wanted, |lid| lid.min(self.wanted));
        let mean = bits as f64 / 8.0 / f64::from(self.fps);
        let saved = (self.debt / 20.0).min(mean / 2.0);
        self.debt -= saved;
        let bytes = if key {
            self.debt += mean * (KEY - 1.0);
            mean * KEY
        } else {
            (mean - saved) * (0.7 + 0.6 * self.dice.unit())
        };
        let bytes = (bytes as usize).max(80);
        let packets = bytes.div_ceil(VIDEO_BYTES);
        let each = bytes.div_ceil(packets);
        (packets, each, (bytes - each * (packets - 1)).clamp(40, each))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn camera_keeps_to_its_rate_with_key_frames_and_under_a_lid() {
        let rate = |camera: &mut Camera, keys: usize| {
            let bytes: usize =
                (0..750).map(|n| camera.picture(n % keys == 0)).map(|(packets, each, last)| each * (packets - 1) + last).sum();
            bytes as f64 * 8.0 / 30.0
        };
        let mut camera = Camera::new(3, 25, 1_000_000);
        assert!((900_000.0..1_100_000.0).contains(&rate(&mut camera, 250)));
        let (packets, each, last) = camera.picture(true);
        assert!(packets > 20 && each <= VIDEO_BYTES && last <= each);
        camera.set_lid(300_000);
        assert!((250_000.0..350_000.0).contains(&rate(&mut camera, 1_000)));
    }

    #[test]
    fn voice_is_of_the_size_of_voices_and_silent_half_of_the_time_where_it_may_be() {
        let mut voice = Voice::new(1, false);
        assert!((0..1_000).all(|_| voice.speak().is_some_and(|(size, _)| VOICE.contains(&size))));
        let mut voice = Voice::new(1, true);
        let packets = (0..50_000).filter_map(|_| voice.speak()).count();
        assert!((15_000..35_000).contains(&packets), "{packets}");
    }
}
