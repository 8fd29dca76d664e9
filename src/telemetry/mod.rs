//! Logs: one line per change a person would care about, nothing personal (trust.md P2). Refuses to know what is logged; keeps other crates quiet.

use std::io::IsTerminal;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Starts logging to standard error; a second call in one process is ignored (tests).
///
/// `level` is one of the setting `log.level`. It holds for our own lines: names, tokens, addresses and texts are not in them at any level.
/// Other crates would log headers with cookies and SDP with addresses at their `debug`, so they stay at `warn` whatever the level.
pub fn start(level: &str, json: bool) {
    let targets = filter(level);
    let text = (!json).then(|| {
        fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).with_target(false).with_filter(targets.clone())
    });
    let lines = json.then(|| fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).with_filter(targets));
    let _ = tracing_subscriber::registry().with(text).with(lines).try_init();
}

fn filter(level: &str) -> Targets {
    let own = level.parse().unwrap_or(tracing::Level::INFO);
    // sqlx names slow statements at `warn`, with placeholders and never with values; still nobody's business.
    let quiet = [("sqlx", tracing::Level::ERROR), ("rtc", tracing::Level::ERROR), ("webrtc", tracing::Level::ERROR)];
    Targets::new().with_default(tracing::Level::WARN).with_targets(quiet).with_target("visavis", own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_raises_our_lines_and_nobody_elses() {
        let targets = filter("debug");
        assert!(targets.would_enable("visavis::http::link", &tracing::Level::DEBUG));
        assert!(!targets.would_enable("visavis::http::link", &tracing::Level::TRACE));
        assert!(!targets.would_enable("hyper::proto", &tracing::Level::DEBUG));
        assert!(!targets.would_enable("rustls", &tracing::Level::INFO));
        assert!(!targets.would_enable("sqlx::query", &tracing::Level::WARN));
        assert!(targets.would_enable("hyper::proto", &tracing::Level::WARN));
    }
}
