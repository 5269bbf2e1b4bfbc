//! A function's part of the statistics: its number, by which a thread finds its counters.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use super::declaration::Function;
use crate::config;

/// A function's part of the statistics.
#[derive(Debug)]
pub(crate) struct Tally {
    /// The number from 1, in the order of the first calls; 0 before the first call; [`LEFT_OUT`].
    number: AtomicU32,
    /// Calls that no thread counted: made by a signal handler while the guard was at work, or by a
    /// thread that is ending.
    beside: AtomicU64,
    /// The function that was first called before this one. Valid once it is in the list.
    next: AtomicPtr<Function>,
}

/// Number of a function whose crate `GUARD_CRATES` leaves out: it is not in the table either.
const LEFT_OUT: u32 = u32::MAX;

/// The function that was first called last.
static LAST: AtomicPtr<Function> = AtomicPtr::new(null_mut());
static NEXT: AtomicU32 = AtomicU32::new(1);

impl Tally {
    pub(crate) const fn new() -> Tally {
        Tally { number: AtomicU32::new(0), beside: AtomicU64::new(0), next: AtomicPtr::new(null_mut()) }
    }
}

/// Returns the number of a function, which it gets at its first call; `None` if it is left out.
/// Takes no lock: a signal handler may interrupt it.
#[inline]
pub(crate) fn number(function: &'static Function) -> Option<usize> {
    match function.tally.number.load(Ordering::Relaxed) {
        0 => register(function, true),
        LEFT_OUT => None,
        number => Some(number as usize),
    }
}

/// Gives a function its number. `listed`: it is the program's, with a line in the table.
#[cold]
pub(crate) fn register(function: &'static Function, listed: bool) -> Option<usize> {
    let tally = &function.tally;
    let counted = !listed || config::settings().checks_crate(function.krate());
    let number = if counted { NEXT.fetch_add(1, Ordering::Relaxed) } else { LEFT_OUT };
    match tally.number.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) if counted && listed => {
            let this = std::ptr::from_ref(function).cast_mut();
            // Release: a thread that reads the list sees `next`.
            let _ = LAST.fetch_update(Ordering::Release, Ordering::Relaxed, |last| {
                tally.next.store(last, Ordering::Relaxed);
                Some(this)
            });
            Some(number as usize)
        }
        Ok(_) => counted.then_some(number as usize),
        // Another thread was first.
        Err(LEFT_OUT) => None,
        Err(theirs) => Some(theirs as usize),
    }
}

/// Counts a call that no thread's counters can take.
#[cold]
pub(crate) fn count_beside(function: &'static Function) {
    if number(function).is_some() {
        function.tally.beside.fetch_add(1, Ordering::Relaxed);
    }
}

/// Number of calls that no thread's counters took.
pub(crate) fn beside(function: &Function) -> u64 {
    function.tally.beside.load(Ordering::Relaxed)
}

/// Functions that were called, each with its number; the latest to be first called comes first.
pub(crate) fn functions() -> impl Iterator<Item = (usize, &'static Function)> {
    let mut at = LAST.load(Ordering::Acquire);
    std::iter::from_fn(move || {
        // SAFETY: null, or put there by `register` from a static's reference.
        let function: &'static Function = unsafe { at.as_ref() }?;
        at = function.tally.next.load(Ordering::Acquire);
        Some((function.tally.number.load(Ordering::Relaxed) as usize, function))
    })
}

/// Resets the counts in the child of a fork.
pub(crate) fn forget() {
    functions().for_each(|(_, function)| function.tally.beside.store(0, Ordering::Relaxed));
}
