//! Notes: loans that were not looked after at once.

use std::cell::Cell;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ready::ready;
use super::{kept, pins};
use crate::call::declaration::Function;
use crate::call::loan::Loan;
use crate::call::shape::TypeInfo;
use crate::call::site::Site;
use crate::call::thread as stack_of_caller;
use crate::facts::Promise;
use crate::heap::{self, Block, BlockRef, FoundBlock};
use crate::platform::lock::Locked;
use crate::platform::thread;
use crate::reentry::Reentry;
use crate::scan;

/// A loan of a heap block to a call that has returned.
#[derive(Clone, Copy)]
pub(crate) struct Note {
    /// Start of the block.
    pub(crate) start: usize,
    /// Generation of the block.
    pub(crate) generation: u32,
    /// Function and location of the call.
    pub(crate) site: Site,
    /// The loan of its argument.
    pub(crate) loan: Loan,
    /// Number of the thread that called.
    pub(crate) thread: u32,
    /// Number of loans noted by then: the latest call is named first.
    pub(crate) when: u64,
}

impl Note {
    /// Creates the note of a call that lends this block now.
    pub(crate) fn new(block: &Block, site: &Site, loan: &Loan) -> Note {
        let (thread, when) = (thread::id(), COUNT.load(Ordering::Relaxed));
        Note { start: block.start, generation: block.generation, site: *site, loan: *loan, thread, when }
    }

    /// Creates the note of a call that lends a variable on the stack.
    pub(crate) fn of_stack(site: &Site, loan: &Loan) -> Note {
        let (thread, when) = (thread::id(), COUNT.load(Ordering::Relaxed));
        Note { start: loan.address, generation: 0, site: *site, loan: *loan, thread, when }
    }
}

/// A note as its list holds it. Each fresh block that is lent has one, so it fits one cache line.
#[derive(Clone, Copy)]
struct NoteLine {
    start: usize,
    function: &'static Function,
    location: &'static Location<'static>,
    /// Address that the argument had.
    address: usize,
    info: &'static TypeInfo,
    extent: usize,
    generation: u32,
    thread: u32,
    /// Lower half of `Note::when`: no note is kept while 2^32 others are written.
    when: u32,
    /// Sweep that will settle it.
    epoch: u16,
    parameter: u16,
}

const _: () = assert!(size_of::<NoteLine>() == 64);

impl NoteLine {
    fn of(note: &Note, epoch: u32) -> NoteLine {
        let Note { start, generation, site: Site { function, location }, loan, thread, when } = *note;
        let Loan { address, info, parameter, extent } = loan;
        let (when, epoch) = (when as u32, epoch as u16);
        let parameter = u16::try_from(parameter).unwrap_or(u16::MAX);
        NoteLine { start, function, location, address, info, extent, generation, thread, when, epoch, parameter }
    }

    fn note(&self) -> Note {
        let NoteLine { start, function, location, address, info, extent, generation, thread, when, parameter, .. } =
            *self;
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

/// Number of shards, by the thread's number: up to that many threads never wait for each other.
const SHARDS: usize = 64;
pub(super) static NOTES: [Locked<Lists>; SHARDS] =
    [const { Locked::new(Lists { by_sweep: [const { Vec::new() }; 3], settled: Vec::new() }) }; SHARDS];

/// Notes by the sweep that settles them, so that they are dropped together when settled, whatever
/// their number. Sweeps are numbered from 1 to 2^16 - 1 and round again; of three lists, two that
/// follow one another never share one.
pub(super) struct Lists {
    by_sweep: [Vec<NoteLine>; 3],
    /// The latest notes that sweeps have settled, the oldest first: suspects if a block is found
    /// damaged.
    settled: Vec<NoteLine>,
}

impl Lists {
    /// Forgets the oldest of the settled notes.
    fn trim(&mut self) {
        if self.settled.len() > 2 * IN_MIND {
            let old = self.settled.len() - IN_MIND;
            self.settled.drain(..old);
        }
    }

    fn of(&mut self, sweep: u32) -> &mut Vec<NoteLine> {
        let [zero, one, two] = &mut self.by_sweep;
        match sweep % 3 {
            0 => zero,
            1 => one,
            _ => two,
        }
    }
}

/// Number of notes that makes a sweep due: at 64 bytes each, a quarter of a megabyte.
pub(super) const MANY: u64 = 4096;

/// Number of settled loans that a list keeps in mind; at twice as many it forgets the older half.
const IN_MIND: usize = 1024;

/// Number of loans noted so far, and of freed blocks that waited for a sweep.
static COUNT: AtomicU64 = AtomicU64::new(0);
/// Value of `COUNT` at which the next sweep is due.
static DUE: AtomicU64 = AtomicU64::new(MANY);

/// Number of a thread's last notes that are cached, so that a loop that lends one block from one
/// place writes one note.
const RECENT: usize = 128;
thread_local! {
    static LAST: [Cell<Recent>; RECENT] = const { [const { Cell::new(Recent::NONE) }; RECENT] };
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Recent {
    /// First byte of the block, all bits inverted: a sweep searches thread-locals too, and must not
    /// find this.
    start: usize,
    location: usize,
    /// Generation and epoch.
    which: u64,
}

impl Recent {
    const NONE: Recent = Recent { start: 0, location: 0, which: 0 };

    /// A cache entry, and its index.
    #[inline(always)]
    fn of(start: usize, generation: u32, epoch: u32, site: &Site, parameter: usize) -> (Recent, usize) {
        let location = std::ptr::from_ref(site.location).addr() ^ parameter;
        let recent = Recent { start: !start, location, which: u64::from(generation) << 32 | u64::from(epoch) };
        // Blocks of one size lie a multiple of 16 apart; the product spreads them.
        let mixed = ((start as u64 / 16) ^ (location as u64 / 8)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (recent, (mixed >> 57) as usize % RECENT)
    }
}

/// Notes that a call which has returned was lent this block, if that is not pinned.
#[inline]
pub(crate) fn lend(block: &FoundBlock, site: &Site, loan: &Loan) {
    if pins::is_block_pinned(block) {
        kept::lend(block, Note::new(block, site, loan), Promise::Pinned, (0, None));
        return;
    }
    let epoch = heap::sweep::next();
    if is_news((block.start, block.generation), epoch, site, loan.parameter) {
        write(block, site, loan, epoch);
    }
}

/// Notes that a call which has returned was lent a block that its inspection has found. Nothing may
/// be pinned.
#[inline(always)]
pub(crate) fn lend_held(held: &BlockRef, site: &Site, loan: &Loan) {
    let epoch = heap::sweep::next();
    if is_news((held.start(), held.generation()), epoch, site, loan.parameter) {
        write_held(held, site, loan, epoch);
    }
}

/// True if the loan is not among the last that this thread has noted; adds it to them.
#[inline(always)]
fn is_news((start, generation): (usize, u32), epoch: u32, site: &Site, parameter: usize) -> bool {
    let (recent, place) = Recent::of(start, generation, epoch, site, parameter);
    LAST.try_with(|last| last.get(place).is_some_and(|last| last.replace(recent) == recent)) != Ok(true)
}

#[inline(never)]
fn write_held(held: &BlockRef, site: &Site, loan: &Loan, epoch: u32) {
    let (thread, when) = (thread::id(), COUNT.load(Ordering::Relaxed));
    let note = || Note { start: held.start(), generation: held.generation(), site: *site, loan: *loan, thread, when };
    record(epoch, || held.note(epoch), || NoteLine::of(&note(), epoch));
}

/// True if this thread noted the same loan recently, so that [`lend`] would do nothing. Cheap
/// enough for the common call: needs no `Block`.
#[inline(always)]
pub(crate) fn is_among_the_last((start, generation): (usize, u32), site: &Site, parameter: usize) -> bool {
    if pins::are_any() {
        return false;
    }
    let (recent, place) = Recent::of(start, generation, heap::sweep::next(), site, parameter);
    LAST.try_with(|last| last.get(place).is_some_and(|last| last.get() == recent)) == Ok(true)
}

#[cold]
fn write(block: &FoundBlock, site: &Site, loan: &Loan, epoch: u32) {
    let mark = || heap::note_loan(block, epoch);
    record(epoch, mark, || NoteLine::of(&Note::new(block, site, loan), epoch));
}

#[inline(always)]
fn record(epoch: u32, mark: impl FnOnce() -> bool, line: impl FnOnce() -> NoteLine) {
    // Inside the guard: a signal handler's calls while a lock is held are not checked, and so do
    // not come here.
    let _inside = Reentry::enter();
    // First: a sweep takes its own lock and then the one of the known threads, and a fork takes
    // them in the reverse order of their registration.
    scan::know_calling_thread();
    ready();
    stack_of_caller::tell_of_stack();
    // The block first: a sweep that finds the mark without the note leaves the word to the next
    // sweep.
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

/// True if enough was noted since the last sweep for another one.
#[inline]
pub(super) fn are_many() -> bool {
    COUNT.load(Ordering::Relaxed) >= DUE.load(Ordering::Relaxed)
}

/// Number of loans noted so far.
pub(super) fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// Begins a sweep, and makes the next one due after `many` more notes, which are left to it.
/// Returns this sweep's number.
pub(super) fn begin_sweep(many: u64) -> u32 {
    DUE.store(count() + many, Ordering::Relaxed);
    heap::sweep::begin()
}

/// Calls that lent this block and are settled by this sweep, the latest first.
pub(super) fn of(block: &Block, sweep: u32) -> Vec<Note> {
    let mut found = Vec::new();
    for shard in &NOTES {
        shard.with(|lists| {
            let lent = lists.of(sweep).iter().filter(|line| line.is_of(block) && u32::from(line.epoch) == sweep);
            found.extend(lent.map(NoteLine::note));
        });
    }
    found.sort_by_key(|note| std::cmp::Reverse(note.when));
    found
}

/// Calls that lent this block, including settled ones.
pub(super) fn last_of(block: &Block) -> Vec<Note> {
    let mut found = Vec::new();
    for shard in &NOTES {
        shard.with(|lists| {
            let all = lists.by_sweep.iter().chain([&lists.settled]).flatten();
            found.extend(all.filter(|line| line.is_of(block)).map(NoteLine::note));
        });
    }
    found
}

/// Keeps a loan in mind that no sweep has to settle: its block is freed, and C was allowed to keep
/// it.
pub(super) fn keep_in_mind(note: Note) {
    let Some(shard) = NOTES.get(note.thread as usize % SHARDS) else { return };
    shard.with(|lists| {
        lists.settled.push(NoteLine::of(&note, 0));
        lists.trim();
    });
}

/// Keeps in mind what this sweep has settled. Its buffer goes to the next sweep's list: it is in
/// the cache.
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
