// `c_void` has no size to count by.

use std::ffi::c_void;

#[ffi_guard::guard]
unsafe extern "C" {
    fn f(#[guard(counted_by = n)] p: *const c_void, n: usize);
    fn g(#[guard(counted_by = n)] p: *mut std::ffi::c_void, n: usize);
}

fn main() {}
