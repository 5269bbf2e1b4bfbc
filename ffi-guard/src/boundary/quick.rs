//! The common case, decided without asking each rule.

use std::ops::Range;

use super::argument::{Argument, Passing, Stated};
use super::count::Count;
use super::declaration::{Contract, Function};
use super::loans::Loans;
use super::shape::{Shape, TypeInfo};
use super::thread;
use crate::heap::{self, BlockRef};
use crate::retention::{self, Lent};

/// What a first glance at the arguments of a call tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glance {
    /// Nothing: the rules are asked.
    Unclear,
    /// All in order, and Rust memory is lent.
    Lends,
    /// The same, and some of it has pages of its own.
    LendsARun,
    /// All in order, and no Rust memory is lent.
    LendsNothing,
}

/// Glances at every argument of a call. `FULL`: at level 2, where C memory is looked into as well, and the blocks that are lent go into
/// `loans`.
///
/// # Safety
/// - As for `Crossing::enter`: where an argument leads to Rust memory, that may be read as its type says.
#[inline(always)]
pub(super) unsafe fn glance<const FULL: bool>(
    function: &Function,
    arguments: &[Argument],
    loans: &mut Loans,
) -> Glance {
    let local = 0_u8;
    let known = thread::known_stack();
    // What lies below this frame is C's to come: it is Rust's no more.
    let stack = (&raw const local).addr().max(known.start)..known.end;
    let mut lends = Lends { any: false, a_run: false, loans };
    for (index, (argument, parameter)) in arguments.iter().zip(function.declaration.parameters).enumerate() {
        // SAFETY: as promised by the caller.
        if !unsafe { in_order::<FULL>((index, argument), parameter.contract, &stack, &mut lends) } {
            return Glance::Unclear;
        }
    }
    match lends {
        Lends { a_run: true, .. } => Glance::LendsARun,
        Lends { any: true, .. } => Glance::Lends,
        Lends { .. } => Glance::LendsNothing,
    }
}

/// What a call lends of Rust's memory.
struct Lends<'a> {
    any: bool,
    /// A block with a run of its own.
    a_run: bool,
    /// Blocks in slots, at level 2.
    loans: &'a mut Loans,
}

/// Whether at level 2 a call that is in order is only noted, when it has returned.
#[inline(always)]
pub(super) fn is_noted(function: &Function, glance: Glance) -> bool {
    match glance {
        Glance::Unclear => false,
        Glance::LendsNothing => true,
        Glance::Lends | Glance::LendsARun => {
            !function.lets_keep()
                && (function.allows_all() || function.is_past_the_first() && !retention::may_look(function))
        }
    }
}

/// Whether an argument is plainly in order: aligned, and with its whole extent in one live block, on this thread's stack, or
/// outside Rust's memory; and nothing in it could be a pointer to Rust memory. `false` decides nothing: the rules are asked.
/// `lends` is set where it leads to Rust memory. `stack`: the calling thread's above this frame; ends at 0 while it is not known.
///
/// # Safety
/// - As for [`glance`].
#[inline(always)]
unsafe fn in_order<const FULL: bool>(
    (index, argument): (usize, &Argument),
    contract: Contract,
    stack: &Range<usize>,
    lends: &mut Lends<'_>,
) -> bool {
    let Argument { address, info, passing, stated, .. } = *argument;
    match passing {
        Passing::Scalar => return true,
        Passing::Value => return false,
        Passing::Const | Passing::Mut => {}
    }
    let untyped = matches!(info.shape, Shape::Untyped);
    if contract.is_cstr()
        || contract.is_thread_bound()
        || (!untyped && !contract.is_opaque() && address & (info.align - 1) != 0)
    {
        return false;
    }
    let stated = match stated {
        Stated::No if untyped => None,
        Stated::No => Some(info.size),
        Stated::Bytes(Count::Fits(bytes)) => Some(bytes),
        Stated::Elements(Count::Fits(count)) => match count.checked_mul(if untyped { 1 } else { info.size }) {
            Some(bytes) => Some(bytes),
            None => return false,
        },
        _ => return false,
    };
    if stated.is_some_and(|extent| extent > isize::MAX as usize) {
        return false;
    }
    let holds_nothing = matches!(info.shape, Shape::Plain | Shape::Out) || contract.is_out() || contract.is_opaque();
    if heap::contains(address) {
        lends.any = true;
        let rest = if !FULL {
            let Some((rest, is_run)) = heap::rest_and_kind(address) else { return false };
            lends.a_run |= is_run;
            rest
        } else if let Some((held, rest)) = BlockRef::in_slot(address) {
            let extent = stated.unwrap_or(rest);
            lends.loans.add(held, Lent { address, info, parameter: index, extent });
            rest
        } else {
            lends.loans.add_unknown();
            let Some(rest) = heap::rest_of_live(address) else { return false };
            rest
        };
        let extent = stated.unwrap_or(rest);
        // SAFETY: the extent ends with its live block; the rest as promised by the caller.
        return extent <= rest && (holds_nothing || unsafe { is_clear(address, extent, info, stack) });
    }
    if stack.contains(&address) {
        lends.any = true;
        let extent = stated.unwrap_or(0);
        // SAFETY: the extent lies in the frames of the callers; the rest as promised by the caller.
        return extent <= stack.end - address && (holds_nothing || unsafe { is_clear(address, extent, info, stack) });
    }
    // The graph of C's blocks that it leads to is looked into as often as C's memory is searched.
    #[cfg(feature = "c-heap")]
    if FULL && !holds_nothing && heap::contains_c(address) {
        lends.any = true;
    }
    // Not Rust's, if the stack is known.
    stack.end != 0
        && (address != 0 || !contract.is_nonnull())
        && (!FULL || holds_nothing || stated.unwrap_or(0) == 0 || address == 0)
}

/// Most bytes that are read here; for more, the long way is faster.
const FEW: usize = 256;

/// Whether no word of an extent that could be a pointer leads into Rust memory.
///
/// # Safety
/// - The extent is readable.
#[inline]
pub(super) unsafe fn is_clear(address: usize, extent: usize, info: &TypeInfo, stack: &Range<usize>) -> bool {
    const WORD: usize = size_of::<usize>();
    let ((heap, heap_len), stack_len) = (heap::bounds(), stack.end.saturating_sub(stack.start));
    let clear = |at: usize| {
        // SAFETY: aligned, and in the extent, which is readable. Volatile, because others may write there.
        let word = unsafe { std::ptr::with_exposed_provenance::<usize>(at).read_volatile() };
        word.wrapping_sub(heap) >= heap_len && word.wrapping_sub(stack.start) >= stack_len
    };
    if extent > FEW {
        return false;
    }
    match info.shape {
        Shape::Plain | Shape::Out => true,
        Shape::Words | Shape::Untyped => {
            let mut at = address.next_multiple_of(WORD);
            while at + WORD <= address + extent {
                if !clear(at) {
                    return false;
                }
                at += WORD;
            }
            true
        }
        // One struct of plain fields and single pointers; others take the long way.
        Shape::Fields(fields) if extent == info.size => fields.iter().all(|field| match field.shape {
            Shape::Plain => true,
            Shape::Words => {
                field.size == WORD && (address + field.offset).is_multiple_of(WORD) && clear(address + field.offset)
            }
            _ => false,
        }),
        _ => false,
    }
}
