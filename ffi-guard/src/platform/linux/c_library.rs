//! Parts of C's library that a `malloc` of the guard's own needs.

use std::ffi::{CStr, c_int, c_void};

use crate::platform::unix::process::errno;

/// The error codes that `posix_memalign` returns.
pub(crate) const INVALID: c_int = libc::EINVAL;
pub(crate) const NO_MEMORY: c_int = libc::ENOMEM;

/// Sets `errno` to say that there is no memory.
pub(crate) fn set_errno_no_memory() {
    // SAFETY: the calling thread's own `errno`.
    unsafe { *errno() = NO_MEMORY };
}

/// True once the C library has begun: before that, the loader allocates, and there is no
/// environment to read.
pub(crate) fn has_environment() -> bool {
    unsafe extern "C" {
        static environ: *const *const std::ffi::c_char;
    }
    // SAFETY: the C library's variable, read as a value, while no other thread runs that could
    // write it.
    !unsafe { (&raw const environ).read() }.is_null()
}

/// The function of this name that comes after this module's in the loader's order; null if there is
/// none.
pub(crate) fn next_function(name: &CStr) -> *mut c_void {
    // SAFETY: a C string.
    unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) }
}
