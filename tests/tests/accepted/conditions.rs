//! A crate whose ffi-guard is optional writes its attributes under `cfg_attr`; a parameter may
//! depend on the target.

use std::ffi::{c_char, c_int};

#[cfg_attr(all(), ffi_guard::guard)]
#[cfg_attr(any(), link(name = "not_there"))]
unsafe extern "C" {
    fn strlen(#[cfg_attr(all(), guard(cstr))] s: *const c_char) -> usize;
    #[cfg_attr(unix, link_name = "abs")]
    #[cfg_attr(all(), doc = "Documented.", guard(allow(double_free)), must_use)]
    safe fn absolute(#[cfg(any())] not_there: Missing, n: c_int) -> c_int;
    #[cfg_attr(any(), guard(skip))]
    #[cfg_attr(all(), cfg(all()))]
    safe fn labs(
        #[cfg(not(any()))] n: std::ffi::c_long,
        #[cfg_attr(all(), cfg(any()))] missing: Missing,
    ) -> std::ffi::c_long;
    #[cfg_attr(any(), link_name = "not_there")]
    safe fn toupper(c: c_int) -> c_int;
    #[cfg(any())]
    fn only_elsewhere(x: Missing);
    #[cfg_attr(all(), guard(skip))]
    safe fn tolower(c: c_int) -> c_int;
}

#[cfg_attr(any(), ffi_guard::guard)]
unsafe extern "C" {
    fn strnlen(#[cfg_attr(any(), guard(counted_by = n))] s: *const c_char, n: usize) -> usize;
}

fn main() {
    // SAFETY: texts that live for ever.
    assert_eq!(unsafe { strlen(c"four".as_ptr()) + strnlen(c"four".as_ptr(), 3) }, 7);
    assert_eq!(absolute(-3), 3);
    assert_eq!(labs(-3), 3);
    assert_eq!(toupper(97), 65);
    assert_eq!(tolower(65), 97);
}
