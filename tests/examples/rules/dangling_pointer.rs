//! The classic, in a form that the compiler's own lint does not see.

use std::ffi::{CString, c_char};

use c_fixtures::dangling_pointer::ok_name_length;

fn name() -> *const c_char {
    let owner = CString::new("session").expect("no NUL in it");
    owner.as_ptr()
}

pub(crate) fn run() {
    // SAFETY: wrong: the string died when `name` returned.
    unsafe { ok_name_length(name()) };
}
