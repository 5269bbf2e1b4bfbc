//! Calls where statistics are on: the same checks, with the clock read around them and around C.
//!
//! At level 0 nothing is checked here either; the clock is read before C and after it.

use std::mem::MaybeUninit;
use std::panic::Location;

use super::after::After;
use super::argument::{Argument, Passing};
use super::breach::{Site, Stop};
use super::crossing::{Crossing, Frame};
use super::declaration::{Declaration, Function, Standing};
use super::leave::finish;
use super::loans::Loans;
use super::quick::{self, Glance};
use super::raise::raise;
use super::{canary, extent, lent_by, noted, thread};
use crate::level::{self, Level};
use crate::reentry::{self, Reentry};
use crate::retention::{pins, untold};
use crate::rules::Located;
use crate::stats::call::{self, Call, Lent, Place, Token};

/// Deeper in the stack than its wrapper's frame, an entry has frames of less than this.
const ENTRY: usize = 16 << 10;

/// Where a call stands: its arguments lie in the wrapper's frame, where it has some.
#[inline]
pub(super) fn place(arguments: &[Argument]) -> Place {
    let local = 0_u8;
    let here = (&raw const local).addr();
    match arguments {
        [] => Place { lowest: here, highest: here + ENTRY },
        [first, ..] => {
            let at = std::ptr::from_ref(first).addr();
            Place { lowest: at, highest: at }
        }
    }
}

/// What [`After::of_entry`] finds out, counted.
///
/// # Safety
/// - As for [`Crossing::enter`].
///
/// # Panics
/// With the report, where a rule that is denied is broken.
#[cold]
#[track_caller]
pub(super) unsafe fn enter(
    function: &'static Function,
    arguments: &[Argument],
    location: &'static Location<'static>,
    loans: &mut Loans,
) -> After {
    if reentry::inside() {
        call::unseen(function);
        return After::Nothing;
    }
    let level = level::level();
    let call = call::begin(function, place(arguments));
    if level == Level::Off {
        return call.map_or(After::Nothing, |call| counted(call, Lent::default(), After::Nothing));
    }
    let lent = if call.is_some() { lent(function, arguments) } else { Lent::default() };
    if let Some(call) = &call {
        call.checks_begin();
    }
    // SAFETY: as promised by the caller.
    let after = match unsafe { check(function, arguments, location, level, loans) } {
        Ok(after) => after,
        Err(stop) => {
            raise(stop, !function.declaration.keep_abi);
            After::Nothing
        }
    };
    match call {
        Some(call) => counted(call, lent, after),
        None => after,
    }
}

/// What an uncounted call would do, the short ways included.
///
/// # Safety
/// - As for [`Crossing::enter`].
#[inline]
unsafe fn check(
    function: &'static Function,
    arguments: &[Argument],
    location: &'static Location<'static>,
    level: Level,
    loans: &mut Loans,
) -> Result<After, Stop> {
    if function.standing() == Standing::Checked && level < Level::Full {
        // SAFETY: as promised by the caller.
        let glance = unsafe { quick::glance::<false>(function, arguments, loans) };
        if glance != Glance::Unclear {
            if glance == Glance::LendsARun && lent_by::is_on() {
                lent_by::note_all(arguments, &Site { function, location });
            }
            return Ok(After::Result);
        }
    } else if function.standing() == Standing::Checked && !untold::is_any() {
        // SAFETY: as promised by the caller.
        let glance = unsafe { quick::glance::<true>(function, arguments, loans) };
        if quick::is_noted(function, glance) && canary::are_whole(arguments, loans) {
            return Ok(After::Note(noted::begin(&Site { function, location }, arguments, loans)));
        }
    }
    // SAFETY: as promised by the caller.
    unsafe { After::of_rules(function, arguments, location) }
}

#[inline]
fn counted(call: Call, lent: Lent, after: After) -> After {
    let counted = |after: After| After::Counted(call.leave_for_c(lent, after.into_words()));
    match after {
        // What the copies are compared and brought home in counts as the call's own time.
        After::Copies(mut underway) => {
            underway.wrap(counted);
            After::Copies(underway)
        }
        after => counted(after),
    }
}

/// What the pointer arguments lend of Rust's memory.
#[inline]
fn lent(function: &Function, arguments: &[Argument]) -> Lent {
    let mut lent = Lent::default();
    let local = 0_u8;
    let known = thread::stack();
    let stack = (&raw const local).addr().max(known.start)..known.end;
    for (argument, parameter) in arguments.iter().zip(function.declaration.parameters) {
        if !matches!(argument.passing, Passing::Const | Passing::Mut) {
            continue;
        }
        let located = Located::of(argument.address, &stack);
        let (rest, pinned) = match &located {
            Located::Heap(block) if block.live => {
                ((block.start + block.size).saturating_sub(argument.address), pins::is_block_pinned(block))
            }
            Located::Stack(stack) => (stack.end - argument.address, pins::is_range_pinned(argument.address)),
            _ => continue,
        };
        lent.bytes += match parameter.contract {
            // SAFETY: so many bytes are left of a live block, or of the callers' frames.
            contract if contract.is_cstr() => unsafe { length(argument.address, rest) },
            _ => extent::of(argument, &located).min(rest),
        };
        lent.retained += u32::from(parameter.contract.is_retained());
        lent.pinned += u32::from(pinned);
    }
    lent
}

/// Bytes up to a NUL and with it; all of them where there is none.
///
/// # Safety
/// - So many bytes are readable.
unsafe fn length(address: usize, rest: usize) -> usize {
    let start = std::ptr::with_exposed_provenance::<u8>(address);
    // SAFETY: as promised by the caller. Volatile, because another thread may write there.
    let is_nul = |at: &usize| unsafe { start.add(*at).read_volatile() } == 0;
    (0..rest).find(is_nul).map_or(rest, |at| at + 1)
}

/// C has returned to a counted call.
#[cold]
#[inline(never)]
#[track_caller]
pub(super) fn leave(token: Token, site: &Site, arguments: &[Argument], loans: &Loans, result: &Argument) {
    let Some(call) = call::find(token) else { return };
    let after = After::from_words(call.back_from_c());
    match after {
        After::Nothing => {}
        After::Result if result.passing == Passing::Scalar => {}
        after => {
            call.checks_go_on();
            finish(site, after, arguments, loans, result);
        }
    }
}

/// The same where the call does not come to its own end: what was to be done, and the call, which ends when it is dropped.
#[cold]
pub(super) fn back(token: Token) -> (After, Option<Call>) {
    match call::find(token) {
        Some(call) => (After::from_words(call.back_from_c()), Some(call)),
        None => (After::Nothing, None),
    }
}

/// C is about to run, and does not return.
#[cold]
pub(super) fn never_returns(token: Token) {
    if let Some(call) = call::find(token) {
        After::from_words(call.never_comes_back()).abandon();
    }
}

/// A call of a C function as a wrapper makes it, with checks of nothing or without: by it the way there and back is measured.
pub(crate) fn cross(function: &'static Function, nothing: extern "C" fn(), checked: bool) {
    #[inline(never)]
    fn enter(function: &'static Function, checked: bool, frame: &mut MaybeUninit<Frame>) -> Crossing {
        let after = call::begin(function, place(&[])).map_or(After::Nothing, |call| {
            if checked {
                call.checks_begin();
            }
            counted(call, Lent::default(), After::Nothing)
        });
        Crossing::of_nothing_lent(after, frame)
    }
    let mut frame = MaybeUninit::uninit();
    let crossing = enter(function, checked, &mut frame);
    nothing();
    // SAFETY: no parameter, and so none of its arguments; nothing is returned.
    unsafe { crossing.exit(function, [].as_ptr(), std::ptr::null()) };
}

/// A callback is entered: counted for the call that C makes it in. `None` where it is not counted.
#[cold]
pub(super) fn callback(function: &'static Function, arguments: &[Argument]) -> Option<Call> {
    if reentry::inside() {
        call::unseen(function);
        return None;
    }
    let call = call::begin(function, place(arguments))?;
    call.is_callback();
    Some(call)
}

/// C calls a closure: all closures are one function here.
#[cold]
pub(crate) fn closure() -> Option<Call> {
    static CLOSURE: Function = Function::new(&Declaration { callback: true, ..Declaration::internal("(closures)") });
    let call = callback(&CLOSURE, &[])?;
    call.body_begins();
    Some(call)
}

impl After {
    /// As numbers, which [`from_words`](After::from_words) makes the same of again, once.
    fn into_words(self) -> [u64; 3] {
        match self {
            After::Nothing => [0; 3],
            After::Result => [1, 0, 0],
            After::Bound => [2, 0, 0],
            After::Note(underway) => {
                let [one, two] = underway.into_words();
                [3, one, two]
            }
            After::Watch(exit) => {
                let _inside = Reentry::enter();
                [4, exit.into_address() as u64, 0]
            }
            After::Counted(_) | After::Copies(_) | After::Brief(..) => {
                unreachable!("counted once, and inside of the copies; and no call that is counted is brief")
            }
        }
    }

    fn from_words([which, word, second]: [u64; 3]) -> After {
        match which {
            1 => After::Result,
            2 => After::Bound,
            3 => After::Note(noted::Underway::from_words([word, second])),
            4 => match super::pending::Exit::from_address(word as usize) {
                Some(exit) => After::Watch(exit),
                None => After::Nothing,
            },
            _ => After::Nothing,
        }
    }
}
