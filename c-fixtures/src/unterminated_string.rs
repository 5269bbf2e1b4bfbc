//! Strings with and without an end: `c/unterminated_string.c`.

use std::ffi::c_char;

#[ffi_guard::guard]
unsafe extern "C" {
    /// Spaces up to the first NUL; null counts as empty.
    #[link_name = "ffg_bad_count_spaces"]
    pub fn bad_count_spaces(#[guard(cstr)] text: *const c_char) -> usize;

    /// Spaces among `length` letters.
    #[link_name = "ffg_ok_count_spaces"]
    pub fn ok_count_spaces(#[guard(counted_by = length)] text: *const c_char, length: usize) -> usize;
}
