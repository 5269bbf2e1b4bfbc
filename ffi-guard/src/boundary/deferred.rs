//! What a sweep finds, delivered: at the exit of a call, at a checkpoint, at the end of the
//! process.

use std::sync::Once;

use super::breach::{self, Stop};
use super::raise::raise;
use crate::call::scopes;
use crate::call::thread;
use crate::heap;
use crate::level::{Level, level};
use crate::platform::process::{self, Errno};
use crate::reentry::Reentry;
use crate::report;
use crate::retention::{self, Found, damage, untold};

/// Settles what is noted, if enough is, and tells what was found inside the allocator.
#[inline]
pub(super) fn settle_if_due() -> Result<(), Stop> {
    if is_due() { settle_what_is_due() } else { Ok(()) }
}

/// Whether it would do anything.
#[inline(always)]
pub(super) fn is_due() -> bool {
    retention::is_due() && !thread::is_noting()
}

#[cold]
fn settle_what_is_due() -> Result<(), Stop> {
    if !thread::is_in_call() {
        let inside = Reentry::enter();
        untold::put_back(retention::settle_held_back());
        drop(inside);
    }
    if retention::are_many() { settle(false) } else { tell_untold() }
}

/// Tells what was found inside the allocator. Not while a panic unwinds: what its destructors free,
/// and then have C let go of, would make an abort of it.
#[inline]
pub(super) fn tell_untold() -> Result<(), Stop> {
    if untold::is_any() && !std::thread::panicking() { tell_all(untold::take(false)) } else { Ok(()) }
}

/// At the end of `catch`: what its body freed is told while there is somebody to catch it.
pub(super) fn tell_at_end() {
    if untold::is_any()
        && level() >= Level::Full
        && let Err(stop) = tell_untold()
    {
        raise(stop, true);
    }
}

#[cold]
fn settle(everything: bool) -> Result<(), Stop> {
    let inside = Reentry::enter();
    let mut found = untold::take(everything);
    if !thread::is_in_call() {
        found.extend(retention::settle_held_back());
    }
    found.extend(retention::sweep());
    drop(inside);
    tell_all(found)
}

/// Tells what C was given and neither freed nor handed back.
#[cold]
fn tell_leaks() -> Result<(), Stop> {
    let inside = Reentry::enter();
    let leaked = retention::leaked();
    drop(inside);
    tell_all(leaked)
}

#[cold]
fn tell_all(found: Vec<Found>) -> Result<(), Stop> {
    let _inside = Reentry::enter();
    let mut found = found.into_iter();
    let outcome = found.by_ref().try_for_each(breach::tell);
    // One panic carries one report; the others come with the next call.
    untold::put_back(found.collect());
    outcome
}

/// The allocator found damage, while it was at work for the calling thread. It runs inside the
/// allocator, which cannot unwind.
fn told_by_the_heap(found: Vec<heap::finding::Damaged>) {
    let found: Vec<_> = found.into_iter().filter_map(damage::found).collect();
    let whose = if scopes::catching() { thread::id() } else { 0 };
    tell_without_unwinding(found, whose);
}

/// Has the heap tell what it finds, and the end of the process look at everything: whether or not a
/// guarded call is ever made.
pub(crate) fn have_the_heap_tell() {
    heap::finding::told_to(told_by_the_heap);
    settle_at_exit();
}

/// Tells of what was found inside the allocator, or where nothing can unwind: a denied violation is
/// printed and ends the process. What is `whose` thread's, which catches violations just now, waits
/// for the end of that instead.
///
/// None of the heap's locks may be held: the program's own report hook runs, and may allocate.
#[cold]
pub(super) fn tell_without_unwinding(mut found: Vec<Found>, whose: u32) {
    let _errno = Errno::keep();
    if level() < Level::Full || found.is_empty() {
        return;
    }
    if whose != 0 {
        found.iter_mut().for_each(|found| found.whose = whose);
        return untold::put_back(found);
    }
    let _inside = Reentry::enter();
    for found in found {
        // A hook that panics must not unwind through an allocator either.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| breach::tell(found)));
        if let Ok(Ok(())) = outcome {
            continue;
        }
        if let Ok(Err(Stop(violation))) = outcome {
            report::print(&violation);
        }
        process::write_stderr(
            b"ffi-guard: found inside the allocator, where unwinding is not possible; the process is aborted\n",
        );
        std::process::abort();
    }
}

/// Looks at every block for what was written where nobody had any business.
#[cold]
fn tell_damage() -> Result<(), Stop> {
    let inside = Reentry::enter();
    let found = damage::look_at_all();
    drop(inside);
    tell_all(found)
}

/// Settles every loan whose call was not looked after at once: C's memory is searched for what it
/// was lent and kept.
///
/// Every block of Rust's is looked at, for what was written behind it, before it, or into it after
/// it was freed: `buffer_overflow`, `use_after_free`.
///
/// What was given to C (`owned`) and neither taken back nor freed is told as well, once:
/// `leaked_ownership`, a warning by default.
///
/// From level 2 on; below, it does nothing. A place where a program's C should hold nothing of
/// Rust's, such as between two requests or at the end of a test, is the place to call it. What it
/// finds names the call that lent the memory.
///
/// Called by a callback, in the middle of a call of C's, it leaves everything to the next one: what
/// C holds just then may be gone when that call returns.
///
/// ```
/// ffi_guard::checkpoint();
/// ```
///
/// # Panics
/// With the report, where C holds a pointer that it was only lent and the rule is denied.
#[track_caller]
pub fn checkpoint() {
    if level() >= Level::Full
        && !thread::is_noting()
        && let Err(stop) = settle(false).and_then(|()| tell_damage()).and_then(|()| tell_leaks())
    {
        raise(stop, true);
    }
}

/// Has the process settle what is left when it ends; asked for with the first note, or pin.
#[inline]
pub(crate) fn settle_at_exit() {
    extern "C" fn last() {
        if level() < Level::Full {
            return;
        }
        let mut denied = false;
        // Each `Err` is one violation that cannot unwind any more: it is printed, and the process
        // aborts in the end.
        while let Err(Stop(violation)) = settle(true).and_then(|()| tell_damage()).and_then(|()| tell_leaks()) {
            denied = true;
            report::print(&violation);
        }
        if denied {
            process::write_stderr(
                b"ffi-guard: found at exit, where unwinding is not possible; the process is aborted\n",
            );
            std::process::abort();
        }
    }
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| process::at_exit(last));
}
