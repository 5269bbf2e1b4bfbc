//! `buffer_overflow`: C wrote before the start or past the end of a Rust block.
//!
//! C: `void name(char *out, size_t n)`, which writes `n` characters and a NUL. Rust: a `Vec` of `n` bytes. The one byte too many lands in
//! whatever lies behind, and nothing happens until that is read.

use crate::facts::{Finding, Overwritten};
use crate::heap::Damage;

/// The canary of a block is damaged.
pub(crate) fn check(damage: &Damage, overwritten: Overwritten) -> Finding {
    Finding::BufferOverflow { damage: *damage, overwritten }
}
