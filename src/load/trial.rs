//! A load test from its permission to its end: grows and shrinks the number of consultations as the ramp says, measures each level, and leaves nothing behind.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;

use super::LoadError;
use super::call::{Call, Desk, Stage, Times};
use super::client_cpu;
use super::command::Options;
use super::http_client::Base;
use super::lean::engine::Engine;
use super::operator::{Figures, Operator};
use super::ramp::{Limit, Next, Ramp};
use super::real::RealCall;
use super::report::{Counts, Measured, Report};

/// People who join or leave at the same time.
const AT_ONCE: usize = 16;
/// What a level's coming and going leaves behind is over by then.
const SETTLE: Duration = Duration::from_millis(800);
/// Packets of a window that are later than this are lost.
const LATEST: Duration = Duration::from_millis(500);
/// So often the server hears of the test.
const HEARD: Duration = Duration::from_secs(2);
/// Of so many consultations one citizen's network drops while a level is measured, and comes back.
const PER_DROP: usize = 50;
/// Files that one consultation needs, and those of the process itself.
const FILES: (u32, u32) = (4, 100);
/// Troubles told for one level.
const TROUBLES: usize = 3;
/// Numbers of the full clients begin here.
const REAL: u32 = 1_000_000;
/// A level in which so many joins failed is given up.
const FAILED_JOINS: u32 = 5;

/// Tests until the limit is known; `tell` gets a line for each level. `interrupted` ends it early. Whatever happens, the test is ended at the server.
pub async fn run(options: &Options, mut tell: impl FnMut(&str), interrupted: impl Future<Output = ()>) -> Result<Report, LoadError> {
    let base = Base::parse_with(&options.url, options.ca.as_deref())?;
    let operator = Operator::new(base.clone(), &options.key, &options.service);
    let before = operator.figures().await?;
    operator.begin().await?;
    let outcome = {
        let climb = async {
            let engine = Engine::start(options.shape)?;
            let stage = Arc::new(Stage { operator: Operator::new(base, &options.key, &options.service), engine, names: AtomicU32::new(1) });
            let mut trial = Trial {
                options,
                stage,
                desks: Vec::new(),
                calls: Vec::new(),
                real: Vec::new(),
                troubles: Vec::new(),
                number: 0,
                window: 0,
                joins: None,
                least: None,
            };
            let report = Box::pin(trial.climb(before, &mut tell)).await;
            trial.hang_up(0).await;
            report
        };
        tokio::select! {
            report = climb => report,
            () = interrupted => Err(LoadError::Interrupted),
            failed = stay_heard(&operator) => Err(failed),
        }
    };
    operator.end().await?;
    outcome
}

/// The server takes a silent test for dead.
async fn stay_heard(operator: &Operator) -> LoadError {
    let mut failures = 0;
    loop {
        tokio::time::sleep(HEARD).await;
        match operator.figures().await {
            Ok(_) => failures = 0,
            Err(error) if failures > 3 => return error,
            Err(_) => failures += 1,
        }
    }
}

struct Trial<'a> {
    options: &'a Options,
    stage: Arc<Stage>,
    desks: Vec<Arc<Desk>>,
    calls: Vec<Call>,
    real: Vec<RealCall>,
    /// What went wrong at this level, in words.
    troubles: Vec<String>,
    number: u32,
    window: u8,
    /// Of the latest level at which anybody joined: 95 of 100 joined and saw each other within.
    joins: Option<(Duration, Duration)>,
    /// The network's own delay: the shortest of all.
    least: Option<Duration>,
}

impl Trial<'_> {
    async fn climb(&mut self, before: Figures, tell: &mut impl FnMut(&str)) -> Result<Report, LoadError> {
        let most =
            client_cpu::open_files().map_or(self.options.most, |files| self.options.most.min(files.saturating_sub(FILES.1) / FILES.0));
        if most < self.options.most {
            tell(&format!("{most} consultations at most: this process may open no more files (ulimit -n)"));
        }
        let agents = if self.options.real > 0 { self.stage.operator.agents(self.options.real as usize).await? } else { Vec::new() };
        for (agent, number) in agents.into_iter().zip(0..) {
            self.real.push(Box::pin(RealCall::begin(&self.stage.operator, agent, REAL + 2 * number)).await?);
        }
        let mut ramp = Ramp::new(self.options.start, most);
        let mut wanted = ramp.first();
        let (mut held, mut beyond) = (Measured::default(), None);
        loop {
            let measured = self.level(wanted).await?;
            let met = self.options.limits.met(&measured);
            tell(&line(&measured, met));
            self.troubles.drain(..).take(TROUBLES).for_each(|trouble| tell(&format!("         {trouble}")));
            match met {
                None if wanted >= held.consultations => held = measured,
                Some(_) if beyond.is_none_or(|beyond: Measured| measured.consultations <= beyond.consultations) => beyond = Some(measured),
                _ => {}
            }
            match ramp.next(met) {
                Next::Hold(next) => wanted = next,
                Next::Known(consultations, limit) => {
                    let real = self.real.iter().map(|call| call.heard() * 100.0).reduce(f64::min);
                    for call in self.real.drain(..) {
                        call.hang_up().await?;
                    }
                    return Ok(Report { consultations, limit, held, beyond, counts: self.counts(before).await?, real_heard_percent: real });
                }
            }
        }
    }

    /// Both sides' counts, taken while nothing is under way.
    async fn counts(&mut self, before: Figures) -> Result<Counts, LoadError> {
        self.hang_up(0).await;
        tokio::time::sleep(LATEST).await;
        let (after, totals) = (self.stage.operator.figures().await?, self.stage.engine.totals().await);
        Ok(Counts {
            client_sent: totals.rtp_sent,
            server_in: after.rtp_in - before.rtp_in,
            server_out: after.rtp_out - before.rtp_out,
            client_received: totals.rtp_received,
        })
    }

    async fn level(&mut self, wanted: u32) -> Result<Measured, LoadError> {
        self.hang_up(wanted as usize).await;
        let (times, failed_joins) = self.grow(wanted as usize).await?;
        if !times.is_empty() {
            self.joins = Some((p95(times.iter().map(|times| times.join)), p95(times.iter().map(|times| times.picture))));
        }
        let mut measured = Measured { consultations: wanted, failed_joins, ..Measured::default() };
        if failed_joins == 0 {
            tokio::time::sleep(SETTLE).await;
            self.measure(&mut measured).await?;
        }
        let (join, picture) = self.joins.unwrap_or_default();
        (measured.join_ms_p95, measured.picture_ms_p95) = (millis(join), millis(picture));
        Ok(measured)
    }

    /// Begins consultations, as many a second as asked for, until there are so many or too many failed.
    async fn grow(&mut self, wanted: usize) -> Result<(Vec<Times>, u32), LoadError> {
        self.employ(wanted).await?;
        let (mut times, mut failed) = (Vec::new(), 0);
        let mut under_way = FuturesUnordered::new();
        let mut beat = tokio::time::interval(Duration::from_secs_f64(1.0 / self.options.joins_per_s));
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while failed < FAILED_JOINS {
            let is_more = self.calls.len() + under_way.len() + (failed as usize) < wanted;
            if !is_more && under_way.is_empty() {
                break;
            }
            tokio::select! {
                _ = beat.tick(), if is_more && under_way.len() < AT_ONCE => {
                    let desk = self.desks[self.number as usize % self.desks.len()].clone();
                    self.number += 1;
                    under_way.push(Call::begin(self.stage.clone(), desk, self.number));
                }
                Some(begun) = under_way.next() => match begun {
                    Ok((call, took)) => {
                        self.calls.push(call);
                        times.push(took);
                    }
                    Err(error) => {
                        self.troubles.push(format!("somebody could not join: {error}"));
                        failed += 1;
                    }
                },
            }
        }
        Ok((times, failed))
    }

    /// Agents for so many consultations.
    async fn employ(&mut self, consultations: usize) -> Result<(), LoadError> {
        let wanted = consultations.div_ceil(self.options.per_agent as usize);
        if let Some(more) = wanted.checked_sub(self.desks.len()).filter(|more| *more > 0) {
            for signed_in in self.stage.operator.agents(more).await? {
                self.desks.push(Arc::new(Desk::open(&self.stage, &signed_in).await?));
            }
        }
        Ok(())
    }

    /// Ends consultations until so many are left.
    async fn hang_up(&mut self, left: usize) {
        while self.calls.len() > left {
            let some = self.calls.len() - (self.calls.len() - left).min(AT_ONCE);
            for ended in join_all(self.calls.split_off(some).into_iter().map(Call::hang_up)).await {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a simulated consultation did not end as it should");
                }
            }
        }
    }

    async fn measure(&mut self, measured: &mut Measured) -> Result<(), LoadError> {
        self.window = self.window % u8::MAX + 1;
        let Self { stage, calls, options, window, .. } = self;
        let before = stage.operator.figures().await?;
        let (cpu_before, begin) = (client_cpu::so_far(), Instant::now());
        stage.engine.window(*window).await;
        // Meanwhile some lose their network and come back.
        let drops = calls.len().div_ceil(PER_DROP);
        let step = calls.len() / drops.max(1);
        let dropping = calls.iter_mut().step_by(step.max(1)).take(drops).map(Call::drop_and_return);
        let measuring = async {
            tokio::time::sleep(options.window).await;
            let figures = stage.operator.figures().await;
            stage.engine.window(0).await;
            (figures, client_cpu::so_far(), begin.elapsed())
        };
        let ((after, cpu_after, elapsed), returns) = tokio::join!(measuring, join_all(dropping));
        let after = after?;
        tokio::time::sleep(LATEST).await;
        let tally = stage.engine.take(*window).await;
        let (wall, seconds) = ((after.at_us - before.at_us).max(1) as f64, elapsed.as_secs_f64());
        self.least = self.least.into_iter().chain(tally.delays.least()).min();
        let added = tally.delays.percentile(99.0).saturating_sub(self.least.unwrap_or_default());
        let own_cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        measured.loss_percent = tally.loss() * 100.0;
        measured.added_delay_ms_p99 = millis(added);
        measured.picture_kbit_per_s = tally.picture_bytes as f64 * 8.0 / 1_000.0 / seconds / (2 * self.calls.len().max(1)) as f64;
        measured.server_cpu_percent = (after.process_cpu_us - before.process_cpu_us) as f64 * 100.0 / wall / f64::from(after.cores.max(1));
        measured.server_cpu_us_per_packet =
            (after.media_cpu_us.saturating_sub(before.media_cpu_us)) as f64 / (after.rtp_out - before.rtp_out).max(1) as f64;
        measured.client_cpu_percent = (cpu_after - cpu_before).as_secs_f64() * 100.0 / seconds / own_cores;
        measured.client_late_ms_p99 = millis(tally.lateness.percentile(99.0));
        measured.failed_returns = u32::try_from(returns.iter().filter(|returned| returned.is_err()).count()).unwrap_or(u32::MAX);
        for error in returns.into_iter().filter_map(Result::err) {
            self.troubles.push(format!("somebody could not come back: {error}"));
        }
        Ok(())
    }
}

/// One line of progress.
fn line(measured: &Measured, met: Option<Limit>) -> String {
    let Measured { consultations, failed_joins, .. } = measured;
    let limit = met.map_or_else(String::new, |limit| format!("  ← {}", limit.word()));
    if *failed_joins > 0 {
        return format!("{consultations:>6} consultations: {failed_joins} people could not join{limit}");
    }
    format!(
        "{consultations:>6} consultations: loss {:.2} %, delay p99 {:.1} ms, join p95 {:.0} ms, picture p95 {:.0} ms, {:.0} kbit/s, server CPU {:.0} % ({:.2} µs a packet), \
         client CPU {:.0} %, late {:.1} ms{limit}",
        measured.loss_percent,
        measured.added_delay_ms_p99,
        measured.join_ms_p95,
        measured.picture_ms_p95,
        measured.picture_kbit_per_s,
        measured.server_cpu_percent,
        measured.server_cpu_us_per_packet,
        measured.client_cpu_percent,
        measured.client_late_ms_p99,
    )
}

fn p95(durations: impl Iterator<Item = Duration>) -> Duration {
    let mut sorted: Vec<_> = durations.collect();
    sorted.sort_unstable();
    sorted.get((sorted.len() * 95).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
