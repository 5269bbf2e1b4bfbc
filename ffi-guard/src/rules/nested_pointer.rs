//! `nested_pointer`: Rust memory handed to C holds a pointer to Rust memory (cgo's first rule).
//!
//! C sees one struct; what that struct leads to was never lent, so nothing keeps it alive, in place or unshared for the
//! call. Rust: `process(&mut Complex { x: &mut *boxed, y: null_mut() })`.

use std::ops::Range;

use super::{Located, block_facts};
use crate::report::violation::{Finding, Holder, Memory};
use crate::scan;

/// A word found in what was passed, and where it leads. `own` is the block or extent that the word itself lies in: an
/// object that holds its own address is one object.
pub(crate) fn check_word(
    word: usize,
    target: &Located,
    own: &Range<usize>,
    thread: u32,
    holder: impl FnOnce() -> Holder,
) -> Option<Finding> {
    if own.contains(&word) {
        return None;
    }
    let target = match target {
        // One past the end of another block: there is no byte that C could touch through it.
        Located::Heap(block) if block.live && word - block.start < block.size => Memory::Heap(block_facts(block)),
        // A C frame further up may own that part of the stack: only what a Rust frame holds is Rust's.
        Located::Stack(_) if scan::in_rust_frame(word) => Memory::Stack { address: word, size: 0, thread },
        _ => return None,
    };
    Some(Finding::NestedPointer { holder: holder(), pointer: word, target })
}
