//! `alloc_dealloc_mismatch`: memory is freed by the side that did not allocate it, or as another
//! block than it is.
//!
//! C: `void done(char *s) { free(s); }`. Rust: `done(CString::new(s)?.into_raw())`, or
//! `Box::from_raw(p)` of what C's `malloc` returned, or `Box::from_raw(p.cast::<u64>())` of a block
//! of 40 bytes. With one `malloc` below both it works, until it does not.
//!
//! Found by the allocators before they free (`allocator.rs`, `c_heap/`), by glibc's own abort
//! (`refusal/aborted.rs`) and by a page fault in `free` (`paged/freeing.rs`); [`check`] is asked in
//! `refusal.rs`. The words are in `wrong_free.rs`.

use crate::facts::{Finding, Why, WrongFree};

/// `None` if the block is freed already, which is another rule.
pub(crate) fn check(wrong: &WrongFree) -> Option<Finding> {
    (wrong.why != Why::Freed).then(|| Finding::AllocDeallocMismatch(Box::new(wrong.clone())))
}
