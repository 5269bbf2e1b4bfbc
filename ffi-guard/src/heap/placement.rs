//! Where a block lies in its slot or run: arithmetic on its size and alignment alone.

use crate::platform::memory::PAGE;

/// Where a block lies in its slot or its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// It begins with it.
    AtBase,
    /// On pages of its own, right after one without access.
    AfterGuard,
    /// On pages of its own, right before one without access.
    BeforeGuard,
    /// A large block, after its header.
    AfterHeader,
}

impl Placement {
    /// Whether the block has pages of its own, with one without access beside it.
    #[inline(always)]
    pub(crate) const fn is_on_pages(self) -> bool {
        matches!(self, Placement::AfterGuard | Placement::BeforeGuard)
    }

    /// Bytes from the start of the slot or run to a block of this size and alignment.
    #[inline(always)]
    pub(crate) const fn offset(self, size: usize, align: usize) -> usize {
        match self {
            Placement::AtBase => 0,
            Placement::AfterHeader if align > HEADER => align,
            Placement::AfterHeader => HEADER,
            Placement::BeforeGuard if align < PAGE => {
                (lead(align) + size.next_multiple_of(PAGE) - size) & !(taken_for(size, align) - 1)
            }
            // With such an alignment both are the same.
            Placement::BeforeGuard | Placement::AfterGuard => lead(align),
        }
    }
}

/// Bytes and alignment of the exception that a panic of Rust's allocates.
const EXCEPTION: (usize, usize) = (56, 8);

/// The alignment that code takes a block to have: its own, except that an unwinder takes an
/// exception to be aligned as the ABI has it, to 16 bytes, and Rust's standard library asks for 8.
/// `malloc` would give 16 to all; without them LLVM's unwinder faults on x86-64.
const fn taken_for(size: usize, align: usize) -> usize {
    if size == EXCEPTION.0 && align == EXCEPTION.1 { 16 } else { align }
}

/// Bytes of the header before a large block.
pub(crate) const HEADER: usize = 64;

/// Bytes without access before a block on pages of its own, at least: a page, or its alignment.
pub(crate) const fn lead(align: usize) -> usize {
    if align > PAGE { align } else { PAGE }
}
