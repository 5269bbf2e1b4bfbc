//! The process, as Linux lists it.

pub(crate) use crate::platform::unix::process::{
    Errno, append, at_exit, close_stderr, env, exit_now, has_no_reader, signal_of, write_stderr,
};

/// The number of threads of the process; `None` if `/proc` does not show it. (Not by listing the
/// folder of tasks: `opendir` calls C's `malloc`, which a signal handler may have interrupted.)
pub(crate) fn thread_count() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("Threads:"))?.trim().parse().ok()
}
