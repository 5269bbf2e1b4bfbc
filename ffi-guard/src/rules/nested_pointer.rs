//! `nested_pointer`: Rust memory handed to C holds a pointer to Rust memory (cgo's first rule).
//!
//! C sees one struct; what that struct leads to was never lent, so nothing keeps it alive, in place or unshared for the
//! call. Rust: `process(&mut Complex { x: &mut *boxed, y: null_mut() })`.

use std::ops::Range;

use crate::call::target::Target;
use crate::facts::{BlockFacts, Finding, Holder, Memory};
use crate::scan;

/// A word found in what was passed, and where it leads. `own` is the block or extent that the word itself lies in: an
/// object that holds its own address is one object.
pub(crate) fn check_word(
    word: usize,
    target: &Target,
    own: &Range<usize>,
    thread: u32,
    holder: impl FnOnce() -> Holder,
) -> Option<Finding> {
    if own.contains(&word) {
        return None;
    }
    let target = match target {
        // One past the end of another block: there is no byte that C could touch through it.
        Target::Heap(block) if block.live && word - block.start < block.size => Memory::Heap(BlockFacts::of(block)),
        // A C frame further up may own that part of the stack: only what a Rust frame holds is Rust's.
        Target::Stack(_) if scan::in_rust_frame(word) => Memory::Stack { address: word, size: 0, thread },
        _ => return None,
    };
    Some(Finding::NestedPointer { holder: holder(), pointer: word, target })
}
