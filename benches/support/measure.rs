//! What the bench measures with: the CPU time of one thread, from the scheduler's own count, and the median of rounds.

use std::fs;
use std::time::Duration;

/// The id of this process' thread with this name, cut to the 15 characters that the system keeps. A thread names itself only once it runs: waits for it.
pub fn thread_named(name: &str) -> Option<u64> {
    let short: String = name.chars().take(15).collect();
    (0..5_000).find_map(|_| {
        let found = find(&short);
        if found.is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        found
    })
}

fn find(short: &str) -> Option<u64> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    let found = tasks.flatten().find(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == short));
    found?.file_name().to_string_lossy().parse().ok()
}

/// CPU time of a thread so far (`/proc/self/task/<id>/schedstat`, first field: nanoseconds on a CPU).
pub fn cpu_time(thread: u64) -> Duration {
    let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(0))
}

/// The middle of some figures.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
