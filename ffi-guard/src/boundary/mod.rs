//! The border itself: what a declaration says, what an argument is, and the crossing.
//!
//! ```text
//! wrapper ── classify ──> Argument ──> Crossing::enter ── locate, ask each rule ──> C runs ──> Crossing::exit
//!                                            └── watch (level 2): what was lent ─────────────────┘
//! ```

mod after;
pub(crate) mod argument;
pub(crate) mod breach;
pub(crate) mod brief;
pub(crate) mod callback;
mod canary;
#[cfg(feature = "c-heap")]
mod chain;
pub mod classify;
mod copies;
pub(crate) mod count;
pub(crate) mod counted;
pub(crate) mod crossing;
pub(crate) mod declaration;
mod entry;
pub(crate) mod extent;
mod first;
mod holder;
pub(crate) mod kinds;
pub(crate) mod late;
mod leave;
pub(crate) mod lent_by;
pub(crate) mod loans;
mod log;
mod noted;
pub(crate) mod parked;
pub(crate) mod pending;
mod quick;
pub(crate) mod raise;
mod result;
mod returned;
pub(crate) mod shape;
mod snapshot;
pub(crate) mod stale;
mod taken;
pub(crate) mod thread;
pub(crate) mod thread_affinity;
mod under_way;
mod watch;
