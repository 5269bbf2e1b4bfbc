//! A runtime checker for the border between Rust and C.

extern crate self as ffi_guard;

mod allocator;
mod boundary;
mod config;
mod gate;
mod heap;
mod level;
mod own;

mod platform;
mod reentry;
mod report;
mod retention;
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
pub use boundary::late::checkpoint;
pub use boundary::raise::catch;
pub use boundary::shape::{Plain, Pointee};
pub use ffi_guard_macros::{Plain, Pointee, guard};
pub use level::{Level, LevelError, level, set_level};
pub use report::deliver::set_report_hook;
pub use report::face::Block;
pub use report::frames::Frame;
pub use report::violation::{Place, Violation};
pub use rule::{Rule, Severity, UnknownRule};
