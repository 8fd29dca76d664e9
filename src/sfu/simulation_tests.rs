//! Calls over grids of bad lines, and what must hold in each of them. `VISAVIS_SIMULATIONS=10000` for the long form; `VISAVIS_SIMULATION=<seed>,…` repeats some;
//! `VISAVIS_PLOTS=<folder>` writes the figures of some calls as CSV and SVG.

#![cfg(test)]

use super::quality::{LineQuality, Quality};
use super::seed::Seed;
use super::simulation::{CAMERA_MOST, SMALL_MOST, Seat, Simulation, Tenth};
use super::simulation_line::Line;
use super::simulation_plots::{csv, svg};

const SECONDS: u64 = 70;

/// How the receiver's line changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pattern {
    Stable,
    /// To a fifth or less at 20 s, back at 45 s.
    Collapse,
    /// Others come and go each eight seconds and take half.
    Cross,
    /// Nothing passes for three seconds.
    Outage,
}

#[derive(Debug, Clone)]
struct Scenario {
    seed: u64,
    rate: u64,
    low: u64,
    pattern: Pattern,
    loss: u64,
    burst: u64,
    delay_ms: u64,
    jitter_ms: u64,
    queue_ms: u64,
    feedback_ms: u64,
}

impl Scenario {
    fn of(number: u64) -> Self {
        let mut seed = Seed(number);
        let mut pick = |choices: &[u64]| choices[(seed.draw() % choices.len() as u64) as usize];
        let rate = pick(&[150_000, 300_000, 500_000, 800_000, 1_200_000, 2_000_000, 4_000_000, 10_000_000]);
        let pattern =
            [Pattern::Stable, Pattern::Stable, Pattern::Collapse, Pattern::Cross, Pattern::Outage][pick(&[0, 1, 2, 3, 4]) as usize];
        Self {
            seed: number,
            rate,
            low: (rate / pick(&[5, 8, 13])).max(150_000),
            pattern,
            loss: pick(&[0, 0, 0, 5, 20, 50, 100]),
            burst: pick(&[1, 1, 4]),
            delay_ms: pick(&[5, 20, 50, 100, 200, 400]),
            jitter_ms: pick(&[0, 0, 5, 20, 50]),
            queue_ms: pick(&[200, 500, 1_000, 1_500]),
            feedback_ms: pick(&[50, 100]),
        }
    }

    fn seats(&self) -> Vec<Seat> {
        let rates = match self.pattern {
            Pattern::Stable => vec![(0, self.rate)],
            Pattern::Collapse => vec![(0, self.rate), (20_000, self.low), (45_000, self.rate)],
            Pattern::Cross => (0..9).map(|n| (n * 8_000, if n % 2 == 0 { self.rate } else { (self.rate / 2).max(150_000) })).collect(),
            Pattern::Outage => vec![(0, self.rate), (20_000, 0), (23_000, self.rate)],
        };
        let down = Line {
            rates,
            loss: self.loss,
            burst: self.burst,
            jitter_ms: self.jitter_ms,
            queue_ms: self.queue_ms,
            ..Line::clean(0, self.delay_ms)
        };
        let up = Line { loss: self.loss, jitter_ms: self.jitter_ms, ..Line::clean(10_000_000, self.delay_ms) };
        let good = || Line::clean(20_000_000, 10);
        vec![Seat { up: good(), down: good(), feedback_ms: 100 }, Seat { up, down, feedback_ms: self.feedback_ms }]
    }

    /// What a perfect judge would send, in bits a second.
    fn possible(&self, rate: u64) -> f64 {
        (rate as f64).min(CAMERA_MOST + 70_000.0)
    }
}

fn call(scenario: &Scenario) -> (Vec<Tenth>, u64) {
    let mut simulation = Simulation::new(scenario.seed, scenario.seats());
    simulation.run(SECONDS);
    (simulation.tenths[1].clone(), simulation.digest)
}

fn mean(tenths: &[Tenth], pick: impl Fn(&Tenth) -> u64) -> f64 {
    tenths.iter().map(pick).sum::<u64>() as f64 / tenths.len().max(1) as f64
}

fn quantile(tenths: &[Tenth], share: f64, pick: impl Fn(&Tenth) -> u64) -> u64 {
    let mut values: Vec<u64> = tenths.iter().map(pick).collect();
    values.sort_unstable();
    values[((values.len() - 1) as f64 * share) as usize]
}

/// The longest run of tenths for which something holds.
fn longest(tenths: &[Tenth], holds: impl Fn(&Tenth) -> bool) -> usize {
    let mut best = 0;
    let mut run = 0;
    for tenth in tenths {
        run = if holds(tenth) { run + 1 } else { 0 };
        best = best.max(run);
    }
    best
}

/// What one call came to.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    /// Tenths for which packets waited longer than the bound in one go.
    standing: usize,
    /// The longest time without sound, after two seconds of beginning.
    silence_ms: u64,
    /// Share of what the line could have carried, once settled.
    used: f64,
    /// How long packets waited in nineteen of twenty tenths, once settled.
    waits_ms: u64,
    /// Tenths until 70 % of what flowed before a collapse flowed again.
    back: Option<usize>,
    /// Share of the tenths without a picture for longer than half a second.
    frozen: f64,
}

const QUEUE_BOUND_MS: u64 = 400;

impl Outcome {
    fn of(scenario: &Scenario, tenths: &[Tenth]) -> Self {
        let settled = &tenths[150..];
        let before = mean(&tenths[150..200], |tenth| tenth.delivered);
        let back = (450..SECONDS as usize * 10 - 10).find(|from| mean(&tenths[*from..from + 10], |tenth| tenth.delivered) >= 0.7 * before);
        Self {
            standing: longest(tenths, |tenth| tenth.queue_ms > QUEUE_BOUND_MS),
            silence_ms: tenths[20..].iter().map(|tenth| tenth.silence_ms).max().unwrap_or(0),
            used: mean(settled, |tenth| tenth.delivered) / scenario.possible(scenario.rate),
            waits_ms: quantile(settled, 0.95, |tenth| tenth.queue_ms),
            back: back.map(|at| at - 450),
            frozen: mean(settled, |tenth| u64::from(tenth.frozen_ms > 500)),
        }
    }

    /// Which promises were broken, in words.
    fn faults(&self, scenario: &Scenario) -> Vec<String> {
        let mut faults = Vec::new();
        let round_trip = 2 * scenario.delay_ms;
        // Whatever the line does, packets do not stand in it for long. A flood is seen a round trip after it began, ends another one later, and what came until
        // then takes its time to leave.
        if self.standing as u64 * 100 > 3_000 + 4 * round_trip {
            faults.push(format!("packets wait more than {QUEUE_BOUND_MS} ms for {} tenths", self.standing));
        }
        let outage = if scenario.pattern == Pattern::Outage { 3_200 } else { 0 };
        // What floods a long line before anybody can know of it takes sound with it.
        let long = round_trip.saturating_sub(300);
        if self.silence_ms > 500 + scenario.jitter_ms + outage + long {
            faults.push(format!("no sound for {} ms", self.silence_ms));
        }
        // Loss that is the line's own takes its share, and repairs take theirs.
        let clean = scenario.loss <= 20;
        let air = scenario.loss as f64 / 1_000.0;
        if scenario.pattern == Pattern::Stable && scenario.rate >= 300_000 && clean {
            // With a round trip of 800 ms everything that is tried out is known a second later.
            let share = if round_trip > 400 { 0.75 } else { 0.85 };
            if self.used < share * (1.0 - air) {
                faults.push(format!("{:.3} of a stable line used", self.used));
            }
            if self.waits_ms > 150 + round_trip.saturating_sub(400) / 4 {
                faults.push(format!("packets wait {} ms (p95) on a stable line", self.waits_ms));
            }
        }
        if scenario.pattern == Pattern::Collapse && clean && self.back.is_none_or(|took| took as u64 * 100 > 10_000 + round_trip) {
            faults.push(format!("not back at 70 % ten seconds after a collapse ({:?} tenths)", self.back));
        }
        faults
    }

    const HEAD: &str = "seed,pattern,rate,low,loss_per_mille,burst,delay_ms,jitter_ms,queue_ms,feedback_ms,used,waits_ms_p95,standing_tenths,silence_ms,back_tenths,frozen,faults\n";

    fn row(&self, s: &Scenario) -> String {
        let back = self.back.filter(|_| s.pattern == Pattern::Collapse).map_or(String::new(), |back| back.to_string());
        format!(
            "{},{:?},{},{},{},{},{},{},{},{},{:.3},{},{},{},{},{:.3},{}\n",
            s.seed,
            s.pattern,
            s.rate,
            s.low,
            s.loss,
            s.burst,
            s.delay_ms,
            s.jitter_ms,
            s.queue_ms,
            s.feedback_ms,
            self.used,
            self.waits_ms,
            self.standing,
            self.silence_ms,
            back,
            self.frozen,
            self.faults(s).len()
        )
    }
}

fn check(numbers: impl IntoIterator<Item = u64>) {
    let numbers: Vec<u64> = numbers.into_iter().collect();
    let count = numbers.len();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let (broken, rows) = (std::sync::Mutex::new(Vec::new()), std::sync::Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                while let Some(number) = numbers.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)).copied() {
                    let scenario = Scenario::of(number);
                    let outcome = Outcome::of(&scenario, &call(&scenario).0);
                    rows.lock().unwrap().push((number, outcome.row(&scenario)));
                    let faults = outcome.faults(&scenario);
                    if !faults.is_empty() {
                        broken.lock().unwrap().push(format!("{scenario:?}: {}", faults.join("; ")));
                    }
                }
            });
        }
    });
    if let Ok(folder) = std::env::var("VISAVIS_PLOTS")
        && count > 1
    {
        let mut rows = rows.into_inner().unwrap();
        rows.sort();
        let text: String = rows.into_iter().map(|(_, row)| row).collect();
        std::fs::write(format!("{folder}/grid.csv"), Outcome::HEAD.to_owned() + &text).unwrap();
    }
    let broken = broken.into_inner().unwrap();
    assert!(broken.is_empty(), "{} of {count} calls:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn no_call_of_the_small_grid_breaks_a_promise() {
    check(1..=SMALL);
}

const SMALL: u64 = 10;

/// What each of them showed once: the tries above a full line raced ahead of what came through (116, 136, 549, 612, 685, 952); probes that found room kept pictures
/// at rest (538); one span of a line that shakes was taken for a collapse (571); a probe was put on a second of queue, since the feedback that told of it was lost
/// (333); a line that shakes was used too little (77, 200, 551, 672); questions for what the other way lost filled a narrow line, since each was said ten times before
/// an answer could come (2767, 7132, 8815).
const BROKEN_ONCE: [u64; 16] = [77, 116, 136, 200, 333, 538, 549, 551, 571, 612, 672, 685, 952, 2_767, 7_132, 8_815];

#[test]
fn no_call_that_broke_a_promise_once_does_so_again() {
    check(BROKEN_ONCE);
}

/// A good line for the first person, this one down to the second.
fn alone(seed: u64, rates: Vec<(u64, u64)>) -> Simulation {
    let good = || Line::clean(20_000_000, 10);
    let down = Line { rates, ..Line::clean(0, 40) };
    let seats = vec![Seat { up: good(), down: good(), feedback_ms: 100 }, Seat { up: Line::clean(10_000_000, 40), down, feedback_ms: 100 }];
    Simulation::new(seed, seats)
}

#[test]
fn a_line_for_sound_alone_shows_no_picture_says_so_and_shows_it_again_when_it_can() {
    let mut simulation = alone(1, vec![(0, 1_000_000), (15_000, 105_000), (40_000, 1_000_000)]);
    simulation.run(60);
    let tenths = &simulation.tenths[1];
    let bad = &tenths[200..400];
    assert!(bad.iter().all(|tenth| tenth.silence_ms < 300), "sound goes on");
    assert!(mean(bad, |tenth| u64::from(tenth.frames)) < 0.2, "no picture");
    assert!(quantile(bad, 0.95, |tenth| tenth.queue_ms) < 150);
    let back = tenths[400..].iter().position(|tenth| tenth.frames > 1).unwrap();
    assert!(back < 60, "the picture is back after {back} tenths");
    let poor = |(ms, who, line): &(u64, crate::ids::ParticipantId, LineQuality)| {
        (*who == crate::ids::ParticipantId(1) && line.downlink == Quality::Poor).then_some(*ms)
    };
    let told = simulation.told.iter().find_map(poor).unwrap();
    assert!((15_000..18_000).contains(&told), "told at {told} ms");
    let last = simulation.told.iter().rfind(|(_, who, _)| who.0 == 1).unwrap();
    assert!(last.2.downlink == Quality::Good, "{last:?}");
}

#[test]
fn the_source_is_asked_to_send_less_within_two_feedbacks_of_a_collapse() {
    let mut simulation = alone(2, vec![(0, 2_000_000), (20_000, 400_000)]);
    simulation.run(25);
    let tenths = &simulation.tenths[1];
    assert!(tenths[199].lid > 1_500_000, "{}", tenths[199].lid);
    let cut = tenths[200..].iter().position(|tenth| tenth.lid < 700_000).unwrap();
    assert!(cut <= 3, "after {cut} tenths");
}

#[test]
fn who_does_not_take_the_message_is_told_by_remb() {
    for seed in 1..=8 {
        let mut simulation = alone(seed, vec![(0, 2_000_000), (20_000, 400_000)]);
        simulation.deafen(0);
        simulation.run(40);
        let tenths = &simulation.tenths[1];
        assert_eq!(tenths[190].lid, 0, "nothing is asked for while everything fits");
        let settled = &tenths[300..];
        let (lid, delivered) = (mean(settled, |tenth| tenth.lid), mean(settled, |tenth| tenth.delivered));
        assert!(lid > 0.0 && lid < 450_000.0 && delivered > 250_000.0, "seed {seed}: {lid}, {delivered}");
        // A picture that comes back each two seconds and floods the line would be forgiven for its key frame.
        let waits = quantile(settled, 0.95, |tenth| tenth.queue_ms);
        assert!(waits < 200, "seed {seed}: {waits} ms");
    }
}

#[test]
fn who_tells_nothing_of_packets_is_judged_by_reports_alone() {
    let mut simulation = alone(3, vec![(0, 2_000_000), (15_000, 300_000)]);
    simulation.mute_feedback(1);
    simulation.run(30);
    let tenths = &simulation.tenths[1];
    assert!(tenths.iter().all(|tenth| tenth.estimate == 0), "no estimate");
    assert_eq!(tenths[140].lid, 0, "no lid on a good line");
    // The lid saws: it rises until reports tell of loss again.
    let bad = &tenths[200..300];
    assert!(bad.iter().all(|tenth| tenth.lid > 0));
    assert!(mean(bad, |tenth| tenth.lid) < 600_000.0, "{}", mean(bad, |tenth| tenth.lid));
}

/// Four people with cameras of two encodings; the line down to the fourth is this one.
fn four(seed: u64, rates: Vec<(u64, u64)>) -> Simulation {
    let good = || Seat { up: Line::clean(10_000_000, 15), down: Line::clean(20_000_000, 15), feedback_ms: 100 };
    let narrow = Seat { down: Line { rates, queue_ms: 500, ..Line::clean(0, 25) }, ..good() };
    Simulation::with(seed, vec![good(), good(), good(), narrow], &[CAMERA_MOST, SMALL_MOST])
}

#[test]
fn of_four_people_the_narrow_line_gets_small_pictures_and_nobody_else_pays_for_it() {
    for seed in [1, 7] {
        let mut simulation = four(seed, vec![(0, 10_000_000), (20_000, 400_000), (45_000, 10_000_000)]);
        simulation.run(70);
        let frames = |tenth: &Tenth| u64::from(tenth.frames);
        let small = |tenth: &Tenth| u64::from(tenth.small);
        for (who, tenths) in simulation.tenths.iter().enumerate() {
            let begun = &tenths[150..200];
            assert!(mean(begun, frames) > 8.0 && mean(begun, small) < 0.1, "seed {seed}, {who}: {} frames", mean(begun, frames));
        }
        for (who, tenths) in simulation.tenths[..3].iter().enumerate() {
            let during = &tenths[230..450];
            assert!(mean(during, small) < 0.2, "seed {seed}, {who} gets small pictures: {}", mean(during, small));
            assert!(during.iter().all(|tenth| tenth.stands_ms < 300), "seed {seed}, {who} freezes");
        }
        let narrow = &simulation.tenths[3];
        let during = &narrow[300..450];
        assert!(
            mean(during, small) > 7.0 && mean(during, frames) - mean(during, small) < 0.1,
            "seed {seed}: {} small",
            mean(during, small)
        );
        assert!(during.iter().all(|tenth| tenth.stands_ms < 500), "seed {seed}: a small picture freezes");
        assert!(narrow[220..450].iter().all(|tenth| tenth.silence_ms < 500), "seed {seed}: sound");
        let (carried, waits) = (mean(during, |tenth| tenth.delivered), quantile(during, 0.95, |tenth| tenth.queue_ms));
        assert!(carried > 340_000.0 && waits < 300, "seed {seed}: {carried} bit/s, {waits} ms of queue");
        let back = narrow[450..].iter().position(|tenth| tenth.frames > 6 && tenth.small == 0).unwrap_or(250);
        assert!(back < 200, "seed {seed}: large again after {back} tenths");
        let gap = narrow[450..].iter().map(|tenth| tenth.stands_ms).max();
        assert!(gap < Some(250), "seed {seed}: a switch up costs {gap:?} ms");
    }
}

/// A line that carries everything, and loses five of a hundred packets in holes of so many.
fn lossy(seed: u64, burst: u64) -> Scenario {
    Scenario {
        seed,
        rate: 4_000_000,
        low: 150_000,
        pattern: Pattern::Stable,
        loss: 50,
        burst,
        delay_ms: 40,
        jitter_ms: 0,
        queue_ms: 1_000,
        feedback_ms: 100,
    }
}

#[test]
fn holes_of_four_packets_are_not_taken_for_a_small_line() {
    for seed in 1..=8 {
        let tenths = call(&lossy(seed, 4)).0;
        let least = tenths[100..].chunks(10).map(|second| mean(second, |tenth| tenth.estimate)).fold(f64::INFINITY, f64::min);
        assert!(least > 2_500_000.0, "seed {seed}: a line of 4 Mbit/s was taken for one of {least:.0}");
    }
}

#[test]
fn a_line_that_fell_to_what_a_small_picture_needs_is_found_again_within_ten_seconds() {
    for (seed, rate, queue_ms) in [(738, 2_000_000, 1_500), (789, 2_000_000, 1_000), (863, 4_000_000, 1_500), (955, 2_000_000, 200)] {
        let scenario = Scenario { rate, low: 250_000, pattern: Pattern::Collapse, loss: 0, queue_ms, ..lossy(seed, 1) };
        let outcome = Outcome::of(&scenario, &call(&scenario).0);
        assert!(outcome.back.is_some_and(|tenths| tenths <= 100), "seed {seed}: {outcome:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_octets() {
    let scenario = Scenario::of(5);
    let (once, twice) = (call(&scenario), call(&scenario));
    assert!(once == twice);
    assert!(call(&Scenario { seed: 6, ..scenario }).1 != once.1);
}

#[test]
fn no_call_of_the_long_form_breaks_a_promise() {
    if let Ok(numbers) = std::env::var("VISAVIS_SIMULATION") {
        return check(numbers.split(',').map(|number| number.parse().unwrap()));
    }
    let Ok(count) = std::env::var("VISAVIS_SIMULATIONS") else { return };
    check(1..=count.parse().unwrap());
}

#[test]
fn figures_are_written_where_somebody_wants_them() {
    let Ok(folder) = std::env::var("VISAVIS_PLOTS") else { return };
    let write = |name: &str, title: &str, tenths: &[Tenth]| {
        std::fs::write(format!("{folder}/{name}.csv"), csv(tenths)).unwrap();
        std::fs::write(format!("{folder}/{name}.svg"), svg(title, tenths)).unwrap();
    };
    if let Some(number) = std::env::var("VISAVIS_SIMULATION").ok().and_then(|number| number.parse().ok()) {
        let scenario = Scenario::of(number);
        return write(&number.to_string(), &format!("{scenario:?}").replace(['<', '&'], ""), &call(&scenario).0);
    }
    let plain = Scenario {
        seed: 1,
        rate: 2_000_000,
        low: 150_000,
        pattern: Pattern::Stable,
        loss: 0,
        burst: 1,
        delay_ms: 40,
        jitter_ms: 0,
        queue_ms: 1_000,
        feedback_ms: 100,
    };
    let calls = [
        ("collapse", "2 Mbit/s, 150 kbit/s from 20 s to 45 s, round trip 80 ms", Scenario { pattern: Pattern::Collapse, ..plain.clone() }),
        ("stable", "1 Mbit/s, round trip 80 ms", Scenario { rate: 1_000_000, ..plain.clone() }),
        (
            "cross",
            "1.2 Mbit/s, of which others take half every eight seconds",
            Scenario { rate: 1_200_000, pattern: Pattern::Cross, ..plain.clone() },
        ),
        ("loss", "10 % random loss each way on 4 Mbit/s, round trip 80 ms", Scenario { rate: 4_000_000, loss: 100, ..plain.clone() }),
        ("outage", "nothing passes from 20 s to 23 s", Scenario { pattern: Pattern::Outage, ..plain }),
    ];
    for (name, title, scenario) in calls {
        write(name, title, &call(&scenario).0);
    }
    let mut simulation = alone(1, vec![(0, 1_000_000), (15_000, 105_000), (40_000, 1_000_000)]);
    simulation.run(60);
    write("sound-alone", "1 Mbit/s, 105 kbit/s from 15 s to 40 s: the picture rests, sound goes on", &simulation.tenths[1]);
}
