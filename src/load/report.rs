//! What a load test found, as JSON for scripts and in plain words for people. Measures nothing.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::ramp::Limit;

/// What one level measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Measured {
    /// Consultations held.
    pub consultations: u32,
    /// Packets that never came, in percent.
    pub loss_percent: f64,
    /// Beyond the shortest delay of the test, milliseconds.
    pub added_delay_ms_p99: f64,
    /// From opening the link until waiting with a transport, milliseconds; of the latest level at which anybody joined.
    pub join_ms_p95: f64,
    /// From answering until both see each other.
    pub picture_ms_p95: f64,
    /// Pictures as they came, in kbit/s of each person; those whose network was gone meanwhile bring the mean down.
    pub picture_kbit_per_s: f64,
    /// Of the cores that the server may use.
    pub server_cpu_percent: f64,
    /// CPU time of the media threads for each RTP packet sealed for a receiver.
    pub server_cpu_us_per_packet: f64,
    /// Of the cores that this client may use.
    pub client_cpu_percent: f64,
    /// How late this client sent, milliseconds.
    pub client_late_ms_p99: f64,
    /// Joins that failed.
    pub failed_joins: u32,
    /// Drops from which somebody did not come back.
    pub failed_returns: u32,
}

/// Limits, in the units of [`Measured`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Percent.
    pub loss_percent: f64,
    /// Milliseconds.
    pub added_delay_ms: f64,
    /// Milliseconds.
    pub join_ms: f64,
    /// Percent.
    pub server_cpu_percent: f64,
    /// Milliseconds: a client that sends later is itself at its limit.
    pub client_late_ms: f64,
}

/// A client of which so much is used is itself at its limit.
const CLIENT_CPU_PERCENT: f64 = 97.0;

impl Limits {
    /// Which one a level has met, the surest first: what a client that is itself at its limit measures says nothing of the server.
    pub fn met(&self, measured: &Measured) -> Option<Limit> {
        let limits = [
            (measured.client_late_ms_p99 > self.client_late_ms || measured.client_cpu_percent > CLIENT_CPU_PERCENT, Limit::Client),
            (measured.failed_joins + measured.failed_returns > 0, Limit::Join),
            (measured.loss_percent > self.loss_percent, Limit::Loss),
            (measured.added_delay_ms_p99 > self.added_delay_ms, Limit::Delay),
            (measured.join_ms_p95 > self.join_ms, Limit::Join),
            (measured.server_cpu_percent > self.server_cpu_percent, Limit::Cpu),
        ];
        limits.into_iter().find(|(met, _)| *met).map(|(_, limit)| limit)
    }
}

/// RTP packets as both sides counted them over the whole test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// That the client sent.
    pub client_sent: u64,
    /// That the server took.
    pub server_in: u64,
    /// That the server sealed for receivers.
    pub server_out: u64,
    /// That the client received.
    pub client_received: u64,
}

impl Counts {
    /// The larger of both differences, in percent.
    pub fn disagreement_percent(&self) -> f64 {
        let apart = |one: u64, other: u64| one.abs_diff(other) as f64 * 100.0 / one.max(other).max(1) as f64;
        apart(self.client_sent, self.server_in).max(apart(self.server_out, self.client_received))
    }
}

/// The end of a test.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Held within all limits.
    pub consultations: u32,
    /// What was met beyond.
    pub limit: Limit,
    /// At that number.
    pub held: Measured,
    /// Where the limit was met.
    pub beyond: Option<Measured>,
    /// Of the whole test, full clients' packets on the server's side alone.
    pub counts: Counts,
    /// Of the sound of full clients, where there were any, what those who heard least heard.
    pub real_heard_percent: Option<f64>,
}

impl Report {
    /// The contract for scripts, and what helps to understand it.
    pub fn json(&self) -> Value {
        let Counts { client_sent, server_in, server_out, client_received } = self.counts;
        let held = &self.held;
        json!({
            "consultations": self.consultations,
            "limit": self.limit.word(),
            "loss_percent": rounded(held.loss_percent, 3),
            "added_delay_ms_p99": rounded(held.added_delay_ms_p99, 1),
            "join_ms_p95": rounded(held.join_ms_p95, 0),
            "server_cpu_us_per_packet": rounded(held.server_cpu_us_per_packet, 2),
            "server_cpu_percent": rounded(held.server_cpu_percent, 0),
            "client_cpu_percent": rounded(held.client_cpu_percent, 0),
            "picture_ms_p95": rounded(held.picture_ms_p95, 0),
            "picture_kbit_per_s": rounded(held.picture_kbit_per_s, 0),
            "real_heard_percent": self.real_heard_percent.map(|percent| rounded(percent, 1)),
            "packets": {"client_sent": client_sent, "server_in": server_in, "server_out": server_out, "client_received": client_received},
        })
    }

    /// In plain words.
    pub fn words(&self, limits: &Limits) -> String {
        let mut text = String::new();
        let _ = match self.consultations {
            0 => writeln!(text, "This server did not hold one simulated consultation within the limits."),
            n => writeln!(text, "This server holds {n} simultaneous consultations ({} people) within the limits.", 2 * n),
        };
        let beyond = self.beyond.unwrap_or(self.held);
        let at = beyond.consultations;
        let _ = match self.limit {
            Limit::Most => writeln!(text, "No limit was reached: that is as many as were asked for."),
            Limit::Loss => writeln!(
                text,
                "Loss was the first limit: {:.2} % of the packets never came at {at} ({} % allowed).",
                beyond.loss_percent, limits.loss_percent
            ),
            Limit::Delay => writeln!(
                text,
                "Delay was the first limit: at {at} one packet in a hundred came {:.0} ms late or more ({} ms allowed).",
                beyond.added_delay_ms_p99, limits.added_delay_ms
            ),
            Limit::Join if beyond.failed_joins + beyond.failed_returns > 0 => writeln!(
                text,
                "Joining was the first limit: at {at}, {} people could not join and {} could not come back.",
                beyond.failed_joins, beyond.failed_returns
            ),
            Limit::Join => writeln!(
                text,
                "Joining was the first limit: at {at} one person in twenty waited {:.0} ms or more for the waiting room ({} ms allowed).",
                beyond.join_ms_p95, limits.join_ms
            ),
            Limit::Cpu => writeln!(
                text,
                "CPU was the first limit: at {at} the server used {:.0} % of its cores ({} % allowed).",
                beyond.server_cpu_percent, limits.server_cpu_percent
            ),
            Limit::Client => writeln!(
                text,
                "The client, not the server, was the limit: at {at} it used {:.0} % of its own cores and sent {:.0} ms late. The server may hold more; \
                 run the test from a stronger machine.",
                beyond.client_cpu_percent, beyond.client_late_ms_p99
            ),
        };
        if self.consultations > 0 {
            let held = &self.held;
            let _ = writeln!(
                text,
                "At {} they lost {:.2} % of the packets, 99 in a hundred came within {:.1} ms more than the network takes, joining took {:.0} ms and the first picture \
                 {:.0} ms (19 of 20), and the server's media took {:.2} µs of CPU for each packet.",
                self.consultations,
                held.loss_percent,
                held.added_delay_ms_p99,
                held.join_ms_p95,
                held.picture_ms_p95,
                held.server_cpu_us_per_packet
            );
        }
        let Counts { client_sent, server_in, server_out, client_received } = self.counts;
        let _ = writeln!(
            text,
            "Counted over the whole test: {client_sent} packets sent, {server_in} taken by the server; {server_out} sealed by the server, {client_received} received \
             (apart by {:.2} %).",
            self.counts.disagreement_percent()
        );
        if let Some(percent) = self.real_heard_percent {
            let _ = writeln!(text, "The full WebRTC clients beside them heard {percent:.1} % of each other's sound or more.");
        }
        text
    }
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { loss_percent: 1.0, added_delay_ms: 50.0, join_ms: 3_000.0, server_cpu_percent: 90.0, client_late_ms: 15.0 };

    fn measured() -> Measured {
        Measured { consultations: 40, loss_percent: 0.5, added_delay_ms_p99: 10.0, server_cpu_percent: 80.0, ..Measured::default() }
    }

    #[test]
    fn each_limit_is_met_by_its_own_figure() {
        assert_eq!(LIMITS.met(&measured()), None);
        for (beyond, limit) in [
            (Measured { loss_percent: 1.1, ..measured() }, Limit::Loss),
            (Measured { added_delay_ms_p99: 51.0, ..measured() }, Limit::Delay),
            (Measured { join_ms_p95: 3_001.0, ..measured() }, Limit::Join),
            (Measured { failed_joins: 1, ..measured() }, Limit::Join),
            (Measured { failed_returns: 1, ..measured() }, Limit::Join),
            (Measured { server_cpu_percent: 91.0, ..measured() }, Limit::Cpu),
            (Measured { client_late_ms_p99: 20.0, loss_percent: 9.0, ..measured() }, Limit::Client),
        ] {
            assert_eq!(LIMITS.met(&beyond), Some(limit), "{beyond:?}");
            let report = Report {
                consultations: 30,
                limit,
                held: measured(),
                beyond: Some(beyond),
                counts: Counts::default(),
                real_heard_percent: None,
            };
            assert_eq!(report.json()["limit"], limit.word());
            assert!(report.words(&LIMITS).starts_with("This server holds 30 simultaneous consultations (60 people)"));
        }
    }

    #[test]
    fn a_tired_client_is_never_taken_for_the_server() {
        let beyond = Measured { client_cpu_percent: 99.0, ..measured() };
        let report = Report {
            consultations: 30,
            limit: Limit::Client,
            held: measured(),
            beyond: Some(beyond),
            counts: Counts::default(),
            real_heard_percent: None,
        };
        assert!(report.words(&LIMITS).contains("The client, not the server, was the limit: at 40 it used 99 % of its own cores"));
    }

    #[test]
    fn counts_disagree_by_the_larger_difference() {
        let counts = Counts { client_sent: 1_000, server_in: 990, server_out: 1_000, client_received: 1_000 };
        assert!((counts.disagreement_percent() - 1.0).abs() < 1e-9);
    }
}
