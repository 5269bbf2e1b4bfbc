//! Callbacks that hand C a string: `c/returned_pointer.c`.

use std::ffi::{CStr, c_char, c_void};

/// A callback that C asks for a name.
pub type NameOf = unsafe extern "C" fn(user: *mut c_void) -> *const c_char;

#[ffi_guard::guard]
unsafe extern "C" {
    /// Asks for the name and measures it.
    #[link_name = "ffg_name_length"]
    pub fn name_length(name_of: NameOf, #[guard(opaque)] user: *mut c_void) -> usize;
    /// Asks for the name, measures it and frees it.
    #[link_name = "ffg_take_name"]
    pub fn take_name(name_of: NameOf, #[guard(opaque)] user: *mut c_void) -> usize;
}

/// Hands out the bytes of a string that Rust may drop at any time.
///
/// # Safety
///
/// - `user` is a `String` that ends in a NUL.
#[ffi_guard::guard]
pub unsafe extern "C" fn bad_name_of(user: *mut c_void) -> *const c_char {
    // SAFETY: as promised by the caller.
    unsafe { &*user.cast::<String>() }.as_ptr().cast()
}

/// Hands out a literal, which lives for ever.
///
/// # Safety
///
/// - None: it reads nothing.
#[ffi_guard::guard]
pub unsafe extern "C" fn ok_name_of(_user: *mut c_void) -> *const c_char {
    c"for ever".as_ptr()
}

/// Hands out the string of [`bad_name_of`], and declares that its owner lives until C is done.
///
/// # Safety
///
/// - `user` is a `String` that ends in a NUL.
#[ffi_guard::guard(returns(retained))]
pub unsafe extern "C" fn kept_name_of(user: *mut c_void) -> *const c_char {
    // SAFETY: as promised by the caller.
    unsafe { &*user.cast::<String>() }.as_ptr().cast()
}

/// Hands out a copy that is C's to free.
///
/// # Safety
///
/// - `user` is a `String` that ends in a NUL.
#[ffi_guard::guard]
pub unsafe extern "C" fn copied_name_of(user: *mut c_void) -> *const c_char {
    // SAFETY: as promised by the caller.
    let name = unsafe { &*user.cast::<String>() };
    let name = CStr::from_bytes_until_nul(name.as_bytes()).unwrap_or_default();
    // SAFETY: C memory, which `take_name` frees.
    let copy = unsafe { strdup(name.as_ptr()) };
    copy.cast_const()
}

unsafe extern "C" {
    fn strdup(text: *const c_char) -> *mut c_char;
}
