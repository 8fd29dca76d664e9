//! The command line: run, check, demo, accounts, keys, backup and restore, the ledger, load tests. Everything else is the library.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use visavis::access::api_key::{KeyGrant, Scope};
use visavis::access::password;
use visavis::access::role::Role;
use visavis::access::token::Token;
use visavis::config::{Config, LOAD_KEY_VARIABLE, Problem, Sources, command_line};
use visavis::load;
use visavis::load::command::Options;
use visavis::protocol::values::LANGUAGES;
use visavis::server::{self, Server, check, make_directory};
use visavis::store::{Head, NewAgent, Store, Verdict};
use visavis::telemetry;
use visavis::time::Clock;
use zeroize::Zeroizing;

fn main() -> ExitCode {
    let matches = commands().get_matches();
    if let Some(("courier", _)) = matches.subcommand() {
        return courier();
    }
    let config = match Sources::of_process(&matches).map_err(|problem| vec![problem]).and_then(|sources| sources.read()) {
        Ok(config) => config,
        Err(problems) => return refuse(&problems),
    };
    telemetry::start(&config.log.level, config.log.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let done = runtime.block_on(async {
        match matches.subcommand() {
            Some(("check", _)) => check_only(&config).await,
            Some(("add-agent", arguments)) => add_agent(&config, arguments).await,
            Some(("disable-agent", arguments)) => disable_agent(&config, arguments).await,
            Some(("add-api-key", arguments)) => add_api_key(&config, arguments).await,
            Some(("backup", arguments)) => back_up(&config, arguments).await,
            Some(("restore", arguments)) => restore(&config, arguments).await,
            Some(("verify-ledger", arguments)) => verify_ledger(&config, arguments).await,
            Some(("load", arguments)) => load_test(&Options::of(arguments)).await,
            _ => run(config).await,
        }
    });
    // A blocking read that nobody waits for must not hold the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done {
        Ok(code) => code,
        Err(error) => fail(error.as_ref()),
    }
}

type Done = Result<ExitCode, Box<dyn std::error::Error>>;

fn commands() -> Command {
    let name = |help: &'static str| Arg::new("name").required(true).value_name("NAME").help(help);
    let file = |name: &'static str, help: &'static str| {
        Arg::new("file").required(true).value_name(name).value_parser(clap::value_parser!(PathBuf)).help(help)
    };
    let keys = || {
        Arg::new("keys").long("keys").value_name("KEYS").value_parser(clap::value_parser!(PathBuf)).help(
            "Where the keys are; visavis.keys beside FILE when left out. Keep the newest alone: an older one opens what was deleted since",
        )
    };
    command_line()
        .subcommand(
            Command::new("check").about("Says what is wrong with settings, ports, data directory and certificate, without starting"),
        )
        .subcommand(
            Command::new("add-agent")
                .about("Makes an agent's account, or gives it a new password; reads the password from standard input")
                .arg(name("User name"))
                .arg(Arg::new("display-name").required(true).value_name("DISPLAY NAME").help("The name that citizens see"))
                .arg(Arg::new("language").default_value("en").value_parser(LANGUAGES).help("Language of the screens"))
                .arg(Arg::new("supervisor").long("supervisor").action(ArgAction::SetTrue).help("Gives the role of a supervisor"))
                .arg(
                    Arg::new("new-second-factor")
                        .long("new-second-factor")
                        .action(ArgAction::SetTrue)
                        .help("The second factor is set up anew at the next sign-in: the phone and the codes to recover are lost"),
                ),
        )
        .subcommand(
            Command::new("disable-agent")
                .about("Nobody signs in with this account any more, and who is signed in is signed out within a second; add-agent opens it again")
                .arg(name("User name")),
        )
        .subcommand(
            Command::new("add-api-key")
                .about("Makes a key with which a portal books, and prints it once; a name that is there gets a new key")
                .arg(name("Which portal"))
                .arg(
                    Arg::new("scope")
                        .long("scope")
                        .value_name("SCOPE")
                        .value_delimiter(',')
                        .value_parser(Scope::ALL.map(Scope::word))
                        .help("What the key is good for; everything when left out"),
                )
                .arg(
                    Arg::new("per-minute")
                        .long("per-minute")
                        .value_name("NUMBER")
                        .value_parser(clap::value_parser!(u32).range(1..))
                        .help("Requests that the key has a minute; api.requests_per_minute when left out"),
                ),
        )
        .subcommand(
            Command::new("backup")
                .about("Writes everything but the master key to FILE, beside a running server too; the keys of what lives go to a second file, which each backup replaces")
                .arg(file("FILE", "A file that is not there yet"))
                .arg(keys()),
        )
        .subcommand(
            Command::new("restore")
                .about("Fills a data directory that holds the master key alone from FILE and the newest keys; what was deleted since stays deleted")
                .arg(file("FILE", "What `backup` wrote"))
                .arg(keys()),
        )
        .subcommand(
            Command::new("verify-ledger")
                .about(
                    "Says whether the audit trail is as it was written, or names the first line that is not; beside a running server too",
                )
                .arg(
                    Arg::new("head")
                        .long("head")
                        .value_name("NUMBER:HASH")
                        .value_parser(|text: &str| text.parse::<Head>())
                        .help("The head that an earlier run printed: shows that the trail was not written anew since"),
                ),
        )
        .subcommand(Command::new("courier").hide(true).about("Carries one mail for a server that runs; the server starts it"))
        .subcommand(load::command::command(LOAD_KEY_VARIABLE))
}

/// One mail in a process of its own: no settings, no log, no store.
fn courier() -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(visavis::notify::run_courier()),
        Err(error) => fail(&error),
    }
}

async fn run(mut config: Config) -> Done {
    config.program = std::env::current_exe().ok();
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let server = Server::start(config, Clock::default()).await?;
    match &server.demo {
        Some(demo) => say(&demo.poster),
        None => say(&format!("Visavis serves {}\n", server.base_url)),
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}

async fn check_only(config: &Config) -> Done {
    let (wrong, good) = check::check(config, Clock::default().now());
    let (doubts, answered) = check::doubts(config).await;
    let (mut wrong, mut good) = (wrong, good);
    match check::database(config).await {
        Ok(sentence) => good.push(sentence),
        Err(sentence) => wrong.push(sentence),
    }
    for sentence in good.iter().chain(&answered) {
        say(&format!("good   {sentence}\n"));
    }
    for sentence in &doubts {
        say(&format!("doubt  {sentence}\n"));
    }
    for sentence in &wrong {
        say(&format!("WRONG  {sentence}\n"));
    }
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn add_agent(config: &Config, arguments: &ArgMatches) -> Done {
    let mut password = Zeroizing::new(String::new());
    std::io::stdin().take(1024).read_to_string(&mut password)?;
    let mut salt = [0; 16];
    aws_lc_rs::rand::fill(&mut salt)?;
    let password_hash = password::hash(password.trim_end_matches(['\r', '\n']), salt)?;
    let text = |name: &str| arguments.get_one::<String>(name).cloned().unwrap_or_default();
    let agent = NewAgent {
        username: text("name").trim().to_lowercase(),
        display_name: text("display-name"),
        language: text("language"),
        password_hash,
        role: if arguments.get_flag("supervisor") { Role::Supervisor } else { Role::Agent },
    };
    let store = open_store(config).await?;
    let now = Clock::default().now();
    let agent = store.put_agent(agent, now).await?;
    if arguments.get_flag("new-second-factor") {
        store.forget_second_factor(agent).await?;
    }
    store.sign_out_everywhere(agent, now).await?;
    store.close().await;
    say("The account is there.\n");
    Ok(ExitCode::SUCCESS)
}

async fn disable_agent(config: &Config, arguments: &ArgMatches) -> Done {
    let store = existing_store(config).await?;
    let username = arguments.get_one::<String>("name").map(|name| name.trim().to_lowercase()).unwrap_or_default();
    let is_there = store.disable_agent(&username, Clock::default().now()).await?;
    store.close().await;
    if !is_there {
        return Err(format!("there is no account {username}").into());
    }
    say("The account is disabled.\n");
    Ok(ExitCode::SUCCESS)
}

async fn add_api_key(config: &Config, arguments: &ArgMatches) -> Done {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    let key = Token::new(bytes);
    let store = open_store(config).await?;
    let label = arguments.get_one::<String>("name").cloned().unwrap_or_default();
    let scopes: BTreeSet<Scope> = match arguments.get_many::<String>("scope") {
        Some(words) => words.filter_map(|word| Scope::parse(word)).collect(),
        None => Scope::ALL.into_iter().collect(),
    };
    let grant = KeyGrant { label, scopes, per_minute: arguments.get_one::<u32>("per-minute").copied() };
    store.put_api_key_for(&grant, key.hash(), Clock::default().now()).await?;
    store.close().await;
    say(&format!("{}\n", key.text()));
    Ok(ExitCode::SUCCESS)
}

async fn back_up(config: &Config, arguments: &ArgMatches) -> Done {
    let (file, keys) = files(arguments);
    let store = existing_store(config).await?;
    let made = store.back_up(&file, &keys, Clock::default().now()).await;
    store.close().await;
    let made = made?;
    say(&format!(
        "{} appointments and {} documents are in {}\ntheir keys are in {}: keep this file and the master key ({}) apart from the backup, and of this file the newest alone\n",
        made.appointments,
        made.documents,
        file.display(),
        made.keys.display(),
        config.data_directory.join("master.key").display()
    ));
    Ok(ExitCode::SUCCESS)
}

async fn restore(config: &Config, arguments: &ArgMatches) -> Done {
    let (file, keys) = files(arguments);
    make_directory(&config.data_directory)?;
    let restored = Store::restore(server::home(config)?, &file, &keys, Clock::default().now()).await?;
    say(&format!(
        "restored as of {}: {} appointments, {} documents; {} appointments were deleted since and are again\n",
        restored.made.rfc3339(),
        restored.appointments,
        restored.documents,
        restored.erased
    ));
    Ok(ExitCode::SUCCESS)
}

/// The backup and its keys.
fn files(arguments: &ArgMatches) -> (PathBuf, PathBuf) {
    let file = arguments.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let keys = arguments.get_one::<PathBuf>("keys").cloned().unwrap_or_else(|| file.with_file_name("visavis.keys"));
    (file, keys)
}

/// 0: intact; 1: not.
async fn verify_ledger(config: &Config, arguments: &ArgMatches) -> Done {
    let store = existing_store(config).await?;
    let verdict = store.verify_ledger(arguments.get_one::<Head>("head").copied()).await?;
    store.close().await;
    let (code, sentence) = match verdict {
        Verdict::Intact(head) => {
            let keep =
                "Keep this head elsewhere: whoever owns the disk can write the whole trail anew, and only a head kept elsewhere tells.";
            (ExitCode::SUCCESS, format!("intact: {} lines\nhead {head}\n{keep}\n", head.number))
        }
        Verdict::Broken(line) => (ExitCode::FAILURE, format!("BROKEN: line {line} is not as it was written, or not there\n")),
        Verdict::Rewritten(head) => {
            (ExitCode::FAILURE, format!("REWRITTEN: the chain is whole, but the head that you kept is not in it\nhead {head}\n"))
        }
    };
    say(&sentence);
    Ok(code)
}

/// 0: done, and as many as were asked for; 1: fewer; 2: nothing is known.
async fn load_test(options: &Options) -> Done {
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    let tell = |line: &str| say(&format!("{line}\n"));
    let tested = Box::pin(load::trial::run(options, tell, async move {
        let _ = interrupt.recv().await;
    }));
    let report = match tested.await {
        Ok(report) => report,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "visavis: {error}");
            return Ok(ExitCode::from(2));
        }
    };
    say(&format!("\n{}", report.words(&options.limits)));
    if let Some(path) = &options.json {
        std::fs::write(path, format!("{:#}\n", report.json()))?;
    }
    match options.at_least {
        Some(least) if report.consultations < least => {
            say(&format!("That is fewer than the {least} asked for.\n"));
            Ok(ExitCode::FAILURE)
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

async fn open_store(config: &Config) -> Result<Store, Box<dyn std::error::Error>> {
    make_directory(&config.data_directory)?;
    Ok(Store::open_beside(server::home(config)?).await?)
}

/// The same, where there is something to look at: nothing is made.
async fn existing_store(config: &Config) -> Result<Store, Box<dyn std::error::Error>> {
    if !server::home(config)?.has_database().await? {
        return Err(match &config.database {
            None => format!("there is no database in {}: set data.directory", config.data_directory.display()),
            Some(_) => String::from("the PostgreSQL database is empty: set database"),
        }
        .into());
    }
    open_store(config).await
}

/// The one place that writes to standard output; a closed pipe is no reason to fail.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn refuse(problems: &[Problem]) -> ExitCode {
    for problem in problems {
        let _ = writeln!(std::io::stderr(), "{problem}");
    }
    ExitCode::from(2)
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "visavis: {error}");
    ExitCode::FAILURE
}
