//! What the benches measure with: the CPU time of one thread, from the scheduler's own count, memory of a process, the median of rounds, a file for scripts.

#![allow(dead_code)] // each bench uses a part

use std::fs;
use std::path::Path;
use std::time::Duration;

/// The id of a thread of process `process` (`"self"` for this one) with this name, cut to the 15 characters that the system keeps. A thread names itself only
/// once it runs: waits for it.
pub fn thread_named(process: &str, name: &str) -> Option<u64> {
    let short: String = name.chars().take(15).collect();
    (0..5_000).find_map(|_| {
        let found = find(process, &short);
        if found.is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        found
    })
}

fn find(process: &str, short: &str) -> Option<u64> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let found = tasks.flatten().find(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == short));
    found?.file_name().to_string_lossy().parse().ok()
}

/// CPU time of a thread so far (`/proc/<process>/task/<id>/schedstat`, first field: nanoseconds on a CPU).
pub fn cpu_time(process: &str, thread: u64) -> Duration {
    let text = fs::read_to_string(format!("/proc/{process}/task/{thread}/schedstat")).unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(0))
}

/// Memory of a process that lies in RAM, in KiB.
pub fn resident_kib(process: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("");
    line.trim().split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(f64::NAN)
}

/// The middle of some figures.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// With so many digits behind the point.
pub fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// A number from the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Whether `--json` was asked for: then only JSON is printed.
pub fn wants_json() -> bool {
    std::env::args().any(|argument| argument == "--json")
}

/// Whether this part was asked for: all are unless the command line names some.
pub fn is_wanted(name: &str) -> bool {
    let mut named = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    named.peek().is_none() || named.any(|argument| argument == name)
}

/// Whether nothing was left out.
pub fn is_whole() -> bool {
    std::env::args().skip(1).all(|argument| argument.starts_with('-'))
}

/// Leaves figures in `target/bench/<name>.json`.
pub fn leave(name: &str, figures: &serde_json::Value) {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| format!("{}/target", env!("CARGO_MANIFEST_DIR")));
    let folder = Path::new(&target).join("bench");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.json")), format!("{figures:#}\n")).unwrap();
}
