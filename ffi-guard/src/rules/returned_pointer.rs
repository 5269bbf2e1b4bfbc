//! `returned_pointer`: a guarded callback returns to C a pointer to Rust memory that is not pinned.
//!
//! C: `char *name = callbacks.name(user); ... puts(name);`. Rust: `extern "C" fn name(user: *mut c_void) -> *mut c_char`
//! that returns the address of a `String`'s bytes: nothing keeps them where they are once the callback has returned.

use crate::call::target::Target;
use crate::facts::{Finding, Holder};

/// A word of the result, and where it leads: a block, or the calling thread's stack.
pub(crate) fn check(word: usize, target: &Target, holder: impl FnOnce() -> Holder) -> Option<Finding> {
    let lent = match target {
        Target::Heap(block) => block.live && word - block.start < block.size,
        Target::Stack(_) => true,
        Target::Null | Target::Foreign => false,
    };
    lent.then(|| Finding::ReturnedPointer { holder: holder(), pointer: word })
}
