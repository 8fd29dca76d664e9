//! How many consultations a load test holds next: half as many more until a limit is met, met twice in a row, then halves of what lies between. Pure: told what was measured.

/// What was met first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Packets that never came.
    Loss,
    /// Packets that came late.
    Delay,
    /// Joining took too long, or failed.
    Join,
    /// The server's CPU.
    Cpu,
    /// This client: the server may hold more.
    Client,
    /// Nothing: it held as many as were asked for.
    Most,
}

impl Limit {
    /// As JSON has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Delay => "delay",
            Self::Join => "join",
            Self::Cpu => "cpu",
            Self::Client => "client",
            Self::Most => "most",
        }
    }
}

/// See the file's sentence.
#[derive(Debug, Clone)]
pub struct Ramp {
    most: u32,
    held: u32,
    /// Most that were held within all limits.
    best: u32,
    /// Fewest at which a limit was met, and which.
    worst: Option<(u32, Limit)>,
    /// The limit was met once at `held`: a hiccup is no limit.
    suspected: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Hold so many and measure.
    Hold(u32),
    /// It is known: so many, and what was met beyond.
    Known(u32, Limit),
}

impl Ramp {
    /// Begins with `first`, never more than `most`.
    pub fn new(first: u32, most: u32) -> Self {
        Self { most: most.max(1), held: first.clamp(1, most.max(1)), best: 0, worst: None, suspected: false }
    }

    /// How many to begin with.
    pub fn first(&self) -> u32 {
        self.held
    }

    /// What was measured with what [`Next::Hold`] asked for.
    pub fn next(&mut self, met: Option<Limit>) -> Next {
        match met {
            Some(_) if !self.suspected => {
                self.suspected = true;
                return Next::Hold(self.held);
            }
            Some(limit) => self.worst = Some((self.held, limit)),
            None => self.best = self.best.max(self.held),
        }
        self.suspected = false;
        self.held = match self.worst {
            None if self.held >= self.most => return Next::Known(self.best, Limit::Most),
            None => (self.held + self.held.div_ceil(2)).min(self.most),
            // One in twenty is nearer than two runs are to each other.
            Some((worst, limit)) if worst - self.best <= (self.best / 20).max(1) => return Next::Known(self.best, limit),
            Some((worst, _)) => self.best + (worst - self.best) / 2,
        };
        Next::Hold(self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs against a server that holds so many; levels measured and the answer.
    fn run(holds: u32, most: u32) -> (u32, Next) {
        let mut ramp = Ramp::new(8, most);
        let mut held = ramp.first();
        for levels in 1..100 {
            assert!((1..=most).contains(&held));
            match ramp.next((held > holds).then_some(Limit::Delay)) {
                Next::Hold(next) => held = next,
                known => return (levels, known),
            }
        }
        panic!("never known");
    }

    #[test]
    fn whatever_the_server_holds_is_found_to_one_in_twenty() {
        for holds in [1, 5, 7, 8, 9, 37, 100, 263, 999, 4_000] {
            let (levels, known) = run(holds, 10_000);
            let Next::Known(found, Limit::Delay) = known else { panic!("{known:?}") };
            assert!(found <= holds && holds - found <= (found / 20).max(1), "{found} of {holds}");
            assert!(levels <= 30, "{levels} levels for {holds}");
        }
    }

    #[test]
    fn nothing_held_and_all_held_are_answers_too() {
        assert_eq!(run(0, 100).1, Next::Known(0, Limit::Delay));
        assert_eq!(run(100, 20).1, Next::Known(20, Limit::Most));
    }

    #[test]
    fn a_hiccup_is_measured_again() {
        let mut ramp = Ramp::new(8, 100);
        assert_eq!(ramp.next(Some(Limit::Loss)), Next::Hold(8));
        assert_eq!(ramp.next(None), Next::Hold(12));
        assert_eq!(ramp.next(Some(Limit::Loss)), Next::Hold(12), "each level has its own doubt");
    }
}
