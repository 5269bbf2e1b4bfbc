//! The process, as far as Rust's standard library goes.

use std::ffi::CStr;
use std::io::Write as _;
use std::path::Path;

/// Reads nothing: the standard library would allocate, and the first reader is the allocator
/// itself.
pub(crate) fn env(_name: &CStr) -> Option<&'static [u8]> {
    None
}

pub(crate) fn write_stderr(bytes: &[u8]) {
    // If that fails there is nowhere left to say so.
    let _ = std::io::stderr().write_all(bytes);
}

pub(crate) fn append(path: &Path, bytes: &[u8], _patience: i32) -> std::io::Result<()> {
    std::fs::OpenOptions::new().append(true).create(true).open(path)?.write_all(bytes)
}

pub(crate) fn has_no_reader(_error: &std::io::Error) -> bool {
    false
}

pub(crate) fn signal_of(_status: std::process::ExitStatus) -> Option<i32> {
    None
}

pub(crate) fn exit_now(status: i32) -> ! {
    std::process::exit(status)
}

/// Keeps nothing: the address of C's `errno` is not known.
pub(crate) struct Errno;

impl Errno {
    pub(crate) fn keep() -> Errno {
        Errno
    }
}

pub(crate) fn thread_count() -> Option<usize> {
    None
}

pub(crate) fn close_stderr() {}

pub(crate) fn at_exit(_function: extern "C" fn()) {}
