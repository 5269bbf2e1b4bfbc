//! Copies of what a call may read but not write, `*const T` and `&T`, as it was before the call.
//!
//! Each thread has one shelf, on which the calls under way stack their copies. A record carries the
//! number of guarded calls that the thread had made by then. So a call left by `longjmp`, or one
//! that returns on another stack than it began on, is not mistaken for another: a call compares
//! only its own records.
//!
//! Not copied, because a change there is not C's fault, or its author cannot be told:
//! - what the type does not promise to be unchangeable (`TypeInfo::frozen`: no `UnsafeCell` can be
//!   in it), opaque pointees, `out`;
//! - blocks that the same call lends to write, that another call has at the same time, and that
//!   some call let C keep;
//! - calls in which Rust runs: it may write what it likes, through another pointer.

mod small;

use crate::facts::{Change, Memory};
use crate::scan;
use std::cell::Cell;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::holder;
use super::loans::KnownLoan;
use crate::call::argument::{Argument, Passing};
use crate::call::declaration::LAST_MARK;
use crate::call::site::Site;
use crate::call::target::Target;
use crate::call::{extent, thread};
use crate::delivery::breach::Stop;
use crate::heap::{self, Block};
use crate::platform::read;
use crate::reentry::Reentry;
use crate::rule::{Rule, Severity};
use crate::rules::write_through_const;

/// Extents up to this size are copied whole; of longer ones this many bytes, spread evenly.
pub(crate) const WHOLE: usize = 64 << 10;
/// Size of the pieces of a longer extent.
const PIECE: usize = 128;
const PIECES: usize = WHOLE / PIECE;

thread_local! {
    /// Shelf of the thread's calls under way; null if it has none. Const and without a destructor:
    /// the C library allocates to register one, and a guarded call may be made by a signal handler
    /// that interrupted `malloc`.
    static MINE: Cell<*mut Shelf> = const { Cell::new(ptr::null_mut()) };
}

/// Empty shelves, shared by threads whose numbers end alike. A thread has a shelf only while
/// something is on it, so none is left over when it ends. No lock: each shelf is either here or
/// with one thread.
static EMPTY: [AtomicPtr<Shelf>; 64] = [const { AtomicPtr::new(ptr::null_mut()) }; 64];

/// Runs `f` with the thread's shelf, inside the guard: a signal handler's calls are not checked
/// meanwhile, and so do not come here.
fn with<R>(f: impl FnOnce(&mut Shelf) -> R) -> R {
    let empty = &EMPTY[thread::id() as usize % EMPTY.len()];
    let mut mine = MINE.replace(ptr::null_mut());
    if mine.is_null() {
        mine = empty.swap(ptr::null_mut(), Ordering::AcqRel);
    }
    if mine.is_null() {
        mine = Box::into_raw(Box::new(Shelf { bytes: Vec::new(), records: Vec::new() }));
    }
    // SAFETY: from `Box::into_raw`, and taken out of every place that another could find it in.
    let shelf = unsafe { &mut *mine };
    let result = f(shelf);
    if !shelf.records.is_empty() {
        MINE.set(mine);
    } else if empty.compare_exchange(ptr::null_mut(), mine, Ordering::AcqRel, Ordering::Relaxed).is_err() {
        // SAFETY: from `Box::into_raw`, and this thread alone has it.
        drop(unsafe { Box::from_raw(mine) });
    }
    result
}

/// Copies of one thread, in the guard's own memory.
struct Shelf {
    bytes: Vec<u8>,
    records: Vec<ShelfRecord>,
}

/// One argument of one call.
#[derive(Clone, Copy)]
struct ShelfRecord {
    /// The call's number among those of its thread.
    call: usize,
    /// Index of the parameter.
    parameter: usize,
    address: usize,
    extent: usize,
    /// Start and generation of the block; `None` on the stack.
    block: Option<(usize, u32)>,
    /// Offset of its bytes on the shelf.
    at: usize,
}

impl ShelfRecord {
    /// True if the memory is still there, and only this call lends it.
    fn is_still(&self, own: OwnLoans) -> bool {
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

/// Times that the heap counts a block as lent to this call, when its copies are made and compared.
#[derive(Clone, Copy)]
pub(super) enum OwnLoans {
    /// Not yet or no longer: the call is noted.
    No = 0,
    /// Once: the call is watched.
    Once = 1,
}

/// Handle to one call's copies. 0: none. With [`SMALL`] set: offset in the thread's small buffer,
/// and the lower half of the call's number. Otherwise: the call's number, the key on the shelf.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Snapshot(usize);

const SMALL: usize = 1 << (usize::BITS - 1);
/// Lower bits, for the call's number; the offset of its small copies is above them.
const NUMBER: u32 = usize::BITS / 2;

/// Bitset of the parameters that lend something that could be compared. Computed once, at a
/// function's first crossing.
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
        // What C owns from here on, or may keep, it may write as well.
        && !contract.is_owned()
        && !contract.is_retained()
        && (!extent::untyped(argument) || !argument.stated.is_unknown())
        && site.severity(Rule::WriteThroughConst, Some(index)) != Severity::Allow
}

/// True if what the parameter lends could be compared. Settled, but for those on the last bit.
#[inline]
fn is_compared(site: &Site, index: usize, argument: &Argument) -> bool {
    site.function.compares_parameter(index) && (index < LAST_MARK || could_be_compared(site, index, argument))
}

impl Snapshot {
    /// Returns the handle as a number.
    pub(super) fn into_number(self) -> usize {
        self.0
    }

    /// Returns the handle that [`into_number`](Snapshot::into_number) made a number.
    pub(super) fn from_number(number: usize) -> Snapshot {
        Snapshot(number)
    }

    /// Copies what the call may not change. `call`: number of guarded calls of this thread,
    /// including this one. `known`: blocks of the arguments that have just been found. `site` lies
    /// in the frame of the entry.
    #[inline(always)]
    pub(super) fn take(
        site: &Site,
        arguments: &[Argument],
        known: &[KnownLoan],
        call: usize,
        own: OwnLoans,
    ) -> Snapshot {
        if site.function.compares() { Snapshot::copy(site, arguments, known, call, own) } else { Snapshot(0) }
    }

    #[inline(never)]
    fn copy(site: &Site, arguments: &[Argument], known: &[KnownLoan], call: usize, own: OwnLoans) -> Snapshot {
        match small::take(site, arguments, known, own) {
            Some(None) => Snapshot(0),
            Some(Some(at)) => Snapshot(SMALL | at << NUMBER | call & ((1 << NUMBER) - 1)),
            None => Snapshot::lay(site, arguments, call, own, &thread::callers_stack(site)),
        }
    }

    /// Copies onto the thread's shelf what the call may not change.
    #[inline(never)]
    fn lay(site: &Site, arguments: &[Argument], call: usize, own: OwnLoans, stack: &Range<usize>) -> Snapshot {
        let _inside = Reentry::enter();
        let taken = with(|shelf| {
            if !thread::is_in_call() {
                // The copies that lie there belong to calls that are gone.
                shelf.clear();
            }
            let mut taken = 0;
            for (parameter, argument) in arguments.iter().enumerate() {
                let Some((extent, block)) = to_compare(site, arguments, parameter, stack, own) else { continue };
                let block = block.map(|block| (block.start, block.generation));
                shelf.lay(ShelfRecord { call, parameter, address: argument.address, extent, block, at: 0 });
                taken = call;
            }
            taken
        });
        Snapshot(taken & !SMALL)
    }

    /// Offset of its small copies, and true if they are still this call's.
    #[inline(always)]
    fn small(self) -> Option<(usize, bool)> {
        let number = (1 << NUMBER) - 1;
        (self.0 & SMALL != 0).then(|| ((self.0 & !SMALL) >> NUMBER, (thread::crossings() ^ self.0) & number == 0))
    }

    /// True if there are no copies.
    #[inline(always)]
    pub(super) fn is_none(self) -> bool {
        self.0 == 0
    }

    /// True if, after C returned, [`compare`](Snapshot::compare) would find nothing to do. `known`:
    /// blocks of the arguments that are still there.
    #[inline(always)]
    pub(super) fn is_as_it_was(self, arguments: &[Argument], known: &[KnownLoan], own: OwnLoans) -> bool {
        self.is_none() || self.is_small_as_it_was(arguments, known, own)
    }

    #[inline(never)]
    fn is_small_as_it_was(self, arguments: &[Argument], known: &[KnownLoan], own: OwnLoans) -> bool {
        self.small().is_some_and(|(at, is_own)| !is_own || small::is_as_it_was(at, arguments, known, own))
    }

    /// Compares the copies after C returned, and reports what changed.
    #[inline(always)]
    pub(super) fn compare(self, site: &Site, arguments: &[Argument], own: OwnLoans) -> Result<(), Stop> {
        if self.is_as_it_was(arguments, &[], own) { Ok(()) } else { self.look(site, arguments, own) }
    }

    #[inline(never)]
    fn look(self, site: &Site, arguments: &[Argument], own: OwnLoans) -> Result<(), Stop> {
        let stack = &thread::callers_stack(site);
        let _inside = Reentry::enter();
        let _named = thread::name_wrapper(site.function.wrapper_of(arguments, matches!(own, OwnLoans::Once)));
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
                // A C frame further up owns it.
                return Ok(());
            }
            let memory = Memory::of(&located, argument.address, extent, thread::id());
            let finding = write_through_const::check(&change, argument.info, extent);
            site.breach(Some(parameter), finding, (argument, extent), Some(memory))
        })
    }

    /// Drops the copies without comparing, when C unwinds.
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

/// Bytes of an argument that must be unchanged when C returns, and their block; `None` for nothing.
fn to_compare(
    site: &Site,
    arguments: &[Argument],
    parameter: usize,
    stack: &Range<usize>,
    own: OwnLoans,
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
        // C may not read after a string's NUL.
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
                // Its extent from there is unknown.
                || stack.contains(&mine) && stack.contains(&other.address) && overlaps(other, &memory))
    };
    (extent != 0 && !arguments.iter().any(lent_to_write)).then_some((extent, block))
}

/// True if what another argument lends on the stack may reach into this memory.
fn overlaps(other: &Argument, memory: &Range<usize>) -> bool {
    match extent::stated(other) {
        Ok(len) if !(extent::untyped(other) && other.stated.is_unknown()) => {
            other.address < memory.end && memory.start < other.address.saturating_add(len)
        }
        _ => true,
    }
}

/// Bytes of a string with its NUL, up to the size that is compared whole.
fn text(address: usize, rest: usize) -> usize {
    // SAFETY: live memory of the caller, up to its end.
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
        // Large arguments of one call are no reason to keep that much room.
        if self.records.is_empty() && self.bytes.capacity() > 4 * WHOLE {
            self.bytes = Vec::new();
        }
    }

    /// Copies the bytes that a record describes.
    fn lay(&mut self, mut record: ShelfRecord) {
        record.at = self.bytes.len();
        for piece in pieces(record.extent) {
            let (from, len) = (record.address + piece.start, piece.len());
            self.bytes.reserve(len);
            // SAFETY: the extent lies in a live block or the callers' part of the stack, so it is
            // readable; the vector has room for `len` more bytes, and the copy initialises them.
            unsafe {
                let end = self.bytes.as_mut_ptr().add(self.bytes.len());
                std::ptr::copy_nonoverlapping(std::ptr::with_exposed_provenance::<u8>(from), end, len);
                self.bytes.set_len(self.bytes.len() + len);
            }
        }
        self.records.push(record);
    }

    /// Change since the copy, if any.
    fn difference(&self, record: &ShelfRecord) -> Option<Change> {
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

/// Extends `change` by what differs from `was`, the earlier bytes at offset `from` of an extent.
fn difference(address: usize, was: &[u8], from: usize, extent: usize, mut change: Option<Change>) -> Option<Change> {
    // SAFETY: readable when it was copied; the call has returned, and the extent is still there.
    let now = unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance::<u8>(address + from), was.len()) };
    if was != now {
        for (i, (was, now)) in was.iter().zip(now).enumerate().filter(|(_, (was, now))| was != now) {
            let change = change.get_or_insert_with(|| Change::new(from + i, extent > WHOLE));
            change.add(from + i, *was, *now);
        }
    }
    change
}

/// Parts of an extent that are copied: all of it, or pieces from its start to its end.
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
