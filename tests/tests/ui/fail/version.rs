//! `version` is a condition on the library, and stands on a block that declares functions.

use std::ffi::c_int;

#[ffi_guard::guard(version = 3)]
unsafe extern "C" {
    fn one() -> c_int;
}

#[ffi_guard::guard(version)]
unsafe extern "C" {
    fn two() -> c_int;
}

#[ffi_guard::guard(version = "three( == 3")]
unsafe extern "C" {
    fn three() -> c_int;
}

#[ffi_guard::guard]
unsafe extern "C" {
    #[guard(version = "four() == 3")]
    fn four() -> c_int;
}

#[ffi_guard::guard(version = "true")]
unsafe extern "C" {
    static five: c_int;
}

#[ffi_guard::guard(version = "six()")]
unsafe extern "C" {
    fn six() -> c_int;
}

fn main() {}
