//! `null_pointer`: a `nonnull` argument is null.
//!
//! C: `size_t len(const char *s) { return strlen(s); }`. Rust: `len(ptr::null())`.
//!
//! Checked by [`check`], on entry to a call and to a callback.

use super::words::{ALL, Story, Words, found_by_address, function, label, name, parameter, whose};
use crate::call::target::{PointerArg, Target};
use crate::facts::{Facts, Finding};

#[inline]
pub(crate) fn check(look: &PointerArg<'_>) -> Option<Finding> {
    (look.contract.is_nonnull() && matches!(look.target, Target::Null)).then_some(Finding::NullPointer)
}

pub(super) fn words(facts: &Facts) -> Words<'_> {
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
