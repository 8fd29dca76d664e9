//! The command line of `visavis load`: its options, their defaults, and what they come to. Runs nothing.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::lean::leg::Shape;
use super::report::Limits;

/// All that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The server.
    pub url: String,
    /// A portal's API key.
    pub key: String,
    /// What is booked.
    pub service: String,
    /// Certificates that the server's must lead to.
    pub ca: Option<PathBuf>,
    /// Consultations to begin with, and the most.
    pub start: u32,
    /// See above.
    pub most: u32,
    /// Consultations of one agent.
    pub per_agent: u32,
    /// Consultations of full WebRTC clients beside the lean ones.
    pub real: u32,
    /// Joins a second.
    pub joins_per_s: f64,
    /// How long each level is measured.
    pub window: Duration,
    /// How people look and speak.
    pub shape: Shape,
    /// When it is too much.
    pub limits: Limits,
    /// Fewer are a failure.
    pub at_least: Option<u32>,
    /// Where JSON goes.
    pub json: Option<PathBuf>,
}

/// `visavis load`; the key may come by this environment variable.
pub fn command(key_variable: &'static str) -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| Arg::new(name).long(name).value_name(value).help(help);
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        option(name, "N", help).default_value(default).value_parser(value_parser!(u32).range(1..=100_000))
    };
    let limit = |name: &'static str, default: &'static str, help: &'static str| {
        option(name, "N", help).default_value(default).value_parser(value_parser!(f64))
    };
    Command::new("load")
        .about("Takes a server to its limits with simulated people, and says how many consultations it holds at once")
        .long_about(
            "Takes a server to its limits with simulated citizens and agents, and says how many consultations it holds at once and which limit was reached first.\n\n\
             The server must allow it (load.allowed = true) and loses all that the test made when it ends. Real people on it suffer meanwhile: test before the service \
             opens. Run the client on another machine or on other cores than the server; it says so when it was itself the limit.\n\n\
             Exit status: 0 done (and at least --at-least), 1 fewer than --at-least, 2 not tested.",
        )
        .arg(option("url", "URL", "The server: https://host[:port], or its http://localhost port").required(true))
        .arg(option("key", "KEY", "A portal's API key (visavis add-api-key)").env(key_variable).hide_env_values(true).allow_hyphen_values(true).required(true))
        .arg(option("service", "NAME", "The service that is booked").default_value("advice"))
        .arg(option("ca", "FILE", "Certificates (PEM) that the server's leads to, when the system does not know them").value_parser(value_parser!(PathBuf)))
        .arg(option("json", "FILE", "Writes the result as JSON").value_parser(value_parser!(PathBuf)))
        .arg(option("at-least", "N", "Fails when the server holds fewer").value_parser(value_parser!(u32)))
        .arg(number("start", "10", "Consultations to begin with"))
        .arg(number("most", "10000", "Consultations at which to stop though no limit was reached"))
        .arg(number("per-agent", "4", "Consultations of one agent"))
        .arg(
            option("real", "N", "Consultations of full WebRTC clients beside the simulated ones: dearer, but not ours")
                .default_value("0")
                .value_parser(value_parser!(u32).range(0..=100)),
        )
        .arg(number("joins-per-second", "25", "People who open their link each second while the number grows"))
        .arg(number("seconds", "3", "How long each number is measured"))
        .arg(option("fps", "N", "Pictures a second of each camera (60 at most)").default_value("25").value_parser(value_parser!(u32).range(1..=60)))
        .arg(number("video-kbit", "1000", "Bits a second of each camera, in thousands"))
        .arg(Arg::new("dtx").long("dtx").action(ArgAction::SetTrue).help("Voices rest in pauses (discontinuous transmission)"))
        .arg(limit("limit-loss", "1", "Packets that may get lost, in percent"))
        .arg(limit("limit-delay", "50", "Delay that the server may add, in milliseconds, for 99 of 100 packets"))
        .arg(limit("limit-join", "3000", "Time that joining may take, in milliseconds, for 19 of 20 people"))
        .arg(limit("limit-cpu", "90", "CPU that the server may use, in percent of its cores"))
        .arg(limit("limit-late", "15", "How late this client may send, in milliseconds, for 99 of 100 packets, before it is the limit itself"))
}

impl Options {
    /// Of a parsed command line.
    pub fn of(matches: &ArgMatches) -> Self {
        let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
        let number = |name: &str| matches.get_one::<u32>(name).copied().unwrap_or(1);
        let limit = |name: &str| matches.get_one::<f64>(name).copied().unwrap_or(f64::MAX);
        Self {
            url: text("url"),
            key: text("key"),
            service: text("service"),
            ca: matches.get_one::<PathBuf>("ca").cloned(),
            start: number("start"),
            most: number("most"),
            per_agent: number("per-agent"),
            real: matches.get_one::<u32>("real").copied().unwrap_or(0),
            joins_per_s: f64::from(number("joins-per-second")),
            window: Duration::from_secs(u64::from(number("seconds"))),
            shape: Shape { fps: number("fps"), bits_per_s: u64::from(number("video-kbit")) * 1_000, dtx: matches.get_flag("dtx") },
            limits: Limits {
                loss_percent: limit("limit-loss"),
                added_delay_ms: limit("limit-delay"),
                join_ms: limit("limit-join"),
                server_cpu_percent: limit("limit-cpu"),
                client_late_ms: limit("limit-late"),
            },
            at_least: matches.get_one::<u32>("at-least").copied(),
            json: matches.get_one::<PathBuf>("json").cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_begin_with_a_hyphen() {
        command("NO_SUCH_VARIABLE").debug_assert();
        let matches =
            command("NO_SUCH_VARIABLE").try_get_matches_from(["load", "--url", "http://localhost:8080", "--key", "-2_x", "--most", "7"]);
        let options = Options::of(&matches.unwrap());
        assert_eq!((options.key.as_str(), options.most, options.at_least), ("-2_x", 7, None));
        assert_eq!((options.shape.bits_per_s, options.limits.server_cpu_percent), (1_000_000, 90.0));
    }
}
