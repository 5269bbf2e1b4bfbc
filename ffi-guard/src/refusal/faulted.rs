//! C's `free` or its like of Rust's memory where C's allocator is not ours, and faults: it looks for what it knows of a block beside it,
//! where Rust's block has a page without access.
//!
//! The handler of faults is asked (`paged/fault.rs`), at level 3 and where there are samples. It can do no more than ask in which function
//! the fault is: the report is made in a copy of the process.

use super::violation;
use crate::heap::trace;
use crate::platform::c_allocator;
use crate::report::touch::Touch;
use crate::report::wrong_free::{Asked, Ending};
use crate::report::{self};

/// Frames that C's allocator has of its own, at most.
const DEEP: usize = 3;

/// The function of C's allocator that is under way, and which of these frames is its own: the instruction, then return addresses.
pub(crate) fn call_in(frames: &[usize]) -> Option<(&'static str, usize)> {
    let own = |(n, &address): (usize, &usize)| {
        // The call, which ends before the return address.
        c_allocator::function_at(address - usize::from(n > 0)).map(|call| (call, n))
    };
    frames.iter().take(DEEP).enumerate().filter(|(_, address)| **address != 0).find_map(own)
}

/// Prints the report, and appends it to the file. In a copy of the process, where it may allocate; the program's hook is not called there.
pub(crate) fn tell_faulted(touch: &Touch<'_>) {
    let Some((call, own)) = call_in(touch.frames) else { return };
    let at = trace::of_frames(touch.frames.get(own + 1..).unwrap_or_default());
    if let Some(violation) = violation(Asked::C(call), touch.block.address, None, at, Some(Ending::Faulted)) {
        report::file(&violation);
        report::print(&violation);
    }
}
