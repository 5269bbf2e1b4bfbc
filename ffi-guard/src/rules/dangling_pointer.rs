//! `dangling_pointer`: an argument, or what C returns, leads to memory already freed: Rust's, or
//! with `c-heap` a block that C has freed itself.
//!
//! Rust: `puts(CString::new(text)?.as_ptr())`: the temporary dies at the end of the statement that
//! made it, often before the call.
//!
//! Checked by [`check`] for an argument, on entry to a call and to a callback, and by
//! [`check_word`] for each word of a struct by value and of a result: `boundary/entry.rs` and
//! `answers/result.rs`. What an argument points to is `dangling_field`.

use super::dangling;
use super::words::Words;
use crate::call::target::{PointerArg, Target};
use crate::facts::{DanglingPointer, Facts, Finding, Holder};

/// Checks the argument itself.
#[inline]
pub(crate) fn check(look: &PointerArg<'_>) -> Option<Finding> {
    check_word(look.argument.address, &look.target, || Holder::Argument)
}

/// Checks a word that crosses. `target` is where it leads.
#[inline]
pub(crate) fn check_word(word: usize, target: &Target, holder: impl FnOnce() -> Holder) -> Option<Finding> {
    dangling::is_dead(target).then(|| Finding::DanglingPointer(DanglingPointer { holder: holder(), pointer: word }))
}

pub(super) fn words<'a>(seen: &'a DanglingPointer, facts: &'a Facts) -> Words<'a> {
    dangling::words(&seen.holder, seen.pointer, facts)
}
