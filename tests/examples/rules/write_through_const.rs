//! A text that C is lent to read, and upper-cases in place.

use std::ffi::CString;

use c_fixtures::write_through_const::bad_shout;

pub(crate) fn run() {
    let text = CString::new("Hello").expect("no NUL in it");
    // SAFETY: wrong: C writes to what is behind its `const`.
    unsafe { bad_shout(text.as_ptr()) };
}
