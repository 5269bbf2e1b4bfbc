//! The functions, under C's names.
//!
//! It is the set that glibc's manual asks of a replacement, so that no function of glibc's is left
//! that would take another allocator's block.

use std::ffi::{c_int, c_void};

use super::{ALIGN, allocate, allocate_zeroed, or_no_memory, resize, size_of_block, take_back};
use crate::platform::c_library;
use crate::platform::memory::PAGE;

/// Memory of `size` bytes.
///
/// # Safety
/// - None.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    allocate(size, ALIGN)
}

/// Memory of `count` times `size` bytes, all zero.
///
/// # Safety
/// - None.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        Some(bytes) => allocate_zeroed(bytes),
        None => or_no_memory(std::ptr::null_mut()),
    }
}

/// Makes a block larger or smaller, here or elsewhere.
///
/// # Safety
/// - `block` is null or a live block of this family.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller passes null or a live block of this family.
    unsafe { resize(block, size) }
}

/// Makes a block `count` times `size` bytes large, here or elsewhere.
///
/// # Safety
/// - `block` is null or a live block of this family.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn reallocarray(block: *mut c_void, count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: the caller passes null or a live block of this family.
        Some(bytes) => unsafe { resize(block, bytes) },
        None => or_no_memory(std::ptr::null_mut()),
    }
}

/// Gives a block back.
///
/// # Safety
/// - `block` is null or a live block of this family, and nothing uses it any more.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn free(block: *mut c_void) {
    // SAFETY: the caller passes null or a live block of this family that nothing uses any more.
    unsafe { take_back(block) };
}

/// Memory at a multiple of `align`, a power of two that is a multiple of a pointer's size.
///
/// # Safety
/// - The address may be written to `to`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn posix_memalign(to: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if !align.is_power_of_two() || !align.is_multiple_of(size_of::<usize>()) {
        return c_library::INVALID;
    }
    // Errors go into its result; `errno` stays.
    let _errno = crate::platform::process::Errno::keep();
    let block = allocate(size, align);
    if block.is_null() {
        return c_library::NO_MEMORY;
    }
    // SAFETY: the caller says that `to` may be written.
    unsafe { to.write(block) };
    0
}

/// Memory at a multiple of `align`. Like glibc's it takes any size, and rounds an `align` that is
/// no power of two up to one.
///
/// # Safety
/// - None.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    match align.checked_next_power_of_two() {
        Some(align) => allocate(size, align),
        None => or_no_memory(std::ptr::null_mut()),
    }
}

/// Memory at a multiple of `align`: [`memalign`] by C11's name.
///
/// # Safety
/// - None.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    // SAFETY: no precondition.
    unsafe { memalign(align, size) }
}

/// Memory at the start of a page.
///
/// # Safety
/// - None.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn valloc(size: usize) -> *mut c_void {
    allocate(size, PAGE)
}

/// Whole pages.
///
/// # Safety
/// - None.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pvalloc(size: usize) -> *mut c_void {
    match size.checked_next_multiple_of(PAGE) {
        Some(whole) => allocate(whole.max(PAGE), PAGE),
        None => or_no_memory(std::ptr::null_mut()),
    }
}

/// The usable bytes of a block: here, as many as were asked for.
///
/// # Safety
/// - `block` is null or a live block of this family.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    // SAFETY: the caller passes null or a live block of this family.
    unsafe { size_of_block("malloc_usable_size", block) }
}

/// Refers to the functions, so that no linker leaves them out of an executable that has this crate.
#[used]
static KEEP: [unsafe extern "C" fn(usize) -> *mut c_void; 3] = [malloc, valloc, pvalloc];
