//! The end of a freed block's wait: what is asked of it before its place may be given out again.

use std::ptr;

use super::block::Block;
use super::class;
use super::finding::{self, Damaged, Seen};
use super::quarantine::Freed;
use super::region;
use super::{fresh, large, paged, redzone, sweep};
use crate::platform::memory;

/// Bytes of a block that are prefetched. The processor fetches the rest by itself, since a block is
/// read from end to end.
const PREFETCHED: usize = 512;

/// True if the block must stay in quarantine: the last sweep found pointers to it, but the call
/// that freed it is still running and may yet drop them.
pub(super) fn must_wait(checks_blocks: bool, freed: Freed) -> bool {
    if !checks_blocks || freed.class() >= class::COUNT {
        return false;
    }
    let index = freed.index();
    let entry = if class::is_run(freed.class()) {
        region::run_entry(index as usize)
    } else {
        region::slab(freed.class()).entry(index)
    };
    sweep::run_if_noted(entry.noted());
    entry.noted() == sweep::next()
}

/// Prefetches what [`must_wait`] and [`release`] read of a freed block.
#[inline]
pub(super) fn prefetch(freed: Freed) {
    if class::is_run(freed.class()) {
        return;
    }
    let slab = region::slab(freed.class());
    let (start, entry) = (slab.start(freed.index()), slab.entry(freed.index()));
    memory::prefetch(ptr::from_ref(entry).addr());
    for line in 0..slab.size().min(PREFETCHED).div_ceil(64) {
        memory::prefetch(start + line * 64);
    }
}

/// Ends the wait of a freed block: a run goes back to where it came from. True for a slot, which
/// the caller may give out again.
pub(super) fn release(checks_blocks: bool, freed: Freed) -> bool {
    // What became of C's own memory is C's affair.
    if checks_blocks && freed.class() < class::COUNT {
        check_poison(freed);
    }
    if freed.is_on_pages() {
        paged::release(freed.index());
        return false;
    }
    if class::is_run(freed.class()) {
        large::release(freed.class(), freed.index());
        return false;
    }
    true
}

/// Reports writes into a freed block and poisons it again.
#[cold]
#[inline(never)]
fn check_poison(freed: Freed) {
    let large = freed.class() == 0;
    let slab = region::slab(freed.class());
    let (start, entry) = if large {
        (region::unit_start(freed.index() as usize), region::run_entry(freed.index() as usize))
    } else {
        (slab.start(freed.index()), slab.entry(freed.index()))
    };
    let Some(block) = entry.read(start).filter(|block: &Block| !block.live) else { return };
    sweep::run_if_noted(entry.noted());
    if freed.is_on_pages() {
        // It had no access, so there is nothing to find.
        return;
    }
    let damage = if large {
        // SAFETY: it was in quarantine up to now: committed, and not in use.
        large::poison_damage(block.start, block.size, |page, into| unsafe { large::read_page(page, into) })
    } else {
        // SAFETY: the block is freed and in our hands alone.
        unsafe { redzone::poison_damage(start, block.size, fresh::poison()) }
    };
    if let Some(damage) = damage {
        finding::note(Damaged { block, damage, seen: Seen::BeforeReuse });
        if large {
            large::clear(block.start, block.size, false);
        } else {
            // SAFETY: as above.
            unsafe { redzone::poison_again(start, block.size) };
        }
    }
}
