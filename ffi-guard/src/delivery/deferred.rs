//! Delivers what sweeps find: at the exit of a call, at a checkpoint, at the end of the process.

use std::sync::Once;

use super::breach::{self, Stop};
use super::raise::raise;
use crate::call::loan::Loan;
use crate::call::scopes;
use crate::call::thread::{self, Wrapper};
use crate::facts::{Memory, Violation};
use crate::heap;
use crate::level::{Level, level};
use crate::platform::process::{self, Errno};
use crate::reentry::Reentry;
use crate::report::{self, until_catch_ends};
use crate::retention::{self, Found, damage, stack_loans, untold};
use crate::scan;

/// Settles the notes, if there are enough, and reports what was found inside the allocator.
#[inline]
pub(crate) fn settle_if_due() -> Result<(), Stop> {
    if is_due() { settle_what_is_due() } else { Ok(()) }
}

/// True if [`settle_if_due`] has something to do.
#[inline(always)]
pub(crate) fn is_due() -> bool {
    retention::is_due() && !thread::is_noting()
}

#[cold]
fn settle_what_is_due() -> Result<(), Stop> {
    if !thread::is_in_call() {
        let inside = Reentry::enter();
        untold::leave(retention::settle_held_back);
        drop(inside);
    }
    if retention::are_many() { settle(false) } else { tell_untold() }
}

/// Reports what was found inside the allocator. Not while a panic unwinds: a violation raised by a
/// destructor's frees or calls would turn it into an abort.
#[inline]
pub(crate) fn tell_untold() -> Result<(), Stop> {
    if untold::is_any() && !std::thread::panicking() { tell_all(untold::take(false)) } else { Ok(()) }
}

/// Reports variables on the stack that C holds by right and that are gone, for a caller whose frame
/// begins at `callers`.
pub(crate) fn tell_left(callers: usize) -> Result<(), Stop> {
    if !stack_loans::may_be_left(callers) || std::thread::panicking() {
        return Ok(());
    }
    let _inside = Reentry::enter();
    let mut left = stack_loans::take_left(callers).into_iter();
    let outcome = left.by_ref().try_for_each(|lent| {
        let Some(finding) = stack_loans::judge(&lent) else { return Ok(()) };
        let Loan { address, extent, .. } = lent.note.loan;
        let memory = Memory::Stack { address, size: extent, thread: lent.note.thread };
        breach::breach_of_note(&lent.note, finding, memory, Vec::new())
    });
    // One panic carries one report; the others wait for the next call.
    let rest: Vec<_> = left.collect();
    if !rest.is_empty() {
        stack_loans::put_back(rest);
    }
    outcome
}

/// Reports what is gone below the frame of the function that called this one, or that it was
/// inlined into. Never inlined itself: its own frame tells where that one begins.
#[inline(never)]
fn tell_left_below() -> Result<(), Stop> {
    let local = 0_u8;
    let frame = std::hint::black_box(&raw const local).addr();
    if thread::lowest_kept() == usize::MAX {
        return Ok(());
    }
    tell_left(scan::callers_frame(Wrapper { arguments: frame, callers: 0 }).unwrap_or(frame))
}

/// Reports at the end of `catch` what its body freed, or left on the stack, while `catch` can still
/// return it.
pub(crate) fn tell_at_end() {
    if level() < Level::Full {
        return;
    }
    let untold = || if untold::is_any() { tell_untold() } else { Ok(()) };
    if let Err(stop) = untold().and_then(|()| tell_left_below()) {
        raise(stop, true);
    }
}

#[cold]
fn settle(everything: bool) -> Result<(), Stop> {
    let inside = Reentry::enter();
    let search = || {
        let mut found = untold::take(everything);
        if !thread::is_in_call() {
            found.extend(retention::settle_held_back());
        }
        found.extend(retention::sweep());
        found
    };
    let found = if everything { search() } else { untold::mine(search) };
    drop(inside);
    tell_all(found)
}

/// Reports what was given to C and neither freed nor handed back.
#[cold]
fn tell_leaks() -> Result<(), Stop> {
    let inside = Reentry::enter();
    let leaked = untold::mine(retention::leaked);
    drop(inside);
    tell_all(leaked)
}

/// Reports, at the end of the process, what C was lent and nothing leads to any more. `frame`: an
/// address of the stack, above which the frames of the program are.
#[cold]
fn tell_lost(frame: usize) -> Result<(), Stop> {
    let inside = Reentry::enter();
    let lost = retention::lost(frame);
    drop(inside);
    tell_all(lost)
}

#[cold]
fn tell_all(found: Vec<Found>) -> Result<(), Stop> {
    let _inside = Reentry::enter();
    let mut found = found.into_iter();
    let outcome = found.by_ref().try_for_each(breach::tell);
    // One panic carries one report; the others wait for the next call.
    untold::put_back(found.collect());
    outcome
}

/// Reports damage that the allocator found while working for the calling thread. Runs inside the
/// allocator, which cannot unwind.
fn told_by_the_heap(found: Vec<heap::finding::Damaged>) {
    let found: Vec<_> = found.into_iter().filter_map(damage::found).collect();
    let whose = scopes::recipient();
    tell_without_unwinding(found, whose);
}

/// Makes the heap report what it finds, and the end of the process check everything, even if no
/// guarded call is ever made.
pub(crate) fn have_the_heap_tell() {
    heap::finding::told_to(told_by_the_heap);
    settle_at_exit();
}

/// Reports what was found inside the allocator, or elsewhere that cannot unwind: a denied violation
/// is printed and ends the process. If thread `whose` is inside `catch` or a test (0: none), its
/// findings wait until that ends.
///
/// None of the heap's locks may be held: the program's own report hook runs, and may allocate.
#[cold]
pub(crate) fn tell_without_unwinding(mut found: Vec<Found>, whose: u32) {
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
        report::abort();
    }
}

/// Checks every block for stray writes.
#[cold]
fn tell_damage() -> Result<(), Stop> {
    let inside = Reentry::enter();
    let found = untold::mine(damage::look_at_all);
    drop(inside);
    tell_all(found)
}

/// Settles every loan that was only noted: searches C's memory for what it was lent and kept.
///
/// Every Rust block is checked for writes after its end, before its start, or after it was freed:
/// `buffer_overflow`, `use_after_free`.
///
/// What was given to C (`owned`) and neither taken back nor freed is reported as well, once:
/// `leaked_ownership`, a warning by default.
///
/// Below level 2 it does nothing. Call it where the program's C should hold nothing of Rust's, such
/// as between two requests or at the end of a test. Its reports name the call that lent the memory.
///
/// Called by a callback, inside a call to C, it leaves everything to the next checkpoint: what C
/// holds at that moment may be gone when the call returns.
///
/// ```
/// ffi_guard::checkpoint();
/// ```
///
/// # Panics
/// With the report, if C holds a pointer that it was only lent and the rule is denied.
#[track_caller]
pub fn checkpoint() {
    if level() >= Level::Full
        && !thread::is_noting()
        && let Err(stop) =
            tell_left_below().and_then(|()| settle(false)).and_then(|()| tell_damage()).and_then(|()| tell_leaks())
    {
        raise(stop, true);
    }
}

/// Settles what the calling thread's open test has left. Returns what is denied: all of it, where a
/// checkpoint has one panic and leaves the rest to the next.
pub(crate) fn settle_test() -> Vec<Violation> {
    let mut denied = Vec::new();
    if level() >= Level::Full && !thread::is_noting() {
        while let Err(Stop(violation)) = settle(false).and_then(|()| tell_damage()).and_then(|()| tell_leaks()) {
            denied.push(*violation);
        }
    }
    denied.extend(until_catch_ends::take_all().into_iter().map(|violation| *violation));
    denied
}

/// Makes the process settle the rest when it ends; called with the first note or pin.
#[inline]
pub(crate) fn settle_at_exit() {
    extern "C" fn last() {
        if level() < Level::Full {
            return;
        }
        untold::end_all_tests();
        let frame = 0_u8;
        tell_the_rest((&raw const frame).addr());
    }
    /// Not inlined: its frame and those below are the guard's, and may hold addresses of blocks.
    #[inline(never)]
    fn tell_the_rest(frame: usize) {
        let mut denied = false;
        // Each `Err` is one violation that can no longer unwind: it is printed, and the process
        // aborts in the end.
        let tell =
            || settle(true).and_then(|()| tell_damage()).and_then(|()| tell_leaks()).and_then(|()| tell_lost(frame));
        while let Err(Stop(violation)) = tell() {
            denied = true;
            report::print(&violation);
        }
        if denied {
            process::write_stderr(
                b"ffi-guard: found at exit, where unwinding is not possible; the process is aborted\n",
            );
            report::abort();
        }
    }
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| process::at_exit(last));
}
