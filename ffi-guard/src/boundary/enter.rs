//! Entry of a guarded call that is not on the fast path: asks the rules about each argument, and
//! decides what the exit of the call has to do.

use std::panic::Location;

use super::breach::Stop;
use super::copies;
use super::copies::Copies;
use super::deferred;
use super::entry::Questions;
use super::exit_plan::ExitPlan;
use super::log;
use super::resolve_mode::resolve_mode;
use super::retention_check::RetentionCheck;
use super::watched_call::{Watched, WatchedCall};
use crate::call::argument::Argument;
use crate::call::declaration::{CheckMode, Function};
use crate::call::site::Site;
use crate::call::thread;
use crate::level;
use crate::level::Level;
use crate::platform::process::Errno;
use crate::reentry;
use crate::reentry::Reentry;
use crate::retention;
use crate::retention::lent_by;

/// Asks the rules about the arguments of a call.
///
/// # Safety
/// - Each pointer argument is what the declaration's type says: if it leads to Rust memory, that
///   memory is readable during the call.
#[inline]
pub(super) unsafe fn ask_the_rules(
    function: &'static Function,
    arguments: &[Argument],
    location: &'static Location<'static>,
) -> Result<ExitPlan, Stop> {
    let level = level::level();
    if level == Level::Off || reentry::inside() {
        return Ok(ExitPlan::NOTHING);
    }
    match function.mode() {
        CheckMode::Checked | CheckMode::Copies => {}
        CheckMode::LeftOut => return Ok(ExitPlan::NOTHING),
        CheckMode::Traced => log::entry(function, arguments, location),
        CheckMode::Unsettled => {
            if resolve_mode(function, arguments, location) == CheckMode::LeftOut {
                return Ok(ExitPlan::NOTHING);
            }
        }
    }
    let _named = thread::name_wrapper(function.wrapper_of(arguments, true));
    // In this frame, by which the callers' part of the stack is known.
    let site = Site { function, location };
    // SAFETY: the caller promises arguments of the declared types.
    thread::with_room(|| unsafe { ask(&site, arguments, level) })
}

/// Asks the rules at this level. `site` is in a frame of the thread's own stack, which this
/// function need not be on.
///
/// # Safety
/// - What [`ask_the_rules`] requires.
unsafe fn ask(site: &Site, arguments: &[Argument], level: Level) -> Result<ExitPlan, Stop> {
    let stack = thread::callers_stack(site);
    let frame = std::ptr::from_ref(site).addr();
    let copy = || {
        if !site.function.copies() {
            return None;
        }
        let _errno = Errno::keep();
        copies::make(site, arguments, &stack)
    };
    if level < Level::Full {
        // SAFETY: the caller promises arguments of the declared types.
        unsafe { Questions { site: *site, arguments, stack: stack.clone(), check: None, freed_told: 0 }.ask() }?;
        if lent_by::is_on() {
            lent_by::note_all(arguments, site);
        }
        return Ok(ExitPlan { copies: copy().map(|copies| copies.begin(frame)), ..ExitPlan::LOOKS });
    }
    let _errno = Errno::keep();
    // What was found inside the allocator is reported before C runs and could use freed memory.
    deferred::tell_untold()?;
    let crossings = thread::count_crossing();
    let mut check = RetentionCheck::default();
    // SAFETY: the caller promises arguments of the declared types.
    unsafe {
        Questions { site: *site, arguments, stack: stack.clone(), check: Some(&mut check), freed_told: 0 }.ask()
    }?;
    let copied = copy();
    check.work_on(copied.iter().flat_map(Copies::ranges));
    check.begin(site, arguments, crossings)?;
    let _inside = Reentry::enter();
    let watched = Watched::begin(WatchedCall::new(site, check, frame, crossings, retention::sample()));
    Ok(ExitPlan { watched: Some(watched), copies: copied.map(|copies| copies.begin(frame)), ..ExitPlan::LOOKS })
}
