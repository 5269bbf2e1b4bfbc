//! Reading memory through the kernel.

use std::ffi::c_void;
use std::ptr;

pub(crate) use crate::platform::other::read::{len_with_nul, nul};

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetCurrentProcess() -> *mut c_void;
    fn ReadProcessMemory(
        process: *mut c_void,
        from: *const c_void,
        into: *mut c_void,
        len: usize,
        read: *mut usize,
    ) -> i32;
}

/// Copies bytes from an address that may not be mapped; `None` if they cannot all be read. The
/// kernel does the copy, so a bad address is an error instead of a fault.
pub(crate) fn read(address: usize, into: &mut [u8]) -> Option<()> {
    let from = ptr::with_exposed_provenance(address);
    let mut read = 0;
    // SAFETY: the handle stands for the process itself; `into` is a live, exclusive slice; `from`
    // is only read, by the kernel, which checks it.
    let done = unsafe {
        ReadProcessMemory(GetCurrentProcess(), from, into.as_mut_ptr().cast(), into.len(), &raw mut read) != 0
    };
    (done && read == into.len()).then_some(())
}
