//! A call from Rust into C, from entry to exit.

use std::ops::Range;
use std::panic::Location;

use super::argument::{Argument, Passing};
use super::breach::{Site, Stop};
use super::declaration::{Function, Standing};
use super::entry::Entry;
use super::quick::Glance;
use super::raise::raise;
use super::watch::Watch;
use super::{extent, late, log, quick, result, thread};
use crate::config;
use crate::heap;
use crate::level::{self, Level};
use crate::platform::process::Errno;
use crate::reentry;
use crate::retention::{self, Sample};
use crate::rules::Located;

/// A guarded call under way.
pub struct Crossing<'a> {
    /// `None` where nothing is checked.
    site: Option<Site>,
    after: After<'a>,
}

/// What is looked at when the call has returned.
enum After<'a> {
    /// The result alone.
    Result,
    /// From level 2 on, every argument in order and no look due: what was lent is noted.
    Note {
        arguments: &'a [Argument],
        /// Where this call is timed.
        sample: Option<Sample>,
    },
    /// From level 2 on: what was lent is looked for.
    Watch(Box<Watched>),
}

/// What the exit of a watched call needs.
struct Watched {
    watch: Watch,
    /// Guarded calls of this thread up to and with this one: more of them at the exit means that Rust ran meanwhile.
    crossings: usize,
    /// Where this call is timed.
    sample: Option<Sample>,
}

impl<'a> Crossing<'a> {
    const UNCHECKED: Crossing<'static> = Crossing { site: None, after: After::Result };

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
    pub unsafe fn enter(function: &'static Function, arguments: &'a [Argument]) -> Crossing<'a> {
        let location = Location::caller();
        // The common call, on few registers and a small frame: every argument is plainly in order.
        if function.standing() == Standing::Checked && !reentry::inside() {
            let glance = quick::glance(function, arguments);
            let site = Site { function, location };
            if glance != Glance::Unclear && level::checked_is(Level::Arguments) {
                return Crossing { site: Some(site), after: After::Result };
            }
            if level::checked_is(Level::Full) && quick::is_noted(function, glance) {
                thread::count_crossing();
                return Crossing { site: Some(site), after: After::Note { arguments, sample: retention::sample() } };
            }
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
        arguments: &'a [Argument],
        location: &'static Location<'static>,
    ) -> Crossing<'a> {
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
        arguments: &'a [Argument],
        location: &'static Location<'static>,
    ) -> Result<Crossing<'a>, Stop> {
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
            return Ok(Crossing { site: Some(site), after: After::Result });
        }
        let _errno = Errno::keep();
        let crossings = thread::count_crossing();
        let mut watch = Watch::default();
        // SAFETY: as promised by the caller.
        unsafe { Entry { site, arguments, stack, watch: Some(&mut watch) }.check() }?;
        watch.begin(&site);
        let _inside = reentry::Reentry::enter();
        let watched = Box::new(Watched { watch, crossings, sample: retention::sample() });
        Ok(Crossing { site: Some(site), after: After::Watch(watched) })
    }

    /// Checks what C did, and what it returned.
    ///
    /// # Panics
    /// With the report, where a rule that is denied is broken.
    #[track_caller]
    #[inline(always)]
    pub fn exit(self, result: &Argument) {
        let Some(site) = self.site else { return std::mem::forget(self) };
        if matches!(self.after, After::Result) && result.passing == Passing::Scalar {
            // Nothing is left to drop: the compiler cannot see that, and would call the destructor to find out.
            return std::mem::forget(self);
        }
        leave(site, self.after, result);
    }

    /// For a function that never returns: nothing is left to check.
    pub fn never_returns(self) {}
}

/// The exit itself, out of the wrapper's way.
#[track_caller]
#[inline(never)]
fn leave(site: Site, after: After<'_>, result: &Argument) {
    let outcome = match after {
        After::Result => Ok(()),
        After::Note { arguments, sample } => {
            if let Some(sample) = sample {
                sample.end();
            }
            note(&site, arguments);
            late::settle_if_due()
        }
        After::Watch(watched) => leave_watched(&site, *watched),
    };
    if let Err(stop) = outcome.and_then(|()| result::check(&site, result)) {
        raise(stop, !site.function.declaration.keep_abi);
    }
}

/// Notes the heap blocks that a call was lent.
#[inline]
fn note(site: &Site, arguments: &[Argument]) {
    for (parameter, argument) in arguments.iter().enumerate() {
        if matches!(argument.passing, Passing::Const | Passing::Mut)
            && let Some(block) = heap::lookup(argument.address)
        {
            let extent = extent::of(argument, &Located::Heap(block));
            retention::lend(&block, site, argument, parameter, extent);
        }
    }
    late::settle_at_exit();
}

fn leave_watched(site: &Site, watched: Watched) -> Result<(), Stop> {
    let _errno = Errno::keep();
    let _inside = reentry::Reentry::enter();
    let Watched { watch, crossings, sample } = watched;
    if let Some(sample) = sample {
        sample.end();
    }
    watch.end(site, thread::crossings() != crossings)?;
    late::settle_if_due()
}

/// The part of the calling thread's stack that belongs to the frames above the one that `local` is in.
#[inline]
fn callers_stack(local: &Site) -> Range<usize> {
    let frame = std::ptr::from_ref(local).addr();
    let stack = thread::stack();
    frame.max(stack.start)..stack.end
}

impl std::fmt::Debug for Crossing<'_> {
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
