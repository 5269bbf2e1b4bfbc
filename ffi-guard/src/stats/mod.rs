//! Statistics of the border, if `GUARD_STATS=1` asks for them: how often each function is called,
//! how long C runs, and how much crossing costs.
//!
//! ```text
//! boundary::statistics ── begin, leave for C, back ──> call ── adds to ──> shard (one a thread) <── sums ── facts ──> table
//! ```
//!
//! If statistics are off, nothing here runs: the byte that each wrapper loads is another one
//! (`level`).

mod calibrate;
pub(crate) mod call;
mod facts;
mod shard;
mod table;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

pub use facts::{FunctionStats, Stats};

use crate::call::declaration::Function;
use crate::call::tally;
use crate::level;
use crate::platform::process::{self, Errno};
use crate::platform::thread;
use crate::reentry::Reentry;

/// [`NEW`], [`READY`], or the number of the thread that makes it ready.
static STATE: AtomicU32 = AtomicU32::new(NEW);
const NEW: u32 = 0;
const READY: u32 = u32::MAX;

/// True if calls can be timed.
#[inline]
pub(crate) fn is_ready() -> bool {
    STATE.load(Ordering::Acquire) == READY
}

/// What the boundary hands down.
pub(crate) struct Above {
    /// Makes a call of a C function that does nothing, as a wrapper makes it, with checks of
    /// nothing (`true`) or without, so that the way there and back is measured.
    pub(crate) cross: fn(&'static Function, extern "C" fn(), bool),
    /// Appends the counters to the file of `GUARD_REPORT`, if there is one.
    pub(crate) record: fn(&Stats),
}

/// What the boundary handed down, for the end of the process.
static ABOVE: OnceLock<&'static Above> = OnceLock::new();

/// Gets ready at the first call that is counted. False if it is not ready and cannot be waited for.
#[cold]
fn make_ready(above: &'static Above) -> bool {
    /// More yields than a thread that has the processor needs. If that thread is stopped for good,
    /// its calls are only counted.
    const PATIENCE: u32 = 1 << 20;
    let _errno = Errno::keep();
    let own = thread::id();
    match STATE.compare_exchange(NEW, own, Ordering::Acquire, Ordering::Acquire) {
        Ok(_) => {
            // First: a child must not find another thread's number here.
            thread::at_fork(nothing, nothing, in_child);
            process::at_exit(print);
            let _ = ABOVE.set(above);
            calibrate::begin(above.cross);
            STATE.store(READY, Ordering::Release);
            true
        }
        Err(READY) => true,
        // These are the calls that it is measured by, and those of a signal handler meanwhile.
        Err(theirs) if theirs == own => true,
        Err(_) => (0..PATIENCE).any(|_| {
            std::thread::yield_now();
            is_ready()
        }),
    }
}

unsafe extern "C" fn nothing() {}

/// The child of a fork counts its own calls.
unsafe extern "C" fn in_child() {
    if STATE.load(Ordering::Relaxed) != READY {
        STATE.store(NEW, Ordering::Relaxed);
    }
    tally::forget();
    shard::forget();
}

/// Ticks that the calling thread spent in this function, and in its checks.
fn sums(function: &'static Function) -> [u64; 2] {
    let counters = tally::number(function).and_then(|number| shard::mine()?.counters.get(number));
    counters.map_or([0; 2], |it| [it.callee.load(Ordering::Relaxed), it.checks.load(Ordering::Relaxed)])
}

/// The counters so far, of all threads: a snapshot. Empty if statistics are off
/// ([`Stats::are_on`]).
///
/// `GUARD_STATS=1` turns them on, at any level, 0 included, and in any build; at the end of the
/// process the same is printed as a table on standard error. Counting goes on while this adds up. A
/// call that has not returned is counted as a call; its time is added when it returns.
///
/// ```
/// // Without `GUARD_STATS` nothing is counted.
/// let stats = ffi_guard::stats();
/// assert!(!stats.are_on() && stats.functions().is_empty());
/// ```
#[must_use]
pub fn stats() -> Stats {
    match level::level() {
        _ if !level::counts() => Stats::off(),
        level if !is_ready() => Stats::none(level),
        level => Stats::read(level),
    }
}

/// The table, at the end of the process.
extern "C" fn print() {
    let _inside = Reentry::enter();
    let stats = Stats::read(level::level());
    process::write_stderr(format!("{stats}\n").as_bytes());
    if let Some(above) = ABOVE.get() {
        (above.record)(&stats);
    }
}
