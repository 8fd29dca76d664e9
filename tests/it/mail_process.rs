//! The product's own binary and a mail server: kill -9 while people book, secured lines, what `visavis check` says.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use visavis::access::token::Token;
use visavis::load::http_client::{Base, request};
use visavis::store::Store;
use visavis::time::{Clock, Timestamp};

use crate::database::home;
use crate::support::smtp_sink::{MAIL_PATIENCE, SmtpSink};

/// The product's own binary on one data directory, started again and again; never a demo.
struct Process {
    child: Child,
    base: Base,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Process {
    /// Another test may take a port that was free a moment ago: then once more, on others.
    async fn start(data: &Path, options: &[String], environment: &[(&str, PathBuf)]) -> Self {
        for _ in 0..2 {
            if let Some(process) = Self::try_start(data, options, environment).await {
                return process;
            }
        }
        Self::try_start(data, options, environment).await.expect("it ended, three times")
    }

    async fn try_start(data: &Path, options: &[String], environment: &[(&str, PathBuf)]) -> Option<Self> {
        let (http, media) = (free_port(), std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let mut child = Command::new(env!("CARGO_BIN_EXE_visavis"))
            .current_dir(data)
            .args(["--web.https=", "--media.addresses=127.0.0.1", "--mail.from=Video advice <video@service.example>", "--log.level=warn"])
            .arg(format!("--web.http=127.0.0.1:{http}"))
            .arg(format!("--media.port={media}"))
            .arg(format!("--data.directory={}", data.display()))
            .arg(crate::database::argument(data))
            .args(["--set=services.advice.opening_hours=mon-sun 00:00-24:00", "--set=services.advice.agents_on_duty=999"])
            .args(options)
            .env_clear()
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let base = Base::plain(format!("127.0.0.1:{http}"));
        let began = Instant::now();
        while !request(&base, "GET", "/readyz", &[], None).await.is_ok_and(|answer| answer.status == 200) {
            if child.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(began.elapsed() < MAIL_PATIENCE, "it does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(Self { child, base })
    }

    /// The reference, when the booking was confirmed.
    async fn book(&self, key: &str, number: usize) -> Option<String> {
        let now = Clock::default().now();
        let day = 24 * 60 * 60_000;
        // A whole slot of the day after tomorrow.
        let start = Timestamp((now.0 / day + 2) * day + i64::try_from(number % 30).unwrap() * 20 * 60_000);
        let end = start.after(Duration::from_secs(1200));
        let body = json!({"service": "advice", "start": start.rfc3339(), "end": end.rfc3339(), "name": "Clara", "language": "en",
                          "email": format!("clara-{number}@citizen.example")});
        let answer = request(&self.base, "POST", "/api/v1/appointments", &[("Authorization", key)], Some(&body)).await.ok()?;
        assert!(answer.status == 201, "{}", answer.json());
        answer.json()["reference"].as_str().map(str::to_owned)
    }
}

async fn portal(data: &Path) -> String {
    std::fs::create_dir_all(data).unwrap();
    let (store, key) = (Store::open(home(data)).await.unwrap(), Token::new([7; 32]));
    store.put_api_key("portal", key.hash(), Timestamp(0)).await.unwrap();
    store.close().await;
    format!("Bearer {}", key.text())
}

/// `VISAVIS_KILLS=100` is the long form, `VISAVIS_KILL_MS` the longest life of a process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirmed_booking_leaves_exactly_one_mail_after_kill_nine() {
    let kills: usize = std::env::var("VISAVIS_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(30);
    let longest: u64 = std::env::var("VISAVIS_KILL_MS").ok().and_then(|text| text.parse().ok()).unwrap_or(400);
    let sink = SmtpSink::start();
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let key = portal(&data).await;
    let options = [format!("--mail.server=127.0.0.1:{}", sink.port), String::from("--mail.security=none")];
    let mut confirmed: HashMap<String, String> = HashMap::new();
    let (mut number, mut random) = (0, 0x2545_F491_4F6C_DD1D_u64);
    for _ in 0..kills {
        let mut process = Process::start(&data, &options, &[]).await;
        random = crate::support::rig::next(random);
        let life = Duration::from_millis(random % longest);
        let killed = async {
            tokio::time::sleep(life).await;
            process.child.kill().unwrap();
            process.child.wait().unwrap();
        };
        // Two people at once, one booking after the other, until nobody answers.
        let base = process.base.clone();
        let booking = async |first: usize| {
            let mut said = Vec::new();
            for at in (first..).step_by(2) {
                let of = Process { child: Command::new("true").spawn().unwrap(), base: base.clone() };
                match of.book(&key, at).await {
                    Some(reference) => said.push((format!("clara-{at}@citizen.example"), reference)),
                    None => return (at + 2, said),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            unreachable!("the numbers do not end")
        };
        let (one, two, ()) = tokio::join!(booking(number), booking(number + 1), killed);
        number = one.0.max(two.0) + 2;
        confirmed.extend(one.1.into_iter().chain(two.1));
    }
    let process = Process::start(&data, &options, &[]).await;
    // Until nothing comes any more.
    let (began, mut last) = (Instant::now(), (0, Instant::now()));
    while last.1.elapsed() < Duration::from_secs(5) || last.0 < confirmed.len() {
        assert!(began.elapsed() < 20 * MAIL_PATIENCE, "{} mails of {} bookings", sink.count(), confirmed.len());
        tokio::time::sleep(Duration::from_millis(100)).await;
        if sink.count() != last.0 {
            last = (sink.count(), Instant::now());
        }
    }
    let mails: Vec<Value> = sink.all();
    let told: std::collections::HashSet<_> = mails.iter().map(|mail| mail["to"][0][1].as_str().unwrap()).collect();
    let missing: Vec<_> = confirmed.iter().filter(|(address, _)| !told.contains(address.as_str())).collect();
    assert!(missing.is_empty(), "{} bookings were confirmed without a mail: {missing:?}", missing.len());
    for reference in confirmed.values() {
        let path = format!("/api/v1/appointments/{reference}");
        let shown = request(&process.base, "GET", &path, &[("Authorization", &key)], None).await.unwrap();
        assert_eq!(shown.status, 200, "{reference} was confirmed and is gone");
    }
    // One mail for one booking, and what came twice came under one id: who gets it can tell.
    let mut ids: HashMap<&str, usize> = HashMap::new();
    let mut of_address: HashMap<&str, std::collections::HashSet<&str>> = HashMap::new();
    for mail in &mails {
        let (id, address) = (mail["message_id"].as_str().unwrap(), mail["to"][0][1].as_str().unwrap());
        *ids.entry(id).or_default() += 1;
        of_address.entry(address).or_default().insert(id);
    }
    assert!(of_address.values().all(|ids| ids.len() == 1), "two mails for one booking");
    let twice = mails.len() - ids.len();
    println!("{kills} kills, {} bookings confirmed, {} mails, {twice} of them a second time", confirmed.len(), mails.len());
    assert!(confirmed.len() >= kills, "too few bookings to mean anything");
    assert!(twice * 1000 <= mails.len().max(1000), "{twice} of {} came twice", mails.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_books_where_no_mail_is_sent_is_told_so_and_nobody_reads_mails_there() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let key = portal(&data).await;
    let process = Process::start(&data, &[], &[]).await;
    let reference = process.book(&key, 1).await.unwrap();
    let path = format!("/api/v1/appointments/{reference}");
    let shown = request(&process.base, "GET", &path, &[("Authorization", &key)], None).await.unwrap().json();
    assert_eq!(shown["messages"], json!([]));
    let rotated = request(&process.base, "POST", &format!("{path}/rotate"), &[("Authorization", &key)], None).await.unwrap().json();
    assert_eq!(rotated["mail"], false);
    for path in ["/demo/mailbox", "/demo/mailbox.json"] {
        assert_eq!(request(&process.base, "GET", path, &[], None).await.unwrap().status, 404);
    }
}

fn certificate(directory: &Path) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
    let (certificate, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_leave_by_starttls_or_tls_with_a_sign_in_and_never_to_a_server_with_an_unknown_certificate() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let (trusted, key_file) = certificate(directory.path());
    let secret = directory.path().join("password");
    std::fs::write(&secret, "correct horse battery\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o400)).unwrap();
    for (number, security) in ["starttls", "tls"].into_iter().enumerate() {
        let file = |path: &Path| path.to_str().unwrap().to_owned();
        let sink = SmtpSink::start_with(&[&file(&trusted), &file(&key_file), security, "mailer", "correct horse battery"]);
        let data = directory.path().join(format!("data-{number}"));
        let key = portal(&data).await;
        let options = [
            format!("--mail.server=localhost:{}", sink.port),
            format!("--mail.security={security}"),
            String::from("--mail.username=mailer"),
            format!("--mail.password_file={}", secret.display()),
        ];
        {
            // Nobody here knows the sink's certificate.
            let process = Process::start(&data, &options, &[]).await;
            let reference = process.book(&key, number).await.unwrap();
            let path = format!("/api/v1/appointments/{reference}");
            let began = Instant::now();
            loop {
                let shown = request(&process.base, "GET", &path, &[("Authorization", &key)], None).await.unwrap().json();
                if shown["messages"][0]["fault"] == "unreachable" {
                    break;
                }
                assert!(began.elapsed() < MAIL_PATIENCE, "{shown}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert_eq!(sink.count(), 0);
        }
        let process = Process::start(&data, &options, &[("SSL_CERT_FILE", trusted.clone())]).await;
        process.book(&key, number + 10).await.unwrap();
        let began = Instant::now();
        while sink.count() == 0 {
            assert!(began.elapsed() < MAIL_PATIENCE, "{security}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(sink.all()[0]["secure"], "True", "{security}");
    }
}

/// Exit status and what it said.
fn check(directory: &Path, options: &[&str], environment: &[(&str, PathBuf)]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_visavis"))
        .current_dir(directory)
        .args(["check", "--web.https="])
        .arg(format!("--web.http=127.0.0.1:{}", free_port()))
        .arg(format!("--media.port={}", std::net::UdpSocket::bind("[::]:0").unwrap().local_addr().unwrap().port()))
        .args(options)
        .env_clear()
        .envs(environment.iter().cloned())
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn check_says_plainly_what_is_wrong_with_mail_and_webhook_and_whether_they_answer() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (good, said) = check(at, &[], &[]);
    assert!(good && said.contains("doubt  mail.server is not set: citizens get no mail"), "{said}");

    let (good, said) = check(at, &["--mail.server=127.0.0.1:9"], &[]);
    assert!(!good && said.contains("WRONG  mail.server is set and mail.from is not"), "{said}");
    let sender = "--mail.from=video@service.example";
    let (good, said) = check(at, &["--mail.server=127.0.0.1:9", sender, "--mail.username=mailer"], &[]);
    assert!(!good && said.contains("mail.username and mail.password_file belong together"), "{said}");
    std::fs::write(at.join("password"), "correct horse battery").unwrap();
    let (good, said) = check(at, &["--mail.server=127.0.0.1:9", sender, "--mail.username=mailer", "--mail.password_file=password"], &[]);
    assert!(!good && said.contains("WRONG  password: others may read it; make it mode 0400"), "{said}");
    let (good, said) = check(at, &["--webhook.url=https://portal.example/hook"], &[]);
    assert!(!good && said.contains("WRONG  webhook.url is set and webhook.secret_file is not"), "{said}");

    // Nobody listens: the start works all the same.
    let (good, said) = check(at, &[&format!("--mail.server=127.0.0.1:{}", free_port()), sender, "--mail.security=none"], &[]);
    assert!(good && said.contains("doubt  mail server 127.0.0.1 port") && said.contains("cannot be used now"), "{said}");
    let (trusted, key) = certificate(at);
    let file = |path: &Path| path.to_str().unwrap().to_owned();
    let sink = SmtpSink::start_with(&[&file(&trusted), &file(&key), "starttls"]);
    let server = format!("--mail.server=localhost:{}", sink.port);
    let (good, said) = check(at, &[&server, sender], &[]);
    assert!(good && said.contains("doubt  mail server localhost"), "its certificate is unknown: {said}");
    let (good, said) = check(at, &[&server, sender], &[("SSL_CERT_FILE", trusted)]);
    assert!(good && said.contains("good   mail server localhost") && said.contains("answers"), "{said}");
    assert_eq!(sink.count(), 0, "nothing is sent");
}
