//! `GuardAlloc`: calls the inner allocator at level 0, else the heap; nothing more.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU8, Ordering};

use crate::delivery::{deferred, last_look};
use crate::heap;
use crate::level::{self, Level};
use crate::own;
use crate::paged;
use crate::reentry;
use crate::refusal;
use crate::retention;

/// The global allocator that makes every block of Rust memory known to the checks.
///
/// At `GUARD=0` each call goes straight to the inner allocator. From level 1 on the program's
/// memory comes from a separate range of addresses, and every address in it leads to its block.
///
/// ```
/// #[global_allocator]
/// static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GuardAlloc<A = System> {
    inner: A,
}

impl GuardAlloc {
    /// Wraps the system's allocator.
    #[must_use]
    pub const fn new() -> GuardAlloc {
        GuardAlloc { inner: System }
    }
}

impl<A> GuardAlloc<A> {
    /// Wraps another allocator, which gets all calls at level 0.
    #[must_use]
    pub const fn with(inner: A) -> GuardAlloc<A> {
        GuardAlloc { inner }
    }
}

/// The inner allocator, for what it offers beside allocating: its statistics, say.
impl<A> std::ops::Deref for GuardAlloc<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.inner
    }
}

/// Copy of `level::tracking`, so that the common case is one load and calls nothing.
static TRACKED: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;

/// True if memory is tracked.
#[inline(always)]
fn is_tracked() -> bool {
    match TRACKED.load(Ordering::Relaxed) {
        UNKNOWN => settle() == YES,
        known => known == YES,
    }
}

#[cold]
#[inline(never)]
fn settle() -> u8 {
    if cfg!(ffi_guard_off) {
        return NO;
    }
    level::note_installed();
    let level = level::tracking();
    let tracked = if level == Level::Off { NO } else { YES };
    retention::prepare();
    if level >= Level::Full {
        deferred::have_the_heap_tell();
    }
    paged::set_up();
    if level >= Level::Full {
        last_look::watch();
    }
    TRACKED.store(tracked, Ordering::Relaxed);
    // With `c-heap`, `free` is ours and asks the heap first.
    #[cfg(not(feature = "c-heap"))]
    if tracked == YES {
        refusal::watch_aborts();
    }
    tracked
}

// The rest of `GuardAlloc`, without the inner allocator, whose type is the program's. The methods
// of `GlobalAlloc` are built with the program. If that is not optimised (debug assertions are then
// on here too, though our profile may say `opt-level = 3`), they call these functions instead of
// inlining them, so that the bodies are optimised all the same.

/// Allocates from the heap, or from the guard's own memory. `None` if memory is not tracked.
#[cfg_attr(debug_assertions, inline(never))]
#[cfg_attr(not(debug_assertions), inline(always))]
fn alloc(layout: Layout) -> Option<*mut u8> {
    is_tracked().then(|| match reentry::inside() {
        true => own::alloc(layout),
        false => heap::allocate(layout.size(), layout.align()),
    })
}

/// Allocates zeroed memory like [`alloc`]. `None` if memory is not tracked.
#[cfg_attr(debug_assertions, inline(never))]
#[cfg_attr(not(debug_assertions), inline(always))]
fn alloc_zeroed(layout: Layout) -> Option<*mut u8> {
    is_tracked().then(|| match reentry::inside() {
        true => own::alloc_zeroed(layout),
        false => heap::allocate_zeroed(layout.size(), layout.align()),
    })
}

/// Frees a block of [`alloc`]. False if memory is not tracked.
///
/// # Safety
/// - What `GlobalAlloc::dealloc` requires, except that any allocator may have made the block.
#[cfg_attr(debug_assertions, inline(never))]
#[cfg_attr(not(debug_assertions), inline(always))]
unsafe fn dealloc(ptr: *mut u8, layout: Layout) -> bool {
    if heap::contains(ptr.addr()) {
        // SAFETY: in the region; the caller promises that the block is no longer used.
        if let Err(error) = unsafe { heap::free(ptr.addr(), layout.size(), layout.align()) } {
            // SAFETY: in the region, and refused by the heap; the caller gives it up.
            unsafe { refusal::dealloc(ptr, layout, Some(error)) };
        }
        return true;
    }
    if own::contains(ptr.addr()) {
        // SAFETY: in the guard's own memory; the caller promises its layout, and no use afterwards.
        unsafe { own::dealloc(ptr, layout) };
        return true;
    }
    let tracked = is_tracked();
    if tracked {
        // SAFETY: if memory is tracked, every block came from one of the two; this one did not.
        unsafe { refusal::dealloc(ptr, layout, None) };
    }
    tracked
}

/// Makes a block of [`alloc`] larger or smaller. `None` if memory is not tracked.
///
/// # Safety
/// - What `GlobalAlloc::realloc` requires, except that any allocator may have made the block.
#[cfg_attr(debug_assertions, inline(never))]
#[cfg_attr(not(debug_assertions), inline(always))]
unsafe fn realloc(ptr: *mut u8, layout: Layout, new_size: usize) -> Option<*mut u8> {
    if heap::contains(ptr.addr()) {
        // SAFETY: in the region; the caller gives the block up.
        return Some(match unsafe { heap::reallocate(ptr.addr(), layout.size(), layout.align(), new_size) } {
            Ok(moved) => moved,
            // SAFETY: in the region, and refused by the heap; the caller gives it up.
            Err(error) => unsafe { refusal::realloc(ptr, layout, new_size, Some(error)) },
        });
    }
    if own::contains(ptr.addr()) {
        // SAFETY: in the guard's own memory; the caller promises its layout and a valid new size.
        return Some(unsafe { own::realloc(ptr, layout, new_size) });
    }
    // SAFETY: if memory is tracked, every block came from one of the two; this one did not.
    is_tracked().then(|| unsafe { refusal::realloc(ptr, layout, new_size, None) })
}

// SAFETY: each method calls one of three allocators. The heap and the guard's own memory give out
// blocks that fit their layout, apart from all others, until they are freed; the inner allocator
// promises the same. A block goes back to where it came from: each of the two ranges holds its own
// blocks and nothing else. None of it unwinds.
unsafe impl<A: GlobalAlloc> GlobalAlloc for GuardAlloc<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match alloc(layout) {
            Some(memory) => memory,
            // SAFETY: the caller promises a layout of non-zero size, as `alloc` requires.
            None => unsafe { self.inner.alloc(layout) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match alloc_zeroed(layout) {
            Some(memory) => memory,
            // SAFETY: the caller promises a layout of non-zero size, as `alloc` requires.
            None => unsafe { self.inner.alloc_zeroed(layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller promises a block with its layout, and no use afterwards.
        if !unsafe { dealloc(ptr, layout) } {
            // SAFETY: not tracked: a block of the inner allocator; the caller promises its layout.
            unsafe { self.inner.dealloc(ptr, layout) }
        }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises a block with its layout, and a valid new size.
        match unsafe { realloc(ptr, layout, new_size) } {
            Some(memory) => memory,
            // SAFETY: not tracked: a block of the inner allocator; the caller promises both sizes.
            None => unsafe { self.inner.realloc(ptr, layout, new_size) },
        }
    }
}
