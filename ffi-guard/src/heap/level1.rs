//! The common path of level 1: a block that a slot holds, in a thread that has a cache. Anything
//! else goes on to [`level2`], and from there to [`give`].
//!
//! Nothing is written that no rule of level 1 reads: no canary, no poison when a block is freed. Of
//! the memory that a block gets the first bytes are covered, so that no word is left there of the
//! block before; beyond, such words are told by the entry
//! ([`is_doubtful`](super::lookup::is_doubtful)).

use super::class;
use super::give::{self, FreeError};
use super::table::Extent;
use super::{cache, fresh, large, level2, redzone, region, warm};

/// Gives out a block; null if there is no memory. `align` is a power of two. A size of 0 counts
/// as 1.
//
// Not inlined, here and in `free`: a program in its debug build would compile them without
// optimisation. What is rare is called last and with the same arguments, so that nothing needs to
// be kept for afterwards.
#[inline(never)]
pub(crate) fn allocate(size: usize, align: usize) -> *mut u8 {
    // SAFETY: nothing below takes the cache a second time.
    if let Some(cache) = unsafe { cache::no_quarantine() } {
        if let Some(class) = class::of_slot(size, align)
            && (size < warm::FROM || !warm::is_any())
            && cache.countdown.goes_on()
            && let Some(slot) = cache.bin(class).rested()
        {
            let extent = Extent::new(size, align);
            let start = give::give_covered_slot(class, slot, size, extent, cache.alive);
            if start == 0 {
                return allocate_again(extent);
            }
            return start as *mut u8;
        }
        if size >= warm::FROM
            && !cache.countdown.is_on()
            && let Some(start) = warm::give(0, size, align, cache.alive)
        {
            return start as *mut u8;
        }
    }
    level2::allocate::<true>(size, align)
}

#[cold]
#[inline(never)]
fn allocate_again(extent: Extent) -> *mut u8 {
    give::allocate_uncommon::<true>(extent.size(), extent.align())
}

/// Gives out a block whose bytes are zero.
pub(crate) fn allocate_zeroed(size: usize, align: usize) -> *mut u8 {
    let block = match fresh::word() {
        None => allocate(size, align),
        // From level 2 on: what is zeroed is not filled first.
        Some(_) => level2::allocate::<false>(size, align),
    };
    if !block.is_null() {
        // SAFETY: the block was given out just now.
        unsafe { clear(block, size.max(1)) };
    }
    block
}

/// Makes the bytes of a new block zero.
///
/// # Safety
/// - The block was given out just now, with this size.
unsafe fn clear(block: *mut u8, size: usize) {
    // Memory from the system is zero: that of a run, and at level 1 that of a slot that had no
    // block before, where nothing is written beyond what is covered.
    let is_zero = region::spot(block.addr()).is_some_and(|spot| {
        let used = spot.entry.is_used();
        if used {
            spot.entry.set_used(false);
        }
        !used && (class::is_run(spot.class) || size > redzone::COVERED && fresh::word().is_none())
    });
    if !is_zero {
        // SAFETY: the caller's promise.
        unsafe { block.write_bytes(0, size) };
    }
}

/// Takes a block back.
///
/// # Safety
/// - `address` is in the region. If it is the start of a live block of this layout, no one uses
///   that block any more.
#[inline(never)]
pub(crate) unsafe fn free(address: usize, size: usize, align: usize) -> Result<(), FreeError> {
    // SAFETY: nothing below takes the cache a second time.
    if let Some(cache) = unsafe { cache::no_quarantine() } {
        let alive = cache.alive;
        match region::slot(address) {
            Some((class, slot, 0)) => {
                if let Some(place) = cache.bin(class).place()
                    && region::slab(class).entry(slot).take_back(Extent::new(size, align), alive)
                {
                    place.fill(slot);
                    return Ok(());
                }
            }
            None if large::take_back(address, Extent::new(size, align), alive) => return Ok(()),
            _ => {}
        }
    }
    // SAFETY: the caller's promise.
    unsafe { level2::free(address, size, align) }
}
