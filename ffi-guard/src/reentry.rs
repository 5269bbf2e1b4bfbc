//! Stand-in for the mark that an allocation is the guard's own, until the real one is merged.
#![allow(dead_code)]

/// While it lives, what this thread allocates is the guard's own.
#[derive(Debug)]
pub(crate) struct Reentry;

impl Reentry {
    /// Marks this thread.
    pub(crate) fn enter() -> Reentry {
        Reentry
    }
}
