//! A call from Rust into C as its wrapper holds it, from entry to exit.

use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr::NonNull;

use super::enter::ask_the_rules;
use super::exit_plan::ExitPlan;
use super::fast_path::FastWords;
use super::inspect::Inspection;
use super::loans::Loans;
use super::parked::PanicScope;
use super::raise::raise;
use super::statistics;
use crate::call::argument::{Argument, Passing, Stated};
use crate::call::declaration::{CheckMode, Function};
use crate::call::kinds::lay_out;
use crate::level;

/// What a guarded call keeps in its wrapper's frame while C runs.
#[derive(Debug)]
pub struct Frame {
    /// The call, if it is on the fast path.
    fast: FastWords,
    /// Of any other call. Written, and valid, if there is no fast one.
    slow: MaybeUninit<Slow>,
    loans: Loans,
}

/// A call that is not on the fast path.
#[derive(Debug)]
struct Slow {
    plan: ExitPlan,
    scope: PanicScope,
}

impl Frame {
    /// No loans, where they are kept. In their place: to move them is to copy what is not
    /// initialised.
    #[inline(always)]
    fn loans_in(frame: &mut MaybeUninit<Frame>) -> &mut Loans {
        // SAFETY: a place of a frame that is there.
        Loans::none_at(unsafe { &mut *(&raw mut (*frame.as_mut_ptr()).loans).cast() })
    }
}

/// A guarded call under way: what is looked at when it has returned. No more than where that is, so
/// that a build that is not optimised has nothing to move.
#[derive(Debug)]
pub struct Crossing(NonNull<Frame>);

impl Crossing {
    /// Checks what Rust hands over. `places`: where each argument is, `stated`: what the call
    /// states of those whose contract says that it does, in order; `arguments`: room for what they
    /// are. `may_be_fast`: the wrapper has not asked that itself. `None` where not all types of the
    /// function are known: then [`learn`](crate::call::kinds::learn) comes first, and
    /// [`enter_new`](Crossing::enter_new).
    ///
    /// # Safety
    /// - `places` has one for each parameter of `function`, of that parameter's type; there is room
    ///   for as many.
    /// - Each pointer argument is what the declaration's type says it is: where it leads to Rust
    ///   memory, that memory may be read for the length of the call.
    /// - `arguments` and `frame` are in the wrapper's frame, and stay as they are until
    ///   [`exit`](Crossing::exit).
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
        may_be_fast: bool,
        frame: &mut MaybeUninit<Frame>,
    ) -> Option<Crossing> {
        if may_be_fast {
            let fast = match level::checked() {
                // SAFETY: as promised by the caller.
                Some(false) => unsafe { Crossing::enter_fast::<false>(function, (places, stated), arguments, frame) },
                // SAFETY: as promised by the caller.
                Some(true) => unsafe { Crossing::enter_fast::<true>(function, (places, stated), arguments, frame) },
                None => None,
            };
            if fast.is_some() {
                return fast;
            }
        }
        // SAFETY: as promised by the caller.
        if !unsafe { lay_out(function, places, stated, arguments) } {
            return None;
        }
        // SAFETY: as promised by the caller.
        Some(unsafe { Crossing::enter_new(function, arguments, frame) })
    }

    /// Tries the fast path of a level, for a call of an unoptimised wrapper. `None` if it is not
    /// for this call.
    ///
    /// # Safety
    /// - As for [`enter`](Crossing::enter).
    #[track_caller]
    #[inline(always)]
    unsafe fn enter_fast<const FULL: bool>(
        function: &'static Function,
        (places, stated): (&[*const ()], &[Stated]),
        arguments: *mut Argument,
        frame: &mut MaybeUninit<Frame>,
    ) -> Option<Crossing> {
        let (at, loans) = (std::ptr::from_ref(frame).addr(), Frame::loans_in(frame));
        let inspection = Inspection::<FULL>::begin_at_this_level(function)?;
        // SAFETY: as promised by the caller.
        let inspection = unsafe { inspection.all_at(function, places, stated, loans) }?;
        if !inspection.may_cross(function, loans) {
            return None;
        }
        let keeps = inspection.needs_arguments();
        // SAFETY: as promised by the caller.
        if keeps && !unsafe { lay_out(function, places, stated, arguments) } {
            return None;
        }
        // SAFETY: laid out where they are needed.
        let known = || unsafe { function.arguments_at(arguments, keeps) };
        let fast = inspection.cross_at(at, function, loans, known).keep(keeps);
        // SAFETY: a place of a frame that is there.
        unsafe { (&raw mut (*frame.as_mut_ptr()).fast).write(fast) };
        Some(Crossing::of(frame))
    }

    /// Checks what Rust hands over, if `arguments` are written down, by asking the rules.
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
        let loans = Frame::loans_in(frame);
        let location = Location::caller();
        let plan = if level::counts() {
            // SAFETY: as promised by the caller.
            unsafe { statistics::enter(function, arguments, location, loans) }
        } else if function.mode() == CheckMode::LeftOut {
            Ok(ExitPlan::NOTHING)
        } else {
            // SAFETY: as promised by the caller.
            unsafe { ask_the_rules(function, arguments, location) }
        };
        let plan = match plan {
            Ok(plan) => plan,
            // No closure: the panic is said to be where this was called from.
            Err(stop) => {
                raise(stop, !function.declaration.keep_abi);
                ExitPlan::NOTHING
            }
        };
        Crossing::slow(frame, plan)
    }

    /// C is about to run, in a call that lends nothing.
    pub(super) fn of_nothing_lent(plan: ExitPlan, frame: &mut MaybeUninit<Frame>) -> Crossing {
        Frame::loans_in(frame);
        Crossing::slow(frame, plan)
    }

    /// C is about to run. What is lent is in the frame.
    fn slow(frame: &mut MaybeUninit<Frame>, plan: ExitPlan) -> Crossing {
        // A fast call has its own.
        let scope = match plan.fast.is_some() {
            true => PanicScope::none(),
            false => PanicScope::begin_at(std::ptr::from_ref(frame).addr()),
        };
        let place = frame.as_mut_ptr();
        // SAFETY: places of a frame that is there.
        unsafe {
            (&raw mut (*place).fast).write(FastWords::NONE);
            (&raw mut (*place).slow).write(MaybeUninit::new(Slow { plan, scope }));
        }
        Crossing::of(frame)
    }

    #[inline(always)]
    fn of(frame: &mut MaybeUninit<Frame>) -> Crossing {
        // SAFETY: a reference's address is not null.
        Crossing(unsafe { NonNull::new_unchecked(frame.as_mut_ptr()) })
    }

    #[inline(always)]
    fn frame(&self) -> &Frame {
        // SAFETY: written by `enter`, in a frame that outlives this.
        unsafe { self.0.as_ref() }
    }

    /// What was begun by a call that is not on the fast path.
    #[inline(always)]
    fn slow_call(&self) -> Option<&Slow> {
        let frame = self.frame();
        // SAFETY: written by `slow`, since no fast call is there.
        (!frame.fast.is_some()).then(|| unsafe { frame.slow.assume_init_ref() })
    }

    /// The copies that C works on.
    #[inline(always)]
    fn copies(&self) -> Option<&super::copies::CopiesHandle> {
        self.slow_call()?.plan.copies.as_ref()
    }

    /// What is lent, by a fast call that is ended by the caller.
    #[inline(always)]
    fn take_loans(self) -> &'static Loans {
        let frame = self.0.as_ptr();
        std::mem::forget(self);
        // SAFETY: written by `enter`, in a frame that lives on until the wrapper returns.
        unsafe { &(*frame).loans }
    }

    /// What was begun, to be ended by the caller; and what is lent.
    #[inline(always)]
    fn take(self) -> (FastWords, Option<Slow>, &'static Loans) {
        let frame = self.0.as_ptr();
        std::mem::forget(self);
        // SAFETY: written by `enter`, in a frame that lives on until the wrapper returns; taken out
        // once, since the crossing is gone.
        unsafe {
            let fast = (&raw const (*frame).fast).read();
            let slow = (!fast.is_some()).then(|| (&raw const (*frame).slow).read().assume_init());
            (fast, slow, &(*frame).loans)
        }
    }

    /// Whether C is to work on copies. Called, not inlined: the caller may be built without
    /// optimisation.
    #[inline(never)]
    #[must_use]
    pub fn is_copied(&self) -> bool {
        self.copies().is_some()
    }

    /// What C gets for an argument: a pointer into its copy, where it has one.
    ///
    /// # Safety
    /// - `argument` is the one at this place of those that [`enter`](Crossing::enter) got.
    #[inline(always)]
    #[must_use]
    pub unsafe fn to_copy<P>(&self, index: usize, argument: P) -> P {
        let Some(copies) = self.copies() else { return argument };
        if size_of::<P>() != size_of::<usize>() {
            return argument;
        }
        match copies.to_copy(index) {
            0 => argument,
            address => {
                std::mem::forget(argument);
                let pointer = std::ptr::with_exposed_provenance_mut::<()>(address);
                // SAFETY: only what `Passing` calls a pointer, and no `Box`, has a copy: a thin
                // pointer or reference, or an `Option` of one. The copy is as readable and as
                // writable as what it is of, aligned for its type, and lives until the exit.
                unsafe { std::mem::transmute_copy::<*mut (), P>(&pointer) }
            }
        }
    }

    /// What C returned, with pointers into the original for those into a copy. `about`: the same,
    /// classified.
    ///
    /// # Safety
    /// - `about` is the result's.
    #[inline(always)]
    #[must_use]
    pub unsafe fn to_original<R>(&self, result: R, about: Argument) -> R {
        let Some(copies) = self.copies() else { return result };
        match about.passing {
            Passing::Scalar => result,
            Passing::Const | Passing::Mut => match copies.to_original(about.address) {
                word if word == about.address || size_of::<R>() != size_of::<usize>() => result,
                word => {
                    std::mem::forget(result);
                    let pointer = std::ptr::with_exposed_provenance_mut::<()>(word);
                    // SAFETY: a thin pointer or reference, or an `Option` of one, not null before
                    // and not null now; it leads to what the copy was made of, as far in.
                    unsafe { std::mem::transmute_copy::<*mut (), R>(&pointer) }
                }
            },
            Passing::Value => {
                let mut result = result;
                // SAFETY: the result's own bytes, which hold no reference that is used before this
                // returns.
                unsafe { copies.words_to_original((&raw mut result).expose_provenance(), size_of::<R>()) };
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
        let fast = &self.frame().fast;
        if fast.is_some() {
            let known = fast.has_arguments();
            if fast.is_full() {
                let call = fast.call::<true>();
                return call.exit(function, self.take_loans(), || arguments(known), result);
            }
            let call = fast.call::<false>();
            return call.exit(function, self.take_loans(), || arguments(known), result);
        }
        if let (_, Some(Slow { plan, mut scope }), loans) = self.take() {
            plan.leave(&mut scope, function, (arguments(true), loans), &result());
        }
    }

    /// For a function that never returns: nothing is left to check. What comes back lives in the
    /// wrapper's frame.
    #[must_use]
    pub fn never_returns(self) -> Never {
        match self.take() {
            (_, Some(Slow { plan, scope }), _) => Never { fast: plan.never_returns(), _scope: scope },
            (fast, None, _) => Never { fast, _scope: PanicScope::none() },
        }
    }
}

/// A call that C unwinds out of.
impl Drop for Crossing {
    #[cold]
    fn drop(&mut self) {
        let (fast, slow, _) = Crossing(self.0).take();
        fast.abandon();
        if let Some(Slow { plan, scope }) = slow {
            plan.abandon();
            drop(scope);
        }
    }
}

/// A call that does not return, but could be unwound out of.
#[derive(Debug)]
pub struct Never {
    fast: FastWords,
    _scope: PanicScope,
}

impl Drop for Never {
    fn drop(&mut self) {
        std::mem::replace(&mut self.fast, FastWords::NONE).abandon();
    }
}
