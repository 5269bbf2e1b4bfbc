//! C's half of the region: what `malloc` and its kin stand on.
//!
//! It has slots, runs, entries and caches as Rust's side has, under C's rules: a free does not say
//! how large the block is. A freed block waits in its thread's bin until some 16 KiB of younger
//! ones of its class are there, at every level. It does not go to the process-wide quarantine,
//! which is there to find what C did to Rust's memory. From level 2 on it is poisoned meanwhile,
//! and the poison is looked at before the slot is given out again; the canary of a block is looked
//! at when it is freed or resized.
//!
//! At level 3, and one in n with `GUARD_SAMPLE`, blocks have pages of their own as Rust's have.
//! They are runs of this half, and wait in a row of their own when they are freed (`resting.rs`).

use super::cache::{self, Cache};
use super::class::{self, C};
use super::finding::{self, Damaged, Seen};
use super::give::{self, FreeError};
use super::quarantine::Freed;
use super::region::{self, Spot};
use super::table::{Event, Extent};
use super::{Block, block_ref, large, paged, redzone, resize, resting, slab, trace, under};
use crate::platform::process::Errno;

/// What C's `malloc` promises to align to.
const ALIGN: usize = 16;

/// What happens now, to be noted.
#[inline(always)]
fn event(cache: &Cache) -> Event {
    if trace::may_unwind() { give::event(cache) } else { cache.alive }
}

/// Gives out a block of C's. A size of 0 counts as 1. Null if there is no memory.
#[inline(never)]
pub(crate) fn allocate_c(size: usize, align: usize) -> *mut u8 {
    // SAFETY: nothing below takes the cache a second time: what taking a trace allocates comes from
    // the guard's own memory.
    if let Some(cache) = unsafe { cache::none_on_pages() }
        && let checks = cache.checks_blocks
        && let Some(start) = from_bin(cache, size, align)
    {
        if checks {
            finding::tell();
        }
        return start as *mut u8;
    }
    allocate_uncommon(size, align)
}

/// Gives out a slot of the thread's that has waited long enough.
#[inline(always)]
fn from_bin(cache: &mut Cache, size: usize, align: usize) -> Option<usize> {
    let class = class::of_common(size, align)?;
    let slot = cache.bin(class | C).rested()?;
    let checks = cache.checks_blocks;
    if checks {
        check_poison(class | C, slot);
    }
    let birth = event(cache);
    let extent = Extent::new(size, align);
    let start = match checks {
        true => give::give_slot::<false>(class | C, slot, size, extent, birth),
        false => give::give_bare_slot(class | C, slot, extent, birth),
    };
    (start != 0).then_some(start)
}

/// Level 3, and samples; large blocks; threads without a cache; a bin that is empty.
#[inline(never)]
fn allocate_uncommon(size: usize, align: usize) -> *mut u8 {
    // SAFETY: as in `allocate_c`.
    if let Some(cache) = unsafe { cache::current() }
        && cache.countdown.is_on()
        && !cache.countdown.is_next()
        && let Some(start) = from_bin(cache, size, align)
    {
        cache.countdown.goes_on();
        finding::tell();
        return start as *mut u8;
    }
    let _errno = Errno::keep();
    give::allocate_on::<false>(C, size, align, event)
}

/// Gives out a block of C's whose bytes are zero.
pub(crate) fn allocate_c_zeroed(size: usize, align: usize) -> *mut u8 {
    let block = allocate_c(size, align);
    // A new run comes from the system as zero; one that waited does not.
    let is_zero =
        || region::spot_c(block.addr()).is_some_and(|spot| class::is_run(spot.class) && !spot.entry.is_used());
    if !block.is_null() && !is_zero() {
        // SAFETY: the block was given out just now.
        unsafe { block.write_bytes(0, size.max(1)) };
    }
    block
}

/// The live block that starts at an address of C's half.
fn live(address: usize) -> Result<(Spot, Extent), FreeError> {
    let spot = region::spot_c(address).ok_or(FreeError::NotABlock)?;
    if spot.start != address {
        return Err(give::interior(&spot));
    }
    match spot.entry.live_extent() {
        Some(extent) => Ok((spot, extent)),
        None if spot.entry.was_given() => Err(FreeError::AlreadyFreed),
        None => Err(FreeError::NotABlock),
    }
}

/// Takes a block of C's back.
///
/// # Safety
/// - `address` is in C's half. If it is the start of a live block, no one uses that block any more.
#[inline(never)]
pub(crate) unsafe fn free_c(address: usize) -> Result<(), FreeError> {
    // SAFETY: as in `allocate_c`.
    if let Some(cache) = unsafe { cache::current() }
        && !cache.checks_blocks
        && let Some((class, slot, 0)) = region::slot_c(address)
        && let entry = region::slab(class).entry(slot)
        && let Some(extent) = entry.live_extent()
        && let alive = cache.alive
        && let Some(place) = cache.bin(class).place()
        && entry.take_back(extent, alive)
    {
        entry.note_under(under::number());
        place.fill(slot);
        return Ok(());
    }
    let (spot, extent) = live(address)?;
    cache::with(|cache| take_back(cache, &spot, extent)).unwrap_or(Ok(()))?;
    finding::tell();
    Ok(())
}

/// From level 2 on; large blocks; threads without a cache; a bin that is full.
fn take_back(cache: &mut Cache, spot: &Spot, extent: Extent) -> Result<(), FreeError> {
    // C reads `errno` after it has freed.
    let _errno = Errno::keep();
    if spot.placement.is_on_pages() {
        return take_back_pages(cache, spot, extent);
    }
    let is_damaged = cache.checks_blocks && !is_whole(spot, extent);
    let damaged = if is_damaged { give::check_canary(spot, extent) } else { None };
    spot.entry.take_back_once(extent, event(cache), || {
        spot.entry.note_under(under::number());
        if class::is_run(spot.class) {
            large::clear(spot.start, extent.size(), false);
        } else if cache.checks_blocks {
            // A stale pointer in it must not come back as the content of the next block: `malloc`
            // does not clear. Below level 2 C's memory is not searched.
            // SAFETY: the block was live, of this size, and is no longer in use.
            unsafe { redzone::poison(spot.start, extent.size(), redzone::POISON_WORD) };
        }
    })?;
    if let Some(damaged) = damaged {
        give::note_freed(spot, damaged);
    }
    cache.release(Freed::new(spot.class, spot.index));
    Ok(())
}

/// Takes a block on pages of its own back.
fn take_back_pages(cache: &Cache, spot: &Spot, extent: Extent) -> Result<(), FreeError> {
    let damaged = give::check_canary(spot, extent);
    // The death is on record before the pages go: a touch of the block from here on is reported
    // with it.
    spot.entry.take_back_once(extent, give::traced(cache), || spot.entry.note_under(under::number()))?;
    paged::close(spot.index);
    if let Some(damaged) = damaged {
        give::note_freed(spot, damaged);
    }
    resting::rest(spot.index);
    Ok(())
}

/// Makes a block of C's larger or smaller, where it is or elsewhere. Null if there is no memory;
/// the old block is as it was then.
///
/// # Safety
/// - As for [`free_c`]; the block's content goes with it.
pub(crate) unsafe fn reallocate_c(address: usize, new: usize) -> Result<*mut u8, FreeError> {
    let new = new.max(1);
    let (spot, extent) = live(address)?;
    if resize::in_place(&spot, extent, new) {
        finding::tell();
        return Ok(address as *mut u8);
    }
    // C loses an alignment that it asked for beyond the common one, as with every `realloc`.
    let moved = allocate_c(new, ALIGN);
    if moved.is_null() {
        return Ok(moved);
    }
    let to_run = || region::spot_c(moved.addr()).is_some_and(|to| resize::is_large(&to));
    // SAFETY: two live blocks, each as large as what is moved.
    unsafe { resize::move_content(&spot, moved, extent.size().min(new), to_run) };
    // SAFETY: the caller's promise, and the content is in the new block.
    unsafe { free_c(address)? };
    Ok(moved)
}

/// Bytes that C asked for, of the live block that starts here.
pub(crate) fn size_c(address: usize) -> Result<usize, FreeError> {
    live(address).map(|(_, extent)| extent.size())
}

/// The block of C's that an address leads into; as `heap::lookup` of Rust's.
pub(crate) fn lookup_c(address: usize) -> Option<Block> {
    let spot = region::spot_c(address)?;
    spot.entry.read(spot.base).filter(|block| block.start <= address)
}

/// Whether an address leads into a block that C freed and that is not given out again.
#[inline(never)]
pub(crate) fn is_freed_c(address: usize) -> bool {
    region::spot_c(address).is_some_and(|spot| spot.entry.is_freed() && spot.start <= address)
}

/// Reports writes into a block of C's that is freed and about to be given out again, and poisons it
/// again. From level 2 on, when freed blocks are poisoned.
#[inline]
pub(super) fn check_poison(class: usize, slot: u32) {
    let slab = region::slab(class);
    let (start, entry) = (slab.start(slot), slab.entry(slot));
    if !entry.is_freed() {
        return;
    }
    let size = entry.extent().size();
    // SAFETY: a slot from the lists, which is freed: it was given out with this size, and is in our
    // hands alone.
    if let Some(damage) = unsafe { redzone::poison_damage(start, size, redzone::POISON_WORD) }
        && let Some(block) = entry.read(start).filter(|block| !block.live)
    {
        finding::note(Damaged { block, damage, seen: Seen::BeforeReuse });
        // SAFETY: as above.
        unsafe { redzone::poison(start, size, redzone::POISON_WORD) };
    }
}

/// Whether nothing is wrong around the live block of C's that an address leads into; true if there
/// is none. As `is_whole` of Rust's.
#[inline(never)]
pub(crate) fn is_whole_c(address: usize) -> bool {
    let Some(spot) = region::spot_c(address).filter(|spot| spot.start <= address) else { return true };
    spot.entry.live_extent().is_none_or(|extent| is_whole(&spot, extent))
}

/// Whether nothing is wrong around the block of C's in this spot, which is live with this extent.
#[inline]
fn is_whole(spot: &Spot, extent: Extent) -> bool {
    if class::is_run(spot.class) {
        return block_ref::is_run_whole(spot.start, extent);
    }
    let end = spot.start + class::size(spot.class);
    let before = slab::canary_before(spot.class, spot.index, spot.start);
    // SAFETY: a slot that has held a block keeps its access, and the one before has a canary where
    // `canary_before` says so.
    unsafe { redzone::is_whole(spot.start, extent.size(), end, before) }
}

/// The call under which C freed this block, if it is known.
pub(crate) fn freed_under(block: &Block) -> Option<under::Site> {
    let spot = region::spot_c(block.start).filter(|spot| !block.live && spot.entry.is(block.generation))?;
    under::site(spot.entry.noted())
}
