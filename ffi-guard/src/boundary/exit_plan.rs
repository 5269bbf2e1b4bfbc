//! The work that the exit of a guarded call has to do, as its entry decides. A fast call comes here
//! only if statistics time it.

use std::panic::Location;

use super::copies::CopiesHandle;
use super::fast_path::FastWords;
use super::loans::Loans;
use super::parked::{self, PanicScope};
use super::thread_affinity;
use super::watched_call::Watched;
use crate::answers::filled;
use crate::answers::promised;
use crate::answers::result;
use crate::answers::written::{self, Before};
use crate::call::argument::{Argument, Passing};
use crate::call::declaration::Function;
use crate::call::site::Site;
use crate::call::thread;
use crate::delivery::breach::Stop;
use crate::delivery::deferred;
use crate::delivery::raise::raise;
use crate::platform::process::Errno;
use crate::reentry::Reentry;
use crate::retention;
use crate::rules::invalid_value;
use crate::stats::call::{self, TimedCall, Token};

/// Work that is left when C has returned. Each part is done if it is there.
#[derive(Debug)]
pub(super) struct ExitPlan {
    /// True if what C returns and hands out is checked; false if the call is not checked.
    pub(super) looks: bool,
    /// Every argument was in order and no look is due: the loans are noted.
    pub(super) fast: FastWords,
    /// From level 2 on: the loans are looked for.
    pub(super) watched: Option<Watched>,
    /// Copies that C works on.
    pub(super) copies: Option<CopiesHandle>,
    /// Timing, if statistics are on.
    pub(super) timing: Option<Token>,
}

impl ExitPlan {
    /// Plan of a call that is not checked.
    pub(super) const NOTHING: ExitPlan =
        ExitPlan { looks: false, fast: FastWords::NONE, watched: None, copies: None, timing: None };

    /// Plan of a call of which only what C returns, and hands out to this thread alone, is checked.
    pub(super) const LOOKS: ExitPlan = ExitPlan { looks: true, ..ExitPlan::NOTHING };

    /// Checks, after C returned, what it was lent, what it handed out and what it returns. `place`:
    /// address of what C returned, of the declared type; null if that is nothing.
    #[track_caller]
    #[inline(never)]
    pub(super) fn leave(
        self,
        scope: &mut PanicScope,
        function: &'static Function,
        (arguments, loans, before): (&[Argument], &Loans, &Before),
        (result, place): (&Argument, *const ()),
    ) {
        let ExitPlan { looks, fast, watched, copies, timing } = self;
        let frame = std::ptr::from_ref(loans).addr();
        // Its drop marks the end.
        let _timed = timing.and_then(|token| {
            back_from_c(
                token,
                looks && result.passing != Passing::Scalar || fast.is_some() || watched.is_some() || copies.is_some(),
            )
        });
        if fast.is_some() {
            return match fast.is_full() {
                true => fast.call::<true>().exit_at(frame, function, loans, || arguments, || *result),
                false => fast.call::<false>().exit_at(frame, function, loans, || arguments, || *result),
            };
        }
        let site = Site { function, location: Location::caller() };
        let settle = || settle(&site, watched, copies, arguments);
        if scope.end() {
            parked::resume(function, settle());
        }
        if looks && function.binds() {
            thread_affinity::record_results(&site, arguments, result);
        }
        let outcome = settle().and_then(|()| match looks {
            // The conditions are asked of a value alone.
            true => {
                let place = if invalid_value::is_value(result) { place } else { std::ptr::null() };
                result::check_value(&site, result)
                    .and_then(|()| filled::check(&site, arguments, place))
                    .and_then(|()| written::check(&site, arguments, before, place))
                    .and_then(|()| result::check(&site, arguments, result, frame))
                    .and_then(|()| promised::check_if(&site, arguments, result, place))
            }
            false => Ok(()),
        });
        if let Err(stop) = outcome {
            raise(stop, !function.declaration.keep_abi);
        }
    }

    /// Undoes what entry began, when C unwinds through the call.
    pub(super) fn abandon(self) {
        let ExitPlan { looks: _, fast, watched, copies, timing } = self;
        if let Some(copies) = copies.and_then(|copies| ended(|| copies.end())) {
            copies.abandon();
        }
        let _timed = timing.and_then(|token| back_from_c(token, false));
        abandon_watched(watched);
        fast.abandon();
    }

    /// Ends the plan before C runs and does not return. Returns the fast call, which the wrapper's
    /// frame keeps until C unwinds through it.
    pub(super) fn never_returns(self) -> FastWords {
        let ExitPlan { looks: _, fast, watched, copies, timing } = self;
        if let Some(copies) = copies.and_then(|copies| ended(|| copies.end())) {
            // C got none of them.
            copies.abandon();
        }
        if let Some(call) = timing.and_then(call::find) {
            call.never_comes_back();
        }
        abandon_watched(watched);
        fast
    }
}

/// Records that C has returned to a timed call, or unwinds through it. `checks`: the time that
/// follows counts as checks.
#[cold]
fn back_from_c(token: Token, checks: bool) -> Option<TimedCall> {
    let call = call::find(token)?;
    call.back_from_c();
    if checks {
        call.checks_go_on();
    }
    Some(call)
}

/// Follows up the loans: of the originals, if C worked on copies.
fn settle(
    site: &Site,
    watched: Option<Watched>,
    copies: Option<CopiesHandle>,
    arguments: &[Argument],
) -> Result<(), Stop> {
    let leave_watched = |watched: Option<Watched>| {
        let Some(watched) = watched else { return Ok(()) };
        let _errno = Errno::keep();
        let _inside = Reentry::enter();
        thread::with_room(|| {
            if let Some(call) = watched.end() {
                call.finish(site, arguments)?;
            }
            deferred::settle_if_due()
        })
    };
    match copies.map(|copies| ended(|| copies.end())) {
        None => leave_watched(watched),
        // The call was taken for gone, and its copies were dropped.
        Some(None) => {
            abandon_watched(watched);
            Ok(())
        }
        Some(Some(copies)) => {
            let _errno = Errno::keep();
            copies.settle(site, arguments, &thread::callers_stack(site), |found| match found {
                Ok(()) => leave_watched(watched),
                Err(stop) => {
                    abandon_watched(watched);
                    Err(stop)
                }
            })
        }
    }
}

/// Ends what the guard's own memory keeps of a call.
fn ended<T>(end: impl FnOnce() -> Option<T>) -> Option<T> {
    let _errno = Errno::keep();
    let _inside = Reentry::enter();
    end()
}

fn abandon_watched(watched: Option<Watched>) {
    if let Some(watched) = watched {
        let _errno = Errno::keep();
        let _inside = Reentry::enter();
        drop(watched.end());
        retention::release_held_back();
    }
}
