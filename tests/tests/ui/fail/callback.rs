// Callbacks come later.

use std::ffi::{c_int, c_void};

#[ffi_guard::guard]
pub(crate) unsafe extern "C" fn row(#[guard(opaque)] user: *mut c_void, n: c_int) -> c_int {
    let _ = user;
    n
}

fn main() {
    unsafe { row(std::ptr::null_mut(), 1) };
}
