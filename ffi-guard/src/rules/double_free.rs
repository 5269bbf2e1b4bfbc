//! `double_free`: memory is freed twice, on either side or once on each.
//!
//! C: `void done(char *s) { free(s); }`. Rust: `done(p); drop(CText::from_raw(p))`, or
//! `Box::from_raw(p)` in two places.
//!
//! Found by the probes of `alloc_dealloc_mismatch`; [`check`] is asked in `refusal.rs`. The words
//! are in `wrong_free.rs`.

use crate::facts::{Finding, Why, WrongFree};

/// `None` if the block is not freed yet.
pub(crate) fn check(wrong: &WrongFree) -> Option<Finding> {
    (wrong.why == Why::Freed).then(|| Finding::DoubleFree(Box::new(wrong.clone())))
}
