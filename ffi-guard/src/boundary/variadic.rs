//! A call of a variadic function: its trampoline comes here before C runs, and jumps to C
//! afterwards. C returns to the caller, so that there is an entry and no exit.
//!
//! ```text
//!  caller ──> trampoline ── level 0 ───────────────────────────> C ──> caller
//!                 └── the macro's function ── check ── rules ──> C ──> caller
//! ```

use std::cell::OnceCell;
use std::panic::Location;

use super::declared;
use super::enter::{resolve_mode, tell_left};
use super::entry::Questions;
use super::log;
use super::retention_check::RetentionCheck;
use super::statistics::ABOVE;
use super::version;
use crate::call::argument::Argument;
use crate::call::caller;
use crate::call::declaration::{CheckMode, Function};
use crate::call::site::Site;
use crate::call::thread;
use crate::call::variadic::saved::Saved;
use crate::call::variadic::{MOST, Variadic};
use crate::delivery::breach::Stop;
use crate::delivery::deferred;
use crate::delivery::raise::raise;
use crate::level::{self, Level};
use crate::platform::process::{self, Errno};
use crate::reentry;
use crate::retention::lent_by;
use crate::stats::call;

/// Checks what Rust hands over in a call of a variadic function.
///
/// # Safety
/// - `fixed` are the call's fixed arguments, of the types that the function declares; a pointer
///   into Rust memory leads to memory of its type.
/// - `saved` are the registers of the call, and what follows the fixed arguments in them was passed
///   as the function's contract says.
///
/// # Panics
/// With the report, if a rule that is denied is broken.
#[track_caller]
#[inline(never)]
pub unsafe fn check_variadic(variadic: &'static Variadic, fixed: &[Argument], saved: &Saved<'_>) {
    let counts = level::counts();
    let level = level::level();
    if counts {
        call::count(variadic.function, &ABOVE);
    }
    if level == Level::Off || reentry::inside() {
        return;
    }
    let declared = Location::caller();
    let mut room = [Argument::scalar(); MOST];
    // SAFETY: the caller promises the registers of this call, and arguments as the contract says.
    let (function, arguments) = unsafe { variadic.arguments(fixed, saved, &mut room) };
    // SAFETY: the caller promises arguments of the declared types.
    let outcome =
        unsafe { ask((function, variadic.function), arguments, level, caller::at(saved.return_address(), declared)) };
    if let Err(stop) = outcome {
        raise(stop, !function.declaration.keep_abi);
    }
}

/// Lets a call pass whose fixed arguments are not known: one of them takes more than a register. It
/// is said once for each function.
#[cold]
pub fn pass_variadic(variadic: &'static Variadic) {
    if level::level() != Level::Off && !reentry::inside() && variadic.begins_to_pass() {
        let name = variadic.function.declaration.name;
        process::say(format_args!(
            "`{name}` is variadic and takes a value that does not fit a register: its calls are not checked"
        ));
    }
}

/// Asks the rules, and notes what C may keep.
///
/// # Safety
/// - What [`check_variadic`] requires of the arguments.
unsafe fn ask(
    (function, as_declared): (&'static Function, &'static Function),
    arguments: &[Argument],
    level: Level,
    location: &'static Location<'static>,
) -> Result<(), Stop> {
    match function.mode() {
        CheckMode::Checked | CheckMode::Copies => {}
        CheckMode::LeftOut => return Ok(()),
        CheckMode::Traced => log::entry(function, arguments, location),
        CheckMode::Unsettled => {
            if !version::ask(as_declared, location)? {
                return Ok(());
            }
            declared::compare(as_declared, location)?;
            if resolve_mode(function, arguments, location) == CheckMode::LeftOut {
                return Ok(());
            }
        }
    }
    let _named = thread::name_wrapper(function.wrapper_of(arguments, true));
    // In this frame, by which the callers' part of the stack is known.
    let site = Site { function, location };
    // SAFETY: the caller promises arguments of the declared types.
    thread::with_room(|| unsafe { ask_at(&site, arguments, level) })
}

/// # Safety
/// - What [`check_variadic`] requires of the arguments.
unsafe fn ask_at(site: &Site, arguments: &[Argument], level: Level) -> Result<(), Stop> {
    let _errno = Errno::keep();
    let stack = thread::callers_stack(site);
    let questions = |check| Questions { site: *site, arguments, stack, check, callers: OnceCell::new(), freed_told: 0 };
    if level < Level::Full {
        // SAFETY: the caller promises arguments of the declared types.
        unsafe { questions(None).ask() }?;
        if lent_by::is_on() {
            lent_by::note_all(arguments, site);
        }
        return Ok(());
    }
    deferred::tell_untold()?;
    tell_left(std::ptr::from_ref(site).addr())?;
    thread::count_crossing();
    let mut check = RetentionCheck::default();
    // SAFETY: the caller promises arguments of the declared types.
    unsafe { questions(Some(&mut check)).ask() }?;
    check.note_what_may_be_kept(site, arguments)
}
