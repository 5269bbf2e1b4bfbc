//! Slides 63 and 64: compares `pow` called across the border in a loop with the loop moved into C:
//! `cargo bench -p ffi-guard-benches --bench pow`.
//!
//! Level 0 is measured; `GUARD=1` and `GUARD=2` in the environment measure the other levels, and
//! `GUARD_STATS=1` the cost of counting. In both loops each step needs the result of the one
//! before, so that no cost overlaps with the arithmetic.

use std::ffi::{c_double, c_ulong};
use std::hint::black_box;

// Links the C.
use c_fixtures as _;
use ffi_guard_benches::{beside, with_environment};

#[global_allocator]
static GUARD: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

const N: u32 = 20_000;
const START: c_double = 1.000_000_1;
const EXPONENT: c_double = 1.000_000_3;

#[ffi_guard::guard]
unsafe extern "C" {
    safe fn pow(a: c_double, b: c_double) -> c_double;
    safe fn powloop(a: c_double, iterations: c_ulong) -> c_double;
}

mod bare {
    use super::c_double;

    unsafe extern "C" {
        pub(super) safe fn pow(a: c_double, b: c_double) -> c_double;
    }
}

fn main() {
    let level = std::env::var("GUARD").unwrap_or_else(|_| "0".into());
    with_environment(&[("GUARD", &level)]);
    let moved = || _ = black_box(powloop(black_box(START), N.into()));
    let across = |pow: fn(c_double, c_double) -> c_double| {
        move || _ = black_box((0..N).fold(black_box(START), |a, _| pow(a, EXPONENT)))
    };
    println!("level {level:<38} {:>11} {:>11}", "across", "in C");
    beside("pow across the border, guarded", N, across(|a, b| pow(a, b)), moved);
    beside("pow across the border, bare", N, across(|a, b| bare::pow(a, b)), moved);
}
