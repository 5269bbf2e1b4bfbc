//! Blocks on pages of their own: all of them at level 3, one in so many with `GUARD_SAMPLE`.
//!
//! ```text
//!  | unit of 64 KiB                                                    |
//!  | no access | canary | block ........ ][ no access ................ |   before the guard
//!  | no access [ block ........ | canary ][ no access ................ |   behind the guard
//!              page                      page
//! ```
//! Each has a run of units; the runs beside it have a page without access at their edges, too. Before the guard, only the bytes
//! that alignment leaves lie between the block's end and the page's; behind it, there are none before the block's start. The
//! rest of its pages is slack, with a canary next to the block.
//!
//! A freed block loses its pages at once, and its run waits in the quarantine: a mapping less, and no memory.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::quarantine::limit_on_pages;
use super::redzone::{self, Damage};
use super::region::{self, UNIT};
use super::table::{Event, Extent, Placement};
use super::{run, sampled, unit};
use crate::platform::memory::{self, PAGE};
use crate::platform::{fault, process, read};

/// Requests from here on are refused, as everywhere in the heap.
const TOO_LARGE: usize = 1 << 46;
/// Bytes of slack on either side of a block that carry a canary.
const WINDOW: usize = 80;

/// Live blocks on pages of their own, and how many there may be.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// Units of their runs, those in quarantine included, and how many there may be.
static UNITS: AtomicUsize = AtomicUsize::new(0);
static MOST_UNITS: AtomicUsize = AtomicUsize::new(0);
/// Not every block is meant to be: that one is not need not be said.
static FEW: AtomicBool = AtomicBool::new(false);
/// A run was opened after its block was freed, so that it may have access when it is given back.
static OPENED: AtomicBool = AtomicBool::new(false);

/// Finds out how many blocks there may be. A live one costs two mappings, its own and the one behind; a quarter of what the
/// system allows is left to stacks, libraries and C's heap. Where addresses are few, half of the runs is left to large blocks, and
/// no more than a quarter is in the quarantine, of so many bytes.
pub(super) fn set_up(quarantine: usize) {
    let mappings = memory::most_mappings();
    MOST.store((mappings - mappings / 4) / 2, Ordering::Relaxed);
    let units = region::units(0).len();
    MOST_UNITS.store(units / 2, Ordering::Relaxed);
    limit_on_pages(quarantine, units / 4);
}

/// The same for one block in so many: a few, that cost what is documented and no more.
pub(super) fn set_up_few(quarantine: usize) {
    set_up(quarantine);
    MOST.fetch_min(sampled::MOST, Ordering::Relaxed);
    FEW.store(true, Ordering::Relaxed);
}

/// Bytes without access before a block, at least: a page, or what its alignment asks for.
const fn lead(align: usize) -> usize {
    if align > PAGE { align } else { PAGE }
}

/// Bytes from the start of the run to the block.
pub(super) const fn offset(size: usize, align: usize, placement: Placement) -> usize {
    let lead = lead(align);
    match placement {
        Placement::AtBase | Placement::BehindHeader => 0,
        Placement::BeforeGuard if align < PAGE => (lead + size.next_multiple_of(PAGE) - size) & !(align - 1),
        // With such an alignment both are the same.
        Placement::BeforeGuard | Placement::BehindGuard => lead,
    }
}

fn units(size: usize, align: usize) -> u32 {
    (lead(align) + size.next_multiple_of(PAGE) + PAGE).div_ceil(UNIT) as u32
}

/// The pages of a block.
fn pages(start: usize, size: usize) -> Range<usize> {
    start & !(PAGE - 1)..(start + size).next_multiple_of(PAGE)
}

/// The slack next to a block that carries its canary, before it and behind it.
fn slack(start: usize, size: usize) -> [Range<usize>; 2] {
    let (pages, end) = (pages(start, size), start + size);
    [pages.start.max(start.saturating_sub(WINDOW))..start, end..pages.end.min(end + WINDOW)]
}

/// Gives out a block. Its memory is zero. `None` where there is no room for one more.
pub(super) fn give(size: usize, align: usize, placement: Placement, birth: Event) -> Option<usize> {
    if size >= TOO_LARGE || align >= TOO_LARGE {
        return None;
    }
    fault::install_after_rust();
    let units = units(size, align);
    let many = LIVE.fetch_add(1, Ordering::Relaxed) >= MOST.load(Ordering::Relaxed);
    let long = UNITS.fetch_add(units as usize, Ordering::Relaxed) + units as usize > MOST_UNITS.load(Ordering::Relaxed);
    if !many
        && !long
        && let Some(start) = map(units, size, align, placement, birth)
    {
        return Some(start);
    }
    UNITS.fetch_sub(units as usize, Ordering::Relaxed);
    let live = LIVE.fetch_sub(1, Ordering::Relaxed) - 1;
    say_once(live, long);
    None
}

fn map(units: u32, size: usize, align: usize, placement: Placement, birth: Event) -> Option<usize> {
    let first = run::take(0, units, align)?;
    let run = first..first + units;
    let start = region::unit_start(first as usize) + offset(size, align, placement);
    if !memory::commit(pages(start, size)) {
        run::put(0, run);
        return None;
    }
    // SAFETY: committed just now, and nobody knows of it yet.
    unsafe { fill(start, size) };
    run::map_units(run);
    region::run_entry(first as usize).give(Extent::new(size, align).placed(placement), birth, || ());
    Some(start)
}

/// Said once: what the user asked for is not had for every block.
#[cold]
fn say_once(live: usize, long: bool) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if FEW.load(Ordering::Relaxed) || SAID.swap(true, Ordering::Relaxed) {
        return;
    }
    const GO_ON: &str = "further ones lie as at level 2 until there is";
    if long {
        process::say(format_args!(
            "{live} blocks have pages of their own, and there are no addresses for more (ulimit -v?): {GO_ON}"
        ));
    } else {
        let mappings = memory::most_mappings();
        process::say(format_args!(
            "{live} blocks have pages of their own, and there is no room for more (vm.max_map_count is {mappings}): {GO_ON}"
        ));
    }
}

/// Takes the pages of a freed block away, and what was opened around it.
pub(super) fn close(first: u32) {
    memory::decommit(whole(first));
    LIVE.fetch_sub(1, Ordering::Relaxed);
}

/// The run of a freed block has waited long enough.
pub(super) fn release(first: u32) {
    let run = run::at(first);
    UNITS.fetch_sub(run.len(), Ordering::Relaxed);
    if OPENED.load(Ordering::Relaxed) {
        memory::decommit(whole(first));
    }
    run::put(0, run);
}

/// Gives all of a run access.
pub(super) fn open(first: u32) -> bool {
    OPENED.store(true, Ordering::Relaxed);
    memory::commit(whole(first))
}

fn whole(first: u32) -> Range<usize> {
    let run = run::at(first);
    region::unit_start(run.start as usize)..region::unit_start(run.end as usize)
}

/// The canary of a block, and which byte of it belongs at an address: it goes by the block's start here, which may be odd. So the
/// eight bytes before any block are those that glibc refuses as a size, as they are before a slot.
fn canary(start: usize) -> impl Fn(usize) -> u8 {
    let bytes = redzone::canary_bytes(start & !(unit::UNIT - 1));
    move |at| bytes.get(at.wrapping_sub(start) % unit::UNIT).copied().unwrap_or(0)
}

/// Writes the canary on both sides of a block.
///
/// # Safety
/// - The block's pages are committed, and nobody else writes to the slack.
pub(super) unsafe fn fill(start: usize, size: usize) {
    let canary = canary(start);
    for at in slack(start, size).into_iter().flatten() {
        // SAFETY: within the block's pages, and none of the block.
        unsafe { (at as *mut u8).write(canary(at)) };
    }
}

/// What is wrong on either side of a live block. The kernel copies: where another thread frees the block meanwhile, there is
/// nothing to say, and no fault.
pub(super) fn damage(start: usize, size: usize) -> Option<Damage> {
    damage_in(start, size, |from, into| read::read(from, into).is_some())
}

/// The same of a block that the caller has in its hands, without the kernel.
///
/// # Safety
/// - The block is live, and no other thread frees it.
pub(super) unsafe fn damage_of_own(start: usize, size: usize) -> Option<Damage> {
    damage_in(start, size, |from, into| {
        for (i, byte) in into.iter_mut().enumerate() {
            // SAFETY: slack of the block's own pages, which are committed. Volatile: C may be writing.
            *byte = unsafe { ((from + i) as *const u8).read_volatile() };
        }
        true
    })
}

fn damage_in(start: usize, size: usize, copy_from: impl Fn(usize, &mut [u8]) -> bool) -> Option<Damage> {
    let canary = canary(start);
    let [before, behind] = slack(start, size);
    for range in [behind, before] {
        let mut copy = [0_u8; WINDOW];
        let Some(copy) = copy.get_mut(..range.len()).filter(|copy| !copy.is_empty()) else { continue };
        if !copy_from(range.start, copy) {
            return None;
        }
        let damaged = |(i, byte): (usize, &u8)| canary(range.start + i) != *byte;
        let Some(first) = copy.iter().enumerate().position(damaged) else { continue };
        let last = copy.iter().enumerate().rposition(damaged).unwrap_or(first);
        let mut first_bytes = [0; 16];
        for (to, from) in first_bytes.iter_mut().zip(copy.iter().skip(first)) {
            *to = *from;
        }
        let at = range.start + first;
        let is_before = at < start;
        let offset = if is_before { start - at } else { at - (start + size) };
        return Some(Damage { before: is_before, offset, len: last + 1 - first, first_bytes });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_touches_its_guard_and_stays_within_its_run() {
        for size in [1, 3, 15, 16, 24, 100, 4095, 4096, 4097, 10_000, 65_536, 1 << 20] {
            for align in [1, 2, 8, 16, 64, 4096, 8192, 1 << 17] {
                let run = units(size, align) as usize * UNIT;
                for placement in [Placement::BeforeGuard, Placement::BehindGuard] {
                    let start = offset(size, align, placement);
                    let pages = pages(start, size);
                    let what = format!("{size} aligned {align}: {start} in {pages:?} of {run}");
                    assert!(start.is_multiple_of(align), "{what}");
                    assert!(pages.start >= PAGE && pages.end + PAGE <= run, "{what}");
                    match placement {
                        Placement::BeforeGuard if align < PAGE => assert!(pages.end - start - size < align, "{what}"),
                        _ => assert_eq!(start, pages.start, "{what}"),
                    }
                }
            }
        }
    }

    #[test]
    fn what_glibc_takes_for_a_size_is_none_before_any_block() {
        for start in 0x7000_0000_1000..0x7000_0000_1100 {
            let canary = canary(start);
            let size = usize::from_le_bytes(std::array::from_fn(|i| canary(start - 8 + i)));
            assert_eq!(size & 15, 0b1001, "{start:#x}");
        }
    }

    #[test]
    fn every_byte_of_slack_beside_a_block_is_watched() {
        super::super::ready();
        for (size, align) in [(1, 1), (13, 8), (24, 8), (100, 64), (4090, 4)] {
            for placement in [Placement::BeforeGuard, Placement::BehindGuard] {
                MOST.store(100, Ordering::Relaxed);
                MOST_UNITS.store(100, Ordering::Relaxed);
                let start = give(size, align, placement, Event::of(1)).unwrap();
                assert_eq!(damage(start, size), None);
                for at in slack(start, size).into_iter().flatten() {
                    // SAFETY: slack of our own block.
                    let place = unsafe { &mut *(at as *mut u8) };
                    *place ^= 0x40;
                    let found = damage(start, size).expect("a damaged byte");
                    let offset = if at < start { start - at } else { at - start - size };
                    assert_eq!((found.before, found.offset, found.len), (at < start, offset, 1));
                    assert_eq!(found.first_bytes[0], *place);
                    *place ^= 0x40;
                }
                let block = super::super::lookup(start).unwrap();
                assert_eq!((block.start, block.size, block.live), (start, size, true));
                assert!(super::super::lookup(start - 1).is_none(), "before the block there is none");
                assert_eq!(super::super::around(start - 1).map(|block| block.start), Some(start));
                // SAFETY: nobody uses it.
                assert_eq!(unsafe { super::super::free(start, size, align) }, Ok(()));
                assert!(!super::super::lookup(start).unwrap().live);
                assert!(read::read(start, &mut [0]).is_none(), "a freed block can be read");
            }
        }
    }
}
