//! A string that goes to C by the back door.

use std::ffi::{c_char, c_void};

use c_fixtures::returned_pointer::name_length;

#[ffi_guard::guard]
unsafe extern "C" fn name_of(user: *mut c_void) -> *const c_char {
    // SAFETY: `user` is the `String` below.
    let name = unsafe { &*user.cast::<String>() };
    name.as_ptr().cast()
}

pub(crate) fn run() {
    let mut name = String::from("a name\0");
    // SAFETY: the string outlives the call. Nothing says so to whoever changes this line.
    unsafe { name_length(name_of, std::ptr::from_mut(&mut name).cast()) };
}
