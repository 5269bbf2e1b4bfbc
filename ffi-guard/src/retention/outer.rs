//! Blocks by which C reaches another one: it was lent a struct to keep, and so what the struct
//! leads to.

use std::ops::ControlFlow;

use crate::call::argument::Argument;
use crate::call::shape::TypeInfo;
use crate::facts::{BlockFacts, Way};
use crate::heap::{self, Block};
use crate::platform::read;
use crate::rules::{self, leads_into};

const WORD: usize = size_of::<usize>();
/// Bytes of an outer block that are read at most.
const MOST: usize = 64 << 10;

/// What an argument leads to, as far as it may lead to other blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outer {
    /// The block, and which of those at its address.
    start: usize,
    generation: u32,
    address: usize,
    info: &'static TypeInfo,
    extent: usize,
}

impl Outer {
    /// The memory that an argument leads to, in this block.
    pub(crate) fn of(block: &Block, argument: &Argument, extent: usize) -> Outer {
        let Argument { address, info, .. } = *argument;
        Outer { start: block.start, generation: block.generation, address, info, extent: extent.min(MOST) }
    }

    /// Where the block lies, for a search.
    pub(super) fn range(&self) -> std::ops::Range<usize> {
        heap::lookup(self.start).map_or(0..0, |block| block.start..block.start + block.size)
    }

    /// The word in it that leads into a freed block, if its type says that it is a pointer, and the
    /// block as it is now. Other words may be left from before.
    pub(super) fn leads_to(&self, freed: &Block) -> Option<(Block, Way)> {
        let block = heap::lookup(self.start).filter(|it| it.live && it.generation == self.generation)?;
        let skew = self.address % WORD;
        let mut copy = vec![0_usize; (skew + self.extent).div_ceil(WORD)];
        let start = copy.as_mut_ptr().cast::<u8>().wrapping_add(skew);
        // SAFETY: `skew + extent` bytes fit the vector, which is exclusive and initialised.
        let bytes = unsafe { std::slice::from_raw_parts_mut(start, self.extent) };
        // By the kernel: another thread may free the block meanwhile.
        read::read(self.address, bytes)?;
        let wanted = |word| leads_into(word, freed.start, freed.size);
        let mut found = None;
        // SAFETY: `copy` holds `extent` readable bytes from there on, aligned as they are in the
        // block.
        let _ = unsafe {
            rules::each_pointer(start.expose_provenance(), self.extent, self.info, &wanted, &mut |offset, word| {
                if !rules::is_declared(self.info, offset) {
                    return ControlFlow::Continue(());
                }
                found = Some((offset, word));
                ControlFlow::Break(())
            })
        };
        let (offset, word) = found?;
        let several = self.info.size != 0 && self.extent > self.info.size;
        let field = rules::field_path(self.info, offset, several);
        let offset = self.address + offset - block.start;
        Some((block, Way { outer: BlockFacts::of(&block), offset, field, word }))
    }
}
