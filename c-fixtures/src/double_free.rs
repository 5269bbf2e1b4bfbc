//! C that gives a block back once, or twice: `c/double_free.c`.

#[ffi_guard::guard]
unsafe extern "C" {
    /// Holds `value` for its owner.
    #[link_name = "ffg_hold"]
    pub fn hold(#[guard(owned)] value: *mut i32);
    /// Gives the value back each time it is asked.
    #[link_name = "ffg_bad_yield_up"]
    #[guard(returns(owned))]
    pub safe fn bad_yield_up() -> *mut i32;
    /// Gives the value back once; then null.
    #[link_name = "ffg_ok_yield_up"]
    #[guard(returns(owned))]
    pub safe fn ok_yield_up() -> *mut i32;
}
