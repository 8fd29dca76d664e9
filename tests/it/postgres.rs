//! A real PostgreSQL of the test's own, in a directory of its own, reached by a socket there: started, stopped, frozen and killed at will.

use std::collections::HashSet;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A running server. Gone with its files when dropped, and when the process of the test ends in whatever way.
pub struct Postgres {
    directory: PathBuf,
    /// Its keeper, which ends when its standard input does.
    keeper: Mutex<Child>,
    is_durable: bool,
    made: Mutex<HashSet<String>>,
}

impl Postgres {
    /// For tests in which neither it nor the machine dies: without fsync. It listens on its socket alone.
    pub fn start() -> Self {
        Self::with(false)
    }

    /// As Debian sets it up.
    pub fn durable() -> Self {
        Self::with(true)
    }

    fn with(is_durable: bool) -> Self {
        let directory = tempfile::Builder::new().prefix("vvpg").tempdir_in("/tmp").unwrap().keep();
        let (user, group) = owner();
        std::os::unix::fs::chown(&directory, Some(user), Some(group)).unwrap();
        let made = as_owner(&program("initdb"))
            .args(["--auth=trust", "--username=visavis", "--encoding=UTF8", "--no-locale", "--no-instructions", "--no-sync", "-D"])
            .arg(directory.join("data"))
            .stdout(Stdio::null())
            .status()
            .expect("PostgreSQL is installed by the tests' set-up");
        assert!(made.success(), "initdb");
        let keeper = Mutex::new(spawn(&directory, is_durable));
        let server = Self { directory, keeper, is_durable, made: Mutex::default() };
        server.wait();
        server
    }

    /// The address of a database, which is made when it is not there.
    pub fn database(&self, name: &str) -> String {
        if self.made.lock().unwrap().insert(name.to_owned()) {
            self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
        }
        format!("postgres:///{name}?user=visavis&host={}", self.directory.display())
    }

    /// What psql answers.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let ran = as_owner(&program("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--username=visavis", "--host"])
            .arg(&self.directory)
            .args(["--dbname", database, "--command", sql])
            .output()
            .unwrap();
        assert!(ran.status.success(), "{sql}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap().trim().to_owned()
    }

    /// Every process of it stands still, or goes on.
    pub fn freeze(&self, frozen: bool) {
        self.signal(if frozen { "-STOP" } else { "-CONT" });
    }

    /// kill -9 of every process, as when its machine is gone.
    pub fn kill(&self) {
        self.signal("-KILL");
        let gone = |pid: &str| !std::path::Path::new("/proc").join(pid).join("stat").exists();
        let Some(postmaster) = self.postmaster() else { return };
        let begun = Instant::now();
        while !gone(&postmaster) && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts again what was killed.
    pub fn start_again(&self) {
        let _ = std::fs::remove_file(self.directory.join("data/postmaster.pid"));
        // The new keeper first: the old one's end would take the files with it.
        std::fs::write(self.directory.join("again"), "").unwrap();
        let mut keeper = self.keeper.lock().unwrap();
        drop(keeper.stdin.take());
        keeper.wait().unwrap();
        std::fs::remove_file(self.directory.join("again")).unwrap();
        *keeper = spawn(&self.directory, self.is_durable);
        drop(keeper);
        self.wait();
    }

    fn signal(&self, signal: &str) {
        let Some(postmaster) = self.postmaster() else { return };
        let _ = Command::new("pkill").args([signal, "-P", &postmaster]).status();
        let _ = Command::new("kill").args([signal, &postmaster]).status();
    }

    fn postmaster(&self) -> Option<String> {
        let told = std::fs::read_to_string(self.directory.join("data/postmaster.pid")).ok()?;
        told.lines().next().map(str::to_owned)
    }

    fn wait(&self) {
        let begun = Instant::now();
        loop {
            let ready = as_owner(&program("pg_isready")).arg("--quiet").arg("--host").arg(&self.directory).status().unwrap();
            if ready.success() {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "PostgreSQL does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.freeze(false);
        let keeper = self.keeper.get_mut().unwrap();
        drop(keeper.stdin.take());
        let _ = keeper.wait();
    }
}

fn spawn(directory: &std::path::Path, is_durable: bool) -> Child {
    const KEEPER: &str = r#"directory="$1"; shift; "$@" & kept=$!; cat >/dev/null; kill -QUIT $kept 2>/dev/null; wait; [ -e "$directory/again" ] || rm -rf "$directory""#;
    let log = std::fs::File::create(directory.join("log")).unwrap();
    let fsync = if is_durable { "fsync=on" } else { "fsync=off" };
    let mut keeper = as_owner(std::path::Path::new("sh"));
    keeper
        .args(["-c", KEEPER, "keeper"])
        .arg(directory)
        .arg(program("postgres"))
        .arg("-D")
        .arg(directory.join("data"))
        .arg("-k")
        .arg(directory);
    keeper.args(["-c", "listen_addresses=", "-c", "max_connections=400", "-c", "shared_buffers=32MB", "-c", fsync]);
    keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

fn program(name: &str) -> PathBuf {
    let debian = PathBuf::from("/usr/lib/postgresql/15/bin").join(name);
    if debian.exists() { debian } else { PathBuf::from(name) }
}

/// PostgreSQL refuses to run as root.
fn owner() -> (u32, u32) {
    let id = |kind: &str, user: Option<&str>| -> u32 {
        let told = Command::new("id").arg(kind).args(user).output().unwrap();
        String::from_utf8(told.stdout).unwrap().trim().parse().expect("a user `postgres` of the Debian package")
    };
    let user = if id("-u", None) == 0 { Some("postgres") } else { None };
    (id("-u", user), id("-g", user))
}

fn as_owner(program: &std::path::Path) -> Command {
    let mut command = Command::new(program);
    let (user, group) = owner();
    command.current_dir("/tmp").uid(user).gid(group);
    command
}
