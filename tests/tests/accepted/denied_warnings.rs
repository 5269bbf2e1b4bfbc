// Generated code is clean under every lint that a careful crate denies.

#![deny(warnings, missing_docs, unused, unsafe_op_in_unsafe_fn, nonstandard_style, future_incompatible)]
#![deny(rust_2018_idioms, rust_2021_compatibility, rust_2024_compatibility, let_underscore)]
#![deny(unused_qualifications, unused_lifetimes, single_use_lifetimes, trivial_casts, trivial_numeric_casts)]
#![deny(missing_debug_implementations, missing_copy_implementations, unreachable_pub, variant_size_differences)]
#![deny(elided_lifetimes_in_paths, explicit_outlives_requirements, ffi_unwind_calls, meta_variable_misuse)]
#![deny(missing_abi, redundant_lifetimes, unit_bindings, unnameable_types, ambiguous_negative_literals)]
//! A careful crate.

use std::ffi::{c_char, c_double, c_int, c_void};

/// A callback.
pub type Callback = Option<unsafe extern "C" fn(user: *mut c_void, n: c_int) -> c_int>;

/// A struct.
#[derive(Debug, Clone, Copy, ffi_guard::Plain)]
#[repr(C)]
pub struct Point {
    /// One.
    pub x: c_double,
    /// Other.
    pub y: c_double,
}

/// With pointers.
#[derive(Debug, Clone, Copy, ffi_guard::Pointee)]
#[repr(C)]
pub struct Node {
    /// The next.
    pub next: *mut Node,
    /// Its point.
    pub point: Point,
}

#[ffi_guard::guard]
unsafe extern "C" {
    /// Documented.
    pub fn CamelCase(#[guard(counted_by = aCount)] aPointer: *const u8, aCount: usize) -> c_int;
    /// Documented.
    #[must_use]
    pub safe fn many(a: c_int, b: c_int, c: c_int, d: c_int, e: c_int, f: c_int, g: c_int, h: c_int) -> bool;
    /// Documented.
    pub fn callback(cb: Callback, #[guard(opaque, retained)] user: *mut c_void);
    /// Documented.
    pub fn by_value(p: Point, node: Node) -> Point;
    /// Documented.
    pub fn never(_: c_int) -> !;
    /// Documented.
    #[deprecated]
    #[doc(hidden)]
    pub fn old();
    /// Documented.
    #[guard(keep_abi)]
    pub fn kept(node: &mut Node) -> &mut Point;
    /// Documented.
    pub fn unit(#[guard(cstr)] s: *const c_char) -> ();
    /// Documented.
    pub fn printf(s: *const c_char, ...) -> c_int;
    /// Documented.
    #[guard(allow(double_free), deny(nested_pointer))]
    pub safe fn raw(p: *const u8);
}

#[ffi_guard::guard]
unsafe extern "C-unwind" {
    /// Documented.
    pub fn unwinds(p: *mut Node);
}

fn main() {}
