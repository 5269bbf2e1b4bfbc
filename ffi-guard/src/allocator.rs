//! `GuardAlloc`: at level 0 the inner allocator, else the heap; nothing more.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::heap::{self, FreeError};
use crate::level::{self, Level};
use crate::platform::memory;
use crate::reentry::{self, Reentry};

/// The global allocator that makes every block of Rust memory known to the checks.
///
/// At `GUARD=0` each call goes straight to the allocator inside. From level 1 on the program's memory comes from a range of
/// addresses of its own, and every address in it leads to its block.
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
    /// Over the system's allocator.
    #[must_use]
    pub const fn new() -> GuardAlloc {
        GuardAlloc { inner: System }
    }
}

impl<A> GuardAlloc<A> {
    /// Over another allocator, which gets all calls at level 0 and the guard's own.
    #[must_use]
    pub const fn with(inner: A) -> GuardAlloc<A> {
        GuardAlloc { inner }
    }
}

/// Whether memory is tracked: what `level::tracking` said, in a place of our own, so that the common case is one load and
/// nothing is called.
static TRACKED: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;

/// Whether this allocation is the heap's business: the program is tracked, and it is the program that allocates.
#[inline(always)]
fn is_ours() -> bool {
    let tracked = match TRACKED.load(Ordering::Relaxed) {
        UNKNOWN => settle(),
        known => known,
    };
    tracked == YES && !reentry::inside()
}

#[cold]
#[inline(never)]
fn settle() -> u8 {
    if cfg!(ffi_guard_off) {
        return NO;
    }
    level::note_installed();
    let tracked = if level::tracking() == Level::Off { NO } else { YES };
    TRACKED.store(tracked, Ordering::Relaxed);
    tracked
}

// SAFETY: below, each of the methods hands on to one of two allocators. The heap gives out blocks that fit their layout, apart
// from all others, until they are taken back; the inner one promises the same. A block goes back to where it came from: the
// region holds the heap's blocks and nothing else. None of it unwinds.
unsafe impl<A: GlobalAlloc> GlobalAlloc for GuardAlloc<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_ours() {
            return heap::allocate(layout.size(), layout.align());
        }
        // SAFETY: the caller's promises, handed on.
        unsafe { self.inner.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_ours() {
            return heap::allocate_zeroed(layout.size(), layout.align());
        }
        // SAFETY: the caller's promises, handed on.
        unsafe { self.inner.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        if heap::contains(ptr.addr()) {
            // SAFETY: in the region; the caller has done with the block.
            if let Err(error) = unsafe { heap::free(ptr.addr(), layout.size(), layout.align()) } {
                refuse("dealloc", ptr.addr(), layout, error);
            }
            return;
        }
        // SAFETY: not the heap's, so the inner allocator's; the caller's promises, handed on.
        unsafe { self.inner.dealloc(ptr, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if heap::contains(ptr.addr()) {
            // SAFETY: in the region; the caller hands the block over.
            return match unsafe { heap::reallocate(ptr.addr(), layout.size(), layout.align(), new_size) } {
                Ok(moved) => moved,
                Err(error) => refuse("realloc", ptr.addr(), layout, error),
            };
        }
        // SAFETY: not the heap's, so the inner allocator's; the caller's promises, handed on.
        unsafe { self.inner.realloc(ptr, layout, new_size) }
    }
}

/// One line on stderr and the end: an allocator may not unwind, and going on would give the block to two owners.
#[cold]
#[inline(never)]
fn refuse(call: &str, address: usize, layout: Layout, error: FreeError) -> ! {
    let _inside = Reentry::enter();
    let rule = match error {
        FreeError::AlreadyFreed => "double_free",
        FreeError::NotABlock | FreeError::Interior | FreeError::OtherLayout => "alloc_dealloc_mismatch",
    };
    let mut line = Line { bytes: [0; 256], len: 0 };
    let (size, align) = (layout.size(), layout.align());
    let _ = write!(line, "ffi-guard[{rule}]: {call} of {address:#x} with {size} bytes aligned to {align}: ");
    let _ = match (error, heap::lookup(address)) {
        (FreeError::AlreadyFreed, Some(block)) => write!(line, "this block of {} bytes is freed already", block.size),
        (FreeError::Interior, Some(block)) => {
            write!(
                line,
                "it is byte {} of a block of {} bytes at {:#x}",
                address - block.start,
                block.size,
                block.start
            )
        }
        (FreeError::OtherLayout, Some(block)) => {
            write!(line, "this block was allocated with {} bytes aligned to {}", block.size, block.align)
        }
        _ => write!(line, "no block was ever allocated here"),
    };
    let _ = line.write_str("\n");
    memory::write_stderr(line.bytes.get(..line.len).unwrap_or(&[]));
    std::process::abort()
}

/// A line being put together without an allocation; what does not fit is left out.
struct Line {
    bytes: [u8; 256],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for (to, from) in self.bytes.iter_mut().skip(self.len).zip(text.bytes()) {
            *to = from;
            self.len += 1;
        }
        Ok(())
    }
}
