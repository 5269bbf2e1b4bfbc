//! The common case, decided without asking each rule.

use std::ops::Range;

use super::argument::{Argument, Passing, Stated};
use super::count::Count;
use super::declaration::{Contract, Function};
use super::shape::Shape;
use super::thread;
use crate::heap;

/// Whether every argument of a call is plainly in order.
#[inline(always)]
pub(super) fn all_in_order(function: &Function, arguments: &[Argument]) -> bool {
    let stack = thread::known_stack();
    let parameters = function.declaration.parameters;
    arguments.iter().zip(parameters).all(|(argument, parameter)| in_order(argument, parameter.contract, &stack))
}

/// Whether an argument is plainly in order: it holds nothing to look into, is aligned, and lies with its whole extent in
/// one live block, on this thread's stack, or outside Rust's memory. `false` decides nothing: the rules are asked.
#[inline(always)]
fn in_order(argument: &Argument, contract: Contract, stack: &Range<usize>) -> bool {
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
        return heap::rest_of_live(address).is_some_and(|rest| extent <= rest);
    }
    // From its start, not from the frame of this call: what lies below is C's to come, and no extent reaches the end.
    if stack.contains(&address) {
        return extent <= stack.end - address;
    }
    // Not known yet.
    if stack.end == 0 {
        return false;
    }
    address != 0 || !contract.is_nonnull()
}
