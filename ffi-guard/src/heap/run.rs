//! Runs of units: which part of the upper half of the region is free, and where a large block may
//! go.
//!
//! Boundary tags, as in Knuth's allocator, but beside the memory: the first and the last unit of
//! every run carry its length, so that a freed run finds its neighbours at once. Free runs hang in
//! a bin by the log2 of their length.

use std::ops::Range;
use std::sync::atomic::Ordering;

use super::region::{self, FIELD, FLAGS, FREE, UNIT};
use crate::platform::lock::Locked;
use crate::platform::memory::{self, PAGE};

/// Free runs of a bin that are tried before the next bin, where every run is long enough, is
/// opened.
const TRIES: u32 = 32;
const BINS: usize = 32;

/// Free runs of a half of the region, and the end of what was ever used.
#[derive(Debug)]
pub(crate) struct Runs {
    /// The half: 0 or `class::C`.
    side: usize,
    /// Its first unit. Set when the first run is taken.
    first: u32,
    /// The first unit above all runs, used and free.
    top: u32,
    /// Units below this have entries, map, tags and links that can be written.
    ready: u32,
    /// For each log2 of a length the first free run, plus one; 0 for none.
    bins: [u32; BINS],
}

const fn none(side: usize) -> Locked<Runs> {
    Locked::new(Runs { side, first: 0, top: 0, ready: 0, bins: [0; BINS] })
}

/// Those of Rust's half, then those of C's if there is one.
#[cfg(not(feature = "c-heap"))]
pub(super) static RUNS: [Locked<Runs>; 1] = [none(0)];
#[cfg(feature = "c-heap")]
pub(super) static RUNS: [Locked<Runs>; 2] = [none(0), none(super::class::C)];

fn of(side: usize) -> &'static Locked<Runs> {
    &RUNS[side / super::class::COUNT % RUNS.len()]
}

/// Held while C's memory is searched, and by those who take access away from a part of it.
pub(super) static C_ACCESS: Locked<()> = Locked::new(());

/// Runs `f`, which takes access away from memory of this half, while no search reads it.
pub(super) fn take_access(side: usize, f: impl FnOnce()) {
    if side == 0 {
        return f();
    }
    C_ACCESS.with(|()| f());
}

/// Takes a run of `units` at a multiple of `align` bytes. Its memory has no access yet.
pub(crate) fn take(side: usize, units: u32, align: usize) -> Option<u32> {
    of(side).with(|runs| {
        let first = u32::try_from(region::units(side).start).ok()?;
        if runs.top < first {
            (runs.first, runs.top, runs.ready) = (first, first, first);
        }
        runs.take(units, align)
    })
}

/// Gives a run back; its memory has no access any more.
pub(crate) fn put(side: usize, run: Range<u32>) {
    of(side).with(|runs| runs.put(run));
}

/// Makes a run longer in place. False if its neighbour is in the way.
pub(crate) fn extend(side: usize, run: Range<u32>, units: u32) -> bool {
    of(side).with(|runs| runs.extend(run, units))
}

/// The runs in use from unit `from` on: their first units and lengths, as many as `found` has room
/// for; how many, and the unit after the last one looked at.
pub(crate) fn each_used(side: usize, from: u32, found: &mut [(u32, u32)]) -> (usize, u32) {
    of(side).with(|runs| {
        let (mut count, mut unit) = (0, from.max(runs.first));
        while unit < runs.top && count < found.len() {
            let tag = region::tag(unit as usize).load(Ordering::Relaxed);
            let len = (tag & !FLAGS).max(1);
            if tag & FREE == 0
                && let Some(place) = found.get_mut(count)
            {
                *place = (unit, len);
                count += 1;
            }
            unit += len;
        }
        (count, unit)
    })
}

/// Says which run each of its units belongs to. By the owner of the run, without the lock: for a
/// block of a terabyte this takes a while.
pub(crate) fn map_units(run: Range<u32>) {
    for unit in run.clone() {
        region::map(unit as usize).store(run.start + 1, Ordering::Relaxed);
    }
}

/// The run that starts at a unit.
pub(crate) fn at(start: u32) -> Range<u32> {
    start..start + (region::tag(start as usize).load(Ordering::Relaxed) & !FLAGS)
}

/// Pages from the start of a run in use that have access: `large` keeps the number where a free run
/// has its neighbour.
#[inline]
pub(crate) fn committed(start: u32) -> usize {
    region::link(start as usize).0.load(Ordering::Relaxed) as usize
}

/// Notes how many pages of a run have access.
#[inline]
pub(crate) fn set_committed(start: u32, pages: usize) {
    region::link(start as usize).0.store(pages as u32, Ordering::Relaxed);
}

/// Whether a run in use is counted as a small one, or as one that has had spare pages (`warm.rs`).
pub(crate) fn is_small(start: u32) -> bool {
    region::link(start as usize).1.load(Ordering::Relaxed) == 1
}

/// Counts a run as such a one, or not.
pub(crate) fn set_small(start: u32, small: bool) {
    region::link(start as usize).1.store(u32::from(small), Ordering::Relaxed);
}

/// Makes a run that was taken a field: each of its units is a run from here on, which is never
/// given back.
pub(crate) fn make_field(run: Range<u32>) {
    for unit in run {
        region::tag(unit as usize).store(1 | FIELD, Ordering::Relaxed);
    }
}

/// Makes a unit of a field a run that can be given back.
pub(crate) fn leave_field(unit: u32) {
    region::tag(unit as usize).store(1, Ordering::Relaxed);
}

/// Whether the run that starts at a unit is one of a field.
pub(crate) fn is_in_field(start: u32) -> bool {
    region::tag(start as usize).load(Ordering::Relaxed) & FIELD != 0
}

fn bin(units: u32) -> usize {
    units.checked_ilog2().unwrap_or(0) as usize
}

/// The first unit from `start` on that lies at a multiple of `align`.
fn aligned(start: u32, align: usize) -> Option<u32> {
    let address = region::unit_start(start as usize);
    let skip = address.checked_next_multiple_of(align.max(UNIT))? - address;
    start.checked_add(u32::try_from(skip / UNIT).ok()?)
}

fn tag(run: &Range<u32>, value: u32) {
    region::tag(run.start as usize).store(value, Ordering::Relaxed);
    region::tag(run.end as usize - 1).store(value, Ordering::Relaxed);
}

impl Runs {
    fn head(&mut self, units: u32) -> &mut u32 {
        // `bin` is at most 31.
        &mut self.bins[bin(units) & (BINS - 1)]
    }

    fn insert(&mut self, run: Range<u32>) {
        let len = run.end - run.start;
        if len == 0 {
            return;
        }
        tag(&run, len | FREE);
        let head = self.head(len);
        let next = std::mem::replace(head, run.start + 1);
        let (before, after) = region::link(run.start as usize);
        before.store(0, Ordering::Relaxed);
        after.store(next, Ordering::Relaxed);
        if next != 0 {
            region::link(next as usize - 1).0.store(run.start + 1, Ordering::Relaxed);
        }
    }

    fn remove(&mut self, run: &Range<u32>) {
        let (before, after) = region::link(run.start as usize);
        let (before, after) = (before.load(Ordering::Relaxed), after.load(Ordering::Relaxed));
        if before == 0 {
            *self.head(run.end - run.start) = after;
        } else {
            region::link(before as usize - 1).1.store(after, Ordering::Relaxed);
        }
        if after != 0 {
            region::link(after as usize - 1).0.store(before, Ordering::Relaxed);
        }
    }

    fn take(&mut self, units: u32, align: usize) -> Option<u32> {
        for bin in bin(units)..BINS {
            let mut next = self.bins[bin];
            for _ in 0..TRIES {
                let Some(start) = next.checked_sub(1) else { break };
                let run = at(start);
                let found = aligned(start, align).filter(|at| at.checked_add(units).is_some_and(|end| end <= run.end));
                if let Some(at) = found {
                    self.remove(&run);
                    self.insert(run.start..at);
                    self.insert(at + units..run.end);
                    tag(&(at..at + units), units);
                    return Some(at);
                }
                next = region::link(start as usize).1.load(Ordering::Relaxed);
            }
        }
        let at = aligned(self.top, align)?;
        let end = at.checked_add(units)?;
        self.make_ready(end)?;
        let gap = self.top..at;
        self.top = end;
        self.insert(gap);
        tag(&(at..end), units);
        Some(at)
    }

    fn put(&mut self, mut run: Range<u32>) {
        if run.start > self.first {
            let before = region::tag(run.start as usize - 1).load(Ordering::Relaxed);
            if before & FREE != 0 {
                let neighbour = run.start - (before & !FLAGS)..run.start;
                self.remove(&neighbour);
                run.start = neighbour.start;
            }
        }
        if run.end < self.top {
            let after = region::tag(run.end as usize).load(Ordering::Relaxed);
            if after & FREE != 0 {
                let neighbour = run.end..run.end + (after & !FLAGS);
                self.remove(&neighbour);
                run.end = neighbour.end;
            }
        }
        self.insert(run);
    }

    fn extend(&mut self, run: Range<u32>, units: u32) -> bool {
        let Some(end) = run.start.checked_add(units).filter(|&end| end > run.end) else { return false };
        if run.end == self.top {
            if self.make_ready(end).is_none() {
                return false;
            }
            self.top = end;
        } else {
            let after = region::tag(run.end as usize).load(Ordering::Relaxed);
            let neighbour = run.end..run.end + (after & !FLAGS);
            if after & FREE == 0 || neighbour.end < end {
                return false;
            }
            self.remove(&neighbour);
            self.insert(end..neighbour.end);
        }
        tag(&(run.start..end), units);
        true
    }

    /// Makes the tables of all units below `end` writable.
    fn make_ready(&mut self, end: u32) -> Option<()> {
        if end <= self.ready {
            return Some(());
        }
        let all = u32::try_from(region::units(self.side).end).unwrap_or(u32::MAX);
        if end > all {
            return None;
        }
        // At least 64 MiB worth of units at once.
        let ready = end.saturating_add(((end - self.first) / 4).max(1024)).min(all);
        for (table, each) in region::run_tables() {
            let range = table + self.ready as usize * each..table + ready as usize * each;
            if !memory::commit(range.start & !(PAGE - 1)..range.end.next_multiple_of(PAGE)) {
                return None;
            }
        }
        self.ready = ready;
        region::set_units_ready(self.side, ready);
        Some(())
    }
}
