//! The Rust region: one range of addresses that all program memory comes from, so that any address tells whose it is.
//!
//! | file | |
//! |---|---|
//! | `region` | the reservation, and the arithmetic from an address to its entry |
//! | `class` | size classes |
//! | `table` | what is known of each block: states, generations, notes |
//! | `sweep` | the number of the sweep to come, and who is asked before a noted block is given out again |
//! | `slab`, `run`, `large` | where small and large blocks come from |
//! | `slot` | what is asked of a small block by an address |
//! | `paged` | blocks on pages of their own |
//! | `sampled` | one block in so many on such pages |
//! | `held` | a block from the beginning of a call to its end |
//! | `lender` | who was lent a block last |
//! | `cache`, `quarantine` | free and freed blocks, by thread and for the process |
//! | `redzone`, `unit` | canary and poison, sixteen bytes at a time |
//! | `give` | giving blocks out, taking them back, resizing them |
//! | `deep` | the common way of the first two at level 2 |
//! | `c_side` | the same for C's half, by C's rules |
//! | `c_ranges` | where C's blocks lie, for the search |
//! | `trace` | backtraces, each kept once |
//! | `finding` | what was found of damage, until it can be told |
//! | `survey` | a look at every block for damage |
//! | `fork`, `lock` | what a global allocator cannot take from std |

mod c_ranges;
#[cfg(feature = "c-heap")]
mod c_side;
mod cache;
mod class;
mod deep;
mod fields;
pub(crate) mod finding;
mod fork;
mod give;
mod held;
mod large;
pub(crate) mod lender;
pub(crate) mod lock;
mod paged;
mod quarantine;
mod redzone;
mod region;
mod run;
mod sampled;
mod slab;
mod slack;
mod slot;
mod survey;
pub(crate) mod sweep;
mod table;
pub(crate) mod trace;
mod unit;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "c-heap")]
pub(crate) use self::c_ranges::with_c_ranges;
#[cfg(feature = "c-heap")]
pub(crate) use self::c_side::{allocate_c, allocate_c_zeroed, free_c, let_unwind, lookup_c, reallocate_c, size_c};
pub(crate) use self::give::{FreeError, allocate, allocate_zeroed, free, reallocate};
pub(crate) use self::held::Held;
use self::lock::Locked;
pub(crate) use self::redzone::{Damage, canary_bytes};
pub(crate) use self::region::contains;
#[cfg(feature = "c-heap")]
pub(crate) use self::region::contains_c;
use self::slot::Slot;
pub(crate) use self::survey::each_damaged;
use crate::config::Backtrace;
use crate::level::{self, Level};
use crate::platform::{fault, process, thread};
use crate::reentry::Reentry;

/// What the table knows of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// First byte that the program was given.
    pub(crate) start: usize,
    /// Bytes that the program asked for.
    pub(crate) size: usize,
    /// Alignment that it asked for.
    pub(crate) align: usize,
    /// Live, or freed and not given out again.
    pub(crate) live: bool,
    /// Counts the uses of this place: another block at the same address has another generation.
    pub(crate) generation: u32,
    /// Where it was allocated.
    pub(crate) allocated: trace::TraceId,
    /// The thread that allocated it; 0 where not known.
    pub(crate) allocated_by: u32,
    /// Where it was freed.
    pub(crate) freed: trace::TraceId,
    /// The thread that freed it; 0 where not known.
    pub(crate) freed_by: u32,
}

/// The Rust region; empty until the first allocation.
pub(crate) fn region() -> Range<usize> {
    region::range()
}

/// Where it begins, and its bytes: none before that.
#[inline(always)]
pub(crate) fn bounds() -> (usize, usize) {
    region::bounds()
}

/// C's half of the region.
#[cfg(feature = "c-heap")]
pub(crate) fn c_region() -> Range<usize> {
    let rusts = region::range();
    rusts.end..rusts.end + rusts.len()
}

/// The block that an address leads into, its slack included; `None` where no block was ever given out.
///
/// Takes no lock, never faults, may run in a signal handler. A block that another thread is giving out or taking back at this
/// very moment is seen before or after that, never mixed.
#[inline]
pub(crate) fn lookup(address: usize) -> Option<Block> {
    let spot = region::spot(address)?;
    // Another block may have come since, and lie further up in the same run.
    spot.entry.read(spot.base).filter(|block| block.start <= address)
}

/// The block in whose run of pages an address lies: in it, before it or behind it, live or freed. For addresses that fault.
pub(crate) fn around(address: usize) -> Option<Block> {
    let spot = region::run_around(address)?;
    spot.entry.read(spot.base)
}

/// Gives the whole run around an address access, until its block is freed or leaves the quarantine: what was found there was
/// told, or is let pass, and the program goes on. In a signal handler.
pub(crate) fn open_around(address: usize) -> bool {
    region::run_around(address).is_some_and(|spot| paged::open(spot.index))
}

/// The start and the generation of the block that an address leads into: what tells it from every other. `None` where there is
/// none, or it is changing hands just now.
#[inline(always)]
pub(crate) fn identity(address: usize) -> Option<(usize, u32)> {
    if !contains(address) {
        return None;
    }
    match Slot::of(address) {
        Some(slot) => slot.identity(),
        None => identity_of_run(address),
    }
}

/// The same among the large blocks, out of the way of the small ones.
#[inline(never)]
fn identity_of_run(address: usize) -> Option<(usize, u32)> {
    let spot = region::spot(address)?;
    Some((spot.start, spot.entry.settled_generation()?))
}

/// Bytes from an address of the region to the end of the live block that it is in; `None` where it is in none, or behind its
/// end. Outside of the region the answer means nothing.
///
/// The part of [`lookup`] that the common crossing needs: one load of the entry's state, one of its extent.
#[inline(always)]
pub(crate) fn rest_of_live(address: usize) -> Option<usize> {
    rest_and_kind(address).map(|(rest, _)| rest)
}

/// Bytes from an address of the region to the end of the live block that it is in, and whether that block
/// has a run of its own.
#[inline(always)]
pub(crate) fn rest_and_kind(address: usize) -> Option<(usize, bool)> {
    match Slot::of(address) {
        Some(slot) => Some((slot.rest(address)?, false)),
        None => Some((rest_of_run(address)?, true)),
    }
}

/// The same among the large blocks, out of the way of the small ones.
#[inline(never)]
fn rest_of_run(address: usize) -> Option<usize> {
    let spot = region::spot(address)?;
    spot.entry.live_extent()?.size().checked_sub(address.wrapping_sub(spot.start))
}

fn entry_of(block: &Block) -> Option<&'static table::Entry> {
    region::spot(block.start).map(|spot| spot.entry)
}

/// Calls that this block is lent to now.
pub(crate) fn loans(block: &Block) -> u32 {
    entry_of(block).map_or(0, |entry| entry.loans(block.generation))
}

/// Counts one more loan. False where the place belongs to another block by now.
pub(crate) fn lend(block: &Block) -> bool {
    entry_of(block).is_some_and(|entry| entry.lend(block.generation))
}

/// Ends a loan. False where there was none, or the place belongs to another block by now.
pub(crate) fn unlend(block: &Block) -> bool {
    entry_of(block).is_some_and(|entry| entry.unlend(block.generation))
}

/// Notes that sweep `number` settles a loan of this block. False where the place belongs to another block by now.
pub(crate) fn note_loan(block: &Block, number: u32) -> bool {
    entry_of(block).is_some_and(|entry| entry.note(block.generation, number))
}

/// The sweep that settles the last loan noted of this block; 0 for none.
pub(crate) fn noted(block: &Block) -> u32 {
    entry_of(block).map_or(0, table::Entry::noted)
}

/// Notes that C was allowed to keep this block. False where the place belongs to another block by now.
pub(crate) fn allow_keeping(block: &Block) -> bool {
    entry_of(block).is_some_and(|entry| entry.keep(block.generation))
}

/// Notes that C was allowed to keep this block whatever becomes of it. False where the place belongs to another block by now.
pub(crate) fn allow(block: &Block) -> bool {
    entry_of(block).is_some_and(|entry| entry.allow(block.generation))
}

/// Whether it was.
pub(crate) fn is_allowed(block: &Block) -> bool {
    entry_of(block).is_some_and(|entry| entry.is_allowed(block.generation))
}

/// Whether C was ever allowed to keep this block.
pub(crate) fn may_be_kept(block: &Block) -> bool {
    entry_of(block).is_some_and(|entry| entry.may_be_kept(block.generation))
}

/// Pins a block, or ends that. False where the place belongs to another block by now.
pub(crate) fn set_pinned(block: &Block, pinned: bool) -> bool {
    entry_of(block).is_some_and(|entry| entry.set_pinned(block.generation, pinned))
}

/// Whether a block is pinned.
pub(crate) fn is_pinned(block: &Block) -> bool {
    entry_of(block).is_some_and(|entry| entry.is_pinned(block.generation))
}

/// What is wrong around a live block: in its slack, else in the 16 bytes before it.
pub(crate) fn canary_damage(block: &Block) -> Option<Damage> {
    let spot = region::spot(block.start).filter(|spot| block.live && spot.start == block.start)?;
    if spot.placement.is_on_pages() {
        return slack::damage(block.start, block.size);
    }
    // SAFETY: a live block's memory is committed up to its end, and the slot before has a canary where `canary_before` says so.
    unsafe { redzone::damage(block.start, block.size, give::end(&spot, block.size), give::before(&spot)) }
}

/// Whether nothing is wrong around the live block that an address leads into; true where there is none.
///
/// What each call asks of what it is lent, before and after: one load of the entry's extent and the canary's own bytes.
#[inline]
pub(crate) fn is_whole(address: usize) -> bool {
    match Slot::of(address) {
        Some(slot) => slot.is_whole(),
        None => is_run_whole(address),
    }
}

/// The same among the large blocks, out of the way of the small ones.
#[inline(never)]
fn is_run_whole(address: usize) -> bool {
    let Some(spot) = region::spot(address) else { return true };
    let Some(extent) = spot.entry.live_extent() else { return true };
    let size = extent.size();
    if spot.placement.is_on_pages() {
        let damage = match thread::is_alone() {
            // SAFETY: it is live, and there is no other thread that could free it.
            true => unsafe { slack::damage_of_own(spot.start, size) },
            false => slack::damage(spot.start, size),
        };
        return damage.is_none();
    }
    // SAFETY: a live block's memory is committed up to its end, and the slot before has a canary where `canary_before` says so.
    unsafe { redzone::is_whole(spot.start, size, give::end(&spot, size), give::before(&spot)) }
}

/// Whether damage before the start of this block may as well be an overrun of the block before it: it begins at that one's end. That
/// block, if it is so.
pub(crate) fn overrun_from(block: &Block) -> Option<Block> {
    let spot = region::spot(block.start).filter(|spot| spot.index > 1)?;
    if class::is_run(spot.class) || !survey::is_overrun_from(&spot) {
        return None;
    }
    lookup(block.start - class::SLACK)
}

/// Writes the canaries of a live block anew, so that one overrun is told once.
pub(crate) fn renew_canary(block: &Block) {
    let Some(spot) = region::spot(block.start).filter(|spot| block.live && spot.start == block.start) else { return };
    if spot.placement.is_on_pages() {
        // SAFETY: a live block on pages of its own.
        return unsafe { slack::fill(block.start, block.size) };
    }
    // SAFETY: as above; only slack is written.
    unsafe {
        redzone::write_exact(block.start, block.size, give::end(&spot, block.size));
        if let Some(before) = give::before(&spot) {
            redzone::write_last(before, block.start);
        }
    }
}

/// Quarantine of the process from level 2 on, unless `GUARD_QUARANTINE` says otherwise.
const QUARANTINE: usize = 64 << 20;
/// What a thread gathers before it goes to the process-wide quarantine.
const BATCH: usize = 64 << 10;
/// What waits in each bin of each thread at level 1, where there is no quarantine for the process. Small, so that a block
/// freed and its entry are still in the first or second cache when they come back: see docs/design/heap.md.
const DELAY: usize = 16 << 10;

static READY: AtomicBool = AtomicBool::new(false);
static START: Locked<()> = Locked::new(());

/// Sets the heap up on first use. False where the system has no memory for it.
pub(crate) fn ready() -> bool {
    READY.load(Ordering::Acquire) || start()
}

#[cold]
fn start() -> bool {
    let _inside = Reentry::enter();
    let mut first = false;
    let ready = START.with(|()| {
        if READY.load(Ordering::Acquire) {
            return true;
        }
        first = true;
        // This crate's own tests drive the heap itself, whatever the level.
        let level = if cfg!(test) { Level::Full } else { level::tracking() };
        let settings = crate::config::settings();
        if !region::reserve() {
            process::write_stderr(
                b"ffi-guard: no 64 MiB of address space for the Rust heap (ulimit -v?): raise the limit or set GUARD=0\n",
            );
            process::exit_now(2);
        }
        let deep = level >= Level::Full;
        let delay = (!deep && settings.quarantine.is_none()).then_some(DELAY);
        let limit = settings.quarantine.unwrap_or(QUARANTINE);
        let paged = level == Level::Paged;
        if paged {
            paged::set_up(limit);
        }
        // Where all are, there is nothing to choose.
        let sample = if paged || !fault::SUPPORTED { 0 } else { u32::try_from(settings.sample).unwrap_or(u32::MAX) };
        if sample != 0 {
            paged::set_up_few(limit);
        }
        if !cache::set_up(cache::Plan { deep, paged, sample, delay, ring: BATCH.min(limit / 8) })
            || (delay.is_none() && !quarantine::set_up(limit))
        {
            process::write_stderr(b"ffi-guard: no memory for the Rust heap's own lists: raise the limit or set GUARD=0\n");
            process::exit_now(2);
        }
        if (deep || sample != 0) && settings.backtrace != Backtrace::Off {
            trace::set_up(settings.backtrace == Backtrace::Full);
        }
        fork::set_up();
        READY.store(true, Ordering::Release);
        true
    });
    if first {
        // After the fork handlers, and with the lock open: this goes through the gate.
        trace::note_modules();
        thread::ask_who_is_alone();
    }
    ready
}

#[cfg(test)]
mod tests;
