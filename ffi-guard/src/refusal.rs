//! A block that cannot be taken back: one line on stderr, and the end.
//!
//! An allocator may not unwind, and going on would give the block to two owners. Nothing is changed before it is said, and
//! nothing here allocates.

use std::alloc::Layout;
use std::fmt::Write;

use crate::heap::{self, Block, FreeError};
use crate::platform::process::{Line, write_stderr};
use crate::reentry::Reentry;

fn rule(error: FreeError) -> &'static str {
    match error {
        FreeError::AlreadyFreed => "double_free",
        FreeError::NotABlock | FreeError::Interior | FreeError::OtherLayout => "alloc_dealloc_mismatch",
    }
}

fn end(mut line: Line) -> ! {
    let _ = line.write_str("\n");
    write_stderr(line.as_bytes());
    std::process::abort()
}

/// What is wrong with an address, as far as its block tells.
fn what(line: &mut Line, address: usize, error: FreeError, block: Option<Block>) {
    let _ = match (error, block) {
        (FreeError::AlreadyFreed, Some(block)) => write!(line, "this block of {} bytes is freed already", block.size),
        (FreeError::Interior, Some(block)) => write!(
            line,
            "it is byte {} of a block of {} bytes at {:#x}",
            address - block.start,
            block.size,
            block.start
        ),
        (FreeError::OtherLayout, Some(block)) => {
            write!(line, "this block was allocated with {} bytes aligned to {}", block.size, block.align)
        }
        _ => write!(line, "no block was ever allocated here"),
    };
}

/// Rust's `dealloc` or `realloc` of a block of Rust's heap.
#[cold]
#[inline(never)]
pub(crate) fn rust_frees(call: &str, address: usize, layout: Layout, error: FreeError) -> ! {
    let _inside = Reentry::enter();
    let mut line = Line::new();
    let (rule, size, align) = (rule(error), layout.size(), layout.align());
    let _ = write!(line, "ffi-guard[{rule}]: {call} of {address:#x} with {size} bytes aligned to {align}: ");
    what(&mut line, address, error, heap::lookup(address));
    end(line)
}

/// C's `free`, `realloc` or `malloc_usable_size` of a block of C's heap.
#[cfg(feature = "c-heap")]
#[cold]
#[inline(never)]
pub(crate) fn c_frees(call: &str, address: usize, error: FreeError) -> ! {
    let _inside = Reentry::enter();
    let mut line = Line::new();
    let _ = write!(line, "ffi-guard[{}]: C's {call} of {address:#x}, in C's heap: ", rule(error));
    what(&mut line, address, error, heap::lookup_c(address));
    end(line)
}

/// The same of memory that is Rust's.
#[cfg(feature = "c-heap")]
#[cold]
#[inline(never)]
pub(crate) fn c_frees_rust(call: &str, address: usize) -> ! {
    let _inside = Reentry::enter();
    let mut line = Line::new();
    let _ = write!(line, "ffi-guard[alloc_dealloc_mismatch]: C's {call} of {address:#x}, which is Rust's memory: ");
    let _ = match heap::lookup(address) {
        Some(Block { start, size, live, .. }) => {
            let state = if live { "live" } else { "freed" };
            write!(line, "byte {} of a {state} block of {size} bytes", address - start)
        }
        None => write!(line, "no block was ever allocated here"),
    };
    end(line)
}

/// C's `free` of what no allocator of this program gave out.
#[cfg(feature = "c-heap")]
#[cold]
#[inline(never)]
pub(crate) fn no_block_of_anybody() -> ! {
    let _inside = Reentry::enter();
    let mut line = Line::new();
    let _ = write!(line, "ffi-guard[alloc_dealloc_mismatch]: C's free of an address that no allocator here gave out");
    end(line)
}
