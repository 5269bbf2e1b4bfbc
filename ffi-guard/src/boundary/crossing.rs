//! A call from Rust into C as its wrapper holds it, from entry to exit.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use super::after::After;
use super::brief::{self, Brief};
use super::counted;
use super::leave::{leave, leave_noted, resume};
use super::loans::Loans;
use super::parked::Underway;
use crate::call::argument::{Argument, Passing, Stated};
use crate::call::declaration::Function;
use crate::call::kinds::lay_out;
use crate::level;

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

impl Crossing {
    /// Checks what Rust hands over. `places`: where each argument is, `stated`: what the call states of those whose contract says that it
    /// does, in order; `arguments`: room for what they are. `may_be_brief`: that was not asked yet. `None` where not all types of the
    /// function are known: then [`learn`](crate::call::kinds::learn) comes first, and [`enter_new`](Crossing::enter_new).
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
