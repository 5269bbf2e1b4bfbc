//! The commonest calls: what they hand over is plainly in order, and holds no pointer where it is Rust's. They are decided in the wrapper
//! itself, where each argument is still in its register and what is known of its type and its contract is constant; in a build that is not
//! optimised, where nothing is, in [`Crossing::enter`](super::crossing::Crossing::enter).
//!
//! ```text
//!  each argument ── not Rust's, or a small block of the heap, or on this thread's stack ──> C ──> exit
//!                └─ anything else, or a rule to be asked ──> every other call's way (`Crossing`)
//! ```
//! What is not brief is decided anew there: nothing is done before all arguments are looked at.

mod blocks;

use crate::call::scopes;
use std::panic::Location;

use super::after::After;
use super::leave::resume;
use super::loans::Loans;
use super::noted::Left;
use super::raise::raise;
use super::snapshot::{Counted, Snapshot};
use super::{canary, late, noted, parked, quick, result};
use crate::call::argument::{Argument, Passing, Stated};
use crate::call::count::Count;
use crate::call::declaration::{Contract, Function};
use crate::call::kinds::{self, Kind};
use crate::call::shape::Shape;
use crate::call::site::Site;
use crate::call::thread;
use crate::heap;
use crate::level;
use crate::platform::clock::ticks;
use crate::reentry;
use crate::retention::{self, Sample, untold};

/// What the wrapper asks of each argument. `FULL`: at level 2, where C memory is looked into as well; else at level 1. Each level has a way of
/// its own: what the one keeps in registers while C runs, the other would have to save.
#[derive(Clone, Copy, Debug)]
pub struct Brief<const FULL: bool> {
    /// The whole stack of the calling thread, and the Rust heap: where each begins, and its bytes.
    stack: (usize, usize),
    heap: (usize, usize),
    /// Whether something of Rust's is lent.
    lends: bool,
}

impl<const FULL: bool> Brief<FULL> {
    /// A call is about to be made, at level 1 where that is known, else at whatever level; `None` where it cannot be such a one, whatever its
    /// arguments are.
    #[inline(always)]
    #[must_use]
    pub fn begin(function: &'static Function) -> Option<Self> {
        if FULL && level::checked() != Some(true) {
            return None;
        }
        let (low, high) = thread::stack_bounds();
        let possible = function.may_be_brief() && high != 0 && !reentry::inside() && !(FULL && untold::may_be_any());
        let (stack, heap) = ((low, high.wrapping_sub(low)), heap::bounds());
        possible.then_some(Brief { stack, heap, lends: false })
    }

    /// Whether an argument is plainly in order. `index`: which one it is.
    #[inline(always)]
    #[must_use]
    pub fn has(&mut self, index: usize, argument: Argument, contract: Contract, loans: &mut Loans) -> bool {
        let Argument { address, info, passing, stated, .. } = argument;
        match passing {
            Passing::Scalar => return true,
            Passing::Value => return false,
            Passing::Const | Passing::Mut => {}
        }
        if contract.is_thread_bound() {
            return false;
        }
        let untyped = matches!(info.shape, Shape::Untyped);
        let aligned = untyped || contract.is_opaque() || address & (info.align - 1) == 0;
        // Without a statement, what has no type ends where its block does; and a text where its NUL is.
        let ends_by_itself = stated == Stated::No && (untyped || contract.is_cstr());
        let extent = match stated {
            Stated::No if ends_by_itself => Some(0),
            Stated::No => Some(info.size),
            Stated::Bytes(Count::Fits(bytes)) => Some(bytes),
            Stated::Elements(Count::Fits(count)) => count.checked_mul(if untyped { 1 } else { info.size }),
            _ => None,
        };
        let Some(extent) = extent.filter(|&extent| aligned && extent <= isize::MAX as usize) else { return false };
        let holds_nothing =
            matches!(info.shape, Shape::Plain | Shape::Out) || contract.is_out() || contract.is_opaque();
        if is_in(self.heap, address) {
            self.lends = true;
            let stated = (!ends_by_itself).then_some(extent);
            if !FULL {
                return match holds_nothing {
                    true if contract.is_cstr() => ends_by_itself && blocks::apart::has_nul(address),
                    true => extent < blocks::apart::beyond(address),
                    false => blocks::apart::holds_none(address, stated, info),
                };
            }
            return match holds_nothing {
                true if contract.is_cstr() => ends_by_itself && blocks::has_nul(address, index, info, loans),
                true => extent < blocks::beyond(address, index, stated.unwrap_or(usize::MAX), info, loans),
                false => blocks::holds_none(address, index, stated, info, loans),
            };
        }
        if is_in(self.stack, address) {
            self.lends = true;
            let (low, len) = self.stack;
            let rest = low + len - address;
            return holds_nothing
                && is_above(address)
                && extent <= rest
                && (!contract.is_cstr() || ends_by_itself && blocks::has_nul_on_stack(address, rest));
        }
        // What is stated of C's memory, and may hold pointers, is looked into at level 2; with C's heap over ours, all of it is.
        let looked_into = FULL && !holds_nothing && address != 0 && (extent != 0 || is_cs_heap(address));
        (address != 0 || !contract.is_nonnull()) && !looked_into
    }

    /// Whether an address leads into memory of Rust's, or into C's that is looked into.
    #[inline(always)]
    pub(super) fn may_lead_to(&self, address: usize) -> bool {
        is_in(self.heap, address) || is_in(self.stack, address) || FULL && is_cs_heap(address)
    }

    /// Whether what the arguments are has to be kept for the call's end.
    #[inline(always)]
    pub(super) fn needs_arguments(&self) -> bool {
        FULL && self.lends
    }

    /// Whether what it lends is in order as well, at level 2: whole, and to be noted and not looked after at once.
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
    ) -> BriefCall<FULL> {
        let local = 0_u8;
        self.cross_at((&raw const local).addr(), function, loans, arguments)
    }

    /// The same from elsewhere. `frame`: an address in the wrapper's frame.
    #[inline(always)]
    #[track_caller]
    pub(super) fn cross_at<A: AsRef<[Argument]>>(
        &self,
        frame: usize,
        function: &'static Function,
        loans: &Loans,
        arguments: impl Fn() -> A,
    ) -> BriefCall<FULL> {
        if !FULL {
            let outermost = scopes::begin_outermost(frame);
            let snapshot = Snapshot::default();
            return BriefCall { outermost, noting: false, counted: false, began: 0, snapshot };
        }
        let call = thread::count_crossing();
        let site = Site { function, location: Location::caller() };
        let snapshot = match self.lends && may_be_compared(arguments().as_ref()) && function.compares() {
            true => Snapshot::take(&site, arguments().as_ref(), call, Counted::No),
            false => Snapshot::default(),
        };
        let outermost = scopes::begin_outermost(frame);
        let counted = self.lends && noted::count(loans, &[]);
        let began = if call.is_multiple_of(retention::ONE_IN) { ticks() } else { 0 };
        BriefCall { outermost, noting: thread::begin_noting_at(frame), counted, began, snapshot }
    }
}

/// Whether some argument's bytes could be compared, as far as its type tells: a constant, where this is built.
#[inline(always)]
fn may_be_compared(arguments: &[Argument]) -> bool {
    arguments.iter().any(|argument| argument.passing == Passing::Const && argument.info.frozen)
}

#[inline(always)]
fn is_in((start, len): (usize, usize), address: usize) -> bool {
    address.wrapping_sub(start) < len
}

/// Whether an address of the stack is above this frame: what lies below is C's to come, and Rust's no more.
#[inline(always)]
fn is_above(address: usize) -> bool {
    let local = 0_u8;
    address >= (&raw const local).addr()
}

#[inline(always)]
fn is_cs_heap(address: usize) -> bool {
    #[cfg(feature = "c-heap")]
    return heap::contains_c(address);
    #[cfg(not(feature = "c-heap"))]
    {
        _ = address;
        false
    }
}

#[inline(never)]
fn may_lend(function: &Function, loans: &Loans) -> bool {
    quick::is_noted(function, quick::Glance::Lends) && canary::are_whole(&[], loans)
}

/// Such a call under way, in its wrapper's frame. At level 1 all but the first is nothing.
#[derive(Debug)]
pub struct BriefCall<const FULL: bool> {
    /// It is the outermost of its thread.
    outermost: bool,
    /// It is the outermost of those that are not looked after.
    noting: bool,
    /// Its loans are counted with the heap.
    counted: bool,
    /// When C began, in ticks, where the call is timed; else 0.
    began: u64,
    /// What it may read and not write, as it was.
    snapshot: Snapshot,
}

impl<const FULL: bool> BriefCall<FULL> {
    /// C has returned. `arguments`: what C got, `result`: what it gave; asked for where something is to be noted or told.
    ///
    /// # Panics
    /// With the report, where a rule that is denied is broken.
    #[inline(always)]
    #[track_caller]
    pub fn exit<A: AsRef<[Argument]>>(
        self,
        function: &'static Function,
        loans: &Loans,
        arguments: impl Fn() -> A,
        result: impl Fn() -> Argument,
    ) {
        let BriefCall { outermost, noting, counted, began, snapshot } = self;
        std::mem::forget(self);
        if FULL && noting {
            thread::end_noting();
        }
        if outermost && parked::end() {
            let after = if FULL { After::Note(noted::Underway::of(counted, snapshot)) } else { After::Result };
            let none = Loans::none();
            resume(after, function, arguments().as_ref(), if FULL { loans } else { &none });
        }
        if FULL && began != 0 {
            Sample::began_at(began).end();
        }
        let left = match FULL && !loans.is_empty() {
            true => noted::settle(&Site { function, location: Location::caller() }, loans, counted),
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
        if !(settled && plain) || (FULL && late::is_due()) {
            let underway = (!settled).then(|| noted::Underway::of(counted && left == Left::All, snapshot));
            let none = Loans::none();
            finish(function, (arguments().as_ref(), if FULL { loans } else { &none }), &result(), underway);
        }
    }
}

/// C has returned, and there is something to be noted, or told, or to be looked at. `unsettled`: what was lent is.
#[cold]
#[inline(never)]
#[track_caller]
fn finish(
    function: &'static Function,
    (arguments, loans): (&[Argument], &Loans),
    result: &Argument,
    unsettled: Option<noted::Underway>,
) {
    let site = Site { function, location: Location::caller() };
    let outcome = unsettled.map_or(Ok(()), |underway| noted::end(underway, &site, arguments, loans));
    let outcome = outcome.and_then(|()| if level::checked() == Some(true) { late::settle_if_due() } else { Ok(()) });
    if let Err(stop) = outcome.and_then(|()| result::check(&site, result)) {
        raise(stop, !function.declaration.keep_abi);
    }
}

/// The same in memory, where what called it is not optimised: whole words, which are read as they were written.
#[derive(Debug)]
pub(super) struct Kept([u64; 3]);

impl<const FULL: bool> BriefCall<FULL> {
    /// `written`: whether the arguments were written down.
    #[inline(always)]
    pub(super) fn keep(self, written: bool) -> Kept {
        let flags = [FULL, self.outermost, self.noting, self.counted, written];
        let flags = flags.iter().rev().fold(0, |all, &flag| all << 1 | u64::from(flag));
        let words = [flags, self.began, self.snapshot.into_number() as u64];
        std::mem::forget(self);
        Kept(words)
    }
}

impl Kept {
    /// Whether it is at level 2, or above.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether its arguments were written down.
    #[inline(always)]
    pub(super) fn has_arguments(&self) -> bool {
        self.0[0] & 16 != 0
    }

    /// The call. Once, and of the level that [`is_full`](Kept::is_full) tells.
    #[inline(always)]
    pub(super) fn call<const FULL: bool>(&self) -> BriefCall<FULL> {
        let Kept([flags, began, snapshot]) = *self;
        let [outermost, noting, counted] = [2, 4, 8].map(|flag| flags & flag != 0);
        BriefCall { outermost, noting, counted, began, snapshot: Snapshot::from_number(snapshot as usize) }
    }
}

/// A call that C unwinds out of. What was counted stays so: its block is not reported while it may be another call's doing.
impl<const FULL: bool> Drop for BriefCall<FULL> {
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

impl<const FULL: bool> Brief<FULL> {
    /// Whether each argument is plainly in order, and what is lent as well: then the call is brief.
    ///
    /// # Safety
    /// - As for [`all`].
    #[inline(always)]
    pub(super) unsafe fn has_all(
        mut self,
        function: &Function,
        places: &[*const ()],
        stated: &[Stated],
        loans: &mut Loans,
    ) -> Option<Self> {
        let may_lead_to = |address| self.may_lead_to(address);
        // SAFETY: as promised by the caller.
        let is_apart = |(place, kind): (&*const (), &Kind)| unsafe { kind.is_apart(*place, may_lead_to) };
        let result = function.kinds.get(places.len());
        if result.is_none_or(Kind::is_known) && places.iter().zip(function.kinds).all(is_apart) {
            return Some(self);
        }
        let has = |index, argument, contract| self.has(index, argument, contract, loans);
        // SAFETY: as promised by the caller.
        let has = unsafe { kinds::all(function, places, stated, has) } == Some(true);
        (has && self.may_cross(function, loans)).then_some(self)
    }
}
