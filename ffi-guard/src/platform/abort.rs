//! `SIGABRT`: calls the guard before a process ends by it, then the handler that was there before.
//!
//! glibc ends a process that gives `free` or `realloc` an address it did not give out: it prints a
//! line without the address, and calls `abort`. This thread does that itself, in the middle of a
//! call, so the handler may do what the call might have done, except call C's `malloc`, whose lock
//! may be held.

pub(crate) use super::os::abort::install;

/// A thread that aborts the process.
#[derive(Debug)]
pub(crate) struct Abort {
    /// The registers, whatever they hold.
    #[cfg_attr(feature = "c-heap", allow(dead_code))]
    pub(crate) registers: [usize; 16],
    /// Its stack pointer.
    #[cfg_attr(feature = "c-heap", allow(dead_code))]
    pub(crate) sp: usize,
}
