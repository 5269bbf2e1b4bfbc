//! Lost blocks: lent to C with the leave to keep them, live at the end of the process, and nothing
//! leads to them any more, neither in Rust nor in C. Rust's owner let go of them (`into_raw`), C
//! has not kept them, and so they can no longer be freed.
//!
//! All memory in which a pointer may be is searched once, when the process ends: C's heap and
//! variables, Rust's blocks and variables, the stack, and what the program has mapped for itself.
//! With other threads, without C's heap over ours, or if that is too much, nothing is said.

use std::collections::BTreeSet;
#[cfg(feature = "c-heap")]
use std::ops::Range;

use crate::heap::Block;
#[cfg(feature = "c-heap")]
use crate::{
    heap,
    platform::{mapped, memory, memory::PAGE, read},
    scan::{self, Hit, Wanted},
};

/// The starts of those of these blocks that nothing leads to. `frame`: an address of the stack;
/// what lies below is the guard's own.
#[cfg(feature = "c-heap")]
#[inline(never)]
pub(super) fn nothing_leads_to(blocks: &[Block], frame: usize) -> BTreeSet<usize> {
    use crate::call::thread;
    use crate::platform::process;

    let mut lost: BTreeSet<usize> = blocks.iter().map(|block| block.start).collect();
    let (Some(first), Some(last)) = (lost.first(), blocks.iter().map(end).max()) else { return lost };
    let stack = thread::stack();
    if process::thread_count() != Some(1) || !stack.contains(&frame) {
        return BTreeSet::new();
    }
    let wanted = Wanted::new(std::iter::once(*first..last));
    let mut hits = Vec::new();
    scan::c_memory(&wanted, &mut hits);
    settle(&mut lost, &mut hits);
    for range in heap::rust_ranges() {
        // SAFETY: the heap's own memory, which only this thread could free.
        unsafe { scan::words(range.start, range.len(), &wanted, &mut hits) };
        settle(&mut lost, &mut hits);
    }
    // SAFETY: the frames of this thread from this one of its callers on.
    unsafe { scan::words(frame, stack.end - frame, &wanted, &mut hits) };
    settle(&mut lost, &mut hits);
    match lost.is_empty() || search_the_rest(stack, &wanted, &mut |hits| settle(&mut lost, hits)) {
        true => lost,
        false => BTreeSet::new(),
    }
}

/// Takes out the blocks that these words lead to.
#[cfg(feature = "c-heap")]
fn settle(lost: &mut BTreeSet<usize>, hits: &mut Vec<Hit>) {
    for hit in hits.drain(..) {
        let Some(block) = heap::lookup(hit.word) else { continue };
        // What lies in the block itself is no way to it.
        let is_inside = (block.start..end(&block)).contains(&hit.location);
        if hit.word < end(&block) && !is_inside {
            lost.remove(&block.start);
        }
    }
}

/// Searches what is mapped and neither the heap's nor the guard's nor this stack: memory of
/// coroutines, of arenas, of allocators beside ours. False if not all of it can be read.
#[cfg(feature = "c-heap")]
fn search_the_rest(stack: Range<usize>, wanted: &Wanted, found: &mut dyn FnMut(&mut Vec<Hit>)) -> bool {
    /// Bytes that are read at most: a fraction of a second.
    const MOST: usize = 1 << 30;
    /// Bytes that are copied at once. Copied, because a page of a mapping need not have access.
    const STEP: usize = 1 << 16;
    let Some(mut known) = memory::reserved::all() else { return false };
    known.push(stack);
    let rest = mapped::outside_of(&known);
    let probe = 0_usize;
    let mut copy = vec![0_u64; STEP / size_of::<u64>()];
    let start = copy.as_mut_ptr().expose_provenance();
    let read_to = |at: usize, len: usize| {
        // SAFETY: the bytes of `copy`, of which nothing else is borrowed here.
        let bytes = unsafe { std::slice::from_raw_parts_mut(std::ptr::with_exposed_provenance_mut(start), len) };
        read::read(at, bytes).is_some()
    };
    if rest.iter().map(ExactSizeIterator::len).sum::<usize>() > MOST || !read_to((&raw const probe).addr(), 8) {
        return false;
    }
    let mut hits = Vec::new();
    for range in rest {
        let mut at = range.start;
        while at < range.end {
            let mut len = STEP.min(range.end - at);
            let mut is_read = read_to(at, len);
            if !is_read && len > PAGE {
                len = PAGE;
                is_read = read_to(at, len);
            }
            if is_read {
                // SAFETY: `len` bytes of `copy`, which lives on.
                unsafe { scan::words(start, len, wanted, &mut hits) };
                found(&mut hits);
            }
            at += len;
        }
    }
    true
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
