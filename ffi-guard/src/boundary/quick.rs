//! The common case, decided without asking each rule.

use std::ops::Range;

use super::argument::{Argument, Passing, Stated};
use super::count::Count;
use super::declaration::{Contract, Function};
use super::shape::Shape;
use super::thread;
use crate::heap;
use crate::retention;

/// What a first glance at the arguments of a call tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glance {
    /// Nothing: the rules are asked.
    Unclear,
    /// All in order, and Rust memory is lent.
    Lends,
    /// All in order, and no Rust memory is lent.
    LendsNothing,
}

/// Glances at every argument of a call.
#[inline(always)]
pub(super) fn glance(function: &Function, arguments: &[Argument]) -> Glance {
    let stack = thread::known_stack();
    let mut lends = false;
    for (argument, parameter) in arguments.iter().zip(function.declaration.parameters) {
        if !in_order(argument, parameter.contract, &stack, &mut lends) {
            return Glance::Unclear;
        }
    }
    if lends { Glance::Lends } else { Glance::LendsNothing }
}

/// Whether at level 2 a call that is in order is only noted, when it has returned.
#[inline(always)]
pub(super) fn is_noted(function: &Function, glance: Glance) -> bool {
    let keeps = |contract: Contract| contract.is_retained() || contract.is_owned();
    match glance {
        Glance::Unclear => false,
        Glance::LendsNothing => true,
        Glance::Lends => {
            function.is_past_the_first()
                && !function.declaration.parameters.iter().any(|parameter| keeps(parameter.contract))
                && !retention::may_look(function)
        }
    }
}

/// Whether an argument is plainly in order: it holds nothing to look into, is aligned, and lies with its whole extent in
/// one live block, on this thread's stack, or outside Rust's memory. `false` decides nothing: the rules are asked.
/// `lends` is set where it leads to Rust memory.
#[inline(always)]
fn in_order(argument: &Argument, contract: Contract, stack: &Range<usize>, lends: &mut bool) -> bool {
    let Argument { address, info, passing, stated } = *argument;
    match passing {
        Passing::Scalar => return true,
        Passing::Value => return false,
        Passing::Const | Passing::Mut => {}
    }
    if contract.is_cstr() || !matches!(info.shape, Shape::Plain | Shape::Out) || address & (info.align - 1) != 0 {
        return false;
    }
    let extent = match stated {
        Stated::No => info.size,
        Stated::Bytes(Count::Fits(bytes)) => bytes,
        Stated::Elements(Count::Fits(count)) => match count.checked_mul(info.size) {
            Some(bytes) => bytes,
            None => return false,
        },
        _ => return false,
    };
    if extent > isize::MAX as usize {
        return false;
    }
    if heap::contains(address) {
        *lends = true;
        return heap::rest_of_live(address).is_some_and(|rest| extent <= rest);
    }
    // From its start, not from the frame of this call: what lies below is C's to come, and no extent reaches the end.
    if stack.contains(&address) {
        *lends = true;
        return extent <= stack.end - address;
    }
    // Not known yet.
    if stack.end == 0 {
        return false;
    }
    address != 0 || !contract.is_nonnull()
}
