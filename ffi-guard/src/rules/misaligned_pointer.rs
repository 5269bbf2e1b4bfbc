//! `misaligned_pointer`: an argument is not aligned for its pointee.
//!
//! C: `uint64_t first(const uint64_t *p) { return *p; }`. Rust: `first(bytes[1..].as_ptr().cast())`, which compilers of
//! either language take for proof that the address is a multiple of eight.

use crate::call::shape::Shape;
use crate::call::target::PointerArg;
use crate::facts::Finding;

#[inline]
pub(crate) fn check(look: &PointerArg<'_>) -> Option<Finding> {
    let align = look.argument.info.align;
    let looked_into = !matches!(look.argument.info.shape, Shape::Untyped) && !look.contract.is_opaque();
    // `align` is a power of two, so the mask is the remainder.
    (looked_into && look.argument.address & (align - 1) != 0).then_some(Finding::MisalignedPointer { align })
}
