//! Giving blocks out, taking them back, resizing them.

use std::ptr;

use super::cache::{self, Cache};
use super::class::{self, SLACK};
use super::finding::{self, Damaged, Seen};
use super::quarantine::Freed;
use super::region::{self, Spot};
use super::sweep::{self, End};
use super::table::{Event, Extent, Placement, Refused};
use super::{Block, deep, large, paged, redzone, sampled, slab, slack, survey, trace};
use crate::platform::memory;

/// From here on the content of a block that moves is remapped, not copied: below, the copy costs less than the kernel.
const REMAP: usize = 1 << 20;

/// Bytes of a block that are asked for ahead: what the processor does not fetch by itself, as it does where a block is read from end to end.
const ANNOUNCED: usize = 512;

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
    if class::is_run(spot.class) { large::end(spot.start, size) } else { spot.start + class::size(spot.class) }
}

/// Whose canary lies before a block: for a run, its own.
pub(crate) fn before(spot: &Spot) -> Option<usize> {
    if class::is_run(spot.class) { Some(spot.start) } else { slab::canary_before(spot.class, spot.index, spot.start) }
}

/// Gives out a block; null where there is no memory. `align` is a power of two. A size of 0 counts as 1.
//
// Not inlined, here and in `free`: a program in its debug build would compile them without optimisation. What is rare is
// called last and with the same arguments, so that nothing needs to be kept for afterwards.
#[inline(never)]
pub(crate) fn allocate(size: usize, align: usize) -> *mut u8 {
    // SAFETY: nothing below takes the cache a second time.
    if let Some(cache) = unsafe { cache::plain() }
        && let Some(class) = class::of_common(size, align)
        && cache.countdown.goes_on()
        && let Some(slot) = cache.bin(class).rested()
    {
        let extent = Extent::new(size, align);
        let start = give_slot(class, slot, size, extent, cache.alive);
        if start == 0 {
            return allocate_again(extent);
        }
        return start as *mut u8;
    }
    deep::allocate(size, align)
}

#[cold]
#[inline(never)]
fn allocate_again(extent: Extent) -> *mut u8 {
    allocate_uncommon(extent.size(), extent.align())
}

/// The same, and the block is zero.
pub(crate) fn allocate_zeroed(size: usize, align: usize) -> *mut u8 {
    let block = allocate(size, align);
    // Runs come from the system as zero.
    if !block.is_null() && class::of(size.max(1), align) != 0 {
        // SAFETY: the block was given out just now.
        unsafe { block.write_bytes(0, size.max(1)) };
    }
    block
}

/// What happens now, to be noted: with a trace where traces are kept.
#[inline(always)]
pub(super) fn event(cache: &Cache) -> Event {
    if cache.deep { cache.alive.at(trace::capture()) } else { cache.alive }
}

/// Sizes from 1 KiB; the first block of a thread and those after its end; a bin that is empty; level 3, samples, a quarantine at level 1.
#[inline(never)]
pub(super) fn allocate_uncommon(size: usize, align: usize) -> *mut u8 {
    #[cfg(feature = "c-heap")]
    super::c_side::let_unwind();
    allocate_on(0, size, align, event)
}

/// The same in either half.
pub(super) fn allocate_on(side: usize, size: usize, align: usize, event: fn(&Cache) -> Event) -> *mut u8 {
    let size = size.max(1);
    let class = class::on_side_of(side, class::of(size, align));
    let start = cache::with(|cache| {
        let birth = event(cache);
        let mut start = if side == 0 { on_pages(cache, size, align, birth) } else { 0 };
        if start == 0 {
            start = allocate_anywhere(cache, class, size, align, birth);
        }
        if start == 0 && cache.empty() {
            start = allocate_anywhere(cache, class, size, align, birth);
        }
        start
    });
    finding::tell();
    start.unwrap_or(0) as *mut u8
}

/// On pages of its own, at level 3 or where it is the one in so many: this thread's blocks in turn before a page without access
/// and behind one, so that overruns and underruns are both found. 0 where it is not, or there is no room for one more.
#[inline(always)]
fn on_pages(cache: &mut Cache, size: usize, align: usize, birth: Event) -> usize {
    // The hot path counts the blocks that it looks at.
    let counted = cache.plain && class::of_common(size, align).is_some();
    if cache.paged {
        return in_turn(cache, size, align, birth);
    }
    if cache.countdown.is_on() && cache.countdown.is_over(counted) && size <= sampled::LARGEST {
        let birth = cache.alive.at(trace::capture());
        return in_turn(cache, size, align, birth);
    }
    0
}

#[inline(never)]
fn in_turn(cache: &mut Cache, size: usize, align: usize, birth: Event) -> usize {
    cache.on_pages = cache.on_pages.wrapping_add(1);
    let placement = if cache.on_pages % 2 == 1 { Placement::BeforeGuard } else { Placement::BehindGuard };
    paged::give(size, align, placement, birth).unwrap_or(0)
}

/// From a slot of this class, else from a larger one, else from a run; all of the half that the class number is of. 0 where
/// there is none.
fn allocate_anywhere(cache: &mut Cache, class: usize, size: usize, align: usize, birth: Event) -> usize {
    let extent = Extent::new(size, align);
    let side = class::on_side_of(class, 0);
    if !class::is_run(class) {
        let classes = class..class::on_side_of(class, class::COUNT - 1) + 1;
        for class in classes.filter(|&class| class::size(class) & (align - 1) == 0) {
            while let Some(slot) = cache.slot(class) {
                let start = give_slot(class, slot, size, extent, birth);
                if start != 0 {
                    return start;
                }
            }
        }
    }
    large::give(side, size, align, birth).unwrap_or(0)
}

/// Gives out this slot. 0 where it is live: two frees at once had put it on the lists twice, and this is the second time that
/// it comes from there.
#[inline(always)]
pub(super) fn give_slot(class: usize, slot: u32, size: usize, extent: Extent, birth: Event) -> usize {
    let slab = region::slab(class);
    let start = slab.start(slot);
    // The canary is whole before the entry says live: whoever then looks at it, or past it from the next slot, finds it so.
    let given = slab.entry(slot).give(extent, birth, || {
        // SAFETY: a slot from the lists is committed, starts and ends at multiples of 16, and is larger than the request by
        // its slack; the program has not got it yet.
        unsafe { redzone::write_new(start, size, start + slab.size()) }
    });
    if given { start } else { 0 }
}

/// Takes a block back.
///
/// # Safety
/// - `address` is in the region. If it is the start of a live block of this layout, no one uses that block any more.
#[inline(never)]
pub(crate) unsafe fn free(address: usize, size: usize, align: usize) -> Result<(), FreeError> {
    // SAFETY: nothing below takes the cache a second time.
    if let Some(cache) = unsafe { cache::plain() }
        && let alive = cache.alive
        && let Some((class, slot, 0)) = region::slot(address)
        && let Some(place) = cache.bin(class).place()
        && region::slab(class).entry(slot).take(Extent::new(size, align), alive)
    {
        place.fill(slot);
        // SAFETY: the block was live, of this size (so not of none), and is nobody's now; its slot is this thread's.
        unsafe { redzone::poison(address, size) };
        return Ok(());
    }
    // SAFETY: the caller's promise.
    unsafe { deep::free(address, size, align) }
}

/// Large blocks; threads without a cache; a bin that is full; what is not the start of a live block, or damaged; a quarantine at level 1.
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
        let damaged = if cache.deep || on_pages { check_canary(&spot, extent) } else { None };
        if on_pages {
            // The death is on record before the pages go: whoever touches the block from here on is told of it.
            spot.entry.take_once(extent, cache.alive.at(trace::capture()), || ())?;
            paged::close(spot.index);
        } else {
            spot.entry.take_once(extent, event(cache), || {
                if class::is_run(spot.class) {
                    large::clear(spot.start, extent.size());
                } else {
                    // SAFETY: as in `free`.
                    unsafe { redzone::poison(spot.start, extent.size()) };
                }
            })?;
        }
        if let Some(damaged) = damaged {
            // As it is now, with the place of its free.
            let now = spot.entry.read(spot.base).filter(|now| now.generation == damaged.block.generation);
            finding::note(Damaged { block: now.unwrap_or(damaged.block), ..damaged });
        }
        if !promised {
            cache.retire(freed);
        }
        Ok::<bool, FreeError>(cache.deep)
    });
    // There is no heap that gave a block out and has no cache.
    let deep = taken.unwrap_or(Ok(false))?;
    if promised {
        // The block is in nobody's hands but ours: it is told of, and then it waits like any other.
        if let Some(block) = spot.entry.read(spot.base).filter(|_| deep) {
            sweep::freed(&block, how);
        }
        cache::with(|cache| cache.retire(freed));
    }
    finding::tell();
    Ok(())
}

#[cold]
pub(super) fn interior(spot: &Spot) -> FreeError {
    if spot.entry.was_given() { FreeError::Interior } else { FreeError::NotABlock }
}

/// What is wrong around a live block; renewed.
fn check_canary(spot: &Spot, extent: Extent) -> Option<Damaged> {
    let block = spot.entry.read(spot.base).filter(|block| block.live && block.size == extent.size())?;
    let damage = if !spot.placement.is_on_pages() {
        super::canary_damage(&block)?
    } else {
        // SAFETY: the caller frees it: it is in nobody's hands but ours. (A program that frees it twice at once is at fault, and may fault.)
        unsafe { slack::damage_of_own(block.start, block.size) }?
    };
    // What reaches up to the end of the slot before is that one's overrun, and told with it.
    if damage.before && survey::is_overrun_from(spot) {
        return None;
    }
    super::renew_canary(&block);
    Some(Damaged { block, damage, seen: Seen::AtFree })
}
/// Whether a freed block that has waited long enough is to wait on: a sweep has looked for words into it, and leaves them to the next one,
/// since the call under way that freed it may be about to let go.
pub(super) fn is_held_back(cache: &Cache, freed: Freed) -> bool {
    if !cache.deep || freed.class() >= class::COUNT {
        return false;
    }
    let index = freed.index();
    let entry = if class::is_run(freed.class()) {
        region::run_entry(index as usize)
    } else {
        region::slab(freed.class()).entry(index)
    };
    sweep::settle(entry.noted());
    entry.noted() == sweep::next()
}

/// A freed block is about to be asked whether it [is to wait on](is_held_back), and to be [released](release).
#[inline]
pub(super) fn announce(freed: Freed) {
    if class::is_run(freed.class()) {
        return;
    }
    let slab = region::slab(freed.class());
    let (start, entry) = (slab.start(freed.index()), slab.entry(freed.index()));
    memory::prefetch(ptr::from_ref(entry).addr());
    for line in 0..slab.size().min(ANNOUNCED).div_ceil(64) {
        memory::prefetch(start + line * 64);
    }
}

/// A freed block has waited long enough: its slot may be given out again.
pub(super) fn release(cache: &mut Cache, freed: Freed) {
    // What became of C's own memory is C's affair.
    if cache.deep && freed.class() < class::COUNT {
        check_poison(freed);
    }
    if freed.is_on_pages() {
        paged::release(freed.index());
    } else if class::is_run(freed.class()) {
        large::release(freed.class(), freed.index());
    } else {
        cache.bin(freed.class()).keep(freed.class(), freed.index());
    }
}

/// Tells of writes into a freed block and poisons it anew.
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
    sweep::settle(entry.noted());
    if freed.is_on_pages() {
        // Nobody could write to it.
        return;
    }
    let damage = if large {
        // SAFETY: it was in quarantine up to now: committed, and nobody's.
        large::poison_damage(block.start, block.size, |page, into| unsafe { large::read_page(page, into) })
    } else {
        // SAFETY: the block is freed and in nobody's hands but ours.
        unsafe { redzone::poison_damage(start, block.size) }
    };
    if let Some(damage) = damage {
        finding::note(Damaged { block, damage, seen: Seen::BeforeReuse });
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
    let spot = region::spot(address).ok_or(FreeError::NotABlock)?;
    if spot.start != address {
        return Err(interior(&spot));
    }
    let extent = Extent::new(size, align).placed(spot.placement);
    match spot.entry.live_extent() {
        Some(live) if live == extent => {}
        Some(_) => return Err(FreeError::OtherLayout),
        None => return Err(if spot.entry.was_given() { FreeError::AlreadyFreed } else { FreeError::NotABlock }),
    }
    if resize_in_place(&spot, extent, new) {
        finding::tell();
        return Ok(address as *mut u8);
    }
    let moved = allocate(new, align);
    if moved.is_null() {
        return Ok(moved);
    }
    let to_run = || region::spot(moved.addr()).is_some_and(|to| is_large(&to));
    // SAFETY: two live blocks, each of so many bytes or more.
    unsafe { move_content(&spot, moved, size.min(new), to_run) };
    if spot.entry.is_promised() {
        free_uncommon(address, size, align, End::Moved)?;
    } else {
        // SAFETY: the caller's promise, and the content is in the new block.
        unsafe { free(address, size, align)? };
    }
    Ok(moved)
}

/// Moves the content of a block to its new place.
///
/// # Safety
/// - Both are live blocks of `kept` bytes or more.
pub(super) unsafe fn move_content(from: &Spot, to: *mut u8, kept: usize, to_run: impl FnOnce() -> bool) {
    let remapped = kept >= REMAP && is_large(from) && to_run() && large::move_content(from.start, to.addr(), kept);
    if !remapped {
        // SAFETY: the caller's promise; two blocks never overlap.
        unsafe { ptr::copy_nonoverlapping(from.start as *const u8, to, kept) };
    }
}

/// Whether a spot is a run with a large block.
fn is_large(spot: &Spot) -> bool {
    class::is_run(spot.class) && !spot.placement.is_on_pages()
}

pub(super) fn resize_in_place(spot: &Spot, old: Extent, new: usize) -> bool {
    if spot.placement.is_on_pages() {
        // A block that moves leaves pages without access behind: who holds its old address is found.
        return new == old.size();
    }
    let class = class::of(new, old.align());
    let fits = if class::is_run(spot.class) {
        class == 0
    } else {
        let slot = class::size(spot.class);
        new <= slot - SLACK && class != 0 && class::size(class) >= slot / 2
    };
    if !fits {
        return false;
    }
    if spot.class < class::COUNT
        && cache::with(|cache| cache.deep).unwrap_or(false)
        && let Some(damaged) = check_canary(spot, old)
    {
        finding::note(damaged);
    }
    if class::is_run(spot.class) {
        return large::resize(spot.class, spot.index, spot.entry, old, new);
    }
    // SAFETY: the block is the caller's to resize; `new` and its slack fit the slot.
    spot.entry.resize(Extent::new(new, old.align()), || unsafe {
        redzone::cover(spot.start, new, old.size());
        redzone::write_exact(spot.start, new, end(spot, new));
    });
    true
}
