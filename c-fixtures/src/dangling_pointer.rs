//! Strings that must still be alive: `c/dangling_pointer.c`.

use std::ffi::c_char;

#[ffi_guard::guard]
unsafe extern "C" {
    /// `strlen`.
    #[link_name = "ffg_bad_name_length"]
    pub fn bad_name_length(name: *const c_char) -> usize;

    /// `strlen`; null counts as empty.
    #[link_name = "ffg_ok_name_length"]
    pub fn ok_name_length(#[guard(cstr)] name: *const c_char) -> usize;
}
