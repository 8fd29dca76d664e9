//! What every handler may use: the doors to the store and the signaling, the services, the throttles. Refuses to hold a rule.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::documents::Uploads;
use super::load_test::LoadTest;
use super::pages::DemoLinks;
use crate::access::assurance::Assurance;
use crate::access::claims::{CitizenClaims, StaffClaims};
use crate::access::rounds::Spent;
use crate::access::throttle::{Allowance, LinkThrottle, SignInThrottle};
use crate::access::token::TokenHash;
use crate::config::{Network, Service};
use crate::limits;
use crate::notify::{House, Mailbox};
use crate::openid::Provider;
use crate::signaling::Signaling;
use crate::store::Store;
use crate::time::{Clock, Instant};

/// What a listener speaks: it decides the own origin and whether HSTS is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// HTTPS.
    Https,
    /// Plain HTTP on loopback.
    Http,
}

/// What the web server is told.
#[derive(Clone)]
pub struct SiteConfig {
    /// The services by key.
    pub services: BTreeMap<String, Service>,
    /// Appointments outside the slots, as many as are asked for: demo mode, where a newcomer's call works at night too.
    pub any_time: bool,
    /// What stands in links, without a slash at the end.
    pub base_url: String,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Load tests may run.
    pub load_allowed: bool,
    /// Requests that one key has a minute, where it has no number of its own.
    pub api_per_minute: u32,
    /// What calendar entries are made from.
    pub house: House,
    /// Who gives an address is sent mail.
    pub sends_mail: bool,
    /// Of the demo.
    pub mailbox: Option<Mailbox>,
    /// Who signs in, and where.
    pub sign_in: SignInRules,
}

/// Who signs in, and where.
#[derive(Clone)]
pub struct SignInRules {
    /// Where citizens do.
    pub citizens: Option<Arc<Provider>>,
    /// What it tells of them.
    pub citizen_claims: CitizenClaims,
    /// Who is less sure of is not let in.
    pub least: Assurance,
    /// Where the staff does, beside local accounts.
    pub staff: Option<Arc<Provider>>,
    /// What it tells of them.
    pub staff_claims: StaffClaims,
    /// Local accounts need a second factor.
    pub second_factor: bool,
}

/// The state of all handlers of one listener. Cheap to clone.
#[derive(Clone)]
pub struct Site {
    pub(super) scheme: Scheme,
    shared: Arc<Shared>,
}

/// What all listeners share.
pub struct Shared {
    pub(super) store: Store,
    pub(super) signaling: Arc<Signaling>,
    pub(super) clock: Clock,
    pub(super) config: SiteConfig,
    /// argon2 takes 64 MiB and a core: sign-ins must not eat the media cores (S5).
    pub(super) hashing: Arc<Semaphore>,
    pub(super) load_test: LoadTest,
    pub(super) uploads: Uploads,
    pub(super) started: Instant,
    sign_ins: Mutex<SignInThrottle>,
    links: Mutex<LinkThrottle>,
    allowances: Mutex<Allowances>,
    spent: Mutex<Spent>,
    portals: Mutex<Allowance<TokenHash>>,
    ready: AtomicBool,
    demo: RwLock<Option<DemoLinks>>,
}

/// What each origin may ask for without a key.
pub(super) struct Allowances {
    /// Public bookings tried.
    pub(super) tries: Allowance,
    /// Public bookings made.
    pub(super) bookings: Allowance,
    /// Calls back.
    pub(super) callbacks: Allowance,
    /// Rounds to a provider, begun or ended.
    pub(super) provider: Allowance,
}

impl Default for Allowances {
    fn default() -> Self {
        Self {
            tries: Allowance::new(limits::BOOKING_TRIES_PER_ORIGIN, limits::BOOKING_TRY_AGAIN),
            bookings: Allowance::new(limits::BOOKINGS_PER_ORIGIN, limits::BOOKING_AGAIN),
            callbacks: Allowance::new(limits::CALLBACKS_PER_ORIGIN, limits::CALLBACK_AGAIN),
            provider: Allowance::new(limits::PROVIDER_SIGN_INS_PER_ORIGIN, limits::PROVIDER_SIGN_IN_AGAIN),
        }
    }
}

impl Site {
    /// For HTTPS; not ready until told.
    pub fn new(store: Store, signaling: Arc<Signaling>, clock: Clock, config: SiteConfig) -> Self {
        let shared = Shared {
            store,
            signaling,
            clock,
            config,
            hashing: Arc::new(Semaphore::new(limits::PASSWORD_HASHES)),
            load_test: LoadTest::default(),
            uploads: Uploads::default(),
            started: Instant::now(),
            sign_ins: Mutex::default(),
            links: Mutex::default(),
            allowances: Mutex::default(),
            spent: Mutex::default(),
            portals: Mutex::new(Allowance::new(limits::API_PER_MINUTE, Duration::from_secs(60) / limits::API_PER_MINUTE)),
            ready: AtomicBool::new(false),
            demo: RwLock::default(),
        };
        Self { scheme: Scheme::Https, shared: Arc::new(shared) }
    }

    /// The same site on a listener of another scheme.
    pub fn on(&self, scheme: Scheme) -> Self {
        Self { scheme, shared: self.shared.clone() }
    }

    /// `/readyz` answers 200 from now on, or 503 again.
    pub fn set_ready(&self, ready: bool) {
        self.shared.ready.store(ready, Ordering::Release);
    }

    /// Shows these on the start page.
    pub fn show_demo(&self, links: DemoLinks) {
        *self.shared.demo.write().unwrap_or_else(PoisonError::into_inner) = Some(links);
    }

    pub(super) fn is_ready(&self) -> bool {
        self.shared.ready.load(Ordering::Acquire)
    }

    pub(super) fn demo(&self) -> Option<DemoLinks> {
        self.shared.demo.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn sign_ins(&self) -> MutexGuard<'_, SignInThrottle> {
        self.shared.sign_ins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn allowances(&self) -> MutexGuard<'_, Allowances> {
        self.shared.allowances.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn spent(&self) -> MutexGuard<'_, Spent> {
        self.shared.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn portals(&self) -> MutexGuard<'_, Allowance<TokenHash>> {
        self.shared.portals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn links(&self) -> MutexGuard<'_, LinkThrottle> {
        self.shared.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::ops::Deref for Site {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}
