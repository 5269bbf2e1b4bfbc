//! Faults: asks the owners of memory when a touch faults, then the handler that had the signal
//! before.
//!
//! There is one handler for `SIGSEGV` and `SIGBUS`. It asks each owner whether the address is
//! theirs. If it is not, the handler that was there before gets the signal, as if it had come to
//! it: Rust's own, which reports stack overflows, or a program's crash handler.
//!
//! Rust's runtime installs its handler only if there is none. So ours comes after it: at the first
//! block after it is installed, or at the first guarded call; in a program that does not begin in
//! Rust, after a number of blocks.
//!
//! Everything here may run in a signal handler: nothing is allocated, no lock is taken.

pub(crate) use super::os::fault::{add_owner, give_stack, in_a_copy, install, install_after_rust, pause};

/// A touch of memory without access.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// The first byte that could not be reached.
    pub(crate) address: usize,
    /// The kind of access.
    pub(crate) access: Access,
    /// The instruction that did it, with the stack pointer and the frame pointer it ran with.
    pub(crate) ip: usize,
    pub(crate) sp: usize,
    pub(crate) bp: usize,
    /// The register of a function's first argument, whatever it holds by now. 0 if that register is
    /// not known.
    #[cfg_attr(feature = "c-heap", allow(dead_code))]
    pub(crate) argument: usize,
}

/// The kind of access of an instruction to memory.
// Only x86-64 reports it: each other platform makes some of them.
#[allow(dead_code)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    Execute,
    /// The processor does not report it.
    Unknown,
}

/// An owner's answer to a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The address is not this owner's.
    NotMine,
    /// The address has access now: the instruction runs again.
    GoOn,
    /// The fault was reported. The process ends by the signal, as it would have without us.
    End,
}

/// True if faults can be caught here.
pub(crate) const SUPPORTED: bool = cfg!(faults);
