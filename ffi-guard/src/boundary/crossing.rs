//! A call from Rust into C, from entry to exit.

use std::ops::Range;
use std::panic::Location;

use super::argument::{Argument, Passing};
use super::breach::{Site, Stop};
use super::declaration::{Function, Standing};
use super::entry::Entry;
use super::raise::raise;
use super::watch::Watch;
use super::{log, quick, result, thread};
use crate::config;
use crate::level::{self, Level};
use crate::platform::process::Errno;
use crate::reentry;

/// A guarded call under way.
pub struct Crossing {
    /// `None` where nothing is checked.
    site: Option<Site>,
    /// From level 2 on, what to look at when the call has returned.
    exit: Option<Box<Exit>>,
}

/// What the exit of a call needs.
struct Exit {
    watch: Watch,
    /// Guarded calls of this thread up to and with this one: more of them at the exit means that Rust ran meanwhile.
    crossings: usize,
}

impl Crossing {
    const UNCHECKED: Crossing = Crossing { site: None, exit: None };

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
        let location = Location::caller();
        // The common call at level 1, on few registers and a small frame: every argument is plainly in order.
        if level::checked_is(Level::Arguments)
            && function.standing() == Standing::Checked
            && !reentry::inside()
            && quick::all_in_order(function, arguments)
        {
            return Crossing { site: Some(Site { function, location }), exit: None };
        }
        // SAFETY: as promised by the caller.
        unsafe { Crossing::look_closely(function, arguments, location) }
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
        // SAFETY: as promised by the caller.
        match unsafe { Crossing::begin(function, arguments, location) } {
            Ok(crossing) => crossing,
            Err(stop) => {
                raise(stop, !function.declaration.keep_abi);
                Crossing::UNCHECKED
            }
        }
    }

    /// # Safety
    /// - As for [`Crossing::enter`].
    #[inline]
    unsafe fn begin(
        function: &'static Function,
        arguments: &[Argument],
        location: &'static Location<'static>,
    ) -> Result<Crossing, Stop> {
        let level = level::level();
        if level == Level::Off || reentry::inside() {
            return Ok(Crossing::UNCHECKED);
        }
        match function.standing() {
            Standing::Checked => {}
            Standing::LeftOut => return Ok(Crossing::UNCHECKED),
            Standing::Traced => log::entry(function, arguments, location),
            Standing::Unsettled => {
                if settle(function, arguments, location) == Standing::LeftOut {
                    return Ok(Crossing::UNCHECKED);
                }
            }
        }
        let site = Site { function, location };
        let stack = callers_stack(&site);
        if level < Level::Full {
            // SAFETY: as promised by the caller.
            unsafe { Entry { site, arguments, stack, watch: None }.check() }?;
            return Ok(Crossing { site: Some(site), exit: None });
        }
        let _errno = Errno::keep();
        let crossings = thread::count_crossing();
        let mut watch = Watch::default();
        // SAFETY: as promised by the caller.
        unsafe { Entry { site, arguments, stack, watch: Some(&mut watch) }.check() }?;
        watch.begin(&site);
        let _inside = reentry::Reentry::enter();
        Ok(Crossing { site: Some(site), exit: Some(Box::new(Exit { watch, crossings })) })
    }

    /// Checks what C did, and what it returned.
    ///
    /// # Panics
    /// With the report, where a rule that is denied is broken.
    #[track_caller]
    #[inline(always)]
    pub fn exit(self, result: &Argument) {
        if let Some(site) = self.site
            && (self.exit.is_some() || result.passing != Passing::Scalar)
        {
            leave(site, self.exit, result);
        } else {
            // Nothing is left to drop: the compiler cannot see that, and would call the destructor to find out.
            std::mem::forget(self);
        }
    }

    /// For a function that never returns: nothing is left to check.
    pub fn never_returns(self) {}
}

/// The exit itself, out of the wrapper's way.
#[track_caller]
#[inline(never)]
fn leave(site: Site, exit: Option<Box<Exit>>, result: &Argument) {
    let errno = Errno::keep();
    let mut outcome = Ok(());
    if let Some(exit) = exit {
        let _inside = reentry::Reentry::enter();
        let Exit { watch, crossings } = *exit;
        outcome = watch.end(&site, thread::crossings() != crossings);
    }
    let outcome = outcome.and_then(|()| result::check(&site, result));
    drop(errno);
    if let Err(stop) = outcome {
        raise(stop, !site.function.declaration.keep_abi);
    }
}

/// The part of the calling thread's stack that belongs to the frames above the one that `local` is in.
#[inline]
fn callers_stack(local: &Site) -> Range<usize> {
    let frame = std::ptr::from_ref(local).addr();
    let stack = thread::stack();
    frame.max(stack.start)..stack.end
}

impl std::fmt::Debug for Crossing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let function = self.site.map(|site| site.function.declaration.name);
        f.debug_struct("Crossing").field("function", &function).finish_non_exhaustive()
    }
}

/// The first crossing of a function: finds out what the settings make of it.
#[cold]
fn settle(function: &'static Function, arguments: &[Argument], location: &'static Location<'static>) -> Standing {
    let settings = config::settings();
    let standing = if !settings.checks_crate(function.krate()) {
        Standing::LeftOut
    } else if settings.traces(function.declaration.name) {
        log::entry(function, arguments, location);
        Standing::Traced
    } else {
        Standing::Checked
    };
    function.settle(standing);
    standing
}
