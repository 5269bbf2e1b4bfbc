//! Address space: reserved first, committed when needed, its pages given back when not.
//!
//! Addresses are integers here: the memory at them is no object yet.

pub(crate) use super::os::memory::{
    CAN_MOVE_PAGES, LARGE_PAGE, address_space_limit, address_space_taken, close_pages, commit, decommit, discard,
    for_each_touched, most_mappings, move_pages, open_pages, release, use_large_pages,
};

/// True if address space can be reserved here, which is what Rust's memory is tracked in.
pub(crate) const SUPPORTED: bool = cfg!(address_space);

/// The granularity of access. A multiple of the page size of every system we build for.
pub(crate) const PAGE: usize = if cfg!(target_arch = "x86_64") { 4096 } else { 65536 };

/// Asks the processor to fetch the memory at an address, which will be used soon. A hint: whatever
/// the address, nothing faults.
#[inline(always)]
pub(crate) fn prefetch(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address is harmless; SSE is part of the architecture.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(std::ptr::without_provenance(address));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Takes `len` bytes of address space at a multiple of `align`, a power of two, without access.
pub(crate) fn reserve(len: usize, align: usize) -> Option<usize> {
    let start = super::os::memory::reserve(len, align)?;
    #[cfg(feature = "c-heap")]
    reserved::add(start, len);
    Some(start)
}

/// What was reserved, for the search of all memory that is not the guard's.
#[cfg(feature = "c-heap")]
pub(crate) mod reserved {
    use std::ops::Range;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Reservations that are remembered.
    const MOST: usize = 256;

    /// Start and length of each. Both are written once, the length first.
    static RANGES: [(AtomicUsize, AtomicUsize); MOST] = [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; MOST];
    static COUNT: AtomicUsize = AtomicUsize::new(0);

    pub(super) fn add(start: usize, len: usize) {
        if let Some((at, bytes)) = RANGES.get(COUNT.fetch_add(1, Ordering::Relaxed)) {
            bytes.store(len, Ordering::Relaxed);
            at.store(start, Ordering::Release);
        }
    }

    /// All that was ever reserved: the guard's own memory, and the heap's. `None` if it was more
    /// than is remembered.
    pub(crate) fn all() -> Option<Vec<Range<usize>>> {
        let range = |(start, len): &(AtomicUsize, AtomicUsize)| {
            let start = start.load(Ordering::Acquire);
            start..start + len.load(Ordering::Relaxed)
        };
        Some(RANGES.get(..COUNT.load(Ordering::Relaxed))?.iter().map(range).collect())
    }
}

/// Reserves as much as there is: `most`, halved until the system permits it, and at most this
/// `share` (an eighth is 8) of an address space that is limited. Returns its start and length;
/// `None` if not even `least` can be had.
pub(crate) fn reserve_up_to(most: usize, least: usize, align: usize, share: usize) -> Option<(usize, usize)> {
    let ceiling = address_space_limit().map_or(most, |limit| limit / share);
    let mut len = most;
    while len > ceiling.max(least) {
        len /= 2;
    }
    while len >= least {
        if let Some(start) = reserve(len, align) {
            return Some((start, len));
        }
        len /= 2;
    }
    None
}
