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
//! | deciding | `inspect`, `clear`, `entry`, `words`, `chain`; `declared` at the first call |
//! | a call under way | `fast_path`, `loans`; `crossing`, `enter`, `exit_plan`, `watched_call`, `call_stack` |
//! | what C did | `retention_check`, `behind`, `holder`, `canary`, `snapshot`, `copies`, `result`, `promised`, `written`, `thread_affinity` |
//! | without an exit | `variadic` |
//! | from C | `callback`, `parked` |
//! | telling | `breach`, `raise`, `deferred`, `test_scope`, `last_look`, `log`, `statistics` |

mod behind;
pub(crate) mod breach;
mod call_stack;
pub(crate) mod callback;
mod canary;
#[cfg(feature = "c-heap")]
mod chain;
mod clear;
mod copies;
pub(crate) mod crossing;
mod declared;
pub(crate) mod deferred;
mod enter;
mod entry;
mod exit_plan;
pub(crate) mod fast_path;
mod filled;
mod holder;
pub(crate) mod inspect;
pub(crate) mod last_look;
mod lent_by_callback;
pub(crate) mod loans;
mod log;
pub(crate) mod parked;
mod promised;
pub(crate) mod raise;
mod result;
mod retention_check;
mod snapshot;
pub(crate) mod statistics;
pub(crate) mod test_scope;
pub(crate) mod thread_affinity;
pub(crate) mod variadic;
mod version;
pub(crate) mod watched_call;
mod words;
mod written;
