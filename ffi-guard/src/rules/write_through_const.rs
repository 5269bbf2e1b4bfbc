//! `write_through_const`: C changed memory that it was lent as `*const T` or `&T`.
//!
//! C: `int is_upper(const char *s)`, which casts the `const` away and upper-cases in place. Rust passed `&text`, and the compiler goes on with
//! what it had read before the call.

use super::field_path;
use crate::call::shape::TypeInfo;
use crate::facts::{Change, Finding};

/// C changed what it was lent to read.
pub(crate) fn check(change: &Change, info: &TypeInfo, extent: usize) -> Finding {
    let field = field_path(info, change.offset, info.size != 0 && extent > info.size);
    Finding::WriteThroughConst { change: *change, field }
}
