//! The search of C's heap (feature `c-heap`).

use super::Hit;
use super::wanted::Wanted;

/// Every aligned word that lies in a wanted range, in the memory of C's heap; and how many bytes were read.
///
/// Live blocks and free slots are read alike: what is freed is poison, and the owner of a hit is asked for afterwards.
#[cfg(feature = "c-heap")]
pub(crate) fn c_heap(wanted: &Wanted, hits: &mut Vec<Hit>) -> usize {
    let mut bytes = 0;
    crate::heap::each_c_range(&mut |range| {
        bytes += range.len();
        // SAFETY: the heap keeps this memory readable until `each_c_range` returns. `hits` grows in the guard's own
        // memory, which has no part in that.
        unsafe { super::words(range.start, range.len(), wanted, hits) };
        true
    });
    bytes
}

/// Without the feature C's heap is glibc's, and nothing is known of it.
#[cfg(not(feature = "c-heap"))]
pub(crate) fn c_heap(_wanted: &Wanted, _hits: &mut Vec<Hit>) -> usize {
    0
}
