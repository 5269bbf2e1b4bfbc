//! Extents: how much of an argument's pointee C may touch.

use super::argument::{Argument, Stated};
use super::count::Count;
use super::shape::Shape;
use super::target::Target;
use crate::heap::Block;

/// Extent that a call or a type states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatedExtent {
    /// The type alone: its size in bytes.
    Type(usize),
    /// `count` elements of `size` bytes, or `sized_by` with a size of 1.
    Elements {
        /// Stated number of elements.
        count: usize,
        /// Bytes of an element.
        size: usize,
    },
    /// A negative count.
    Negative(i128),
    /// A count that no address space holds (too large by itself, or times the element's size).
    TooLarge(u128),
}

impl StatedExtent {
    /// Returns the extent in bytes, if it is a number of bytes.
    pub(crate) fn bytes(self) -> Option<usize> {
        match self {
            StatedExtent::Type(size) => Some(size),
            StatedExtent::Elements { count, size } => count.checked_mul(size),
            StatedExtent::Negative(_) | StatedExtent::TooLarge(_) => None,
        }
    }
}

/// Bytes that C may touch from the argument on, as stated or by type; or the statement, if no
/// memory can have that extent.
#[inline]
pub(crate) fn stated(argument: &Argument) -> Result<usize, StatedExtent> {
    // An alias of `c_void` lets `counted_by` through at compile time: its elements are bytes.
    let element = if untyped(argument) { 1 } else { argument.info.size };
    let (count, size) = match argument.stated {
        Stated::Text(0) => return Ok(0),
        // How much of a text is there is asked of its bytes.
        Stated::No | Stated::Unread(_) | Stated::Over(_) | Stated::Text(_) => {
            return Ok(if untyped(argument) { 0 } else { argument.info.size });
        }
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

/// Extent as reports describe it: with its count, if the call states one.
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

/// Extent of an argument whose target is known: an untyped pointer reaches to the end of its heap
/// block, and has no extent elsewhere.
#[inline]
pub(crate) fn of(argument: &Argument, target: &Target) -> usize {
    match target {
        Target::Heap(block) => in_block(argument, block),
        _ if argument.stated.is_unknown() && untyped(argument) => 0,
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
