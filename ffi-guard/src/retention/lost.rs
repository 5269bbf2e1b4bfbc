//! Lost blocks: lent to C with the leave to keep them, live at the end of the process, and nothing
//! leads to them any more, neither in Rust nor in C. Rust's owner let go of them (`into_raw`), C
//! has not kept them, and so they can no longer be freed.
//!
//! All memory in which a pointer may be is searched once, when the process ends: C's heap and
//! variables, Rust's blocks and variables, the stack. With other threads, or without C's heap over
//! ours, that is not all, and nothing is said.

use std::collections::BTreeSet;

use crate::heap::Block;

/// The starts of those of these blocks that nothing leads to. `frame`: an address of the stack;
/// what lies below is the guard's own.
#[cfg(feature = "c-heap")]
#[inline(never)]
pub(super) fn nothing_leads_to(blocks: &[Block], frame: usize) -> BTreeSet<usize> {
    use crate::call::thread;
    use crate::heap;
    use crate::platform::process;
    use crate::scan::{self, Hit, Wanted};

    let mut lost: BTreeSet<usize> = blocks.iter().map(|block| block.start).collect();
    let (Some(first), Some(last)) = (lost.first(), blocks.iter().map(end).max()) else { return lost };
    let stack = thread::stack();
    if process::thread_count() != Some(1) || !stack.contains(&frame) {
        return BTreeSet::new();
    }
    let wanted = Wanted::new(std::iter::once(*first..last));
    let mut hits = Vec::new();
    let mut settle = |hits: &mut Vec<Hit>| {
        for hit in hits.drain(..) {
            let Some(block) = heap::lookup(hit.word) else { continue };
            // What lies in the block itself is no way to it.
            let is_inside = (block.start..end(&block)).contains(&hit.location);
            if hit.word < end(&block) && !is_inside {
                lost.remove(&block.start);
            }
        }
    };
    scan::c_memory(&wanted, &mut hits);
    settle(&mut hits);
    for range in heap::rust_ranges() {
        // SAFETY: the heap's own memory, which only this thread could free.
        unsafe { scan::words(range.start, range.len(), &wanted, &mut hits) };
        settle(&mut hits);
    }
    // SAFETY: the frames of this thread from this one of its callers on.
    unsafe { scan::words(frame, stack.end - frame, &wanted, &mut hits) };
    settle(&mut hits);
    lost
}

/// One byte of an empty block is its own as well: its address leads to it.
#[cfg(feature = "c-heap")]
fn end(block: &Block) -> usize {
    block.start + block.size.max(1)
}

/// Nothing is known to be lost: C's heap is not searched.
#[cfg(not(feature = "c-heap"))]
pub(super) fn nothing_leads_to(_: &[Block], _: usize) -> BTreeSet<usize> {
    BTreeSet::new()
}
