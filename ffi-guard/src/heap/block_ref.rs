//! A block of Rust's that was found once, by its address, and is asked again without being looked
//! up: what a call holds from its beginning to its end.

use super::block::Block;
use super::class;
use super::placement::Placement;
use super::redzone::{self, Damage};
use super::region::{self, Spot};
use super::table::{Entry, Extent};
use super::{large, slab, slack};
use crate::platform::thread;

/// A reference to a block, with its state and size at the time it was found. Every answer is about
/// that block: once its place has gone to another one, there is nothing more to learn or to change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockRef {
    entry: &'static Entry,
    start: usize,
    size: usize,
    /// The entry's state: the generation, and whether the block was live.
    state: u32,
    /// Bytes of the block's slot, a multiple of 16; 0 for a run. Plus [`GUARDED`].
    slot: u32,
}

/// Bit of `slot`: the canary of the slot before, which is as large, guards this block as well. So
/// it is for all slots of a slab but the first.
const GUARDED: u32 = 1;

const _: () = assert!(size_of::<BlockRef>() == 4 * size_of::<u64>(), "each call with a block copies one");

/// A block that was found once, by its address: what was known of it then, and the reference by
/// which it is asked again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FoundBlock {
    block: Block,
    at: BlockRef,
}

impl FoundBlock {
    /// The block that an address leads into, live or freed, small or large, its slack included; as
    /// [`lookup`](super::lookup).
    #[inline]
    pub(crate) fn at(address: usize) -> Option<FoundBlock> {
        let spot = region::spot(address)?;
        let block = spot.entry.read(spot.base).filter(|block| block.start <= address)?;
        Some(FoundBlock { block, at: BlockRef::at(&spot, &block) })
    }

    /// The block of C's that an address leads into; as [`at`](FoundBlock::at) of Rust's.
    #[cfg(feature = "c-heap")]
    #[inline]
    pub(crate) fn at_c(address: usize) -> Option<FoundBlock> {
        let spot = region::spot_c(address)?;
        let block = spot.entry.read(spot.base).filter(|block| block.start <= address)?;
        Some(FoundBlock { block, at: BlockRef::at(&spot, &block) })
    }

    /// The block behind a reference, with all that is known of it now. `None` if its place belongs
    /// to another one.
    #[inline(always)]
    pub(crate) fn of(at: BlockRef) -> Option<FoundBlock> {
        Some(FoundBlock { block: at.block()?, at })
    }

    /// Whether the block is, or was, the stack of a thread or a coroutine.
    #[inline]
    pub(crate) fn is_stack(&self) -> bool {
        self.at.is_stack()
    }

    /// Whether nothing is wrong around the block, or it is live no more.
    #[inline]
    pub(crate) fn is_whole(&self) -> bool {
        !self.at.is_still() || self.at.is_whole()
    }
}

impl std::ops::Deref for FoundBlock {
    type Target = Block;

    #[inline(always)]
    fn deref(&self) -> &Block {
        &self.block
    }
}

/// What leads to a block: a record of it, which is looked up again, or the block as it was found.
pub(crate) trait Refers {
    /// The block, if it is there still.
    fn reference(&self) -> Option<BlockRef>;
}

impl Refers for Block {
    #[inline]
    fn reference(&self) -> Option<BlockRef> {
        BlockRef::of(self)
    }
}

impl Refers for FoundBlock {
    #[inline]
    fn reference(&self) -> Option<BlockRef> {
        Some(self.at)
    }
}

impl BlockRef {
    /// The live block in a slot that an address leads into, and the bytes from there to its end.
    /// `None` if the address is in no block, after the end of one, or in a run. Outside of the
    /// region the answer means nothing.
    #[inline(always)]
    pub(crate) fn in_slot(address: usize) -> Option<(BlockRef, usize)> {
        let (class, index, into) = region::slot(address)?;
        let slab = region::slab(class);
        let entry = slab.entry(index);
        let (state, extent) = entry.live()?;
        let (size, slot) = (extent.size(), slab.size() as u32 | u32::from(index > 1));
        let block = BlockRef { entry, start: address.wrapping_sub(into), size, state, slot };
        Some((block, size.checked_sub(into)?))
    }

    /// The block that a record is about, looked up again. `None` if its place belongs to another
    /// one.
    #[inline]
    pub(crate) fn of(block: &Block) -> Option<BlockRef> {
        let spot = region::spot_in_either(block.start)?;
        let is_it = spot.start == block.start && spot.entry.is(block.generation);
        is_it.then(|| BlockRef::at(&spot, block))
    }

    #[inline]
    fn at(spot: &Spot, block: &Block) -> BlockRef {
        let slot = match spot.class {
            run if class::is_run(run) => 0,
            class => class::size(class) as u32 | u32::from(spot.index > 1),
        };
        let state = Entry::state_of(block.generation, block.live);
        BlockRef { entry: spot.entry, start: block.start, size: block.size, state, slot }
    }

    /// First byte.
    #[inline(always)]
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// Bytes from an address in the block to its end. `None` if it is after the end.
    #[inline(always)]
    pub(crate) fn rest(&self, address: usize) -> Option<usize> {
        self.size.checked_sub(address.wrapping_sub(self.start))
    }

    /// Tells the block from others at the same place.
    #[inline(always)]
    pub(crate) fn generation(&self) -> u32 {
        Entry::generation_of(self.state)
    }

    /// Whether the block has a run of its own: it is large, or on pages of its own.
    #[inline(always)]
    pub(crate) fn is_run(&self) -> bool {
        self.slot == 0
    }

    /// All that the table knows of the block now: whether it is live, and who allocated and freed
    /// it where. `None` if its place belongs to another one.
    #[inline(always)]
    pub(crate) fn block(&self) -> Option<Block> {
        let offset = if self.is_run() { self.entry.extent().offset() } else { 0 };
        let base = self.start.wrapping_sub(offset);
        self.entry.read(base).filter(|block| block.generation == self.generation())
    }

    /// Whether the block is live still, and as large as it was.
    #[inline(always)]
    pub(crate) fn is_still(&self) -> bool {
        self.entry.live().is_some_and(|(state, extent)| state == self.state && extent.size() == self.size)
    }

    /// The block's extent if it is live.
    fn live_extent(&self) -> Option<Extent> {
        let (state, extent) = self.entry.live()?;
        (Entry::generation_of(state) == self.generation()).then_some(extent)
    }

    /// Whether nothing is wrong around the block. It must be live still.
    #[inline(always)]
    pub(crate) fn is_whole(&self) -> bool {
        if self.slot & GUARDED == 0 {
            return self.is_unguarded_whole();
        }
        let slot = (self.slot & !GUARDED) as usize;
        // SAFETY: a slot that has held a block keeps its access for good, that of a freed one too;
        // and a slot that is guarded comes after one with a canary.
        unsafe { redzone::is_whole(self.start, self.size, self.start + slot, Some(self.start - slot)) }
    }

    /// [`is_whole`](BlockRef::is_whole) of a block in a run or in the first slot of a slab.
    #[cold]
    #[inline(never)]
    fn is_unguarded_whole(&self) -> bool {
        if self.is_run() {
            return self.live_extent().is_none_or(|extent| is_run_whole(self.start, extent));
        }
        // SAFETY: as of any slot; before the first one lies a canary.
        unsafe { redzone::is_whole(self.start, self.size, self.end(self.size), self.canary_before()) }
    }

    /// What is wrong around the block if it is live: in its slack, else in the 16 bytes before it.
    pub(crate) fn damage(&self) -> Option<Damage> {
        let extent = self.live_extent()?;
        let size = extent.size();
        if extent.placement().is_on_pages() {
            return slack::damage(self.start, size);
        }
        // SAFETY: a live block's memory is committed up to its end, and before a large one there is
        // its header.
        unsafe { redzone::damage(self.start, size, self.end(size), self.canary_before()) }
    }

    /// Writes the canaries around the block again if it is live, so that one overrun is reported
    /// once.
    pub(crate) fn renew_canary(&self) {
        let Some(extent) = self.live_extent() else { return };
        let size = extent.size();
        if extent.placement().is_on_pages() {
            // SAFETY: a live block on pages of its own.
            return unsafe { slack::fill(self.start, size) };
        }
        // SAFETY: a live block's memory is committed up to its end, and before a large one there is
        // its header; only slack is written.
        unsafe {
            redzone::write_exact(self.start, size, self.end(size));
            if let Some(before) = self.canary_before() {
                redzone::write_last(before, self.start);
            }
        }
    }

    /// The end of the slack of a block that is not on pages of its own.
    fn end(&self, size: usize) -> usize {
        if self.is_run() { large::end(self.start, size) } else { self.start + (self.slot & !GUARDED) as usize }
    }

    /// Start of the slot whose canary lies before such a block: before a large one its own.
    fn canary_before(&self) -> Option<usize> {
        match self.slot & !GUARDED {
            0 => Some(self.start),
            slot if self.slot & GUARDED != 0 => Some(self.start - slot as usize),
            _ => Some(self.start - slab::CANARY),
        }
    }

    /// The block before this one if damage before this one's start may as well be that one's
    /// overrun: if it begins at that one's end.
    pub(crate) fn overrun_from(&self) -> Option<Block> {
        let Spot { class, index, .. } = region::spot_in_either(self.start).filter(|_| !self.is_run())?;
        if !slab::is_overrun_from_before(class, index) {
            return None;
        }
        let slab = region::slab(class);
        slab.entry(index - 1).read(slab.start(index - 1))
    }

    /// Calls that the block is lent to now.
    pub(crate) fn loans(&self) -> u32 {
        self.entry.loans(self.generation())
    }

    /// Whether the block is lent to at most `calls` calls, and no call was ever allowed to keep it.
    #[inline(always)]
    pub(crate) fn is_lent_to(&self, calls: u32) -> bool {
        self.entry.is_lent_to(calls)
    }

    /// Counts one more loan. False if the block's place belongs to another one.
    pub(crate) fn lend(&self) -> bool {
        self.entry.lend(self.generation())
    }

    /// Ends a loan. False if there was none, or the block's place belongs to another one.
    pub(crate) fn unlend(&self) -> bool {
        self.entry.unlend(self.generation())
    }

    /// Notes that sweep `number` settles a loan of the block. False if the block's place belongs to
    /// another one.
    #[inline(always)]
    pub(crate) fn note(&self, number: u32) -> bool {
        self.entry.note(self.generation(), number)
    }

    /// The sweep that settles the last loan noted of the block; 0 for none.
    pub(crate) fn noted(&self) -> u32 {
        self.entry.noted()
    }

    /// Notes that C may keep the block by contract, until Rust frees it.
    pub(crate) fn retain(&self) -> bool {
        self.entry.retain(self.generation())
    }

    /// Notes that C may keep the block whatever becomes of it.
    pub(crate) fn exempt(&self) -> bool {
        self.entry.exempt(self.generation())
    }

    /// Whether C may keep the block whatever becomes of it.
    pub(crate) fn is_exempt(&self) -> bool {
        self.entry.is_exempt(self.generation())
    }

    /// Notes that C was lent the block to write.
    pub(crate) fn open(&self) -> bool {
        self.entry.open(self.generation())
    }

    /// True if C may have written what is in the block.
    pub(crate) fn was_open(&self) -> bool {
        self.entry.was_open(self.generation())
    }

    /// Whether C was ever allowed to keep the block, in one of the two ways.
    pub(crate) fn may_be_retained(&self) -> bool {
        self.entry.may_be_retained(self.generation())
    }

    /// Whether the block is, or was, the stack of a thread or a coroutine.
    pub(crate) fn is_stack(&self) -> bool {
        self.entry.is_stack(self.generation())
    }

    /// Pins the block, or ends that. False if the block's place belongs to another one.
    pub(crate) fn set_pinned(&self, pinned: bool) -> bool {
        self.entry.set_pinned(self.generation(), pinned)
    }

    /// Whether the block is pinned.
    pub(crate) fn is_pinned(&self) -> bool {
        self.entry.is_pinned(self.generation())
    }
}

/// Whether nothing is wrong around the live block with this extent, in a run.
pub(super) fn is_run_whole(start: usize, extent: Extent) -> bool {
    let size = extent.size();
    match extent.placement() {
        Placement::AfterGuard | Placement::BeforeGuard => {
            let damage = match thread::is_alone() {
                // SAFETY: it is live, and there is no other thread that could free it.
                true => unsafe { slack::damage_of_own(start, size) },
                false => slack::damage(start, size),
            };
            damage.is_none()
        }
        // SAFETY: a live block's memory is committed from its header, which ends in its canary, to
        // its end.
        _ => unsafe { redzone::is_whole(start, size, large::end(start, size), Some(start)) },
    }
}
