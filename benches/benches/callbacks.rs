//! Compares a guarded callback with the bare one:
//! `cargo bench -p ffi-guard-benches --bench callbacks`.
//!
//! C calls back in a loop, so that the cost of calling C is shared by many callbacks. `GUARD=0` and
//! `GUARD=2` in the environment measure the other levels.

use std::ffi::c_void;
use std::hint::black_box;

use c_fixtures::callbacks::{Step, each};
use ffi_guard_benches::{beside, with_environment};

#[global_allocator]
static GUARD: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

const N: i32 = 300_000;

#[ffi_guard::guard]
unsafe extern "C" fn guarded(#[guard(opaque)] user: *mut c_void, number: i32) -> i32 {
    // SAFETY: the count outlives the call.
    unsafe { *user.cast::<i32>() = number };
    0
}

unsafe extern "C" fn bare(user: *mut c_void, number: i32) -> i32 {
    // SAFETY: as above.
    unsafe { *user.cast::<i32>() = number };
    0
}

#[ffi_guard::guard]
unsafe extern "C" fn guarded_nonnull(#[guard(opaque, nonnull)] user: *mut c_void, number: i32) -> i32 {
    // SAFETY: as above.
    unsafe { *user.cast::<i32>() = number };
    0
}

fn main() {
    let level = std::env::var("GUARD").unwrap_or_else(|_| "1".into());
    with_environment(&[("GUARD", &level)]);
    println!("level {level:<38} {:>11} {:>11}", "guarded", "bare");
    let heap: *mut i32 = Box::leak(Box::new(0));
    let mut on_stack = 0_i32;
    let on_stack: *mut i32 = &raw mut on_stack;
    let run = |step: Step, user: *mut i32| {
        move || {
            // SAFETY: the count outlives the call.
            black_box(unsafe { each(black_box(step), black_box(user).cast(), N) });
        }
    };
    beside("user data on the heap", N.unsigned_abs(), run(guarded, heap), run(bare, heap));
    beside("user data on the stack", N.unsigned_abs(), run(guarded, on_stack), run(bare, on_stack));
    beside("user data that is not null", N.unsigned_abs(), run(guarded_nonnull, heap), run(bare, heap));
}
