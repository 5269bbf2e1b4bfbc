//! The search of C's heap (feature `c-heap`).

use super::Hit;
use super::wanted::Wanted;

/// From so many bytes on, what was written since the last look is asked for, where the system tells: to read this much takes longer
/// than the question.
#[cfg(feature = "c-heap")]
const LARGE: usize = 4 << 20;

/// Every aligned word that lies in a wanted range, in the memory of C's heap; and how many bytes were read, as far as that grows
/// with the heap.
///
/// Live blocks and free slots are read alike: what is freed is poison, and the owner of a hit is asked for afterwards.
#[cfg(feature = "c-heap")]
pub(crate) fn c_heap(wanted: &Wanted, hits: &mut Vec<Hit>) -> usize {
    use super::ledger;
    use crate::heap;

    let region = heap::region();
    heap::with_c_ranges(|ranges| {
        let bytes = ranges.iter().map(ExactSizeIterator::len).sum();
        // The ledger keeps what leads into the heap. Who lends a stack has everything read.
        if bytes >= LARGE && wanted.lies_in(&region) && ledger::may_track() {
            let interesting = Wanted::new(std::iter::once(region));
            // SAFETY: anonymous memory of the heap's own, which keeps it readable until `with_c_ranges` returns.
            unsafe {
                ledger::refresh(ranges.iter().cloned(), &interesting);
                hits.extend(ledger::news(0, wanted));
            }
            return 0;
        }
        for range in ranges {
            // SAFETY: as above. `hits` grows in the guard's own memory, which has no part in that.
            unsafe { super::words(range.start, range.len(), wanted, hits) };
        }
        bytes
    })
}

/// Without the feature C's heap is glibc's, and nothing is known of it.
#[cfg(not(feature = "c-heap"))]
pub(crate) fn c_heap(_wanted: &Wanted, _hits: &mut Vec<Hit>) -> usize {
    0
}
