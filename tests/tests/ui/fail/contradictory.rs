// Attributes that contradict each other.

use std::ffi::{c_char, c_void};

#[ffi_guard::guard]
unsafe extern "C" {
    fn two_extents(#[guard(counted_by = n, sized_by = n)] p: *const u8, n: usize);
    fn counted_string(#[guard(cstr, counted_by = n)] p: *const c_char, n: usize);
    fn sized_string(#[guard(sized_by = n)] #[guard(cstr)] p: *const c_char, n: usize);
    fn out_string(#[guard(cstr, out)] p: *mut c_char);
    fn owned_and_retained(#[guard(owned, retained)] p: *mut c_void);
    fn kept_copy(#[guard(copied, retained)] p: *mut c_char);
    fn owned_copy(#[guard(copied, owned)] p: *mut c_char);
}

fn main() {}
