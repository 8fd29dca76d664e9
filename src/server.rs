//! Starting and stopping: opens the store, the certificate, the media plane and the listeners in order, and ends them in the reverse one. Decides nothing.

pub mod addresses;
pub mod check;
mod erasure;
mod home;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub use self::home::home;
use crate::access::assurance::Assurance;
use crate::access::relay::RelaySecret;
use crate::agenda::phase::LinkRules;
use crate::config::Config;
use crate::config::secret::SecretError;
use crate::demo::{self, Demo, DemoError, Stage};
use crate::http::{Scheme, SignInRules, Site, SiteConfig, end_silent, router};
use crate::limits;
use crate::media::framed_door::FramedDoor;
use crate::media::plane::{MediaConfig, MediaError, MediaPlane};
use crate::media::tcp::prefer_short_queues;
use crate::notify::{self, House, Notify, NotifyError};
use crate::openid::{Provider, SetUpError};
use crate::relay::{self, Relay};
use crate::signaling::Signaling;
use crate::store::{Store, StoreError};
use crate::time::{Clock, Instant, Proven, Timestamp};
use crate::tls::{self, Acceptor, CertificateError, CertificateFiles, Gate, Guests, WebCertificate};

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be made.
    #[error("data directory {}: {source}", path.display())]
    DataDirectory {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store did not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address of the database is none. The settings say so first.
    #[error("database is no address of a PostgreSQL database")]
    DatabaseAddress,
    /// The password of the database cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// There is no certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The media plane did not start.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// A listener could not be bound.
    #[error("{address} cannot be listened on: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The demo could not be prepared.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// Mail or webhook cannot be used as they are configured.
    #[error(transparent)]
    Notify(#[from] NotifyError),
    /// A provider of identities cannot be used as it is configured.
    #[error(transparent)]
    SignIn(#[from] SetUpError),
    /// No listener is configured.
    #[error("there is nothing to listen on: set web.https or web.http")]
    NoListener,
}

/// A running server. Dropping it without `stop` ends it like a power cut, which is allowed.
pub struct Server {
    /// HTTPS listeners as bound.
    pub https: Vec<SocketAddr>,
    /// Plain HTTP listeners as bound.
    pub http: Vec<SocketAddr>,
    /// UDP port of each media worker.
    pub media_ports: Vec<u16>,
    /// What stands in links, without a slash at the end.
    pub base_url: String,
    /// `http://localhost:port`, when there is a plain listener.
    pub local_url: Option<String>,
    /// Of the certificate's public key, base64; empty without HTTPS.
    pub spki_sha256: String,
    /// The demo, in demo mode.
    pub demo: Option<Demo>,
    /// The store.
    pub store: Store,
    /// The clock that it runs by; tests move it.
    pub clock: Clock,
    /// The doors of the people.
    pub signaling: Arc<Signaling>,
    site: Site,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Server {
    /// Starts everything; ready (`/readyz`) when this returns.
    pub async fn start(config: Config, clock: Clock) -> Result<Self, StartError> {
        let config = if config.demo { demo::furnished(config) } else { config };
        make_directory(&config.data_directory)
            .map_err(|source| StartError::DataDirectory { path: config.data_directory.clone(), source })?;
        let listeners = Listeners::bind(&config)?;
        let store = Store::open(home(&config)?).await?;
        // What a load test left that did not come to its end.
        store.take_out_load().await?;
        // Only now is the directory ours: a second process must not remove what the first one told.
        demo::forget(&config.data_directory).map_err(|source| StartError::DataDirectory { path: config.data_directory.clone(), source })?;
        let machine = addresses::of_machine();
        let certificate = match listeners.https.is_empty() {
            true => None,
            false => Some(WebCertificate::load_or_make(&certificate_files(&config), &machine, clock.now())?),
        };
        for fault in certificate.iter().flat_map(|certificate| certificate.faults(public_host(&config), clock.now())) {
            tracing::warn!(fault, "the certificate will be refused or soon end");
        }
        let advertised = addresses::advertised(&config.media, &machine);
        let tcp = addresses::advertised_tcp(&config, &listeners.addresses(Scheme::Https), &machine);
        let reached_at = addresses::outward(&advertised);
        let media = MediaPlane::start_with(
            MediaConfig { advertised, tcp, port: config.media.port, workers: config.media.workers },
            config.media.dtls13,
        )?;
        let door = media.framed_door();
        let framed = config.media.tcp.then(|| framed(door.clone()));
        let media_ports = media.ports();
        let peers = reached_at.iter().flat_map(|address| media_ports.iter().map(|port| SocketAddr::new(*address, *port))).collect();
        let signaling = Signaling::new(store.clone(), media, clock.clone());
        let relayed = match config.media.relay && certificate.is_some() {
            true => Some(relayed(door, peers, &signaling, clock.clone())),
            false => None,
        };

        let (https, http) = (listeners.addresses(Scheme::Https), listeners.addresses(Scheme::Http));
        let local_url = http.first().map(|address| format!("http://localhost:{}", address.port()));
        let base_url =
            config.web.public_url.clone().or_else(|| https.first().map(|address| format!("https://localhost:{}", address.port())));
        let base_url = base_url.or_else(|| local_url.clone()).ok_or(StartError::NoListener)?;
        signaling.offer_links(base_url.clone());
        let notify = Notify::new(&config, &base_url)?;
        let (sends_mail, mailbox) = (notify.outlets().mail, notify.mailbox());
        let sending = notify.begin(&store, &clock).await?;
        let site_config = SiteConfig {
            services: config.services.clone(),
            any_time: config.demo,
            base_url: base_url.clone(),
            trusted_proxies: config.web.trusted_proxies.clone(),
            load_allowed: config.load_allowed,
            api_per_minute: config.api_per_minute,
            house: House::new(&config, &base_url),
            sends_mail,
            mailbox,
            sign_in: sign_in(&config, &base_url)?,
        };
        let site = Site::new(store.clone(), signaling.clone(), clock.clone(), site_config);

        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let spki_sha256 = certificate.as_ref().map_or_else(String::new, |certificate| certificate.spki_sha256.clone());
        let acceptor = certificate.map(|certificate| Acceptor::Tls(certificate.server, Guests { framed, relayed }));
        listeners.serve(acceptor, &site, &config, &stopped, &mut tasks);
        tasks.spawn(end_silent(site.clone(), stopped.clone()));
        tasks.spawn(notify::run(sending, stopped.clone()));
        tasks.spawn(end_stale_sign_ins(store.clone(), signaling.clone(), clock.clone(), stopped.clone()));
        tasks.spawn(erasure::run(store.clone(), signaling.clone(), clock.clone(), stopped.clone()));
        tasks.spawn(forget_in_time(store.clone(), signaling.clone(), clock.clone(), stopped.clone()));
        tracing::info!(https = https.len(), http = http.len(), workers = media_ports.len(), "started");
        let demo = match config.demo {
            false => None,
            true => Some(
                demo::start(Stage {
                    store: store.clone(),
                    signaling: signaling.clone(),
                    clock: clock.clone(),
                    site: site.clone(),
                    service: first_service(&config),
                    base_url: base_url.clone(),
                    local_url: local_url.clone(),
                    network_urls: network_urls(&https, &machine),
                    spki_sha256: spki_sha256.clone(),
                    data_directory: config.data_directory.clone(),
                    stopped,
                })
                .await?,
            ),
        };
        site.set_ready(true);
        Ok(Self { https, http, media_ports, base_url, local_url, spki_sha256, demo, store, clock, signaling, site, stop, tasks })
    }

    /// Ends: sockets are closed with 1001, requests under way are finished within `limits::WEB_STOP`, the WAL is folded in.
    pub async fn stop(mut self) {
        self.site.set_ready(false);
        self.stop.send_replace(true);
        let _ = timeout(limits::WEB_STOP, self.signaling.stop()).await;
        let _ = timeout(2 * limits::WEB_STOP, async { while self.tasks.join_next().await.is_some() {} }).await;
        self.tasks.abort_all();
        self.store.close().await;
        tracing::info!("stopped");
    }
}

/// Who signs in, and where. Asks no provider yet: it may be away when this server starts.
fn sign_in(config: &Config, base_url: &str) -> Result<SignInRules, SetUpError> {
    let provider = |settings, path: &str| Provider::new(settings, format!("{base_url}{path}")).map(|provider| provider.map(Arc::new));
    let citizens = provider(&config.citizens.provider, "/signed-in")?;
    if let Some((key, _)) = config.services.iter().find(|(_, service)| service.step_up.is_some() && citizens.is_none()) {
        return Err(SetUpError::StepUpWithoutProvider(key.clone()));
    }
    Ok(SignInRules {
        citizens,
        citizen_claims: config.citizens.claims.clone(),
        least: config.citizens.least.unwrap_or(Assurance::Low),
        staff: provider(&config.staff.provider, "/agent/signed-in")?,
        staff_claims: config.staff.claims.clone(),
        second_factor: config.second_factor,
    })
}

/// Connections that begin with a frame are media's.
fn framed(door: FramedDoor) -> tls::Framed {
    Arc::new(move |socket, peer, pass| {
        let door = door.clone();
        Box::pin(async move { door.take(socket, peer, Box::new(pass)).await })
    })
}

/// TURN inside TLS leads to the media plane. Its secret is new with each process, as is the media plane's certificate.
fn relayed(door: FramedDoor, peers: Vec<SocketAddr>, signaling: &Signaling, clock: Clock) -> tls::Relayed {
    let mut secret = [0; 32];
    if aws_lc_rs::rand::fill(&mut secret).is_err() {
        // No randomness, no secrets: nothing may go on with predictable ones.
        std::process::abort();
    }
    let secret = RelaySecret::new(&secret);
    signaling.offer_relay(secret.clone());
    let bring: relay::Bring = Arc::new(move |stream, remote, peer, first| door.bring(stream, remote, peer.ip(), first));
    let relay = Relay::new(secret, peers, bring, clock);
    Arc::new(move |stream, client, pass| {
        let relay = relay.clone();
        prefer_short_queues(SockRef::from(stream.get_ref().get_ref().0));
        Box::pin(async move {
            relay.serve(stream, client).await;
            drop(pass);
        })
    })
}

/// Bound, not yet served: a start that fails later has told nobody that it is there.
struct Listeners {
    https: Vec<(SocketAddr, TcpListener)>,
    http: Vec<(SocketAddr, TcpListener)>,
}

impl Listeners {
    fn bind(config: &Config) -> Result<Self, StartError> {
        Ok(Self { https: bind_all(&config.web.https)?, http: bind_all(&config.web.http)? })
    }

    fn addresses(&self, scheme: Scheme) -> Vec<SocketAddr> {
        let list = if scheme == Scheme::Https { &self.https } else { &self.http };
        list.iter().map(|(address, _)| *address).collect()
    }

    fn serve(self, tls: Option<Acceptor>, site: &Site, config: &Config, stopped: &watch::Receiver<bool>, tasks: &mut JoinSet<()>) {
        let proxies = config.web.trusted_proxies.clone();
        let gate = Gate::new(move |address| proxies.iter().any(|network| network.contains(address)));
        let secure = router(site.on(Scheme::Https));
        let plain = router(site.on(Scheme::Http));
        if let Some(acceptor) = tls {
            for (_, listener) in self.https {
                tasks.spawn(tls::serve(listener, acceptor.clone(), secure.clone(), gate.clone(), stopped.clone()));
            }
        }
        for (_, listener) in self.http {
            tasks.spawn(tls::serve(listener, Acceptor::Plain, plain.clone(), gate.clone(), stopped.clone()));
        }
    }
}

fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<(SocketAddr, TcpListener)>, StartError> {
    let mut bound = Vec::new();
    for address in addresses {
        // Tests ask for port 0 on both loopbacks: both must then have the same one, since `localhost` leads to either.
        let wanted = match bound.first() {
            Some((SocketAddr::V4(_) | SocketAddr::V6(_), _)) if address.port() == 0 => SocketAddr::new(address.ip(), first_port(&bound)),
            _ => *address,
        };
        match bind_web(wanted) {
            Ok(listener) => {
                let local = listener.local_addr().map_err(|source| StartError::Listen { address: wanted, source })?;
                bound.push((local, listener));
            }
            // A machine without IPv6 has no ::1; the other loopback serves `localhost` alone.
            Err(error) if address.ip().is_loopback() && address.is_ipv6() && !bound.is_empty() => {
                tracing::warn!(error = %error.kind(), "IPv6 loopback is not listened on");
            }
            Err(source) => return Err(StartError::Listen { address: wanted, source }),
        }
    }
    Ok(bound)
}

fn network_urls(https: &[SocketAddr], machine: &[IpAddr]) -> Vec<String> {
    let outside = machine.iter().filter(|address| !address.is_loopback());
    https
        .first()
        .map_or_else(Vec::new, |first| outside.map(|address| format!("https://{}", SocketAddr::new(*address, first.port()))).collect())
}

/// The demo books `advice`, or whatever service there is.
fn first_service(config: &Config) -> (String, LinkRules) {
    let first = config.services.get_key_value("advice").or_else(|| config.services.first_key_value());
    first.map(|(key, service)| (key.clone(), service.rules)).unwrap_or_default()
}

fn first_port(bound: &[(SocketAddr, TcpListener)]) -> u16 {
    bound.first().map_or(0, |(address, _)| address.port())
}

/// Binds a web listener; every address falls back to IPv4 where the machine has no IPv6.
fn bind_web(address: SocketAddr) -> std::io::Result<TcpListener> {
    match tls::bind(address) {
        Err(error) if address.is_ipv6() && address.ip().is_unspecified() && error.kind() != std::io::ErrorKind::AddrInUse => {
            tls::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port())).map_err(|_| error)
        }
        other => other,
    }
}

/// The host of `web.public_url`, without port.
fn public_host(config: &Config) -> Option<&str> {
    let authority = config.web.public_url.as_deref()?.strip_prefix("https://")?.split('/').next()?;
    let end = match authority.find(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    authority.get(..end)
}

fn certificate_files(config: &Config) -> CertificateFiles {
    CertificateFiles {
        directory: config.tls.directory.clone(),
        certificate: config.tls.certificate.clone(),
        private_key: config.tls.private_key.clone(),
    }
}

/// Makes the data directory where there is none: nobody but the server's account reads what is in it.
pub fn make_directory(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// What public booking and calls back keep goes within a minute of its time.
async fn forget_in_time(store: Store, signaling: Arc<Signaling>, clock: Clock, mut stopped: watch::Receiver<bool>) {
    let system = || Timestamp(clock.now().0 - clock.shifted());
    let mut proven = Proven::new(system(), Instant::now());
    let mut every = tokio::time::interval(Duration::from_secs(60));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let now = Timestamp(proven.look(system(), Instant::now()).0 + clock.shifted());
        let erased = async {
            store.forget_public_bookings(now).await?;
            store.forget_people(now).await?;
            store.forget_api_requests(now).await?;
            store.erase_callbacks(now).await
        };
        match erased.await {
            Ok(0) => {}
            Ok(_) => signaling.agenda_changed(),
            Err(error) => tracing::error!(%error, "what had its time could not be erased"),
        }
    }
}

/// Agents whose cookie ended are signed out within a second, the sockets that it opened included (trust.md S9).
async fn end_stale_sign_ins(store: Store, signaling: Arc<Signaling>, clock: Clock, mut stopped: watch::Receiver<bool>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let ended = async {
            store.catch_up().await?;
            store.expire_agent_sign_ins(&signaling.sign_ins_at_work(), clock.now()).await?;
            // Whatever ended them: time, or a new password by the command line beside this process.
            store.ended_of(signaling.sign_ins()).await
        };
        match ended.await {
            Ok(ended) => signaling.sign_ins_ended(&ended),
            Err(error) => tracing::error!(%error, "stale sign-ins could not be ended"),
        }
    }
}
