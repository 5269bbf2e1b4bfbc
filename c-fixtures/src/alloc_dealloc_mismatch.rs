//! C that allocates for Rust to free, and that frees Rust's memory: `c/alloc_dealloc_mismatch.c`.

use std::ffi::{c_char, c_void};

#[ffi_guard::guard]
unsafe extern "C" {
    /// A text in memory of C's `malloc`, for the caller to free with C's `free`.
    #[link_name = "ffg_greeting"]
    pub safe fn greeting() -> *mut c_char;
    /// `count` numbers in memory of C's `malloc`.
    #[link_name = "ffg_numbers"]
    pub safe fn numbers(count: usize) -> *mut i32;

    /// Reads `value` and calls C's `free` on it.
    #[link_name = "ffg_done_with"]
    pub fn bad_done_with(#[guard(owned)] value: *mut i32) -> i32;
    /// Reads `value` and calls `destroy` to free it.
    #[link_name = "ffg_done_by"]
    pub fn ok_done_with(#[guard(owned)] value: *mut i32, destroy: Destroy) -> i32;

    /// C's `free`.
    #[link_name = "ffg_free_it"]
    pub fn free_it(#[guard(opaque)] block: *mut c_void);
    /// C's `realloc`.
    #[link_name = "ffg_resize_it"]
    pub fn resize_it(#[guard(opaque)] block: *mut c_void, size: usize) -> *mut c_void;
    /// C's `malloc_usable_size`.
    #[link_name = "ffg_size_of_it"]
    pub fn size_of_it(#[guard(opaque)] block: *mut c_void) -> usize;
}

/// A function that frees a value when C is done with it.
pub type Destroy = unsafe extern "C" fn(*mut i32);
