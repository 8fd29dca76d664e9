//! Rounds to a provider: what is remembered of one while somebody is away, and which have come back already. Told the time.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::time::Timestamp;

/// Who went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Traveller {
    /// A citizen.
    Citizen,
    /// Somebody of the staff.
    Agent,
}

/// One round; the browser keeps it, sealed. Has no `Debug`: it holds secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// Who went.
    pub who: Traveller,
    /// To which page they come back.
    pub to: String,
    /// Comes back as it is.
    pub state: String,
    /// Stands in the token.
    pub nonce: String,
    /// Proves that who comes back is who went.
    pub verifier: String,
    /// When they went, in milliseconds.
    pub began_ms: i64,
}

impl Round {
    /// Whether who comes back with this state, now, is who went.
    pub fn fits(&self, who: Traveller, state: &str, now: Timestamp) -> bool {
        let began = Timestamp(self.began_ms);
        self.who == who && self.state == state && began <= now && now < began.after(limits::SIGN_IN_ROUND)
    }
}

/// The states that came back, at most `limits::SPENT_ROUNDS`.
#[derive(Debug, Default)]
pub struct Spent(VecDeque<String>);

impl Spent {
    /// True once for each state.
    pub fn spend(&mut self, state: &str) -> bool {
        if self.0.iter().any(|spent| spent == state) {
            return false;
        }
        if self.0.len() >= limits::SPENT_ROUNDS {
            self.0.pop_front();
        }
        self.0.push_back(state.to_owned());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_ends_with_its_own_state_in_time_and_for_who_began_it() {
        let began = Timestamp(1_800_000_000_000);
        let (who, to) = (Traveller::Citizen, "book".into());
        let round = Round { who, to, state: "s".into(), nonce: "n".into(), verifier: "v".into(), began_ms: began.0 };
        assert!(round.fits(who, "s", began) && round.fits(who, "s", Timestamp(began.after(limits::SIGN_IN_ROUND).0 - 1)));
        assert!(!round.fits(who, "t", began) && !round.fits(Traveller::Agent, "s", began));
        assert!(!round.fits(who, "s", began.after(limits::SIGN_IN_ROUND)) && !round.fits(who, "s", Timestamp(began.0 - 1)));
    }

    #[test]
    fn a_state_comes_back_once() {
        let mut spent = Spent::default();
        assert!(spent.spend("a") && spent.spend("b"));
        assert!(!spent.spend("a") && !spent.spend("b"));
        for state in 0..limits::SPENT_ROUNDS {
            spent.spend(&state.to_string());
        }
        assert_eq!(spent.0.len(), limits::SPENT_ROUNDS);
    }
}
