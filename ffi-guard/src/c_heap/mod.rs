//! C's heap over ours (feature `c-heap`): `malloc` and its kin, defined in the executable.
//!
//! The dynamic loader binds every library's calls of `malloc` to the executable's, those of libc
//! itself and of C++'s `new` included, and those of libraries that `dlopen` loads later. In a
//! static executable the linker does so. So each C block has a size, a place where it was allocated
//! and a state, as Rust blocks have: a search can read C's heap, a report can name the allocation
//! that holds a pointer, and a `free` across the border is noticed.
//!
//! ```text
//!                      ┌─ the guard itself is running, or the process has not begun ──> memory of the guard's own
//!  malloc ── who serves? ── level 1 and up ──> C's half of the heap
//!                      └─ level 0 ──> glibc's `malloc`, by the names that it has besides
//! ```
//! The address of a block decides who takes it back, whatever the level is.
//!
//! Nothing here allocates from the program's heap, unwinds, or takes a lock that is not released
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

/// The alignment that C's `malloc` promises.
const ALIGN: usize = 16;

/// The allocator that serves a request.
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

/// Settles the server of the first allocations of a process. The loader's come before there is an
/// environment to read a level from, and allocations made while settling come back here.
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
        // A dynamic executable, whose loader has done its work.
        heap::let_unwind();
    }
    if mode == OURS { Server::Heap } else { Server::Glibc }
}

/// Sets `errno` if there is no memory, and passes the block on.
#[inline(always)]
fn or_no_memory(block: *mut u8) -> *mut c_void {
    if block.is_null() {
        c_library::set_errno_no_memory();
    }
    block.cast()
}

/// A new C block; `align` is a power of two. Null, with `errno` set, if there is no memory.
#[inline(always)]
fn allocate(size: usize, align: usize) -> *mut c_void {
    or_no_memory(match server() {
        Server::Heap => heap::allocate_c(size, align),
        Server::Guard => own::alloc_c(size, align),
        // SAFETY: glibc's own function; `align` is a power of two.
        Server::Glibc => return unsafe { glibc_or_die().memalign(size, align) },
    })
}

fn allocate_zeroed(size: usize) -> *mut c_void {
    or_no_memory(match server() {
        Server::Heap => heap::allocate_c_zeroed(size, ALIGN),
        Server::Guard => {
            let block = own::alloc_c(size, ALIGN);
            if !block.is_null() {
                // SAFETY: the block has `size` bytes and is new; they may have been used before.
                unsafe { block.write_bytes(0, size) };
            }
            block
        }
        // SAFETY: glibc's own function, with arguments that every caller may pass.
        Server::Glibc => return unsafe { (glibc_or_die().calloc)(1, size) },
    })
}

/// The allocator that a block came from, by its address.
enum Origin {
    Heap,
    Guard,
    /// Rust's: C must not give it back.
    Rust,
    /// glibc's, if its `malloc` serves; or it never was a block of this heap.
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
/// - `block` is null or a block that nothing uses any more; any other address is refused, as far as
///   it can be recognised.
#[inline(always)]
unsafe fn take_back(block: *mut c_void) {
    let address = block.addr();
    match origin(address) {
        // SAFETY: it is in C's half, and the caller says that nothing uses it any more.
        Origin::Heap => match unsafe { heap::free_c(address) } {
            Ok(()) => {}
            Err(error) => refusal::c_asked("free", address, Some(error)),
        },
        // SAFETY: it is in the guard's memory, where C has only blocks of `own::alloc_c`.
        Origin::Guard => unsafe { own::free_c(block.cast()) },
        Origin::Rust => refusal::c_asked("free", address, None),
        Origin::Elsewhere if block.is_null() => {}
        Origin::Elsewhere => match glibc() {
            // SAFETY: it is glibc's block, or no block at all, and glibc decides that.
            Some(glibc) => unsafe { (glibc.free)(block) },
            None => refusal::c_asked("free", address, None),
        },
    }
}

/// The usable bytes of a live block.
///
/// # Safety
/// - `block` is null or a live block; any other address is refused, as far as it can be recognised.
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
        // SAFETY: it is in the guard's memory, where C has only blocks of `own::alloc_c`.
        Origin::Guard => unsafe { own::size_c(block.cast()) },
        Origin::Rust => {
            refusal::c_asked(call, address, None);
            refusal::rest(address)
        }
        Origin::Elsewhere if block.is_null() => 0,
        Origin::Elsewhere => match glibc() {
            // SAFETY: it is glibc's block, or no block at all, and glibc decides that.
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
/// - `block` is null or a block that only the caller uses; any other address is refused, as far as
///   it can be recognised.
unsafe fn resize(block: *mut c_void, size: usize) -> *mut c_void {
    let address = block.addr();
    match origin(address) {
        Origin::Elsewhere if block.is_null() => allocate(size, ALIGN),
        // As in glibc's, which the C code of this platform expects.
        _ if size == 0 => {
            // SAFETY: the caller says that nothing else uses the block, and gives it up.
            unsafe { take_back(block) };
            std::ptr::null_mut()
        }
        Origin::Heap if server() == Server::Heap => {
            let kept = Errno::keep();
            // SAFETY: it is in C's half, and the caller gives it up.
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
            // SAFETY: it is glibc's block, or no block at all, and glibc decides that.
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
                // SAFETY: no more bytes than the rest of the live block, which stays, and than the
                // new one has.
                unsafe { moved.cast::<u8>().copy_from_nonoverlapping(block.cast(), refusal::rest(address).min(size)) };
            }
            moved
        }
        Origin::Heap | Origin::Guard => {
            // SAFETY: the caller passes a live block.
            let old = unsafe { size_of_block("realloc", block) };
            let moved = allocate(size, ALIGN);
            if !moved.is_null() {
                // SAFETY: both blocks have that many bytes, and the caller gives the old one up.
                unsafe {
                    moved.cast::<u8>().copy_from_nonoverlapping(block.cast(), old.min(size));
                    take_back(block);
                }
            }
            moved
        }
    }
}

/// glibc's functions, when they serve: they were there when that was settled.
fn glibc_or_die() -> &'static glibc::Glibc {
    glibc().unwrap_or_else(|| process::refuse(format_args!("glibc's own `malloc` is gone")))
}
