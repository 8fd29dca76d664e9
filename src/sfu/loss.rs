//! Whether the packets that get lost are lost because too much is sent. Loss that sending less does not change is the air's, and is borne.

/// Time constant of the share, in microseconds.
const MEMORY_MICROS: f64 = 1_000_000.0;
/// Packets on which a share is taken.
const PACKETS_MIN: f64 = 60.0;
/// Beyond what is the line's own: from here the rate does not grow, from there it is cut.
const HOLD: f64 = 0.04;
const CUT: f64 = 0.10;
/// A rate held down for so many microseconds is cut instead: only less can tell whose loss it is.
const HELD_MICROS: i64 = 3_000_000;
/// Time constant in microseconds with which the line's own loss is forgotten.
const FORGET_MICROS: f64 = 5_000_000.0;
/// After so many cuts in a row the loss must have fallen, or it is not ours.
const CUTS_TO_JUDGE: u8 = 2;
/// Loss like this is never taken for the line's own.
const HOPELESS: f64 = 0.4;

/// What the loss asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Fine,
    /// No more than now.
    Hold,
    /// Less.
    Cut,
    /// The cuts did not help: what they took is to be given back.
    Vain,
}

/// The loss of one line.
#[derive(Debug, Clone, Default)]
pub struct Loss {
    told: f64,
    lost: f64,
    /// Holes: packets lost one after the other are one.
    holes: f64,
    inherent: f64,
    held: i64,
    passed: i64,
    /// Cuts in a row, and the loss at the first of them.
    cuts: (u8, f64),
}

impl Loss {
    /// One feedback: packets newly told of, how many of them lost, and in how many holes; and microseconds since the one before.
    pub fn told(&mut self, told: u32, (lost, holes): (i32, u32), micros: i64) {
        let kept = (-(micros.max(0) as f64) / MEMORY_MICROS).exp();
        self.told = self.told * kept + f64::from(told);
        self.lost = (self.lost * kept + f64::from(lost)).max(0.0);
        self.holes = self.holes * kept + f64::from(holes);
        self.passed += micros.max(0);
    }

    /// Share of packets lost, 0 to 1.
    pub fn share(&self) -> f64 {
        if self.told < 1.0 { 0.0 } else { (self.lost / self.told).min(1.0) }
    }

    /// Share that is the line's own.
    pub fn inherent(&self) -> f64 {
        self.inherent
    }

    /// To be asked once per feedback when a cut is possible.
    pub fn judge(&mut self) -> Verdict {
        if self.told < PACKETS_MIN {
            return Verdict::Fine;
        }
        let (share, passed) = (self.share(), std::mem::take(&mut self.passed));
        if share < self.inherent {
            self.inherent += (share - self.inherent) * (1.0 - (-(passed as f64) / FORGET_MICROS).exp());
        }
        let excess = share - self.inherent;
        // What chance adds to a share over so few packets: the more, the fewer and longer the holes are.
        let chance = (share * (1.0 - share) / self.told * (self.lost / self.holes.max(1.0)).max(1.0)).sqrt();
        if excess < HOLD + chance {
            (self.cuts, self.held) = ((0, 0.0), 0);
            return Verdict::Fine;
        }
        self.held += passed;
        if excess < CUT + 1.5 * chance && self.held < HELD_MICROS && self.cuts.0 == 0 {
            return Verdict::Hold;
        }
        let (count, first) = self.cuts;
        if count >= CUTS_TO_JUDGE && excess > first * 0.7 && share < HOPELESS {
            self.inherent = share;
            (self.cuts, self.held) = ((0, 0.0), 0);
            return Verdict::Vain;
        }
        self.cuts = if count == 0 { (1, excess) } else { (count.saturating_add(1), first) };
        // What comes is judged by itself: the next verdict is on the lower rate alone.
        (self.told, self.lost, self.holes) = (0.0, 0.0, 0.0);
        Verdict::Cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_that_stays_after_two_cuts_is_the_lines_own() {
        let mut loss = Loss::default();
        let mut verdicts = Vec::new();
        for _ in 0..12 {
            loss.told(60, (12, 12), 100_000);
            verdicts.push(loss.judge());
        }
        let of = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
        assert_eq!((of(Verdict::Cut), of(Verdict::Vain)), (2, 1), "{verdicts:?}");
        assert!(verdicts[3..].iter().all(|verdict| *verdict == Verdict::Fine));
        let after: Vec<Verdict> = std::iter::repeat_with(|| {
            loss.told(60, (18, 18), 100_000);
            loss.judge()
        })
        .take(20)
        .collect();
        assert!(after.contains(&Verdict::Hold), "more than the line's own: {after:?}");
    }

    #[test]
    fn loss_that_falls_with_the_rate_is_ours() {
        let mut loss = Loss::default();
        loss.told(100, (30, 30), 100_000);
        assert_eq!(loss.judge(), Verdict::Cut);
        loss.told(60, (12, 12), 100_000);
        assert_eq!(loss.judge(), Verdict::Cut);
        loss.told(60, (1, 1), 100_000);
        assert_eq!((loss.judge(), loss.inherent()), (Verdict::Fine, 0.0));
    }

    #[test]
    fn a_little_loss_for_long_is_looked_into_by_sending_less() {
        let mut loss = Loss::default();
        let verdicts: Vec<Verdict> = std::iter::repeat_with(|| {
            loss.told(60, (5, 5), 100_000);
            loss.judge()
        })
        .take(60)
        .collect();
        let first = verdicts.iter().position(|verdict| *verdict == Verdict::Cut).unwrap();
        assert!((25..=35).contains(&first) && verdicts.contains(&Verdict::Vain), "{verdicts:?}");
        assert!((0.07..0.09).contains(&loss.inherent()));
    }

    #[test]
    fn what_was_the_lines_own_is_forgotten_when_it_is_gone() {
        let mut loss = Loss { inherent: 0.2, ..Loss::default() };
        for _ in 0..100 {
            loss.told(60, (0, 0), 100_000);
            loss.judge();
        }
        assert!(loss.inherent() < 0.04, "{}", loss.inherent());
    }

    #[test]
    fn little_is_no_share() {
        let mut loss = Loss::default();
        loss.told(10, (10, 10), 100_000);
        assert_eq!(loss.judge(), Verdict::Fine);
    }
}
