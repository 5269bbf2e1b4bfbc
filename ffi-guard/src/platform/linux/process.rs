//! The process, as Linux lists it.

pub(crate) use crate::platform::unix::process::{Errno, append, at_exit, env, exit_now, write_stderr};

/// How many threads the process has; `None` where `/proc` does not tell. (Not by listing the folder
/// of tasks: `opendir` calls C's `malloc`, which a signal handler may have come in the middle of.)
pub(crate) fn thread_count() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("Threads:"))?.trim().parse().ok()
}
