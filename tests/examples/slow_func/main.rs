//! Slides 58 to 61: where the time goes when it goes into C.
//!
//! `GUARD_STATS=1 cargo run --example slow_func [iterations]` prints the statistics of the border
//! when it ends. The guide's page docs/src/crossing-cost.md records the same program with `perf`,
//! which sees Rust and C in one stack.

use std::ffi::{c_double, c_int, c_ulong};
use std::hint::black_box;

use c_fixtures as _;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[ffi_guard::guard]
unsafe extern "C" {
    /// Calls `pow` `iterations` times: `c-fixtures/c/slides.c`.
    safe fn slow_func(iterations: c_ulong) -> c_double;
    /// C's own, and over at once.
    safe fn abs(n: c_int) -> c_int;
}

/// Work in Rust, beside which C's can be seen.
#[inline(never)]
fn rust_work(iterations: c_ulong) -> u64 {
    (0..iterations / 4).fold(0, |sum, n| black_box(sum ^ n).rotate_left(5).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn main() {
    let iterations = std::env::args().nth(1).map_or(2_000_000, |n| n.parse().expect("a number of iterations"));
    println!("slow_func({iterations}) = {}", slow_func(iterations));
    println!("abs, ten times: {}", (-10..0).map(abs).sum::<c_int>());
    println!("Rust's own work: {:x}", rust_work(iterations));
    if !ffi_guard::stats().are_on() {
        println!("GUARD_STATS=1 says how long C ran");
    }
}
