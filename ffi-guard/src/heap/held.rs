//! A small block that a call is lent, from before C runs until after: found once, and asked of again without being looked up.

use super::table::Entry;
use super::{Block, redzone, region, slab};

/// Such a block, as it was when the call began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    entry: &'static Entry,
    /// The entry's state then: live, and which of the blocks that were there.
    state: u32,
    /// Bytes of the block, and of its slot: a slot has 256 KiB at most.
    size: u32,
    slot: u32,
    /// Bytes from the slot before to this one, where that slot's canary guards this block as well; else 0.
    before: u32,
    start: usize,
}

impl Held {
    /// The live block in a slot that an address leads into, with the bytes from there to its end. `None` where it is in none, behind its
    /// end, or has a run of its own. Outside of the region the answer means nothing.
    #[inline(always)]
    pub(crate) fn of(address: usize) -> Option<(Held, usize)> {
        let (class, index, into) = region::slot(address)?;
        let slab = region::slab(class);
        let entry = slab.entry(index);
        let (state, extent) = entry.live()?;
        let (size, slot) = (extent.size(), slab.size() as u32);
        let before = if index > 1 { slot } else { slab::bytes_before(class, index) };
        let held = Held { entry, state, size: size as u32, slot, before, start: address.wrapping_sub(into) };
        Some((held, size.checked_sub(into)?))
    }

    /// First byte.
    #[inline(always)]
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// Which of the blocks that were there.
    #[inline(always)]
    pub(crate) fn generation(&self) -> u32 {
        Entry::generation_of(self.state)
    }

    /// What the table knows of it; `None` where its place is on its way to another.
    #[inline(always)]
    pub(crate) fn block(&self) -> Option<Block> {
        self.entry.read(self.start).filter(|block| block.generation == self.generation())
    }

    /// Whether it is there still, and as large.
    #[inline(always)]
    pub(crate) fn is_still(&self) -> bool {
        self.entry.live().is_some_and(|(state, extent)| state == self.state && extent.size() == self.size as usize)
    }

    /// Whether nothing is wrong around it. It must be there still.
    #[inline(always)]
    pub(crate) fn is_whole(&self) -> bool {
        let (start, size) = (self.start, self.size as usize);
        let before = (self.before != 0).then(|| start - self.before as usize);
        // SAFETY: a live block's memory is committed up to its slot's end, and the slot before has a canary where `of` found that. Where
        // the block was freed since, the slot is committed all the same.
        unsafe { redzone::is_whole(start, size, start + self.slot as usize, before) }
    }

    /// Whether it is lent to so many calls and no more, and no call was ever allowed to keep it.
    #[inline(always)]
    pub(crate) fn is_lent_to(&self, calls: u32) -> bool {
        self.entry.is_lent_to(calls)
    }

    /// Notes that C was allowed to keep it whatever becomes of it.
    pub(crate) fn allow(&self) -> bool {
        self.entry.allow(self.generation())
    }

    /// Notes that sweep `number` settles a loan of it. False where the place belongs to another block by now.
    #[inline(always)]
    pub(crate) fn note(&self, number: u32) -> bool {
        self.entry.note(self.generation(), number)
    }

    /// Counts one more loan.
    pub(crate) fn lend(&self) -> bool {
        self.entry.lend(self.generation())
    }

    /// Ends a loan.
    pub(crate) fn unlend(&self) -> bool {
        self.entry.unlend(self.generation())
    }
}
