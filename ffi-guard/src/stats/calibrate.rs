//! What the clock itself takes, how long a tick is, and what a crossing costs on this machine.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use super::tally;
use crate::boundary::counted;
use crate::boundary::declaration::{Contract, Declaration, Function};
use crate::platform::clock::{nanoseconds, ticks};
use crate::rule::Severities;

/// Ticks from one reading of the clock to the next.
static CLOCK: AtomicU64 = AtomicU64::new(0);
/// Ticks between the two readings around a C function that does nothing.
static WAY: AtomicU64 = AtomicU64::new(0);
/// When counting began, by both clocks.
static BEGAN: (AtomicU64, AtomicU64) = (AtomicU64::new(0), AtomicU64::new(0));

#[inline(always)]
pub(super) fn clock() -> u64 {
    CLOCK.load(Ordering::Relaxed)
}

#[inline(always)]
pub(super) fn way() -> u64 {
    WAY.load(Ordering::Relaxed)
}

/// Not on the list of functions, so it has no line in the table.
static NOTHING: Function = Function::new(&Declaration {
    name: "(nothing)",
    module: "ffi_guard",
    file: file!(),
    line: line!(),
    column: 1,
    parameters: &[],
    returns_owned: false,
    result: Contract::NONE,
    callback: false,
    keep_abi: false,
    severities: Severities::NONE,
});

extern "C" fn nothing() {}

/// So many of each are measured, and the one in the middle counts: an interrupted one does not.
const TIMES: usize = 127;

fn middle(mut measure: impl FnMut() -> u64) -> u64 {
    let mut found = [0; TIMES];
    found.iter_mut().for_each(|place| *place = measure());
    found.sort_unstable();
    found.get(TIMES / 2).copied().unwrap_or(0)
}

/// Measures the two that are taken off. Before the first call is counted, some 20 microseconds.
pub(super) fn begin() {
    BEGAN.0.store(ticks(), Ordering::Relaxed);
    BEGAN.1.store(nanoseconds(), Ordering::Relaxed);
    let clock = middle(|| {
        let before = ticks();
        ticks().saturating_sub(before)
    });
    tally::register(&NOTHING, false);
    // While nothing is taken off yet, what is counted is the way itself.
    let way = middle(|| {
        let before = super::callee_ticks(&NOTHING);
        counted::cross(&NOTHING, black_box(nothing));
        super::callee_ticks(&NOTHING).wrapping_sub(before)
    });
    CLOCK.store(clock, Ordering::Relaxed);
    WAY.store(way, Ordering::Relaxed);
}

/// How long a tick is, in nanoseconds: what passed by either clock since counting began. A program that has just begun is
/// waited for, for a millisecond: then a reading of the system's clock that is 50 ns late is one part in 20,000.
pub(super) fn tick() -> f64 {
    const ENOUGH: u64 = 1_000_000;
    let (ticks_then, then) = (BEGAN.0.load(Ordering::Relaxed), BEGAN.1.load(Ordering::Relaxed));
    loop {
        let (passed, ticks_passed) = (nanoseconds().saturating_sub(then), ticks().saturating_sub(ticks_then));
        if passed >= ENOUGH {
            #[allow(clippy::cast_precision_loss)]
            return passed as f64 / ticks_passed.max(1) as f64;
        }
        std::hint::spin_loop();
    }
}

/// What it takes to call a C function that does nothing and to come back, in ticks: the best of a few rounds, since whatever
/// comes in between can only make one longer.
pub(super) fn call() -> f64 {
    const CALLS: u32 = 2000;
    fn best(mut f: impl FnMut()) -> u64 {
        let round = |_| {
            let before = ticks();
            (0..CALLS).for_each(|_| f());
            ticks().saturating_sub(before)
        };
        (0..16).map(round).min().unwrap_or(0)
    }
    let function: extern "C" fn() = nothing;
    let (with, without) = (best(|| black_box(function)()), best(|| _ = black_box(function)));
    f64::from(u32::try_from(with.saturating_sub(without)).unwrap_or(u32::MAX)) / f64::from(CALLS)
}
