//! C's own memory by the functions that every C library has.

use std::alloc::Layout;
use std::ffi::c_void;
use std::ptr::NonNull;

unsafe extern "C" {
    fn calloc(count: usize, size: usize) -> *mut c_void;
    #[link_name = "free"]
    fn c_free(block: *mut c_void);
}

/// A zeroed C block of at least one byte; `None` if C has no memory left, or would have to align it
/// to more than a pointer.
pub(crate) fn zeroed(layout: Layout) -> Option<NonNull<c_void>> {
    let size = layout.size().max(1);
    // SAFETY: any size may be asked for.
    (layout.align() <= align_of::<*const ()>()).then(|| NonNull::new(unsafe { calloc(1, size) })).flatten()
}

/// Gives a block back to C.
///
/// # Safety
/// - `block` is null, or C's `malloc` family gave it and nothing uses it any more.
pub(crate) unsafe fn free(block: *mut c_void) {
    // SAFETY: the caller passes null or a block of C's `malloc` family that nothing uses any more.
    unsafe { c_free(block) };
}
