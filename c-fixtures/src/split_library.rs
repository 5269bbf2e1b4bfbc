//! A library of version 2, declared as version 3 and as it is: `c/split_library.c`.

use std::ffi::c_int;

/// The version of the header from which the declarations were made.
pub const METER_VERSION: c_int = 3;

#[ffi_guard::guard(version = "bad_meter_version() == METER_VERSION")]
unsafe extern "C" {
    /// The library's version.
    #[link_name = "ffg_bad_meter_version"]
    pub safe fn bad_meter_version() -> c_int;

    /// Adds to the total, and returns it.
    #[link_name = "ffg_bad_meter_add"]
    pub safe fn bad_meter_add(by: c_int) -> c_int;
}

#[ffi_guard::guard(version = "ok_meter_version() >= 2")]
unsafe extern "C" {
    /// The library's version.
    #[link_name = "ffg_ok_meter_version"]
    pub safe fn ok_meter_version() -> c_int;

    /// Adds to the total, and returns it.
    #[link_name = "ffg_ok_meter_add"]
    pub safe fn ok_meter_add(by: c_int) -> c_int;
}
