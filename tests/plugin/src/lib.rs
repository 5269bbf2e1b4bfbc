//! A plugin: a shared object that has the allocator of its own, guarded calls, and blocks that
//! outlive its closing.

use std::ffi::{CString, c_char};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[ffi_guard::guard]
unsafe extern "C" {
    fn strlen(#[guard(cstr)] text: *const c_char) -> usize;
}

/// Allocates, calls C, and frees. Returns `n`.
#[unsafe(no_mangle)]
pub extern "C" fn ffi_guard_plugin_work(n: usize) -> usize {
    let text = CString::new("x".repeat(n)).unwrap_or_default();
    // SAFETY: a string that ends in a NUL.
    unsafe { strlen(text.as_ptr()) }
}

/// A block with this number in it, for [`ffi_guard_plugin_take`].
#[unsafe(no_mangle)]
pub extern "C" fn ffi_guard_plugin_give(n: usize) -> *mut usize {
    Box::into_raw(Box::new(n))
}

/// Frees the block, and returns the number in it.
///
/// # Safety
/// - It came from [`ffi_guard_plugin_give`], and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ffi_guard_plugin_take(block: *mut usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { *Box::from_raw(block) }
}

/// The number of functions on the list of this module that are of the plugin, or of anything else.
#[unsafe(no_mangle)]
pub extern "C" fn ffi_guard_plugin_listed(own: bool) -> usize {
    let all = ffi_guard::functions();
    all.iter().filter(|function| (function.crate_name() == "ffi_guard_plugin") == own).count()
}
