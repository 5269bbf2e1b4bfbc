//! The process by functions of the kernel library and of C's.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

pub(crate) use crate::platform::other::process::{append, close_stderr, has_no_reader, signal_of, thread_count};

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetCurrentProcess() -> *mut c_void;
    fn GetStdHandle(which: u32) -> *mut c_void;
    fn WriteFile(file: *mut c_void, from: *const c_void, len: u32, written: *mut u32, over: *mut c_void) -> i32;
    fn TerminateProcess(process: *mut c_void, status: u32) -> i32;
    fn GetLastError() -> u32;
    fn SetLastError(error: u32);
}

unsafe extern "C" {
    fn getenv(name: *const c_char) -> *const c_char;
    fn atexit(function: extern "C" fn()) -> c_int;
    fn _errno() -> *mut c_int;
}

const STD_ERROR_HANDLE: u32 = -12_i32 as u32;

/// The value of an environment variable, read where C's library has it: nothing is allocated, and
/// the first reader is the allocator itself.
pub(crate) fn env(name: &CStr) -> Option<&'static [u8]> {
    // SAFETY: `name` ends in a NUL. This is read once, and the caller copies it, before another
    // thread could call `_putenv`: the first allocation of the process does so, before `main`.
    let value = unsafe { getenv(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: not null, so a string of the environment block, which ends in a NUL and is not freed.
    Some(unsafe { CStr::from_ptr(value) }.to_bytes())
}

/// Writes to standard error without a lock or a buffer. If that fails there is nowhere left to say
/// so.
pub(crate) fn write_stderr(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut written = 0;
        // SAFETY: a live buffer and its length, and a live place for the number.
        let done = unsafe {
            let file = GetStdHandle(STD_ERROR_HANDLE);
            WriteFile(file, bytes.as_ptr().cast(), len, &raw mut written, ptr::null_mut()) != 0
        };
        match bytes.get(written as usize..) {
            Some(rest) if done && written != 0 => bytes = rest,
            _ => return,
        }
    }
}

/// Ends the process at once, without destructors or exit handlers: it may be called inside an
/// allocation.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: the handle stands for the process itself.
    unsafe { TerminateProcess(GetCurrentProcess(), status as u32) };
    std::process::abort()
}

/// The saved values of C's `errno` and of the system's last error, which the guard's work must not
/// change: a program reads them after the guarded call has returned.
pub(crate) struct Errno {
    c: c_int,
    system: u32,
}

impl Errno {
    /// Saves both; dropping restores them.
    pub(crate) fn keep() -> Errno {
        // SAFETY: the calling thread's own values.
        unsafe { Errno { system: GetLastError(), c: *_errno() } }
    }
}

impl Drop for Errno {
    fn drop(&mut self) {
        // SAFETY: the calling thread's own values; the guard does not leave its thread.
        unsafe {
            *_errno() = self.c;
            SetLastError(self.system);
        }
    }
}

/// Calls a function at the normal end of the process.
pub(crate) fn at_exit(function: extern "C" fn()) {
    // SAFETY: the function takes nothing and lives as long as the program. A full table (a non-zero
    // result) only loses the summary, which is not worth failing for.
    unsafe { atexit(function) };
}
