//! Guarded blocks in edition 2021, where `extern "C" { .. }` needs no `unsafe`.
#![deny(warnings, missing_docs, unused, unsafe_op_in_unsafe_fn, clippy::all)]
// The blocks below are written as edition 2021 wants them; that is the point.
#![allow(missing_unsafe_on_extern)]

use std::ffi::{c_char, c_int, c_void};

#[ffi_guard::guard]
extern "C" {
    /// Length of a C string.
    pub fn strlen(#[guard(cstr)] s: *const c_char) -> usize;
    /// Copies bytes.
    pub fn memcpy(
        #[guard(sized_by = n, out)] dest: *mut c_void,
        #[guard(sized_by = n)] src: *const c_void,
        n: usize,
    ) -> *mut c_void;
    /// `gen` is a keyword from 2024 on, and `async` in this one.
    #[link_name = "abs"]
    pub fn r#async(gen: c_int) -> c_int;
    /// Variadic: bare.
    pub fn printf(format: *const c_char, ...) -> c_int;
    /// Never returns.
    pub fn abort() -> !;
    /// A static.
    pub static environ: *const *const c_char;
}

#[ffi_guard::guard(keep_abi)]
unsafe extern "system" {
    /// Absolute value.
    pub safe fn labs(n: std::ffi::c_long) -> std::ffi::c_long;
}

/// Bytes without pointers.
#[derive(ffi_guard::Plain)]
#[repr(C)]
pub struct Point<T> {
    /// One.
    pub x: T,
    /// Other.
    pub y: [T; 2],
}

/// With pointers.
#[derive(ffi_guard::Pointee)]
#[repr(C)]
pub struct Node {
    /// The next.
    pub next: *mut Node,
    /// Its own.
    pub r#type: Point<c_int>,
}

#[test]
fn calls_pass() {
    unsafe {
        assert_eq!(strlen(c"four".as_ptr()), 4);
        assert_eq!(r#async(-2), 2);
        let (from, mut to) = (*b"abc", *b"xyz");
        memcpy(to.as_mut_ptr().cast(), from.as_ptr().cast(), 2);
        assert_eq!(&to, b"abz");
        assert!(!environ.is_null());
    }
    let f: extern "system" fn(std::ffi::c_long) -> std::ffi::c_long = labs;
    assert_eq!(f(-2), 2);
    let _: unsafe fn() -> ! = abort;
}

/// The output of bindgen for this edition: blocks without `unsafe`.
#[allow(non_camel_case_types, dead_code, missing_docs, unsafe_op_in_unsafe_fn, clippy::all)]
pub mod bound {
    include!("../../fixtures/bindgen_2021.rs");
}
