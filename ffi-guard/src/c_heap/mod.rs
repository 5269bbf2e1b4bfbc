//! C's heap over ours (feature `c-heap`): `malloc` and its kin, defined in the executable.
//!
//! The dynamic loader binds every library's calls of `malloc` to the executable's, libc's own and
//! C++'s `new` among them; libraries that `dlopen` brings later come along. In a static executable
//! the linker does the same. So each block of C's has a size, a place where it was allocated and a
//! state, as Rust's have: a search can read C's heap, a report can name the allocation that holds a
//! pointer, and a `free` across the border is noticed.
//!
//! ```text
//!                      ┌─ the guard itself is running, or the process has not begun ──> memory of the guard's own
//!  malloc ── who serves? ── level 1 and up ──> C's half of the heap
//!                      └─ level 0 ──> glibc's `malloc`, by the names that it has besides
//! ```
//! Where a block is tells who takes it back; the level has no say in that.
//!
//! Nothing here allocates from the program's heap, unwinds, or takes a lock that is not let go of
//! around a fork.

mod family;
mod glibc;

use std::ffi::c_void;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::heap;
use crate::level::{self, Level};
use crate::own;
use crate::platform::c_library;
use crate::platform::process::{self, Errno};
use crate::reentry::{self, Reentry};
use crate::refusal;
use glibc::glibc;

/// What C's `malloc` promises to align to.
const ALIGN: usize = 16;

/// Who serves an allocation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    Heap,
    Guard,
    Glibc,
}

/// `UNSETTLED` until the level is known, then one of the two others for good.
static MODE: AtomicU8 = AtomicU8::new(UNSETTLED);
const UNSETTLED: u8 = 0;
const OURS: u8 = 1;
const GLIBCS: u8 = 2;

#[inline(always)]
fn server() -> Server {
    match MODE.load(Ordering::Relaxed) {
        OURS if reentry::inside() => Server::Guard,
        OURS => Server::Heap,
        GLIBCS => Server::Glibc,
        _ => settle(),
    }
}

/// The first allocations of a process: the loader's come before there is an environment to read a
/// level from, and what the settling itself allocates comes back here.
#[cold]
#[inline(never)]
fn settle() -> Server {
    if reentry::inside() || !c_library::has_environment() {
        return Server::Guard;
    }
    let inside = Reentry::enter();
    let tracking = level::tracking_by_allocating();
    drop(inside);
    let mode = if tracking == Level::Off && glibc().is_some() { GLIBCS } else { OURS };
    MODE.store(mode, Ordering::Relaxed);
    if glibc().is_some() {
        // A dynamic executable: its loader has been through.
        heap::let_unwind();
    }
    if mode == OURS { Server::Heap } else { Server::Glibc }
}

/// Sets `errno` where there is no memory, and hands the block on.
#[inline(always)]
fn or_no_memory(block: *mut u8) -> *mut c_void {
    if block.is_null() {
        c_library::set_errno_no_memory();
    }
    block.cast()
}

/// A block of C's; `align` is a power of two. Null, with `errno`, where there is none.
#[inline(always)]
fn allocate(size: usize, align: usize) -> *mut c_void {
    or_no_memory(match server() {
        Server::Heap => heap::allocate_c(size, align),
        Server::Guard => own::alloc_c(size, align),
        // SAFETY: glibc's own function, with arguments that every caller may pass.
        Server::Glibc => return unsafe { glibc_or_die().memalign(size, align) },
    })
}

fn allocate_zeroed(size: usize) -> *mut c_void {
    or_no_memory(match server() {
        Server::Heap => heap::allocate_c_zeroed(size, ALIGN),
        Server::Guard => {
            let block = own::alloc_c(size, ALIGN);
            if !block.is_null() {
                // SAFETY: `size` bytes, given out just now; they may have been used before.
                unsafe { block.write_bytes(0, size) };
            }
            block
        }
        // SAFETY: as above.
        Server::Glibc => return unsafe { (glibc_or_die().calloc)(1, size) },
    })
}

/// Where a block came from, told by its address.
enum Origin {
    Heap,
    Guard,
    /// Rust's: it is not C's to give back.
    Rust,
    /// From glibc, where its `malloc` serves; or it never was a block of this heap.
    Elsewhere,
}

#[inline(always)]
fn origin(address: usize) -> Origin {
    if heap::contains_c(address) {
        Origin::Heap
    } else if own::contains(address) {
        Origin::Guard
    } else if heap::contains(address) {
        Origin::Rust
    } else {
        Origin::Elsewhere
    }
}

/// Takes a block back.
///
/// # Safety
/// - `block` is null or a block that nobody uses any more; what it is not is refused, as far as can
///   be told.
#[inline(always)]
unsafe fn take_back(block: *mut c_void) {
    let address = block.addr();
    match origin(address) {
        // SAFETY: in C's half; the caller has done with it.
        Origin::Heap => match unsafe { heap::free_c(address) } {
            Ok(()) => {}
            Err(error) => refusal::c_asked("free", address, Some(error)),
        },
        // SAFETY: in the guard's memory, where C has nothing but blocks of `own::alloc_c`.
        Origin::Guard => unsafe { own::free_c(block.cast()) },
        Origin::Rust => refusal::c_asked("free", address, None),
        Origin::Elsewhere if block.is_null() => {}
        Origin::Elsewhere => match glibc() {
            // SAFETY: not ours: glibc's, or no block at all, which is for glibc to say.
            Some(glibc) => unsafe { (glibc.free)(block) },
            None => refusal::c_asked("free", address, None),
        },
    }
}

/// Bytes that may be used of a live block.
///
/// # Safety
/// - As for [`take_back`]; the block stays.
unsafe fn size_of_block(call: &'static str, block: *mut c_void) -> usize {
    let address = block.addr();
    match origin(address) {
        Origin::Heap => match heap::size_c(address) {
            Ok(size) => size,
            Err(error) => {
                refusal::c_asked(call, address, Some(error));
                0
            }
        },
        // SAFETY: as in `take_back`.
        Origin::Guard => unsafe { own::size_c(block.cast()) },
        Origin::Rust => {
            refusal::c_asked(call, address, None);
            refusal::rest(address)
        }
        Origin::Elsewhere if block.is_null() => 0,
        Origin::Elsewhere => match glibc() {
            // SAFETY: as in `take_back`.
            Some(glibc) => unsafe { glibc.usable_size(block) },
            None => {
                refusal::c_asked(call, address, None);
                0
            }
        },
    }
}

/// Makes a block larger or smaller.
///
/// # Safety
/// - As for [`take_back`].
unsafe fn resize(block: *mut c_void, size: usize) -> *mut c_void {
    let address = block.addr();
    match origin(address) {
        Origin::Elsewhere if block.is_null() => allocate(size, ALIGN),
        // As glibc's does, which the C of this platform is written for.
        _ if size == 0 => {
            // SAFETY: the caller's promise.
            unsafe { take_back(block) };
            std::ptr::null_mut()
        }
        Origin::Heap if server() == Server::Heap => {
            let kept = Errno::keep();
            // SAFETY: in C's half; the caller hands the block over.
            let moved = match unsafe { heap::reallocate_c(address, size) } {
                Ok(moved) => moved,
                Err(error) => {
                    refusal::c_asked("realloc", address, Some(error));
                    // The program goes on without its content.
                    heap::allocate_c_zeroed(size, ALIGN)
                }
            };
            drop(kept);
            or_no_memory(moved)
        }
        Origin::Elsewhere => match glibc() {
            // SAFETY: not ours.
            Some(glibc) => unsafe { (glibc.realloc)(block, size) },
            None => {
                refusal::c_asked("realloc", address, None);
                allocate_zeroed(size)
            }
        },
        Origin::Rust => {
            refusal::c_asked("realloc", address, None);
            let moved = allocate(size, ALIGN);
            if !moved.is_null() {
                // SAFETY: so much of a live block, which stays, and a new one.
                unsafe { moved.cast::<u8>().copy_from_nonoverlapping(block.cast(), refusal::rest(address).min(size)) };
            }
            moved
        }
        Origin::Heap | Origin::Guard => {
            // SAFETY: the caller's promise.
            let old = unsafe { size_of_block("realloc", block) };
            let moved = allocate(size, ALIGN);
            if !moved.is_null() {
                // SAFETY: two blocks, each of as many bytes; the old one is the caller's to give
                // up.
                unsafe {
                    moved.cast::<u8>().copy_from_nonoverlapping(block.cast(), old.min(size));
                    take_back(block);
                }
            }
            moved
        }
    }
}

/// glibc's functions, which serve: they were there when that was settled.
fn glibc_or_die() -> &'static glibc::Glibc {
    glibc().unwrap_or_else(|| process::refuse(format_args!("glibc's own `malloc` is gone")))
}
