// A misspelt attribute: the nearest one is named, and the function is still there for its callers.

use std::ffi::c_int;

#[ffi_guard::guard]
unsafe extern "C" {
    fn first(#[guard(conted_by = n)] p: *const u8, n: usize) -> c_int;
    fn second(#[guard(banana)] p: *const u8) -> c_int;
    #[guard(sip)]
    fn third(p: *const u8) -> c_int;
}

#[ffi_guard::guard(keepabi)]
unsafe extern "C" {
    fn fourth();
}

fn main() {
    unsafe {
        first(std::ptr::null(), 0);
        second(std::ptr::null());
        third(std::ptr::null());
        fourth();
    }
}
