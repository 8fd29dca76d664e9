//! The courier: a process of its own for each mail, so that a server that is killed in the middle leaves nobody wondering what became of it. The courier ends
//! what it began and writes the id of a mail that was taken into a file; the next server waits for it before it sends anything. Knows no appointment.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use super::mailer::{Delivery, Mailer, UNREACHABLE};
use crate::config::MailSecurity;
use crate::limits;

/// Where couriers come from, and where they write.
pub(super) struct Couriers {
    program: PathBuf,
    taken: PathBuf,
}

/// Everything that a courier needs; comes by its standard input. Has no `Debug`: it holds a mail and perhaps a password.
#[derive(Serialize, Deserialize)]
pub(super) struct Parcel {
    pub(super) id: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: MailSecurity,
    pub(super) sign_in: Option<(String, String)>,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) message: String,
}

/// Each outcome and the exit status that says it; any other one is a courier that failed.
const OUTCOMES: [(u8, Delivery); 6] = [
    (0, Delivery::Taken),
    (20, Delivery::Unreachable(UNREACHABLE)),
    (21, Delivery::Never("refused")),
    (22, Delivery::Never("address")),
    (23, Delivery::Later("not_now")),
    (24, Delivery::Later("sender")),
];

impl Couriers {
    /// `program` is this binary; couriers write beside the database.
    pub(super) fn new(program: PathBuf, directory: &Path) -> Self {
        Self { program, taken: directory.join("outbox.taken") }
    }

    /// Sends a courier and waits for it.
    pub(super) async fn carry(&self, parcel: &Parcel) -> Delivery {
        match self.send_one(parcel).await {
            Ok(status) => OUTCOMES.iter().find(|(code, _)| Some(i32::from(*code)) == status).map_or(FAILED, |(_, outcome)| *outcome),
            Err(error) => {
                tracing::error!(error = %error.kind(), "no courier can be sent");
                FAILED
            }
        }
    }

    async fn send_one(&self, parcel: &Parcel) -> std::io::Result<Option<i32>> {
        // The lock belongs to the open file, and the courier inherits that: there is no moment in which nobody holds it.
        let taken = self.open()?;
        taken.lock_shared()?;
        let mut courier =
            Command::new(&self.program).arg("courier").stdin(Stdio::piped()).stdout(Stdio::from(taken)).stderr(Stdio::null()).spawn()?;
        if let Some(mut input) = courier.stdin.take() {
            input.write_all(&serde_json::to_vec(parcel)?).await?;
        }
        Ok(courier.wait().await?.code())
    }

    /// The ids of mails that couriers of an earlier process saw taken. Waits for those that are still on their way.
    pub(super) async fn left(&self) -> std::io::Result<Vec<String>> {
        let mut taken = self.open()?;
        while let Err(error) = taken.try_lock() {
            match error {
                std::fs::TryLockError::WouldBlock => tokio::time::sleep(Duration::from_millis(20)).await,
                std::fs::TryLockError::Error(error) => return Err(error),
            }
        }
        let mut text = String::new();
        (&mut taken).take(limits::HANDED_BYTES).read_to_string(&mut text)?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// What couriers have written is in the database now; none is under way.
    pub(super) fn settled(&self) -> std::io::Result<()> {
        self.open()?.set_len(0)
    }

    fn open(&self) -> std::io::Result<File> {
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.taken)
    }
}

const FAILED: Delivery = Delivery::Unreachable(UNREACHABLE);

/// `visavis courier`: takes one parcel, and says by the exit status what became of it. Lets nobody end it before that but by force.
pub async fn run() -> ExitCode {
    let _deaf = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()));
    let mut text = Vec::new();
    let read = std::io::stdin().lock().take(limits::PARCEL_BYTES).read_to_end(&mut text);
    // A parcel that ends in the middle: the server was killed before it had handed over all of it.
    let parcel: Option<Parcel> = read.ok().and_then(|_| serde_json::from_slice(&text).ok());
    let outcome = match parcel.and_then(|parcel| Some((Mailer::of(&parcel)?, parcel))) {
        Some((mailer, parcel)) => {
            let outcome = mailer.deliver(&parcel.from, &parcel.to, parcel.message.as_bytes()).await;
            if outcome == Delivery::Taken {
                let mut taken = std::io::stdout().lock();
                let _ = taken.write_all(format!("{}\n", parcel.id).as_bytes()).and_then(|()| taken.flush());
            }
            outcome
        }
        None => FAILED,
    };
    ExitCode::from(OUTCOMES.iter().find(|(_, known)| *known == outcome).map_or(1, |(code, _)| *code))
}
