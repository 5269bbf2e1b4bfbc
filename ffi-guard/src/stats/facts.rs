//! The counters of all threads, added up: facts in nanoseconds.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::calibrate;
use super::shard::{self, Counters};
use crate::call::declaration::Declaration;
use crate::call::tally;
use crate::level::Level;

/// The counters of the border, as [`stats`](crate::stats()) returns them. `Display` is the table
/// that `GUARD_STATS=1` prints at the end of a process.
///
/// ```no_run
/// let stats = ffi_guard::stats();
/// for function in stats.functions() {
///     println!("{}: {} calls, {:?} in C", function.name(), function.calls(), function.time_in_c());
/// }
/// eprintln!("{stats}");
/// ```
#[derive(Clone, Debug)]
pub struct Stats {
    /// The level at the time of reading; `None` if nothing is counted.
    pub(super) level: Option<Level>,
    pub(super) functions: Vec<FunctionStats>,
    /// The cost of a bare call of a C function that does nothing, in nanoseconds.
    pub(super) call: f64,
    /// The time to take off each piece for reading the clock, in nanoseconds.
    pub(super) clock: f64,
}

/// The counters of one function.
#[derive(Clone, Debug)]
pub struct FunctionStats {
    pub(super) declaration: &'static Declaration,
    pub(super) calls: u64,
    pub(super) ended: u64,
    /// Nanoseconds in C, or in Rust for a callback. Like `checks`, a sum of readings less the
    /// clock's own time, so it may be a little below 0.
    pub(super) callee: f64,
    pub(super) checks: f64,
    pub(super) bytes: u64,
    pub(super) callbacks: u64,
    pub(super) retained: u64,
    pub(super) pinned: u64,
    /// The cost of a bare call, as in [`Stats`].
    pub(super) call: f64,
}

/// The number of calls from which on the cost of crossing is worth a word: below, all of them
/// together are some milliseconds.
const MANY: u64 = 100_000;
/// The share of crossing in the time of the calls that is worth a word: without crossing, the
/// program does a third more in the same time.
const WORTH_IT: f64 = 0.25;

impl Stats {
    /// The statistics if they are off.
    pub(super) fn off() -> Stats {
        Stats { level: None, functions: Vec::new(), call: 0.0, clock: 0.0 }
    }

    /// The statistics before the first call.
    pub(super) fn none(level: Level) -> Stats {
        Stats { level: Some(level), ..Stats::off() }
    }

    pub(super) fn read(level: Level) -> Stats {
        let tick = calibrate::tick();
        let call = calibrate::call() * tick;
        // If a function is compiled into several modules of a program, its static is there several
        // times.
        let mut functions: BTreeMap<_, FunctionStats> = BTreeMap::new();
        for (number, function) in tally::functions() {
            let declaration = function.declaration;
            let Declaration { module, name, file, line, column, .. } = *declaration;
            let sum = functions
                .entry((module, name, file, line, column))
                .or_insert_with(|| FunctionStats::none(declaration, call));
            let beside = tally::beside(function);
            (sum.calls, sum.ended) = (sum.calls + beside, sum.ended + beside);
            shard::all().filter_map(|shard| shard.counters.get(number)).for_each(|counters| sum.add(counters, tick));
        }
        let mut functions: Vec<_> = functions.into_values().filter(|function| function.calls > 0).collect();
        functions.sort_by(FunctionStats::by_weight);
        #[allow(clippy::cast_precision_loss)]
        let clock = calibrate::clock() as f64 * tick;
        Stats { level: Some(level), functions, call, clock }
    }

    /// True if calls are counted: `GUARD_STATS=1` was in the environment when the process began.
    #[must_use]
    pub fn are_on(&self) -> bool {
        self.level.is_some()
    }

    /// Every guarded function that was called: first C functions by the time that their calls took,
    /// the longest first, then guarded callbacks, which C calls, in the same order.
    #[must_use]
    pub fn functions(&self) -> &[FunctionStats] {
        &self.functions
    }

    /// The function of this name, as declared in Rust. If there are several, the one whose calls
    /// took longest.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&FunctionStats> {
        self.functions.iter().find(|function| function.name() == name)
    }

    /// The cost of a bare call of a C function that does nothing, in nanoseconds: measured on this
    /// machine when the statistics were read.
    #[must_use]
    pub fn call_cost(&self) -> f64 {
        self.call
    }
}

impl FunctionStats {
    fn none(declaration: &'static Declaration, call: f64) -> FunctionStats {
        let (calls, ended, bytes, callbacks, retained, pinned) = (0, 0, 0, 0, 0, 0);
        FunctionStats { declaration, calls, ended, callee: 0.0, checks: 0.0, bytes, callbacks, retained, pinned, call }
    }

    fn add(&mut self, counters: &Counters, tick: f64) {
        let [calls, ended, callee, checks, bytes, callbacks, retained, pinned] =
            counters.each().map(|counter| counter.load(Ordering::Relaxed));
        self.calls += calls;
        self.ended += ended;
        #[allow(clippy::cast_precision_loss)]
        let nanoseconds = |ticks: u64| ticks.cast_signed() as f64 * tick;
        self.callee += nanoseconds(callee);
        self.checks += nanoseconds(checks);
        self.bytes += bytes;
        self.callbacks += callbacks;
        self.retained += retained;
        self.pinned += pinned;
    }

    fn by_weight(&self, other: &FunctionStats) -> std::cmp::Ordering {
        let weight = |function: &FunctionStats| function.callee + function.crossing_total();
        self.is_callback()
            .cmp(&other.is_callback())
            .then(weight(other).total_cmp(&weight(self)))
            .then(self.name().cmp(other.name()))
    }

    /// The function's name in Rust.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.declaration.name
    }

    /// The module that declares the function.
    #[must_use]
    pub fn module(&self) -> &'static str {
        self.declaration.module
    }

    /// True if it is a Rust function that C calls.
    #[must_use]
    pub fn is_callback(&self) -> bool {
        self.declaration.callback
    }

    /// The number of times that the border was crossed to it. A call that a violation stopped
    /// before C ran does not count.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Calls that did not come back: they still run, on other threads or further up the stack, or
    /// they ended by `longjmp` or with the thread or process. Their time is in no sum.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        self.calls.saturating_sub(self.ended)
    }

    /// Time in C, all calls together, by the clock on the wall; without guarded callbacks and
    /// guarded calls made from there, which have their own. 0 for a callback.
    #[must_use]
    pub fn time_in_c(&self) -> Duration {
        if self.is_callback() { Duration::ZERO } else { duration(self.callee) }
    }

    /// Time in the body of a callback, without guarded calls made from there. 0 for C functions.
    #[must_use]
    pub fn time_in_rust(&self) -> Duration {
        if self.is_callback() { duration(self.callee) } else { Duration::ZERO }
    }

    /// Time that the guard took to check these calls, before and after. 0 at level 0.
    #[must_use]
    pub fn time_in_checks(&self) -> Duration {
        duration(self.checks)
    }

    /// The estimated cost of crossing the border: the checks, and the [bare call](Stats::call_cost)
    /// times the number of calls.
    #[must_use]
    pub fn time_crossing(&self) -> Duration {
        duration(self.crossing_total())
    }

    /// The share of crossing in the time of its calls, from 0 to 1.
    #[must_use]
    pub fn crossing_share(&self) -> f64 {
        let (crossing, callee) = (self.crossing_total(), self.callee.max(0.0));
        if crossing > 0.0 { crossing / (crossing + callee) } else { 0.0 }
    }

    /// True if the function is called so often, and runs so briefly, that it pays to cross less
    /// often: 100,000 calls at least, and a [share](FunctionStats::crossing_share) of a quarter or
    /// more. For such a function the table has advice.
    #[must_use]
    pub fn is_chatty(&self) -> bool {
        !self.is_callback() && self.calls >= MANY && self.crossing_share() >= WORTH_IT
    }

    /// Bytes of Rust memory that the function's pointer arguments lent: their extents, as stated or
    /// by type, added up over all calls; for a `cstr` up to its NUL. Counted from level 1 on: at
    /// level 0 the owner of memory is not known.
    #[must_use]
    pub fn bytes_lent(&self) -> u64 {
        self.bytes
    }

    /// The number of times that C called back during its calls: guarded functions, and closures of
    /// [`Callback`](crate::Callback).
    #[must_use]
    pub fn callbacks(&self) -> u64 {
        self.callbacks
    }

    /// Loans of Rust memory under `retained`, from level 1 on.
    #[must_use]
    pub fn retained(&self) -> u64 {
        self.retained
    }

    /// Loans of memory that was pinned, from level 1 on.
    #[must_use]
    pub fn pinned(&self) -> u64 {
        self.pinned
    }

    #[allow(clippy::cast_precision_loss)]
    pub(super) fn crossing_total(&self) -> f64 {
        self.checks.max(0.0) + self.calls as f64 * self.call
    }

    /// The mean of a sum over the calls, in nanoseconds.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn each(&self, sum: f64) -> f64 {
        sum.max(0.0) / self.calls.max(1) as f64
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn duration(nanoseconds: f64) -> Duration {
    Duration::from_nanos(nanoseconds.max(0.0).round() as u64)
}
