//! How often somebody may be wrong, or ask: growing delay for sign-ins, a ceiling of failures a minute for join links, an allowance of bookings. Told the time; refuses to know who asks.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use crate::limits;
use crate::time::Instant;

/// Who is counted: an IPv4 address, or the /64 that one household or phone has in IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(IpAddr);

impl Origin {
    /// The part of an address that counts as one origin.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => Self(IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into())),
            v4 => Self(v4),
        }
    }
}

/// Failed sign-ins by account name and origin: free up to five, then a delay that doubles to a ceiling; never a permanent lock, never across origins (S5).
#[derive(Debug, Default)]
pub struct SignInThrottle {
    failures: BTreeMap<(String, Origin), Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl SignInThrottle {
    /// How long this account must still wait from this origin; zero when it may try now.
    pub fn wait(&self, account: &str, origin: Origin, now: Instant) -> Duration {
        self.failures
            .get(&(account.to_owned(), origin))
            .map_or(Duration::ZERO, |failures| (failures.last + delay(failures.count)).saturating_duration_since(now))
    }

    /// A try begins and is counted as wrong until it is shown to be right, or many at once would all be free.
    pub fn tried(&mut self, account: &str, origin: Origin, now: Instant) {
        self.make_room(now);
        let failures = self.failures.entry((account.to_owned(), origin)).or_insert(Failures { count: 0, last: now });
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
    }

    /// A try was wrong: the delay runs from the answer on, however long the hash took.
    pub fn failed(&mut self, account: &str, origin: Origin, now: Instant) {
        if let Some(failures) = self.failures.get_mut(&(account.to_owned(), origin)) {
            failures.last = now;
        }
    }

    /// A try was right: the count begins again.
    pub fn succeeded(&mut self, account: &str, origin: Origin) {
        self.failures.remove(&(account.to_owned(), origin));
    }

    fn make_room(&mut self, now: Instant) {
        if self.failures.len() < limits::SIGN_IN_THROTTLE_ENTRIES {
            return;
        }
        self.failures.retain(|_, failures| now.saturating_duration_since(failures.last) < FORGET);
        while self.failures.len() >= limits::SIGN_IN_THROTTLE_ENTRIES {
            let oldest = self.failures.iter().min_by_key(|(_, failures)| failures.last).map(|(key, _)| key.clone());
            match oldest {
                Some(key) => self.failures.remove(&key),
                None => return,
            };
        }
    }
}

const FREE_FAILURES: u32 = 5;
const DELAY_MAX: Duration = Duration::from_secs(15 * 60);
const FORGET: Duration = Duration::from_secs(60 * 60);

/// 1 s after the fifth failure, doubled by each further one.
fn delay(failures: u32) -> Duration {
    match failures.checked_sub(FREE_FAILURES) {
        None => Duration::ZERO,
        Some(beyond) => Duration::from_secs(1 << beyond.min(10)).min(DELAY_MAX),
    }
}

/// Failed join links of the last minute (trust.md S4). Holds at most `limits::LINK_FAILURES_GLOBAL` entries.
#[derive(Debug, Default)]
pub struct LinkThrottle {
    failures: VecDeque<(Instant, Origin)>,
}

impl LinkThrottle {
    /// Whether this origin may try a link now: fewer than 20 failures in the last minute.
    pub fn may_try(&mut self, origin: Origin, now: Instant) -> bool {
        self.forget(now);
        self.failures.iter().filter(|(_, from)| *from == origin).count() < limits::LINK_FAILURES_PER_ORIGIN
    }

    /// A link was unknown. False when the whole server has seen too many: the answer is then "slow down" as well. A good link
    /// is never refused for the failures of other origins, or ten addresses could shut the door for everybody.
    pub fn failed(&mut self, origin: Origin, now: Instant) -> bool {
        self.forget(now);
        if self.failures.len() >= limits::LINK_FAILURES_GLOBAL {
            return false;
        }
        self.failures.push_back((now, origin));
        true
    }

    fn forget(&mut self, now: Instant) {
        let minute = Duration::from_secs(60);
        while self.failures.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= minute) {
            self.failures.pop_front();
        }
    }
}

/// What an origin, or the holder of a key, may ask for: so much at once, then one more each while. Holds at most `limits::ASKING_ORIGINS` of them.
#[derive(Debug)]
pub struct Allowance<W = Origin> {
    at_once: u32,
    again: Duration,
    /// When each origin may ask freely again: what it asked for lies as debt before it (GCRA).
    free_at: BTreeMap<W, Instant>,
}

impl<W: Ord + Copy> Allowance<W> {
    /// `at_once`, then one more after each `again`.
    pub fn new(at_once: u32, again: Duration) -> Self {
        Self { at_once, again, free_at: BTreeMap::new() }
    }

    /// Takes one; or says how long to wait for it.
    pub fn take(&mut self, origin: W, now: Instant) -> Result<(), Duration> {
        self.take_of(origin, (self.at_once, self.again), now)
    }

    /// The same for one who has a measure of their own.
    pub fn take_of(&mut self, origin: W, (at_once, again): (u32, Duration), now: Instant) -> Result<(), Duration> {
        let free_at = self.free_at.get(&origin).copied().unwrap_or(now).max(now);
        let wait = (free_at + again).saturating_duration_since(now + again * at_once);
        if wait > Duration::ZERO {
            return Err(wait);
        }
        self.make_room(now);
        self.free_at.insert(origin, free_at + again);
        Ok(())
    }

    /// What was taken was not used.
    pub fn give_back(&mut self, origin: W) {
        if let Some(free_at) = self.free_at.get_mut(&origin) {
            *free_at = free_at.checked_sub(self.again).unwrap_or(*free_at);
        }
    }

    fn make_room(&mut self, now: Instant) {
        if self.free_at.len() < limits::ASKING_ORIGINS {
            return;
        }
        self.free_at.retain(|_, free_at| *free_at > now);
        while self.free_at.len() >= limits::ASKING_ORIGINS {
            match self.free_at.iter().min_by_key(|(_, free_at)| **free_at).map(|(origin, _)| *origin) {
                Some(soonest) => drop(self.free_at.remove(&soonest)),
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(last: u8) -> Origin {
        Origin::of(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn sign_in_delay_grows_after_five_failures_and_never_becomes_a_lock() {
        let mut throttle = SignInThrottle::default();
        let mut now = Instant::now();
        for _ in 0..4 {
            throttle.tried("anna", origin(1), now);
        }
        assert_eq!(throttle.wait("anna", origin(1), now), Duration::ZERO);
        let mut before = Duration::ZERO;
        for _ in 0..6 {
            throttle.tried("anna", origin(1), now);
            let wait = throttle.wait("anna", origin(1), now);
            assert!(wait > before);
            before = wait;
            now += wait;
            assert_eq!(throttle.wait("anna", origin(1), now), Duration::ZERO);
        }
        for _ in 0..100 {
            throttle.tried("anna", origin(1), now);
        }
        assert_eq!(throttle.wait("anna", origin(1), now), DELAY_MAX);
    }

    #[test]
    fn sign_in_delay_runs_from_the_answer_on() {
        let mut throttle = SignInThrottle::default();
        let begun = Instant::now();
        for _ in 0..5 {
            throttle.tried("anna", origin(1), begun);
        }
        let answered = begun + Duration::from_secs(3);
        assert_eq!(throttle.wait("anna", origin(1), answered), Duration::ZERO);
        throttle.failed("anna", origin(1), answered);
        assert_eq!(throttle.wait("anna", origin(1), answered), Duration::from_secs(1));
    }

    #[test]
    fn sign_in_delay_of_one_origin_or_account_does_not_touch_another() {
        let mut throttle = SignInThrottle::default();
        let now = Instant::now();
        for _ in 0..10 {
            throttle.tried("anna", origin(1), now);
        }
        assert_eq!(throttle.wait("anna", origin(2), now), Duration::ZERO);
        assert_eq!(throttle.wait("ben", origin(1), now), Duration::ZERO);
        throttle.succeeded("anna", origin(1));
        assert_eq!(throttle.wait("anna", origin(1), now), Duration::ZERO);
    }

    #[test]
    fn sign_in_throttle_stays_within_its_bound() {
        let mut throttle = SignInThrottle::default();
        let now = Instant::now();
        for i in 0..limits::SIGN_IN_THROTTLE_ENTRIES + 10 {
            throttle.tried(&i.to_string(), origin(1), now + Duration::from_millis(i as u64));
        }
        assert_eq!(throttle.failures.len(), limits::SIGN_IN_THROTTLE_ENTRIES);
    }

    #[test]
    fn twenty_wrong_links_a_minute_from_one_origin_and_no_more() {
        let mut throttle = LinkThrottle::default();
        let now = Instant::now();
        for _ in 0..20 {
            assert!(throttle.may_try(origin(1), now));
            assert!(throttle.failed(origin(1), now));
        }
        assert!(!throttle.may_try(origin(1), now));
        assert!(throttle.may_try(origin(2), now));
        assert!(!throttle.may_try(origin(1), now + Duration::from_secs(59)));
        assert!(throttle.may_try(origin(1), now + Duration::from_secs(60)));
    }

    #[test]
    fn two_hundred_wrong_links_a_minute_in_all() {
        let mut throttle = LinkThrottle::default();
        let now = Instant::now();
        assert_eq!((0..=255).filter(|last| throttle.failed(origin(*last), now)).count(), 200);
        assert!(throttle.failed(origin(1), now + Duration::from_secs(60)));
    }

    #[test]
    fn an_allowance_is_used_up_and_comes_back_one_by_one() {
        let minute = Duration::from_secs(60);
        let mut allowance = Allowance::new(3, minute);
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(allowance.take(origin(1), now), Ok(()));
        }
        assert_eq!(allowance.take(origin(1), now), Err(minute));
        assert_eq!(allowance.take(origin(2), now), Ok(()), "another origin has its own");
        assert_eq!(allowance.take(origin(1), now + minute - Duration::from_secs(1)), Err(Duration::from_secs(1)));
        assert_eq!(allowance.take(origin(1), now + minute), Ok(()));
        assert_eq!(allowance.take(origin(1), now + minute), Err(minute));
        allowance.give_back(origin(1));
        assert_eq!(allowance.take(origin(1), now + minute), Ok(()), "what was not used is there again");
        let later = now + 100 * minute;
        assert_eq!((0..9).filter(|_| allowance.take(origin(1), later).is_ok()).count(), 3, "and it does not pile up");
    }

    #[test]
    fn an_allowance_stays_within_its_bound() {
        let mut allowance = Allowance::new(2, Duration::from_secs(60));
        let now = Instant::now();
        for i in 0..u32::try_from(limits::ASKING_ORIGINS).unwrap() + 10 {
            let _ = allowance.take(Origin::of(IpAddr::from(i.to_be_bytes())), now);
        }
        assert_eq!(allowance.free_at.len(), limits::ASKING_ORIGINS);
    }

    #[test]
    fn one_ipv6_household_is_one_origin() {
        let a = Origin::of("2001:db8:1:2:aaaa::1".parse().unwrap());
        let b = Origin::of("2001:db8:1:2:bbbb::2".parse().unwrap());
        let other = Origin::of("2001:db8:1:3::1".parse().unwrap());
        assert_eq!(a, b);
        assert_ne!(a, other);
        assert_eq!(Origin::of("::ffff:192.0.2.1".parse().unwrap()), origin(1));
    }
}
