//! A file name, given away to a function that only reads it.

use std::ffi::CString;

use c_fixtures::leaked_ownership::denied::bad_open_named;

pub(crate) fn run() {
    let name = CString::new("data.db").expect("no NUL");
    // SAFETY: a C string, which lives for ever after this.
    unsafe { bad_open_named(name.into_raw()) };
    ffi_guard::checkpoint();
}
