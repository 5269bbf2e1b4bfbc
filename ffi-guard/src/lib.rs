//! A runtime checker for the border between Rust and C.

extern crate self as ffi_guard;

mod allocator;
mod boundary;
mod config;
mod heap;
mod level;
mod platform;
mod reentry;
mod report;
mod rule;
mod rules;
mod scan;

#[doc(hidden)]
#[path = "bench.rs"]
pub mod __bench;
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use allocator::GuardAlloc;
pub use boundary::shape::{Plain, Pointee};
pub use ffi_guard_macros::{Plain, Pointee, guard};
pub use report::violation::{Place, Violation};
pub use rule::{Rule, Severity, UnknownRule};
