//! `out_of_bounds`: the pointee, or the extent that the call states, is larger than what is left of the Rust block.
//!
//! C: `void fill(uint8_t *p, size_t n)`. Rust: `fill(v.as_mut_ptr(), v.capacity() + 1)`, or a struct cast from a buffer
//! that is shorter than the struct.

use crate::call::argument::Stated;
use crate::call::extent;
use crate::call::extent::StatedExtent;
use crate::call::target::{PointerArg, Target};
use crate::facts::Finding;

#[inline]
pub(crate) fn check(look: &PointerArg<'_>) -> Option<Finding> {
    let end = match &look.target {
        Target::Heap(block) => block.start.wrapping_add(block.size),
        Target::Stack(stack) => stack.end,
        // The end of C memory is not known; a count that no memory can have is wrong wherever it points.
        Target::Null | Target::Foreign => usize::MAX,
    };
    let available = end.saturating_sub(look.argument.address);
    match extent::stated(look.argument) {
        Ok(bytes) if bytes <= available => None,
        // All-ones and its neighbours, by which C says "none": the type alone states nothing of memory that is not Rust's.
        Ok(_) if matches!(look.target, Target::Foreign) && look.argument.stated == Stated::No => None,
        Ok(_) => Some(Finding::OutOfBounds { stated: extent::described(look.argument), available }),
        // Null with a nonsense count is how C spells "no buffer, no count".
        Err(_) if matches!(look.target, Target::Null) => None,
        Err(stated @ (StatedExtent::Negative(_) | StatedExtent::TooLarge(_))) => {
            Some(Finding::OutOfBounds { stated, available })
        }
        Err(_) => None,
    }
}
