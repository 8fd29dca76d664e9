//! What this process takes and may take, so that a load test knows when its own client is the limit (Linux; zero and nothing elsewhere).

use std::fs;
use std::time::Duration;

use crate::linux;

/// User and system time of all threads.
pub fn so_far() -> Duration {
    linux::cpu_time(&fs::read_to_string("/proc/self/stat").unwrap_or_default())
}

/// Files that this process may open, where the system tells.
pub fn open_files() -> Option<u32> {
    linux::open_files_max(&fs::read_to_string("/proc/self/limits").ok()?)?.try_into().ok()
}
