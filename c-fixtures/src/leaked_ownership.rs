//! C that is given memory, and what it does with it: `c/leaked_ownership.c`.

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

    /// Reads what C was given before.
    #[link_name = "ffg_use_adopted"]
    pub fn use_adopted(#[guard(retained)] value: *const i32) -> i32;
    /// Gives back what [`denied::adopt_holder`] took.
    #[link_name = "ffg_release_holder"]
    #[guard(returns(owned))]
    pub safe fn release_holder() -> *mut Holder;
}

/// A struct with another block hanging on it.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Holder {
    /// The other block.
    pub inner: *mut i32,
}

/// The callback in the middle of a call.
pub type InTheMiddle = Option<unsafe extern "C" fn()>;

/// Declarations under which the rule is an error instead of a warning.
pub mod denied {
    use std::ffi::c_char;

    use super::{Holder, InTheMiddle};

    #[ffi_guard::guard]
    unsafe extern "C" {
        /// Takes `value`, and calls back in the middle.
        #[link_name = "ffg_adopt_and_call"]
        #[guard(deny(leaked_ownership))]
        pub fn adopt_and_call(#[guard(owned)] value: *mut i32, call: InTheMiddle);
        /// Takes `holder` and what it leads to.
        #[link_name = "ffg_adopt_holder"]
        #[guard(deny(leaked_ownership), allow(nested_pointer))]
        pub fn adopt_holder(#[guard(owned)] holder: *mut Holder);
        /// Reads `name`; declared as in [`bad_open_named`](super::bad_open_named).
        #[link_name = "ffg_open_named"]
        #[guard(deny(leaked_ownership))]
        pub fn bad_open_named(#[guard(cstr, owned)] name: *mut c_char) -> i32;
    }
}
