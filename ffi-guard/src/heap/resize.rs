//! Resizing a block, where it lies or by moving it.

use std::ptr;

use super::class::{self, SLACK};
use super::finding;
use super::give::{self, FreeError};
use super::region::{self, Spot};
use super::sweep::End;
use super::table::Extent;
use super::unit::UNIT;
use super::{cache, fresh, large, level1, redzone, stretch, warm};

/// From this size on the content of a block that moves is remapped, not copied. Below it the copy
/// costs less than the kernel.
const REMAP: usize = 1 << 20;

/// Resizes a block, in place if that is possible and not wasteful, else by moving it. Null if there
/// is no memory; the old block is as it was then.
///
/// # Safety
/// - As for [`level1::free`]; the block's content goes with it.
pub(crate) unsafe fn reallocate(address: usize, size: usize, align: usize, new: usize) -> Result<*mut u8, FreeError> {
    let (size, new) = (size.max(1), new.max(1));
    let spot = region::spot(address).ok_or(FreeError::NotABlock)?;
    if spot.start != address {
        return Err(give::interior(&spot));
    }
    let extent = Extent::new(size, align).placed(spot.placement);
    match spot.entry.live_extent() {
        Some(live) if live == extent => {}
        Some(_) => return Err(FreeError::OtherLayout),
        None => return Err(if spot.entry.was_given() { FreeError::AlreadyFreed } else { FreeError::NotABlock }),
    }
    if in_place(&spot, extent, new) {
        if new > size {
            // SAFETY: the block is the caller's to resize, and these bytes have come to it.
            unsafe { fresh::fill(address + size, new - size) };
        }
        finding::tell();
        return Ok(address as *mut u8);
    }
    let growing = if new > size { cache::with(|cache| warm::give_growing(new, align, cache.alive)) } else { None };
    let moved = match growing.flatten() {
        Some(start) => start as *mut u8,
        None => level1::allocate(new, align),
    };
    if moved.is_null() {
        return Ok(moved);
    }
    let to_run = || region::spot(moved.addr()).is_some_and(|to| is_large(&to));
    match fresh::word() {
        Some(word) if fresh::is_whole(new) && (address | moved.addr()).is_multiple_of(UNIT) => {
            // SAFETY: two live blocks, each as large as what is moved; the new one was filled just
            // now.
            unsafe { stretch::copy_onto(address, moved.addr(), size.min(new), word) };
        }
        // SAFETY: as above.
        _ => unsafe { move_content(&spot, moved, size.min(new), to_run) },
    }
    if spot.entry.is_used()
        && let Some(to) = region::spot(moved.addr())
    {
        // What an earlier block may have left in the old place has come along.
        to.entry.set_used(true);
    }
    if spot.entry.is_promised() {
        give::free_uncommon(address, size, align, End::Moved)?;
    } else {
        // SAFETY: the caller's promise, and the content is in the new block.
        unsafe { level1::free(address, size, align)? };
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
pub(super) fn is_large(spot: &Spot) -> bool {
    class::is_run(spot.class) && !spot.placement.is_on_pages()
}

pub(super) fn in_place(spot: &Spot, old: Extent, new: usize) -> bool {
    if spot.placement.is_on_pages() {
        // A block that moves leaves pages without access: a use of its old address is found.
        return new == old.size();
    }
    let class = class::of(new, old.align());
    let fits = if class::is_run(spot.class) {
        class == 0 || warm::may_stay(old.size(), new)
    } else {
        let slot = class::size(spot.class);
        new <= slot - SLACK && class != 0 && class::size(class) >= slot / 2
    };
    if !fits {
        return false;
    }
    let checks_blocks = cache::with(|cache| cache.checks_blocks).unwrap_or(false);
    if checks_blocks && let Some(damaged) = give::check_canary(spot, old) {
        finding::note(damaged);
    }
    if class::is_run(spot.class) {
        return large::resize(spot.class, spot.index, spot.entry, old, new);
    }
    let used = spot.entry.is_used();
    spot.entry.resize(Extent::new(new, old.align()), || {
        if checks_blocks {
            // SAFETY: the block is the caller's to resize; `new` and its slack fit the slot.
            unsafe {
                redzone::cover(spot.start, new, old.size());
                redzone::write_exact(spot.start, new, spot.start + class::size(spot.class));
            }
            return false;
        }
        // Nothing looks into C's memory at level 1.
        // SAFETY: as above.
        spot.class < class::COUNT && unsafe { redzone::cover_growth(spot.start, old.size(), new, used) }
    });
    true
}
