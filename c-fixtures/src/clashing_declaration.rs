//! Functions that tests declare again: `c/clashing_declaration.c`.

use std::ffi::{c_int, c_long, c_void};

#[ffi_guard::guard]
unsafe extern "C" {
    /// The sum. Whoever declares it again has `cents` of 4 bytes.
    #[link_name = "ffg_bad_deposit"]
    pub fn bad_deposit(balance: i64, cents: i64) -> i64;

    /// The sum. Whoever declares it again does so with the same bytes.
    #[link_name = "ffg_ok_deposit"]
    pub fn ok_deposit(balance: c_long, cents: c_long) -> c_long;

    /// The first of some bytes.
    #[link_name = "ffg_ok_peek"]
    pub fn ok_peek(bytes: *const c_void) -> c_int;
}
