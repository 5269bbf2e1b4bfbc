//! `misaligned_pointer`: an argument is not aligned for its pointee.
//!
//! C: `uint64_t first(const uint64_t *p) { return *p; }`. Rust:
//! `first(bytes[1..].as_ptr().cast())`. Compilers of both languages rely on the address being a
//! multiple of eight.
//!
//! Checked by [`check`], on entry to a call and to a callback.

use super::words::{
    ALL, Picture, Story, Value, Words, bytes, found_by_address, function, label, name, parameter, pointee, whose,
};
use crate::call::shape::Shape;
use crate::call::target::PointerArg;
use crate::facts::{Facts, Finding};

#[inline]
pub(crate) fn check(look: &PointerArg<'_>) -> Option<Finding> {
    let align = look.argument.info.align;
    let looked_into = !matches!(look.argument.info.shape, Shape::Untyped) && !look.contract.is_opaque();
    // `align` is a power of two, so the mask is the remainder.
    (looked_into && look.argument.address & (align - 1) != 0).then_some(Finding::MisalignedPointer { align })
}

pub(super) fn words(align: usize, facts: &Facts) -> Words<'_> {
    let (param, func, ty) = (parameter(facts), function(facts), pointee(facts));
    let no_multiple = format!(", no multiple of {align}");
    let past = facts.argument.map(|argument| {
        let past = bytes(argument.address.checked_rem(align).unwrap_or(0));
        format!(", {past} past a multiple of {align}")
    });
    Words {
        sentence: (format!("{} is not aligned to {}", whose(facts), bytes(align)), String::new()),
        label: label(facts, &no_multiple, past.as_ref().unwrap_or(&no_multiple)),
        story: Story::of_crossing(facts, ALL, None),
        picture: Picture::of_argument(facts, "lent"),
        helps: vec![
            format!("if {func} takes any address, declare {param} as a pointer to `u8` or `c_void`"),
            format!(
                "allocate it as what it is (`Vec<{ty}>`, `Box<{ty}>`, `MaybeUninit<{ty}>`), not as bytes and a cast"
            ),
            format!(
                "or copy it to a place aligned to {}: `let value = {}.read_unaligned();`, then pass `&value`",
                bytes(align),
                name(facts)
            ),
        ],
        notes: found_by_address(facts),
        json: vec![("alignment", Value::Number(align))],
    }
}
