//! Demo mode: an account, a key and an appointment that is open at any hour, told to scripts in `demo.json` and to people on the terminal.
//! New at each start; never on a server that real people use. Its services are booked in public, so that a newcomer sees the booking page.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde::Serialize;
use tokio::sync::watch;

use crate::access::password;
use crate::access::role::Role;
use crate::access::token::Token;
use crate::agenda::phase::{LinkRules, Phase, Slot};
use crate::config::{Config, Sources};
use crate::http::{DemoLinks, Site};
use crate::ids::AppointmentId;
use crate::signaling::Signaling;
use crate::store::{Appointment, Details, NewAgent, NewAppointment, Store, StoreError, Who};
use crate::time::{Clock, Timestamp};

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// `demo.json` could not be written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Password or randomness.
    #[error("the demo account could not be made")]
    Account,
}

/// `demo.json`. Absolute URLs. Has no `Debug`: it holds a password and a key.
#[derive(Clone, Serialize)]
pub struct DemoData {
    /// HTTPS.
    pub base_url: String,
    /// `http://localhost:port`, for this computer alone.
    pub local_url: String,
    /// Where citizens book.
    pub booking_url: String,
    /// Who comes.
    pub citizen: DemoCitizen,
    /// Who calls.
    pub agent: DemoAgent,
    /// Who books.
    pub api: DemoApi,
    /// Where mails are shown that would have been sent; as JSON with `.json` behind it.
    pub mailbox_url: String,
    /// base64 SHA-256 of the certificate's public key.
    pub spki_sha256: String,
}

/// The demo citizen.
#[derive(Clone, Serialize)]
pub struct DemoCitizen {
    /// Their name.
    pub name: String,
    /// The join link.
    pub join_url: String,
}

/// The demo agent.
#[derive(Clone, Serialize)]
pub struct DemoAgent {
    /// Their name.
    pub name: String,
    /// The desk.
    pub url: String,
    /// Of the local account.
    pub username: String,
    /// Of the local account.
    pub password: String,
}

/// The demo portal.
#[derive(Clone, Serialize)]
pub struct DemoApi {
    /// Ends in `/api/v1`.
    pub url: String,
    /// The Bearer key.
    pub key: String,
}

/// Removes what an earlier start told, so that no script reads old data.
pub fn forget(data_directory: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(file(data_directory)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The settings of a demo: every service is booked in public, with agents enough that the demo's own appointment takes no place from the others;
/// a service without topics of its own has those of the national health fund.
pub fn furnished(mut config: Config) -> Config {
    let first = Config::default().services.into_values().next().unwrap_or_default().topics;
    let file = Some((PathBuf::from("src/demo/topics.toml"), String::from(include_str!("demo/topics.toml"))));
    // The file is part of this program; a test reads it.
    let shown = Sources { file, ..Sources::default() }.read().unwrap_or_default().services.into_values().next().unwrap_or_default().topics;
    // Its one account stands on the start page: a second factor would keep newcomers out and nobody else.
    config.second_factor = false;
    for service in config.services.values_mut() {
        service.public_booking = true;
        service.agents_on_duty = service.agents_on_duty.max(AGENTS);
        if service.topics == first {
            service.topics.clone_from(&shown);
        }
    }
    config
}

/// What the demo is shown on: the parts of a running server.
pub struct Stage {
    /// Where the demo's account, key and appointments are.
    pub store: Store,
    /// Whose desks must hear of a new appointment.
    pub signaling: Arc<Signaling>,
    /// The server's clock.
    pub clock: Clock,
    /// Whose start page shows the links, and which becomes ready.
    pub site: Site,
    /// Key and rules of the service that is booked.
    pub service: (String, LinkRules),
    /// What stands in links.
    pub base_url: String,
    /// `http://localhost:port`, when there is a plain listener.
    pub local_url: Option<String>,
    /// HTTPS by the machine's other addresses: for phones in the same network.
    pub network_urls: Vec<String>,
    /// Of the certificate's public key.
    pub spki_sha256: String,
    /// Where `demo.json` is written.
    pub data_directory: PathBuf,
    /// Turns true when the server stops.
    pub stopped: watch::Receiver<bool>,
}

/// Makes the demo data, declares the server ready, writes `demo.json` and keeps the appointment open until the server stops.
pub async fn start(stage: Stage) -> Result<Demo, DemoError> {
    let password = readable_password()?;
    make_account(&stage, password.clone()).await?;
    let key = Token::new(random()?);
    stage.store.put_api_key("demo", key.hash(), stage.clock.now()).await?;
    clear_old_appointments(&stage).await?;
    let (appointment, token) = book(&stage).await?;
    let base_url = stage.base_url.clone();
    let data = DemoData {
        local_url: stage.local_url.clone().unwrap_or_else(|| base_url.clone()),
        citizen: DemoCitizen { name: appointment.name.clone(), join_url: format!("{base_url}/j#{}", token.text()) },
        booking_url: format!("{base_url}/book"),
        agent: DemoAgent { name: AGENT_NAME.into(), url: format!("{base_url}/agent"), username: USERNAME.into(), password },
        api: DemoApi { url: format!("{base_url}/api/v1"), key: key.text() },
        mailbox_url: format!("{base_url}/demo/mailbox"),
        spki_sha256: stage.spki_sha256.clone(),
        base_url,
    };
    publish(&stage.site, &data);
    stage.site.set_ready(true);
    write(&stage.data_directory, &data)?;
    let poster = poster(&stage, &data);
    tokio::spawn(Keeper { data: data.clone(), appointment: appointment.id, stage }.run());
    Ok(Demo { data, poster })
}

/// A demo that runs.
#[derive(Clone)]
pub struct Demo {
    /// What scripts read.
    pub data: DemoData,
    /// What people read.
    pub poster: String,
}

/// What people read on the terminal: who can do what, with links, and a QR code for a phone in the same network.
fn poster(stage: &Stage, data: &DemoData) -> String {
    let token = data.citizen.join_url.split_once('#').map_or("", |(_, token)| token);
    let mut text =
        format!("\nVisavis demo is ready.\n\n  {} (citizen) and {} (agent) talk to each other.\n", data.citizen.name, data.agent.name);
    let mut place = |title: &str, base: &str| {
        text.push_str(&format!(
            "\n  {title}\n    citizen  {base}/j#{token}\n    booking  {base}/book\n    agent    {base}/agent    user name {}    password {}\n",
            data.agent.username, data.agent.password
        ));
    };
    if stage.local_url.is_some() {
        place("On this computer, without a certificate warning:", &data.local_url);
    }
    if data.base_url != data.local_url {
        place("By https (the browser warns once about the development certificate):", &data.base_url);
    }
    for (i, base) in stage.network_urls.iter().take(3).enumerate() {
        place(if i == 0 { "From other devices in the same network:" } else { "or" }, base);
    }
    text.push_str(&format!("\n  Portals book with\n    POST {}/appointments    Authorization: Bearer {}\n", data.api.url, data.api.key));
    let is_reachable = !data.base_url.contains("//localhost");
    let phone = Some(&data.base_url).filter(|_| is_reachable).or(stage.network_urls.first());
    if let Some(code) = phone.and_then(|base| QrCode::new(format!("{base}/j#{token}")).ok()) {
        let code = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
        text.push_str(&format!("\n  The citizen's link for a phone in the same network:\n\n{code}\n"));
    }
    text.push_str(&format!("\n  All of this is also in {}. Ctrl-C stops.\n\n", file(&stage.data_directory).display()));
    text
}

/// One is busy with the demo's own appointment.
const AGENTS: u16 = 3;
const USERNAME: &str = "anna";
const AGENT_NAME: &str = "Anna Agent";
const CITIZEN_NAME: &str = "Clara Citizen";
/// Long enough that nobody meets the end; short enough that a day's desk shows it.
const WINDOW: Duration = Duration::from_secs(8 * 60 * 60);
const LEFT_MIN: Duration = Duration::from_secs(60 * 60);
const LOOK_EVERY: Duration = Duration::from_secs(2);
const REMEMBERED: &str = "demo_appointments";

async fn make_account(stage: &Stage, password: String) -> Result<(), DemoError> {
    let mut salt = [0; 16];
    rand::fill(&mut salt).map_err(|_| DemoError::Account)?;
    let hashed = tokio::task::spawn_blocking(move || password::hash(&password, salt)).await.map_err(|_| DemoError::Account)?;
    let password_hash = hashed.map_err(|_| DemoError::Account)?;
    let agent =
        NewAgent { username: USERNAME.into(), display_name: AGENT_NAME.into(), language: "en".into(), password_hash, role: Role::Agent };
    stage.store.put_agent(agent, stage.clock.now()).await?;
    Ok(())
}

async fn book(stage: &Stage) -> Result<(Appointment, Token), DemoError> {
    let now = stage.clock.now();
    let (service, rules) = stage.service.clone();
    let (name, language, details) = (CITIZEN_NAME.into(), "en".into(), Details::default());
    let new = NewAppointment { service, name, language, details, slot: window(now), rules };
    let (appointment, token) = stage.store.book(new, now).await?;
    let mut remembered = remembered(&stage.store).await?;
    remembered.push(appointment.id);
    remember(&stage.store, &remembered).await?;
    stage.signaling.agenda_changed();
    Ok((appointment, token))
}

fn window(now: Timestamp) -> Slot {
    let minute = Timestamp(now.0 - now.0.rem_euclid(60_000));
    Slot { start: minute, end: minute.after(WINDOW) }
}

/// Earlier demo appointments would fill the desk with namesakes. One in which somebody is stays: a restart must not cut a call.
async fn clear_old_appointments(stage: &Stage) -> Result<(), StoreError> {
    let (store, now) = (&stage.store, stage.clock.now());
    let mut kept = Vec::new();
    for id in remembered(store).await? {
        match store.appointment(id).await? {
            Some(appointment) if appointment.record.is_running() && appointment.end > now => kept.push(id),
            Some(_) => {
                store.erase(id, Who::Service, now).await?;
                stage.signaling.link_ended(id);
            }
            None => {}
        }
    }
    remember(store, &kept).await
}

async fn remembered(store: &Store) -> Result<Vec<AppointmentId>, StoreError> {
    let bytes = store.meta(REMEMBERED).await?.unwrap_or_default();
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn remember(store: &Store, ids: &[AppointmentId]) -> Result<(), StoreError> {
    let bytes = serde_json::to_vec(ids).unwrap_or_default();
    store.set_meta(REMEMBERED, &bytes).await
}

/// Keeps the demo appointment open: a new window before the old one ends, a new appointment once it was closed.
struct Keeper {
    data: DemoData,
    appointment: AppointmentId,
    stage: Stage,
}

impl Keeper {
    async fn run(mut self) {
        let mut stopped = self.stage.stopped.clone();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "the demo appointment could not be kept open");
            }
        }
    }

    async fn look(&mut self) -> Result<(), DemoError> {
        let now = self.stage.clock.now();
        let Some(appointment) = self.stage.store.appointment(self.appointment).await? else { return self.renew().await };
        let phase = appointment.record.link_phase(appointment.slot(), appointment.rules, now);
        if matches!(phase, Phase::Over | Phase::Documents | Phase::Erased | Phase::Missed | Phase::Late) {
            return self.renew().await;
        }
        if appointment.end < now.after(LEFT_MIN) {
            self.stage.store.reschedule(&appointment, window(now), None, Who::Service, now).await?;
            self.stage.signaling.agenda_changed();
        }
        Ok(())
    }

    async fn renew(&mut self) -> Result<(), DemoError> {
        let (appointment, token) = book(&self.stage).await?;
        self.appointment = appointment.id;
        self.data.citizen.join_url = format!("{}/j#{}", self.data.base_url, token.text());
        publish(&self.stage.site, &self.data);
        write(&self.stage.data_directory, &self.data)?;
        tracing::info!(reference = %appointment.reference, "the demo appointment was closed: the start page and demo.json have a new link");
        Ok(())
    }
}

fn publish(site: &Site, data: &DemoData) {
    let join_path = data.citizen.join_url.strip_prefix(&data.base_url).unwrap_or_default().to_owned();
    site.show_demo(DemoLinks {
        citizen: data.citizen.name.clone(),
        join_path,
        username: data.agent.username.clone(),
        password: data.agent.password.clone(),
    });
}

fn file(directory: &Path) -> PathBuf {
    directory.join("demo.json")
}

/// Whole or not at all: scripts wait for the file and read it at once.
fn write(directory: &Path, data: &DemoData) -> Result<(), DemoError> {
    let path = file(directory);
    let failed = |source| DemoError::File { path: path.clone(), source };
    let beside = path.with_extension("json.new");
    let mut text = serde_json::to_vec_pretty(data).unwrap_or_default();
    text.push(b'\n');
    let mut open = std::fs::OpenOptions::new();
    let mut new = open.write(true).create(true).truncate(true).mode(0o600).open(&beside).map_err(failed)?;
    new.write_all(&text).and_then(|()| new.sync_all()).map_err(failed)?;
    std::fs::rename(&beside, &path).map_err(failed)
}

fn random() -> Result<[u8; 32], DemoError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| DemoError::Account)?;
    Ok(bytes)
}

/// Twenty letters in groups, 96 bits, easy to type on a phone.
fn readable_password() -> Result<String, DemoError> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let letters: String = random()?.iter().take(20).map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    Ok(letters.as_bytes().chunks(5).map(|group| String::from_utf8_lossy(group).into_owned()).collect::<Vec<_>>().join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agenda::topic::{NotBookable, bookable};

    #[test]
    fn the_demo_has_the_topics_of_the_health_fund_and_says_everything_about_them() {
        let config = furnished(Config::default());
        let advice = &config.services["advice"];
        assert!(advice.public_booking && advice.agents_on_duty >= 2);
        assert_eq!(advice.topics.keys().collect::<Vec<_>>(), ["care", "cheques", "information"]);
        assert!(bookable(&advice.topics, "care").is_ok());
        assert_eq!(bookable(&advice.topics, "cheques"), Err(NotBookable::NotByVideo));
        for topic in advice.topics.values() {
            assert_eq!((topic.unsaid(), topic.names.len()), (None, 4), "{}", topic.name("en"));
        }
    }

    #[test]
    fn topics_that_the_operator_wrote_stay() {
        let text = String::from("[services.tax.topics.refund]\nname_en = \"Refund\"\n");
        let config = Sources { file: Some((PathBuf::from("x"), text)), ..Sources::default() }.read().unwrap();
        assert_eq!(furnished(config).services["tax"].topics.keys().collect::<Vec<_>>(), ["refund"]);
    }
}
