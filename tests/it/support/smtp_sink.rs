//! A real mail server in a process of its own, and what other programs read in the mails that it took (`smtp_sink.py`, `read_mail.py`).

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Debian's own: the packages that the scripts need are made for it.
const PYTHON: &str = "/usr/bin/python3";

/// How long a mail may take on a busy machine.
pub const MAIL_PATIENCE: Duration = Duration::from_secs(30);

/// Listens on loopback from `start` to `stop`; what it took stays until it is dropped.
pub struct SmtpSink {
    pub port: u16,
    directory: TempDir,
    process: Option<Child>,
    options: Vec<String>,
}

impl SmtpSink {
    /// Plain SMTP.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// `[certificate, key, "starttls" or "tls", user, password]`, from the front as many as are wanted.
    pub fn start_with(options: &[&str]) -> Self {
        let options = options.iter().map(ToString::to_string).collect();
        let mut sink = Self { port: 0, directory: tempfile::tempdir().unwrap(), process: None, options };
        sink.come_back();
        sink
    }

    /// Nobody listens any more.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Listens again, on the same port as before.
    pub fn come_back(&mut self) {
        let path = self.directory.path();
        let _ = std::fs::remove_file(path.join("port"));
        let script = support("smtp_sink.py");
        let mut command = Command::new(PYTHON);
        command.arg(script).arg(path).arg(self.port.to_string()).args(&self.options).stdin(Stdio::null()).stdout(Stdio::null());
        self.process = Some(command.spawn().unwrap());
        let began = Instant::now();
        self.port = loop {
            if let Ok(port) = std::fs::read_to_string(path.join("port")) {
                break port.parse().unwrap();
            }
            assert!(began.elapsed() < MAIL_PATIENCE, "the sink does not start: are python3-aiosmtpd and python3-icalendar there?");
            std::thread::sleep(Duration::from_millis(20));
        };
    }

    /// Every mail is answered so at its end, such as `451 not now`; none: taken.
    pub fn answer(&self, answer: Option<&str>) {
        let path = self.directory.path().join("answer");
        match answer {
            Some(answer) => {
                std::fs::write(path.with_extension("new"), answer).unwrap();
                std::fs::rename(path.with_extension("new"), path).unwrap();
            }
            None => drop(std::fs::remove_file(path)),
        }
    }

    /// How many mails it took.
    pub fn count(&self) -> usize {
        self.files().len()
    }

    /// Waits for that many mails, then a moment longer for one too many, and reads them all.
    pub async fn mails(&self, count: usize) -> Vec<Value> {
        let began = Instant::now();
        while self.count() < count {
            assert!(began.elapsed() < MAIL_PATIENCE, "{} of {count} mails came", self.count());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let read = read(&self.files());
        assert_eq!(read.len(), count, "{:?}", read.iter().map(|mail| mail["subject"].clone()).collect::<Vec<_>>());
        read
    }

    /// All that came, whatever their number.
    pub fn all(&self) -> Vec<Value> {
        read(&self.files())
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|ending| ending == "eml")).collect();
        files.sort();
        files
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What other programs see in these mails (`.eml`) and calendars (`.ics`).
pub fn read(files: &[PathBuf]) -> Vec<Value> {
    if files.is_empty() {
        return Vec::new();
    }
    let output = Command::new(PYTHON).arg(support("read_mail.py")).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn support(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support").join(file)
}
