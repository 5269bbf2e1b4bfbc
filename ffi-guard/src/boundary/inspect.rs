//! The one decider of "is this argument plainly in order, and does it lend something?"
//!
//! ```text
//!  optimised wrapper ── each argument in its register, its needs a constant ──┐
//!  debug build       ── its needs kept with the function (`Kind`) ────────────┼─> Inspection::is_in_order
//!  statistics        ── laid out in the wrapper's frame ──────────────────────┘     │            │
//!                                                                          the fast path   the rules are asked
//! ```
//! A `false` decides nothing: the rules are then asked about the whole call, and nothing is done
//! before all arguments are inspected. Arguments whose needs are not known go to the rules
//! ([`Needs::of`]).

use std::mem::MaybeUninit;

use super::clear::is_clear;
use super::loans::{Loan, Loans};
use crate::call::argument::{Argument, Passing, Stated};
use crate::call::count::Count;
use crate::call::declaration::{Contract, Function, Parameter};
use crate::call::kinds;
use crate::call::needs::Needs;
use crate::call::nowhere::is_nowhere;
use crate::call::shape::TypeInfo;
use crate::call::target::is_freed_by_c;
use crate::call::thread::{self, Wrapper};
use crate::heap::{self, BlockRef, fresh};
use crate::level;
use crate::platform::read;
use crate::reentry;
use crate::retention::{lent_by, stack_loans, untold};
use crate::scan;

/// A call whose arguments are inspected one by one. `FULL`: at level 2, where C memory is inspected
/// as well; else at level 1. Each level has its own path: the state that one keeps in registers
/// while C runs, the other would have to save.
#[derive(Clone, Copy, Debug)]
pub struct Inspection<const FULL: bool> {
    /// The calling thread's whole stack: its start and length.
    stack: (usize, usize),
    /// The Rust heap: its start and length.
    heap: (usize, usize),
    /// True if Rust memory is lent.
    pub(super) lends: bool,
    /// The function that is called.
    function: &'static Function,
    /// An address in the frame of the wrapper.
    frame: usize,
}

impl<const FULL: bool> Inspection<FULL> {
    /// Begins at level 1 if that is known to be the level, else at whatever level is in force.
    /// `None` if the call cannot take the fast path, whatever its arguments are.
    #[inline(always)]
    #[must_use]
    pub fn begin(function: &'static Function) -> Option<Self> {
        let local = MaybeUninit::<u8>::uninit();
        let frame = (&raw const local).addr();
        if FULL && level::checked() != Some(true) { None } else { Self::begin_at_this_level(function, frame) }
    }

    /// Begins a call at level `FULL`, which the caller has found in force. `frame`: an address in
    /// the wrapper's frame.
    #[inline(always)]
    pub(super) fn begin_at_this_level(function: &'static Function, frame: usize) -> Option<Self> {
        let (low, high) = thread::stack_bounds();
        let possible = function.may_be_fast()
            && high != 0
            && !reentry::inside()
            && !(FULL && untold::may_be_any() && must_be_told(function, frame));
        let (stack, heap) = ((low, high.wrapping_sub(low)), heap::bounds());
        possible.then_some(Inspection { stack, heap, lends: false, function, frame })
    }

    /// True if an argument is plainly in order. `index`: that of its parameter.
    #[inline(always)]
    #[must_use]
    pub fn has(&mut self, index: usize, argument: Argument, contract: Contract, loans: &mut Loans) -> bool {
        self.is_in_order(index, argument, Needs::of(argument.info, argument.passing, contract), loans)
    }

    /// True if an argument is aligned, lies with its whole extent in one live block, on this
    /// thread's stack or outside Rust memory, and nothing in it can be a pointer to Rust memory.
    #[inline(always)]
    fn is_in_order(&mut self, index: usize, argument: Argument, needs: Needs, loans: &mut Loans) -> bool {
        if needs.is_scalar() {
            return true;
        }
        let Argument { address, info, stated, .. } = argument;
        // Without a stated extent, an untyped pointer reaches to the end of its block, and a text
        // to its NUL.
        let ends_by_itself = stated == Stated::No && (needs.is_untyped() || needs.is_text());
        let extent = match stated {
            Stated::No if ends_by_itself => Some(0),
            Stated::No => Some(info.size),
            Stated::Bytes(Count::Fits(bytes)) => Some(bytes),
            Stated::Elements(Count::Fits(count)) => count.checked_mul(if needs.is_untyped() { 1 } else { info.size }),
            _ => None,
        };
        let Some(extent) = extent.filter(|&extent| extent <= isize::MAX as usize) else { return false };
        if needs.is_for_the_rules() || !needs.are_met_by(address) || needs.is_text() && !ends_by_itself {
            return false;
        }
        if is_in(self.heap, address) {
            self.lends = true;
            let stated = (!ends_by_itself).then_some(extent);
            let holds_nothing = needs.holds_nothing() || needs.is_untyped() && info.size == 0;
            if !FULL {
                return match holds_nothing {
                    true if needs.is_text() => level1::has_nul(address),
                    true => extent < level1::beyond(address),
                    false => level1::holds_none(address, stated, info),
                };
            }
            return match holds_nothing {
                true if needs.is_text() => {
                    has_nul(address, index, info, loans) && (!needs.is_read() || is_text_written(address))
                }
                true => {
                    extent < beyond(address, index, stated.unwrap_or(usize::MAX), info, loans)
                        && (!needs.is_read() || is_written(address, extent))
                }
                false => {
                    holds_none(address, index, stated, info, loans) && (!needs.is_read() || is_written(address, extent))
                }
            };
        }
        if is_in(self.stack, address) {
            self.lends = true;
            let (low, len) = self.stack;
            let rest = low + len - address;
            return self.is_above(address)
                && extent <= rest
                && match needs.holds_nothing() {
                    true if needs.is_text() => has_nul_on_stack(address, rest),
                    true => true,
                    false => !needs.is_text() && holds_none_on_stack(address, extent, info),
                };
        }
        if is_on_own_c_stack(address) || FULL && is_nowhere(address) || is_freed_by_c(address) {
            return false;
        }
        #[cfg(feature = "c-heap")]
        if FULL && is_c_heap(address) && !loans.add_c(address) {
            return false;
        }
        if !FULL || needs.holds_nothing() || address == 0 {
            return true;
        }
        // The graph of C blocks that it leads to is walked as often as C memory is searched.
        self.lends |= is_c_heap(address);
        // The rules inspect stated extents of C memory that may hold pointers.
        extent == 0
    }

    /// True if an address of the stack is above the wrapper's frame: what lies below is left, or
    /// for C's frames, and holds no variable of the program's.
    #[inline(always)]
    fn is_above(&self, address: usize) -> bool {
        address >= self.frame.wrapping_add(self.function.own_frame())
            || is_above_unknown(self.function, self.frame, address)
    }

    /// True if an address may lead into Rust memory, or into C memory that is inspected.
    #[inline(always)]
    fn may_lead_to(&self, address: usize) -> bool {
        let is_rusts = is_in(self.heap, address) || is_in(self.stack, address);
        is_rusts || is_c_heap(address) || is_on_own_c_stack(address)
    }

    /// Inspects all arguments where the wrapper keeps them, by what is known of their types. `None`
    /// if not all are plainly in order, or not all types are known.
    ///
    /// # Safety
    /// - `places` has one entry for each parameter of `function`, of that parameter's type.
    #[inline(always)]
    pub(super) unsafe fn all_at(
        mut self,
        function: &Function,
        places: &[*const ()],
        stated: &[Stated],
        loans: &mut Loans,
    ) -> Option<Self> {
        // Most calls end here: no argument leads to Rust memory.
        let is_outside = |(place, kind): (&*const (), &kinds::Kind)| {
            let Some(needs) = kind.needs() else { return false };
            if needs.is_scalar() {
                return true;
            }
            needs.end_outside() && {
                // SAFETY: the caller promises a place of the parameter's type, which is one thin
                // pointer, since it is not passed by value.
                let address = unsafe { place.cast::<usize>().read() };
                needs.are_met_by(address) && !self.may_lead_to(address) && !(FULL && is_nowhere(address))
            }
        };
        let result = function.kinds.get(places.len());
        if result.is_none_or(kinds::Kind::is_known) && places.iter().zip(function.kinds).all(is_outside) {
            return Some(self);
        }
        let has = |index, argument, needs| self.is_in_order(index, argument, needs, loans);
        // SAFETY: the caller promises a place of the right type for each parameter.
        (unsafe { kinds::all(function, places, stated, has) } == Some(true)).then_some(self)
    }

    /// Inspects all arguments, laid out. `None` if not all are plainly in order.
    pub(super) fn all_of(mut self, function: &Function, arguments: &[Argument], loans: &mut Loans) -> Option<Self> {
        let mut each = arguments.iter().zip(function.declaration.parameters).enumerate();
        let has = each.all(|(index, (argument, parameter))| self.has(index, *argument, parameter.contract, loans));
        has.then_some(self)
    }
}

/// True if an argument that C hands to a callback is plainly in order. A bare pointer from C states
/// nothing, and need not lead anywhere.
#[inline(always)]
pub(super) fn comes_in_order((argument, parameter): (&Argument, &Parameter)) -> bool {
    let (address, contract) = (argument.address, parameter.contract);
    let needs = Needs::of(argument.info, argument.passing, contract);
    // SAFETY: the argument's own bytes, which the callback's frame holds.
    if argument.asks && !unsafe { argument.is_plainly_a_value() } {
        return false;
    }
    // A struct by value may hold anything that C owns.
    if matches!(argument.passing, Passing::Scalar | Passing::Value) {
        return !matches!(argument.stated, Stated::Over(_));
    }
    let is_unread = matches!(argument.stated, Stated::Unread(_));
    if needs.is_for_the_rules() || is_unread || address & (contract.alignment() - 1) != 0 {
        return false;
    }
    if address == 0 && (contract.is_nonnull() || contract.is_stated()) {
        return false;
    }
    if !heap::contains(address) {
        // The arguments lie in the callback's frame: on the stack below it, nothing is live.
        let is_left = thread::is_on_stack(address) && address <= std::ptr::from_ref(argument).addr();
        return !is_left && !is_freed_by_c(address);
    }
    !needs.is_text() && !contract.is_stated() && !contract.is_owned() && heap::rest_of_live(address).is_some()
}

#[inline(always)]
fn is_in((start, len): (usize, usize), address: usize) -> bool {
    address.wrapping_sub(start) < len
}

/// True if the call may have to be told of something before C runs.
#[cold]
#[inline(never)]
fn must_be_told(function: &Function, frame: usize) -> bool {
    if untold::is_any() {
        return true;
    }
    if thread::lowest_kept() == usize::MAX {
        return false;
    }
    learn_frame(function, frame);
    stack_loans::may_be_left(frame.wrapping_add(function.own_frame()))
}

/// Finds out how large the wrapper's frame is. `frame`: an address in it.
fn learn_frame(function: &Function, frame: usize) {
    if !function.knows_own_frame() {
        let own = scan::callers_frame(Wrapper { arguments: frame, callers: 1 });
        function.set_own_frame(own.map_or(0, |callers| callers.saturating_sub(frame)));
    }
}

/// True if an address of the stack is above the wrapper's frame, whose size is asked for if that is
/// not known. `frame`: an address in it.
#[cold]
#[inline(never)]
fn is_above_unknown(function: &Function, frame: usize, address: usize) -> bool {
    if function.knows_own_frame() {
        return false;
    }
    learn_frame(function, frame);
    address >= frame.wrapping_add(function.own_frame())
}

#[inline(always)]
fn is_c_heap(address: usize) -> bool {
    #[cfg(feature = "c-heap")]
    return heap::contains_c(address);
    #[cfg(not(feature = "c-heap"))]
    {
        _ = address;
        false
    }
}

/// True if an address may be of a variable of Rust's on a coroutine's stack that lies in C's heap:
/// this function runs in C's heap as well. The bounds of such a stack are not known here.
#[inline(always)]
fn is_on_own_c_stack(address: usize) -> bool {
    let local = 0_u8;
    is_c_heap(address) && is_c_heap((&raw const local).addr())
}

// Level 2: checks of a block that is lent. Out of line, because most calls lend none.

/// Bytes from `loan`'s address to the end of its small live block, which is recorded as lent.
/// `None` if it leads into another kind of block, or there are more loans than are kept.
#[inline(always)]
fn lend(mut loan: Loan, loans: &mut Loans) -> Option<usize> {
    if !loans.has_room() {
        return None;
    }
    let (held, rest) = BlockRef::in_slot(loan.address)?;
    loan.extent = loan.extent.min(rest);
    loans.add(held, loan);
    Some(rest)
}

/// Bytes from an address to the end of its live block, noted as an unknown loan. `None` if it is
/// damaged. (A tail call of the functions below, so that they save no register for it.)
#[inline(never)]
fn lend_unknown(address: usize, loans: &mut Loans) -> Option<usize> {
    let rest = heap::rest_of_live(address)?;
    loans.add_unknown();
    heap::is_whole(address).then_some(rest)
}

/// Bytes from an address of the Rust heap to one past its block's end: one more than an extent may
/// have. 0 if it leads into no live block.
#[inline(never)]
fn beyond(address: usize, index: usize, extent: usize, info: &'static TypeInfo, loans: &mut Loans) -> usize {
    match lend(Loan { address, info, parameter: index, extent }, loans) {
        Some(rest) => rest + 1,
        None => beyond_unknown(address, loans),
    }
}

#[inline(never)]
fn beyond_unknown(address: usize, loans: &mut Loans) -> usize {
    lend_unknown(address, loans).map_or(0, |rest| rest + 1)
}

/// True if there is a NUL before the end of the block.
#[inline(never)]
fn has_nul(address: usize, index: usize, info: &'static TypeInfo, loans: &mut Loans) -> bool {
    match lend(Loan { address, info, parameter: index, extent: info.size }, loans) {
        // SAFETY: `rest` bytes are left of a live block.
        Some(rest) => unsafe { read::has_nul(address, rest) },
        None => has_nul_unknown(address, loans),
    }
}

#[inline(never)]
fn has_nul_unknown(address: usize, loans: &mut Loans) -> bool {
    // SAFETY: `rest` bytes are left of a live block.
    lend_unknown(address, loans).is_some_and(|rest| unsafe { read::has_nul(address, rest) })
}

/// True if the extent, or the rest of the block if there is none, is inside the block and holds no
/// pointer to Rust memory.
#[inline(never)]
fn holds_none(address: usize, index: usize, extent: Option<usize>, info: &'static TypeInfo, loans: &mut Loans) -> bool {
    let loan = Loan { address, info, parameter: index, extent: extent.unwrap_or(usize::MAX) };
    let rest = lend(loan, loans).or_else(|| lend_unknown(address, loans));
    rest.is_some_and(|rest| is_clear_within(address, extent, rest, info))
}

/// True if no word of an extent that lies in a live block is as it was when the block was given
/// out.
#[inline(always)]
fn is_written(address: usize, extent: usize) -> bool {
    // SAFETY: the extent is inside a live block.
    unsafe { fresh::is_written(address, extent) }
}

/// True if no word of a text in a live block, which has a NUL, is as it was when the block was
/// given out.
#[inline(always)]
fn is_text_written(address: usize) -> bool {
    // SAFETY: there is a NUL in the block.
    unsafe { fresh::is_text_written(address) }
}

/// True if there is a NUL in the callers' frames.
#[inline(never)]
fn has_nul_on_stack(address: usize, rest: usize) -> bool {
    // SAFETY: above the wrapper's frame, and below the end of the stack.
    unsafe { read::has_nul(address, rest) }
}

/// True if no word of an extent in the callers' frames leads into Rust memory.
#[inline(never)]
fn holds_none_on_stack(address: usize, extent: usize, info: &TypeInfo) -> bool {
    is_clear_within(address, Some(extent), extent, info)
}

/// Level 1: checks of a block that is lent, of which nothing is kept.
mod level1 {
    use super::{TypeInfo, heap, is_clear_within, lent_by, read};

    /// Bytes from an address to the end of its live block. `None` if the borrower of a large block
    /// must be noted.
    #[inline(always)]
    fn rest_of(address: usize) -> Option<usize> {
        match heap::rest_and_kind(address)? {
            (_, true) if lent_by::is_on() => None,
            (rest, _) => Some(rest),
        }
    }

    #[inline(never)]
    pub(super) fn beyond(address: usize) -> usize {
        rest_of(address).map_or(0, |rest| rest + 1)
    }

    #[inline(never)]
    pub(super) fn has_nul(address: usize) -> bool {
        // SAFETY: `rest` bytes are left of a live block.
        rest_of(address).is_some_and(|rest| unsafe { read::has_nul(address, rest) })
    }

    #[inline(never)]
    pub(super) fn holds_none(address: usize, extent: Option<usize>, info: &TypeInfo) -> bool {
        rest_of(address).is_some_and(|rest| is_clear_within(address, extent, rest, info))
    }
}

/// True if the extent is within `rest` bytes of live memory (always, if it is not stated) and none
/// of its words leads into Rust memory.
#[inline(always)]
fn is_clear_within(address: usize, extent: Option<usize>, rest: usize, info: &TypeInfo) -> bool {
    let extent = extent.unwrap_or(rest);
    // SAFETY: the extent is inside live memory.
    extent <= rest && unsafe { is_clear(address, extent, info) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::shape::{Role, Shape};
    use crate::call::validity::Validity;

    #[test]
    fn an_attribute_that_a_glance_does_not_know_is_left_to_the_rules() {
        static INFO: TypeInfo = TypeInfo {
            size: 4,
            align: 4,
            shape: Shape::Plain,
            frozen: true,
            dense: true,
            role: Role::Other,
            value: Validity::Any,
            name: || "i32",
        };
        let needs = |contract| Needs::of(&INFO, Passing::Mut, contract);
        assert!(!needs(Contract::NONE.out().nonnull()).is_for_the_rules());
        assert!(needs(Contract::NONE.thread_bound()).is_for_the_rules());
        assert!(needs(Contract::NONE.thread_bound().out()).is_for_the_rules());
        let by_value = Argument::new(8, Passing::Value, &INFO);
        assert!(Needs::of(by_value.info, by_value.passing, Contract::NONE).is_for_the_rules());
    }
}
