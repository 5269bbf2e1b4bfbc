//! What a brief call asks of a small block that it lends. Out of the wrapper's way: each is called where there is such a block.

use super::{quick, thread};
use crate::boundary::loans::Loans;
use crate::boundary::shape::TypeInfo;
use crate::heap::{self, BlockRef};
use crate::platform::read;
use crate::retention::Lent;

/// The rest of the small live block that an address of the Rust heap leads into, which is then among the loans.
#[inline(always)]
fn lend(mut lent: Lent, loans: &mut Loans) -> Option<usize> {
    let (held, rest) = BlockRef::in_slot(lent.address).filter(|_| loans.has_room())?;
    lent.extent = lent.extent.min(rest);
    loans.add(held, lent);
    Some(rest)
}

/// Bytes from an address of the Rust heap to the first one beyond its block: one more than an extent may have. 0 where it leads into no
/// live block that is small.
#[inline(never)]
pub(super) fn beyond(address: usize, index: usize, extent: usize, info: &'static TypeInfo, loans: &mut Loans) -> usize {
    lend(Lent { address, info, parameter: index, extent }, loans).map_or(0, |rest| rest + 1)
}

/// Whether there is a NUL in the block.
#[inline(never)]
pub(super) fn has_nul(address: usize, index: usize, info: &'static TypeInfo, loans: &mut Loans) -> bool {
    let lent = Lent { address, info, parameter: index, extent: info.size };
    // SAFETY: so many bytes are left of a live block.
    lend(lent, loans).is_some_and(|rest| unsafe { read::has_nul(address, rest) })
}

/// The same in the frames of the callers.
#[inline(never)]
pub(super) fn has_nul_on_stack(address: usize, rest: usize) -> bool {
    // SAFETY: above the wrapper's frame, and below the end of the stack.
    unsafe { read::has_nul(address, rest) }
}

/// Whether the extent, without one the rest of the block, is in it and holds no pointer to Rust memory.
#[inline(never)]
pub(super) fn holds_none(
    address: usize,
    index: usize,
    extent: Option<usize>,
    info: &'static TypeInfo,
    loans: &mut Loans,
) -> bool {
    let lent = Lent { address, info, parameter: index, extent: extent.unwrap_or(usize::MAX) };
    let Some(rest) = lend(lent, loans) else { return false };
    are_clear(address, extent, rest, info)
}

/// Whether the extent is in the rest of its block, which it is where it is not stated, and no word of it leads into Rust memory.
#[inline(always)]
fn are_clear(address: usize, extent: Option<usize>, rest: usize, info: &TypeInfo) -> bool {
    let (extent, stack) = (extent.unwrap_or(rest), thread::known_stack());
    // SAFETY: the extent is inside of a live block.
    extent <= rest && unsafe { quick::is_clear(address, extent, info, &stack) }
}

/// The same three of a call at level 1, where nobody asks what it lent.
pub(super) mod apart {
    use super::{TypeInfo, are_clear, heap, read};

    #[inline(never)]
    pub(in crate::boundary::brief) fn beyond(address: usize) -> usize {
        heap::rest_of_small(address).map_or(0, |rest| rest + 1)
    }

    #[inline(never)]
    pub(in crate::boundary::brief) fn has_nul(address: usize) -> bool {
        // SAFETY: so many bytes are left of a live block.
        heap::rest_of_small(address).is_some_and(|rest| unsafe { read::has_nul(address, rest) })
    }

    #[inline(never)]
    pub(in crate::boundary::brief) fn holds_none(address: usize, extent: Option<usize>, info: &TypeInfo) -> bool {
        heap::rest_of_small(address).is_some_and(|rest| are_clear(address, extent, rest, info))
    }
}
