//! `SIGABRT`: who is asked before a process ends by it, and who had it before.
//!
//! glibc ends a process that gives `free` or `realloc` what it did not give out: it prints a line
//! without the address, and calls `abort`. That is this thread's own doing, in the middle of a
//! call, so the handler may do what the call might have done, but for C's `malloc`, whose lock is
//! perhaps held.

pub(crate) use super::os::abort::install;

/// A thread that aborts the process.
#[derive(Debug)]
pub(crate) struct Abort {
    /// The registers, whatever they hold.
    pub(crate) registers: [usize; 16],
    /// Its stack pointer.
    pub(crate) sp: usize,
}
