//! cgocheck's own cases, in Rust: every shape in which a pointer can hide in an argument, and the
//! neighbours of each that must stay silent.
//!
//! The names follow cgo's `testerrors/ptr_test.go`; where Rust has a shape that Go has not (unions,
//! structs by value, opaque pointers) it stands with its kin.

// A `Vec` lies on the heap and an array does not, and where a block lies is what this is about.
#![allow(clippy::useless_vec)]

mod c_memory;
mod extents;
mod integers;
mod structs;
mod values;

use std::ffi::c_void;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// A pointer to the value in the box, for C.
fn to<T>(value: &T) -> *const T {
    std::ptr::from_ref(value)
}

/// A `void` pointer to the value in the box, for C.
fn void<T: ?Sized>(value: &T) -> *const c_void {
    std::ptr::from_ref(value).cast()
}
