//! The slot that an address leads into, and what is asked of the block there. For one question: a call that lends the block, and has several, holds
//! it (`held`).

use super::region::{self, Slab};
use super::table::Entry;
use super::{redzone, slab};

/// A slot of Rust's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    slab: &'static Slab,
    class: usize,
    index: u32,
    start: usize,
}

impl Slot {
    /// The slot that an address of the region lies in; `None` among the runs of large blocks. Outside of the region the answer means nothing.
    #[inline(always)]
    pub(super) fn of(address: usize) -> Option<Slot> {
        let (class, index, into) = region::slot(address)?;
        Some(Slot { slab: region::slab(class), class, index, start: address.wrapping_sub(into) })
    }

    #[inline(always)]
    fn entry(self) -> &'static Entry {
        self.slab.entry(self.index)
    }

    /// Bytes from an address in the slot to the end of the live block there; `None` where there is none, and behind its end.
    #[inline(always)]
    pub(super) fn rest(self, address: usize) -> Option<usize> {
        self.entry().live_extent()?.size().checked_sub(address.wrapping_sub(self.start))
    }

    /// The start and the generation of what is there, as [`identity`](super::identity).
    #[inline(always)]
    pub(super) fn identity(self) -> Option<(usize, u32)> {
        Some((self.start, self.entry().settled_generation()?))
    }

    /// Whether nothing is wrong around the live block there; true where there is none.
    #[inline(always)]
    pub(super) fn is_whole(self) -> bool {
        let Some(extent) = self.entry().live_extent() else { return true };
        let (start, end) = (self.start, self.start.wrapping_add(self.slab.size()));
        // SAFETY: a slot that has held a block keeps its access, and the one before has a canary where `canary_before` says so.
        unsafe { redzone::is_whole(start, extent.size(), end, slab::canary_before(self.class, self.index, start)) }
    }
}
