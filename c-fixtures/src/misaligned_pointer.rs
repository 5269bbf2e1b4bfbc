//! C that reads words at their own alignment, and at any: `c/misaligned_pointer.c`.

use std::ffi::c_void;

#[ffi_guard::guard]
unsafe extern "C" {
    /// The sum of `count` words, read as words.
    #[link_name = "ffg_bad_sum_words"]
    pub fn bad_sum_words(#[guard(counted_by = count)] words: *const u64, count: usize) -> u64;

    /// The sum of `count` words at any alignment.
    #[link_name = "ffg_ok_sum_words"]
    pub fn ok_sum_words(#[guard(sized_by = count * 8)] bytes: *const c_void, count: usize) -> u64;
}
