//! The fast path: calls whose arguments are plainly in order ([`Inspection`]). The wrapper holds
//! such a call in its own frame, in registers if it is optimised, and calls the library only if
//! something is lent, timed or found.
//!
//! ```text
//!  Inspection ── may_cross ── cross ──> C runs ──> FastCall::exit ── what was lent is noted
//!                    └─ a look is due, or something is damaged: the rules are asked
//! ```

use std::mem::MaybeUninit;
use std::panic::Location;

use super::canary;
use super::inspect::Inspection;
use super::loans::{self, Left, Loans, Unsettled};
use super::parked;
use super::snapshot::{OwnLoans, Snapshot};
use crate::answers::promised;
use crate::answers::result;
use crate::call::argument::{Argument, Passing};
use crate::call::declaration::Function;
use crate::call::scopes;
use crate::call::site::Site;
use crate::call::target::is_freed_by_c;
use crate::call::thread;
use crate::call::under_way::UnderWay;
use crate::delivery::deferred;
use crate::delivery::raise::raise;
use crate::heap;
use crate::level;
use crate::platform;
use crate::platform::clock::ticks;
use crate::retention::{self, Sample};
use crate::rules::invalid_value;

impl<const FULL: bool> Inspection<FULL> {
    /// True if the arguments must be kept until the call ends.
    #[inline(always)]
    pub(super) fn needs_arguments(&self) -> bool {
        FULL && (self.lends || cfg!(feature = "c-heap"))
    }

    /// True if the fast path is open: at level 2, what the call lends must be undamaged, and due to
    /// be noted rather than looked for at once.
    #[inline(always)]
    #[must_use]
    pub fn may_cross(&self, function: &Function, loans: &Loans) -> bool {
        !FULL || !self.lends || may_lend(function, loans)
    }

    /// Begins the call, of a wrapper whose frame is the caller's.
    #[inline(always)]
    #[must_use]
    #[track_caller]
    pub fn cross<A: AsRef<[Argument]>>(
        &self,
        function: &'static Function,
        loans: &Loans,
        arguments: impl Fn() -> A,
    ) -> FastCall<FULL> {
        let local = 0_u8;
        self.cross_at((&raw const local).addr(), function, loans, arguments)
    }

    /// Begins the call. `frame`: an address in the wrapper's frame, which need not be the caller's.
    #[inline(always)]
    #[track_caller]
    pub(super) fn cross_at<A: AsRef<[Argument]>>(
        &self,
        frame: usize,
        function: &'static Function,
        loans: &Loans,
        arguments: impl Fn() -> A,
    ) -> FastCall<FULL> {
        if !FULL {
            let outermost = scopes::begin_outermost(frame);
            let snapshot = Snapshot::default();
            let under_way = UnderWay::begin(frame, &Site { function, location: Location::caller() });
            return FastCall { outermost, noting: false, counted: false, began: 0, snapshot, under_way };
        }
        let call = thread::count_crossing();
        let site = Site { function, location: Location::caller() };
        let snapshot = match self.lends && may_be_compared(arguments().as_ref()) && function.compares() {
            true => Snapshot::take(&site, arguments().as_ref(), loans.known(), call, OwnLoans::No),
            false => Snapshot::default(),
        };
        if self.lends && loans.are_several() {
            thread::begin_lending_several(call);
        }
        let outermost = scopes::begin_outermost(frame);
        // On a single thread no sweep is made while a call is under way: counts are not needed.
        let counted = self.lends && platform::thread::are_several();
        if counted {
            match loans.all() {
                Some(_) => loans::count_known(loans),
                None => loans::count_each(arguments().as_ref()),
            }
        }
        let began = if call.is_multiple_of(retention::ONE_IN) { ticks() } else { 0 };
        let under_way = UnderWay::begin(frame, &site);
        FastCall { outermost, noting: thread::begin_noting_at(frame), counted, began, snapshot, under_way }
    }
}

/// True if the bytes of some argument could be compared, as far as its type tells: a constant in
/// the wrapper.
#[inline(always)]
fn may_be_compared(arguments: &[Argument]) -> bool {
    arguments.iter().any(|argument| argument.passing == Passing::Const && argument.info.frozen)
}

#[inline(never)]
fn may_lend(function: &Function, loans: &Loans) -> bool {
    !function.lets_keep()
        && (function.allows_all() || function.is_past_the_first() && !retention::may_look(function))
        && canary::are_known_whole(loans)
}

/// A call on the fast path, in its wrapper's frame. At level 1 all fields but the first are empty.
#[derive(Debug)]
pub struct FastCall<const FULL: bool> {
    /// True for the outermost guarded call of its thread.
    outermost: bool,
    /// True for the outermost of the thread's calls that are only noted.
    noting: bool,
    /// True if its loans are counted with the heap.
    counted: bool,
    /// Ticks at which C began, if the call is timed; else 0.
    began: u64,
    /// Copies of what C may read but not write.
    snapshot: Snapshot,
    /// What is recorded of it while C runs.
    under_way: UnderWay,
}

impl<const FULL: bool> FastCall<FULL> {
    /// Ends the call after C returned, in the frame of its wrapper. `arguments`: what C got;
    /// `result`: what it returned; both are called if something must be noted or reported.
    ///
    /// # Panics
    /// With the report, if a rule that is denied is broken.
    #[inline(always)]
    #[track_caller]
    pub fn exit<A: AsRef<[Argument]>>(
        self,
        function: &'static Function,
        loans: &Loans,
        arguments: impl Fn() -> A,
        result: impl Fn() -> Argument,
    ) {
        let local = MaybeUninit::<u8>::uninit();
        self.exit_at((&raw const local).addr(), function, loans, arguments, result);
    }

    /// Ends the call. `frame`: an address in the wrapper's frame, which need not be the caller's.
    ///
    /// # Panics
    /// With the report, if a rule that is denied is broken.
    #[inline(always)]
    #[track_caller]
    pub(super) fn exit_at<A: AsRef<[Argument]>>(
        self,
        frame: usize,
        function: &'static Function,
        loans: &Loans,
        arguments: impl Fn() -> A,
        result: impl Fn() -> Argument,
    ) {
        let FastCall { outermost, noting, counted, began, snapshot, under_way } = self;
        std::mem::forget(self);
        under_way.end();
        if FULL && noting {
            thread::end_noting();
        }
        if outermost && parked::end() {
            let unsettled = FULL.then_some(Unsettled { counted, snapshot });
            let none = Loans::none();
            resume(function, arguments().as_ref(), if FULL { loans } else { &none }, unsettled);
        }
        if FULL && began != 0 {
            Sample::began_at(began).end();
        }
        let left = match FULL && !loans.is_empty() {
            true => loans::settle(&Site { function, location: Location::caller() }, loans, counted),
            false => Left::Nothing,
        };
        let settled = left == Left::Nothing
            && (!FULL
                || !may_be_compared(arguments().as_ref())
                || snapshot.is_none()
                || snapshot.is_as_it_was(arguments().as_ref(), loans.known(), OwnLoans::No))
            && (!FULL || loans.are_cs_whole());
        let about = result();
        // SAFETY: the result's own bytes, which the wrapper holds.
        let is_value = || !function.promises() && unsafe { about.is_plainly_a_value() };
        let plain = (!about.asks || is_value())
            && match about.passing {
                Passing::Scalar => true,
                Passing::Value => false,
                Passing::Const | Passing::Mut => {
                    let (address, above) = (about.address, frame.wrapping_add(function.own_frame()));
                    !heap::contains(address)
                        && (address >= above || !thread::is_on_stack(address))
                        && !is_freed_by_c(address)
                }
            };
        if !(settled && plain) || (FULL && deferred::is_due()) {
            let unsettled = (!settled).then(|| Unsettled { counted: counted && left == Left::All, snapshot });
            let none = Loans::none();
            finish(function, (arguments().as_ref(), if FULL { loans } else { &none }), (&result(), frame), unsettled);
        }
    }
}

/// Ends a call that has something to note, report or inspect. `frame`: an address in the wrapper's
/// frame.
#[cold]
#[inline(never)]
#[track_caller]
fn finish(
    function: &'static Function,
    (arguments, loans): (&[Argument], &Loans),
    (result, frame): (&Argument, usize),
    unsettled: Option<Unsettled>,
) {
    let site = Site { function, location: Location::caller() };
    let outcome = unsettled.map_or(Ok(()), |unsettled| unsettled.settle(&site, arguments, loans));
    let outcome =
        outcome.and_then(|()| if level::checked() == Some(true) { deferred::settle_if_due() } else { Ok(()) });
    let outcome = outcome
        .and_then(|()| result::check_value(&site, result))
        .and_then(|()| result::check(&site, arguments, result, frame));
    // A function with a condition for what it promises is not fast.
    let outcome = outcome.and_then(|()| match function.promises() && invalid_value::is_value(result) {
        true => promised::check(&site, arguments, result),
        false => Ok(()),
    });
    if let Err(stop) = outcome {
        raise(stop, !function.declaration.keep_abi);
    }
}

/// Ends a call in which a callback panicked: settles its loans and resumes the panic.
#[track_caller]
#[cold]
#[inline(never)]
fn resume(function: &'static Function, arguments: &[Argument], loans: &Loans, unsettled: Option<Unsettled>) -> ! {
    let site = Site { function, location: Location::caller() };
    let outcome = unsettled.map_or(Ok(()), |unsettled| unsettled.settle(&site, arguments, loans));
    parked::resume(function, outcome.and_then(|()| deferred::settle_if_due()))
}

/// A fast call kept in memory, for a wrapper that is not optimised. Whole words, which are read as
/// they were written: a wider load would wait until narrower stores are done.
#[derive(Debug)]
pub(super) struct FastWords([u64; 3]);

impl<const FULL: bool> FastCall<FULL> {
    /// Packs the call into words. `written`: the arguments are laid out.
    #[inline(always)]
    pub(super) fn keep(self, written: bool) -> FastWords {
        let flags = [true, FULL, self.outermost, self.noting, self.counted, written];
        let flags = flags.iter().rev().fold(0, |all, &flag| all << 1 | u64::from(flag));
        let flags = flags | self.under_way.into_number() << 8;
        let words = [flags, self.began, self.snapshot.into_number() as u64];
        std::mem::forget(self);
        FastWords(words)
    }
}

impl FastWords {
    /// No call.
    pub(super) const NONE: FastWords = FastWords([0; 3]);

    /// True if there is a call.
    #[inline(always)]
    pub(super) fn is_some(&self) -> bool {
        self.0[0] & 1 != 0
    }

    /// True if the call is at level 2 or above.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.0[0] & 2 != 0
    }

    /// True if its arguments are laid out.
    #[inline(always)]
    pub(super) fn has_arguments(&self) -> bool {
        self.0[0] & 32 != 0
    }

    /// Unpacks the call: once, with the `FULL` that [`is_full`](FastWords::is_full) says.
    #[inline(always)]
    pub(super) fn call<const FULL: bool>(&self) -> FastCall<FULL> {
        let FastWords([flags, began, snapshot]) = *self;
        let [outermost, noting, counted] = [4, 8, 16].map(|flag| flags & flag != 0);
        let (snapshot, under_way) = (Snapshot::from_number(snapshot as usize), UnderWay::from_number(flags >> 8));
        FastCall { outermost, noting, counted, began, snapshot, under_way }
    }

    /// Undoes what entry began, for a call that C unwinds out of or never returns from.
    pub(super) fn abandon(self) {
        match () {
            () if !self.is_some() => {}
            () if self.is_full() => drop(self.call::<true>()),
            () => drop(self.call::<false>()),
        }
    }
}

/// Undoes what entry began when C unwinds through the call. Its loans stay counted: their blocks
/// are not reported, since another call may have damaged them.
impl<const FULL: bool> Drop for FastCall<FULL> {
    #[cold]
    fn drop(&mut self) {
        self.snapshot.forget();
        self.under_way.end();
        if self.noting {
            thread::end_noting();
        }
        if self.outermost {
            parked::overtake();
        }
        if FULL {
            retention::release_held_back();
        }
    }
}
