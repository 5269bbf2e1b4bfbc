//! Entry of a guarded call that is not on the fast path: asks the rules about each argument, and
//! decides what the exit of the call has to do. At a function's first crossing its check mode is
//! resolved.

use std::cell::OnceCell;
use std::panic::Location;

use super::copies;
use super::copies::Copies;
use super::declared;
use super::entry::Questions;
use super::exit_plan::ExitPlan;
use super::retention_check::RetentionCheck;
use super::watched_call::{Watched, WatchedCall};
use super::{log, snapshot, thread_affinity, version};
use crate::answers::written;
use crate::call::argument::{Argument, Passing};
use crate::call::declaration::{CheckMode, Function, LAST_MARK};
use crate::call::nowhere;
use crate::call::site::Site;
use crate::call::thread;
use crate::config;
use crate::delivery::breach::Stop;
use crate::delivery::deferred;
use crate::level;
use crate::level::Level;
use crate::platform::fault;
use crate::platform::process::Errno;
use crate::reentry;
use crate::reentry::Reentry;
use crate::retention;
use crate::retention::lent_by;
use crate::rule::{Rule, Severity};
use crate::scan;

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
            if !version::ask(function, location)? {
                return Ok(ExitPlan::NOTHING);
            }
            declared::compare(function, location)?;
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
        unsafe {
            Questions {
                site: *site,
                arguments,
                stack: stack.clone(),
                check: None,
                callers: OnceCell::new(),
                freed_told: 0,
            }
            .ask()
        }?;
        if lent_by::is_on() {
            lent_by::note_all(arguments, site);
        }
        return Ok(ExitPlan { copies: copy().map(|copies| copies.begin(frame)), ..ExitPlan::LOOKS });
    }
    let _errno = Errno::keep();
    // What was found inside the allocator is reported before C runs and could use freed memory.
    deferred::tell_untold()?;
    tell_left(frame)?;
    let crossings = thread::count_crossing();
    let mut check = RetentionCheck::default();
    // SAFETY: the caller promises arguments of the declared types.
    unsafe {
        let stack = stack.clone();
        Questions { site: *site, arguments, stack, check: Some(&mut check), callers: OnceCell::new(), freed_told: 0 }
            .ask()
    }?;
    let copied = copy();
    check.work_on(copied.iter().flat_map(Copies::ranges));
    check.begin(site, arguments, crossings)?;
    if nowhere::note(site, arguments, crossings) {
        // C is about to be called with it: the handler must be there, and have a stack.
        fault::install();
        fault::give_stack();
    }
    let _inside = Reentry::enter();
    let watched = Watched::begin(WatchedCall::new(site, check, frame, crossings, retention::sample()));
    Ok(ExitPlan { watched: Some(watched), copies: copied.map(|copies| copies.begin(frame)), ..ExitPlan::LOOKS })
}

/// Reports variables on the stack that are gone, as the call under way shows. `frame`: an address
/// below the wrapper's frame.
pub(super) fn tell_left(frame: usize) -> Result<(), Stop> {
    if thread::lowest_kept() == usize::MAX {
        return Ok(());
    }
    deferred::tell_left(scan::callers_frame(thread::wrapper()).unwrap_or(frame))
}

// --- the first crossing of a function ---

/// True if no rule is checked: neither elsewhere nor for this function, so that what it lends is of
/// no use to any report.
fn allows_all(site: &Site) -> bool {
    let parameters = 0..site.function.declaration.parameters.len();
    let is_allowed = |severity: Severity| severity == Severity::Allow;
    Rule::ALL.iter().all(|&rule| {
        is_allowed(config::settings().severity_of(rule))
            && parameters.clone().map(Some).chain([None]).all(|index| is_allowed(site.severity(rule, index)))
    })
}

/// Resolves what the settings, the declaration and the types of the arguments ask for at each call
/// of the function.
#[cold]
pub(super) fn resolve_mode(
    function: &'static Function,
    arguments: &[Argument],
    location: &'static Location<'static>,
) -> CheckMode {
    if lent_by::is_on() || level::level() >= Level::Full {
        // C is about to be called, so the handler of faults is installed by now, whoever started
        // the process: some blocks may have pages of their own, and C may die of what it was given.
        fault::install();
    }
    log::first_call(function);
    #[cfg(not(sections))]
    crate::call::registry::note(function);
    let settings = config::settings();
    let declaration = function.declaration;
    let asks = || declaration.parameters.iter().any(|parameter| parameter.contract.is_copied());
    let leads = |argument: &Argument| matches!(argument.passing, Passing::Const | Passing::Mut);
    let copies = !declaration.callback && arguments.iter().any(leads) && (settings.copy || asks());
    let standing = if !settings.checks_crate(function.krate()) {
        CheckMode::LeftOut
    } else if settings.traces(function.declaration.name) {
        log::entry(function, arguments, location);
        CheckMode::Traced
    } else if copies {
        CheckMode::Copies
    } else if !settings.stats && allows_all(&Site { function, location }) {
        CheckMode::LeftOut
    } else {
        CheckMode::Checked
    };
    let site = Site { function, location };
    let parameters = function.declaration.parameters;
    let lets_keep = parameters.iter().any(|it| it.contract.is_retained() || it.contract.is_owned());
    let is_allowed = |index: &usize| site.severity(Rule::RetainedPointer, Some(*index)) == Severity::Allow;
    let allows = (0..parameters.len()).filter(is_allowed).fold(0, |all, index| all | 1_u32 << index.min(LAST_MARK));
    let compares = if declaration.callback { 0 } else { snapshot::compared(&site, arguments) };
    function.settle_copies(copies);
    function.settle_writes(!declaration.callback && written::may_be(&site, arguments));
    function.settle(standing, (lets_keep, allows), thread_affinity::binds(declaration), compares);
    standing
}
