//! What happens to a violation once its severity is known: the hook, the file, and the print, once
//! for each place.

use std::cell::Cell;
use std::io::IsTerminal as _;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::ledger::{Ledger, ReportKey};
use super::{colour, lines, suppress};
use crate::config::{OnViolation, settings};
use crate::facts::Violation;
use crate::platform::process::{at_exit, write_stderr};
use crate::reentry::{Outside, Reentry};
use crate::rule::Severity;
use crate::rules::words::own_path;
use crate::stats::Stats;

/// What the code that found a violation does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Outcome {
    /// The program goes on.
    GoOn,
    /// The caller stops, with a panic that carries the report. Nothing was printed.
    Stop,
}

/// Delivers a violation: tells the hook, appends to the file of `GUARD_REPORT`, and does what
/// severity and `GUARD_ON_VIOLATION` say. If that is `abort`, it prints the report and does not
/// return.
pub(crate) fn deliver(violation: &Violation) -> Outcome {
    if is_suppressed(violation) {
        return Outcome::GoOn;
    }
    tell(violation, false);
    let _own = Reentry::enter();
    match verdict(violation.severity(), settings().on_violation) {
        Verdict::Nothing => Outcome::GoOn,
        Verdict::PrintOnce => {
            summarise_at_exit();
            if PRINTED.count(ReportKey::of(violation.facts(), false)) == 1 {
                print(violation);
            }
            Outcome::GoOn
        }
        Verdict::Panic => Outcome::Stop,
        Verdict::Abort => {
            // The last words of the process are printed even if they were printed before, as a
            // warning; and what runs at exit does not run after an abort.
            print(violation);
            abort()
        }
    }
}

/// True if the project accepts the finding (`GUARD_SUPPRESS`). It is counted, and the file of
/// `GUARD_REPORT` gets it.
fn is_suppressed(violation: &Violation) -> bool {
    let _own = Reentry::enter();
    let Some(reason) = suppress::reason(violation.facts()) else { return false };
    SUPPRESSED.fetch_add(1, Ordering::Relaxed);
    summarise_at_exit();
    lines::append_suppressed(violation, reason);
    true
}

/// The number of findings that were suppressed.
static SUPPRESSED: AtomicUsize = AtomicUsize::new(0);

/// Tells the hook and appends to the file of `GUARD_REPORT`, no more: for a violation that becomes
/// a value.
pub(crate) fn record(violation: &Violation) {
    tell(violation, true);
}

/// Records a violation that fails a test: the hook and the file of `GUARD_REPORT` get it, as one
/// that is not expected. False if the project accepts it, or it is allowed.
pub(crate) fn record_failure(violation: &Violation) -> bool {
    if violation.severity() == Severity::Allow || is_suppressed(violation) {
        return false;
    }
    tell(violation, false);
    true
}

fn tell(violation: &Violation, caught: bool) {
    tell_hook(violation);
    append(violation, caught);
}

/// Appends to the file of `GUARD_REPORT`, no more: for a moment when the program's own code must
/// not run.
pub(crate) fn file(violation: &Violation) {
    append(violation, false);
}

fn append(violation: &Violation, caught: bool) {
    let _own = Reentry::enter();
    if lines::append(violation, caught) {
        summarise_at_exit();
    }
}

/// What follows from severity and setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Nothing,
    PrintOnce,
    Panic,
    Abort,
}

fn verdict(severity: Severity, on_violation: OnViolation) -> Verdict {
    match (severity, on_violation) {
        (Severity::Allow, _) => Verdict::Nothing,
        (Severity::Warn, _) | (Severity::Deny, OnViolation::Report) => Verdict::PrintOnce,
        // The code that catches the panic shows it: nothing is printed or counted here.
        (Severity::Deny, OnViolation::Panic) => Verdict::Panic,
        (Severity::Deny, OnViolation::Abort) => Verdict::Abort,
    }
}

/// Prints the whole report at once, with colour if a terminal shows it. For a caller that has to
/// abort instead of panicking.
pub(crate) fn print(violation: &Violation) {
    let _own = Reentry::enter();
    let mut text = violation.to_string();
    if settings().color && std::io::stderr().is_terminal() {
        text = colour::paint(&text, violation.severity() == Severity::Warn);
    }
    text.push('\n');
    // Not `eprint!`: it panics if stderr is gone, it takes a lock that a forked child would wait
    // for, and the test harness swallows it if the test passes, which is when a warning is all
    // there is. One `write`, so that the reports of two threads do not mix.
    write_stderr(text.as_bytes());
}

/// What was printed.
static PRINTED: Ledger = Ledger::new();

/// Has the summary told at the end of the process; once.
fn summarise_at_exit() {
    extern "C" fn summary() {
        summarise();
    }
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| at_exit(summary));
}

/// Ends the process after a report that cannot stop it in another way.
pub(crate) fn abort() -> ! {
    summarise();
    std::process::abort()
}

/// Says how often places were seen that were reported once: on standard error, and in the file of
/// `GUARD_REPORT`.
fn summarise() {
    let _own = Reentry::enter();
    for line in summary(&PRINTED) {
        write_stderr(format!("{line}\n").as_bytes());
    }
    lines::append_counts();
}

/// Appends the counters of the border to the file of `GUARD_REPORT`, if there is one.
pub(crate) fn record_statistics(stats: &Stats) {
    let _own = Reentry::enter();
    lines::append_statistics(stats);
}

fn summary(printed: &Ledger) -> Vec<String> {
    let mut lines = Vec::new();
    match printed.repeated() {
        Some(repeated) => lines.extend(repeated.into_iter().map(|(place, count)| {
            let ReportKey { rule, function, file, line, column, .. } = place;
            let file = own_path(file).unwrap_or(file);
            format!("ffi-guard: {rule} in {function} at {file}:{line}:{column}: reported once, seen {count} times")
        })),
        None => lines.push("ffi-guard: the counts of repeated reports were in use at exit and are lost".into()),
    }
    match printed.lost() {
        0 => {}
        lost => lines.push(format!("ffi-guard: {lost} reports were printed without being counted")),
    }
    match SUPPRESSED.load(Ordering::Relaxed) {
        0 => {}
        1 => lines.push("ffi-guard: 1 finding is suppressed (GUARD_SUPPRESS)".into()),
        suppressed => lines.push(format!("ffi-guard: {suppressed} findings are suppressed (GUARD_SUPPRESS)")),
    }
    lines
}

// --- the hook ---

/// A `fn(&Violation)` or null.
static HOOK: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

thread_local! {
    /// The hook is running on this thread. Const and without destructor: it may be asked at any
    /// time.
    static IN_HOOK: Cell<bool> = const { Cell::new(false) };
}

/// Has `hook` see every violation, before it panics or prints, repeated ones included.
///
/// One hook is set at a time; the last one wins. A violation that the hook itself commits is
/// delivered, but not to the hook. It runs on the thread of the violation, as ordinary code: it may
/// allocate, lock and panic.
///
/// ```
/// ffi_guard::set_report_hook(|violation| {
///     eprintln!("{} in {:?}", violation.rule(), violation.function());
/// });
/// ```
pub fn set_report_hook(hook: fn(&Violation)) {
    HOOK.store(hook as *mut (), Ordering::Release);
}

fn tell_hook(violation: &Violation) {
    let hook = HOOK.load(Ordering::Acquire);
    if hook.is_null() || IN_HOOK.replace(true) {
        return;
    }
    /// Also if the hook panics, which is the user's way to stop.
    struct Left;
    impl Drop for Left {
        fn drop(&mut self) {
            IN_HOOK.set(false);
        }
    }
    let _left = Left;
    // The hook's allocations are the program's, and its guarded calls are checked.
    let _outside = Outside::step();
    // SAFETY: `HOOK` holds null, excluded above, or what `set_report_hook` stored, a
    // `fn(&Violation)`.
    let hook = unsafe { std::mem::transmute::<*mut (), fn(&Violation)>(hook) };
    hook(violation);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::super::tests::facts;
    use super::*;

    #[test]
    fn the_summary_has_a_line_for_each_place_that_was_seen_again() {
        let ledger = Ledger::new();
        for _ in 0..100 {
            let _ = ledger.count(ReportKey::of(&facts::null(), false));
        }
        let _ = ledger.count(ReportKey::of(&facts::misaligned(), false));
        let summary = summary(&ledger);
        assert_eq!(summary.len(), 1, "{summary:?}");
        assert!(summary[0].starts_with("ffi-guard: null_pointer in session_set_name at "), "{summary:?}");
        assert!(summary[0].ends_with(": reported once, seen 100 times"), "{summary:?}");
    }

    #[test]
    fn severity_and_setting_decide_together() {
        for (severity, setting, expected) in [
            (Severity::Allow, OnViolation::Panic, Verdict::Nothing),
            (Severity::Warn, OnViolation::Panic, Verdict::PrintOnce),
            (Severity::Warn, OnViolation::Abort, Verdict::PrintOnce),
            (Severity::Deny, OnViolation::Panic, Verdict::Panic),
            (Severity::Deny, OnViolation::Abort, Verdict::Abort),
            (Severity::Deny, OnViolation::Report, Verdict::PrintOnce),
        ] {
            assert_eq!(verdict(severity, setting), expected, "{severity:?} {setting:?}");
        }
    }

    #[test]
    fn the_hook_sees_each_violation_but_not_its_own() {
        static SEEN: AtomicUsize = AtomicUsize::new(0);
        set_report_hook(|violation| {
            SEEN.fetch_add(1, Ordering::Relaxed);
            tell_hook(violation);
        });
        let violation = Violation::new(facts::null());
        tell_hook(&violation);
        tell_hook(&violation);
        assert_eq!(SEEN.load(Ordering::Relaxed), 2);
    }
}
