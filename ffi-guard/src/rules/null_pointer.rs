//! `null_pointer`: a `nonnull` argument is null.
//!
//! C: `size_t len(const char *s) { return strlen(s); }`. Rust: `len(ptr::null())`.

use super::{Located, Look};
use crate::report::violation::Finding;

#[inline]
pub(crate) fn check(look: &Look<'_>) -> Option<Finding> {
    (look.contract.is_nonnull() && matches!(look.located, Located::Null)).then_some(Finding::NullPointer)
}
