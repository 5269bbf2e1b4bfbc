//! The common path of level 2: a small block, in a thread that has a cache, and nothing out of
//! order.
//!
//! It does what `give` does, with each step taken once: it finds the thread's cache once, and
//! compares the canary of a block that the free has found anyhow. What is uncommon, damage
//! included, it leaves to `give` before anything has changed.

use super::give::{self, FreeError};
use super::quarantine::Freed;
use super::sweep::End;
use super::table::Extent;
use super::{cache, class, finding, redzone, region, slab, trace};

/// Gives out a block; as [`level1::allocate`](super::level1::allocate), which calls this. `FILLED`:
/// from level 2 on its bytes are what fresh memory holds; else they are anything, and those of a
/// run are zero.
//
// With C's heap, `give::allocate_uncommon` says that the unwinder's tables are known; it runs
// before any bin of Rust's has a slot.
#[inline(never)]
pub(super) fn allocate<const FILLED: bool>(size: usize, align: usize) -> *mut u8 {
    // SAFETY: nothing below takes the cache a second time: what taking a trace allocates comes from
    // the guard's own memory.
    if let Some(cache) = unsafe { cache::current() }
        && cache.fast_level2
        && let Some(class) = class::of_common(size, align)
        && let Some(slot) = cache.bin(class).rested()
    {
        let birth = cache.alive.at(trace::capture());
        let start = give::give_slot::<FILLED>(class, slot, size, Extent::new(size, align), birth);
        if start != 0 {
            finding::tell();
            return start as *mut u8;
        }
    }
    give::allocate_uncommon::<FILLED>(size, align)
}

/// Takes a block back; as [`level1::free`](super::level1::free), which calls this.
///
/// # Safety
/// - As there.
#[inline(never)]
pub(super) unsafe fn free(address: usize, size: usize, align: usize) -> Result<(), FreeError> {
    // SAFETY: as in `allocate`.
    if let Some(cache) = unsafe { cache::current() }
        && cache.checks_blocks
        && let Some((class, slot, 0)) = region::slot(address)
        && let slab = region::slab(class)
        && let entry = slab.entry(slot)
        && let extent = Extent::new(size, align)
        && entry.live_extent() == Some(extent)
        && !entry.is_promised()
        // SAFETY: a live block of this size, in a slot that keeps its access; the slot before has a
        // canary where `canary_before` says so.
        && unsafe { redzone::is_whole(address, size, address + slab.size(), slab::canary_before(class, slot, address)) }
        && let death = cache.alive.at(trace::capture())
        // SAFETY: the block was live, of this size, and is no longer in use.
        && entry.take_back_once(extent, death, || unsafe { redzone::poison_again(address, size) }).is_ok()
    {
        cache.retire(Freed::new(class, slot));
        finding::tell();
        return Ok(());
    }
    give::free_uncommon(address, size, align, End::Freed)
}
