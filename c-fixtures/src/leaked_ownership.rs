//! What is given to C, and what becomes of it: `c/leaked_ownership.c`.

use std::ffi::c_char;

#[ffi_guard::guard]
unsafe extern "C" {
    /// Reads `name`; declared as if C took it over, which it does not.
    #[link_name = "ffg_open_named"]
    pub fn bad_open_named(#[guard(cstr, owned)] name: *mut c_char) -> i32;
    /// Reads `name`.
    #[link_name = "ffg_open_lent"]
    pub fn ok_open_named(#[guard(cstr)] name: *const c_char) -> i32;

    /// Takes `value` for its own.
    #[link_name = "ffg_adopt"]
    pub fn adopt(#[guard(owned)] value: *mut i32);
    /// Gives back what [`adopt`] took; null for nothing.
    #[link_name = "ffg_release"]
    #[guard(returns(owned))]
    pub safe fn release() -> *mut i32;
}

/// The same for those who want an error in place of a warning.
pub mod denied {
    use std::ffi::c_char;

    #[ffi_guard::guard]
    unsafe extern "C" {
        /// As [`bad_open_named`](super::bad_open_named).
        #[link_name = "ffg_open_named"]
        #[guard(deny(leaked_ownership))]
        pub fn bad_open_named(#[guard(cstr, owned)] name: *mut c_char) -> i32;
    }
}
