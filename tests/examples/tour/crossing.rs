//! Slides 58 to 64: time that goes into C, and what it costs to go there.

use std::ffi::{c_double, c_int};
use std::time::Instant;

use c_fixtures::slides::{powloop, slow_func};
use ffi_guard::{FunctionStats, Stats};

use crate::row::{Expected, Plan, Row};

pub(crate) const ROWS: &[Row] = &[
    Row {
        slides: &[58..=61],
        what: "slow_func: how long C runs, by GUARD_STATS=1",
        plan: Plan::Counted("2", slow, Expected::Clean),
    },
    Row {
        slides: &[63..=64],
        what: "pow called often, and the loop moved into C",
        plan: Plan::Counted("2", chatty, Expected::Clean),
    },
];

#[ffi_guard::guard]
unsafe extern "C" {
    /// C's own.
    safe fn pow(a: c_double, b: c_double) -> c_double;
    /// C's own.
    safe fn abs(n: c_int) -> c_int;
}

fn of<'a>(stats: &'a Stats, name: &str) -> &'a FunctionStats {
    stats.function(name).unwrap_or_else(|| panic!("{name} was called:\n{stats}"))
}

/// A profiler of Rust alone would show a `main` that waits.
fn slow() -> String {
    slow_func(1_000_000);
    (0..10).for_each(|n| assert_eq!(abs(-n), n));
    let stats = ffi_guard::stats();
    let (slow, other) = (of(&stats, "slow_func"), of(&stats, "abs"));
    assert_eq!((slow.calls(), other.calls()), (1, 10), "{stats}");
    // A million times `pow`, against ten numbers: no clock is that wrong.
    assert_eq!(stats.functions()[0].name(), "slow_func", "{stats}");
    format!(
        "slow_func spent {:.1?} in C in one call, abs {:.1?} in ten\n\n{stats}",
        slow.time_in_c(),
        other.time_in_c()
    )
}

const ROUNDS: u32 = 200_000;

fn chatty() -> String {
    let (start, exponent) = (1.000_000_1, 1.000_000_3);
    let (across, one) = timed(|| (0..ROUNDS).fold(start, |a, _| pow(a, exponent)));
    let (moved, other) = timed(|| powloop(start, ROUNDS.into()));
    assert_eq!(one.to_bits(), other.to_bits(), "the same arithmetic");
    let stats = ffi_guard::stats();
    let (pow, powloop) = (of(&stats, "pow"), of(&stats, "powloop"));
    assert_eq!((pow.calls(), powloop.calls()), (ROUNDS.into(), 1), "{stats}");
    // 200,000 crossings, against one.
    assert!(pow.time_crossing() > powloop.time_crossing(), "{stats}");
    // Printed, not asserted: the share of the crossing depends on the machine and the build.
    format!(
        "{across:.0} ns each time round while it is counted, {moved:.0} ns with the loop in C; crossing took {:.1?} and {:.1?}\n\n{stats}",
        pow.time_crossing(),
        powloop.time_crossing()
    )
}

/// The nanoseconds of each iteration, and the result of the loop.
fn timed(run: impl FnOnce() -> c_double) -> (f64, c_double) {
    let start = Instant::now();
    let result = run();
    (start.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS), result)
}
