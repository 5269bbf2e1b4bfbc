//! From what a rule found to whoever is told: the severity, the facts around it, and the way out.
//!
//! ```text
//!  Finding ── breach: severity, facts ──> report
//!                └─ must not go on ──> Stop ── raise: unwinds, to the caller or to `catch`
//! ```
//!
//! What is found after its call comes from `deferred`, at the end of a test from `test_scope`, and
//! when the process is about to die from `last_look`.

pub(crate) mod breach;
pub(crate) mod deferred;
pub(crate) mod last_look;
pub(crate) mod raise;
pub(crate) mod test_scope;
