//! What the end of a guarded call has to do, as its beginning decides it.

use std::ops::Range;
use std::panic::Location;

use super::breach::Stop;
use super::copies::{self, Copies};
use super::entry::Entry;
use super::loans::Loans;
use super::pending::{Exit, Pending};
use super::quick::{self, Glance};
use super::raise::raise;
use super::watch::Watch;
use super::{brief, canary, counted, first, late, log, noted};
use crate::call::argument::Argument;
use crate::call::declaration::{Function, Standing};
use crate::call::site::Site;
use crate::call::thread;
use crate::level::{self, Level};
use crate::platform::process::Errno;
use crate::reentry::{self, Reentry};
use crate::retention::{self, lent_by, untold};
use crate::stats::call::Token;

/// What is left to do when C has returned, and what that needs.
#[derive(Debug)]
pub(super) enum After {
    /// Nothing: the call is not checked.
    Nothing,
    /// It is brief.
    Brief(brief::Kept),
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

impl After {
    /// What the call's end has to look at.
    ///
    /// # Safety
    /// - As for [`Crossing::enter`](super::crossing::Crossing::enter).
    #[track_caller]
    #[inline(always)]
    pub(super) unsafe fn of_entry(function: &'static Function, arguments: &[Argument], loans: &mut Loans) -> After {
        let standing = function.standing();
        if standing == Standing::LeftOut && !level::counts_by_now() {
            return After::Nothing;
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
                        return After::Result;
                    }
                }
                Some(true) if !untold::is_any() => {
                    // SAFETY: as promised by the caller.
                    let glance = unsafe { quick::glance::<true>(function, arguments, loans) };
                    if quick::is_noted(function, glance) && canary::are_whole(arguments, loans) {
                        let site = Site { function, location: Location::caller() };
                        return After::Note(noted::begin(&site, arguments, loans));
                    }
                }
                _ => {}
            }
        }
        // SAFETY: as promised by the caller.
        unsafe { After::of_close_look(function, arguments, Location::caller(), loans) }
    }

    /// # Safety
    /// - As for [`Crossing::enter`](super::crossing::Crossing::enter).
    #[track_caller]
    #[inline(never)]
    unsafe fn of_close_look(
        function: &'static Function,
        arguments: &[Argument],
        location: &'static Location<'static>,
        loans: &mut Loans,
    ) -> After {
        if level::counts() {
            // SAFETY: as promised by the caller.
            return unsafe { counted::enter(function, arguments, location, loans) };
        }
        // SAFETY: as promised by the caller.
        match unsafe { After::of_rules(function, arguments, location) } {
            Ok(after) => after,
            // No closure: the panic is said to be where this was called from.
            Err(stop) => {
                raise(stop, !function.declaration.keep_abi);
                After::Nothing
            }
        }
    }

    /// # Safety
    /// - As for [`Crossing::enter`](super::crossing::Crossing::enter).
    #[inline]
    pub(super) unsafe fn of_rules(
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

    /// Of a call that C unwinds out of: what was begun is undone.
    pub(super) fn abandon(self) {
        match self {
            After::Nothing | After::Result | After::Bound => {}
            After::Brief(kept) if kept.is_full() => drop(kept.call::<true>()),
            After::Brief(kept) => drop(kept.call::<false>()),
            After::Counted(token) => {
                let (after, _call) = counted::back(token);
                after.abandon();
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
                    copies.abandon().abandon();
                }
            }
        }
    }
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
