//! What Linux tells of a process under `/proc`, read from its text. Opens no file: the edges bring the text.

use std::time::Duration;

/// What `/proc/<pid>/stat` counts in: Linux shows hundredths of a second on every machine.
pub const TICK: Duration = Duration::from_millis(10);

/// User and system time of all threads, those that ended included, of `/proc/<pid>/stat`; zero where it is no such text.
pub fn cpu_time(stat: &str) -> Duration {
    // The name in brackets may hold anything; utime and stime are the 12th and 13th field behind it.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// Files that the process may open (the soft limit) of `/proc/<pid>/limits`; `None` where there is no limit.
pub fn open_files_max(limits: &str) -> Option<usize> {
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_any_name() {
        let stat = "7 (a) 1 (b) 2) S 1 7 7 0 -1 4194560 800 0 0 0 150 25 3 4 20 0 9 0 100 1 2";
        assert_eq!(cpu_time(stat), 175 * TICK);
        assert_eq!(cpu_time(""), Duration::ZERO);
    }

    #[test]
    fn the_soft_limit_of_files_is_found_and_unlimited_is_none() {
        let limits = "Limit Soft Limit Hard Limit Units\nMax processes             10 10 processes\nMax open files            1024                 524288               files\n";
        assert_eq!(open_files_max(limits), Some(1024));
        assert_eq!(open_files_max("Max open files            unlimited unlimited files\n"), None);
        assert_eq!(open_files_max(""), None);
    }
}
