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
use super::statistics;
use crate::answers::written::Before;
use crate::call::argument::{Argument, Passing, Stated};
use crate::call::declaration::{CheckMode, Function};
use crate::call::kinds::lay_out;
use crate::call::site::Site;
use crate::call::under_way::UnderWay;
use crate::delivery::raise::raise;
use crate::level;

/// State of a guarded call that its wrapper's frame keeps while C runs.
#[derive(Debug)]
pub struct CallFrame {
    /// The call, if it is on the fast path.
    fast: FastWords,
    /// State of a call off the fast path. Written, and valid, if `fast` is none.
    slow: MaybeUninit<Slow>,
    loans: Loans,
    /// What was there that C may write. Valid where `slow` is.
    before: Before,
}

/// A call that is not on the fast path.
#[derive(Debug)]
struct Slow {
    plan: ExitPlan,
    scope: PanicScope,
    /// What is recorded of the call while C runs.
    under_way: UnderWay,
}

/// Room in the wrapper's frame for the state of a call.
pub type FrameRoom = MaybeUninit<CallFrame>;

/// Room in the wrapper's frame for the arguments of a call.
pub type Room<const N: usize> = MaybeUninit<[Argument; N]>;

impl CallFrame {
    /// Writes empty loans into the frame. In place, because a move would copy uninitialised bytes.
    #[inline(always)]
    fn loans_in(frame: &mut MaybeUninit<CallFrame>) -> &mut Loans {
        // SAFETY: the field lies in the frame that `frame` borrows.
        Loans::none_at(unsafe { &mut *(&raw mut (*frame.as_mut_ptr()).loans).cast() })
    }
}

/// A guarded call under way: the address of its frame, which is checked when C has returned. Only
/// an address, so that an unoptimised build has nothing to move.
#[derive(Debug)]
pub struct Crossing(NonNull<CallFrame>);

impl Crossing {
    /// Checks what Rust hands over. `places`: address of each argument; `stated`: extents that the
    /// call states for the parameters whose contract asks for one, in order; `arguments`: room for
    /// the classified arguments; `may_be_fast`: the wrapper has not tried the fast path itself.
    /// The wrapper has stated the function's types ([`Function::learn`]) if they were not known.
    ///
    /// # Safety
    /// - `places` has one entry for each parameter of `function`, of that parameter's type;
    ///   `arguments` has room for all.
    /// - Each pointer argument is what the declaration's type says: if it leads to Rust memory,
    ///   that memory is readable during the call.
    /// - `arguments` and `frame` are in the wrapper's frame, and stay in place until
    ///   [`exit`](Crossing::exit).
    ///
    /// # Panics
    /// With the report, if a rule that is denied is broken.
    #[track_caller]
    #[inline(never)]
    #[must_use]
    pub unsafe fn enter(
        function: &'static Function,
        places: &[*const ()],
        stated: &[Stated],
        arguments: *mut Argument,
        may_be_fast: bool,
        frame: &mut MaybeUninit<CallFrame>,
    ) -> Crossing {
        if may_be_fast {
            let fast = match level::checked() {
                // SAFETY: the caller promises a place, and room, for each declared argument.
                Some(false) => unsafe { Crossing::enter_fast::<false>(function, (places, stated), arguments, frame) },
                // SAFETY: the caller promises a place, and room, for each declared argument.
                Some(true) => unsafe { Crossing::enter_fast::<true>(function, (places, stated), arguments, frame) },
                None => None,
            };
            if let Some(fast) = fast {
                return fast;
            }
        } else {
            function.note_outlined();
        }
        // SAFETY: the caller promises a place of the right type, and room, for each parameter.
        if !unsafe { lay_out(function, places, stated, arguments) } {
            // Not without a call of `learn` before, which the wrapper makes.
            let site = Site { function, location: Location::caller() };
            return Crossing::of_nothing_lent(ExitPlan::NOTHING, frame, &site);
        }
        // SAFETY: the arguments are laid out, and the caller promises their declared types.
        unsafe { Crossing::enter_new(function, arguments, frame) }
    }

    /// Tries the fast path of one level for the call of an unoptimised wrapper. `None` if the call
    /// cannot take it.
    ///
    /// # Safety
    /// - What [`enter`](Crossing::enter) requires of `places`, `arguments` and `frame`.
    #[track_caller]
    #[inline(always)]
    unsafe fn enter_fast<const FULL: bool>(
        function: &'static Function,
        (places, stated): (&[*const ()], &[Stated]),
        arguments: *mut Argument,
        frame: &mut MaybeUninit<CallFrame>,
    ) -> Option<Crossing> {
        let (at, loans) = (std::ptr::from_ref(frame).addr(), CallFrame::loans_in(frame));
        let inspection = Inspection::<FULL>::begin_at_this_level(function, at)?;
        // SAFETY: the caller promises a place of the right type for each parameter.
        let inspection = unsafe { inspection.all_at(function, places, stated, loans) }?;
        if !inspection.may_cross(function, loans) {
            return None;
        }
        let keeps = inspection.needs_arguments();
        // SAFETY: the caller promises a place of the right type, and room, for each parameter.
        if keeps && !unsafe { lay_out(function, places, stated, arguments) } {
            return None;
        }
        // SAFETY: if `keeps` is set, the arguments are laid out.
        let known = || unsafe { function.arguments_at(arguments, keeps) };
        let fast = inspection.cross_at(at, function, loans, known).keep(keeps);
        // SAFETY: the field lies in the frame that `frame` borrows.
        unsafe { (&raw mut (*frame.as_mut_ptr()).fast).write(fast) };
        Some(Crossing::of(frame))
    }

    /// Checks what Rust hands over by asking the rules. `arguments` are laid out.
    ///
    /// # Safety
    /// - `arguments` are those of the call, of the types that `function` declares, and stay in the
    ///   wrapper's frame until [`exit`](Crossing::exit), like `frame`.
    /// - If a pointer argument leads to Rust memory, that memory is readable during the call.
    ///
    /// # Panics
    /// With the report, if a rule that is denied is broken.
    #[track_caller]
    #[inline(never)]
    #[must_use]
    unsafe fn enter_new(
        function: &'static Function,
        arguments: *const Argument,
        frame: &mut MaybeUninit<CallFrame>,
    ) -> Crossing {
        // SAFETY: the caller promises that `arguments` are those of the call.
        let arguments = unsafe { function.arguments_at(arguments, true) };
        let loans = CallFrame::loans_in(frame);
        let location = Location::caller();
        let plan = if level::counts() {
            // SAFETY: the caller promises that Rust memory among the arguments is readable.
            unsafe { statistics::enter(function, arguments, location, loans) }
        } else if function.mode() == CheckMode::LeftOut {
            Ok(ExitPlan::NOTHING)
        } else {
            // SAFETY: the caller promises that Rust memory among the arguments is readable.
            unsafe { ask_the_rules(function, arguments, location) }
        };
        let plan = match plan {
            Ok(plan) => plan,
            // Not in a closure: the panic's location is the caller of this function.
            Err(stop) => {
                raise(stop, !function.declaration.keep_abi);
                ExitPlan::NOTHING
            }
        };
        let site = Site { function, location: Location::caller() };
        let kept = plan.looks && function.writes();
        let crossing = Crossing::slow(frame, plan, &site);
        if kept {
            // SAFETY: written by `slow`, in the frame that `frame` borrows.
            unsafe { (*frame.as_mut_ptr()).before.keep(&site, arguments) };
        }
        crossing
    }

    /// Begins a call that lends nothing.
    pub(super) fn of_nothing_lent(plan: ExitPlan, frame: &mut MaybeUninit<CallFrame>, site: &Site) -> Crossing {
        CallFrame::loans_in(frame);
        Crossing::slow(frame, plan, site)
    }

    /// Begins a call off the fast path. Its loans are in the frame.
    fn slow(frame: &mut MaybeUninit<CallFrame>, plan: ExitPlan, site: &Site) -> Crossing {
        let at = std::ptr::from_ref(frame).addr();
        // A fast call keeps its own.
        let (scope, under_way) = match plan.fast.is_some() {
            true => (PanicScope::none(), UnderWay::NONE),
            false => (PanicScope::begin_at(at), UnderWay::begin(at, site)),
        };
        let place = frame.as_mut_ptr();
        // SAFETY: the fields lie in the frame that `frame` borrows.
        unsafe {
            (&raw mut (*place).fast).write(FastWords::NONE);
            (&raw mut (*place).slow).write(MaybeUninit::new(Slow { plan, scope, under_way }));
            Before::nothing_in(&mut *(&raw mut (*place).before).cast());
        }
        Crossing::of(frame)
    }

    #[inline(always)]
    fn of(frame: &mut MaybeUninit<CallFrame>) -> Crossing {
        // SAFETY: a reference's address is not null.
        Crossing(unsafe { NonNull::new_unchecked(frame.as_mut_ptr()) })
    }

    #[inline(always)]
    fn frame(&self) -> &CallFrame {
        // SAFETY: written by `enter`, in a frame that outlives this.
        unsafe { self.0.as_ref() }
    }

    /// State of a call off the fast path; `None` for a fast call.
    #[inline(always)]
    fn slow_call(&self) -> Option<&Slow> {
        let frame = self.frame();
        // SAFETY: without a fast call, `Crossing::slow` has written the field.
        (!frame.fast.is_some()).then(|| unsafe { frame.slow.assume_init_ref() })
    }

    /// Copies that C works on, if any.
    #[inline(always)]
    fn copies(&self) -> Option<&super::copies::CopiesHandle> {
        self.slow_call()?.plan.copies.as_ref()
    }

    /// Takes the loans of a fast call, which the caller ends.
    #[inline(always)]
    fn take_loans(self) -> &'static Loans {
        let frame = self.0.as_ptr();
        std::mem::forget(self);
        // SAFETY: written by `enter`, in a frame that lives until the wrapper returns.
        unsafe { &(*frame).loans }
    }

    /// Takes the call's state, for the caller to end, and its loans.
    #[inline(always)]
    fn take(self) -> (FastWords, Option<Slow>, &'static Loans) {
        let frame = self.0.as_ptr();
        std::mem::forget(self);
        // SAFETY: written by `enter`, in a frame that lives until the wrapper returns; read once,
        // since the crossing is consumed.
        unsafe {
            let fast = (&raw const (*frame).fast).read();
            let slow = (!fast.is_some()).then(|| (&raw const (*frame).slow).read().assume_init());
            (fast, slow, &(*frame).loans)
        }
    }

    /// True if C works on copies. Never inlined: the caller may be built without optimisation.
    #[inline(never)]
    #[must_use]
    pub fn is_copied(&self) -> bool {
        self.copies().is_some()
    }

    /// Returns what C gets for an argument: a pointer into its copy, if it has one.
    ///
    /// # Safety
    /// - `argument` is the one that [`enter`](Crossing::enter) got at this index.
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
                // pointer or reference, or an `Option` of one. The copy is as readable and writable
                // as the original, aligned for its type, and lives until the exit.
                unsafe { std::mem::transmute_copy::<*mut (), P>(&pointer) }
            }
        }
    }

    /// Returns C's result, with pointers into a copy replaced by pointers into the original.
    /// `about`: the classified result.
    ///
    /// # Safety
    /// - `about` describes `result`.
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
                    // SAFETY: a thin pointer or reference, or an `Option` of one, null neither
                    // before nor now; it leads to the original of the copy, at the same offset.
                    unsafe { std::mem::transmute_copy::<*mut (), R>(&pointer) }
                }
            },
            Passing::Value => {
                let mut result = result;
                // SAFETY: the result's own bytes; a reference in them is not used before this
                // returns.
                unsafe { copies.words_to_original((&raw mut result).expose_provenance(), size_of::<R>()) };
                result
            }
        }
    }

    /// Checks what C did and what it returned. `result`: its address, null if there is none.
    ///
    /// # Safety
    /// - `function` and `arguments` are what [`enter`](Crossing::enter) got.
    /// - `result` leads to the result, and the result's type was learned.
    ///
    /// # Panics
    /// With the report, if a rule that is denied is broken.
    #[track_caller]
    #[inline(never)]
    pub unsafe fn exit(self, function: &'static Function, arguments: *const Argument, result: *const ()) {
        let place = result;
        // SAFETY: the caller promises that `result` leads to a result of the learned type.
        let result = || unsafe { function.result_at(place) };
        // SAFETY: the caller promises that they are those of `enter`; `known`: they are laid out.
        let arguments = |known| unsafe { function.arguments_at(arguments, known) };
        // Word by word, as it was written: a wider load would wait until the stores are done.
        let (fast, frame) = (&self.frame().fast, self.0.as_ptr().addr());
        if fast.is_some() {
            let known = fast.has_arguments();
            if fast.is_full() {
                let call = fast.call::<true>();
                return call.exit_at(frame, function, self.take_loans(), || arguments(known), result);
            }
            let call = fast.call::<false>();
            return call.exit_at(frame, function, self.take_loans(), || arguments(known), result);
        }
        let whole = self.0.as_ptr();
        if let (_, Some(Slow { plan, mut scope, under_way }), loans) = self.take() {
            under_way.end();
            // SAFETY: written by `slow`, in a frame that lives until the wrapper returns.
            let before = unsafe { &(*whole).before };
            plan.leave(&mut scope, function, (arguments(true), loans, before), (&result(), place));
        }
    }

    /// Ends the checks of a call that never returns. The guard that this returns lives in the
    /// wrapper's frame.
    #[must_use]
    pub fn never_returns(self) -> Never {
        match self.take() {
            (_, Some(Slow { plan, scope, under_way }), _) => {
                Never { fast: plan.never_returns(), _scope: scope, under_way }
            }
            (fast, None, _) => Never { fast, _scope: PanicScope::none(), under_way: UnderWay::NONE },
        }
    }
}

/// Undoes what the entry began, when C unwinds through the call.
impl Drop for Crossing {
    #[cold]
    fn drop(&mut self) {
        let (fast, slow, _) = Crossing(self.0).take();
        fast.abandon();
        if let Some(Slow { plan, scope, under_way }) = slow {
            under_way.end();
            plan.abandon();
            drop(scope);
        }
    }
}

/// A call that does not return, but may unwind.
#[derive(Debug)]
pub struct Never {
    fast: FastWords,
    _scope: PanicScope,
    under_way: UnderWay,
}

impl Drop for Never {
    fn drop(&mut self) {
        self.under_way.end();
        std::mem::replace(&mut self.fast, FastWords::NONE).abandon();
    }
}
