//! C's `free` or its like of Rust's memory where C's allocator is not ours, and faults: it looks
//! for what it knows of a block beside it, where Rust's block has a page without access.
//!
//! The handler of faults finds that out (`paged/freeing.rs`), at level 3 and where there are
//! samples. It may not do more: the report is made in a copy of the process.

use super::violation;
use crate::facts::{Asked, Ending, GivenTo, Touch};
use crate::heap::trace;
use crate::report::{self};

/// Prints the report, and appends it to the file. In a copy of the process, where it may allocate;
/// the program's hook is not called there.
pub(crate) fn tell_faulted(touch: &Touch<'_>, to: GivenTo) {
    // Where the unwinder has no way out of the allocator, its own frame is better than none.
    let callers = touch.frames.get(to.frame + 1..).filter(|callers| !callers.is_empty());
    let at = trace::of_frames(callers.or(touch.frames.get(to.frame..)).unwrap_or_default());
    if let Some(violation) = violation(Asked::C(to.call), touch.block.address, None, at, Some(Ending::Faulted)) {
        report::file(&violation);
        report::print(&violation);
    }
}
