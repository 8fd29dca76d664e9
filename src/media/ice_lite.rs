//! ICE-lite (RFC 8445 §2.5): which of our credentials a check proves, which 5-tuples are verified and on which one we answer (the path rule).
//! Refuses to know the client's candidates: an address is learnt from an authenticated check alone (O9).

use std::time::Duration;

use super::batch::Path;
use super::guard::Bucket;
use super::stun::{BindingRequest, IntegrityKey};
use crate::limits;
use crate::time::Instant;

/// What one answer promised: a client proves by the password that it read the answer.
pub struct Credentials {
    /// Our `a=ice-ufrag`.
    pub ufrag: String,
    /// MESSAGE-INTEGRITY under our `a=ice-pwd`.
    pub key: IntegrityKey,
}

/// What became of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Not authentic, or not of this transport: silence.
    Refused,
    /// Authentic, but this source had its answers for now (O8): silence.
    Limited,
    /// Authentic: answer it.
    Answered {
        /// Answers to the client go to this path from now on, and did not before.
        moved: bool,
    },
}

/// One transport's ICE.
pub struct IceLite {
    current: Credentials,
    /// Valid until the current ones have been in use for `limits::ICE_CREDENTIALS_OVERLAP` (ICE restart).
    previous: Option<Credentials>,
    /// First use of the current ones.
    used: Option<Instant>,
    /// A nomination came with the current ones.
    newest_nominated: bool,
    paths: Vec<Verified>,
    selected: Option<Path>,
    /// The selected path's nomination or media made it the client's own choice.
    chosen: bool,
    /// When a nomination last moved the path.
    nominated: Option<Instant>,
    last_authenticated: Instant,
    /// When something on the selected path was last noted.
    noted: Option<Instant>,
    answers: Bucket,
    forgotten: Option<Path>,
}

/// What arrives on the client's own choice of path is noted once in this time: each packet of a picture would touch what lies elsewhere in memory.
const NOTED: Duration = Duration::from_millis(10);

struct Verified {
    path: Path,
    /// Last authenticated check.
    checked: Instant,
    /// Last authenticated SRTP, SRTCP or DTLS record.
    carried: Option<Instant>,
    answers: Bucket,
}

impl Verified {
    fn heard(&self) -> Instant {
        self.carried.map_or(self.checked, |carried| carried.max(self.checked))
    }
}

impl IceLite {
    /// Nobody has checked yet; the consent time runs from `now`.
    pub fn new(credentials: Credentials, now: Instant) -> Self {
        Self {
            current: credentials,
            previous: None,
            used: None,
            newest_nominated: false,
            paths: Vec::new(),
            selected: None,
            chosen: false,
            nominated: None,
            last_authenticated: now,
            noted: None,
            answers: Bucket::new(limits::STUN_ANSWERS_PER_TRANSPORT_PER_S, limits::STUN_ANSWERS_PER_TRANSPORT_PER_S, now),
            forgotten: None,
        }
    }

    /// ICE restart: the new credentials count as soon as they are used, the old ones a while longer. Says which ufrag is void now.
    pub fn restart(&mut self, credentials: Credentials, now: Instant) -> Option<String> {
        let old = std::mem::replace(&mut self.current, credentials);
        self.last_authenticated = self.last_authenticated.max(now);
        // Credentials that nobody ever used do not push out those in use.
        self.newest_nominated = false;
        if self.used.is_some() || self.previous.is_none() {
            self.used = None;
            self.previous.replace(old).map(|void| void.ufrag)
        } else {
            Some(old.ufrag)
        }
    }

    /// Every ufrag that names this transport now.
    pub fn ufrags(&self) -> impl Iterator<Item = &str> {
        [Some(&self.current), self.previous.as_ref()].into_iter().flatten().map(|credentials| credentials.ufrag.as_str())
    }

    /// The key under which an answer to `request` is sealed.
    pub fn key_of(&self, request: &BindingRequest<'_>) -> Option<&IntegrityKey> {
        [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find(|credentials| credentials.ufrag.as_bytes() == request.local_ufrag)
            .map(|credentials| &credentials.key)
    }

    /// A check from `path`: authenticates it, learns the path, decides whether it is adopted.
    pub fn handle_check(&mut self, request: &BindingRequest<'_>, path: Path, now: Instant) -> Check {
        if self.used.is_some_and(|used| now >= used + limits::ICE_CREDENTIALS_OVERLAP) {
            self.previous = None;
        }
        if !self.key_of(request).is_some_and(|key| request.authentic(key)) {
            return Check::Refused;
        }
        let newest = request.local_ufrag == self.current.ufrag.as_bytes();
        let first_use = newest && self.used.is_none();
        if newest {
            self.used.get_or_insert(now);
            self.newest_nominated |= request.nominated;
        }
        // After the restart a client sends on its old path until it trusts the new one; what it nominated there first no longer counts after that.
        let nominated = request.nominated && (newest || !self.newest_nominated);
        self.last_authenticated = now;
        let verified = self.learn(path, now);
        verified.checked = now;
        if !verified.answers.take(now) || !self.answers.take(now) {
            return Check::Limited;
        }
        let silent = self.silence(now);
        let adopt = match self.selected {
            None => true,
            Some(selected) if selected == path => false,
            // Firefox nominates UDP, then TCP, and sends on UDP: whatever the check says, TCP waits until UDP is dead.
            Some(selected) if path.is_tcp() && !selected.is_tcp() && silent < limits::UDP_SILENT => false,
            // A restart's first check, or the client's word.
            Some(_) if first_use || nominated => true,
            // Before any choice of the client the latest check wins (Chromium nominates 60 ms late).
            Some(_) if !self.chosen => true,
            Some(_) => silent >= limits::PATH_SILENT,
        };
        let moved = adopt && self.select(path);
        self.chosen |= nominated && self.selected == Some(path);
        if moved && nominated {
            self.nominated = Some(now);
        }
        Check::Answered { moved }
    }

    /// Something that only the client's keys can make arrived on `path`: the client's own choice of path. Says whether our answers move there.
    pub fn handle_authenticated(&mut self, path: Path, now: Instant) -> bool {
        let steady = self.chosen && self.selected == Some(path);
        if steady && self.noted.is_some_and(|noted| now < noted + NOTED) {
            return false;
        }
        self.noted = steady.then_some(now);
        self.last_authenticated = now;
        let Some(verified) = self.paths.iter_mut().find(|verified| verified.path == path) else { return false };
        verified.carried = Some(now);
        if self.selected == Some(path) {
            self.chosen = true;
            return false;
        }
        // Neither packets in flight on the path that the client just left by nomination nor late ones of an older path take the answers back.
        let selected_carried = self.paths.iter().find(|other| Some(other.path) == self.selected).and_then(|other| other.carried);
        let just_nominated = self.nominated.is_some_and(|nominated| now < nominated + limits::PATH_SILENT);
        // Checks that arrive by UDP do not show that our answers do: TCP that carries yields only to UDP that carries as well.
        let displaces_udp = path.is_tcp() && self.selected.is_some_and(|selected| !selected.is_tcp());
        let patience = if displaces_udp { limits::PATH_SILENT } else { limits::PATH_SILENT / 4 };
        let still_carries = selected_carried.is_some_and(|carried| now < carried + patience);
        if just_nominated || still_carries {
            return false;
        }
        self.chosen = true;
        self.select(path)
    }

    /// Where our packets go; `None` before the first check.
    pub fn path(&self) -> Option<Path> {
        self.selected
    }

    /// Whether a check from this 5-tuple was authenticated (O5: DTLS is read from such ones only).
    pub fn is_verified(&self, path: Path) -> bool {
        self.paths.iter().any(|verified| verified.path == path)
    }

    /// All verified 5-tuples.
    pub fn verified(&self) -> impl Iterator<Item = Path> {
        self.paths.iter().map(|verified| verified.path)
    }

    /// The 5-tuple that made room for another one since the last call.
    pub fn take_forgotten(&mut self) -> Option<Path> {
        self.forgotten.take()
    }

    /// The TCP connection under this path is closed; the path heard last takes its place.
    pub fn forget(&mut self, path: Path) {
        self.paths.retain(|verified| verified.path != path);
        if self.selected == Some(path) {
            self.selected = self.paths.iter().max_by_key(|verified| verified.heard()).map(|verified| verified.path);
            self.chosen = false;
            self.nominated = None;
        }
    }

    /// When consent ends unless something authenticated arrives (RFC 7675).
    pub fn consent_ends(&self) -> Instant {
        self.last_authenticated + limits::CONSENT
    }

    fn silence(&self, now: Instant) -> Duration {
        let heard = self.paths.iter().find(|verified| Some(verified.path) == self.selected).map(Verified::heard);
        heard.map_or(Duration::MAX, |heard| now.saturating_duration_since(heard))
    }

    fn select(&mut self, path: Path) -> bool {
        let moved = self.selected != Some(path);
        self.selected = Some(path);
        moved
    }

    fn learn(&mut self, path: Path, now: Instant) -> &mut Verified {
        if let Some(at) = self.paths.iter().position(|verified| verified.path == path) {
            return &mut self.paths[at];
        }
        if self.paths.len() >= limits::PATHS {
            let selected = self.selected;
            let oldest = self
                .paths
                .iter()
                .enumerate()
                .filter(|(_, verified)| Some(verified.path) != selected)
                .min_by_key(|(_, verified)| verified.heard());
            if let Some((at, _)) = oldest {
                self.forgotten = Some(self.paths.swap_remove(at).path);
            }
        }
        let answers = Bucket::new(limits::STUN_ANSWERS_PER_S, limits::STUN_ANSWERS_PER_S, now);
        self.paths.push(Verified { path, checked: now, carried: None, answers });
        let last = self.paths.len() - 1;
        &mut self.paths[last]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::batch::Carrier;
    use crate::media::stun;

    const PASSWORD: &str = "0123456789abcdef012345";

    fn credentials(ufrag: &str) -> Credentials {
        Credentials { ufrag: ufrag.to_owned(), key: IntegrityKey::new(PASSWORD.as_bytes()) }
    }

    fn path(port: u16) -> Path {
        Path::udp([10, 0, 0, 1].into(), ([192, 0, 2, 1], port).into())
    }

    fn tcp(number: u32) -> Path {
        Path { carrier: Carrier::Tcp(number), ..path(9) }
    }

    fn check(ice: &mut IceLite, ufrag: &str, port: u16, nominated: bool, now: Instant) -> Check {
        check_on(ice, ufrag, path(port), nominated, now)
    }

    fn check_on(ice: &mut IceLite, ufrag: &str, path: Path, nominated: bool, now: Instant) -> Check {
        let datagram = stun::request([1; 12], &format!("{ufrag}:them"), PASSWORD, nominated);
        ice.handle_check(&BindingRequest::parse(&datagram).unwrap(), path, now)
    }

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn latest_check_wins_before_any_nomination() {
        let now = Instant::now();
        let mut ice = IceLite::new(credentials("us"), now);
        assert_eq!(check(&mut ice, "us", 1, false, now), Check::Answered { moved: true });
        assert_eq!(check(&mut ice, "us", 2, false, now + ms(10)), Check::Answered { moved: true });
        assert_eq!(check(&mut ice, "us", 1, true, now + ms(20)), Check::Answered { moved: true });
        assert_eq!(check(&mut ice, "us", 2, false, now + ms(30)), Check::Answered { moved: false });
        assert_eq!(ice.path(), Some(path(1)));
    }

    #[test]
    fn unnominated_check_from_a_new_address_is_adopted_only_after_silence() {
        let now = Instant::now();
        let mut ice = IceLite::new(credentials("us"), now);
        check(&mut ice, "us", 1, true, now);
        ice.handle_authenticated(path(1), now + ms(100));
        assert_eq!(check(&mut ice, "us", 2, false, now + ms(499)), Check::Answered { moved: false });
        assert_eq!(check(&mut ice, "us", 2, false, now + ms(500)), Check::Answered { moved: true });
    }

    #[test]
    fn answers_follow_authenticated_media_and_late_packets_do_not_take_them_back() {
        let now = Instant::now();
        let mut ice = IceLite::new(credentials("us"), now);
        check(&mut ice, "us", 1, true, now);
        ice.handle_authenticated(path(1), now);
        ice.handle_authenticated(path(1), now + ms(1000));
        check(&mut ice, "us", 2, false, now + ms(1050));
        assert!(!ice.handle_authenticated(path(2), now + ms(1060)), "the old path carried media a moment ago");
        assert!(ice.handle_authenticated(path(2), now + ms(1150)));
        assert!(!ice.handle_authenticated(path(1), now + ms(1160)), "a late packet");
        assert_eq!(check(&mut ice, "us", 1, true, now + ms(1170)), Check::Answered { moved: true });
        assert!(!ice.handle_authenticated(path(2), now + ms(1500)), "in flight on the path that the client left");
        assert_eq!(ice.path(), Some(path(1)));
        assert!(!ice.handle_authenticated(path(3), now + ms(900)), "never verified");
    }

    #[test]
    fn old_credentials_hold_for_a_while_after_the_new_ones_are_used() {
        let now = Instant::now();
        let mut ice = IceLite::new(credentials("one"), now);
        check(&mut ice, "one", 1, true, now);
        assert_eq!(ice.restart(credentials("two"), now), None);
        assert_eq!(check(&mut ice, "one", 1, true, now), Check::Answered { moved: false });
        assert_eq!(ice.restart(credentials("three"), now).as_deref(), Some("two"), "never used, so void");
        assert_eq!(check(&mut ice, "two", 2, true, now), Check::Refused);
        assert_eq!(check(&mut ice, "three", 2, false, now), Check::Answered { moved: true });
        let end = now + limits::ICE_CREDENTIALS_OVERLAP;
        assert_eq!(check(&mut ice, "one", 1, false, end - ms(1)), Check::Answered { moved: true }, "the new path was silent");
        assert_eq!(check(&mut ice, "one", 1, true, end), Check::Refused);
        assert_eq!(ice.ufrags().collect::<Vec<_>>(), ["three"]);
    }

    #[test]
    fn a_nat_that_forgot_heals_by_the_old_credentials_though_the_client_restarted() {
        let now = Instant::now();
        let mut ice = IceLite::new(credentials("one"), now);
        check(&mut ice, "one", 1, true, now);
        ice.restart(credentials("two"), now + ms(1500));
        assert_eq!(check(&mut ice, "two", 2, false, now + ms(1600)), Check::Answered { moved: true });
        assert!(!ice.handle_authenticated(path(3), now + ms(2000)), "the old socket behind its new outer port is not known yet");
        assert_eq!(check(&mut ice, "one", 3, true, now + ms(2500)), Check::Answered { moved: true }, "the client still sends there");
        assert_eq!(check(&mut ice, "two", 2, true, now + ms(2600)), Check::Answered { moved: true });
        assert_eq!(check(&mut ice, "one", 3, true, now + ms(2700)), Check::Answered { moved: false }, "it has chosen the new path");
    }

    #[test]
    fn tcp_never_displaces_udp_that_is_alive_whoever_nominates_it() {
        let now = Instant::now();
        let mut ice = IceLite::new(credentials("us"), now);
        check(&mut ice, "us", 1, true, now);
        assert_eq!(check_on(&mut ice, "us", tcp(1), true, now + ms(800)), Check::Answered { moved: false }, "as Firefox does");
        ice.handle_authenticated(path(1), now + ms(1000));
        assert!(!ice.handle_authenticated(tcp(1), now + ms(1399)));
        ice.restart(credentials("two"), now + ms(1400));
        assert_eq!(check_on(&mut ice, "two", tcp(1), true, now + ms(1500)), Check::Answered { moved: false }, "nor by a restart");
        assert_eq!(ice.path(), Some(path(1)));
        assert_eq!(check_on(&mut ice, "two", tcp(1), true, now + ms(3000)), Check::Answered { moved: true }, "silent UDP yields");
        assert_eq!(
            check(&mut ice, "two", 1, true, now + ms(3100)),
            Check::Answered { moved: true },
            "UDP takes over as soon as it is nominated"
        );
    }

    #[test]
    fn media_on_tcp_wins_over_udp_on_which_only_checks_arrive() {
        let now = Instant::now();
        let mut ice = IceLite::new(credentials("us"), now);
        for at in (0..1000).step_by(50) {
            check(&mut ice, "us", 1, false, now + ms(at));
            check_on(&mut ice, "us", tcp(1), true, now + ms(at));
        }
        assert_eq!(ice.path(), Some(path(1)));
        assert!(ice.handle_authenticated(tcp(1), now + ms(1000)), "our answers by UDP do not reach the client: it sends by TCP");
    }

    #[test]
    fn closed_connection_leaves_the_place_to_the_path_heard_last() {
        let now = Instant::now();
        let mut ice = IceLite::new(credentials("us"), now);
        check_on(&mut ice, "us", tcp(1), true, now);
        check_on(&mut ice, "us", tcp(2), false, now + ms(10));
        ice.forget(tcp(1));
        assert_eq!(ice.path(), Some(tcp(2)));
        ice.forget(tcp(2));
        assert_eq!((ice.path(), ice.verified().count()), (None, 0));
        assert_eq!(check(&mut ice, "us", 1, false, now + ms(20)), Check::Answered { moved: true });
    }

    #[test]
    fn wrong_password_is_refused() {
        let now = Instant::now();
        let mut ice = IceLite::new(credentials("us"), now);
        let datagram = stun::request([1; 12], "us:them", "another password, also long", true);
        assert_eq!(ice.handle_check(&BindingRequest::parse(&datagram).unwrap(), path(1), now), Check::Refused);
        assert_eq!(ice.path(), None);
    }

    #[test]
    fn one_source_gets_twenty_answers_a_second_and_a_transport_a_hundred() {
        let now = Instant::now();
        let mut ice = IceLite::new(credentials("us"), now);
        let answered = |ice: &mut IceLite, port, now| (0..50).filter(|_| check(ice, "us", port, false, now) != Check::Limited).count();
        assert_eq!(answered(&mut ice, 1, now), 20);
        assert_eq!((2..40).map(|port| answered(&mut ice, port, now)).sum::<usize>(), 80);
        assert_eq!(answered(&mut ice, 1, now + ms(1000)), 20);
        assert!(ice.verified().count() <= limits::PATHS);
    }
}
