//! A call from Rust into C, from entry to exit.

use std::ops::Range;
use std::panic::{self, Location};

use super::argument::{Argument, Passing};
use super::bound;
use super::breach::{Site, Stop};
use super::copies::{self, Copies};
use super::declaration::{Function, Standing};
use super::entry::Entry;
use super::loans::Loans;
use super::parked::{self, Underway};
use super::pending::{Exit, Pending};
use super::quick::{self, Glance};
use super::raise::raise;
use super::watch::Watch;
use super::{canary, counted, first, late, lent_by, log, noted, result, thread};
use crate::level::{self, Level};
use crate::platform::process::Errno;
use crate::reentry::{self, Reentry};
use crate::report;
use crate::retention::{self, untold};
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
    /// One of the others; and C works on copies.
    Copies(copies::Underway),
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
    pub unsafe fn enter(function: &'static Function, arguments: &[Argument], loans: &mut Loans) -> Crossing {
        let standing = function.standing();
        if standing == Standing::LeftOut && !level::counts_by_now() {
            return Crossing(After::Nothing);
        }
        // What is common and not brief: every argument is plainly in order.
        if standing == Standing::Checked && !reentry::inside() {
            match level::checked() {
                Some(false) => {
                    // SAFETY: as promised by the caller.
                    let glance = unsafe { quick::glance::<false>(function, arguments, loans) };
                    if glance != Glance::Unclear {
                        if glance == Glance::LendsARun && lent_by::is_on() {
                            lent_by::note_all(arguments, &Site { function, location: Location::caller() });
                        }
                        return Crossing(After::Result);
                    }
                }
                Some(true) if !untold::is_any() => {
                    // SAFETY: as promised by the caller.
                    let glance = unsafe { quick::glance::<true>(function, arguments, loans) };
                    if quick::is_noted(function, glance) && canary::are_whole(arguments, loans) {
                        let site = Site { function, location: Location::caller() };
                        return Crossing(After::Note(noted::begin(&site, arguments, loans)));
                    }
                }
                _ => {}
            }
        }
        // SAFETY: as promised by the caller.
        unsafe { Crossing::look_closely(function, arguments, Location::caller(), loans) }
    }

    /// # Safety
    /// - As for [`Crossing::enter`].
    #[track_caller]
    #[inline(never)]
    unsafe fn look_closely(
        function: &'static Function,
        arguments: &[Argument],
        location: &'static Location<'static>,
        loans: &mut Loans,
    ) -> Crossing {
        if level::counts() {
            // SAFETY: as promised by the caller.
            return unsafe { counted::enter(function, arguments, location, loans) };
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
            Standing::Checked | Standing::Copies => {}
            Standing::LeftOut => return Ok(After::Nothing),
            Standing::Traced => log::entry(function, arguments, location),
            Standing::Unsettled => {
                if first::settle(function, arguments, location) == Standing::LeftOut {
                    return Ok(After::Nothing);
                }
            }
        }
        let site = Site { function, location };
        let stack = thread::callers_stack(&site);
        if level < Level::Full {
            // SAFETY: as promised by the caller.
            unsafe { Entry { site, arguments, stack: stack.clone(), watch: None }.check() }?;
            if lent_by::is_on() {
                lent_by::note_all(arguments, &site);
            }
            let copied = copies(&site, arguments, &stack);
            let after = if function.binds() { After::Bound } else { After::Result };
            return Ok(with_copies(copied, after, &site));
        }
        let _errno = Errno::keep();
        // What was found inside the allocator is told before C runs again, and could use what is freed.
        late::tell_untold()?;
        let crossings = thread::count_crossing();
        let mut watch = Watch::default();
        // SAFETY: as promised by the caller.
        unsafe { Entry { site, arguments, stack: stack.clone(), watch: Some(&mut watch) }.check() }?;
        let copied = copies(&site, arguments, &stack);
        watch.work_on(copied.iter().flat_map(Copies::ranges));
        watch.begin(&site, arguments, crossings)?;
        let _inside = Reentry::enter();
        let frame = std::ptr::from_ref(&site).addr();
        let exit = Exit::begin(Pending::new(&site, watch, frame, crossings, retention::sample()));
        Ok(with_copies(copied, After::Watch(exit), &site))
    }

    /// Whether C is to work on copies.
    #[inline(always)]
    #[must_use]
    pub fn is_copied(&self) -> bool {
        matches!(self.0, After::Copies(_))
    }

    /// What C gets for an argument: a pointer into its copy, where it has one.
    ///
    /// # Safety
    /// - `argument` is the one at this place of those that [`enter`](Crossing::enter) got.
    #[inline(always)]
    #[must_use]
    pub unsafe fn away<P>(&self, index: usize, argument: P) -> P {
        let After::Copies(underway) = &self.0 else { return argument };
        if size_of::<P>() != size_of::<usize>() {
            return argument;
        }
        match underway.away(index) {
            0 => argument,
            address => {
                std::mem::forget(argument);
                let pointer = std::ptr::with_exposed_provenance_mut::<()>(address);
                // SAFETY: only what `Passing` calls a pointer, and no `Box`, has a copy: a thin pointer or reference, or an `Option`
                // of one. The copy is as readable and as writable as what it is of, aligned for its type, and lives until the exit.
                unsafe { std::mem::transmute_copy::<*mut (), P>(&pointer) }
            }
        }
    }

    /// What C returned, with pointers into the original for those into a copy. `about`: the same, classified.
    ///
    /// # Safety
    /// - `about` is the result's.
    #[inline(always)]
    #[must_use]
    pub unsafe fn home<R>(&self, result: R, about: Argument) -> R {
        let After::Copies(underway) = &self.0 else { return result };
        match about.passing {
            Passing::Scalar => result,
            Passing::Const | Passing::Mut => match underway.home(about.address) {
                word if word == about.address || size_of::<R>() != size_of::<usize>() => result,
                word => {
                    std::mem::forget(result);
                    let pointer = std::ptr::with_exposed_provenance_mut::<()>(word);
                    // SAFETY: a thin pointer or reference, or an `Option` of one, not null before and not null now; it leads to
                    // what the copy was made of, as far in.
                    unsafe { std::mem::transmute_copy::<*mut (), R>(&pointer) }
                }
            },
            Passing::Value => {
                let mut result = result;
                // SAFETY: the result's own bytes, which hold no reference that is used before this returns.
                unsafe { underway.words_home((&raw mut result).expose_provenance(), size_of::<R>()) };
                result
            }
        }
    }

    /// Checks what C did, and what it returned. Called with what [`enter`](Crossing::enter) was called with.
    ///
    /// # Panics
    /// With the report, where a rule that is denied is broken.
    #[track_caller]
    #[inline(never)]
    pub fn exit(
        mut self,
        function: &'static Function,
        (arguments, loans): (&[Argument], &Loans),
        result: Argument,
        underway: Underway,
    ) {
        if underway.end() {
            self.resume(function, arguments, loans);
        }
        match std::mem::replace(&mut self.0, After::Nothing) {
            After::Nothing => {}
            After::Result if result.passing == Passing::Scalar => {}
            After::Note(underway) => leave_noted(underway, function, (arguments, loans), &result),
            after => leave(after, function, (arguments, loans), &result),
        }
        std::mem::forget(self);
    }

    /// The exit of a call in which a callback panicked: what was lent is settled, and the panic goes on.
    #[track_caller]
    #[cold]
    pub(super) fn resume(mut self, function: &'static Function, arguments: &[Argument], loans: &Loans) -> ! {
        let site = Site { function, location: Location::caller() };
        let after = std::mem::replace(&mut self.0, After::Nothing);
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

    /// For a function that never returns: nothing is left to check.
    pub fn never_returns(mut self) {
        let mut after = std::mem::replace(&mut self.0, After::Nothing);
        if let After::Copies(underway) = after {
            // C was given none of them.
            after = underway.end().map_or(After::Nothing, |copies| copies.abandon());
        }
        match after {
            After::Counted(token) => counted::never_returns(token),
            after => self.0 = after,
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
            After::Copies(underway) => {
                let _errno = Errno::keep();
                if let Some(copies) = underway.end() {
                    drop(Crossing(copies.abandon()));
                }
            }
        }
    }
}

/// The exit itself, out of the wrapper's way.
#[track_caller]
#[inline(never)]
fn leave(after: After, function: &'static Function, (arguments, loans): (&[Argument], &Loans), result: &Argument) {
    let site = Site { function, location: Location::caller() };
    match after {
        After::Counted(token) => counted::leave(token, &site, arguments, loans, result),
        after => finish(&site, after, arguments, loans, result),
    }
}

/// The same of the commonest call that lends something, on few registers.
#[track_caller]
#[inline(never)]
fn leave_noted(
    underway: noted::Underway,
    function: &'static Function,
    (arguments, loans): (&[Argument], &Loans),
    result: &Argument,
) {
    let site = Site { function, location: Location::caller() };
    if function.binds() {
        bound::record(&site, arguments, result);
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
        bound::record(site, arguments, result);
    }
    let outcome = settle_lent(site, after, arguments, loans);
    if let Err(stop) = outcome.and_then(|()| result::check(site, result)) {
        raise(stop, !function.declaration.keep_abi);
    }
}

/// C has returned: what it was lent is looked for, or noted.
fn settle_lent(site: &Site, after: After, arguments: &[Argument], loans: &Loans) -> Result<(), Stop> {
    match after {
        After::Nothing | After::Result | After::Bound => Ok(()),
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

/// Copies of what the call lends, where it, or the environment, asks for that.
#[inline]
fn copies(site: &Site, arguments: &[Argument], stack: &Range<usize>) -> Option<Copies> {
    if !site.function.copies() {
        return None;
    }
    let _errno = Errno::keep();
    copies::make(site, arguments, stack)
}

#[inline]
fn with_copies(copies: Option<Copies>, after: After, site: &Site) -> After {
    match copies {
        None => after,
        Some(copies) => After::Copies(copies::Underway::begin(copies, after, std::ptr::from_ref(site).addr())),
    }
}
