//! `wrong_thread`: a `thread_bound` object of C is used on another thread than the one it came from.
//!
//! C: `struct window *open(void)`, which keeps what it knows of the window in a thread-local. Rust: a wrapper that is
//! `Send` because a raw pointer in it was made so by hand.

use crate::facts::{Finding, Got};

/// What is known of the object, and the thread that uses it.
pub(crate) fn check(got: Got, thread: u32) -> Option<Finding> {
    (got.thread != thread).then_some(Finding::WrongThread { got })
}
