//! A call from Rust into C, from entry to exit.

use std::ops::Range;
use std::panic::Location;
use std::ptr::{NonNull, null_mut};

use super::argument::{Argument, Passing};
use super::breach::{Site, Stop};
use super::declaration::{Function, Standing};
use super::entry::Entry;
use super::raise::raise;
use super::watch::Watch;
use super::{log, result, thread};
use crate::config;
use crate::level::{Level, level};
use crate::platform::process::Errno;
use crate::reentry;

/// A guarded call under way.
pub struct Crossing {
    /// `None` where nothing is checked.
    site: Option<Site>,
    /// From level 2 on, what to look at when the call has returned.
    exit: Option<Exit>,
}

/// The exit of a call under way, among those of its thread.
struct Exit(NonNull<Pending>);

/// What the exit of a call needs.
pub(crate) struct Pending {
    watch: Watch,
    /// An address in a frame of the call's entry.
    frame: usize,
    /// The call that this one was made inside of.
    outer: *mut Pending,
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
        // SAFETY: as promised by the caller.
        match unsafe { Crossing::begin(function, arguments, Location::caller()) } {
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
        let level = level();
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
        let frame = std::ptr::from_ref(&site).addr();
        Ok(Crossing {
            site: Some(site),
            exit: Some(Exit::begin(Pending { watch, frame, crossings, outer: null_mut() })),
        })
    }

    /// Checks what C did, and what it returned.
    ///
    /// # Panics
    /// With the report, where a rule that is denied is broken.
    #[track_caller]
    #[inline]
    pub fn exit(mut self, result: &Argument) {
        if let Some(site) = self.site
            && (self.exit.is_some() || result.passing != Passing::Scalar)
        {
            leave(site, self.exit.take(), result);
        }
    }

    /// For a function that never returns: nothing is left to check.
    pub fn never_returns(self) {}
}

impl Exit {
    /// Adds a call to those under way.
    fn begin(mut pending: Pending) -> Exit {
        forget_gone(pending.frame);
        pending.outer = thread::innermost().get();
        let pending = NonNull::from(Box::leak(Box::new(pending)));
        thread::innermost().set(pending.as_ptr());
        Exit(pending)
    }

    /// Takes it out again, and those that were made inside it: their frames are gone. `None` where it was taken for gone
    /// itself.
    fn end(self) -> Option<Box<Pending>> {
        let innermost = thread::innermost();
        let mut at = innermost.get();
        while at != self.0.as_ptr() {
            if at.is_null() {
                return None;
            }
            // SAFETY: what is in the list was leaked by `begin` and is freed when it is taken out.
            at = unsafe { (*at).outer };
        }
        loop {
            let top = innermost.get();
            // SAFETY: as above; the list holds `self`, so it does not end before.
            let pending = unsafe { Box::from_raw(top) };
            innermost.set(pending.outer);
            if top == self.0.as_ptr() {
                return Some(pending);
            }
        }
    }
}

/// A call that C left by `longjmp` never ends; its frames lie deeper in the stack than that of a call made later.
fn forget_gone(frame: usize) {
    let (innermost, stack) = (thread::innermost(), thread::stack());
    while let Some(top) = NonNull::new(innermost.get()) {
        // SAFETY: as in `Exit::end`.
        let (at, outer) = unsafe { (top.as_ref().frame, top.as_ref().outer) };
        // On a stack of its own, as a signal handler's may be, nothing is told by addresses.
        if at > frame || !stack.contains(&at) || !stack.contains(&frame) {
            return;
        }
        innermost.set(outer);
        // SAFETY: taken out of the list, where it was the only way to it that is still used.
        drop(unsafe { Box::from_raw(top.as_ptr()) });
    }
}

/// A call that C unwinds out of.
impl Drop for Crossing {
    #[inline]
    fn drop(&mut self) {
        if let Some(exit) = self.exit.take() {
            let _errno = Errno::keep();
            let _inside = reentry::Reentry::enter();
            drop(exit.end());
        }
    }
}

/// The exit itself, out of the wrapper's way.
#[track_caller]
#[inline(never)]
fn leave(site: Site, exit: Option<Exit>, result: &Argument) {
    let errno = Errno::keep();
    let mut outcome = Ok(());
    if let Some(exit) = exit {
        let _inside = reentry::Reentry::enter();
        if let Some(pending) = exit.end() {
            let Pending { watch, crossings, .. } = *pending;
            outcome = watch.end(&site, thread::crossings() != crossings);
        }
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
