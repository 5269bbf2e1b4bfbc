//! Loans that were not looked after at once.

use std::cell::Cell;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ready::ready;
use super::{kept, pins};
use crate::call::declaration::Function;
use crate::call::loan::Loan;
use crate::call::shape::TypeInfo;
use crate::call::site::Site;
use crate::facts::Promise;
use crate::heap::{self, Block, BlockRef, Found};
use crate::platform::lock::Locked;
use crate::platform::thread;
use crate::reentry::Reentry;
use crate::scan;

/// A loan of a heap block to a call that has returned.
#[derive(Clone, Copy)]
pub(crate) struct Note {
    /// The block.
    pub(crate) start: usize,
    /// Which of the blocks that were there.
    pub(crate) generation: u32,
    /// The call.
    pub(crate) site: Site,
    /// What it lent.
    pub(crate) loan: Loan,
    /// The thread that called.
    pub(crate) thread: u32,
    /// How many loans had been noted by then: the latest call is named first.
    pub(crate) when: u64,
}

impl Note {
    /// Of a call that lends this block now.
    pub(crate) fn new(block: &Block, site: &Site, loan: &Loan) -> Note {
        let (thread, when) = (thread::id(), COUNT.load(Ordering::Relaxed));
        Note { start: block.start, generation: block.generation, site: *site, loan: *loan, thread, when }
    }
}

/// A note as it lies in its list: one of them for each fresh block that is lent, so it is one cache
/// line.
#[derive(Clone, Copy)]
struct Line {
    start: usize,
    function: &'static Function,
    location: &'static Location<'static>,
    /// The argument.
    address: usize,
    info: &'static TypeInfo,
    extent: usize,
    generation: u32,
    thread: u32,
    /// The lower half of when: none is kept while so many others are written.
    when: u32,
    /// The sweep that will settle it.
    epoch: u16,
    parameter: u16,
}

const _: () = assert!(size_of::<Line>() == 64);

impl Line {
    fn of(note: &Note, epoch: u32) -> Line {
        let Note { start, generation, site: Site { function, location }, loan, thread, when } = *note;
        let Loan { address, info, parameter, extent } = loan;
        let (when, epoch) = (when as u32, epoch as u16);
        let parameter = u16::try_from(parameter).unwrap_or(u16::MAX);
        Line { start, function, location, address, info, extent, generation, thread, when, epoch, parameter }
    }

    fn note(&self) -> Note {
        let Line { start, function, location, address, info, extent, generation, thread, when, parameter, .. } = *self;
        let now = COUNT.load(Ordering::Relaxed);
        Note {
            start,
            generation,
            site: Site { function, location },
            loan: Loan { address, info, parameter: parameter.into(), extent },
            thread,
            when: now.wrapping_sub((now as u32).wrapping_sub(when).into()),
        }
    }

    fn is_of(&self, block: &Block) -> bool {
        self.start == block.start && self.generation == block.generation
    }
}

/// Notes of the threads whose number ends alike: up to that many threads never wait for each other.
const SHARDS: usize = 64;
pub(super) static NOTES: [Locked<Lists>; SHARDS] =
    [const { Locked::new(Lists { by_sweep: [const { Vec::new() }; 3], settled: Vec::new() }) }; SHARDS];

/// Notes by the sweep that settles them, so that what is settled goes at once, however much it is.
/// Sweeps are numbered from 1 to 2^16 - 1 and round again: two that follow one another never share
/// one of three lists.
pub(super) struct Lists {
    by_sweep: [Vec<Line>; 3],
    /// The last that sweeps have settled, the oldest first: who could have written to a block that
    /// is found damaged.
    settled: Vec<Line>,
}

impl Lists {
    /// Forgets the oldest of the settled.
    fn trim(&mut self) {
        if self.settled.len() > 2 * IN_MIND {
            let old = self.settled.len() - IN_MIND;
            self.settled.drain(..old);
        }
    }

    fn of(&mut self, sweep: u32) -> &mut Vec<Line> {
        let [zero, one, two] = &mut self.by_sweep;
        match sweep % 3 {
            0 => zero,
            1 => one,
            _ => two,
        }
    }
}

/// Notes that call for a sweep: at 64 bytes each, a quarter of a megabyte of them.
pub(super) const MANY: u64 = 4096;

/// Settled loans that a list keeps in mind, and as many again until it forgets the older half.
const IN_MIND: usize = 1024;

/// Loans noted so far, and freed blocks that waited for a sweep.
static COUNT: AtomicU64 = AtomicU64::new(0);
/// How many there are when the next sweep is due.
static DUE: AtomicU64 = AtomicU64::new(MANY);

/// The last few notes of a thread, so that a loop that lends one block from one place writes one
/// note.
const RECENT: usize = 128;
thread_local! {
    static LAST: [Cell<Recent>; RECENT] = const { [const { Cell::new(Recent::NONE) }; RECENT] };
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Recent {
    /// The block's first byte, all bits turned round: a sweep searches thread-locals too, and is
    /// not to find this.
    start: usize,
    location: usize,
    /// Generation and epoch.
    which: u64,
}

impl Recent {
    const NONE: Recent = Recent { start: 0, location: 0, which: 0 };

    /// A note, and its place among the last.
    #[inline(always)]
    fn of(start: usize, generation: u32, epoch: u32, site: &Site, parameter: usize) -> (Recent, usize) {
        let location = std::ptr::from_ref(site.location).addr() ^ parameter;
        let recent = Recent { start: !start, location, which: u64::from(generation) << 32 | u64::from(epoch) };
        // Blocks of a size lie a multiple of 16 apart, which a product spreads.
        let mixed = ((start as u64 / 16) ^ (location as u64 / 8)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (recent, (mixed >> 57) as usize % RECENT)
    }
}

/// Notes that a call which has returned was lent this block. What is pinned, C may keep.
#[inline]
pub(crate) fn lend(block: &Found, site: &Site, loan: &Loan) {
    if pins::is_block_pinned(block) {
        kept::lend(block, Note::new(block, site, loan), Promise::Pinned);
        return;
    }
    let epoch = heap::sweep::next();
    if is_news((block.start, block.generation), epoch, site, loan.parameter) {
        write(block, site, loan, epoch);
    }
}

/// Notes that a call which has returned was lent a block that its inspection has found, while
/// nothing is pinned.
#[inline(always)]
pub(crate) fn lend_held(held: &BlockRef, site: &Site, loan: &Loan) {
    let epoch = heap::sweep::next();
    if is_news((held.start(), held.generation()), epoch, site, loan.parameter) {
        write_held(held, site, loan, epoch);
    }
}

/// Whether the loan is none of the last that this thread has noted; it is from here on.
#[inline(always)]
fn is_news((start, generation): (usize, u32), epoch: u32, site: &Site, parameter: usize) -> bool {
    let (recent, place) = Recent::of(start, generation, epoch, site, parameter);
    LAST.try_with(|last| last.get(place).is_some_and(|last| last.replace(recent) == recent)) != Ok(true)
}

#[inline(never)]
fn write_held(held: &BlockRef, site: &Site, loan: &Loan, epoch: u32) {
    let (thread, when) = (thread::id(), COUNT.load(Ordering::Relaxed));
    let note = || Note { start: held.start(), generation: held.generation(), site: *site, loan: *loan, thread, when };
    record(epoch, || held.note(epoch), || Line::of(&note(), epoch));
}

/// Whether [`lend`] would have nothing to write of the block with this start and this generation,
/// since it is among the last that this thread has noted. Asked with less than `lend` needs to
/// know, as the common call can afford it.
#[inline(always)]
pub(crate) fn is_among_the_last((start, generation): (usize, u32), site: &Site, parameter: usize) -> bool {
    if pins::are_any() {
        return false;
    }
    let (recent, place) = Recent::of(start, generation, heap::sweep::next(), site, parameter);
    LAST.try_with(|last| last.get(place).is_some_and(|last| last.get() == recent)) == Ok(true)
}

#[cold]
fn write(block: &Found, site: &Site, loan: &Loan, epoch: u32) {
    let mark = || heap::note_loan(block, epoch);
    record(epoch, mark, || Line::of(&Note::new(block, site, loan), epoch));
}

#[inline(always)]
fn record(epoch: u32, mark: impl FnOnce() -> bool, line: impl FnOnce() -> Line) {
    // Inside: a signal handler that calls C while a lock is held is not checked, and so does not
    // come here.
    let _inside = Reentry::enter();
    // First: a sweep has its own lock, then that one, and a fork takes them in the other order than
    // they were set up in.
    scan::know_calling_thread();
    ready();
    // The block first: a sweep that finds the mark and not the note leaves the word to the next
    // one.
    mark();
    count_one();
    let line = line();
    if let Some(shard) = NOTES.get(line.thread as usize % SHARDS) {
        shard.with(|lists| lists.of(epoch).push(line));
    }
}

/// Counts a note, or a freed block that waits for a sweep like one.
pub(super) fn count_one() {
    if thread::is_alone() {
        COUNT.store(COUNT.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    } else {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether so much was noted since the last sweep that another is due.
#[inline]
pub(super) fn are_many() -> bool {
    COUNT.load(Ordering::Relaxed) >= DUE.load(Ordering::Relaxed)
}

/// What was noted so far.
pub(super) fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// Begins a sweep, and the next is due when `many` more are noted: they are left to that one.
/// Returns this sweep's number.
pub(super) fn begin_sweep(many: u64) -> u32 {
    DUE.store(count() + many, Ordering::Relaxed);
    heap::sweep::begin()
}

/// The calls that lent this block and are settled by this sweep, the latest first.
pub(super) fn of(block: &Block, sweep: u32) -> Vec<Note> {
    let mut found = Vec::new();
    for shard in &NOTES {
        shard.with(|lists| {
            let lent = lists.of(sweep).iter().filter(|line| line.is_of(block) && u32::from(line.epoch) == sweep);
            found.extend(lent.map(Line::note));
        });
    }
    found.sort_by_key(|note| std::cmp::Reverse(note.when));
    found
}

/// The calls that lent this block, settled ones as well.
pub(super) fn last_of(block: &Block) -> Vec<Note> {
    let mut found = Vec::new();
    for shard in &NOTES {
        shard.with(|lists| {
            let all = lists.by_sweep.iter().chain([&lists.settled]).flatten();
            found.extend(all.filter(|line| line.is_of(block)).map(Line::note));
        });
    }
    found
}

/// Keeps a loan in mind that no sweep has to settle: of a block that C may keep, and that is freed
/// now.
pub(super) fn keep_in_mind(note: Note) {
    let Some(shard) = NOTES.get(note.thread as usize % SHARDS) else { return };
    shard.with(|lists| {
        lists.settled.push(Line::of(&note, 0));
        lists.trim();
    });
}

/// Keeps in mind what this sweep has settled. The room stays, and goes to the list of the next
/// sweep: it is in the cache.
pub(super) fn end_sweep(sweep: u32) {
    let next = heap::sweep::next();
    for shard in &NOTES {
        shard.with(|lists| {
            let mut room = std::mem::take(lists.of(sweep));
            let len = room.len();
            lists.settled.extend(room.drain(..).skip(len.saturating_sub(IN_MIND)));
            lists.trim();
            room.shrink_to(2 * len.max(IN_MIND));
            if lists.of(next).is_empty() {
                *lists.of(next) = room;
            } else {
                *lists.of(sweep) = room;
            }
        });
    }
}
