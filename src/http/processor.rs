//! How much CPU time this process has taken, as the system counts it (Linux, `/proc`). Knows nothing of what it was spent on but the names of threads.

use std::fs;
use std::time::Duration;

use crate::linux;

/// User and system time of all threads, those that ended included; zero where the system does not say.
pub(super) fn of_process() -> Duration {
    linux::cpu_time(&fs::read_to_string("/proc/self/stat").unwrap_or_default())
}

/// The same of the living threads of these names, to the nanosecond.
pub(super) fn of_threads(names: &[String]) -> Duration {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let ours = tasks
        .flatten()
        .filter(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|name| names.iter().any(|wanted| wanted == name.trim_end())));
    let nanoseconds = ours.filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Cores that this process may use at once.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::TICK;

    #[test]
    fn work_is_seen_in_process_and_thread() {
        let names = [String::from("toil-1")];
        let worker = std::thread::Builder::new().name(names[0].clone()).spawn(move || {
            let (process, thread, begin) = (of_process(), of_threads(&names), std::time::Instant::now());
            while of_process() < process + 5 * TICK && begin.elapsed() < Duration::from_secs(60) {
                std::hint::black_box((0..100_000_u64).sum::<u64>());
            }
            (of_process() - process, of_threads(&names) - thread)
        });
        let (process, thread) = worker.unwrap().join().unwrap();
        assert!(process >= 5 * TICK && thread > Duration::ZERO && thread <= process + 2 * TICK, "{process:?} {thread:?}");
        assert_eq!(of_threads(&[String::from("toil")]), Duration::ZERO);
    }
}
