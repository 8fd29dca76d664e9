//! What a person is asked to send at most, picture by picture, and whether they keep to it. The word goes by message, which a client's encoder follows both
//! ways within half a second; REMB is for who does not listen: browsers come down by it at once, but take up to twenty seconds to come back up.
//! Knows no line and no packet.

use crate::limits;
use crate::time::Instant;

/// A lid that changed by this share is told anew.
const FALL: f64 = 0.95;
const RISE: f64 = 1.1;
/// Who sends this share of what was asked, and a little, listens.
const KEPT: (f64, u64) = (1.3, 60_000);

/// So many key frames in a second are the beginning of a picture, and larger than what was asked for, but not by more bits in a second than this: who sends more
/// would be forgiven each time that a picture comes back, and flood the line again and again.
const KEY_FRAMES: u64 = 2;
const KEY_FRAME_BITS: u64 = 800_000;

/// Bits a second with all headers: `None` no lid, 0 nobody can receive the picture now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lids {
    /// The camera; of several encodings the best.
    pub camera: Option<u64>,
    /// Each smaller encoding of the camera; never 0.
    pub smaller: Option<u64>,
    /// The screen.
    pub screen: Option<u64>,
}

impl Lids {
    /// None limits anything.
    pub fn are_open(&self) -> bool {
        self.camera.is_none() && self.smaller.is_none() && self.screen.is_none()
    }

    /// Camera and screen together for an encoder that cannot rest: it is left enough to stay warm.
    pub fn sum(&self) -> u64 {
        let bits = |lid: Option<u64>| lid.map_or(limits::LID_MAX, |bits| bits.max(limits::PICTURE_MIN));
        match (self.camera, self.screen) {
            (Some(_), None) => bits(self.camera),
            (None, Some(_)) => bits(self.screen),
            _ => bits(self.camera) + bits(self.screen),
        }
    }

    fn differ(now: Option<u64>, told: Option<u64>, may_rise: bool) -> bool {
        match (now, told) {
            (None, None) => false,
            (Some(now), Some(told)) if now > 0 && told > 0 => {
                let change = now as f64 / told as f64;
                change < FALL || change > RISE && may_rise
            }
            _ => now != told,
        }
    }
}

/// What one person was told, and whether it had an effect.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told {
    lids: Lids,
    at: Option<Instant>,
    /// It was told to a socket that is gone.
    forgotten: bool,
    /// The most that was asked for since the last look, and between the two looks before; `None`: there was no lid for a while.
    asked: [Option<u64>; 2],
    octets: u64,
    looked: Option<Instant>,
    /// Key frames that came in all, and whether the last look saw a new one: for two seconds it says nothing of what was asked for.
    key_frames: u64,
    keyed: bool,
    deaf: bool,
}

impl Told {
    /// Whether this must be told now; then it is taken for told.
    pub fn news(&mut self, lids: Lids, now: Instant) -> bool {
        let may_rise = self.at.is_none_or(|at| now.saturating_duration_since(at) >= limits::LID_RISE);
        let pairs = [(lids.camera, self.lids.camera), (lids.smaller, self.lids.smaller), (lids.screen, self.lids.screen)];
        let differ = pairs.into_iter().any(|(now, told)| Lids::differ(now, told, may_rise));
        let tells = differ || std::mem::take(&mut self.forgotten);
        if tells {
            (self.lids, self.at) = (lids, Some(now));
            self.asked[0] = self.asked[0].and_then(|asked| Some(asked.max(self.in_force()?)));
        }
        tells
    }

    /// The client may not have heard the last word.
    pub fn forgotten(&mut self) {
        self.forgotten = self.at.is_some();
    }

    /// What was told last.
    pub fn lids(&self) -> Lids {
        self.lids
    }

    fn in_force(&self) -> Option<u64> {
        (!self.lids.are_open()).then(|| self.lids.sum())
    }

    /// Whether REMB must say it: so much more came than was asked for.
    pub fn is_deaf(&self) -> bool {
        self.deaf
    }

    /// Once a second: the octets of pictures and the key frames that came in all.
    pub fn look(&mut self, octets: u64, key_frames: u64, now: Instant) {
        let new = key_frames.saturating_sub(std::mem::replace(&mut self.key_frames, key_frames));
        // More than a few in a second is a way of sending, not a beginning.
        let keyed = (1..=KEY_FRAMES).contains(&new);
        let key_frame = std::mem::replace(&mut self.keyed, keyed) || keyed;
        let before = std::mem::replace(&mut self.octets, octets);
        let looked = self.looked.replace(now);
        let [newer, older] = self.asked;
        self.asked = [self.in_force(), newer];
        self.deaf &= !self.lids.are_open();
        let (Some(looked), Some(newer), Some(older)) = (looked, newer, older) else { return };
        let seconds = now.saturating_duration_since(looked).as_secs_f64();
        let rate = octets.saturating_sub(before) as f64 * 8.0 / seconds.max(0.1);
        let beginning = if key_frame { KEY_FRAME_BITS } else { 0 };
        self.deaf |= rate > newer.max(older) as f64 * KEPT.0 + (KEPT.1 + beginning) as f64;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn camera(bits: u64) -> Lids {
        Lids { camera: Some(bits), ..Lids::default() }
    }

    #[test]
    fn falls_are_told_at_once_and_rises_a_moment_later() {
        let begin = Instant::now();
        let mut told = Told::default();
        assert!(!told.news(Lids::default(), begin), "there is no lid, and there was none");
        assert!(told.news(camera(1_000_000), begin));
        assert!(!told.news(camera(980_000), begin) && told.news(camera(900_000), begin));
        assert!(!told.news(camera(1_500_000), begin + limits::LID_RISE / 2));
        assert!(told.news(camera(1_500_000), begin + limits::LID_RISE));
        assert!(told.news(camera(0), begin + limits::LID_RISE) && told.news(camera(60_000), begin + limits::LID_RISE), "rest and return");
        assert!(told.news(Lids::default(), begin + limits::LID_RISE) && told.lids().are_open());
        assert!(!told.news(Lids::default(), begin + limits::LID_RISE));
        told.forgotten();
        assert!(told.news(Lids::default(), begin + limits::LID_RISE), "that there is none any more, too");
    }

    #[test]
    fn who_comes_back_as_soon_as_it_is_allowed_is_not_deaf() {
        let begin = Instant::now();
        let second = |n: u32| begin + Duration::from_secs(1) * n;
        let mut told = Told::default();
        told.news(camera(0), begin);
        for n in 0..5 {
            told.look(0, 0, second(n));
        }
        told.news(camera(1_500_000), second(4) + Duration::from_millis(100));
        told.look(180_000, 0, second(5));
        assert!(!told.is_deaf());
        told.look(360_000, 0, second(6));
        told.news(Lids::default(), second(6));
        told.look(800_000, 0, second(7));
        assert!(!told.is_deaf());
    }

    #[test]
    fn who_goes_on_as_before_is_deaf_until_there_is_no_lid() {
        let begin = Instant::now();
        let second = |n: u32| begin + Duration::from_secs(1) * n;
        let (mut told, mut octets) = (Told::default(), 0);
        let mut look = |told: &mut Told, n: u32, bits: u64| {
            octets += bits / 8;
            told.look(octets, 0, second(n));
            told.is_deaf()
        };
        assert!(!look(&mut told, 0, 1_500_000));
        told.news(camera(200_000), second(0));
        assert!(!look(&mut told, 1, 1_500_000), "it was just told");
        assert!(!look(&mut told, 2, 1_500_000), "it came down within that second");
        assert!(!look(&mut told, 3, 250_000));
        assert!(look(&mut told, 4, 1_500_000) && look(&mut told, 5, 200_000), "REMB stays once it was needed");
        told.news(Lids::default(), second(5));
        assert!(!look(&mut told, 6, 1_500_000));
    }

    #[test]
    fn a_key_frame_is_larger_than_what_was_asked_for_and_no_deafness() {
        let begin = Instant::now();
        let second = |n: u32| begin + Duration::from_secs(1) * n;
        let mut told = Told::default();
        told.news(camera(200_000), begin);
        let mut octets = 0;
        for (n, (bits, key_frames)) in (0..).zip([(200_000, 0), (200_000, 0), (200_000, 0), (900_000, 1), (500_000, 1), (200_000, 1)]) {
            octets += bits / 8;
            told.look(octets, key_frames, second(n));
            assert!(!told.is_deaf(), "second {n}");
        }
        let mut flood = told;
        told.look(octets + 900_000 / 8, 1, second(6));
        assert!(told.is_deaf(), "nothing began in that second");
        flood.look(octets + 2_000_000 / 8, 2, second(6));
        assert!(flood.is_deaf(), "no key frame is as large as that");
    }
}
