//! Freed runs that wait for the next large block: at level 1 with their pages, so that it gets
//! memory that is there; from level 2 on with their access alone.
//!
//! ```text
//!  base                                committed           end of the run
//!   | header | block ......... | slack | what was used before | no access |
//! ```
//! Pages that go back to the kernel cost a fault each when they are needed again, a hundred times
//! what the heap's own work takes. So a freed run waits here with its pages, the oldest of
//! [`PLACES`] leaves for one more, and all together they have [`MOST`] bytes. The words that an
//! earlier block left in such a run are told by the entry
//! ([`is_used`](super::table::Entry::is_used)).
//!
//! A block that grows by `realloc` moves to a run with room after it ([`give_growing`]), from
//! [`GROWING_FROM`] on, so that it stays where it is from then on. It may get a run with many more
//! pages than it needs yet. If it stays small, the pages beyond its end go back when the next
//! block comes to grow: there is one such run at a time (`ahead`).
//!
//! From level 2 on, and where a quarantine is asked for, freed runs wait in the queue without
//! pages. From level 2 on those of Rust's that leave it come here, and a block that needs exactly
//! the pages that have access gets one: the kernel is not asked to take access away and give it
//! back, and the page of the header is there.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::class;
use super::placement::{HEADER, Placement};
use super::region::{self, UNIT};
use super::table::{Entry, Event, Extent};
use super::{large, redzone, run};
use crate::platform::lock::Locked;
use crate::platform::memory::{self, PAGE};

/// Runs that wait in a half of the region.
const PLACES: usize = 16;
/// Bytes of them, and of the largest one that waits.
const MOST: usize = 8 << 20;
const LARGEST: usize = 4 << 20;
/// From this size on a block that grows moves to a run.
const GROWING_FROM: usize = 8 << 10;
/// Larger blocks get no room after them.
const MOST_GROWING: usize = 64 << 20;
/// From this size on a block that a slot would hold gets a run, if one waits.
pub(super) const FROM: usize = 16 << 10;
/// Runs at one time whose first block a slot would have held: each costs up to two mappings, of
/// which the system allows some 65,000.
const MOST_SMALL: u32 = 512;
/// Runs at one time that have had spare pages.
const MOST_WITH_SPARE: u32 = 8 << 10;
/// Bytes that a block which became smaller keeps beyond its end, and a quarter of its size.
const SPARE: usize = 64 << 10;
/// Units of a half of the region from which on runs have room to grow.
const ROOMY: usize = 1 << 20;

/// Level 1 without a quarantine.
static ON: AtomicBool = AtomicBool::new(false);
/// Level 2 and above.
static EMPTY: AtomicBool = AtomicBool::new(false);
/// Blocks that grow get runs with room.
static GROWS: AtomicBool = AtomicBool::new(false);
/// Runs of Rust's that wait.
static WAITING: AtomicU32 = AtomicU32::new(0);
/// Runs in being that are counted: whose first block a slot would have held; from level 2 on, that
/// have had spare pages.
static SMALL: AtomicU32 = AtomicU32::new(0);

/// The runs of a half that wait, the oldest first.
#[derive(Debug)]
pub(crate) struct Warm {
    runs: [u32; PLACES],
    len: usize,
    /// Pages of all of them.
    pages: usize,
    /// The run of a block that grows, with pages beyond the block's end, and the generation of the
    /// block. None if the unit is 0.
    ahead: (u32, u32),
}

/// Those of Rust's half, then those of C's if there is one.
pub(super) static WARM: [Locked<Warm>; class::ALL / class::COUNT] =
    [const { Locked::new(Warm { runs: [0; PLACES], len: 0, pages: 0, ahead: (0, 0) }) }; class::ALL / class::COUNT];

fn of(side: usize) -> &'static Locked<Warm> {
    &WARM[side / class::COUNT % WARM.len()]
}

/// Has freed runs keep their pages; and blocks that grow get room, if `grows`.
pub(super) fn set_up(grows: bool) {
    ON.store(true, Ordering::Relaxed);
    GROWS.store(grows && region::units(0).len() >= ROOMY, Ordering::Relaxed);
}

/// Has runs that leave the quarantine keep their access.
pub(super) fn set_up_empty() {
    EMPTY.store(true, Ordering::Relaxed);
}

/// Whether freed runs keep their pages.
#[inline(always)]
pub(super) fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Whether a block that a slot would hold may get a run that waits.
#[inline(always)]
pub(super) fn is_any() -> bool {
    WAITING.load(Ordering::Relaxed) > 1 && GROWS.load(Ordering::Relaxed)
}

/// Pages from the start of a run to the end of the memory of a block in it.
fn pages(size: usize) -> usize {
    (large::end(HEADER, size)) / PAGE
}

/// Gives out a run that waits. `None` if none is fit for the block.
pub(super) fn give(side: usize, size: usize, align: usize, birth: Event) -> Option<usize> {
    if EMPTY.load(Ordering::Relaxed) {
        return give_empty(side, size, align, birth);
    }
    give_run(side, (size, align), birth, false)
}

/// Gives out a run without content, which is zero. After it comes what has no access, so it is one
/// with as many pages as the block needs.
fn give_empty(side: usize, size: usize, align: usize, birth: Event) -> Option<usize> {
    if side != 0 || align > HEADER || size >= LARGEST {
        return None;
    }
    let needed = pages(size);
    let first = of(side).with(|warm| {
        let at = warm.runs.iter().take(warm.len).position(|&first| run::committed(first) == needed)?;
        Some(warm.remove(side, at))
    })?;
    let start = region::unit_start(first as usize) + HEADER;
    let extent = Extent::new(size, align).placed(Placement::AfterHeader);
    large::take_pages(first, start, size);
    // In between, so that no look at all blocks takes the canary for damage to the freed block.
    region::run_entry(first as usize).give(extent, birth, || {
        // SAFETY: a run with access up to the end of the block, which no one has now.
        unsafe {
            redzone::write_last(start, start);
            redzone::write_exact(start, size, large::end(start, size));
        }
    });
    Some(start)
}

/// Gives a block that grows a run with room to grow on, one that waits or a new one. `None` if it
/// is to get what any block gets.
pub(super) fn give_growing(size: usize, align: usize, birth: Event) -> Option<usize> {
    if !(GROWING_FROM..MOST_GROWING).contains(&size) || align > HEADER || !GROWS.load(Ordering::Relaxed) {
        return None;
    }
    if let Some(start) = give_run(0, (size, align), birth, true) {
        return Some(start);
    }
    let is_small = class::of(size, align) != 0;
    if is_small && SMALL.fetch_add(1, Ordering::Relaxed) >= MOST_SMALL {
        SMALL.fetch_sub(1, Ordering::Relaxed);
        return None;
    }
    let start = large::give_with_room(0, (size, align), birth, (4 * size).max(16 * UNIT));
    if is_small {
        match start {
            Some(start) => run::set_small(((start - region::unit_start(0)) / UNIT) as u32, true),
            None => _ = SMALL.fetch_sub(1, Ordering::Relaxed),
        }
    }
    start
}

fn give_run(side: usize, (size, align): (usize, usize), birth: Event, grows: bool) -> Option<usize> {
    if !is_on() || align > HEADER || size >= LARGEST || size <= class::LARGEST - class::SLACK && !grows && !is_any() {
        return None;
    }
    of(side).with(|warm| {
        let needed = pages(size);
        let first = warm.take(side, large::units(size, align), needed, grows)?;
        let base = region::unit_start(first as usize);
        let committed = run::committed(first);
        if committed < needed {
            if !memory::commit(base + committed * PAGE..base + needed * PAGE) {
                warm.put(side, first);
                return None;
            }
            run::set_committed(first, needed);
        }
        let (entry, start) = (region::run_entry(first as usize), base + HEADER);
        let extent = Extent::new(size, align).placed(Placement::AfterHeader);
        entry.give_again(birth, |_| {
            // SAFETY: a run that was committed for an earlier block, and that no one has now.
            unsafe {
                redzone::write_last(start, start);
                redzone::cover_first(start, size);
            }
            (extent, true)
        });
        if grows && committed > 2 * needed {
            warm.leave_behind();
            warm.ahead = (first, entry.settled_generation().unwrap_or(0));
        }
        Some(start)
    })
}

/// Keeps a freed run, which is zero from level 2 on. False if it must go back, as it is too large,
/// or not as others are.
pub(super) fn keep(side: usize, first: u32) -> bool {
    let extent = region::run_entry(first as usize).extent();
    // What C frees loses its access, at level 2 as well.
    if !is_on() && (side != 0 || !EMPTY.load(Ordering::Relaxed)) {
        return false;
    }
    if extent.offset() != HEADER || run::committed(first) > LARGEST / PAGE {
        // Another thread may be at its pages, in `leave_behind`, and they are someone else's soon.
        of(side).with(|warm| warm.ahead = if warm.ahead.0 == first { (0, 0) } else { warm.ahead });
        return false;
    }
    let mut leaving = [0; PLACES];
    let count = of(side).with(|warm| {
        let mut count = 0;
        while warm.len == PLACES || warm.len > 0 && (warm.pages + run::committed(first)) * PAGE > MOST {
            let Some(place) = leaving.get_mut(count) else { break };
            *place = warm.remove(side, 0);
            count += 1;
        }
        warm.put(side, first);
        count
    });
    for &first in leaving.iter().take(count) {
        large::give_back(side, first);
    }
    true
}

/// Takes all runs that wait back: memory is short.
pub(super) fn empty() -> bool {
    let mut any = false;
    for side in (0..class::ALL).step_by(class::COUNT) {
        while let Some(first) = of(side).with(|warm| (warm.len > 0).then(|| warm.remove(side, 0))) {
            large::give_back(side, first);
            any = true;
        }
    }
    any
}

/// Counts a run as one that gets spare pages, which takes one more mapping as long as there is the
/// run. False if there are too many.
pub(super) fn may_get_spare_pages(first: u32) -> bool {
    if !run::is_small(first) {
        if SMALL.fetch_add(1, Ordering::Relaxed) >= MOST_WITH_SPARE {
            SMALL.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        run::set_small(first, true);
    }
    true
}

/// A run goes back to where runs come from.
pub(super) fn ends(first: u32) {
    if run::is_small(first) {
        SMALL.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a block in a run may become so large or small there, though a slot would hold it then.
pub(super) fn may_stay(old: usize, new: usize) -> bool {
    is_on() && new >= GROWING_FROM && new >= old / 2
}

/// Makes a block in a run larger or smaller where it is. False if it cannot stay.
pub(super) fn resize(side: usize, first: u32, entry: &Entry, old: Extent, size: usize) -> bool {
    let base = region::unit_start(first as usize);
    let start = base + old.offset();
    let (old_end, new_end) = (large::end(start, old.size()), large::end(start, size));
    // The lock keeps the pages that `leave_behind` gives back from being the block's.
    of(side).with(|_| {
        let committed = base + run::committed(first) * PAGE;
        if new_end > committed {
            if !large::has_units(side, first, size, old.align()) || !memory::commit(committed..new_end) {
                return false;
            }
            run::set_committed(first, (new_end - base) / PAGE);
        }
        // Memory that was never the block's, nor another one's, is zero.
        let is_new = !entry.is_used() && old_end == committed;
        entry.resize(Extent::new(size, old.align()).placed(old.placement()), || {
            if is_new {
                // SAFETY: the rest of the pages that the block had, which are its own now.
                unsafe { redzone::cover(start, old.size(), size.min(old_end - start)) };
            }
            !is_new && size > old.size()
        });
        // A little that is too much stays for the next block.
        if size < old.size() && committed.saturating_sub(new_end) > SPARE + (new_end - base) / 4 {
            run::take_access(side, || memory::decommit(new_end..committed));
            run::set_committed(first, (new_end - base) / PAGE);
        }
        true
    })
}

impl Warm {
    fn put(&mut self, side: usize, first: u32) {
        if let Some(place) = self.runs.get_mut(self.len) {
            *place = first;
            self.len += 1;
            self.pages += run::committed(first);
            self.tell(side);
        }
    }

    fn remove(&mut self, side: usize, at: usize) -> u32 {
        let first = self.runs.get(at).copied().unwrap_or(0);
        self.runs.copy_within(at + 1..self.len, at);
        self.len -= 1;
        self.pages -= run::committed(first);
        self.tell(side);
        first
    }

    fn tell(&self, side: usize) {
        if side == 0 {
            WAITING.store(self.len as u32, Ordering::Relaxed);
        }
    }

    /// Takes the run that fits best: for a block that grows the one with the most pages; else the
    /// one with the fewest that are enough, but not twice what is needed; else the one that
    /// lacks the fewest.
    fn take(&mut self, side: usize, units: u32, needed: usize, grows: bool) -> Option<u32> {
        let mut best: Option<(usize, usize)> = None;
        for (at, &first) in self.runs.iter().enumerate().take(self.len) {
            let (run, pages) = (run::at(first), run::committed(first));
            // A block that a slot would have held is never the next one that is given out.
            let waits = at + 1 == self.len && region::run_entry(first as usize).extent().size() <= class::LARGEST;
            if waits || run.end - run.start < units || !grows && pages > 2 * needed + 4 {
                continue;
            }
            // The less the better.
            let price = match pages >= needed {
                _ if grows => usize::MAX - pages,
                true => pages,
                false => usize::MAX - pages,
            };
            if best.is_none_or(|(least, _)| price < least) {
                best = Some((price, at));
            }
        }
        best.map(|(_, at)| self.remove(side, at))
    }

    /// Gives the pages back that the last block to grow has got and not come to use.
    fn leave_behind(&mut self) {
        let (first, generation) = std::mem::take(&mut self.ahead);
        if first == 0 {
            return;
        }
        let entry = region::run_entry(first as usize);
        let Some(extent) = entry.live_extent().filter(|_| entry.is(generation)) else { return };
        let base = region::unit_start(first as usize);
        let (end, committed) = (large::end(base + extent.offset(), extent.size()), run::committed(first));
        memory::discard(end..base + committed * PAGE);
    }
}
