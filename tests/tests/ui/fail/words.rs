// Words for what contracts say: an alignment that is none, what lends nothing, a text that is none.

use std::ffi::{c_char, c_int, c_void};

#[ffi_guard::guard]
unsafe extern "C" {
    fn three(#[guard(aligned = 3)] p: *const c_int);
    fn text(#[guard(aligned = "64")] p: *const c_int);
    fn variable(#[guard(aligned = n)] p: *const c_int, n: usize);
    fn nothing(#[guard(aligned)] p: *const c_int);
    fn number(#[guard(aligned = 8)] n: c_int);
    fn copied(#[guard(lends)] p: *mut *const c_void);
    #[guard(returns(text))]
    fn returned() -> *const c_char;
    #[guard(returns(at_most = 4))]
    fn no_number() -> *const c_char;
    #[guard(returns(null_when_empty))]
    fn of_what() -> *const c_char;
}

#[ffi_guard::guard]
unsafe extern "C" fn lends_bytes(#[guard(lends)] _p: *mut c_void) -> c_int {
    0
}

#[ffi_guard::guard]
unsafe extern "C" fn lends_twice(#[guard(lends, opaque)] _p: *mut *mut c_void) -> c_int {
    0
}

#[ffi_guard::guard(returns(cstr))]
unsafe extern "C" fn text_of_none() -> c_int {
    0
}

#[ffi_guard::guard(lends)]
unsafe extern "C" fn lends_none() -> c_int {
    0
}

#[ffi_guard::guard(returns(text))]
unsafe extern "C" fn unknown() -> *const c_char {
    std::ptr::null()
}

fn main() {}
