//! Giving blocks out, taking them back, resizing them.

use std::ptr;

use super::cache::{self, Cache};
use super::class::{self, COUNT, SLACK};
use super::quarantine::Freed;
use super::redzone;
use super::region::{self, Spot};
use super::table::{Extent, Refused};
use super::trace::{self, TraceId};
use super::{Block, finding, large, slab};

/// From here on the content of a block that moves is remapped, not copied: below, the copy costs less than the kernel.
const REMAP: usize = 1 << 20;

/// Why a block was not taken back. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FreeError {
    /// No block was ever given out here.
    NotABlock,
    /// The address leads into a block, not to its start.
    Interior,
    /// The block is freed already.
    AlreadyFreed,
    /// The block was made with another layout.
    OtherLayout,
}

impl From<Refused> for FreeError {
    fn from(refused: Refused) -> FreeError {
        match refused {
            Refused::Never => FreeError::NotABlock,
            Refused::Freed => FreeError::AlreadyFreed,
            Refused::Other(_) => FreeError::OtherLayout,
        }
    }
}

/// The end of a block's slack.
#[inline(always)]
pub(crate) fn end(spot: &Spot, size: usize) -> usize {
    if spot.class == 0 { large::end(spot.start, size) } else { spot.start + class::size(spot.class) }
}

/// Whose canary lies before a block.
pub(crate) fn before(spot: &Spot) -> Option<usize> {
    if spot.class == 0 { None } else { slab::canary_before(spot.class, spot.index) }
}

/// Gives out a block; null where there is no memory. `align` is a power of two. A size of 0 counts as 1.
#[inline]
pub(crate) fn allocate(size: usize, align: usize, zeroed: bool) -> *mut u8 {
    let size = size.max(1);
    let class = class::of(size, align);
    cache::with(|cache| {
        if class == 0 {
            return allocate_large(cache, size, align);
        }
        let start = allocate_slot(cache, class, size, align);
        if start != 0 && zeroed {
            // SAFETY: the block was given out just now.
            unsafe { (start as *mut u8).write_bytes(0, size) };
        }
        start as *mut u8
    })
    .unwrap_or(ptr::null_mut())
}

#[inline(always)]
fn trace(cache: &Cache) -> TraceId {
    if cache.deep { trace::capture() } else { TraceId(0) }
}

/// A slot of this class, or 0.
#[inline(always)]
fn allocate_slot(cache: &mut Cache, class: usize, size: usize, align: usize) -> usize {
    loop {
        let Some(slot) = cache.slot(class) else { return allocate_elsewhere(cache, class, size, align) };
        let start = give_slot(cache, class, slot, size, align);
        // 0: a slot that two frees at once had put on the lists twice. Its other place is the right one.
        if start != 0 {
            return start;
        }
    }
}

#[inline(always)]
fn give_slot(cache: &mut Cache, class: usize, slot: u32, size: usize, align: usize) -> usize {
    let trace = trace(cache);
    let slab = region::slab(class);
    if !slab.entry(slot).give(Extent::new(size, align), trace, cache.thread) {
        return 0;
    }
    let start = slab.start(slot);
    // SAFETY: a slot from the lists is committed, a multiple of 16 long and at such an address, and larger than the request by
    // its slack; the program has not got it yet. (The entry says live a moment before the canary is whole: only a sweep that
    // checks blocks of other threads could see that, and `canary_before` asks for blocks that lie still.)
    unsafe { redzone::write_new(start, size, start + slab.size()) };
    start
}

/// The class is full, or the system is out of memory: a larger slot, then a run, then what waits in quarantine.
#[cold]
#[inline(never)]
fn allocate_elsewhere(cache: &mut Cache, class: usize, size: usize, align: usize) -> usize {
    for again in [false, true] {
        if again && !cache.empty() {
            break;
        }
        for class in (class..COUNT).filter(|&class| class::size(class) & (align - 1) == 0) {
            while let Some(slot) = cache.slot(class) {
                let start = give_slot(cache, class, slot, size, align);
                if start != 0 {
                    return start;
                }
            }
        }
        if let Some(start) = large::give(size, align, trace(cache), cache.thread) {
            return start;
        }
    }
    0
}

#[cold]
#[inline(never)]
fn allocate_large(cache: &mut Cache, size: usize, align: usize) -> *mut u8 {
    let trace = trace(cache);
    let mut start = large::give(size, align, trace, cache.thread);
    if start.is_none() && cache.empty() {
        start = large::give(size, align, trace, cache.thread);
    }
    start.unwrap_or(0) as *mut u8
}

/// Takes a block back.
///
/// # Safety
/// - `address` is in the region. If it is the start of a live block of this layout, no one uses that block any more.
#[inline]
pub(crate) unsafe fn free(address: usize, size: usize, align: usize) -> Result<(), FreeError> {
    let extent = Extent::new(size.max(1), align);
    let spot = region::spot(address).ok_or(FreeError::NotABlock)?;
    if spot.start != address {
        return Err(interior(&spot));
    }
    // Out of memory for a cache, yet a block to free: cannot be, the one that gave it out had one.
    cache::with(|cache| {
        if cache.deep || spot.class == 0 {
            return free_deep(cache, &spot, extent);
        }
        spot.entry.take(extent, cache.thread)?;
        // SAFETY: the block was live, of this size, and is nobody's now.
        unsafe { redzone::poison(spot.start, extent.size()) };
        cache.retire(Freed::new(spot.class, spot.index));
        Ok(())
    })
    .unwrap_or(Ok(()))
}

#[cold]
fn interior(spot: &Spot) -> FreeError {
    if spot.entry.was_given() { FreeError::Interior } else { FreeError::NotABlock }
}

/// With everything that level 2 looks at, and for large blocks.
#[inline(never)]
fn free_deep(cache: &mut Cache, spot: &Spot, extent: Extent) -> Result<(), FreeError> {
    if cache.deep {
        check_canary(spot, extent);
    }
    spot.entry.take_once(extent, trace(cache), cache.thread)?;
    if spot.class == 0 {
        large::clear(spot.start, extent.size());
    } else {
        // SAFETY: as in `free`.
        unsafe { redzone::poison(spot.start, extent.size()) };
    }
    cache.retire(Freed::new(spot.class, spot.index));
    Ok(())
}

/// Tells of a damaged canary and renews it.
fn check_canary(spot: &Spot, extent: Extent) {
    let Some(block) = spot.entry.read(spot.start).filter(|block| block.live && block.size == extent.size()) else {
        return;
    };
    if let Some(damage) = super::canary_damage(&block) {
        finding::damaged_canary(&block, &damage);
        super::renew_canary(&block);
    }
}

/// A freed block has waited long enough: its slot may be given out again.
#[inline(always)]
pub(super) fn release(cache: &mut Cache, freed: Freed) {
    if cache.deep {
        check_poison(freed);
    }
    if freed.class() == 0 {
        large::release(freed.index());
    } else {
        cache.keep(freed.class(), freed.index());
    }
}

/// Tells of writes into a freed block and poisons it anew.
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
    let damage = if large {
        large::poison_damage(start, block.size)
    } else {
        // SAFETY: the block is freed and in nobody's hands but ours.
        unsafe { redzone::poison_damage(start, block.size) }
    };
    if let Some(damage) = damage {
        finding::damaged_poison(&block, &damage);
        if !large {
            // SAFETY: as above.
            unsafe { redzone::poison(start, block.size) };
        }
    }
}

/// Makes a block larger or smaller, where it is if that is possible and not wasteful, else elsewhere. Null where there is no
/// memory; the old block is as it was then.
///
/// # Safety
/// - As for [`free`]; the block's content goes with it.
pub(crate) unsafe fn reallocate(address: usize, size: usize, align: usize, new: usize) -> Result<*mut u8, FreeError> {
    let (size, new) = (size.max(1), new.max(1));
    let extent = Extent::new(size, align);
    let spot = region::spot(address).ok_or(FreeError::NotABlock)?;
    if spot.start != address {
        return Err(interior(&spot));
    }
    match spot.entry.live_extent() {
        Some(live) if live == extent => {}
        Some(_) => return Err(FreeError::OtherLayout),
        None => return Err(if spot.entry.was_given() { FreeError::AlreadyFreed } else { FreeError::NotABlock }),
    }
    if resize_in_place(&spot, extent, new) {
        return Ok(address as *mut u8);
    }
    let moved = allocate(new, align, false);
    if moved.is_null() {
        return Ok(moved);
    }
    let kept = size.min(new);
    let remapped = kept >= REMAP
        && spot.class == 0
        && region::spot(moved.addr()).is_some_and(|to| to.class == 0)
        && large::move_content(address, moved.addr(), kept);
    if !remapped {
        // SAFETY: two live blocks, each of `kept` bytes or more.
        unsafe { ptr::copy_nonoverlapping(address as *const u8, moved, kept) };
    }
    // SAFETY: the caller's promise, and the content is in the new block.
    unsafe { free(address, size, align)? };
    Ok(moved)
}

fn resize_in_place(spot: &Spot, old: Extent, new: usize) -> bool {
    let class = class::of(new, old.align());
    let fits = if spot.class == 0 {
        class == 0
    } else {
        let slot = class::size(spot.class);
        new <= slot - SLACK && class != 0 && class::size(class) >= slot / 2
    };
    if !fits {
        return false;
    }
    if cache::with(|cache| cache.deep).unwrap_or(false) {
        check_canary(spot, old);
    }
    if spot.class == 0 {
        return large::resize(spot.index, spot.entry, old, new);
    }
    // SAFETY: the block is the caller's to resize; `new` and its slack fit the slot.
    unsafe {
        redzone::cover(spot.start, new, old.size());
        spot.entry.resize(Extent::new(new, old.align()));
        redzone::write_exact(spot.start, new, end(spot, new));
    }
    true
}
