//! A call from Rust into C, from entry to exit.

use std::panic::Location;

use super::argument::Argument;
use super::breach::{Site, Stop};
use super::declaration::{Function, Standing};
use super::entry::Entry;
use super::raise::raise;
use super::watch::Watch;
use super::{log, thread};
use crate::config;
use crate::level::{Level, level};
use crate::reentry;

/// A guarded call under way.
pub struct Crossing {
    /// From level 2 on, what to look at when the call has returned.
    exit: Option<Box<Exit>>,
}

/// What the exit of a call needs.
struct Exit {
    site: Site,
    watch: Watch,
    /// Guarded calls of this thread up to and with this one: more of them at the exit means that Rust ran meanwhile.
    crossings: usize,
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
        // SAFETY: as promised by the caller.
        match unsafe { Crossing::begin(function, arguments, Location::caller()) } {
            Ok(crossing) => crossing,
            Err(stop) => {
                raise(stop, !function.declaration.keep_abi);
                Crossing { exit: None }
            }
        }
    }

    /// # Safety
    /// - As for [`Crossing::enter`].
    unsafe fn begin(
        function: &'static Function,
        arguments: &[Argument],
        location: &'static Location<'static>,
    ) -> Result<Crossing, Stop> {
        let level = level();
        if level == Level::Off || reentry::inside() {
            return Ok(Crossing { exit: None });
        }
        match function.standing() {
            Standing::Checked => {}
            Standing::LeftOut => return Ok(Crossing { exit: None }),
            Standing::Traced => log::entry(function, arguments, location),
            Standing::Unsettled => {
                settle(function);
                // SAFETY: as promised by the caller.
                return unsafe { Crossing::begin(function, arguments, location) };
            }
        }
        let site = Site { function, location };
        // Whatever lies above this frame belongs to the callers.
        let frame = std::ptr::from_ref(&site).addr();
        let stack = thread::stack();
        let stack = frame.max(stack.start)..stack.end;
        if level < Level::Full {
            // SAFETY: as promised by the caller.
            unsafe { Entry { site, arguments, stack, watch: None }.check() }?;
            return Ok(Crossing { exit: None });
        }
        let crossings = thread::count_crossing();
        let mut watch = Watch::default();
        // SAFETY: as promised by the caller.
        unsafe { Entry { site, arguments, stack, watch: Some(&mut watch) }.check() }?;
        watch.begin(&site);
        let _inside = reentry::Reentry::enter();
        Ok(Crossing { exit: Some(Box::new(Exit { site, watch, crossings })) })
    }

    /// Checks what C did.
    ///
    /// # Panics
    /// With the report, where a rule that is denied is broken.
    #[track_caller]
    #[inline]
    pub fn exit(mut self) {
        if let Some(exit) = self.exit.take() {
            leave(exit);
        }
    }

    /// For a function that never returns: nothing is left to check.
    pub fn never_returns(self) {}
}

/// The exit itself, out of the wrapper's way.
#[track_caller]
#[inline(never)]
fn leave(exit: Box<Exit>) {
    let inside = reentry::Reentry::enter();
    let Exit { site, watch, crossings } = *exit;
    let rust_ran = thread::crossings() != crossings;
    let outcome = watch.end(&site, rust_ran);
    drop(inside);
    if let Err(stop) = outcome {
        raise(stop, !site.function.declaration.keep_abi);
    }
}

impl std::fmt::Debug for Crossing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let function = self.exit.as_ref().map(|exit| exit.site.function.declaration.name);
        f.debug_struct("Crossing").field("function", &function).finish_non_exhaustive()
    }
}

#[cold]
fn settle(function: &'static Function) {
    let settings = config::settings();
    function.settle(if settings.traces(function.declaration.name) {
        Standing::Traced
    } else if settings.checks_crate(function.krate()) {
        Standing::Checked
    } else {
        Standing::LeftOut
    });
}
