//! C's own memory: `calloc`, `free`, and `posix_memalign` for a larger alignment.

use std::alloc::Layout;
use std::ffi::c_void;
use std::ptr::NonNull;

/// The alignment of every C block.
const C_ALIGN: usize = align_of::<libc::max_align_t>();

/// A zeroed C block of at least one byte; `None` if C has no memory left.
pub(crate) fn zeroed(layout: Layout) -> Option<NonNull<c_void>> {
    let size = layout.size().max(1);
    if layout.align() <= C_ALIGN {
        // SAFETY: any size may be asked for.
        return NonNull::new(unsafe { libc::calloc(1, size) });
    }
    let mut block = std::ptr::null_mut();
    // SAFETY: the alignment is a power of two and, here, at least that of a pointer; the place is a
    // live local.
    if unsafe { libc::posix_memalign(&raw mut block, layout.align(), size) } != 0 {
        return None;
    }
    let block = NonNull::new(block)?;
    // SAFETY: the block has `size` bytes.
    unsafe { block.cast::<u8>().write_bytes(0, size) };
    Some(block)
}

/// Gives a block back to C.
///
/// # Safety
/// - `block` is null, or C's `malloc` family gave it and nothing uses it any more.
pub(crate) unsafe fn free(block: *mut c_void) {
    // SAFETY: the caller passes null or a block of C's `malloc` family that nothing uses any more.
    unsafe { libc::free(block) };
}
