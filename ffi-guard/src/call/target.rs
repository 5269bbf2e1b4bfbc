//! A pointer argument and its target, as rules see it.

use std::ops::Range;

use super::argument::Argument;
use super::declaration::Contract;
use crate::heap::{self, FoundBlock};

/// A pointer argument and its target.
pub(crate) struct PointerArg<'a> {
    /// The argument.
    pub(crate) argument: &'a Argument,
    /// Contract that its declaration states.
    pub(crate) contract: Contract,
    /// Memory that it leads to.
    pub(crate) target: Target,
    /// Bytes that C may touch, if they fit an address space; else 0.
    pub(crate) extent: usize,
}

/// Memory that an address leads to.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Nowhere.
    Null,
    /// A block of the Rust heap, live or freed.
    Heap(FoundBlock),
    /// A block of C's heap that is freed, and not given out again (with `c-heap`). Live ones are
    /// foreign.
    #[cfg_attr(not(feature = "c-heap"), allow(dead_code))]
    FreedByC(FoundBlock),
    /// The calling thread's stack, above the frame of the guarded call.
    Stack(Range<usize>),
    /// The calling thread's stack, where no frame is any more: what was there is gone.
    LeftStack,
    /// Anything else: C memory, a static, nothing at all.
    Foreign,
}

impl Target {
    /// Looks up where `address` leads. `stack` is the part of the calling thread's stack above the
    /// guarded call.
    #[inline]
    pub(crate) fn of(address: usize, stack: &Range<usize>) -> Target {
        if heap::contains(address) {
            return match FoundBlock::at(address) {
                // The variables on a stack are no part of one object, wherever the stack lies.
                Some(block) if block.live && block.is_stack() => match stack.contains(&address) {
                    true => Target::Stack(stack.clone()),
                    false => Target::Foreign,
                },
                Some(block) => Target::Heap(block),
                None => Target::Foreign,
            };
        }
        if stack.contains(&address) {
            return Target::Stack(stack.clone());
        }
        #[cfg(feature = "c-heap")]
        if is_freed_by_c(address)
            && let Some(block) = FoundBlock::at_c(address).filter(|block| !block.live)
        {
            return Target::FreedByC(block);
        }
        if address == 0 { Target::Null } else { Target::Foreign }
    }
}

/// True if an address leads into a block of C's heap that is freed, and not given out again.
#[cfg(feature = "c-heap")]
#[inline(always)]
pub(crate) fn is_freed_by_c(address: usize) -> bool {
    heap::contains_c(address) && heap::is_freed_c(address)
}

/// False: C's heap is glibc's, of whose blocks nothing is known.
#[cfg(not(feature = "c-heap"))]
#[inline(always)]
pub(crate) fn is_freed_by_c(_address: usize) -> bool {
    false
}
