//! One guarded call and the same call bare, and a callback of each kind: `tests/machine_code.rs`
//! compares their machine code.
//!
//! The callers are Rust functions: in an `extern "C"` one a violation could not unwind, and the
//! compiler would add a landing pad to the comparison.

use std::ffi::{c_char, c_int, c_void};

#[ffi_guard::guard]
unsafe extern "C" {
    /// C's own.
    pub fn strlen(#[guard(cstr, nonnull)] string: *const c_char) -> usize;
    /// C's own.
    pub fn memcmp(#[guard(sized_by = n)] a: *const c_void, #[guard(sized_by = n)] b: *const c_void, n: usize) -> c_int;
}

mod bare {
    use super::{c_char, c_int, c_void};
    unsafe extern "C" {
        pub(super) fn strlen(string: *const c_char) -> usize;
        pub(super) fn memcmp(a: *const c_void, b: *const c_void, n: usize) -> c_int;
    }
}

/// The guarded call.
///
/// # Safety
/// - As for `strlen`.
#[unsafe(no_mangle)]
pub unsafe fn probe_strlen_guarded(string: *const c_char) -> usize {
    // SAFETY: as promised by the caller.
    unsafe { strlen(string) }
}

/// The bare call.
///
/// # Safety
/// - As for `strlen`.
#[unsafe(no_mangle)]
pub unsafe fn probe_strlen_bare(string: *const c_char) -> usize {
    // SAFETY: as promised by the caller.
    unsafe { bare::strlen(string) }
}

/// The guarded call, amid other work.
///
/// # Safety
/// - As for `memcmp`.
#[unsafe(no_mangle)]
pub unsafe fn probe_memcmp_guarded(a: *const c_void, b: *const c_void, n: usize) -> bool {
    // SAFETY: as promised by the caller.
    n > 7 && unsafe { memcmp(a, b, n - 7) } == 0
}

/// The bare call, amid other work.
///
/// # Safety
/// - As for `memcmp`.
#[unsafe(no_mangle)]
pub unsafe fn probe_memcmp_bare(a: *const c_void, b: *const c_void, n: usize) -> bool {
    // SAFETY: as promised by the caller.
    n > 7 && unsafe { bare::memcmp(a, b, n - 7) } == 0
}

/// The guarded callback.
///
/// # Safety
/// - `user` is a number.
#[ffi_guard::guard(on_panic = -1)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn probe_callback_guarded(#[guard(opaque, nonnull)] user: *mut c_int, mut n: c_int) -> c_int {
    n += 7;
    // SAFETY: as promised by the caller.
    unsafe { *user += n };
    n
}

/// The bare callback.
///
/// # Safety
/// - `user` is a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn probe_callback_bare(user: *mut c_int, mut n: c_int) -> c_int {
    n += 7;
    // SAFETY: as promised by the caller.
    unsafe { *user += n };
    n
}
