//! What a rule is shown.

use std::ops::Range;

use crate::boundary::argument::Argument;
use crate::boundary::declaration::Contract;
use crate::heap::{self, Block};
use crate::report::violation::{BlockFacts, Memory};
use crate::scan;

/// One pointer argument and where it leads.
pub(crate) struct Look<'a> {
    /// The argument.
    pub(crate) argument: &'a Argument,
    /// What its declaration says.
    pub(crate) contract: Contract,
    /// Where it leads.
    pub(crate) located: Located,
    /// Bytes that C may touch, where they fit an address space; 0 where they do not.
    pub(crate) extent: usize,
}

/// Where an address leads.
#[derive(Clone, Debug)]
pub(crate) enum Located {
    /// Nowhere.
    Null,
    /// A block of the Rust heap, live or freed.
    Heap(Block),
    /// The calling thread's stack, above the frame of the guarded call.
    Stack(Range<usize>),
    /// Anything else: C memory, a static, nothing at all.
    Foreign,
}

impl Located {
    /// Finds out. `stack` is the part of the calling thread's stack above the guarded call.
    #[inline]
    pub(crate) fn of(address: usize, stack: &Range<usize>) -> Located {
        if heap::contains(address) {
            return heap::lookup(address).map_or(Located::Foreign, Located::Heap);
        }
        if stack.contains(&address) {
            return Located::Stack(stack.clone());
        }
        if address == 0 { Located::Null } else { Located::Foreign }
    }

    /// Whether it leads into a C frame of this thread's stack.
    pub(crate) fn is_cs_stack(&self, address: usize) -> bool {
        matches!(self, Located::Stack(_)) && !scan::in_rust_frame(address)
    }

    /// The same as a fact for the report.
    pub(crate) fn memory(&self, address: usize, size: usize, thread: u32) -> Memory {
        match self {
            Located::Heap(block) => Memory::Heap(block_facts(block)),
            Located::Stack(_) => Memory::Stack { address, size, thread },
            Located::Null | Located::Foreign => Memory::Foreign { address, size },
        }
    }
}

/// A block as a fact for the report.
pub(crate) fn block_facts(block: &Block) -> BlockFacts {
    BlockFacts {
        address: block.start,
        size: block.size,
        align: block.align,
        live: block.live,
        allocated: block.allocated,
        allocated_by: block.allocated_by,
        freed: block.freed,
        freed_by: block.freed_by,
    }
}
