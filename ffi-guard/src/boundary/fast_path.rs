//! The fast path: calls whose arguments are plainly in order ([`Inspection`]). The wrapper holds
//! such a call in its own frame, in registers where it is optimised, and the library is called
//! where something is lent, timed or found.
//!
//! ```text
//!  Inspection ── may_cross ── cross ──> C runs ──> FastCall::exit ── what was lent is noted
//!                    └─ a look is due, or something is damaged: the rules are asked
//! ```

use std::panic::Location;

use super::canary;
use super::deferred;
use super::inspect::Inspection;
use super::loans::{self, Left, Loans, Unsettled};
use super::parked;
use super::raise::raise;
use super::result;
use super::snapshot::{Counted, Snapshot};
use crate::call::argument::{Argument, Passing};
use crate::call::declaration::Function;
use crate::call::scopes;
use crate::call::site::Site;
use crate::call::thread;
use crate::heap;
use crate::level;
use crate::platform;
use crate::platform::clock::ticks;
use crate::retention::{self, Sample};

impl<const FULL: bool> Inspection<FULL> {
    /// Whether what the arguments are has to be kept for the call's end.
    #[inline(always)]
    pub(super) fn needs_arguments(&self) -> bool {
        FULL && self.lends
    }

    /// Whether what it lends is in order as well, at level 2: whole, and to be noted and not looked
    /// after at once.
    #[inline(always)]
    #[must_use]
    pub fn may_cross(&self, function: &Function, loans: &Loans) -> bool {
        !FULL || !self.lends || may_lend(function, loans)
    }

    /// C is about to run.
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

    /// C is about to run, called by another frame than this one. `frame`: an address in the
    /// wrapper's.
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
            return FastCall { outermost, noting: false, counted: false, began: 0, snapshot };
        }
        let call = thread::count_crossing();
        let site = Site { function, location: Location::caller() };
        let snapshot = match self.lends && may_be_compared(arguments().as_ref()) && function.compares() {
            true => Snapshot::take(&site, arguments().as_ref(), call, Counted::No),
            false => Snapshot::default(),
        };
        let outermost = scopes::begin_outermost(frame);
        // On one thread it is enough to know that some call is under way: no sweep is made then.
        let counted = self.lends && platform::thread::are_several();
        if counted {
            match loans.all() {
                Some(_) => loans::count_known(loans),
                None => loans::count_each(arguments().as_ref()),
            }
        }
        let began = if call.is_multiple_of(retention::ONE_IN) { ticks() } else { 0 };
        FastCall { outermost, noting: thread::begin_noting_at(frame), counted, began, snapshot }
    }
}

/// Whether some argument's bytes could be compared, as far as its type tells: a constant, where
/// this is built.
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

/// Such a call under way, in its wrapper's frame. At level 1 all but the first field is nothing.
#[derive(Debug)]
pub struct FastCall<const FULL: bool> {
    /// It is the outermost guarded call of its thread.
    outermost: bool,
    /// It is the outermost of those that are not looked after.
    noting: bool,
    /// Its loans are counted with the heap.
    counted: bool,
    /// When C began, in ticks, if the call is timed; else 0.
    began: u64,
    /// What it may read and not write, as it was.
    snapshot: Snapshot,
}

impl<const FULL: bool> FastCall<FULL> {
    /// C has returned. `arguments`: what C got, `result`: what it gave; asked for if something is
    /// to be noted or reported.
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
        let FastCall { outermost, noting, counted, began, snapshot } = self;
        std::mem::forget(self);
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
                || snapshot.is_as_it_was(arguments().as_ref(), Counted::No));
        let about = result();
        let plain = match about.passing {
            Passing::Scalar => true,
            Passing::Value => false,
            Passing::Const | Passing::Mut => !heap::contains(about.address),
        };
        if !(settled && plain) || (FULL && deferred::is_due()) {
            let unsettled = (!settled).then(|| Unsettled { counted: counted && left == Left::All, snapshot });
            let none = Loans::none();
            finish(function, (arguments().as_ref(), if FULL { loans } else { &none }), &result(), unsettled);
        }
    }
}

/// C has returned, and there is something to be noted, or reported, or to be looked at.
#[cold]
#[inline(never)]
#[track_caller]
fn finish(
    function: &'static Function,
    (arguments, loans): (&[Argument], &Loans),
    result: &Argument,
    unsettled: Option<Unsettled>,
) {
    let site = Site { function, location: Location::caller() };
    let outcome = unsettled.map_or(Ok(()), |unsettled| unsettled.settle(&site, arguments, loans));
    let outcome =
        outcome.and_then(|()| if level::checked() == Some(true) { deferred::settle_if_due() } else { Ok(()) });
    if let Err(stop) = outcome.and_then(|()| result::check(&site, result)) {
        raise(stop, !function.declaration.keep_abi);
    }
}

/// The exit of a call in which a callback panicked: what was lent is settled, and the panic goes
/// on.
#[track_caller]
#[cold]
#[inline(never)]
fn resume(function: &'static Function, arguments: &[Argument], loans: &Loans, unsettled: Option<Unsettled>) -> ! {
    let site = Site { function, location: Location::caller() };
    let outcome = unsettled.map_or(Ok(()), |unsettled| unsettled.settle(&site, arguments, loans));
    parked::resume(function, outcome.and_then(|()| deferred::settle_if_due()))
}

/// A fast call in memory, where what called it is not optimised: whole words, which are read as
/// they were written, since a wider load waits until narrower stores are done.
#[derive(Debug)]
pub(super) struct FastWords([u64; 3]);

impl<const FULL: bool> FastCall<FULL> {
    /// `written`: whether the arguments were written down.
    #[inline(always)]
    pub(super) fn keep(self, written: bool) -> FastWords {
        let flags = [true, FULL, self.outermost, self.noting, self.counted, written];
        let flags = flags.iter().rev().fold(0, |all, &flag| all << 1 | u64::from(flag));
        let words = [flags, self.began, self.snapshot.into_number() as u64];
        std::mem::forget(self);
        FastWords(words)
    }
}

impl FastWords {
    /// No call.
    pub(super) const NONE: FastWords = FastWords([0; 3]);

    /// Whether there is a call.
    #[inline(always)]
    pub(super) fn is_some(&self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether it is at level 2, or above.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.0[0] & 2 != 0
    }

    /// Whether its arguments were written down.
    #[inline(always)]
    pub(super) fn has_arguments(&self) -> bool {
        self.0[0] & 32 != 0
    }

    /// The call. Once, and of the level that [`is_full`](FastWords::is_full) tells.
    #[inline(always)]
    pub(super) fn call<const FULL: bool>(&self) -> FastCall<FULL> {
        let FastWords([flags, began, snapshot]) = *self;
        let [outermost, noting, counted] = [4, 8, 16].map(|flag| flags & flag != 0);
        FastCall { outermost, noting, counted, began, snapshot: Snapshot::from_number(snapshot as usize) }
    }

    /// Undoes what was begun for a call that C unwinds out of, or never returns from.
    pub(super) fn abandon(self) {
        match () {
            () if !self.is_some() => {}
            () if self.is_full() => drop(self.call::<true>()),
            () => drop(self.call::<false>()),
        }
    }
}

/// A call that C unwinds out of. What was counted stays so: its block is not reported while that
/// may be another call's doing.
impl<const FULL: bool> Drop for FastCall<FULL> {
    #[cold]
    fn drop(&mut self) {
        self.snapshot.forget();
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
