//! A call from Rust into C, from entry to exit.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::panic::{self, Location};
use std::ptr::NonNull;

use super::argument::{Argument, Passing, Stated};
use super::bound;
use super::breach::{Site, Stop};
use super::brief::{self, Brief};
use super::copies::{self, Copies};
use super::declaration::{Function, Standing};
use super::entry::Entry;
use super::kinds::lay_out;
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

/// What a guarded call keeps in its wrapper's frame while C runs.
#[derive(Debug)]
pub struct Frame {
    after: After,
    underway: Underway,
    loans: Loans,
}

impl Frame {
    /// No loans, where they are kept. In their place: to move them is to copy what is not initialised.
    #[inline(always)]
    fn loans_in(frame: &mut MaybeUninit<Frame>) -> &mut Loans {
        // SAFETY: a place of a frame that is there.
        Loans::none_at(unsafe { &mut *(&raw mut (*frame.as_mut_ptr()).loans).cast() })
    }
}

/// A guarded call under way: what is looked at when it has returned. No more than where that is, so that a build that is not optimised has
/// nothing to move.
#[derive(Debug)]
pub struct Crossing(NonNull<Frame>);

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

impl Crossing {
    /// Checks what Rust hands over. `places`: where each argument is, `stated`: what the call states of those whose contract says that it
    /// does, in order; `arguments`: room for what they are. `may_be_brief`: that was not asked yet. `None` where not all types of the
    /// function are known: then [`learn`](super::kinds::learn) comes first, and [`enter_new`](Crossing::enter_new).
    ///
    /// # Safety
    /// - `places` has one for each parameter of `function`, of that parameter's type; there is room for as many.
    /// - Each pointer argument is what the declaration's type says it is: where it leads to Rust memory, that memory may
    ///   be read for the length of the call.
    /// - `arguments` and `frame` are in the wrapper's frame, and stay as they are until [`exit`](Crossing::exit).
    ///
    /// # Panics
    /// With the report, where a rule that is denied is broken.
    #[track_caller]
    #[inline(never)]
    #[must_use]
    pub unsafe fn enter(
        function: &'static Function,
        (places, stated): (&[*const ()], &[Stated]),
        arguments: *mut Argument,
        may_be_brief: bool,
        frame: &mut MaybeUninit<Frame>,
    ) -> Option<Crossing> {
        if may_be_brief {
            // SAFETY: as promised by the caller.
            let brief = match level::checked() {
                // SAFETY: as promised by the caller.
                Some(false) => unsafe { Crossing::enter_brief::<false>(function, (places, stated), arguments, frame) },
                // SAFETY: as promised by the caller.
                Some(true) => unsafe { Crossing::enter_brief::<true>(function, (places, stated), arguments, frame) },
                None => None,
            };
            if brief.is_some() {
                return brief;
            }
        }
        // SAFETY: as promised by the caller.
        if !unsafe { lay_out(function, places, stated, arguments) } {
            return None;
        }
        // SAFETY: as promised by the caller.
        Some(unsafe { Crossing::enter_new(function, arguments, frame) })
    }

    /// The same of a call that is brief; `None` of any other.
    ///
    /// # Safety
    /// - As for [`enter`](Crossing::enter).
    #[track_caller]
    #[inline(always)]
    unsafe fn enter_brief<const FULL: bool>(
        function: &'static Function,
        (places, stated): (&[*const ()], &[Stated]),
        arguments: *mut Argument,
        frame: &mut MaybeUninit<Frame>,
    ) -> Option<Crossing> {
        let (at, loans) = (std::ptr::from_ref(frame).addr(), Frame::loans_in(frame));
        let brief = Brief::<FULL>::begin(function)?;
        // SAFETY: as promised by the caller.
        let brief = unsafe { brief.has_all(function, places, stated, loans) }?;
        let keeps = brief.needs_arguments();
        // SAFETY: as promised by the caller.
        if keeps && !unsafe { lay_out(function, places, stated, arguments) } {
            return None;
        }
        // SAFETY: laid out where they are needed.
        let known = || unsafe { function.arguments_at(arguments, keeps) };
        let after = After::Brief(brief.cross_at(at, function, loans, known).keep(keeps));
        Some(Crossing::of(frame, after, Underway::none()))
    }

    /// The same, where `arguments` are written down.
    ///
    /// # Safety
    /// - As for [`enter`](Crossing::enter); and `arguments` are those of the call.
    ///
    /// # Panics
    /// As for [`enter`](Crossing::enter).
    #[track_caller]
    #[inline(never)]
    #[must_use]
    pub unsafe fn enter_new(
        function: &'static Function,
        arguments: *const Argument,
        frame: &mut MaybeUninit<Frame>,
    ) -> Crossing {
        // SAFETY: as promised by the caller.
        let arguments = unsafe { function.arguments_at(arguments, true) };
        // SAFETY: as promised by the caller.
        let after = unsafe { After::of_entry(function, arguments, Frame::loans_in(frame)) };
        let underway = Underway::begin_at(std::ptr::from_ref(frame).addr());
        Crossing::of(frame, after, underway)
    }

    /// A call that lends nothing.
    pub(super) fn of_nothing_lent(after: After, frame: &mut MaybeUninit<Frame>) -> Crossing {
        let underway = Underway::begin_at(std::ptr::from_ref(frame).addr());
        Frame::loans_in(frame);
        Crossing::of(frame, after, underway)
    }

    /// C is about to run. What is lent is in the frame.
    #[inline(always)]
    fn of(frame: &mut MaybeUninit<Frame>, after: After, underway: Underway) -> Crossing {
        let frame = frame.as_mut_ptr();
        // SAFETY: places of a frame that is there.
        unsafe {
            (&raw mut (*frame).after).write(after);
            (&raw mut (*frame).underway).write(underway);
        }
        // SAFETY: a reference's address is not null.
        Crossing(unsafe { NonNull::new_unchecked(frame) })
    }

    #[inline(always)]
    fn frame(&self) -> &Frame {
        // SAFETY: written by `enter`, in a frame that outlives this.
        unsafe { self.0.as_ref() }
    }

    /// What is lent, by a call that is ended by whoever asks.
    #[inline(always)]
    fn into_loans(self) -> &'static Loans {
        let frame = self.0.as_ptr();
        std::mem::forget(self);
        // SAFETY: written by `enter`, in a frame that lives on until the wrapper returns.
        unsafe { &(*frame).loans }
    }

    /// What was begun, to be ended by whoever asks.
    #[inline(always)]
    fn take(self) -> (After, Underway, &'static Loans) {
        let frame = self.0.as_ptr();
        std::mem::forget(self);
        // SAFETY: written by `enter`, in a frame that lives on until the wrapper returns; taken out once, since the crossing is gone.
        unsafe { ((&raw const (*frame).after).read(), (&raw const (*frame).underway).read(), &(*frame).loans) }
    }
}

impl After {
    /// What the call's end has to look at.
    ///
    /// # Safety
    /// - As for [`Crossing::enter`].
    #[track_caller]
    #[inline(always)]
    unsafe fn of_entry(function: &'static Function, arguments: &[Argument], loans: &mut Loans) -> After {
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
    /// - As for [`Crossing::enter`].
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
    /// - As for [`Crossing::enter`].
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

impl Crossing {
    /// Whether C is to work on copies.
    #[inline(always)]
    #[must_use]
    pub fn is_copied(&self) -> bool {
        matches!(self.frame().after, After::Copies(_))
    }

    /// What C gets for an argument: a pointer into its copy, where it has one.
    ///
    /// # Safety
    /// - `argument` is the one at this place of those that [`enter`](Crossing::enter) got.
    #[inline(always)]
    #[must_use]
    pub unsafe fn away<P>(&self, index: usize, argument: P) -> P {
        let After::Copies(underway) = &self.frame().after else { return argument };
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
        let After::Copies(underway) = &self.frame().after else { return result };
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

    /// Checks what C did, and what it returned. `result`: where that is; null where it is nothing.
    ///
    /// # Safety
    /// - `function` and `arguments` are what [`enter`](Crossing::enter) got.
    /// - The result lies there, and its type was learned.
    ///
    /// # Panics
    /// With the report, where a rule that is denied is broken.
    #[track_caller]
    #[inline(never)]
    pub unsafe fn exit(self, function: &'static Function, arguments: *const Argument, result: *const ()) {
        // SAFETY: as promised by the caller.
        let result = || unsafe { function.result_at(result) };
        // SAFETY: as promised by the caller, where they were written down.
        let arguments = |known| unsafe { function.arguments_at(arguments, known) };
        // By its words, each as it was written: a wider load waits until the stores are done.
        if let After::Brief(kept) = &self.frame().after {
            let known = kept.has_arguments();
            if kept.is_full() {
                let call = kept.call::<true>();
                return call.exit(function, self.into_loans(), || arguments(known), result);
            }
            let call = kept.call::<false>();
            return call.exit(function, self.into_loans(), || arguments(known), result);
        }
        let (after, mut underway, loans) = self.take();
        let (arguments, parked) = (arguments(true), underway.end());
        if parked {
            resume(after, function, arguments, loans);
        }
        let result = result();
        match after {
            After::Nothing => {}
            After::Result if result.passing == Passing::Scalar => {}
            After::Note(underway) => leave_noted(underway, function, (arguments, loans), &result),
            after => leave(after, function, (arguments, loans), &result),
        }
    }

    /// For a function that never returns: nothing is left to check. What comes back lives in the wrapper's frame.
    #[must_use]
    pub fn never_returns(self) -> Never {
        let (mut after, underway, _) = self.take();
        if let After::Copies(underway) = after {
            // C was given none of them.
            after = underway.end().map_or(After::Nothing, |copies| copies.abandon());
        }
        match after {
            After::Counted(token) => counted::never_returns(token),
            After::Brief(kept) => return Never { brief: Some(kept), _underway: underway },
            after => after.abandon(),
        }
        Never { brief: None, _underway: underway }
    }
}

/// A call that C unwinds out of.
impl Drop for Crossing {
    #[cold]
    fn drop(&mut self) {
        // SAFETY: as for `take`; nobody takes it after this.
        let Frame { after, underway, .. } = unsafe { self.0.read() };
        after.abandon();
        drop(underway);
    }
}

/// A call that does not return, but could be unwound out of.
#[derive(Debug)]
pub struct Never {
    brief: Option<brief::Kept>,
    _underway: Underway,
}

impl Drop for Never {
    fn drop(&mut self) {
        if let Some(brief) = self.brief.take() {
            After::Brief(brief).abandon();
        }
    }
}

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
