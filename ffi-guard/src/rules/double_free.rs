//! `double_free`: memory is freed twice, on either side or once on each.
//!
//! C: `void done(char *s) { free(s); }`. Rust: `done(p); drop(CText::from_raw(p))`, or `Box::from_raw(p)` in two places.

use crate::facts::{Finding, Why, WrongFree};

/// `None` where the block is not freed yet.
pub(crate) fn check(wrong: &WrongFree) -> Option<Finding> {
    (wrong.why == Why::Freed).then(|| Finding::DoubleFree(Box::new(wrong.clone())))
}
