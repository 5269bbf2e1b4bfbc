//! Giving blocks out and taking them back, off the common paths.

use super::block_ref::BlockRef;
use super::cache::{self, Cache};
use super::class;
use super::finding::{self, Damaged, Seen};
use super::placement::Placement;
use super::quarantine::Freed;
use super::region::{self, Spot};
use super::sweep::{self, End};
use super::table::{Event, Extent, Refused};
use super::{fresh, large, paged, redzone, sampled, slab, slack, start, trace};

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

/// What an entry notes of this allocation or free: with a trace if traces are kept.
#[inline(always)]
pub(super) fn event(cache: &Cache) -> Event {
    if cache.checks_blocks { cache.alive.at(trace::capture()) } else { cache.alive }
}

/// Runs; the first block of a thread and those after its end; a bin that is empty; level 3,
/// samples, a quarantine at level 1; sizes from 1 KiB at level 2.
#[inline(never)]
pub(super) fn allocate_uncommon<const FILLED: bool>(size: usize, align: usize) -> *mut u8 {
    #[cfg(feature = "c-heap")]
    trace::let_unwind();
    allocate_on::<FILLED>(0, size, align, event)
}

/// Gives out a block of either half, off the common paths. `FILLED`: from level 2 on its bytes are
/// what fresh memory holds.
pub(super) fn allocate_on<const FILLED: bool>(
    side: usize,
    size: usize,
    align: usize,
    event: fn(&Cache) -> Event,
) -> *mut u8 {
    let size = size.max(1);
    let class = class::on_side_of(side, class::of(size, align));
    let start = cache::with_ready(start::ready, |cache| {
        let birth = event(cache);
        let mut start = on_pages(cache, side, size, align, birth);
        if start == 0 {
            start = allocate_anywhere::<FILLED>(cache, class, size, align, birth);
        } else if FILLED {
            // SAFETY: the block was given out just now.
            unsafe { fresh::fill(start, size) };
        }
        if start == 0 && cache.empty() {
            start = allocate_anywhere::<FILLED>(cache, class, size, align, birth);
        }
        start
    });
    finding::tell();
    start.unwrap_or(0) as *mut u8
}

/// Gives out a block on pages of its own, at level 3 or if it is the one in n: this thread's blocks
/// by turns before a page without access and after one, so that overruns and underruns are both
/// found. 0 if it is not, or there is no room for one more.
#[inline(always)]
fn on_pages(cache: &mut Cache, side: usize, size: usize, align: usize, birth: Event) -> usize {
    // Rust's hot path counts the blocks that it looks at, C's those that it gives out.
    let counted = side == 0 && cache.no_quarantine && class::of_slot(size, align).is_some();
    if cache.paged {
        return in_turn(cache, side, size, align, birth);
    }
    if cache.countdown.is_on() && cache.countdown.is_over(counted) && size <= sampled::LARGEST {
        let birth = traced(cache);
        return in_turn(cache, side, size, align, birth);
    }
    0
}

/// What an entry notes of the allocation or the free of a block on pages of its own, whatever the
/// level: with a trace if there can be one.
pub(super) fn traced(cache: &Cache) -> Event {
    #[cfg(feature = "c-heap")]
    if !trace::may_unwind() {
        return cache.alive;
    }
    cache.alive.at(trace::capture())
}

/// What all code takes C's blocks to be aligned to, by whichever function they were allocated.
const ALIGN_OF_C: usize = 16;

#[inline(never)]
fn in_turn(cache: &mut Cache, side: usize, size: usize, align: usize, birth: Event) -> usize {
    let align = if side == 0 { align } else { align.max(ALIGN_OF_C) };
    let given = &mut cache.on_pages[region::place_of(side)];
    *given = given.wrapping_add(1);
    let placement = if *given % 2 == 1 { Placement::BeforeGuard } else { Placement::AfterGuard };
    paged::give(side, size, align, placement, birth).unwrap_or(0)
}

/// From a slot of this class, else from a larger one, else from a run; all of the half that the
/// class number is of. 0 if there is none.
fn allocate_anywhere<const FILLED: bool>(
    cache: &mut Cache,
    class: usize,
    size: usize,
    align: usize,
    birth: Event,
) -> usize {
    let extent = Extent::new(size, align);
    let side = class::on_side_of(class, 0);
    if !class::is_run(class) {
        let classes = class..class::on_side_of(class, class::COUNT - 1) + 1;
        for class in classes.filter(|&class| class::size(class) & (align - 1) == 0) {
            while let Some(slot) = cache.slot(class) {
                #[cfg(feature = "c-heap")]
                if side != 0 && cache.checks_blocks {
                    super::c_side::check_poison(class, slot);
                }
                let start = match cache.checks_blocks {
                    true => give_slot::<FILLED>(class, slot, size, extent, birth),
                    false if side == 0 => give_covered_slot(class, slot, size, extent, birth),
                    false => give_bare_slot(class, slot, extent, birth),
                };
                if start != 0 {
                    return start;
                }
            }
        }
    }
    let start = large::give(side, size, align, birth).unwrap_or(0);
    if FILLED && start != 0 {
        // SAFETY: the block was given out just now.
        unsafe { fresh::fill(start, size) };
    }
    start
}

/// Gives out this slot at level 1: no canary, and of what was there before only the first bytes are
/// covered. 0 as [`give_slot`].
#[inline(always)]
pub(super) fn give_covered_slot(class: usize, slot: u32, size: usize, extent: Extent, birth: Event) -> usize {
    let slab = region::slab(class);
    let start = slab.start(slot);
    let given = slab.entry(slot).give_again(birth, |again| {
        let is_long = size > redzone::COVERED;
        if !is_long || again {
            // SAFETY: a slot from the lists is committed, starts at a multiple of 16, and is larger
            // than the request by its slack; the program has not got it yet.
            unsafe { redzone::cover_first(start, size) };
        }
        (extent, is_long && again)
    });
    if given { start } else { 0 }
}

/// Gives out this slot as it is: one of C's below level 2, where nothing looks into C's memory. 0
/// as [`give_slot`].
#[inline(always)]
pub(super) fn give_bare_slot(class: usize, slot: u32, extent: Extent, birth: Event) -> usize {
    let slab = region::slab(class);
    if slab.entry(slot).give(extent, birth, || ()) { slab.start(slot) } else { 0 }
}

/// Gives out this slot from level 2 on. 0 if it is live: two frees at once had put it on the lists
/// twice, and this is the second time that it comes from there. `FILLED`: its bytes are what fresh
/// memory holds.
#[inline(always)]
pub(super) fn give_slot<const FILLED: bool>(
    class: usize,
    slot: u32,
    size: usize,
    extent: Extent,
    birth: Event,
) -> usize {
    let slab = region::slab(class);
    let start = slab.start(slot);
    // The canary is whole before the entry says live: a reader of this block, or of the one in the
    // next slot, finds it so.
    let entry = slab.entry(slot);
    let Some((generation, again)) = entry.begin() else { return 0 };
    // SAFETY: a slot from the lists is committed, starts and ends at multiples of 16, and is larger
    // than the request by its slack; the program has not got it yet.
    unsafe { redzone::write_new(start, size, start + slab.size()) };
    if FILLED {
        // Poisoned when it was freed, and again if that was damaged when it left the quarantine.
        let clean = if again { entry.extent().size() } else { 0 };
        // SAFETY: the block's own bytes, which the program has not got yet.
        unsafe { fresh::fill_slot(start, size, clean) };
    }
    entry.settle(generation, extent, false, birth);
    start
}

/// Large blocks; threads without a cache; a bin that is full; what is not the start of a live
/// block, or damaged; a quarantine at level 1.
#[inline(never)]
pub(super) fn free_uncommon(address: usize, size: usize, align: usize, how: End) -> Result<(), FreeError> {
    let spot = region::spot(address).ok_or(FreeError::NotABlock)?;
    if spot.start != address {
        return Err(interior(&spot));
    }
    let extent = Extent::new(size.max(1), align).placed(spot.placement);
    let promised = spot.entry.is_promised();
    let on_pages = spot.placement.is_on_pages();
    let freed = if on_pages { Freed::on_pages(spot.index) } else { Freed::new(spot.class, spot.index) };
    let taken = cache::with(|cache| {
        let damaged = if cache.checks_blocks || on_pages { check_canary(&spot, extent) } else { None };
        if on_pages {
            // The death is on record before the pages go: a touch of the block from here on is
            // reported with it.
            spot.entry.take_back_once(extent, traced(cache), || ())?;
            paged::close(spot.index);
        } else {
            let mut has_spare = false;
            spot.entry.take_back_once(extent, event(cache), || {
                if class::is_run(spot.class) {
                    has_spare = large::clear(spot.start, extent.size(), true);
                } else if cache.checks_blocks {
                    // SAFETY: as in `level2::free`.
                    unsafe { redzone::poison_again(spot.start, extent.size()) };
                }
            })?;
            if has_spare {
                large::offer_pages(spot.index, spot.start, extent.size());
            }
        }
        if let Some(damaged) = damaged {
            note_freed(&spot, damaged);
        }
        if !promised {
            cache.retire(freed);
        }
        Ok::<bool, FreeError>(cache.checks_blocks)
    });
    // There is no heap that gave a block out and has no cache.
    let checks_blocks = taken.unwrap_or(Ok(false))?;
    if promised {
        // The block is in our hands alone: it is reported, and then it waits like any other.
        if let Some(block) = spot.entry.read(spot.base).filter(|_| checks_blocks) {
            sweep::freed(&block, how);
        }
        cache::with(|cache| cache.retire(freed));
    }
    finding::tell();
    Ok(())
}

/// Notes damage around a block that is freed now.
#[cold]
pub(super) fn note_freed(spot: &Spot, damaged: Damaged) {
    // As it is now, with the place of its free.
    let now = spot.entry.read(spot.base).filter(|now| now.generation == damaged.block.generation);
    finding::note(Damaged { block: now.unwrap_or(damaged.block), ..damaged });
}

#[cold]
pub(super) fn interior(spot: &Spot) -> FreeError {
    if spot.entry.was_given() { FreeError::Interior } else { FreeError::NotABlock }
}

/// Reports what is wrong around the live block that begins here, for a free or resize that is
/// refused: if C wrote past the block's end, what Rust takes for its size may come from there.
#[cold]
pub(crate) fn tell_damage_of(address: usize) {
    let Some(spot) = region::spot(address).filter(|spot| spot.start == address) else { return };
    let Some(extent) = spot.entry.live_extent() else { return };
    let checks = cache::with(|cache| cache.checks_blocks).unwrap_or(false) || spot.placement.is_on_pages();
    if let Some(damaged) = checks.then(|| check_canary(&spot, extent)).flatten() {
        finding::note(damaged);
        finding::tell();
    }
}

/// What is wrong around a live block; renewed.
pub(super) fn check_canary(spot: &Spot, extent: Extent) -> Option<Damaged> {
    let block = spot.entry.read(spot.base).filter(|block| block.live && block.size == extent.size())?;
    let damage = if !spot.placement.is_on_pages() {
        BlockRef::of(&block)?.damage()?
    } else {
        // SAFETY: the caller frees it: it is in our hands alone. (A program that frees it twice at
        // once is at fault, and may fault.)
        unsafe { slack::damage_of_own(block.start, block.size) }?
    };
    // What reaches up to the end of the slot before is that one's overrun, and reported with it.
    if damage.before && slab::is_overrun_from_before(spot.class, spot.index) {
        return None;
    }
    if let Some(block) = BlockRef::of(&block) {
        block.renew_canary();
    }
    Some(Damaged { block, damage, seen: Seen::AtFree })
}
