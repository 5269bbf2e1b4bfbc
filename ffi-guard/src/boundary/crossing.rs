//! A call from Rust into C, from entry to exit.

use std::panic::{self, Location};

use super::argument::{Argument, Passing};
use super::bound;
use super::breach::{Site, Stop};
use super::declaration::{Function, Standing};
use super::entry::Entry;
use super::parked::{self, Underway};
use super::pending::{Exit, Pending};
use super::quick::{self, Glance};
use super::raise::raise;
use super::watch::Watch;
use super::{canary, counted, late, lent_by, log, noted, result, snapshot, thread};
use crate::config;
use crate::level::{self, Level};
use crate::paged;
use crate::platform::process::Errno;
use crate::reentry::{self, Reentry};
use crate::report;
use crate::retention::{self, untold};
use crate::rule::{Rule, Severity};
use crate::stats::call::Token;

/// A guarded call under way: what is looked at when it has returned. Small, so that it is handed over in registers.
#[derive(Debug)]
pub struct Crossing(After);

#[derive(Debug)]
pub(super) enum After {
    /// Nothing: the call is not checked.
    Nothing,
    /// What C returns.
    Result,
    /// The same, and what it handed out to this thread alone.
    Bound,
    /// The same; and, from level 2 on, every argument was in order and no look is due: what was lent is noted.
    Note(noted::Underway),
    /// The same; and, from level 2 on, what was lent is looked for.
    Watch(Exit),
    /// Statistics are on: it is timed, and what else is to be done is kept with that.
    Counted(Token),
}

impl Crossing {
    /// Checks what Rust hands over.
    ///
    /// # Safety
    /// - Each pointer argument is what the declaration's type says it is: where it leads to Rust memory, that memory may
    ///   be read for the length of the call.
    ///
    /// # Panics
    /// With the report, where a rule that is denied is broken.
    #[track_caller]
    #[inline(never)]
    #[must_use]
    pub unsafe fn enter(function: &'static Function, arguments: &[Argument]) -> Crossing {
        // The common call, on few registers and a small frame: every argument is plainly in order.
        if function.standing() == Standing::Checked && !reentry::inside() {
            // SAFETY: as promised by the caller.
            let glance = unsafe { quick::glance(function, arguments, level::checks_fully()) };
            if glance != Glance::Unclear && level::checked_is(Level::Arguments) {
                if glance == Glance::Lends && lent_by::is_on() {
                    lent_by::note_all(arguments, &Site { function, location: Location::caller() });
                }
                return Crossing(After::Result);
            }
            if level::checks_fully()
                && !untold::is_any()
                && quick::is_noted(function, glance)
                && canary::are_whole(arguments)
            {
                let site = Site { function, location: Location::caller() };
                return Crossing(After::Note(noted::begin(&site, arguments)));
            }
        }
        // SAFETY: as promised by the caller.
        unsafe { Crossing::look_closely(function, arguments, Location::caller()) }
    }

    /// # Safety
    /// - As for [`Crossing::enter`].
    #[track_caller]
    #[inline(never)]
    unsafe fn look_closely(
        function: &'static Function,
        arguments: &[Argument],
        location: &'static Location<'static>,
    ) -> Crossing {
        if level::counts() {
            // SAFETY: as promised by the caller.
            return unsafe { counted::enter(function, arguments, location) };
        }
        // SAFETY: as promised by the caller.
        match unsafe { Crossing::begin(function, arguments, location) } {
            Ok(after) => Crossing(after),
            Err(stop) => {
                raise(stop, !function.declaration.keep_abi);
                Crossing(After::Nothing)
            }
        }
    }

    /// # Safety
    /// - As for [`Crossing::enter`].
    #[inline]
    pub(super) unsafe fn begin(
        function: &'static Function,
        arguments: &[Argument],
        location: &'static Location<'static>,
    ) -> Result<After, Stop> {
        let level = level::level();
        if level == Level::Off || reentry::inside() {
            return Ok(After::Nothing);
        }
        match function.standing() {
            Standing::Checked => {}
            Standing::LeftOut => return Ok(After::Nothing),
            Standing::Traced => log::entry(function, arguments, location),
            Standing::Unsettled => {
                if settle(function, arguments, location) == Standing::LeftOut {
                    return Ok(After::Nothing);
                }
            }
        }
        let site = Site { function, location };
        let stack = thread::callers_stack(&site);
        if level < Level::Full {
            // SAFETY: as promised by the caller.
            unsafe { Entry { site, arguments, stack, watch: None }.check() }?;
            if lent_by::is_on() {
                lent_by::note_all(arguments, &site);
            }
            return Ok(if function.binds() { After::Bound } else { After::Result });
        }
        let _errno = Errno::keep();
        // What was found inside the allocator is told before C runs again, and could use what is freed.
        late::tell_untold()?;
        let crossings = thread::count_crossing();
        let mut watch = Watch::default();
        // SAFETY: as promised by the caller.
        unsafe { Entry { site, arguments, stack, watch: Some(&mut watch) }.check() }?;
        watch.begin(&site, arguments, crossings)?;
        let _inside = Reentry::enter();
        let frame = std::ptr::from_ref(&site).addr();
        Ok(After::Watch(Exit::begin(Pending::new(&site, watch, frame, crossings, retention::sample()))))
    }

    /// Checks what C did, and what it returned. Called with what [`enter`](Crossing::enter) was called with.
    ///
    /// # Panics
    /// With the report, where a rule that is denied is broken.
    #[track_caller]
    #[inline(always)]
    pub fn exit(self, function: &'static Function, arguments: &[Argument], result: Argument, underway: Underway) {
        if underway.end() {
            self.resume(function, arguments);
        }
        match self.0 {
            After::Nothing => std::mem::forget(self),
            After::Result if result.passing == Passing::Scalar => std::mem::forget(self),
            _ => self.leave(function, arguments, &result),
        }
    }

    /// The exit itself, out of the wrapper's way.
    #[track_caller]
    #[inline(never)]
    fn leave(mut self, function: &'static Function, arguments: &[Argument], result: &Argument) {
        let site = Site { function, location: Location::caller() };
        match std::mem::replace(&mut self.0, After::Nothing) {
            After::Counted(token) => counted::leave(token, &site, arguments, result),
            after => finish(&site, after, arguments, result),
        }
    }

    /// The exit of a call in which a callback panicked: what was lent is settled, and the panic goes on.
    #[track_caller]
    #[cold]
    fn resume(mut self, function: &'static Function, arguments: &[Argument]) -> ! {
        let site = Site { function, location: Location::caller() };
        let after = std::mem::replace(&mut self.0, After::Nothing);
        if let Err(Stop(violation)) = settle_lent(&site, after, arguments) {
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

    /// For a function that never returns: nothing is left to check.
    pub fn never_returns(mut self) {
        if let After::Counted(token) = self.0 {
            self.0 = After::Nothing;
            counted::never_returns(token);
        }
    }

    /// Of a call that is not checked.
    pub(super) fn unchecked() -> Crossing {
        Crossing(After::Nothing)
    }

    pub(super) fn of(after: After) -> Crossing {
        Crossing(after)
    }
}

/// A call that C unwinds out of.
impl Drop for Crossing {
    #[inline]
    fn drop(&mut self) {
        match std::mem::replace(&mut self.0, After::Nothing) {
            After::Nothing | After::Result | After::Bound => {}
            After::Counted(token) => {
                let (after, _call) = counted::back(token);
                drop(Crossing(after));
            }
            After::Note(underway) => {
                noted::abandon(underway);
                retention::release_held_back();
            }
            After::Watch(exit) => {
                let _errno = Errno::keep();
                let _inside = Reentry::enter();
                drop(exit.end());
                retention::release_held_back();
            }
        }
    }
}

/// C has returned: what it was lent, what it handed out and what it returns are looked at.
#[inline]
#[track_caller]
pub(super) fn finish(site: &Site, after: After, arguments: &[Argument], result: &Argument) {
    let function = site.function;
    if function.binds() {
        bound::record(site, arguments, result);
    }
    let outcome = settle_lent(site, after, arguments);
    if let Err(stop) = outcome.and_then(|()| result::check(site, result)) {
        raise(stop, !function.declaration.keep_abi);
    }
}

/// C has returned: what it was lent is looked for, or noted.
fn settle_lent(site: &Site, after: After, arguments: &[Argument]) -> Result<(), Stop> {
    match after {
        After::Nothing | After::Result | After::Bound => Ok(()),
        After::Counted(token) => {
            let (after, _call) = counted::back(token);
            settle_lent(site, after, arguments)
        }
        After::Note(underway) => {
            noted::end(underway, site, arguments)?;
            late::settle_if_due()
        }
        After::Watch(exit) => leave_watched(site, exit, arguments),
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

/// The first crossing of a function: finds out what the settings make of it.
#[cold]
pub(super) fn settle(
    function: &'static Function,
    arguments: &[Argument],
    location: &'static Location<'static>,
) -> Standing {
    paged::watch();
    let settings = config::settings();
    let standing = if !settings.checks_crate(function.krate()) {
        Standing::LeftOut
    } else if settings.traces(function.declaration.name) {
        log::entry(function, arguments, location);
        Standing::Traced
    } else {
        Standing::Checked
    };
    let site = Site { function, location };
    let mut parameters = function.declaration.parameters.iter().enumerate();
    let lets_keep = parameters.any(|(index, parameter)| {
        let contract = parameter.contract;
        contract.is_retained()
            || contract.is_owned()
            || site.severity(Rule::RetainedPointer, Some(index)) == Severity::Allow
    });
    let compares = !function.declaration.callback && snapshot::compares(&site, arguments);
    function.settle(standing, lets_keep, bound::binds(function.declaration), compares);
    standing
}
