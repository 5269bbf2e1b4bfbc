//! Blocks on pages of their own: all of them at level 3, one in n with `GUARD_SAMPLE`.
//!
//! ```text
//!  | unit of 64 KiB                                                    |
//!  | no access | canary | block ........ ][ no access ................ |   before the guard
//!  | no access [ block ........ | canary ][ no access ................ |   behind the guard
//!              page                      page
//! ```
//! Each has a run of units; the runs beside it have a page without access at their edges, too.
//! Before the guard, only the bytes that alignment leaves lie between the block's end and the
//! page's; after it, there are none before the block's start. The rest of its pages is slack, with
//! a canary next to the block.
//!
//! A freed block loses its pages at once, and its run waits: Rust's in the quarantine, C's in a row
//! of its own (`resting.rs`). It is a mapping less, and has no memory. If the kernel has guard
//! regions, a run of one unit is one of a field (`fields.rs`), which needs no mapping at all.
//!
//! With `c-heap` both halves have such blocks, and each is counted for itself, so that neither
//! takes the other's room.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::placement::{Placement, lead};
use super::quarantine::limit_on_pages;
use super::region::{self, SIDES, UNIT};
use super::slack::{fill, pages};
use super::table::{Event, Extent};
use super::{fields, run};
use crate::platform::memory::{self, PAGE};
use crate::platform::{fault, process};

/// Requests from here on are refused, as everywhere in the heap.
const TOO_LARGE: usize = 1 << 46;

/// The blocks of a half that have pages of their own.
struct Counts {
    /// Live ones whose pages are a mapping of their own.
    live: AtomicUsize,
    /// Live ones whose pages are a field's.
    live_in_fields: AtomicUsize,
    /// Units of their runs, those included that wait.
    units: AtomicUsize,
}

static COUNTS: [Counts; SIDES] =
    [const { Counts { live: AtomicUsize::new(0), live_in_fields: AtomicUsize::new(0), units: AtomicUsize::new(0) } };
        SIDES];

/// What each half's counts may be.
static MOST: AtomicUsize = AtomicUsize::new(0);
static MOST_IN_FIELDS: AtomicUsize = AtomicUsize::new(usize::MAX);
static MOST_UNITS: AtomicUsize = AtomicUsize::new(0);
/// Only some blocks are meant to have pages of their own, so one that has none is not worth a
/// message.
static FEW: AtomicBool = AtomicBool::new(false);
/// A run was opened after its block was freed, so that it may have access when it is given back.
static OPENED: AtomicBool = AtomicBool::new(false);

fn counts(side: usize) -> &'static Counts {
    &COUNTS[region::place_of(side)]
}

/// Finds out how many blocks there may be. A live one outside of a field costs two mappings, its
/// own and the one after; a quarter of what the system allows is left to stacks, libraries and the
/// rest of C's heap. If addresses are few, half of the runs is left to large blocks, and no more
/// than a quarter is in the quarantine, which has `quarantine` bytes.
pub(super) fn set_up(quarantine: usize) {
    let mappings = memory::most_mappings();
    MOST.store((mappings - mappings / 4) / 2 / SIDES, Ordering::Relaxed);
    let units = region::units(0).len();
    MOST_UNITS.store(units / 2, Ordering::Relaxed);
    limit_on_pages(quarantine, units / 4);
}

/// [`set_up`] for one block in n: at most `most`, which cost what is documented and no more.
pub(super) fn set_up_few(quarantine: usize, most: usize) {
    set_up(quarantine);
    MOST.fetch_min(most, Ordering::Relaxed);
    MOST_IN_FIELDS.store(most, Ordering::Relaxed);
    FEW.store(true, Ordering::Relaxed);
}

fn units(size: usize, align: usize) -> u32 {
    (lead(align) + size.next_multiple_of(PAGE) + PAGE).div_ceil(UNIT) as u32
}

/// Gives out a block of a half. Its memory is zero. `None` where there is no room for one more.
pub(super) fn give(side: usize, size: usize, align: usize, placement: Placement, birth: Event) -> Option<usize> {
    if size >= TOO_LARGE || align >= TOO_LARGE {
        return None;
    }
    let extent = Extent::new(size, align).placed(placement);
    fault::install_after_rust(side == 0);
    let units = units(size, align);
    let (count, most) = (&counts(side).units, MOST_UNITS.load(Ordering::Relaxed));
    let long = count.fetch_add(units as usize, Ordering::Relaxed) + units as usize > most;
    let run = if long { None } else { take(side, units, extent) };
    let Some(first) = run else {
        count.fetch_sub(units as usize, Ordering::Relaxed);
        // A request beyond all that there is says nothing about the blocks that others will need.
        if (units as usize) < most {
            say_once(long);
        }
        return None;
    };
    let start = region::unit_start(first as usize) + extent.offset();
    // SAFETY: it has access by now, and no other code knows of it yet.
    unsafe { fill(start, size) };
    run::map_units(first..first + units);
    region::run_entry(first as usize).give(extent, birth, || ());
    Some(start)
}

/// Takes a run for a block, whose pages have access then and no others of the run.
fn take(side: usize, units: u32, extent: Extent) -> Option<u32> {
    let pages = |first: u32| pages(region::unit_start(first as usize) + extent.offset(), extent.size());
    let counts = counts(side);
    if units == 1 && extent.align() <= UNIT && fields::are_possible() {
        let one = || {
            let unit = fields::take(side)?;
            if memory::open_pages(pages(unit)) {
                return Some(unit);
            }
            fields::put(unit);
            None
        };
        // If only some blocks are to have pages of their own, no others are tried.
        let is_done = |unit: &Option<u32>| unit.is_some() || fields::are_possible() && FEW.load(Ordering::Relaxed);
        let unit = counted(&counts.live_in_fields, &MOST_IN_FIELDS, one);
        if is_done(&unit) {
            return unit;
        }
    }
    counted(&counts.live, &MOST, || {
        let first = run::take(side, units, extent.align())?;
        if !memory::commit(pages(first)) {
            run::put(side, first..first + units);
            return None;
        }
        Some(first)
    })
}

/// Runs `make` unless the limit is reached, and counts what it makes.
fn counted(live: &AtomicUsize, most: &AtomicUsize, make: impl FnOnce() -> Option<u32>) -> Option<u32> {
    let many = live.fetch_add(1, Ordering::Relaxed) >= most.load(Ordering::Relaxed);
    let made = if many { None } else { make() };
    if made.is_none() {
        live.fetch_sub(1, Ordering::Relaxed);
    }
    made
}

/// Says once that not every block has pages of its own, as the user asked for.
#[cold]
fn say_once(long: bool) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if FEW.load(Ordering::Relaxed) || SAID.swap(true, Ordering::Relaxed) {
        return;
    }
    let of_one = |counts: &Counts| counts.live.load(Ordering::Relaxed) + counts.live_in_fields.load(Ordering::Relaxed);
    let live: usize = COUNTS.iter().map(of_one).sum();
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

/// Takes the pages of a freed block away, and what was opened around it; of a block of C's while no
/// search reads there.
pub(super) fn close(first: u32) {
    let side = region::side_of(first);
    run::take_access(side, || close_of(counts(side), first));
}

fn close_of(counts: &Counts, first: u32) {
    if fields::is_one(first) {
        let block = region::run_entry(first as usize).extent();
        let start = region::unit_start(first as usize) + block.offset();
        let opened = OPENED.load(Ordering::Relaxed);
        fields::close(first, if opened { whole(first) } else { pages(start, block.size()) });
        counts.live_in_fields.fetch_sub(1, Ordering::Relaxed);
    } else {
        memory::decommit(whole(first));
        counts.live.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The run of a freed block has waited long enough.
pub(super) fn release(first: u32) {
    let run = run::at(first);
    let side = region::side_of(first);
    counts(side).units.fetch_sub(run.len(), Ordering::Relaxed);
    let opened = OPENED.load(Ordering::Relaxed);
    if opened && fields::is_one(first) {
        fields::close(first, whole(first));
    } else if opened {
        memory::decommit(whole(first));
    }
    // It may have left its field.
    if fields::is_one(first) {
        fields::put(first);
    } else {
        run::put(side, run);
    }
}

/// Gives all of a run access.
pub(super) fn open(first: u32) -> bool {
    OPENED.store(true, Ordering::Relaxed);
    if fields::is_one(first) { memory::open_pages(whole(first)) } else { memory::commit(whole(first)) }
}

fn whole(first: u32) -> Range<usize> {
    let run = run::at(first);
    region::unit_start(run.start as usize)..region::unit_start(run.end as usize)
}

#[cfg(test)]
mod tests {
    use super::super::slack::{damage, slack};
    use super::*;
    use crate::platform::read;

    #[test]
    fn what_may_be_a_panics_exception_is_aligned_as_unwinders_take_it_to_be() {
        let at = |size, align| Placement::BeforeGuard.offset(size, align);
        assert!(at(56, 8).is_multiple_of(16));
        // All others touch their guard, whatever they are aligned to.
        assert_eq!([at(40, 8), at(56, 4), at(72, 8)].map(|start| start % 16), [8, 8, 8]);
    }

    #[test]
    fn a_block_touches_its_guard_and_stays_within_its_run() {
        for size in [1, 3, 15, 16, 24, 100, 4095, 4096, 4097, 10_000, 65_536, 1 << 20] {
            for align in [1, 2, 8, 16, 64, 4096, 8192, 1 << 17] {
                let run = units(size, align) as usize * UNIT;
                for placement in [Placement::BeforeGuard, Placement::AfterGuard] {
                    let start = placement.offset(size, align);
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
    fn every_byte_of_slack_beside_a_block_is_watched() {
        super::super::ready();
        for (size, align) in [(1, 1), (13, 8), (24, 8), (100, 64), (4090, 4)] {
            for placement in [Placement::BeforeGuard, Placement::AfterGuard] {
                MOST.store(100, Ordering::Relaxed);
                MOST_UNITS.store(100, Ordering::Relaxed);
                let start = give(0, size, align, placement, Event::of(1)).unwrap();
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
                // SAFETY: it is not used any more.
                assert_eq!(unsafe { super::super::free(start, size, align) }, Ok(()));
                assert!(!super::super::lookup(start).unwrap().live);
                assert!(read::read(start, &mut [0]).is_none(), "a freed block can be read");
            }
        }
    }
}
