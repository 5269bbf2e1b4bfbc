//! `null_pointer`: a `nonnull` argument is null, or one that an extent is read through.
//!
//! C: `size_t len(const char *s) { return strlen(s); }`. Rust: `len(ptr::null())`.
//!
//! Checked by [`check`] and [`check_extent`], on entry to a call and to a callback.

use super::words::{ALL, Story, Value, Words, found_by_address, function, label, name, parameter, whose};
use crate::call::argument::{Argument, Stated, Unread};
use crate::call::target::{PointerArg, Target};
use crate::facts::{Facts, Finding, NullPointer};

#[inline]
pub(crate) fn check(look: &PointerArg<'_>) -> Option<Finding> {
    (look.contract.is_nonnull() && matches!(look.target, Target::Null))
        .then_some(Finding::NullPointer(NullPointer::Declared))
}

/// Checks the pointer that the extent of an argument is read through. The finding is about that
/// other parameter, whose index comes with it.
#[inline]
pub(crate) fn check_extent(index: usize, arguments: &[Argument]) -> Option<(usize, Finding)> {
    let argument = arguments.get(index)?;
    let Stated::Unread(Unread { parameter, null: true }) = argument.stated else { return None };
    if argument.address == 0 {
        // There is nothing to have an extent: C need not look at the other pointer either.
        return None;
    }
    let through = usize::try_from(parameter).ok()?;
    let itself = arguments.get(through)?.address == 0;
    Some((through, Finding::NullPointer(NullPointer::ReadThrough { parameter: index, itself })))
}

pub(super) fn words(facts: &Facts, seen: NullPointer) -> Words<'_> {
    match seen {
        NullPointer::Declared => declared(facts),
        NullPointer::ReadThrough { parameter, itself } => read_through(facts, parameter, itself),
    }
}

fn read_through(facts: &Facts, of: usize, itself: bool) -> Words<'_> {
    let parameters = facts.call.as_ref().map_or(&[][..], |call| call.function.declaration.parameters);
    let (of, extent) = parameters.get(of).map_or(("p", ""), |parameter| (parameter.name, parameter.extent));
    let (is, label_is) = if itself { ("is null", " is null here") } else { ("leads to null", " leads to null here") };
    Words {
        sentence: (format!("{} {is}, and `{of}` is sized by it", whose(facts)), String::new()),
        label: label(facts, if itself { ", which is null" } else { ", which leads to null" }, label_is),
        story: Story::of_crossing(facts, ALL, None),
        picture: None,
        helps: vec![
            format!("give {} the address of the count that {} is to read", parameter(facts), function(facts)),
            format!(
                "if {} accepts null here, let the extent say so: `if {}.is_null() {{ 0 }} else {{ {extent} }}`",
                function(facts),
                name(facts)
            ),
        ],
        notes: found_by_address(facts),
        json: vec![("extent_of", Value::Text(of.into()))],
    }
}

fn declared(facts: &Facts) -> Words<'_> {
    Words {
        sentence: (format!("{} is null, declared `nonnull`", whose(facts)), String::new()),
        label: label(facts, ", which is null", " is null here"),
        story: Story::of_crossing(facts, ALL, None),
        picture: None,
        helps: vec![
            format!("check it before the call: `if {}.is_null() {{ return Err(..); }}`", name(facts)),
            format!(
                "if {} accepts null here, take `nonnull` off the declaration of {}",
                function(facts),
                parameter(facts)
            ),
        ],
        notes: found_by_address(facts),
        json: Vec::new(),
    }
}
