//! How much CPU time this process has taken, so that a load test knows when its own client is the limit. Linux, `/proc`; zero elsewhere.

use std::time::Duration;

/// Ticks of `/proc/<pid>/stat`: Linux shows them as hundredths of a second on every machine.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of all threads.
pub fn so_far() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold anything; utime and stime are the 12th and 13th field behind it.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// Files that this process may open, where the system tells.
pub fn open_files() -> Option<u32> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}
