//! Loans that a sweep has yet to settle, as far as the heap must know of them.
//!
//! A freed block must not be given out again while a loan of it is noted and not settled: after
//! that, no one could find out whose pointer C holds. So the code that takes the notes is asked
//! first, and is called when a block is freed that is pinned or that C was allowed to keep. The
//! heap stands below that code and knows it as two functions.

use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use super::Block;

/// The number of the sweep to come: 1 to 2^16 - 1, and round again. 0 is "never noted".
static NEXT: AtomicU32 = AtomicU32::new(1);

/// A `fn()` or null.
static BEFORE_REUSE: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// The number of the sweep to come.
#[inline]
pub(crate) fn next() -> u32 {
    NEXT.load(Ordering::Acquire)
}

/// Begins the sweep to come: what is noted from here on is left to the one after. Returns its
/// number.
pub(crate) fn begin() -> u32 {
    let following = |number: u32| Some(((number + 1) & 0xFFFF).max(1));
    NEXT.fetch_update(Ordering::AcqRel, Ordering::Acquire, following).unwrap_or(1)
}

/// Has `sweep` run before a block is given out again that is noted for the sweep to come. It runs
/// inside the allocator: it may not unwind, nor allocate or free program memory.
pub(crate) fn before_reuse(sweep: fn()) {
    BEFORE_REUSE.store(sweep as *mut (), Ordering::Release);
}

/// How a block came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Rust freed it.
    Freed,
    /// Rust resized it, and the new block lies elsewhere.
    Moved,
}

/// A `fn(&Block, End)` or null.
static AT_FREE: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Sets the function that runs when a block has been freed that is pinned or that C was allowed to
/// keep, before it goes to the quarantine. It runs inside the allocator, with none of the heap's
/// locks held: it may not unwind, nor allocate or free program memory.
pub(crate) fn at_free(told: fn(&Block, End)) {
    AT_FREE.store(told as *mut (), Ordering::Release);
}

/// Reports a block, freed just now, that is pinned or that C was allowed to keep.
#[cold]
pub(super) fn freed(block: &Block, end: End) {
    let told = AT_FREE.load(Ordering::Acquire);
    if !told.is_null() {
        // SAFETY: not null, so what `at_free` stored, a `fn(&Block, End)`.
        unsafe { std::mem::transmute::<*mut (), fn(&Block, End)>(told)(block, end) };
    }
}

/// Runs the sweep if a freed block that has waited long enough, and has these notes, is noted for
/// it.
#[inline]
pub(super) fn run_if_noted(noted: u32) {
    if noted == next() {
        ask();
    }
}

#[cold]
fn ask() {
    let sweep = BEFORE_REUSE.load(Ordering::Acquire);
    if !sweep.is_null() {
        // SAFETY: not null, so what `before_reuse` stored, a `fn()`.
        unsafe { std::mem::transmute::<*mut (), fn()>(sweep)() };
    }
}
