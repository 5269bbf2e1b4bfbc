//! A free, or a resize, that was refused.

use super::memory::BlockFacts;
use crate::heap::trace::TraceId;

/// A free, or a resize, that was refused.
#[derive(Clone, Debug)]
pub(crate) struct WrongFree {
    /// What was asked for.
    pub(crate) asked: Asked,
    /// The address.
    pub(crate) address: usize,
    /// Why it was not done.
    pub(crate) why: Why,
    /// The block of C's heap that it leads into, with `c-heap`. (A block of Rust's is the `memory`
    /// of the facts.)
    pub(crate) c_block: Option<BlockFacts>,
    /// Who asked.
    pub(crate) at: TraceId,
    /// On which thread.
    pub(crate) thread: u32,
    /// The call of the facts is under way; else it is the last one that was lent the block.
    pub(crate) under_way: bool,
    /// What C's allocator did by itself, which ends the process.
    pub(crate) ending: Option<Ending>,
}

/// How C's allocator ended the process.
// With `c-heap` C's allocator is the guard's, and does neither.
#[cfg_attr(feature = "c-heap", allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It has refused the block, and aborts.
    Refused,
    /// It has touched memory without access.
    Faulted,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Rust's allocator, by this method, of a block of this layout.
    Rust {
        /// `dealloc` or `realloc`.
        call: &'static str,
        /// Bytes.
        size: usize,
        /// Alignment.
        align: usize,
    },
    /// C's allocator, by this function.
    C(&'static str),
}

/// Why it was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The block was made with another layout.
    OtherLayout,
    /// The address leads into a block, not to its start.
    Interior,
    /// The block is freed already.
    Freed,
    /// The block is the other side's.
    OtherSide,
    /// It is in a heap, at a place that never was a block.
    NoBlock,
    /// On the stack of this thread.
    Stack(u32),
    /// In no heap: in this module, or in unknown memory.
    Outside(Option<String>),
}

impl Asked {
    /// The method or function.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Asked::Rust { call: name, .. } | Asked::C(name) => name,
        }
    }

    /// Whether C's allocator was asked.
    pub(crate) fn is_c(self) -> bool {
        matches!(self, Asked::C(_))
    }

    /// Whether the block was to be freed, and not resized.
    pub(crate) fn frees(self) -> bool {
        matches!(self.name(), "dealloc" | "free")
    }
}
