//! Budget of a thread for looking: the first calls of each function, and then a thirty-second of
//! the time that it spends in C. With `GUARD_LOOK=each` every call is looked after.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::call::declaration::Function;
use crate::config;
use crate::platform::clock::ticks;
use crate::scan;

/// One call in this many is timed, and stands for all of them.
pub(crate) const ONE_IN: usize = 16;
/// Divisor of the time in C that gives the time for looking. The design allows a half. With a 32nd
/// a loop of short calls is a fifth faster, and a run of SQLite 4 %, than with an eighth, and the
/// sweep finds the same; a look takes 3.3 microseconds, so calls of 0.1 ms are all looked after.
const SHARE: i64 = 32;
/// Looks for which credit is kept at most: a call that slept for an hour does not pay for a million
/// looks.
const MOST_LOOKS: i64 = 64;

struct Budget {
    /// Ticks that looking may still take.
    credit: Cell<i64>,
    /// Ticks that the last look took, before and after a call together. Half a microsecond or so
    /// until there was one.
    cost: Cell<i64>,
    /// Number of calls so far.
    calls: Cell<u32>,
}

thread_local! {
    static BUDGET: Budget =
        const { Budget { credit: Cell::new(0), cost: Cell::new(10_000), calls: Cell::new(0) } };
}

/// True if this call is looked after at once.
#[inline]
pub(crate) fn may_look(function: &Function) -> bool {
    function.is_among_the_first() || has_credit()
}

/// True if the thread can pay for a look, or need not.
fn has_credit() -> bool {
    config::settings().look_each || BUDGET.try_with(|b| b.credit.get() >= b.cost.get()).unwrap_or(false)
}

/// Bytes that the looks for the first freed blocks of each function may read, all together: a
/// quarter of a second or less.
const FREED_BYTES: usize = 1 << 30;
static FREED_SEARCHED: AtomicUsize = AtomicUsize::new(0);

/// True if a freed block that this function let C keep is looked for at once.
pub(crate) fn may_look_for_freed(function: &Function) -> bool {
    let may_read = || FREED_SEARCHED.fetch_add(scan::globals_len(), Ordering::Relaxed) < FREED_BYTES;
    function.is_among_the_first_freed() && may_read() || has_credit()
}

/// Counts what a look for freed blocks has read besides the globals.
pub(super) fn searched_for_freed(bytes: usize) {
    FREED_SEARCHED.fetch_add(bytes, Ordering::Relaxed);
}

/// Charges for a look before and after a call, which took `took` ticks.
pub(crate) fn looked(took: u64) {
    let took = i64::try_from(took).unwrap_or(i64::MAX / 2);
    let _ = BUDGET.try_with(|budget| {
        // Capped: a look may have been interrupted by another process.
        budget.cost.set(took.min(budget.cost.get().saturating_mul(2)).max(1));
        budget.credit.set(budget.credit.get().saturating_sub(took).max(-took));
    });
}

/// A call that is being timed.
#[derive(Debug)]
pub(crate) struct Sample(u64);

/// Begins to time the call, if its turn has come.
#[inline]
pub(crate) fn sample() -> Option<Sample> {
    BUDGET
        .try_with(|budget| {
            let calls = budget.calls.get().wrapping_add(1);
            budget.calls.set(calls);
            (calls as usize).is_multiple_of(ONE_IN)
        })
        .unwrap_or(false)
        .then(|| Sample(ticks()))
}

impl Sample {
    /// Samples a call that the caller chose to time, with the same odds as [`sample`].
    pub(crate) fn began_at(ticks: u64) -> Sample {
        Sample(ticks)
    }

    /// Ends the timing after C returned.
    pub(crate) fn end(self) {
        let took = i64::try_from(ticks().saturating_sub(self.0)).unwrap_or(0);
        let earned = took.saturating_mul(ONE_IN as i64) / SHARE;
        let _ = BUDGET.try_with(|budget| {
            let most = budget.cost.get().saturating_mul(MOST_LOOKS);
            budget.credit.set(budget.credit.get().saturating_add(earned).min(most));
        });
    }
}
