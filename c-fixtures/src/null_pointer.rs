//! Arguments that must not be null, and one that may: `c/null_pointer.c`.

#[ffi_guard::guard]
unsafe extern "C" {
    /// The first of the values; C does not ask whether there are any.
    #[link_name = "ffg_bad_first"]
    pub fn bad_first(#[guard(nonnull)] values: *const i32) -> i32;

    /// The first of the values, or `otherwise` for null.
    #[link_name = "ffg_ok_first"]
    pub fn ok_first(values: *const i32, otherwise: i32) -> i32;
}
