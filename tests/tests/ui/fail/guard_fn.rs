// `guard_fn!` takes one function with a pointer, or a type without one.

use std::ffi::{c_char, c_int};

ffi_guard::guard_fn!(pub type Unary = unsafe extern "C" fn unary(n: c_int) -> c_int = 5);
ffi_guard::guard_fn!(pub type Bare = unsafe extern "C" fn bare(#[guard(cstrr)] text: *const c_char));

unsafe extern "C" fn one(n: c_int) -> c_int {
    n
}

fn main() {
    let _ = ffi_guard::guard_fn!(unsafe extern "C" fn one(n: c_int) -> c_int);
    let _ = ffi_guard::guard_fn!(fn one(n: c_int) -> c_int = one);
    let _ = ffi_guard::guard_fn!(unsafe extern "C" fn one(n: c_int, ...) -> c_int = one);
    let _ = ffi_guard::guard_fn!(#[guard(skip)] unsafe extern "C" fn one(n: c_int) -> c_int = one);
    let _ = ffi_guard::guard_fn!(unsafe extern "C" fn one(n: *const c_char) -> c_int = one);
    let _ = ffi_guard::guard_fn!(extern "C" fn one(n: c_int) -> c_int = one);
    let call = ffi_guard::guard_fn!(unsafe extern "C" fn one(n: c_int) -> c_int = one);
    call.call(1);
}
