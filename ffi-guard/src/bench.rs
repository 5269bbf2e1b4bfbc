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

/// Looks at an area as the system allows: by what was written since the last look, or all of it. Returns how many new words
/// lead into `wanted`.
///
/// # Safety
/// - The area is private anonymous memory, readable until the next look.
#[must_use]
pub unsafe fn look(area: std::ops::Range<usize>, wanted: std::ops::Range<usize>) -> usize {
    use std::sync::atomic::{AtomicU64, Ordering};

    use crate::scan::{Wanted, ledger};

    static LAST: AtomicU64 = AtomicU64::new(0);
    let wanted = Wanted::new(std::iter::once(wanted));
    // SAFETY: this function's own contract.
    unsafe {
        let look = ledger::refresh(std::iter::once(area), &wanted);
        ledger::news(LAST.swap(look, Ordering::Relaxed), &wanted).len()
    }
}

/// Searches an area, and returns how many of its words lead into `wanted`.
///
/// # Safety
/// - The area is readable.
#[must_use]
pub unsafe fn search(area: std::ops::Range<usize>, wanted: std::ops::Range<usize>) -> usize {
    let mut hits = Vec::new();
    let wanted = crate::scan::Wanted::new(std::iter::once(wanted));
    // SAFETY: this function's own contract.
    unsafe { crate::scan::words(area.start, area.len(), &wanted, &mut hits) };
    hits.len()
}
