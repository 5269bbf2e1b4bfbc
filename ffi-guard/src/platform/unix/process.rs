//! The process by POSIX's calls.

use std::ffi::CStr;

pub(crate) use super::write::{append, has_no_reader, write_stderr};
pub(crate) use crate::platform::other::process::thread_count;

/// The value of an environment variable, read where it lies.
///
/// `std::env::var_os` would allocate, and the first reader is the allocator itself.
pub(crate) fn env(name: &CStr) -> Option<&'static [u8]> {
    // SAFETY: `name` ends in a NUL. This is read once, and the caller copies it, before another
    // thread could call `setenv`: the first allocation of the process does so, before `main`.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: not null, so a string of the environment block, which ends in a NUL and is not freed.
    Some(unsafe { CStr::from_ptr(value) }.to_bytes())
}

/// The signal that ended a process.
pub(crate) fn signal_of(status: std::process::ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

/// Has everything that goes to standard error from here on lost.
pub(crate) fn close_stderr() {
    // SAFETY: a C string; the number of standard error is replaced or closed, as every process may.
    unsafe {
        let nowhere = libc::open(c"/dev/null".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if nowhere < 0 || libc::dup2(nowhere, libc::STDERR_FILENO) < 0 {
            libc::close(libc::STDERR_FILENO);
        }
    }
}

/// Ends the process at once, without destructors or exit handlers: it may be called inside an
/// allocation.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` has no precondition.
    unsafe { libc::_exit(status) }
}

/// The saved value of C's `errno`, which the guard's work must not change: a program reads it after
/// the guarded call has returned, and some set it to 0 before one.
pub(crate) struct Errno(i32);

impl Errno {
    /// Saves `errno`; dropping restores it.
    pub(crate) fn keep() -> Errno {
        // SAFETY: the calling thread's own `errno`.
        Errno(unsafe { *errno() })
    }
}

impl Drop for Errno {
    fn drop(&mut self) {
        // SAFETY: the calling thread's own `errno`; the guard does not leave its thread.
        unsafe { *errno() = self.0 };
    }
}

/// The address of the calling thread's `errno`.
pub(in crate::platform) fn errno() -> *mut i32 {
    #[cfg(any(target_os = "linux", target_os = "emscripten", target_os = "dragonfly", target_os = "hurd"))]
    // SAFETY: no precondition.
    unsafe {
        libc::__errno_location()
    }
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    // SAFETY: no precondition.
    unsafe {
        libc::__error()
    }
    #[cfg(any(target_os = "netbsd", target_os = "openbsd", target_os = "android"))]
    // SAFETY: no precondition.
    unsafe {
        libc::__errno()
    }
    #[cfg(any(target_os = "illumos", target_os = "solaris"))]
    // SAFETY: no precondition.
    unsafe {
        libc::___errno()
    }
}

/// Calls a function at the normal end of the process.
pub(crate) fn at_exit(function: extern "C" fn()) {
    // SAFETY: the function takes nothing and lives as long as the program. A full table (a non-zero
    // result) only loses the summary, which is not worth failing for.
    unsafe { libc::atexit(function) };
}
