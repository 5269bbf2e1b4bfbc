//! The declarations of the program's guarded functions: a list of them, and each beside what C
//! really defines.
//!
//! ```text
//!  Declaration ── symbol ──> file (symbols) ── address ──> info (units) ── entry ──┐
//!       └── types ──> rust_type ────────────────────────────────────────────> compare ──> AbiMismatch
//! ```
//!
//! What debug information does not say is not compared, and counted.

mod beside;
mod c_type;
mod check;
mod clash;
mod compare;
mod each;
mod fields;
mod file;
mod info;
mod layout;
mod list;
mod names;
mod peek;
mod rust_type;
mod split;
mod structs;
mod summary;
#[cfg(all(test, globals))]
mod tests;

pub(crate) use beside::Beside;
pub use check::NotCompared;
pub(crate) use check::{Outcome, compare, second_copy};
pub(crate) use clash::clash;
pub(crate) use each::{Compared, ComparedResult, compare_each};
pub use list::{GuardedFunction, GuardedParameter, GuardedType, TypeClass, functions};
pub use summary::{Declarations, check_declarations};
