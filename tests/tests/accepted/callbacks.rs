// Nothing that we generate warns, and the function keeps its type.
#![deny(warnings, clippy::all, clippy::pedantic, missing_docs, unreachable_pub, unsafe_op_in_unsafe_fn)]
#![allow(clippy::missing_safety_doc)]

//! A crate that denies everything.

use std::ffi::{c_int, c_void};

/// Documented.
#[ffi_guard::guard(on_panic = 1)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ffi_guard_ui_row(#[guard(opaque)] user: *mut c_void, mut n: c_int, _: c_int) -> c_int {
    n += c_int::from(user.is_null());
    n
}

#[ffi_guard::guard]
extern "C-unwind" fn unwinds() {}

#[ffi_guard::guard]
extern "system" fn never() -> ! {
    std::process::exit(0)
}

struct Struct(i32);

impl Struct {
    #[ffi_guard::guard]
    unsafe extern "C" fn get(this: *const Self) -> i32 {
        // SAFETY: a live struct.
        unsafe { &*this }.0
    }
}

fn main() {
    let row: unsafe extern "C" fn(*mut c_void, c_int, c_int) -> c_int = ffi_guard_ui_row;
    // SAFETY: it reads nothing.
    assert_eq!(unsafe { row(std::ptr::null_mut(), 1, 0) }, 2);
    let unwinds: extern "C-unwind" fn() = unwinds;
    unwinds();
    // SAFETY: a live struct.
    assert_eq!(unsafe { Struct::get(&raw const *Box::new(Struct(3))) }, 3);
    never();
}
