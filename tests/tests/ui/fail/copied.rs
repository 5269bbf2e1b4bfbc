// Copies of what cannot be copied.

use std::ffi::{c_char, c_int, c_void};

#[ffi_guard::guard]
unsafe extern "C" {
    fn of_void(#[guard(copied)] p: *mut c_void, n: usize);
    fn of_a_function(#[guard(copied)] back: Option<extern "C" fn(c_int)>);
    fn of_a_number(#[guard(copied)] n: c_int);
    fn user_data(#[guard(copied, opaque)] user: *mut c_void);
    fn of_cs_object(#[guard(thread_bound, copied)] object: *mut c_char);
    fn for_ever(#[guard(copied, cstr)] message: *const c_char) -> !;
}

fn main() {}
