//! The border itself: what a declaration says, what an argument is, and the crossing.
//!
//! ```text
//! wrapper ── classify ──> Argument ──> Crossing::enter ── locate, ask each rule ──> C runs ──> Crossing::exit
//!                                            └── watch (level 2): what was lent ─────────────────┘
//! ```

pub(crate) mod breach;
mod call_stack;
pub(crate) mod callback;
mod canary;
#[cfg(feature = "c-heap")]
mod chain;
mod copies;
pub(crate) mod crossing;
pub(crate) mod deferred;
mod enter;
mod entry;
mod exit_plan;
pub(crate) mod fast_path;
mod holder;
pub(crate) mod inspect;
pub(crate) mod loans;
mod log;
pub(crate) mod parked;
pub(crate) mod raise;
mod resolve_mode;
mod result;
mod retention_check;
mod snapshot;
pub(crate) mod statistics;
pub(crate) mod thread_affinity;
pub(crate) mod watched_call;
