//! A function of C's that is declared with a number too short, and as it is: `c/abi_mismatch.c`.

use std::ffi::c_int;

#[ffi_guard::guard(allow(clashing_declaration))]
#[allow(clashing_extern_declarations)]
unsafe extern "C" {
    /// The product; C takes a `value` of 8 bytes.
    #[link_name = "ffg_bad_scale"]
    pub fn bad_scale(value: i32, by: c_int) -> i64;

    /// The product, as C has it.
    #[link_name = "ffg_bad_scale"]
    pub fn ok_scale(value: i64, by: c_int) -> i64;
}
