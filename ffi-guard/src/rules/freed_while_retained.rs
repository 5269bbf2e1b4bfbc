//! `freed_while_retained`: Rust frees or moves memory that is pinned, or that C was allowed to keep and still holds.
//!
//! C: `static void *listener; void set_listener(void *user) { listener = user; }`, declared `#[guard(retained)]`. Rust:
//! `set_listener(state.as_ptr()); drop(state);`, or `state.push(1)`, by which a `Vec` moves: C was allowed to keep the
//! pointer, and now it leads nowhere.

use std::panic::Location;

use super::held;
use crate::facts::{Finding, Promise};
use crate::scan::Hit;

/// The block was freed, and C holds a word into it. `None` where that word is Rust's own, or nothing tells whose it is.
pub(crate) fn check(hit: Hit, promise: Promise, moved: bool, at_once: bool) -> Option<Finding> {
    let place = held::place(hit, || false)?;
    Some(Finding::FreedWhileRetained { held: Some((place, hit.word)), promise, pinned: None, moved, at_once })
}

/// The block was freed while it was pinned: what C holds is not asked.
pub(crate) fn pinned(at: &'static Location<'static>, moved: bool) -> Finding {
    Finding::FreedWhileRetained { held: None, promise: Promise::Pinned, pinned: Some(at), moved, at_once: true }
}
