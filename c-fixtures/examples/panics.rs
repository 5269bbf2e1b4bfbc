//! Panics, or breaks a rule, in a callback: `tests/tests/callbacks_abort.rs` builds it with
//! `panic = "abort"`.

use std::ffi::c_void;

use c_fixtures::callbacks::each;
use c_fixtures::null_pointer::bad_first;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[ffi_guard::guard(on_panic = 1)]
unsafe extern "C" fn fine(_user: *mut c_void, number: i32) -> i32 {
    i32::from(number == 3)
}

#[ffi_guard::guard(on_panic = 1)]
unsafe extern "C" fn panics(_user: *mut c_void, number: i32) -> i32 {
    panic!("the callback says no to {number}")
}

#[ffi_guard::guard(on_panic = 1)]
unsafe extern "C" fn violates(_user: *mut c_void, _number: i32) -> i32 {
    // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
    unsafe { bad_first(std::ptr::null()) }
}

fn main() {
    let user = std::ptr::null_mut();
    // SAFETY: the callbacks take nothing.
    let run = |step| unsafe { each(step, user, 10) };
    let made = match std::env::args().nth(1).as_deref() {
        Some("panics") => run(panics),
        Some("violates") => run(violates),
        Some("caught") => ffi_guard::catch(|| run(violates)).unwrap_or(-1),
        _ => run(fine),
    };
    println!("C called {made} times");
}
