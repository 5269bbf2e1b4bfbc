//! What a `malloc` of the guard's own needs of C's library.

use std::ffi::{CStr, c_int, c_void};

use crate::platform::unix::process::errno;

/// The error codes that `posix_memalign` returns.
pub(crate) const INVALID: c_int = libc::EINVAL;
pub(crate) const NO_MEMORY: c_int = libc::ENOMEM;

/// Says in `errno` that there is no memory.
pub(crate) fn set_errno_no_memory() {
    // SAFETY: the calling thread's own `errno`.
    unsafe { *errno() = NO_MEMORY };
}

/// Whether the C library has begun: before, the loader allocates, and there is no environment to
/// read.
pub(crate) fn has_environment() -> bool {
    unsafe extern "C" {
        static environ: *const *const std::ffi::c_char;
    }
    // SAFETY: the C library's variable; read as a value, while no other thread runs that could
    // write it.
    !unsafe { (&raw const environ).read() }.is_null()
}

/// The function of this name that comes behind this module in the loader's order; null for none.
pub(crate) fn next_function(name: &CStr) -> *mut c_void {
    // SAFETY: a C string.
    unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) }
}
