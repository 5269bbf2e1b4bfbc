//! What the benches measure and no program calls.

use std::hint::black_box;

/// Looks an address up; whether it leads into a live block.
#[inline]
#[must_use]
pub fn lookup(address: usize) -> bool {
    crate::heap::lookup(address).is_some_and(|block| black_box(block).live)
}

/// Whether an address is in the Rust region.
#[inline]
#[must_use]
pub fn contains(address: usize) -> bool {
    crate::heap::contains(address)
}

/// Records the caller's backtrace.
#[inline(never)]
#[must_use]
pub fn capture() -> u32 {
    crate::heap::trace::capture().0
}
