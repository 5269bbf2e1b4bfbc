//! `null_pointer`: a `nonnull` argument is null.
//!
//! C: `size_t len(const char *s) { return strlen(s); }`. Rust: `len(ptr::null())`.

use crate::call::target::{PointerArg, Target};
use crate::facts::Finding;

#[inline]
pub(crate) fn check(look: &PointerArg<'_>) -> Option<Finding> {
    (look.contract.is_nonnull() && matches!(look.target, Target::Null)).then_some(Finding::NullPointer)
}
