//! Findings that could not be delivered at once: made inside the allocator, or after another
//! violation.
//!
//! They go to the next guarded call, on any thread. What a thread finds inside `catch` is for that
//! thread, so that the end of its `catch` gets it and no other test does.

use std::sync::atomic::{AtomicU32, Ordering};

use super::found::Found;
use crate::platform::lock::Locked;
use crate::platform::thread;
use crate::reentry::Reentry;

pub(super) static UNTOLD: Locked<Vec<Found>> = Locked::new(Vec::new());

/// Recipient: `NOBODY` if there is nothing; one thread; or `ANYBODY`, also for several threads.
static FOR: AtomicU32 = AtomicU32::new(NOBODY);
const NOBODY: u32 = 0;
const ANYBODY: u32 = u32::MAX;

/// True if there is something for the calling thread.
#[inline]
pub(crate) fn is_any() -> bool {
    let whom = FOR.load(Ordering::Relaxed);
    whom != NOBODY && (whom == ANYBODY || whom == thread::id())
}

/// What a call may have to be told of before C runs: bits.
static DUE: AtomicU32 = AtomicU32::new(0);
/// Findings, for some thread.
const FINDINGS: u32 = 1;
/// Variables on some thread's stack that C may keep.
const STACK_LOANS: u32 = 2;

/// True if there is something for some thread, or some thread has lent C a variable on its stack to
/// keep: one load.
#[inline(always)]
pub(crate) fn may_be_any() -> bool {
    DUE.load(Ordering::Relaxed) != 0
}

/// Records if variables on the stack are lent that C may keep.
pub(super) fn set_stack_loans(are_any: bool) {
    set(STACK_LOANS, are_any);
}

fn set(bit: u32, on: bool) {
    match on {
        true => DUE.fetch_or(bit, Ordering::Release),
        false => DUE.fetch_and(!bit, Ordering::Release),
    };
}

/// Adds findings.
pub(crate) fn put_back(found: Vec<Found>) {
    if !found.is_empty() {
        let _inside = Reentry::enter();
        UNTOLD.with(|untold| {
            untold.extend(found);
            settle(untold);
        });
    }
}

/// Takes the findings for the calling thread; at the end of the process, all.
pub(crate) fn take(everything: bool) -> Vec<Found> {
    if FOR.load(Ordering::Relaxed) == NOBODY {
        return Vec::new();
    }
    let me = thread::id();
    let _inside = Reentry::enter();
    UNTOLD.with(|untold| {
        let (mine, others) = std::mem::take(untold)
            .into_iter()
            .partition(|found: &Found| everything || found.whose == 0 || found.whose == me);
        *untold = others;
        settle(untold);
        mine
    })
}

/// Updates the recipient.
fn settle(untold: &[Found]) {
    let mut whose = untold.iter().map(|found| found.whose);
    let whom = match whose.next() {
        None => NOBODY,
        Some(first) if first != 0 && whose.all(|other| other == first) => first,
        Some(_) => ANYBODY,
    };
    FOR.store(whom, Ordering::Release);
    set(FINDINGS, whom != NOBODY);
}
