//! The crossing: a call from Rust into C, and one from C into Rust.
//!
//! ```text
//!  wrapper ── inspect ── plainly in order ──> fast_path ─────────────────> C ──> FastCall::exit
//!                └─ no ──> crossing ── enter: entry asks the rules ──> C ──> exit_plan
//!  C ──> callback ── inspect, or the rules ──> the program's function ──> result ──> C
//! ```
//! docs/design/boundary.md draws every way, with its reason and its worth.
//!
//! | what | files |
//! | --- | --- |
//! | deciding | `inspect`, `clear`, `entry`, `words`, `chain`; `declared` and `version` at the first call |
//! | a call under way | `fast_path`, `loans`; `crossing`, `enter`, `exit_plan`, `watched_call` |
//! | what C did | `retention_check`, `behind`, `holder`, `canary`, `snapshot`, `copies`, `thread_affinity`; and `answers`, a folder below |
//! | without an exit | `variadic` |
//! | from C | `callback`, `parked` |
//! | beside it | `log`, `statistics` |

mod behind;
pub(crate) mod callback;
mod canary;
#[cfg(feature = "c-heap")]
mod chain;
mod clear;
mod copies;
pub(crate) mod crossing;
mod declared;
mod enter;
mod entry;
mod exit_plan;
pub(crate) mod fast_path;
mod holder;
pub(crate) mod inspect;
pub(crate) mod loans;
mod log;
pub(crate) mod parked;
mod retention_check;
mod snapshot;
pub(crate) mod statistics;
pub(crate) mod thread_affinity;
pub(crate) mod variadic;
mod version;
pub(crate) mod watched_call;
mod words;
