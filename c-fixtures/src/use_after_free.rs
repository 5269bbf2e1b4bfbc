//! C that writes to memory that Rust has freed: `c/use_after_free.c`.

use std::ffi::{c_char, c_ulong};

#[ffi_guard::guard]
unsafe extern "C" {
    /// Keeps the buffer, which the declaration allows without saying so.
    #[link_name = "ffg_set_log"]
    #[guard(allow(retained_pointer))]
    pub fn bad_set_log(#[guard(counted_by = length)] buffer: *mut c_char, length: c_ulong);
    /// Writes to the buffer that was kept, if there is one.
    #[link_name = "ffg_log_letter"]
    pub safe fn log_letter(letter: c_char, at: c_ulong);
}
