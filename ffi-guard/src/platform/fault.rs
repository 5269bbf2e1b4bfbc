//! Faults: who is asked when memory is touched that has no access, and who had the signal before.
//!
//! One handler for `SIGSEGV` and `SIGBUS`. It asks the owners of memory whether the address is
//! theirs; if nobody's, the handler that was there before gets the signal, as if it had come to it:
//! Rust's own, which tells of stack overflows, or a program's crash handler.
//!
//! Rust's runtime installs its handler only where there is none. So ours comes after it: with the
//! first block that finds one installed, or at the first guarded call, and in a program that does
//! not begin in Rust after so many blocks.
//!
//! Everything here may run in a signal handler: nothing is allocated, no lock is taken.

pub(crate) use super::os::fault::{add_owner, give_stack, in_a_copy, install, install_after_rust, pause};

/// What touched memory without access.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// The first byte that could not be reached.
    pub(crate) address: usize,
    /// What was done.
    pub(crate) access: Access,
    /// The instruction that did it, with the stack pointer and the frame pointer it ran with.
    pub(crate) ip: usize,
    pub(crate) sp: usize,
    pub(crate) bp: usize,
    /// The register of a function's first argument, whatever it holds by now. 0 where it is not
    /// known which that is.
    #[cfg_attr(feature = "c-heap", allow(dead_code))]
    pub(crate) argument: usize,
}

/// What an instruction did with memory.
// x86-64 tells, others do not: each makes some of them.
#[allow(dead_code)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    Execute,
    /// The processor does not say.
    Unknown,
}

/// What an owner says to a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The address is not this owner's.
    NotMine,
    /// The address has access now: the instruction is run again.
    GoOn,
    /// It was told. The process ends by the signal, as it would have without us.
    End,
}

/// Whether faults can be caught here.
pub(crate) const SUPPORTED: bool = cfg!(faults);
