//! Measures how long reading the clock takes, how long a tick is, and how much a crossing costs on
//! this machine.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::call::declaration::{Declaration, Function};
use crate::call::tally;
use crate::level::{self, Level};
use crate::platform::clock::{nanoseconds, ticks};

/// Ticks from one reading of the clock to the next.
static CLOCK: AtomicU64 = AtomicU64::new(0);
/// Ticks between the two readings around checks of nothing.
static ENTRY: AtomicU64 = AtomicU64::new(0);
/// Ticks between the two readings around a C function that does nothing.
static WAY: AtomicU64 = AtomicU64::new(0);
/// When counting began, by both clocks.
static BEGAN: (AtomicU64, AtomicU64) = (AtomicU64::new(0), AtomicU64::new(0));

#[inline(always)]
pub(super) fn clock() -> u64 {
    CLOCK.load(Ordering::Relaxed)
}

#[inline(always)]
pub(super) fn entry() -> u64 {
    ENTRY.load(Ordering::Relaxed)
}

#[inline(always)]
pub(super) fn way() -> u64 {
    WAY.load(Ordering::Relaxed)
}

/// A function that does nothing. It is not on the list of functions, so it has no line in the
/// table.
static NOTHING: Function = Function::new(&Declaration::internal("(nothing)"));

extern "C" fn nothing() {}

/// The number of batches, and of calls in each. The median batch counts, so an interrupted one does
/// not. In batches, because the price of calls in close succession is wanted.
const BATCHES: usize = 63;
const BATCH: u64 = 32;

/// The amount that one call of the median batch adds to each of two sums.
fn middle(sums: impl Fn() -> [u64; 2], mut call: impl FnMut()) -> [u64; 2] {
    let mut found = [[0; BATCHES]; 2];
    for at in 0..BATCHES {
        let before = sums();
        (0..BATCH).for_each(|_| call());
        let after = sums();
        for (found, (before, after)) in found.iter_mut().zip(before.into_iter().zip(after)) {
            if let Some(place) = found.get_mut(at) {
                *place = after.wrapping_sub(before);
            }
        }
    }
    found.map(|mut found| {
        found.sort_unstable();
        found.get(BATCHES / 2).copied().unwrap_or(0) / BATCH
    })
}

/// Measures the ticks to take off each reading. Runs before the first call is counted, and takes a
/// quarter of a millisecond.
pub(super) fn begin(cross: fn(&'static Function, extern "C" fn(), bool)) {
    BEGAN.0.store(ticks(), Ordering::Relaxed);
    BEGAN.1.store(nanoseconds(), Ordering::Relaxed);
    tally::register(&NOTHING, false);
    let [clock, _] = middle(|| [ticks(), 0], || _ = ticks());
    let checked = level::level() != Level::Off;
    // Nothing is taken off yet, so the counted ticks are those to take off.
    let [way, entry] = middle(|| super::sums(&NOTHING), || cross(&NOTHING, black_box(nothing), checked));
    CLOCK.store(clock, Ordering::Relaxed);
    ENTRY.store(entry, Ordering::Relaxed);
    WAY.store(way, Ordering::Relaxed);
}

/// The length of a tick in nanoseconds, by the time that passed on both clocks since counting
/// began. Waits a millisecond for a program that has just begun: then a reading of the system's
/// clock that is 50 ns late is one part in 20,000.
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

/// The ticks of a call of a C function that does nothing: the best of a few rounds, since an
/// interruption can only make one longer.
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
