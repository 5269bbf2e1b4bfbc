//! Damage that the heap found, kept until it can be reported.
//!
//! It is found while the heap holds a cache or a lock, when it cannot be reported: a report
//! allocates. So it is noted here, and reported when the allocator is about to return, with nothing
//! held.

use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use super::Block;
use super::redzone::Damage;
use crate::platform::lock::Locked;
use crate::reentry::{self, Reentry};

/// Bytes of the heap's own that something else wrote to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Damaged {
    /// The block that they lie beside, or lay in.
    pub(crate) block: Block,
    /// Of a freed block the offset counts from its start.
    pub(crate) damage: Damage,
    /// When it was found.
    pub(crate) seen: Seen,
}

/// When damage was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Rust freed or resized the block.
    AtFree,
    /// The freed block was to be given out again.
    BeforeReuse,
    /// Everything was looked at: a checkpoint, or the end of the process.
    ByLookingAtAll,
}

pub(super) static FOUND: Locked<Vec<Damaged>> = Locked::new(Vec::new());
static IS_ANY: AtomicBool = AtomicBool::new(false);

/// A `fn(Vec<Damaged>)` or null.
static TELL: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Sets the function that is handed what is found. It runs inside the allocator, with none of the
/// heap's locks held: it may not unwind.
pub(crate) fn told_to(tell: fn(Vec<Damaged>)) {
    TELL.store(tell as *mut (), Ordering::Release);
}

/// Keeps what was found. It allocates from the guard's own memory, whatever thread calls.
pub(super) fn note(damaged: Damaged) {
    let _inside = Reentry::enter();
    FOUND.with(|found| found.push(damaged));
    IS_ANY.store(true, Ordering::Release);
}

/// Reports what was found; called when the allocator is about to return.
#[inline]
pub(super) fn tell() {
    if IS_ANY.load(Ordering::Relaxed) {
        tell_all();
    }
}

#[cold]
#[inline(never)]
fn tell_all() {
    let tell = TELL.load(Ordering::Acquire);
    if tell.is_null() || reentry::inside() {
        return;
    }
    let inside = Reentry::enter();
    let found = FOUND.with(|found| {
        IS_ANY.store(false, Ordering::Release);
        std::mem::take(found)
    });
    drop(inside);
    // SAFETY: not null, so what `told_to` stored, a `fn(Vec<Damaged>)`.
    unsafe { std::mem::transmute::<*mut (), fn(Vec<Damaged>)>(tell)(found) };
}
