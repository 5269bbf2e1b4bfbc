//! The bounds of the calling thread's stack.

use std::ops::Range;

pub(crate) use crate::platform::other::stack::{SIGNAL_RETURN, begins_thread, surely_holds, with_room};

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetCurrentThreadStackLimits(low: *mut usize, high: *mut usize);
}

/// The calling thread's stack, with the part below that it has not grown into yet.
pub(crate) fn bounds() -> Range<usize> {
    let (mut low, mut high) = (0, 0);
    // SAFETY: writes into the two places given.
    unsafe { GetCurrentThreadStackLimits(&raw mut low, &raw mut high) };
    low..high
}
