//! The search of C's heap (feature `c-heap`).

use super::hit::Hit;
use super::wanted::Wanted;

/// Finds every aligned word in C's heap that lies in a wanted range. Returns the bytes read, as far
/// as their number grows with the heap.
///
/// Live blocks and free slots are read alike: freed bytes are poison, and the owner of a hit is
/// looked up afterwards.
#[cfg(feature = "c-heap")]
pub(crate) fn c_heap(wanted: &Wanted, hits: &mut Vec<Hit>) -> usize {
    crate::heap::with_c_ranges(|ranges| {
        for range in ranges {
            // SAFETY: the memory is the heap's own, which keeps it readable until `with_c_ranges`
            // returns. `hits` grows in the guard's own memory, which is no part of it.
            unsafe { super::words(range.start, range.len(), wanted, hits) };
        }
        ranges.iter().map(ExactSizeIterator::len).sum()
    })
}

/// Finds nothing: without the feature, C's heap is glibc's, and its bounds are unknown.
#[cfg(not(feature = "c-heap"))]
pub(crate) fn c_heap(_wanted: &Wanted, _hits: &mut Vec<Hit>) -> usize {
    0
}
