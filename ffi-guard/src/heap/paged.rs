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
//! A freed block loses its pages at once, and its run waits in the quarantine: a mapping less, and no memory. Where the kernel has guard regions, a
//! run of one unit is one of a field (`fields.rs`), which needs no mapping at all.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::quarantine::limit_on_pages;
use super::redzone::{self, Damage};
use super::region::{self, UNIT};
use super::table::{Event, Extent, Placement};
use super::{fields, run, sampled, unit};
use crate::platform::memory::{self, PAGE};
use crate::platform::{fault, process, read};

/// Requests from here on are refused, as everywhere in the heap.
const TOO_LARGE: usize = 1 << 46;
/// Bytes of slack on either side of a block that carry a canary.
const WINDOW: usize = 80;

/// Live blocks whose pages are a mapping of their own, and how many there may be.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
/// The same of those whose pages are a field's.
static LIVE_IN_FIELDS: AtomicUsize = AtomicUsize::new(0);
static MOST_IN_FIELDS: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Units of their runs, those in quarantine included, and how many there may be.
static UNITS: AtomicUsize = AtomicUsize::new(0);
static MOST_UNITS: AtomicUsize = AtomicUsize::new(0);
/// Not every block is meant to be: that one is not need not be said.
static FEW: AtomicBool = AtomicBool::new(false);
/// A run was opened after its block was freed, so that it may have access when it is given back.
static OPENED: AtomicBool = AtomicBool::new(false);

/// Finds out how many blocks there may be. A live one outside of a field costs two mappings, its own and the one behind; a quarter of what the
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
    MOST_IN_FIELDS.store(sampled::MOST, Ordering::Relaxed);
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
    let long = UNITS.fetch_add(units as usize, Ordering::Relaxed) + units as usize > MOST_UNITS.load(Ordering::Relaxed);
    let run = if long { None } else { take(units, size, align, placement) };
    let Some(first) = run else {
        UNITS.fetch_sub(units as usize, Ordering::Relaxed);
        say_once(long);
        return None;
    };
    let start = region::unit_start(first as usize) + offset(size, align, placement);
    // SAFETY: it has access by now, and nobody knows of it yet.
    unsafe { fill(start, size) };
    run::map_units(first..first + units);
    region::run_entry(first as usize).give(Extent::new(size, align).placed(placement), birth, || ());
    Some(start)
}

/// Takes a run for a block, whose pages have access then and no others of the run.
fn take(units: u32, size: usize, align: usize, placement: Placement) -> Option<u32> {
    let pages = |first: u32| pages(region::unit_start(first as usize) + offset(size, align, placement), size);
    if units == 1 && align <= UNIT && fields::are_possible() {
        let one = || {
            let unit = fields::take()?;
            if memory::open_pages(pages(unit)) {
                return Some(unit);
            }
            fields::put(unit);
            None
        };
        // Where few are to be, these are all of them.
        let is_done = |unit: &Option<u32>| unit.is_some() || fields::are_possible() && FEW.load(Ordering::Relaxed);
        let unit = counted(&LIVE_IN_FIELDS, &MOST_IN_FIELDS, one);
        if is_done(&unit) {
            return unit;
        }
    }
    counted(&LIVE, &MOST, || {
        let first = run::take(0, units, align)?;
        if !memory::commit(pages(first)) {
            run::put(0, first..first + units);
            return None;
        }
        Some(first)
    })
}

/// What `make` makes, if that is not one too many.
fn counted(live: &AtomicUsize, most: &AtomicUsize, make: impl FnOnce() -> Option<u32>) -> Option<u32> {
    let many = live.fetch_add(1, Ordering::Relaxed) >= most.load(Ordering::Relaxed);
    let made = if many { None } else { make() };
    if made.is_none() {
        live.fetch_sub(1, Ordering::Relaxed);
    }
    made
}

/// Said once: what the user asked for is not had for every block.
#[cold]
fn say_once(long: bool) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if FEW.load(Ordering::Relaxed) || SAID.swap(true, Ordering::Relaxed) {
        return;
    }
    let live = LIVE.load(Ordering::Relaxed) + LIVE_IN_FIELDS.load(Ordering::Relaxed);
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
    if fields::is_one(first) {
        let block = region::run_entry(first as usize).extent();
        let start = region::unit_start(first as usize) + block.offset();
        let opened = OPENED.load(Ordering::Relaxed);
        fields::close(first, if opened { whole(first) } else { pages(start, block.size()) });
        LIVE_IN_FIELDS.fetch_sub(1, Ordering::Relaxed);
    } else {
        memory::decommit(whole(first));
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The run of a freed block has waited long enough.
pub(super) fn release(first: u32) {
    let run = run::at(first);
    UNITS.fetch_sub(run.len(), Ordering::Relaxed);
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
        run::put(0, run);
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

/// The canary of a block, and which byte of it belongs at an address: it goes by the block's start here, which may be odd. So the
/// eight bytes before any block are those that glibc refuses as a size, as they are before a slot.
fn canary(start: usize) -> impl Fn(usize) -> u8 {
    let bytes = redzone::canary_bytes(start & !(unit::UNIT - 1));
    move |at| bytes.get(at.wrapping_sub(start) % unit::UNIT).copied().unwrap_or(0)
}

/// The canary of a block, for a window of its slack, wherever that begins.
struct Pattern {
    bytes: [u8; WINDOW + unit::UNIT],
    start: usize,
}

impl Pattern {
    fn of(start: usize) -> Pattern {
        let once = redzone::canary_bytes(start & !(unit::UNIT - 1));
        let mut bytes = [0; WINDOW + unit::UNIT];
        for unit in bytes.chunks_exact_mut(unit::UNIT) {
            unit.copy_from_slice(&once);
        }
        Pattern { bytes, start }
    }

    /// From an address on, for as long as a window may be.
    fn from(&self, at: usize) -> &[u8] {
        self.bytes.get(at.wrapping_sub(self.start) % unit::UNIT..).unwrap_or_default()
    }

    /// Whether a range holds it.
    ///
    /// # Safety
    /// - It is committed memory, and no longer than a window.
    unsafe fn is_in(&self, range: Range<usize>) -> bool {
        let expected = self.from(range.start);
        let mut at = range.start;
        while at < range.end {
            let expected = expected.get(at - range.start..).unwrap_or_default();
            // Volatile: C may be writing.
            match expected.first_chunk() {
                Some(word) if at.is_multiple_of(8) && range.end - at >= 8 => {
                    // SAFETY: the caller's promise; eight bytes at a multiple of eight.
                    if unsafe { (at as *const u64).read_volatile() } != u64::from_ne_bytes(*word) {
                        return false;
                    }
                    at += 8;
                }
                _ => {
                    // SAFETY: the caller's promise.
                    if Some(&unsafe { (at as *const u8).read_volatile() }) != expected.first() {
                        return false;
                    }
                    at += 1;
                }
            }
        }
        true
    }
}

/// Writes the canary on both sides of a block.
///
/// # Safety
/// - The block's pages are committed, and nobody else writes to the slack.
pub(super) unsafe fn fill(start: usize, size: usize) {
    let canary = Pattern::of(start);
    for range in slack(start, size) {
        let bytes = canary.from(range.start);
        // SAFETY: within the block's pages, and none of the block; a window is no longer than what there is from any place on.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), range.start as *mut u8, range.len().min(bytes.len())) };
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
    let canary = Pattern::of(start);
    // SAFETY: slack of the block's own pages, which are committed.
    if slack(start, size).into_iter().all(|range| unsafe { canary.is_in(range) }) {
        return None;
    }
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
