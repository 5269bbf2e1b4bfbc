//! The one range of addresses that all program memory comes from, and the tables beside it.
//!
//! ```text
//!  base                                             base + len/2                    base + len
//!   | class 0: red zone | class 1 | ... | class 63 |  runs of pages, in units of 64 KiB  |
//!
//!  and with the feature `c-heap`, for C:                                            base + 2 len
//!   |  runs of pages, in units of 64 KiB  | class 64: red zone | class 65 | ... | class 127 |
//!
//!  side tables, elsewhere:
//!   | entries of each class | free slots of each class |
//!   | entries, map, tags, links, lenders of the runs |
//! ```
//! C's half is the mirror of Rust's, so that the units of both are numbered through and their
//! tables are one. What is in the one is never in the other: neither slots nor units change sides.
//!
//! All of it is reserved at once, without any access, and committed as it is needed. How far a
//! table is committed is noted beside it, and a lookup asks that first: beyond, nothing was ever
//! given out. So a lookup of any address in the region cannot fault, and nothing can be read that
//! was not committed: a program that locks its memory (`mlockall`) locks what is in use, not the
//! reservation.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::class;
use super::placement::Placement;
use super::table::Entry;
use crate::platform::memory::{self, PAGE};

/// What runs of pages are counted in.
pub(crate) const UNIT: usize = 64 * 1024;
/// Bit of a tag: the run is free.
pub(crate) const FREE: u32 = 1 << 31;
/// Bit of a tag: the run is a unit of a field (`fields.rs`).
pub(crate) const FIELD: u32 = 1 << 30;
/// What a tag says beside the length.
pub(crate) const FLAGS: u32 = FREE | FIELD;
/// Slabs take half of the region, runs the other half.
const LARGEST_LEN: usize = 8 << 40;
/// What a region takes where much of the address space is taken already: by the region of another
/// module that has the allocator linked in, or by a sanitizer. So a hundred plugins fit, and leave
/// room for the program's own mappings.
const FURTHER_LENS: [(usize, usize); 2] = [(64 << 40, 16 << 30), (4 << 40, 256 << 30)];
/// Below this a class has less than 512 KiB: nothing that deserves the name of a program would run.
const SMALLEST_LEN: usize = 64 << 20;
/// Halves: Rust's, and C's if there is one.
pub(super) const SIDES: usize = class::ALL / class::COUNT;
/// The alignment of the region, and so of every slab and every unit within it (up to their own
/// size).
const ALIGN: usize = 2 << 20;

/// What each call of [`contains`] and [`spot`] reads: one cache line, written once.
#[derive(Debug)]
#[repr(align(64))]
struct Hot {
    /// First byte of the region.
    base: AtomicUsize,
    /// Bytes of the region; 0 until everything else is in place.
    len: AtomicUsize,
    /// log2 of the bytes that each class has.
    shift: AtomicU32,
    /// As `shift`, less log2 of the bytes of a [`Slab`].
    slab_shift: AtomicU32,
    /// First byte of the runs.
    runs: AtomicUsize,
    /// First entry of the runs.
    run_entries: AtomicUsize,
    /// For each unit the number of the first unit of its run, plus one.
    map: AtomicUsize,
    /// For each unit at an edge of a run, how long the run is, and whether it is free.
    tags: AtomicUsize,
    /// For each first unit of a free run, its neighbours in the bin.
    links: AtomicUsize,
}

/// The end of the units of each half whose words and entries are committed; 0 at first.
static READY_UNITS: [AtomicUsize; SIDES] = [const { AtomicUsize::new(0) }; SIDES];

static HOT: Hot = Hot {
    base: AtomicUsize::new(0),
    len: AtomicUsize::new(0),
    shift: AtomicU32::new(0),
    slab_shift: AtomicU32::new(0),
    runs: AtomicUsize::new(0),
    run_entries: AtomicUsize::new(0),
    map: AtomicUsize::new(0),
    tags: AtomicUsize::new(0),
    links: AtomicUsize::new(0),
};

/// Bytes beside each unit for the last call that was lent the block there: see `lender`.
pub(super) const LENDER: usize = 32;
/// For each first unit of a run, who was lent the block in it. Apart: no lookup reads it.
static LENDERS: AtomicUsize = AtomicUsize::new(0);

/// What an allocation, a free and a lookup read of a class: one cache line.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Slab {
    /// First byte of the slab.
    base: AtomicUsize,
    /// First entry of the slab.
    entries: AtomicUsize,
    /// See [`class::slot_at`].
    reciprocal: u64,
    /// Bytes of a slot.
    size: u64,
    /// Slots whose entries are committed, from slot 0 on; none for the numbers that stand for runs.
    ready: AtomicU32,
}

const _: () = assert!(size_of::<Slab>() == 64, "a slab has a cache line of its own");

/// Shares of Rust's half: one for each class, and as many that are the runs'.
const SHARES: usize = 2 * class::COUNT;

/// The slabs by class. Without C's half the numbers after the classes are those of the runs'
/// shares, where no slot is ever ready: so a look-up need not ask whether an address is among the
/// runs.
static SLABS: [Slab; SHARES] = {
    let mut all = [const {
        Slab {
            base: AtomicUsize::new(0),
            entries: AtomicUsize::new(0),
            reciprocal: 0,
            size: 0,
            ready: AtomicU32::new(0),
        }
    }; SHARES];
    let mut class = 0;
    while class < class::ALL {
        all[class].reciprocal = class::reciprocal(class);
        all[class].size = class::size(class) as u64;
        class += 1;
    }
    all
};

/// First address of the stack of free slots of each class.
static STACKS: [AtomicUsize; class::ALL] = [const { AtomicUsize::new(0) }; class::ALL];

/// The slab of a class.
#[inline(always)]
pub(crate) fn slab(class: usize) -> &'static Slab {
    &SLABS[class & (SHARES - 1)]
}

impl Slab {
    #[inline(always)]
    pub(crate) fn size(&self) -> usize {
        self.size as usize
    }

    /// First byte of a slot.
    #[inline(always)]
    pub(crate) fn start(&self, slot: u32) -> usize {
        self.base.load(Ordering::Relaxed).wrapping_add((slot as usize).wrapping_mul(self.size()))
    }

    /// The entry of a slot of this slab.
    #[inline(always)]
    pub(crate) fn entry(&self, slot: u32) -> &'static Entry {
        let entries = self.entries.load(Ordering::Relaxed) as *const Entry;
        // SAFETY: the entries of all slots that are ready are committed, to the end of the process,
        // and so is the one after them. Slots come from `region::slot`, which says none but ready
        // ones, or from the free lists, which hold none but such slots, or are the next to one.
        unsafe { &*entries.add(slot as usize) }
    }

    /// Notes that the entries of the first `slots` slots are committed.
    pub(super) fn set_ready(&self, slots: usize) {
        // Release: who sees the number sees the entries as they were committed.
        self.ready.store(slots as u32, Ordering::Release);
    }

    /// Addresses of the entries of the first `slots` slots.
    pub(crate) fn entries(&self, slots: usize) -> Range<usize> {
        let start = self.entries.load(Ordering::Relaxed);
        start..start + slots * size_of::<Entry>()
    }
}

/// Address of the stack of free slots of a class.
pub(crate) fn stack(class: usize) -> *mut u32 {
    STACKS[class & (class::ALL - 1)].load(Ordering::Relaxed) as *mut u32
}

/// Slots that a class has room for. Slot 0 is the red zone before slot 1 and is never given out.
pub(crate) fn slots(class: usize) -> usize {
    if class::is_run(class) { 0 } else { (1usize << HOT.shift.load(Ordering::Relaxed)) / class::size(class) }
}

/// The units of a half: 0 is Rust's, `class::C` is C's.
pub(crate) fn units(side: usize) -> Range<usize> {
    let each = HOT.len.load(Ordering::Acquire) / 2 / UNIT;
    let first = if side == 0 { 0 } else { each };
    first..first + each
}

/// The place of a half among the [`SIDES`], for a half as [`units`] takes it.
pub(super) const fn place_of(side: usize) -> usize {
    if side == 0 { 0 } else { SIDES - 1 }
}

/// The half that a unit is of, as [`units`] takes it.
pub(super) fn side_of(unit: u32) -> usize {
    let is_rusts = units(0).contains(&(unit as usize));
    if is_rusts { 0 } else { class::ALL - class::COUNT }
}

/// First byte of a unit.
#[inline]
pub(crate) fn unit_start(unit: usize) -> usize {
    HOT.runs.load(Ordering::Relaxed).wrapping_add(unit.wrapping_mul(UNIT))
}

/// The tables of the runs, as addresses: entries, map, tags, links, lenders.
pub(crate) fn run_tables() -> [(usize, usize); 5] {
    [
        (HOT.run_entries.load(Ordering::Relaxed), size_of::<Entry>()),
        (HOT.map.load(Ordering::Relaxed), size_of::<u32>()),
        (HOT.tags.load(Ordering::Relaxed), size_of::<u32>()),
        (HOT.links.load(Ordering::Relaxed), size_of::<u64>()),
        (LENDERS.load(Ordering::Relaxed), LENDER),
    ]
}

/// The entry of the run that starts at a unit.
#[inline]
pub(crate) fn run_entry(unit: usize) -> &'static Entry {
    let entries = HOT.run_entries.load(Ordering::Relaxed) as *const Entry;
    // SAFETY: as in `word`: an entry for every unit, of a run that was taken.
    unsafe { &*entries.add(unit) }
}

/// Notes that the entries and words of all units of a half below `end` are committed.
pub(super) fn set_units_ready(side: usize, end: u32) {
    READY_UNITS[side / class::COUNT % READY_UNITS.len()].store(end as usize, Ordering::Release);
}

fn word(table: &AtomicUsize, unit: usize) -> &'static AtomicU32 {
    // SAFETY: each of the tables has a word for every unit, committed for those that `run_spot`
    // lets through and for those of a run that was taken; all access is atomic.
    unsafe { &*(table.load(Ordering::Relaxed) as *const AtomicU32).add(unit) }
}

/// Number of the first unit of a unit's run, plus one; 0 if no run ever was.
#[inline]
pub(crate) fn map(unit: usize) -> &'static AtomicU32 {
    word(&HOT.map, unit)
}

/// Length of the run that begins or ends with a unit; see `run`.
#[inline]
pub(crate) fn tag(unit: usize) -> &'static AtomicU32 {
    word(&HOT.tags, unit)
}

/// Neighbours of a free run in its bin: before, after.
pub(crate) fn link(unit: usize) -> (&'static AtomicU32, &'static AtomicU32) {
    (word(&HOT.links, unit * 2), word(&HOT.links, unit * 2 + 1))
}

/// Address of the last lender of the block in the run that begins with a unit: committed for runs
/// that were given out, zero at first.
pub(super) fn lender(unit: usize) -> *const [u8; LENDER] {
    (LENDERS.load(Ordering::Relaxed) as *const [u8; LENDER]).wrapping_add(unit)
}

/// Whether an address is in the Rust region.
#[inline(always)]
pub(crate) fn contains(address: usize) -> bool {
    // Acquire, and the length before the base: a reader that sees the length sees the base and all
    // tables.
    let len = HOT.len.load(Ordering::Acquire);
    address.wrapping_sub(HOT.base.load(Ordering::Relaxed)) < len
}

/// Whether an address is in C's half.
#[cfg(feature = "c-heap")]
#[inline(always)]
pub(crate) fn contains_c(address: usize) -> bool {
    let len = HOT.len.load(Ordering::Acquire);
    address.wrapping_sub(HOT.base.load(Ordering::Relaxed)).wrapping_sub(len) < len
}

/// The Rust region; empty until the first allocation.
pub(crate) fn range() -> Range<usize> {
    let (base, len) = bounds();
    base..base + len
}

/// Where the Rust region begins, and its bytes: none before the first allocation.
#[inline(always)]
pub(crate) fn bounds() -> (usize, usize) {
    let len = HOT.len.load(Ordering::Acquire);
    (HOT.base.load(Ordering::Relaxed), len)
}

/// C's half of the region.
#[cfg(feature = "c-heap")]
pub(crate) fn c_range() -> Range<usize> {
    let rusts = range();
    rusts.end..rusts.end + rusts.len()
}

/// A slot or a run: what an address leads into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    /// Its entry.
    pub(crate) entry: &'static Entry,
    /// First byte.
    pub(crate) base: usize,
    /// First byte of the block in it: as `base`, except for blocks in runs.
    pub(crate) start: usize,
    /// How that block lies in it.
    pub(crate) placement: Placement,
    /// Class number; one that [`class::is_run`] for a run.
    pub(crate) class: usize,
    /// Slot, or first unit.
    pub(crate) index: u32,
}

/// Class, slot, and bytes from the slot's start, for an address of the region; `None` in the red
/// zone, among the runs, and beyond the slots that are ready.
///
/// Outside of the region the answer means nothing.
#[inline(always)]
pub(crate) fn slot(address: usize) -> Option<(usize, u32, usize)> {
    let offset = address.wrapping_sub(HOT.base.load(Ordering::Relaxed));
    // The class, times the bytes of a slab's record: one instruction less than a shift and a
    // product. Class 0 is the red zone, and has no slot that is ready. Slot 0 of the others is one,
    // too, and its entry says so by never having been given out.
    let at = (offset >> (HOT.slab_shift.load(Ordering::Relaxed) & 63)) & ((SHARES - 1) * size_of::<Slab>());
    let class = at / size_of::<Slab>();
    if cfg!(feature = "c-heap") && class >= class::COUNT {
        return None;
    }
    // SAFETY: a multiple of a record's size, below that of all `SHARES` of them.
    let slab = unsafe { &*SLABS.as_ptr().byte_add(at) };
    slot_of(class, slab, address)
}

/// The slot of a class, if it is ready, and bytes from its start, for an address of the class's
/// share.
#[inline(always)]
fn slot_of(class: usize, slab: &Slab, address: usize) -> Option<(usize, u32, usize)> {
    let within = address.wrapping_sub(slab.base.load(Ordering::Relaxed));
    let slot = class::slot_at(within, slab.reciprocal);
    (slot < slab.ready.load(Ordering::Acquire) as usize)
        .then(|| (class, slot as u32, within.wrapping_sub(slot.wrapping_mul(slab.size()))))
}

/// What an address leads into. `None` outside of the region, in red zones, and in units that were
/// never part of a run.
#[inline(always)]
pub(crate) fn spot(address: usize) -> Option<Spot> {
    if !contains(address) {
        return None;
    }
    match slot(address) {
        Some((class, index, into)) => {
            let start = address.wrapping_sub(into);
            let placement = Placement::AtBase;
            Some(Spot { entry: slab(class).entry(index), base: start, start, placement, class, index })
        }
        None => run_spot(address, 0).filter(|spot| spot.start <= address),
    }
}

/// The run of either half that an address lies in, though it be before the block there.
pub(crate) fn run_around(address: usize) -> Option<Spot> {
    #[cfg(feature = "c-heap")]
    if contains_c(address) {
        return run_spot(address, class::C);
    }
    run_spot(address, 0).filter(|_| contains(address))
}

/// As [`slot`], for an address of C's half; the class is a number of that half.
#[cfg(feature = "c-heap")]
#[inline(always)]
pub(crate) fn slot_c(address: usize) -> Option<(usize, u32, usize)> {
    let offset = address.wrapping_sub(HOT.base.load(Ordering::Relaxed));
    let shift = HOT.shift.load(Ordering::Relaxed) & 63;
    // Four stretches of 64 shares each: slabs, runs, runs, slabs.
    let class = (offset >> shift).wrapping_sub(2 * class::COUNT);
    if class > class::C && class < class::ALL { slot_of(class, slab(class), address) } else { None }
}

/// As [`spot`], in C's half.
#[cfg(feature = "c-heap")]
#[inline(always)]
pub(crate) fn spot_c(address: usize) -> Option<Spot> {
    if !contains_c(address) {
        return None;
    }
    match slot_c(address) {
        Some((class, index, into)) => {
            let start = address.wrapping_sub(into);
            let placement = Placement::AtBase;
            Some(Spot { entry: slab(class).entry(index), base: start, start, placement, class, index })
        }
        None => run_spot(address, class::C),
    }
}

/// As [`spot`], in either half.
#[inline]
pub(crate) fn spot_in_either(address: usize) -> Option<Spot> {
    #[cfg(feature = "c-heap")]
    if contains_c(address) {
        return spot_c(address);
    }
    spot(address)
}

fn run_spot(address: usize, side: usize) -> Option<Spot> {
    // Below Rust's runs there is the red zone, and above C's.
    let unit = address.checked_sub(HOT.runs.load(Ordering::Relaxed))? / UNIT;
    let ready = READY_UNITS[side / class::COUNT % READY_UNITS.len()].load(Ordering::Acquire);
    if unit < units(side).start || unit >= ready {
        return None;
    }
    let first = map(unit).load(Ordering::Relaxed).checked_sub(1)?;
    // A shorter run may have taken the place of the one that this unit was last part of.
    let units = tag(first as usize).load(Ordering::Relaxed) & !FLAGS;
    let base = unit_start(first as usize);
    (unit < first as usize + units as usize).then(|| {
        let entry = run_entry(first as usize);
        let extent = entry.extent();
        let (start, placement) = (base + extent.offset(), extent.placement());
        Spot { entry, base, start, placement, class: side, index: first }
    })
}

/// Reserves the region and its tables, as large as the address space permits. False if not even the
/// smallest fits. Called once, under the heap's own lock.
pub(crate) fn reserve() -> bool {
    // Half of a limited address space is left to stacks, libraries and C's heap.
    let ceiling = memory::address_space_limit().map_or(usize::MAX, |limit| limit / 2);
    let taken = memory::address_space_taken();
    let further = FURTHER_LENS.iter().find(|(from, _)| taken >= *from);
    let mut len = further.map_or(LARGEST_LEN, |&(_, len)| len);
    while len >= SMALLEST_LEN {
        if len * SIDES + side(len, |_, _| ()) <= ceiling && reserve_exactly(len) {
            return true;
        }
        len /= 2;
    }
    false
}

/// A table beside the region.
#[derive(Clone, Copy)]
enum Table {
    Entries(usize),
    Stack(usize),
    RunEntries,
    Map,
    Tags,
    Links,
    Lenders,
}

/// Names every table of a region of this length with its offset, and says what they need in all.
fn side(len: usize, mut f: impl FnMut(Table, usize)) -> usize {
    let mut at = 0;
    let mut place = |table, bytes: usize| {
        f(table, at);
        at += bytes.div_ceil(PAGE) * PAGE;
    };
    let share = len / 2 / class::COUNT;
    for class in (1..class::ALL).filter(|&class| !class::is_run(class)) {
        let slots = share.div_ceil(class::size(class)) + 1;
        place(Table::Entries(class), slots * size_of::<Entry>());
        place(Table::Stack(class), slots * size_of::<u32>());
    }
    let units = SIDES * len / 2 / UNIT;
    place(Table::RunEntries, units * size_of::<Entry>());
    place(Table::Map, units * size_of::<u32>());
    place(Table::Tags, units * size_of::<u32>());
    place(Table::Links, units * size_of::<u64>());
    place(Table::Lenders, units * LENDER);
    at
}

fn reserve_exactly(len: usize) -> bool {
    let Some(base) = memory::reserve(len * SIDES, ALIGN) else { return false };
    let needed = side(len, |_, _| ());
    let Some(beside) = memory::reserve(needed, PAGE) else {
        memory::release(base..base + len * SIDES);
        return false;
    };
    let share = len / 2 / class::COUNT;
    for (class, slab) in SLABS.iter().enumerate().take(class::ALL) {
        // C's slabs lie after the runs of both.
        let shares = if class < class::COUNT { class } else { class + 2 * class::COUNT };
        slab.base.store(base + shares * share, Ordering::Relaxed);
    }
    side(len, |table, offset| {
        let (place, at) = match table {
            Table::Entries(class) => (&slab(class).entries, beside + offset),
            Table::Stack(class) => (&STACKS[class & (class::ALL - 1)], beside + offset),
            Table::RunEntries => (&HOT.run_entries, beside + offset),
            Table::Map => (&HOT.map, beside + offset),
            Table::Tags => (&HOT.tags, beside + offset),
            Table::Links => (&HOT.links, beside + offset),
            Table::Lenders => (&LENDERS, beside + offset),
        };
        place.store(at, Ordering::Relaxed);
    });
    HOT.shift.store(share.trailing_zeros(), Ordering::Relaxed);
    HOT.slab_shift.store(share.trailing_zeros() - size_of::<Slab>().trailing_zeros(), Ordering::Relaxed);
    HOT.runs.store(base + len / 2, Ordering::Relaxed);
    HOT.base.store(base, Ordering::Relaxed);
    // Release, and last: `contains` is false until everything above is seen.
    HOT.len.store(len, Ordering::Release);
    true
}
