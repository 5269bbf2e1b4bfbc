// A condition on the result: of nothing, of something else, of no `out` parameter.

use std::ffi::{c_int, c_void};

#[ffi_guard::guard]
unsafe extern "C" {
    #[guard(ok = result == 0)]
    fn nothing(#[guard(out)] to: *mut c_int);
    #[guard(ok = n == 0)]
    fn other(n: c_int, #[guard(out)] to: *mut c_int) -> c_int;
    #[guard(ok = result == 0)]
    fn no_out(to: *mut c_int) -> c_int;
    #[guard(ok)]
    fn no_value(#[guard(out)] to: *mut c_int) -> c_int;
    fn place(#[guard(ok = result == 0)] to: *mut c_int) -> c_int;
    #[guard(ok = result == 0)]
    fn variadic(#[guard(out)] to: *mut c_int, ...) -> c_int;
}

#[ffi_guard::guard(ok = result == 0)]
unsafe extern "C" fn callback(_: *mut c_void) -> c_int {
    0
}

#[ffi_guard::guard]
unsafe extern "C" {
    #[guard(ok = result)]
    fn no_condition(#[guard(out)] to: *mut c_int) -> c_int;
}

fn main() {}
