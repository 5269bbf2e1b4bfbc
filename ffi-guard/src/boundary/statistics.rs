//! Calls while statistics are on: the clock is read around their checks and around C.
//!
//! At level 0 nothing is checked here either; the clock is read before and after C.

use std::mem::MaybeUninit;
use std::panic::Location;

use super::crossing::{CallFrame, Crossing};
use super::enter::ask_the_rules;
use super::exit_plan::ExitPlan;
use super::fast_path::FastWords;
use super::inspect::Inspection;
use super::loans::Loans;
use crate::call::argument::{Argument, Passing};
use crate::call::declaration::{Declaration, Function};
use crate::call::site::Site;
use crate::call::target::Target;
use crate::call::{extent, thread};
use crate::delivery::breach::Stop;
use crate::level::{self, Level};
use crate::reentry;
use crate::report;
use crate::retention::pins;
use crate::stats::Above;
use crate::stats::call::{self, LentBytes, StackPlace, TimedCall};

/// Bytes of stack that the frames of an entry take at most, below its wrapper's frame.
const ENTRY: usize = 16 << 10;

/// What the counters need of the layers above them.
pub(super) static ABOVE: Above = Above { cross, record: report::record_statistics };

/// Place of a call on the stack: its arguments, which lie in the wrapper's frame, if it has some.
#[inline]
pub(super) fn place(arguments: &[Argument]) -> StackPlace {
    let local = 0_u8;
    let here = (&raw const local).addr();
    match arguments {
        [] => StackPlace { lowest: here, highest: here + ENTRY },
        [first, ..] => {
            let at = std::ptr::from_ref(first).addr();
            StackPlace { lowest: at, highest: at }
        }
    }
}

/// Checks what Rust hands over, and times it.
///
/// # Safety
/// - If a pointer argument leads to Rust memory, that is of its type and readable in the call.
#[cold]
#[track_caller]
pub(super) unsafe fn enter(
    function: &'static Function,
    arguments: &[Argument],
    location: &'static Location<'static>,
    loans: &mut Loans,
) -> Result<ExitPlan, Stop> {
    if reentry::inside() {
        call::unseen(function);
        return Ok(ExitPlan::NOTHING);
    }
    let level = level::level();
    let call = call::begin(function, place(arguments), &ABOVE);
    if level == Level::Off {
        let timing = call.map(|call| call.leave_for_c(LentBytes::default()));
        return Ok(ExitPlan { timing, ..ExitPlan::NOTHING });
    }
    let lent = if call.is_some() { lent(function, arguments) } else { LentBytes::default() };
    if let Some(call) = &call {
        call.checks_begin();
    }
    let fast = if level < Level::Full {
        take_fast_path::<false>(function, arguments, loans)
    } else {
        take_fast_path::<true>(function, arguments, loans)
    };
    let plan = match fast {
        Some(fast) => ExitPlan { fast, ..ExitPlan::LOOKS },
        // SAFETY: the caller promises that pointers into Rust memory are readable during the call.
        None => unsafe { ask_the_rules(function, arguments, location) }?,
    };
    Ok(ExitPlan { timing: call.map(|call| call.leave_for_c(lent)), ..plan })
}

/// Tries the fast path of a call whose arguments are laid out.
#[track_caller]
fn take_fast_path<const FULL: bool>(
    function: &'static Function,
    arguments: &[Argument],
    loans: &mut Loans,
) -> Option<FastWords> {
    let frame = arguments.as_ptr().addr();
    let inspection = Inspection::<FULL>::begin_at_this_level(function, frame)?.all_of(function, arguments, loans)?;
    let frame = std::ptr::from_ref(loans).addr();
    inspection.may_cross(function, loans).then(|| inspection.cross_at(frame, function, loans, || arguments).keep(true))
}

/// Rust memory that the pointer arguments lend.
#[inline]
fn lent(function: &Function, arguments: &[Argument]) -> LentBytes {
    let mut lent = LentBytes::default();
    let local = 0_u8;
    let known = thread::stack();
    let stack = (&raw const local).addr().max(known.start)..known.end;
    for (argument, parameter) in arguments.iter().zip(function.declaration.parameters) {
        if !matches!(argument.passing, Passing::Const | Passing::Mut) {
            continue;
        }
        let located = Target::of(argument.address, &stack);
        let (rest, pinned) = match &located {
            Target::Heap(block) if block.live => {
                ((block.start + block.size).saturating_sub(argument.address), pins::is_block_pinned(block))
            }
            Target::Stack(stack) => (stack.end - argument.address, pins::is_range_pinned(argument.address)),
            _ => continue,
        };
        lent.bytes += match parameter.contract {
            // SAFETY: `rest` bytes are left of a live block, or of the callers' frames.
            contract if contract.is_cstr() => unsafe { length(argument.address, rest) },
            _ => extent::of(argument, &located).min(rest),
        };
        lent.retained += u32::from(parameter.contract.is_retained());
        lent.pinned += u32::from(pinned);
    }
    lent
}

/// Bytes up to and including a NUL; `rest` if there is none.
///
/// # Safety
/// - `rest` bytes from `address` on are readable.
unsafe fn length(address: usize, rest: usize) -> usize {
    let start = std::ptr::with_exposed_provenance::<u8>(address);
    // SAFETY: the caller promises `rest` bytes. Volatile, because another thread may write.
    let is_nul = |at: &usize| unsafe { start.add(*at).read_volatile() } == 0;
    (0..rest).find(is_nul).map_or(rest, |at| at + 1)
}

/// Calls a C function as a wrapper does, without checks or with checks of nothing: measures the
/// cost of the way there and back.
fn cross(function: &'static Function, nothing: extern "C" fn(), checked: bool) {
    #[inline(never)]
    fn enter(function: &'static Function, checked: bool, frame: &mut MaybeUninit<CallFrame>) -> Crossing {
        let timing = call::begin(function, place(&[]), &ABOVE).map(|call| {
            if checked {
                call.checks_begin();
            }
            call.leave_for_c(LentBytes::default())
        });
        let site = Site { function, location: Location::caller() };
        Crossing::of_nothing_lent(ExitPlan { timing, ..ExitPlan::NOTHING }, frame, &site)
    }
    let mut frame = MaybeUninit::uninit();
    let crossing = enter(function, checked, &mut frame);
    nothing();
    // SAFETY: the function has no parameters and returns nothing.
    unsafe { crossing.exit(function, [].as_ptr(), std::ptr::null()) };
}

/// Counts a callback for the call that C makes it in. `None` if it is not counted.
#[cold]
pub(super) fn callback(function: &'static Function, arguments: &[Argument]) -> Option<TimedCall> {
    if reentry::inside() {
        call::unseen(function);
        return None;
    }
    let call = call::begin(function, place(arguments), &ABOVE)?;
    call.is_callback();
    Some(call)
}

/// Counts a closure that C calls: all closures are one function here.
#[cold]
pub(crate) fn closure() -> Option<TimedCall> {
    static CLOSURE: Function = Function::new(&Declaration { callback: true, ..Declaration::internal("(closures)") });
    let call = callback(&CLOSURE, &[])?;
    call.body_begins();
    Some(call)
}
