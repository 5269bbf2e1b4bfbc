//! C's `free` or a similar function, given Rust's memory, faults when C's allocator is not ours: it
//! looks for its record next to the block, where a Rust block has a page without access.
//!
//! The handler of faults finds that out (`paged/freeing.rs`), at level 3 and for sampled blocks. It
//! may do no more: the report is made in a copy of the process.

use super::violation;
use crate::facts::{Asked, Ending, GivenTo, Touch};
use crate::heap::trace;
use crate::report::{self};

/// Prints the report, and appends it to the file. Runs in a copy of the process, where it may
/// allocate; the program's hook is not called there.
pub(crate) fn tell_faulted(touch: &Touch<'_>, to: GivenTo) {
    // If the unwinder finds no way out of the allocator, its own frame is better than none.
    let callers = touch.frames.get(to.frame + 1..).filter(|callers| !callers.is_empty());
    let at = trace::of_frames(callers.or(touch.frames.get(to.frame..)).unwrap_or_default());
    if let Some(violation) = violation(Asked::C(to.call), touch.block.address, None, at, Some(Ending::Faulted)) {
        report::file(&violation);
        report::print(&violation);
    }
}
