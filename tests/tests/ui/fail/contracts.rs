// Contracts: a library that there are none of, a function that another contract is of, and words
// that say how long C keeps what it gets, said wrongly.

use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

#[ffi_guard::guard(contracts = "sqlite")]
unsafe extern "C" {}

#[ffi_guard::guard(contracts = "zlib, banana")]
unsafe extern "C" {}

#[ffi_guard::guard(contracts = zlib)]
unsafe extern "C" {}

#[ffi_guard::guard(contracts = "zlib")]
unsafe extern "C" {
    fn crc32(crc: c_ulong, buffer: *const u8) -> c_ulong;
    fn adler32(adler: c_ulong, buffer: *const c_uint, length: *const c_uint) -> c_ulong;
}

#[ffi_guard::guard]
unsafe extern "C" {
    fn first(#[guard(held_by = handle)] text: *const c_char, handle: *mut c_void);
    fn second(#[guard(retained, held_by = hanlde)] text: *const c_char, handle: *mut c_void);
    fn third(#[guard(retained_unless = free)] text: *const c_char, free: Option<extern "C" fn()>);
    fn fourth(#[guard(retained_unless = (free == 1000))] text: *const c_char, free: Option<extern "C" fn()>);
    fn fifth(#[guard(text_by = n, cstr)] text: *const c_char, n: c_int);
    fn sixth(#[guard(remembered, retained)] text: *const c_char);
    fn seventh(#[guard(stale)] text: *const c_char);
    fn eighth(#[guard(lets_go)] handle: c_int);
}

fn main() {}
