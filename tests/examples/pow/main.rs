//! Slides 63 and 64: a loop that calls `pow` across the border each time round, against the loop
//! moved into C.
//!
//! `GUARD_STATS=1 cargo run --release --example pow [iterations]`; with `GUARD=0`, `1` or `2` for
//! the level. Both do the same arithmetic; only the side that loops differs.

use std::ffi::{c_double, c_ulong};
use std::time::Instant;

use c_fixtures as _;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[ffi_guard::guard]
unsafe extern "C" {
    /// C's own.
    safe fn pow(a: c_double, b: c_double) -> c_double;
    /// The loop in C: `c-fixtures/c/slides.c`.
    safe fn powloop(a: c_double, iterations: c_ulong) -> c_double;
}

const START: c_double = 1.000_000_1;
const EXPONENT: c_double = 1.000_000_3;

fn main() {
    let iterations: u32 = std::env::args().nth(1).map_or(1_000_000, |n| n.parse().expect("a number of iterations"));
    let (across, one) = timed(iterations, || (0..iterations).fold(START, |a, _| pow(a, EXPONENT)));
    let (moved, other) = timed(iterations, || powloop(START, iterations.into()));
    assert!(one.to_bits() == other.to_bits(), "the same arithmetic: {one} and {other}");
    println!("{iterations} times pow, level {}", ffi_guard::level());
    println!("called across the border:  {across:>7.2} ns each time round");
    println!("with the loop moved to C:  {moved:>7.2} ns each time round");
    println!("the border makes it {:.2} times as long", across / moved);
    if !ffi_guard::stats().are_on() {
        println!("GUARD_STATS=1 says what of it is crossing");
    }
}

/// The result of the loop, and the nanoseconds of each iteration.
fn timed(iterations: u32, run: impl FnOnce() -> c_double) -> (f64, c_double) {
    let start = Instant::now();
    let result = run();
    (start.elapsed().as_secs_f64() * 1e9 / f64::from(iterations.max(1)), result)
}
