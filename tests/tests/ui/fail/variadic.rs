// A variadic function passes bare: nothing can be said of its parameters.

use std::ffi::{c_char, c_int};

#[ffi_guard::guard]
unsafe extern "C" {
    fn printf(#[guard(cstr)] format: *const c_char, ...) -> c_int;
    #[guard(deny(double_free))]
    fn scanf(format: *const c_char, ...) -> c_int;
}

fn main() {
    unsafe { printf(c"".as_ptr()) };
}
