//! What is known of each slot and each run: one entry, out of C's reach, read without a lock.
//!
//! ```text
//!            give                       take back
//!  NEVER ---------> BUSY -> LIVE ---------------------> FREED
//!                    ^       (full level: by way of BUSY) |
//!                    +------------------------------------+
//!                                 give again
//! ```
//! An entry is written by the thread that gives the slot out or takes it back, and read by any
//! thread at any time. The state is the version of a sequence lock: a reader that finds the same
//! state before and after has read one generation.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::block::Block;
use super::placement::Placement;
use super::trace::TraceId;
use crate::platform::thread;

/// Never given out. Zero, as untouched tables are.
const NEVER: u32 = 0;
/// Between two of the other states.
const BUSY: u32 = 1;
const LIVE: u32 = 2;
const FREED: u32 = 3;
const STATE: u32 = 3;
/// Above the state: the generation.
const GENERATION: u32 = 4;

/// The lower half of `noted` is the number of a sweep.
const SWEEP: u32 = 0xFFFF;
/// Above it, the count of loans.
const LOAN: u32 = 1 << 16;
const LOANS: u32 = 0x7FF << 16;
/// Flag of `noted`: some call was lent this block to write.
const OPEN: u32 = 1 << 27;
/// Flag of `noted`: this block is, or was, the stack of a thread or a coroutine.
const STACK: u32 = 1 << 28;
/// Flag of `noted`: some call was allowed to keep this block whatever becomes of it.
const EXEMPT: u32 = 1 << 29;
/// Flag of `noted`: this block is pinned just now.
const PINNED: u32 = 1 << 30;
/// Flag of `noted`: this block was lent under `retained` or `owned`, or while it was pinned.
const RETAINED: u32 = 1 << 31;

/// How often a reader looks again at an entry that is being written. The writer may be the very
/// thread that a signal handler interrupted, so that waiting for it would never end.
const PATIENCE: u32 = 100;

/// One slot or run.
#[derive(Debug)]
#[repr(C, align(32))]
pub(crate) struct Entry {
    /// State (2 bits) and generation (30).
    state: AtomicU32,
    /// The sweep that settles the last loan noted of this block (16 bits, 0 for none), the calls
    /// that it is lent to now (11), and flags (5). Void once the slot is given out again.
    noted: AtomicU32,
    /// Bytes asked for (48 bits), log2 of the alignment asked for (6), a flag for used memory (bit
    /// 55), where in its run the block lies (2).
    extent: AtomicU64,
    /// Trace (32 bits) and thread (32) of the allocation.
    birth: AtomicU64,
    /// Trace and thread of the free. Void when the state is LIVE.
    death: AtomicU64,
}

const _: () = assert!(size_of::<Entry>() == 32, "two entries a cache line, none across two");

/// Size, alignment and placement in one word, so that they change together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent(u64);

/// Bits of an extent below the placement.
const PLACED: u32 = 56;
/// Flag of the word that holds an extent: see [`Entry::is_used`]. No part of the extent.
const USED: u64 = 1 << 55;

impl Extent {
    /// The extent of a request. `align` is a power of two; sizes of 2^48 and more are never given
    /// out.
    #[inline(always)]
    pub(crate) fn new(size: usize, align: usize) -> Extent {
        Extent(size as u64 | u64::from(align.trailing_zeros()) << 48)
    }

    #[inline(always)]
    pub(crate) fn size(self) -> usize {
        (self.0 & ((1 << 48) - 1)) as usize
    }

    #[inline(always)]
    pub(crate) fn align(self) -> usize {
        // The shift is taken modulo 64, which leaves the placement out.
        1usize.wrapping_shl((self.0 >> 48) as u32)
    }

    /// The extent with another placement.
    #[inline(always)]
    pub(crate) fn placed(self, placement: Placement) -> Extent {
        Extent(self.0 & ((1 << PLACED) - 1) | (placement as u64) << PLACED)
    }

    #[inline(always)]
    pub(crate) fn placement(self) -> Placement {
        match self.0 >> PLACED {
            0 => Placement::AtBase,
            1 => Placement::AfterGuard,
            2 => Placement::BeforeGuard,
            _ => Placement::AfterHeader,
        }
    }

    /// Bytes from the start of the slot or run to the block.
    #[inline(always)]
    pub(crate) fn offset(self) -> usize {
        if self.0 >> PLACED == 0 {
            return 0;
        }
        self.placement().offset(self.size(), self.align())
    }
}

/// Why a slot could not be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Nothing was ever given out here.
    Never,
    /// It is freed already.
    Freed,
    /// It is live with another layout, this one.
    Other(Extent),
}

/// An allocation or a free: who, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event(u64);

impl Event {
    /// An event of a thread, with no trace.
    pub(crate) fn of(thread: u32) -> Event {
        Event(u64::from(thread) << 32)
    }

    /// The event with a trace.
    pub(crate) fn at(self, trace: TraceId) -> Event {
        Event(self.0 | u64::from(trace.0))
    }
}

impl Entry {
    /// Writes to the entry of a slot that was never given out, and changes nothing. A page of the
    /// table that is read before it is written would fault twice.
    #[inline(always)]
    pub(crate) fn touch(&self) {
        self.death.store(0, Ordering::Relaxed);
    }

    /// Gives the slot out, after `prepare` has made its memory ready. False if it is live: it is in
    /// two free lists at once, by a race of two frees that the program should not have made, and
    /// must not be given out twice.
    #[inline(always)]
    pub(crate) fn give(&self, extent: Extent, birth: Event, prepare: impl FnOnce()) -> bool {
        self.give_again(birth, |_| {
            prepare();
            (extent, false)
        })
    }

    /// As [`give`](Entry::give). `prepare` is told whether the slot had a block before, and says
    /// what the block's extent is and if it [is used](Entry::is_used).
    #[inline(always)]
    pub(crate) fn give_again(&self, birth: Event, prepare: impl FnOnce(bool) -> (Extent, bool)) -> bool {
        let Some((generation, again)) = self.begin() else { return false };
        let (extent, used) = prepare(again);
        self.settle(generation, extent, used, birth);
        true
    }

    /// The first half of [`give_again`](Entry::give_again), for a path that must be one function (a
    /// closure with two callers is not inlined): the generation, and whether there was a block.
    #[inline(always)]
    pub(crate) fn begin(&self) -> Option<(u32, bool)> {
        let before = self.state.load(Ordering::Relaxed);
        if before & STATE == LIVE {
            return None;
        }
        let generation = (before | STATE).wrapping_add(1);
        self.state.store(generation | BUSY, Ordering::Relaxed);
        // Pairs with the fence in `read`: a reader that sees a field from below sees BUSY or a
        // later state.
        fence(Ordering::Release);
        Some((generation, before & STATE != NEVER))
    }

    /// The second half: the memory is ready.
    #[inline(always)]
    pub(crate) fn settle(&self, generation: u32, extent: Extent, used: bool, birth: Event) {
        // Nearly always 0; a load costs less than a store here.
        if self.noted.load(Ordering::Relaxed) != 0 {
            self.noted.store(0, Ordering::Relaxed);
        }
        self.extent.store(extent.0 | if used { USED } else { 0 }, Ordering::Relaxed);
        self.birth.store(birth.0, Ordering::Relaxed);
        self.state.store(generation | LIVE, Ordering::Release);
    }

    /// Takes the slot back if it is live with this extent, else says false.
    ///
    /// Without read-modify-write: of two threads that free the same block in the same instant both
    /// may succeed. `give` keeps that from doing harm.
    #[inline(always)]
    pub(crate) fn take_back(&self, extent: Extent, death: Event) -> bool {
        let before = self.state.load(Ordering::Relaxed);
        if before & STATE != LIVE || self.extent() != extent {
            return false;
        }
        self.death.store(death.0, Ordering::Relaxed);
        self.state.store(before | FREED, Ordering::Release);
        true
    }

    /// Takes the slot back exactly once, however many threads race, with a trace, and says why if
    /// not. `clear` runs before any thread can see that the block is freed: one that does finds
    /// poison in it.
    #[inline]
    pub(crate) fn take_back_once(&self, extent: Extent, death: Event, clear: impl FnOnce()) -> Result<(), Refused> {
        let before = self.state.load(Ordering::Relaxed);
        if before & STATE != LIVE || self.extent() != extent {
            return Err(self.refusal());
        }
        let generation = before & !STATE;
        // The death is on record before it can be seen, and only the winner may write it.
        if thread::is_alone() {
            self.state.store(generation | BUSY, Ordering::Relaxed);
        } else if self.state.compare_exchange(before, generation | BUSY, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return Err(Refused::Freed);
        }
        fence(Ordering::Release);
        self.death.store(death.0, Ordering::Relaxed);
        clear();
        self.state.store(generation | FREED, Ordering::Release);
        Ok(())
    }

    #[cold]
    fn refusal(&self) -> Refused {
        match self.state.load(Ordering::Relaxed) & STATE {
            NEVER => Refused::Never,
            LIVE => Refused::Other(self.extent()),
            _ => Refused::Freed,
        }
    }

    /// The extent, if the slot is live.
    #[inline]
    pub(crate) fn live_extent(&self) -> Option<Extent> {
        (self.state.load(Ordering::Acquire) & STATE == LIVE).then(|| self.extent())
    }

    /// The state and the extent, if the slot is live.
    #[inline(always)]
    pub(crate) fn live(&self) -> Option<(u32, Extent)> {
        let state = self.state.load(Ordering::Acquire);
        (state & STATE == LIVE).then(|| (state, self.extent()))
    }

    /// The generation in a state.
    #[inline(always)]
    pub(crate) fn generation_of(state: u32) -> u32 {
        state / GENERATION
    }

    /// The state of a block that is live or freed.
    #[inline(always)]
    pub(crate) fn state_of(generation: u32, live: bool) -> u32 {
        generation.wrapping_mul(GENERATION) | if live { LIVE } else { FREED }
    }

    /// Whether a state is that of a live block.
    #[allow(dead_code, reason = "see `BlockRef::was_live`")]
    #[inline(always)]
    pub(crate) fn is_live_state(state: u32) -> bool {
        state & STATE == LIVE
    }

    /// Changes size and alignment of a block that stays where it is. `prepare` makes its slack
    /// ready, which no reader sees half done, and says if the block [is used](Entry::is_used) now.
    /// One that was used stays so.
    pub(crate) fn resize(&self, extent: Extent, prepare: impl FnOnce() -> bool) {
        let live = self.state.load(Ordering::Relaxed);
        self.state.store(live & !STATE | BUSY, Ordering::Relaxed);
        fence(Ordering::Release);
        let used = if prepare() { USED } else { self.extent.load(Ordering::Relaxed) & USED };
        self.extent.store(extent.0 | used, Ordering::Relaxed);
        self.state.store(live, Ordering::Release);
    }

    /// Whether the block got memory that another one had before it, with what that one left there
    /// beyond the first bytes, which the heap covers
    /// ([`COVERED`](super::redzone::COVERED)). So only at level 1.
    #[inline]
    pub(crate) fn is_used(&self) -> bool {
        self.extent.load(Ordering::Relaxed) & USED != 0
    }

    /// Notes that the block of the caller [is used](Entry::is_used), or is not: all of it was
    /// written.
    pub(crate) fn set_used(&self, used: bool) {
        let extent = self.extent.load(Ordering::Relaxed) & !USED;
        self.extent.store(extent | if used { USED } else { 0 }, Ordering::Relaxed);
    }

    /// Whether what is in the slot is freed.
    #[cfg(feature = "c-heap")]
    #[inline]
    pub(crate) fn is_freed(&self) -> bool {
        self.state.load(Ordering::Acquire) & STATE == FREED
    }

    /// Whether the slot was given out at some time, and its canary is in place.
    pub(crate) fn was_given(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire) & STATE, LIVE | FREED)
    }

    /// Size, alignment and placement as they are now, whatever becomes of them.
    #[inline(always)]
    pub(crate) fn extent(&self) -> Extent {
        Extent(self.extent.load(Ordering::Relaxed) & !USED)
    }

    /// One generation of the entry, even if another thread writes meanwhile; `base` is where its
    /// slot or run begins. `None` if nothing was ever given out, and if the slot is on its way to
    /// its next owner.
    #[inline(always)]
    pub(crate) fn read(&self, base: usize) -> Option<Block> {
        for _ in 0..PATIENCE {
            let state = self.state.load(Ordering::Acquire);
            if state & STATE == NEVER {
                return None;
            }
            if state & STATE == BUSY {
                std::hint::spin_loop();
                continue;
            }
            let extent = self.extent();
            let birth = self.birth.load(Ordering::Relaxed);
            let death = self.death.load(Ordering::Relaxed);
            fence(Ordering::Acquire);
            if self.state.load(Ordering::Relaxed) == state {
                let live = state & STATE == LIVE;
                let death = if live { 0 } else { death };
                return Some(Block {
                    start: base + extent.offset(),
                    size: extent.size(),
                    align: extent.align(),
                    live,
                    generation: state / GENERATION,
                    allocated: TraceId(birth as u32),
                    allocated_by: (birth >> 32) as u32,
                    freed: TraceId(death as u32),
                    freed_by: (death >> 32) as u32,
                });
            }
        }
        None
    }

    /// The generation in the slot; `None` before the first, and on the way from one to the next.
    #[inline(always)]
    pub(crate) fn settled_generation(&self) -> Option<u32> {
        let state = self.state.load(Ordering::Acquire);
        matches!(state & STATE, LIVE | FREED).then_some(state / GENERATION)
    }

    /// Whether this generation is in the slot now, freed, live, or on the way from one to the
    /// other.
    pub(crate) fn is(&self, generation: u32) -> bool {
        self.state.load(Ordering::Acquire) / GENERATION == generation
    }

    /// Changes the word of notes and flags if the block is still the one meant.
    fn change(&self, generation: u32, f: impl Fn(u32) -> Option<u32>) -> bool {
        self.is(generation) && self.noted.fetch_update(Ordering::AcqRel, Ordering::Acquire, f).is_ok()
    }

    /// Notes that sweep `number` settles a loan of this block.
    pub(crate) fn note(&self, generation: u32, number: u32) -> bool {
        let noted = |word| word & !SWEEP | number & SWEEP;
        // Inside the guard's own code: a signal handler that comes in between changes nothing here.
        if thread::is_alone() {
            let is_it = self.is(generation);
            if is_it {
                self.noted.store(noted(self.noted.load(Ordering::Relaxed)), Ordering::Release);
            }
            return is_it;
        }
        self.change(generation, |word| Some(noted(word)))
    }

    /// Notes the call under which C freed what is in the slot, where Rust's blocks have the number
    /// of a sweep. Only by the thread that frees it.
    #[cfg(feature = "c-heap")]
    #[inline]
    pub(super) fn note_under(&self, number: u32) {
        let word = self.noted.load(Ordering::Relaxed);
        if (word ^ number) & SWEEP != 0 {
            self.noted.store(word & !SWEEP | number & SWEEP, Ordering::Release);
        }
    }

    /// The sweep that settles the last loan noted of what is in the slot; 0 for none.
    #[inline]
    pub(crate) fn noted(&self) -> u32 {
        self.noted.load(Ordering::Acquire) & SWEEP
    }

    /// Calls that this block is lent to now.
    pub(crate) fn loans(&self, generation: u32) -> u32 {
        if self.is(generation) { (self.noted.load(Ordering::Acquire) & LOANS) / LOAN } else { 0 }
    }

    /// Whether what is in the slot is lent to at most `calls` calls, and no call was ever allowed
    /// to keep it.
    #[inline(always)]
    pub(crate) fn is_lent_to(&self, calls: u32) -> bool {
        let word = self.noted.load(Ordering::Acquire);
        word & (RETAINED | EXEMPT) == 0 && (word & LOANS) / LOAN <= calls
    }

    pub(crate) fn lend(&self, generation: u32) -> bool {
        self.change(generation, |word| (word & LOANS != LOANS).then_some(word.wrapping_add(LOAN)))
    }

    pub(crate) fn unlend(&self, generation: u32) -> bool {
        self.change(generation, |word| (word & LOANS != 0).then_some(word.wrapping_sub(LOAN)))
    }

    /// Notes that C was allowed to keep this block.
    pub(crate) fn retain(&self, generation: u32) -> bool {
        self.change(generation, |word| Some(word | RETAINED))
    }

    pub(crate) fn may_be_retained(&self, generation: u32) -> bool {
        self.is(generation) && self.noted.load(Ordering::Acquire) & (RETAINED | EXEMPT) != 0
    }

    /// Notes that C may keep this block whatever becomes of it: its free is not reported.
    pub(crate) fn exempt(&self, generation: u32) -> bool {
        // Often it is known already; a load costs less than a locked instruction.
        self.is_exempt(generation) || self.change(generation, |word| Some(word | EXEMPT))
    }

    pub(crate) fn is_exempt(&self, generation: u32) -> bool {
        self.is(generation) && self.noted.load(Ordering::Acquire) & EXEMPT != 0
    }

    /// Notes that C was lent this block to write: what is in it may be C's.
    pub(crate) fn open(&self, generation: u32) -> bool {
        self.noted.load(Ordering::Acquire) & OPEN != 0 || self.change(generation, |word| Some(word | OPEN))
    }

    /// True if C may have written what is in this block: it was lent it to write, or a loan of it
    /// is noted.
    pub(crate) fn was_open(&self, generation: u32) -> bool {
        self.is(generation) && self.noted.load(Ordering::Acquire) & (OPEN | SWEEP) != 0
    }

    /// Notes that the block is a stack: what is saved of a stack's state, C may keep.
    pub(crate) fn be_stack(&self, generation: u32) -> bool {
        self.is_stack(generation) || self.change(generation, |word| Some(word | STACK | EXEMPT))
    }

    pub(crate) fn is_stack(&self, generation: u32) -> bool {
        self.is(generation) && self.noted.load(Ordering::Acquire) & STACK != 0
    }

    /// Pins the block, or ends that.
    pub(crate) fn set_pinned(&self, generation: u32, pinned: bool) -> bool {
        self.change(generation, |word| Some(if pinned { word | PINNED } else { word & !PINNED }))
    }

    pub(crate) fn is_pinned(&self, generation: u32) -> bool {
        self.is(generation) && self.noted.load(Ordering::Acquire) & PINNED != 0
    }

    /// Whether the free of what is in the slot is to be reported: it is pinned, or C was allowed to
    /// keep it by contract.
    #[inline]
    pub(crate) fn is_promised(&self) -> bool {
        self.noted.load(Ordering::Acquire) & (PINNED | RETAINED) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        // SAFETY: atomics of zero: an entry that was never written.
        unsafe { std::mem::zeroed() }
    }

    #[test]
    fn an_extent_holds_all_three() {
        for (size, align) in [(1, 1), (100, 64), ((1 << 46) - 1, 1 << 45)] {
            for placement in [Placement::AtBase, Placement::AfterGuard, Placement::BeforeGuard, Placement::AfterHeader]
            {
                let extent = Extent::new(size, align).placed(placement);
                assert_eq!((extent.size(), extent.align(), extent.placement()), (size, align, placement));
                assert_eq!(extent.placed(Placement::AtBase), Extent::new(size, align));
            }
        }
    }

    #[test]
    fn an_entry_goes_through_its_states() {
        let entry = entry();
        let extent = Extent::new(100, 64);
        assert!(entry.read(0x1000).is_none());
        assert_eq!(entry.take_back_once(extent, Event::of(1).at(TraceId(0)), || ()), Err(Refused::Never));
        assert!(!entry.take_back(extent, Event::of(1)));
        assert!(entry.give(extent, Event::of(1).at(TraceId(7)), || ()));
        assert!(
            !entry.give(extent, Event::of(1).at(TraceId(8)), || panic!("the memory of a live slot was prepared")),
            "a live slot was given out again"
        );
        let block = entry.read(0x1000).unwrap();
        assert_eq!((block.start, block.size, block.align, block.live), (0x1000, 100, 64, true));
        assert_eq!((block.allocated, block.allocated_by, block.freed), (TraceId(7), 1, TraceId(0)));
        assert_eq!(
            entry.take_back_once(Extent::new(100, 32), Event::of(2).at(TraceId(0)), || ()),
            Err(Refused::Other(extent))
        );
        assert!(!entry.take_back(Extent::new(100, 32), Event::of(2)));
        assert_eq!(entry.take_back_once(extent, Event::of(2).at(TraceId(9)), || ()), Ok(()));
        assert_eq!(entry.take_back_once(extent, Event::of(2).at(TraceId(9)), || ()), Err(Refused::Freed));
        let dead = entry.read(0x1000).unwrap();
        assert_eq!((dead.live, dead.freed, dead.freed_by), (false, TraceId(9), 2));
        assert_eq!(dead.generation, block.generation);
        assert!(entry.give(extent, Event::of(3).at(TraceId(0)), || ()));
        assert_eq!(entry.read(0x1000).unwrap().generation, block.generation + 1);
    }

    #[test]
    fn notes_and_flags_belong_to_one_generation() {
        let entry = entry();
        let extent = Extent::new(8, 8);
        entry.give(extent, Event::of(1), || ());
        let first = entry.read(0).unwrap().generation;
        assert_eq!((entry.noted(), entry.may_be_retained(first)), (0, false));
        assert!(entry.note(first, 7) && entry.retain(first) && entry.note(first, 9));
        assert_eq!((entry.noted(), entry.may_be_retained(first), entry.loans(first)), (9, true, 0));
        assert!(entry.lend(first) && entry.lend(first) && entry.note(first, 0xFFFF));
        assert_eq!((entry.noted(), entry.may_be_retained(first), entry.loans(first)), (0xFFFF, true, 2));
        assert!(entry.unlend(first) && entry.unlend(first) && !entry.unlend(first), "a loan ended that never began");
        assert!(entry.note(first, 9));
        assert!(entry.take_back(extent, Event::of(1)));
        assert_eq!(entry.noted(), 9, "a freed block is still noted");
        assert!(entry.set_pinned(first, true) && entry.is_pinned(first) && entry.is_promised());
        entry.give(extent, Event::of(1), || ());
        assert_eq!((entry.noted(), entry.may_be_retained(first + 1), entry.loans(first + 1)), (0, false, 0));
        assert!(!entry.is_pinned(first) && !entry.is_pinned(first + 1) && !entry.is_promised());
        assert!(!entry.set_pinned(first, true), "an old block was pinned");
        assert!(entry.set_pinned(first + 1, true) && entry.set_pinned(first + 1, false) && !entry.is_promised());
        assert!(!entry.lend(first), "an old loan began on a new block");
        assert!(!entry.note(first, 10), "an old loan was noted on a new block");
    }

    #[test]
    fn a_racing_reader_sees_one_generation() {
        let entry = &entry();
        let stop = &std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // Every field of generation n is n, so that a mixture shows.
                for n in 1..300_000u32 {
                    let extent = Extent::new(n as usize, 16);
                    entry.give(extent, Event::of(n).at(TraceId(n)), || ());
                    entry.take_back_once(extent, Event::of(n).at(TraceId(n)), || ()).unwrap();
                }
                stop.store(true, Ordering::Relaxed);
            });
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let Some(block) = entry.read(0) else { continue };
                    assert_eq!(block.size, block.generation as usize);
                    assert_eq!(block.allocated.0, block.generation);
                    assert_eq!(block.allocated_by, block.generation);
                    if !block.live {
                        assert_eq!((block.freed.0, block.freed_by), (block.generation, block.generation));
                    }
                }
            });
        });
    }
}
