//! The end of a guarded call: what it lent is settled, what C handed out and returned is looked at.

use std::panic::{self, Location};

use super::after::After;
use super::argument::Argument;
use super::breach::{Site, Stop};
use super::declaration::Function;
use super::loans::Loans;
use super::pending::Exit;
use super::raise::raise;
use super::{counted, late, noted, parked, result, thread, thread_affinity};
use crate::platform::process::Errno;
use crate::reentry::Reentry;
use crate::report;

/// The exit of a call in which a callback panicked: what was lent is settled, and the panic goes on.
#[track_caller]
#[cold]
pub(super) fn resume(after: After, function: &'static Function, arguments: &[Argument], loans: &Loans) -> ! {
    let site = Site { function, location: Location::caller() };
    if let Err(Stop(violation)) = settle_lent(&site, after, arguments, loans) {
        // The panic came first, and there is one way out only.
        report::print(&violation);
    }
    match parked::take() {
        Some(payload) if !function.declaration.keep_abi => panic::resume_unwind(payload),
        Some(payload) => parked::end_process(format_args!(
            "a callback panicked ({}), which cannot go on from `{}`: it is declared `keep_abi`",
            parked::message(&payload),
            function.declaration.name
        )),
        None => unreachable!("asked for where a panic is parked"),
    }
}

/// The exit itself, out of the wrapper's way.
#[track_caller]
#[inline(never)]
pub(super) fn leave(
    after: After,
    function: &'static Function,
    (arguments, loans): (&[Argument], &Loans),
    result: &Argument,
) {
    let site = Site { function, location: Location::caller() };
    match after {
        After::Counted(token) => counted::leave(token, &site, arguments, loans, result),
        after => finish(&site, after, arguments, loans, result),
    }
}

/// The same of the commonest call that lends something, on few registers.
#[track_caller]
#[inline(never)]
pub(super) fn leave_noted(
    underway: noted::Underway,
    function: &'static Function,
    (arguments, loans): (&[Argument], &Loans),
    result: &Argument,
) {
    let site = Site { function, location: Location::caller() };
    if function.binds() {
        thread_affinity::record_results(&site, arguments, result);
    }
    let outcome = noted::end(underway, &site, arguments, loans);
    let outcome = outcome.and_then(|()| late::settle_if_due()).and_then(|()| result::check(&site, result));
    if let Err(stop) = outcome {
        raise(stop, !function.declaration.keep_abi);
    }
}

/// C has returned: what it was lent, what it handed out and what it returns are looked at.
#[inline]
#[track_caller]
pub(super) fn finish(site: &Site, after: After, arguments: &[Argument], loans: &Loans, result: &Argument) {
    let function = site.function;
    if function.binds() {
        thread_affinity::record_results(site, arguments, result);
    }
    let outcome = settle_lent(site, after, arguments, loans);
    if let Err(stop) = outcome.and_then(|()| result::check(site, result)) {
        raise(stop, !function.declaration.keep_abi);
    }
}

/// C has returned: what it was lent is looked for, or noted.
fn settle_lent(site: &Site, after: After, arguments: &[Argument], loans: &Loans) -> Result<(), Stop> {
    match after {
        After::Nothing | After::Result | After::Bound | After::Brief(..) => Ok(()),
        After::Counted(token) => {
            let (after, _call) = counted::back(token);
            settle_lent(site, after, arguments, loans)
        }
        After::Note(underway) => {
            noted::end(underway, site, arguments, loans)?;
            late::settle_if_due()
        }
        After::Watch(exit) => leave_watched(site, exit, arguments),
        After::Copies(underway) => {
            let _errno = Errno::keep();
            match underway.end() {
                Some(copies) => copies.settle(site, arguments, &thread::callers_stack(site), |then| {
                    settle_lent(site, then, arguments, loans)
                }),
                None => Ok(()),
            }
        }
    }
}

fn leave_watched(site: &Site, exit: Exit, arguments: &[Argument]) -> Result<(), Stop> {
    let _errno = Errno::keep();
    let _inside = Reentry::enter();
    if let Some(pending) = exit.end() {
        pending.finish(site, arguments)?;
    }
    late::settle_if_due()
}
