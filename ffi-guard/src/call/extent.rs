//! How much of an argument's pointee C may touch.

use super::argument::{Argument, Stated};
use super::count::Count;
use super::shape::Shape;
use super::target::Target;
use crate::heap::Block;

/// What a call or a type states of an extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatedExtent {
    /// The type alone: its size in bytes.
    Type(usize),
    /// So many bytes: `count` elements of `size`, or `sized_by` with a size of 1.
    Elements {
        /// As stated.
        count: usize,
        /// Bytes of one.
        size: usize,
    },
    /// A negative count.
    Negative(i128),
    /// A count that no address space holds (too large by itself, or times the element's size).
    TooLarge(u128),
}

impl StatedExtent {
    /// The extent in bytes, where it is a number of bytes.
    pub(crate) fn bytes(self) -> Option<usize> {
        match self {
            StatedExtent::Type(size) => Some(size),
            StatedExtent::Elements { count, size } => count.checked_mul(size),
            StatedExtent::Negative(_) | StatedExtent::TooLarge(_) => None,
        }
    }
}

/// Bytes that C may touch from the argument on, as stated or by type; or what was stated that no
/// memory can have.
#[inline]
pub(crate) fn stated(argument: &Argument) -> Result<usize, StatedExtent> {
    // Behind an alias of `c_void`, `counted_by` cannot be refused at compile time: its elements are
    // bytes.
    let element = if untyped(argument) { 1 } else { argument.info.size };
    let (count, size) = match argument.stated {
        Stated::No => return Ok(if untyped(argument) { 0 } else { argument.info.size }),
        Stated::Elements(count) => (count, element),
        Stated::Bytes(count) => (count, 1),
    };
    match count {
        Count::Fits(n) => match n.checked_mul(size) {
            // An allocation never has more than `isize::MAX` bytes, so neither has an extent.
            Some(bytes) if isize::try_from(bytes).is_ok() => Ok(bytes),
            _ => Err(StatedExtent::TooLarge(n as u128)),
        },
        Count::Negative(n) => Err(StatedExtent::Negative(n.into())),
        Count::TooLarge(n) => Err(StatedExtent::TooLarge(n.into())),
    }
}

/// The same as the report tells it.
pub(crate) fn described(argument: &Argument) -> StatedExtent {
    match (argument.stated, stated(argument)) {
        (_, Err(refused)) => refused,
        (Stated::Elements(Count::Fits(count)), Ok(_)) => {
            StatedExtent::Elements { count, size: if untyped(argument) { 1 } else { argument.info.size } }
        }
        (Stated::Bytes(Count::Fits(count)), Ok(_)) => StatedExtent::Elements { count, size: 1 },
        (_, Ok(bytes)) => StatedExtent::Type(bytes),
    }
}

/// The extent if the memory is known: an untyped pointer reaches to the end of its heap block, and nowhere
/// else.
#[inline]
pub(crate) fn of(argument: &Argument, target: &Target) -> usize {
    match target {
        Target::Heap(block) => in_block(argument, block),
        _ if argument.stated == Stated::No && untyped(argument) => 0,
        _ => stated(argument).unwrap_or(0),
    }
}

/// The extent of an argument that leads into this block.
#[inline]
pub(crate) fn in_block(argument: &Argument, block: &Block) -> usize {
    if argument.stated == Stated::No && untyped(argument) {
        return block.start.wrapping_add(block.size).saturating_sub(argument.address);
    }
    stated(argument).unwrap_or(0)
}

#[inline]
pub(crate) fn untyped(argument: &Argument) -> bool {
    matches!(argument.info.shape, Shape::Untyped)
}
