//! The border itself: what a declaration says, what an argument is, and the crossing.
//!
//! ```text
//! wrapper ── classify ──> Argument ──> Crossing::enter ── locate, ask each rule ──> C runs ──> Crossing::exit
//!                                            └── watch (level 2): what was lent ─────────────────┘
//! ```

mod after;
pub(crate) mod bound;
pub(crate) mod breach;
pub(crate) mod brief;
pub(crate) mod callback;
mod canary;
#[cfg(feature = "c-heap")]
mod chain;
mod copies;
pub(crate) mod counted;
pub(crate) mod crossing;
mod entry;
mod first;
mod holder;
mod in_flight;
pub(crate) mod late;
mod leave;
pub(crate) mod loans;
mod log;
mod noted;
pub(crate) mod parked;
pub(crate) mod pending;
mod quick;
pub(crate) mod raise;
mod result;
mod returned;
mod snapshot;
pub(crate) mod stale;
mod taken;
mod under_way;
mod watch;
