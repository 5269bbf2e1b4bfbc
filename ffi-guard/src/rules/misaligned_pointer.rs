//! `misaligned_pointer`: an argument is not aligned for its pointee.
//!
//! C: `uint64_t first(const uint64_t *p) { return *p; }`. Rust:
//! `first(bytes[1..].as_ptr().cast())`. Compilers of both languages rely on the address being a
//! multiple of eight.
//!
//! `aligned = 64` on a parameter says what C asks for beyond the type, as for vector instructions.
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
    let looked_into = !matches!(look.argument.info.shape, Shape::Untyped) && !look.contract.is_opaque();
    let by_type = if looked_into { look.argument.info.align } else { 1 };
    let align = by_type.max(look.contract.alignment());
    // `align` is a power of two, so the mask is the remainder.
    (look.argument.address & (align - 1) != 0).then_some(Finding::MisalignedPointer { align })
}

pub(super) fn words(align: usize, facts: &Facts) -> Words<'_> {
    let (param, func, ty) = (parameter(facts), function(facts), pointee(facts));
    let is_asked_for = facts.parameter().is_some_and(|stated| stated.contract.alignment() == align);
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
        helps: if is_asked_for {
            of_contract(align, facts)
        } else {
            vec![
                format!("if {func} takes any address, declare {param} as a pointer to `u8` or `c_void`"),
                format!(
                    "allocate it as what it is (`Vec<{ty}>`, `Box<{ty}>`, `MaybeUninit<{ty}>`), not as bytes and a cast"
                ),
                format!(
                    "or copy it to a place aligned to {}: `let value = {}.read_unaligned();`, then pass `&value`",
                    bytes(align),
                    name(facts)
                ),
            ]
        },
        notes: found_by_address(facts),
        json: vec![("alignment", Value::Number(align))],
    }
}

/// The ways out where `aligned = n` asks for more than the type does.
fn of_contract(align: usize, facts: &Facts) -> Vec<String> {
    let ty = pointee(facts);
    vec![
        format!(
            "make it a field of a type that is aligned so: `#[repr(C, align({align}))] struct Aligned([{ty}; N]);`, and \
             lend that field from its start on"
        ),
        format!(
            "or allocate it so: `std::alloc::alloc(Layout::from_size_align(size, {align})?)`, and free it by the same \
             layout"
        ),
        format!("if {} takes other addresses too, correct `#[guard(aligned = ..)]`", function(facts)),
    ]
}
