//! A text of C's `malloc`, dropped as if Rust had made it.

use std::ffi::CString;

use c_fixtures::alloc_dealloc_mismatch::greeting;

pub(crate) fn run() {
    let text = greeting();
    // SAFETY: none, which is what this is about: it is not Rust's memory.
    drop(unsafe { CString::from_raw(text) });
}
