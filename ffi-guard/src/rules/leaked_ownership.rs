//! `leaked_ownership`: memory given to C (`owned`) was neither freed nor handed back by the end.
//!
//! C: `int open_db(const char *name)`, which copies the name and frees nothing. Rust: `open_db(CString::into_raw(name))`, as Go's
//! `C.CString` without its `C.free`: nobody has it any more.

use crate::facts::Finding;

/// So many blocks, of so many bytes in all, that one call of the program gave away; `None` where there are none.
pub(crate) fn check(blocks: usize, bytes: usize) -> Option<Finding> {
    (blocks > 0).then_some(Finding::LeakedOwnership { blocks, bytes })
}
