//! `dangling_pointer`: an argument, or a pointer found in what it points to, leads to Rust memory already freed.
//!
//! Rust: `puts(CString::new(text)?.as_ptr())`: the temporary dies at the end of the statement that made it, often before
//! the call.

use crate::call::target::{PointerArg, Target};
use crate::facts::{Finding, Holder};

/// The argument itself.
#[inline]
pub(crate) fn check(look: &PointerArg<'_>) -> Option<Finding> {
    match &look.target {
        Target::Heap(block) if !block.live => {
            Some(Finding::DanglingPointer { holder: Holder::Argument, pointer: look.argument.address })
        }
        _ => None,
    }
}

/// A word found in what was passed, and where it leads.
pub(crate) fn check_word(word: usize, target: &Target, holder: impl FnOnce() -> Holder) -> Option<Finding> {
    match target {
        Target::Heap(block) if !block.live => Some(Finding::DanglingPointer { holder: holder(), pointer: word }),
        _ => None,
    }
}
