//! What is known of each thread: its stack, its number, and the calls that it has under way.

use std::cell::Cell;
use std::ops::Range;
use std::ptr::null_mut;

use crate::platform::process::Errno;
use crate::platform::{self};

/// One thread's part. Without a destructor where the hot path reads it, so that it can be read at
/// any time.
struct Here {
    /// The stack, `(low, high)`; `(0, 0)` until asked for, `(1, 1)` where it cannot be told.
    stack: Cell<(usize, usize)>,
    /// Guarded calls so far, from level 2 on.
    crossings: Cell<usize>,
    /// The innermost watched call under way, from level 2 on: a list that `boundary` keeps.
    watched: Cell<*mut ()>,
    /// The innermost call under way that works on copies: likewise.
    copying: Cell<*mut ()>,
    /// An address in the frame of the outermost call under way that is only noted; 0 without one.
    noting: Cell<usize>,
}

thread_local! {
    static HERE: Here = const {
        Here { stack: Cell::new((0, 0)), crossings: Cell::new(0), watched: Cell::new(null_mut()), copying: Cell::new(null_mut()), noting: Cell::new(0) }
    };
}

/// The calling thread's stack; empty where it cannot be told.
#[inline]
pub(crate) fn stack() -> Range<usize> {
    HERE.try_with(|here| match here.stack.get() {
        (0, 0) => learn_stack(here),
        (low, high) => low..high,
    })
    .unwrap_or(0..0)
}

/// The part of the calling thread's stack that belongs to the frames above the one that `local` is
/// in.
#[inline]
pub(crate) fn callers_stack<T>(local: &T) -> Range<usize> {
    let frame = std::ptr::from_ref(local).addr();
    let stack = stack();
    frame.max(stack.start)..stack.end
}

/// The calling thread's stack as it is kept: `(0, 0)` if it was never asked for.
#[inline(always)]
pub(crate) fn stack_bounds() -> (usize, usize) {
    HERE.try_with(|here| here.stack.get()).unwrap_or((0, 0))
}

#[cold]
fn learn_stack(here: &Here) -> Range<usize> {
    let _errno = Errno::keep();
    let bounds = platform::stack::bounds();
    here.stack.set(if bounds.is_empty() { (1, 1) } else { (bounds.start, bounds.end) });
    bounds
}

/// The calling thread's number, the same that the heap notes with a block.
pub(crate) fn id() -> u32 {
    platform::thread::id()
}

/// Counts a guarded call and returns how many there were, with this one.
#[inline]
pub(crate) fn count_crossing() -> usize {
    HERE.try_with(|here| {
        here.crossings.set(here.crossings.get().wrapping_add(1));
        here.crossings.get()
    })
    .unwrap_or(0)
}

/// Runs `f` with the place of the innermost watched call under way, from level 2 on.
pub(crate) fn with_watched<R>(f: impl FnOnce(&Cell<*mut ()>) -> R) -> Option<R> {
    HERE.try_with(|here| f(&here.watched)).ok()
}

/// Runs `f` with the place of the innermost call under way that works on copies.
pub(crate) fn with_copying<R>(f: impl FnOnce(&Cell<*mut ()>) -> R) -> Option<R> {
    HERE.try_with(|here| f(&here.copying)).ok()
}

/// A call begins that is only noted. True if it is the outermost of its thread. `frame`: an address
/// in the frame of its wrapper.
#[inline]
pub(crate) fn begin_noting_at(frame: usize) -> bool {
    HERE.try_with(|here| {
        // A call that C left by `longjmp` never ends: its frame lay deeper than that of a call made
        // later.
        let outermost = here.noting.get() <= frame;
        if outermost {
            here.noting.set(frame);
        }
        outermost
    })
    .unwrap_or(false)
}

/// The outermost call that is only noted has ended.
#[inline]
pub(crate) fn end_noting() {
    let _ = HERE.try_with(|here| here.noting.set(0));
}

/// Whether C may be in the middle of a call that is only noted, further up this thread's stack:
/// what it holds just now may be gone when that call returns.
pub(crate) fn is_noting() -> bool {
    HERE.try_with(|here| here.noting.get() != 0).unwrap_or(false)
}

/// Whether a guarded call of this thread is under way, from level 2 on: Rust runs because C called
/// back.
pub(crate) fn is_in_call() -> bool {
    HERE.try_with(|here| !here.watched.get().is_null() || here.noting.get() != 0).unwrap_or(false)
}

/// Guarded calls so far.
pub(crate) fn crossings() -> usize {
    HERE.try_with(|here| here.crossings.get()).unwrap_or(0)
}
