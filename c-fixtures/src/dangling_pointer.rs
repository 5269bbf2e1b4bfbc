//! Strings that must still be alive: `c/dangling_pointer.c`.

use std::ffi::{c_char, c_long};

/// A label whose text lies elsewhere.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Label {
    /// The most letters that are shown.
    pub width: c_long,
    /// NUL-terminated; may be null.
    pub text: *const c_char,
}

#[ffi_guard::guard]
unsafe extern "C" {
    /// The number of letters of the label that are shown; reads the text that the struct points to.
    #[link_name = "ffg_bad_label_length"]
    pub fn bad_label_length(label: *const Label) -> usize;

    /// `strlen`; null counts as empty.
    #[link_name = "ffg_ok_name_length"]
    pub fn ok_name_length(#[guard(cstr)] name: *const c_char) -> usize;
}
