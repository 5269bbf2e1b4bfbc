//! Memory as facts: whose it is, and what became of it.

use crate::call::site::Site;
use crate::call::target::Target;
use crate::call::under_way;
use crate::heap::trace::TraceId;
use crate::heap::{self, Block};

/// A piece of memory, whose it is and what became of it.
#[derive(Clone, Debug)]
pub(crate) enum Memory {
    /// A block of the Rust heap, or of C's if it [says so](BlockFacts::of_c).
    Heap(BlockFacts),
    /// The stack of a Rust thread.
    Stack {
        /// The address it is about.
        address: usize,
        /// Bytes of the extent, if one was stated.
        size: usize,
        /// The thread.
        thread: u32,
    },
    /// C's, or a static's.
    Foreign {
        /// The address it is about.
        address: usize,
        /// Bytes of the extent.
        size: usize,
    },
}

/// A block of the Rust heap, or of C's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockFacts {
    /// First byte.
    pub(crate) address: usize,
    /// Bytes that the program asked for.
    pub(crate) size: usize,
    /// Alignment that it asked for.
    pub(crate) align: usize,
    /// Whether it is live.
    pub(crate) live: bool,
    /// Where it was allocated.
    pub(crate) allocated: TraceId,
    /// The thread that allocated it; 0 if not known.
    pub(crate) allocated_by: u32,
    /// Where it was freed.
    pub(crate) freed: TraceId,
    /// The thread that freed it; 0 if not known.
    pub(crate) freed_by: u32,
    /// Whether it is a block of C's heap.
    pub(crate) of_c: bool,
    /// The guarded call under which C freed its block, if there was one.
    pub(crate) freed_under: Option<Site>,
}

impl Memory {
    /// The heap block, if it is one.
    pub(crate) fn block(&self) -> Option<&BlockFacts> {
        match self {
            Memory::Heap(block) => Some(block),
            Memory::Stack { .. } | Memory::Foreign { .. } => None,
        }
    }

    /// The block, if it is one of C's.
    pub(crate) fn of_c(&self) -> Option<&BlockFacts> {
        self.block().filter(|block| block.of_c)
    }

    /// The memory that `address` leads to, as facts about its `target`. `size` is bytes of the
    /// extent, `thread` the owner if it is a stack.
    pub(crate) fn of(target: &Target, address: usize, size: usize, thread: u32) -> Memory {
        match target {
            Target::Heap(block) | Target::FreedByC(block) => Memory::Heap(BlockFacts::of(block)),
            Target::Stack(_) | Target::LeftStack => Memory::Stack { address, size, thread },
            Target::Null | Target::Foreign => Memory::Foreign { address, size },
        }
    }
}

impl BlockFacts {
    /// A copy of what the heap knows of the block now.
    pub(crate) fn of(block: &Block) -> BlockFacts {
        BlockFacts {
            address: block.start,
            size: block.size,
            align: block.align,
            live: block.live,
            allocated: block.allocated,
            allocated_by: block.allocated_by,
            freed: block.freed,
            freed_by: block.freed_by,
            of_c: !heap::contains(block.start),
            freed_under: under_way::freed_under(block),
        }
    }
}
