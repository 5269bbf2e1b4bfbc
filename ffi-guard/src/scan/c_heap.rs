//! The search of C's heap (feature `c-heap`).

use super::hit::Hit;
use super::wanted::Wanted;

/// Every aligned word that lies in a wanted range, in the memory of C's heap; and how many bytes
/// were read, as far as that grows with the heap.
///
/// Live blocks and free slots are read alike: what is freed is poison, and the owner of a hit is
/// asked for afterwards.
#[cfg(feature = "c-heap")]
pub(crate) fn c_heap(wanted: &Wanted, hits: &mut Vec<Hit>) -> usize {
    crate::heap::with_c_ranges(|ranges| {
        for range in ranges {
            // SAFETY: memory of the heap's own, which keeps it readable until `with_c_ranges`
            // returns. `hits` grows in the guard's own memory, which has no part in that.
            unsafe { super::words(range.start, range.len(), wanted, hits) };
        }
        ranges.iter().map(ExactSizeIterator::len).sum()
    })
}

/// Without the feature C's heap is glibc's, and nothing is known of it.
#[cfg(not(feature = "c-heap"))]
pub(crate) fn c_heap(_wanted: &Wanted, _hits: &mut Vec<Hit>) -> usize {
    0
}
