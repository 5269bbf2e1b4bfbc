//! What a call may read and not write, as it was before: the bytes of `*const T` and `&T`.
//!
//! Each thread has one shelf, on which the calls under way lay their copies one upon the other. A
//! record knows its call by the number of guarded calls that the thread had made by then, so that a
//! call left by `longjmp`, or one that returns on another stack than it began on, is not mistaken
//! for another: what is not its own is not looked at.
//!
//! Left alone, since a change there is no fault of C's, or nobody can tell:
//! - what the type does not promise to be unchangeable (`TypeInfo::frozen`: no `UnsafeCell` can be
//!   in it), opaque pointees, `out`;
//! - blocks that the same call lends to write, that another call has just now, and that some call
//!   let C keep;
//! - calls in which Rust runs: it may write what it likes, by another pointer.

mod small;

use crate::facts::{Change, Memory};
use crate::scan;
use std::cell::Cell;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::breach::Stop;
use super::holder;
use crate::call::argument::{Argument, Passing, Stated};
use crate::call::declaration::LAST_MARK;
use crate::call::site::Site;
use crate::call::target::Target;
use crate::call::{extent, thread};
use crate::heap::{self, Block};
use crate::platform::read;
use crate::reentry::Reentry;
use crate::rule::{Rule, Severity};
use crate::rules::write_through_const;

/// Extents up to here are copied whole; of longer ones so many bytes, spread evenly.
pub(crate) const WHOLE: usize = 64 << 10;
/// The pieces of a longer one.
const PIECE: usize = 128;
const PIECES: usize = WHOLE / PIECE;

thread_local! {
    /// The shelf of the calls of this thread that are under way; null where it has none. Const and
    /// without a destructor: the C library allocates to register one, and a guarded call may be a
    /// signal handler's, which interrupted `malloc`.
    static MINE: Cell<*mut Shelf> = const { Cell::new(ptr::null_mut()) };
}

/// Empty shelves, for threads whose numbers end alike. A thread has one only while it has something
/// on it, so none is left behind when it ends. No lock: each is in one place or in one thread's
/// hands.
static EMPTY: [AtomicPtr<Shelf>; 64] = [const { AtomicPtr::new(ptr::null_mut()) }; 64];

/// Runs `f` with the thread's shelf. In the guard's own code: what a signal handler calls meanwhile
/// is not checked, and does not come here.
fn with<R>(f: impl FnOnce(&mut Shelf) -> R) -> R {
    let empty = &EMPTY[thread::id() as usize % EMPTY.len()];
    let mut mine = MINE.replace(ptr::null_mut());
    if mine.is_null() {
        mine = empty.swap(ptr::null_mut(), Ordering::AcqRel);
    }
    if mine.is_null() {
        mine = Box::into_raw(Box::new(Shelf { bytes: Vec::new(), records: Vec::new() }));
    }
    // SAFETY: from `Box::into_raw`, and out of every place that another could take it from.
    let shelf = unsafe { &mut *mine };
    let result = f(shelf);
    if !shelf.records.is_empty() {
        MINE.set(mine);
    } else if empty.compare_exchange(ptr::null_mut(), mine, Ordering::AcqRel, Ordering::Relaxed).is_err() {
        // SAFETY: as above; nobody else has it.
        drop(unsafe { Box::from_raw(mine) });
    }
    result
}

/// The copies of one thread. Memory of the guard's own.
struct Shelf {
    bytes: Vec<u8>,
    records: Vec<Record>,
}

/// One argument of one call.
#[derive(Clone, Copy)]
struct Record {
    /// The call's number among those of its thread.
    call: usize,
    /// Which parameter.
    parameter: usize,
    address: usize,
    extent: usize,
    /// The block, and which of those that were there; `None` on the stack.
    block: Option<(usize, u32)>,
    /// Where its bytes begin on the shelf.
    at: usize,
}

impl Record {
    /// Whether the memory is still there, and nobody's but this call's.
    fn is_still(&self, own: Counted) -> bool {
        let Some((start, generation)) = self.block else { return true };
        heap::lookup(start).is_some_and(|block| {
            let end = block.start + block.size;
            block.live
                && block.generation == generation
                && self.address + self.extent <= end
                && heap::loans(&block) <= own as u32
                && !heap::may_be_retained(&block)
        })
    }
}

/// How often the heap counts a block as lent to this call, when its copies are made and when they
/// are compared.
#[derive(Clone, Copy)]
pub(super) enum Counted {
    /// It is not counted yet, or no more: the call is noted.
    No = 0,
    /// Once: the call is watched.
    Once = 1,
}

/// That a call has made copies. 0 where it has none; with [`SMALL`] the place of small ones and the
/// lower half of its number; else its number, by which those on the shelf are found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Snapshot(usize);

const SMALL: usize = 1 << (usize::BITS - 1);
/// Above so many bits of a call's number lies the place of its small copies.
const NUMBER: u32 = usize::BITS / 2;

/// Which parameters are lent something that could be compared, by bits. Asked once, at a function's
/// first crossing.
pub(super) fn compared(site: &Site, arguments: &[Argument]) -> u32 {
    if holder::calls_back(arguments) {
        return 0;
    }
    let compared = arguments.iter().enumerate().filter(|(index, argument)| could_be_compared(site, *index, argument));
    compared.map(|(index, _)| 1 << index.min(LAST_MARK)).fold(0, |all, bit: u32| all | bit)
}

fn could_be_compared(site: &Site, index: usize, argument: &Argument) -> bool {
    let Some(parameter) = site.function.declaration.parameters.get(index) else { return false };
    let contract = parameter.contract;
    argument.passing == Passing::Const
        && argument.info.frozen
        && !contract.is_out()
        && !contract.is_opaque()
        // What is C's from here on, or C holds by right, it may write as well.
        && !contract.is_owned()
        && !contract.is_retained()
        && (!extent::untyped(argument) || argument.stated != Stated::No)
        && site.severity(Rule::WriteThroughConst, Some(index)) != Severity::Allow
}

/// The same, as it was settled; of the parameters that share the last bit it is found out anew.
#[inline]
fn is_compared(site: &Site, index: usize, argument: &Argument) -> bool {
    site.function.compares_parameter(index) && (index < LAST_MARK || could_be_compared(site, index, argument))
}

impl Snapshot {
    /// As a number.
    pub(super) fn into_number(self) -> usize {
        self.0
    }

    /// Back from [`into_number`](Snapshot::into_number).
    pub(super) fn from_number(number: usize) -> Snapshot {
        Snapshot(number)
    }

    /// Copies what the call may not change. `call`: how many guarded calls this thread has made,
    /// with this one. `site` lies in the frame of the entry.
    #[inline(always)]
    pub(super) fn take(site: &Site, arguments: &[Argument], call: usize, own: Counted) -> Snapshot {
        if site.function.compares() { Snapshot::copy(site, arguments, call, own) } else { Snapshot(0) }
    }

    #[inline(never)]
    fn copy(site: &Site, arguments: &[Argument], call: usize, own: Counted) -> Snapshot {
        let stack = &thread::callers_stack(site);
        match small::take(site, arguments, own, stack) {
            Some(None) => Snapshot(0),
            Some(Some(at)) => Snapshot(SMALL | at << NUMBER | call & ((1 << NUMBER) - 1)),
            None => Snapshot::lay(site, arguments, call, own, stack),
        }
    }

    /// The same on the shelf.
    #[inline(never)]
    fn lay(site: &Site, arguments: &[Argument], call: usize, own: Counted, stack: &Range<usize>) -> Snapshot {
        let _inside = Reentry::enter();
        let taken = with(|shelf| {
            if !thread::is_in_call() {
                // What lies there is of calls that are gone.
                shelf.clear();
            }
            let mut taken = 0;
            for (parameter, argument) in arguments.iter().enumerate() {
                let Some((extent, block)) = to_compare(site, arguments, parameter, stack, own) else { continue };
                let block = block.map(|block| (block.start, block.generation));
                shelf.lay(Record { call, parameter, address: argument.address, extent, block, at: 0 });
                taken = call;
            }
            taken
        });
        Snapshot(taken & !SMALL)
    }

    /// The place of small copies, and whether they are still this call's.
    #[inline(always)]
    fn small(self) -> Option<(usize, bool)> {
        let number = (1 << NUMBER) - 1;
        (self.0 & SMALL != 0).then(|| ((self.0 & !SMALL) >> NUMBER, (thread::crossings() ^ self.0) & number == 0))
    }

    /// Whether it has none.
    #[inline(always)]
    pub(super) fn is_none(self) -> bool {
        self.0 == 0
    }

    /// C has returned. Whether there is nothing for [`compare`](Snapshot::compare) to do.
    #[inline(always)]
    pub(super) fn is_as_it_was(self, arguments: &[Argument], own: Counted) -> bool {
        self.is_none() || self.is_small_as_it_was(arguments, own)
    }

    #[inline(never)]
    fn is_small_as_it_was(self, arguments: &[Argument], own: Counted) -> bool {
        self.small().is_some_and(|(at, is_own)| !is_own || small::is_as_it_was(at, arguments, own))
    }

    /// C has returned: is it all as it was?
    #[inline(always)]
    pub(super) fn compare(self, site: &Site, arguments: &[Argument], own: Counted) -> Result<(), Stop> {
        if self.is_as_it_was(arguments, own) { Ok(()) } else { self.look(site, arguments, own) }
    }

    #[inline(never)]
    fn look(self, site: &Site, arguments: &[Argument], own: Counted) -> Result<(), Stop> {
        let stack = &thread::callers_stack(site);
        let _inside = Reentry::enter();
        let mut changed = Vec::new();
        if let Some((at, is_own)) = self.small() {
            if is_own {
                small::each_changed(at, arguments, own, |header, was| {
                    let (parameter, extent) = (header.parameter(), header.extent());
                    let change = arguments.get(parameter).and_then(|it| difference(it.address, was, 0, extent, None));
                    changed.extend(change.map(|change| (parameter, extent, change)));
                });
            }
        } else {
            let rust_ran = thread::crossings() & !SMALL != self.0;
            with(|shelf| {
                let Some(first) = shelf.records.iter().position(|record| record.call & !SMALL == self.0) else {
                    return;
                };
                let own_records = shelf.records.iter().skip(first).filter(|record| record.call & !SMALL == self.0);
                for record in own_records.filter(|record| !rust_ran && record.is_still(own)) {
                    let change = shelf.difference(record);
                    changed.extend(change.map(|change| (record.parameter, record.extent, change)));
                }
                shelf.truncate(first);
            });
        }
        changed.into_iter().try_for_each(|(parameter, extent, change)| {
            let Some(argument) = arguments.get(parameter) else { return Ok(()) };
            let located = Target::of(argument.address, stack);
            if scan::is_c_stack(&located, argument.address) {
                // A frame of C's, further up: C's own.
                return Ok(());
            }
            let memory = Memory::of(&located, argument.address, extent, thread::id());
            let finding = write_through_const::check(&change, argument.info, extent);
            site.breach(Some(parameter), finding, (argument, extent), Some(memory))
        })
    }

    /// C has unwound: nothing is compared.
    pub(super) fn forget(self) {
        match self.small() {
            _ if self.0 == 0 => {}
            Some((at, is_own)) => {
                if is_own {
                    small::forget(at);
                }
            }
            None => {
                let _inside = Reentry::enter();
                with(|shelf| {
                    if let Some(first) = shelf.records.iter().position(|record| record.call & !SMALL == self.0) {
                        shelf.truncate(first);
                    }
                });
            }
        }
    }
}

/// How much of an argument is to be as it was when C returns, and its block; `None` for nothing.
fn to_compare(
    site: &Site,
    arguments: &[Argument],
    parameter: usize,
    stack: &Range<usize>,
    own: Counted,
) -> Option<(usize, Option<Block>)> {
    let argument = arguments.get(parameter)?;
    let contract = site.function.declaration.parameters.get(parameter)?.contract;
    if !is_compared(site, parameter, argument) {
        return None;
    }
    let mine = argument.address;
    let (extent, memory, block) = if heap::contains(mine) {
        let block = heap::lookup(mine).filter(|block| block.live)?;
        let rest = (block.start + block.size).checked_sub(mine)?;
        // Behind a string's NUL nothing is C's to read.
        let extent = if contract.is_cstr() { text(mine, rest) } else { extent::stated(argument).ok()? };
        if extent > rest || heap::loans(&block) > own as u32 || heap::may_be_retained(&block) {
            return None;
        }
        (extent, block.start..block.start + block.size, Some(block))
    } else if stack.contains(&mine) {
        let rest = stack.end - mine;
        let extent = if contract.is_cstr() { text(mine, rest) } else { extent::stated(argument).ok()? };
        if extent > rest {
            return None;
        }
        (extent, mine..mine + extent, None)
    } else {
        return None;
    };
    let lent_to_write = |other: &Argument| {
        other.passing == Passing::Mut
            && (memory.contains(&other.address)
                // How far it reaches from there nobody knows.
                || stack.contains(&mine) && stack.contains(&other.address) && overlaps(other, &memory))
    };
    (extent != 0 && !arguments.iter().any(lent_to_write)).then_some((extent, block))
}

/// Whether what another argument lends on the stack may reach into this memory.
fn overlaps(other: &Argument, memory: &Range<usize>) -> bool {
    match extent::stated(other) {
        Ok(len) if !(extent::untyped(other) && other.stated == Stated::No) => {
            other.address < memory.end && memory.start < other.address.saturating_add(len)
        }
        _ => true,
    }
}

/// Bytes of a string, with its NUL, as far as it is compared whole.
fn text(address: usize, rest: usize) -> usize {
    // SAFETY: the caller's live memory, up to its end.
    unsafe { read::nul(address, rest.min(WHOLE)) }.map_or(0, |at| at + 1)
}

impl Shelf {
    fn clear(&mut self) {
        self.truncate(0);
    }

    fn truncate(&mut self, records: usize) {
        if let Some(first) = self.records.get(records) {
            self.bytes.truncate(first.at);
            self.records.truncate(records);
        }
        // One call with large arguments is no reason to keep room for them for good.
        if self.records.is_empty() && self.bytes.capacity() > 4 * WHOLE {
            self.bytes = Vec::new();
        }
    }

    /// Copies what a record is about.
    fn lay(&mut self, mut record: Record) {
        record.at = self.bytes.len();
        for piece in pieces(record.extent) {
            let (from, len) = (record.address + piece.start, piece.len());
            self.bytes.reserve(len);
            // SAFETY: the extent lies in a live block or the callers' part of the stack, which may
            // be read; the vector has room for `len` more, and what is copied into them initialises
            // them.
            unsafe {
                let end = self.bytes.as_mut_ptr().add(self.bytes.len());
                std::ptr::copy_nonoverlapping(std::ptr::with_exposed_provenance::<u8>(from), end, len);
                self.bytes.set_len(self.bytes.len() + len);
            }
        }
        self.records.push(record);
    }

    /// What of it is not as it was.
    fn difference(&self, record: &Record) -> Option<Change> {
        let mut at = record.at;
        let mut change: Option<Change> = None;
        for piece in pieces(record.extent) {
            let was = self.bytes.get(at..at + piece.len())?;
            at += piece.len();
            change = difference(record.address, was, piece.start, record.extent, change);
        }
        change
    }
}

/// Adds to what of an extent is not as it was: `was` is what lay at its offset `from`.
fn difference(address: usize, was: &[u8], from: usize, extent: usize, mut change: Option<Change>) -> Option<Change> {
    // SAFETY: as in `lay`: the call has returned, and the extent is where it was.
    let now = unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance::<u8>(address + from), was.len()) };
    if was != now {
        for (i, (was, now)) in was.iter().zip(now).enumerate().filter(|(_, (was, now))| was != now) {
            let change = change.get_or_insert_with(|| Change::new(from + i, extent > WHOLE));
            change.add(from + i, *was, *now);
        }
    }
    change
}

/// The parts of an extent that are copied: all of it, or pieces that begin with its start and end
/// with its end.
fn pieces(extent: usize) -> impl Iterator<Item = Range<usize>> {
    let whole = extent <= WHOLE;
    let (count, len) = if whole { (1, extent) } else { (PIECES, PIECE) };
    let step = if whole { 0 } else { (extent - PIECE) / (PIECES - 1) };
    (0..count).map(move |i| {
        let start = if !whole && i + 1 == PIECES { extent - PIECE } else { i * step };
        start..start + len
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_of_a_long_extent_begin_and_end_with_it() {
        for extent in [1, WHOLE, WHOLE + 1, 10 * WHOLE + 3, 64 << 20] {
            let pieces: Vec<_> = pieces(extent).collect();
            assert_eq!((pieces[0].start, pieces[pieces.len() - 1].end), (0, extent));
            assert!(pieces.iter().map(Range::len).sum::<usize>() <= WHOLE);
            assert!(extent <= WHOLE || pieces.windows(2).all(|two| two[0].start < two[1].start));
        }
    }
}
