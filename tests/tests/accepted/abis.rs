//! The ABIs that every target knows; a C name that needs its quotes; a block that links.
#![allow(clashing_extern_declarations)]

use std::ffi::c_int;

#[ffi_guard::guard]
#[link(name = "c")]
unsafe extern "C" {}

#[ffi_guard::guard]
unsafe extern "system" {
    #[link_name = "abs"]
    safe fn system(n: c_int) -> c_int;
}

#[ffi_guard::guard]
unsafe extern "system-unwind" {
    #[link_name = "abs"]
    safe fn system_unwind(n: c_int) -> c_int;
}

#[ffi_guard::guard]
unsafe extern "C-unwind" {
    #[link_name = "\u{1}abs"]
    safe fn bindgen_name(n: c_int) -> c_int;
}

#[ffi_guard::guard(keep_abi)]
#[cfg(all(windows, target_arch = "x86"))]
unsafe extern "stdcall" {
    fn on_windows(n: c_int) -> c_int;
}

fn main() {
    assert_eq!(system(-1) + system_unwind(-1) + bindgen_name(-1), 3);
}
