//! `returned_pointer`: a guarded callback returns to C a pointer to Rust memory that is not pinned.
//!
//! C: `char *name = callbacks.name(user); ... puts(name);`. Rust: `extern "C" fn name(user: *mut c_void) -> *mut c_char`
//! that returns the address of a `String`'s bytes: nothing keeps them where they are once the callback has returned.

use super::Located;
use crate::heap;
use crate::report::violation::{Finding, Holder};

/// A word of the result, and where it leads: a block, or the calling thread's stack.
pub(crate) fn check(word: usize, target: &Located, holder: impl FnOnce() -> Holder) -> Option<Finding> {
    let lent = match target {
        Located::Heap(block) => block.live && word - block.start < block.size && !is_pinned(block),
        Located::Stack(_) => true,
        Located::Null | Located::Foreign => false,
    };
    lent.then(|| Finding::ReturnedPointer { holder: holder(), pointer: word })
}

/// Whether C may hold the block on: it is pinned, or was given to C to keep, or lent to a call that has not returned.
fn is_pinned(block: &heap::Block) -> bool {
    heap::is_pinned(block) || heap::may_be_kept(block) || heap::loans(block) > 0
}
