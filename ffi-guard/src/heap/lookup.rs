//! One question about an address, or about a block. A block that is known by a record alone is
//! looked up for each; a call that has several questions holds it as it was found
//! ([`FoundBlock`](super::block_ref::FoundBlock)).

use super::block::Block;
use super::block_ref::{self, Refers};
use super::redzone::{self, Damage};
use super::region::{self, Slab};
use super::table::Entry;
use super::{paged, slab};

/// The block that an address leads into, its slack included; `None` if no block was ever given out
/// there.
///
/// Takes no lock, never faults, may run in a signal handler. A block that another thread is giving
/// out or taking back at this very moment is seen before or after that, never mixed.
#[inline]
pub(crate) fn lookup(address: usize) -> Option<Block> {
    let spot = region::spot(address)?;
    // Another block may have come since, and lie further up in the same run.
    spot.entry.read(spot.base).filter(|block| block.start <= address)
}

/// As [`lookup`], in either half of the region.
#[inline]
pub(crate) fn lookup_in_either(address: usize) -> Option<Block> {
    let spot = region::spot_in_either(address)?;
    spot.entry.read(spot.base).filter(|block| block.start <= address)
}

/// The block in whose run of pages an address lies: in it, before it or after it, live or freed.
/// For addresses that fault.
pub(crate) fn around(address: usize) -> Option<Block> {
    let spot = region::run_around(address)?;
    spot.entry.read(spot.base)
}

/// Gives the whole run around an address access, until its block is freed or leaves the quarantine:
/// what was found there was reported, or is allowed, and the program goes on. In a signal handler.
pub(crate) fn open_around(address: usize) -> bool {
    region::run_around(address).is_some_and(|spot| paged::open(spot.index))
}

/// The slab and the entry of the slot that an address of the region lies in, and the slot's start;
/// `None` among the runs. Outside of the region the answer means nothing.
#[inline(always)]
fn slot(address: usize) -> Option<(&'static Slab, &'static Entry, usize)> {
    let (class, index, into) = region::slot(address)?;
    let slab = region::slab(class);
    Some((slab, slab.entry(index), address.wrapping_sub(into)))
}

/// The start and the generation of the block that an address leads into, which tell it from every
/// other. `None` if there is none, or it is changing hands just now.
#[inline(always)]
pub(crate) fn identity(address: usize) -> Option<(usize, u32)> {
    if !region::contains(address) {
        return None;
    }
    match slot(address) {
        Some((_, entry, start)) => Some((start, entry.settled_generation()?)),
        None => identity_of_run(address),
    }
}

/// [`identity`] of a block in a run, out of the way of the small ones.
#[inline(never)]
fn identity_of_run(address: usize) -> Option<(usize, u32)> {
    let spot = region::spot(address)?;
    Some((spot.start, spot.entry.settled_generation()?))
}

/// Bytes from an address of the region to the end of the live block that it is in; `None` if it is
/// in none, or after its end. Outside of the region the answer means nothing.
///
/// The part of [`lookup`] that the common crossing needs: one load of the entry's state, one of its
/// extent.
#[inline(always)]
pub(crate) fn rest_of_live(address: usize) -> Option<usize> {
    rest_and_kind(address).map(|(rest, _)| rest)
}

/// [`rest_of_live`], and whether the block has a run of its own.
#[inline(always)]
pub(crate) fn rest_and_kind(address: usize) -> Option<(usize, bool)> {
    match slot(address) {
        Some((_, entry, start)) => Some((entry.live_extent()?.size().checked_sub(address.wrapping_sub(start))?, false)),
        None => Some((rest_of_run(address)?, true)),
    }
}

/// [`rest_of_live`] of a block in a run, out of the way of the small ones.
#[inline(never)]
fn rest_of_run(address: usize) -> Option<usize> {
    let spot = region::spot(address)?;
    spot.entry.live_extent()?.size().checked_sub(address.wrapping_sub(spot.start))
}

/// Whether nothing is wrong around the live block that an address leads into; true if there is
/// none.
///
/// What each call asks of what it is lent, before and after: one load of the entry's extent and the
/// canary's own bytes.
#[inline]
pub(crate) fn is_whole(address: usize) -> bool {
    let Some((class, index, into)) = region::slot(address) else { return is_run_whole(address) };
    let slab = region::slab(class);
    let Some(extent) = slab.entry(index).live_extent() else { return true };
    let start = address.wrapping_sub(into);
    let end = start.wrapping_add(slab.size());
    // SAFETY: a slot that has held a block keeps its access, and the one before has a canary where
    // `canary_before` says so.
    unsafe { redzone::is_whole(start, extent.size(), end, slab::canary_before(class, index, start)) }
}

/// [`is_whole`] of a block in a run, out of the way of the small ones.
#[inline(never)]
fn is_run_whole(address: usize) -> bool {
    let Some(spot) = region::spot(address) else { return true };
    spot.entry.live_extent().is_none_or(|extent| block_ref::is_run_whole(spot.start, extent))
}

/// Whether a word at an address may be one that an earlier block left in the memory of the block
/// there. At level 1 the heap does not cover more than the first bytes of used memory.
#[cold]
pub(crate) fn is_doubtful(address: usize) -> bool {
    region::spot(address).is_some_and(|spot| spot.entry.is_used() && address - spot.start >= redzone::COVERED)
}

/// Calls that this block is lent to now.
pub(crate) fn loans(block: &impl Refers) -> u32 {
    block.reference().map_or(0, |block| block.loans())
}

/// Counts one more loan. False if the place belongs to another block by now.
pub(crate) fn lend(block: &impl Refers) -> bool {
    block.reference().is_some_and(|block| block.lend())
}

/// Ends a loan. False if there was none, or the place belongs to another block by now.
pub(crate) fn unlend(block: &impl Refers) -> bool {
    block.reference().is_some_and(|block| block.unlend())
}

/// Notes that sweep `number` settles a loan of this block. False if the place belongs to another
/// block by now.
pub(crate) fn note_loan(block: &impl Refers, number: u32) -> bool {
    block.reference().is_some_and(|block| block.note(number))
}

/// The sweep that settles the last loan noted of this block; 0 for none.
pub(crate) fn noted(block: &impl Refers) -> u32 {
    block.reference().map_or(0, |block| block.noted())
}

/// Notes that C may keep this block by contract, until Rust frees it. False if the place belongs to
/// another block by now.
pub(crate) fn retain(block: &impl Refers) -> bool {
    block.reference().is_some_and(|block| block.retain())
}

/// Notes that C may keep this block whatever becomes of it. False if the place belongs to another
/// block by now.
pub(crate) fn exempt(block: &impl Refers) -> bool {
    block.reference().is_some_and(|block| block.exempt())
}

/// Whether C may keep this block whatever becomes of it.
pub(crate) fn is_exempt(block: &impl Refers) -> bool {
    block.reference().is_some_and(|block| block.is_exempt())
}

/// Notes that C was lent this block to write. False if the place belongs to another block by now.
pub(crate) fn open(block: &impl Refers) -> bool {
    block.reference().is_some_and(|block| block.open())
}

/// True if C may have written what is in this block.
pub(crate) fn was_open(block: &impl Refers) -> bool {
    block.reference().is_some_and(|block| block.was_open())
}

/// Whether C was ever allowed to keep this block, in one of the two ways.
pub(crate) fn may_be_retained(block: &impl Refers) -> bool {
    block.reference().is_some_and(|block| block.may_be_retained())
}

/// Pins a block, or ends that. False if the place belongs to another block by now.
pub(crate) fn set_pinned(block: &impl Refers, pinned: bool) -> bool {
    block.reference().is_some_and(|block| block.set_pinned(pinned))
}

/// Whether a block is pinned.
pub(crate) fn is_pinned(block: &impl Refers) -> bool {
    block.reference().is_some_and(|block| block.is_pinned())
}

/// What is wrong around a live block: in its slack, else in the 16 bytes before it.
pub(crate) fn canary_damage(block: &impl Refers) -> Option<Damage> {
    block.reference()?.damage()
}

/// The block before this one if damage before this one's start may as well be that one's overrun.
pub(crate) fn overrun_from(block: &impl Refers) -> Option<Block> {
    block.reference()?.overrun_from()
}

/// Writes the canaries of a live block again, so that one overrun is reported once.
pub(crate) fn renew_canary(block: &impl Refers) {
    if let Some(block) = block.reference() {
        block.renew_canary();
    }
}
