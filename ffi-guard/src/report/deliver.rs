//! What happens to a violation once its severity is known: the hook, the file, and the print, once
//! for each place.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Once, OnceLock, TryLockError};

use super::colour;
use crate::config::{OnViolation, settings};
use crate::facts::{Facts, Violation};
use crate::platform::process::{at_exit, write_stderr};
use crate::reentry::{Outside, Reentry};
use crate::rule::{Rule, Severity};
use crate::rules::words::own_path;

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
    tell(violation, false);
    let _own = Reentry::enter();
    match verdict(violation.severity(), settings().on_violation) {
        Verdict::Nothing => Outcome::GoOn,
        Verdict::PrintOnce => {
            summarise_at_exit();
            if LEDGER.is_first(ReportKey::of(violation.facts())) {
                print(violation);
            }
            Outcome::GoOn
        }
        Verdict::Panic => Outcome::Stop,
        Verdict::Abort => {
            // The last words of the process are printed even if they were printed before, as a
            // warning; and what runs at exit does not run after an abort.
            print(violation);
            for line in exit_summary() {
                write_stderr(format!("{line}\n").as_bytes());
            }
            std::process::abort();
        }
    }
}

/// Tells the hook and appends to the file of `GUARD_REPORT`, no more: for a violation that becomes
/// a value.
pub(crate) fn record(violation: &Violation) {
    tell(violation, true);
}

fn tell(violation: &Violation, caught: bool) {
    tell_hook(violation);
    let _own = Reentry::enter();
    if settings().report_path().is_some() {
        append_line(violation.to_json(), caught);
    }
}

/// Appends to the file of `GUARD_REPORT`, no more: for a moment when the program's own code must
/// not run.
#[cfg(not(feature = "c-heap"))]
pub(crate) fn file(violation: &Violation) {
    let _own = Reentry::enter();
    if settings().report_path().is_some() {
        append_line(violation.to_json(), false);
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

/// Has the summary printed at the end of the process; once.
fn summarise_at_exit() {
    extern "C" fn summary() {
        for line in exit_summary() {
            write_stderr(format!("{line}\n").as_bytes());
        }
    }
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| at_exit(summary));
}

/// The lines to print at exit: the violations that were reported once and seen more often. Asking
/// does not reset them.
pub(crate) fn exit_summary() -> Vec<String> {
    let _own = Reentry::enter();
    LEDGER.summary()
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

// --- the file ---

/// Appends one object to the file of `GUARD_REPORT`, if there is one. `caught` tells whether the
/// program has it as a value: a test expects it, and a job in CI leaves it out.
pub(super) fn append_line(mut object: String, caught: bool) {
    if let Some(path) = settings().report_path() {
        object.truncate(object.len().saturating_sub("}".len()));
        object.push_str(if caught { ",\"caught\":true}" } else { ",\"caught\":false}" });
        append(absolute(path), object);
    }
}

/// The path as it was meant when the first violation came: a daemon that changes its folder keeps
/// its file.
fn absolute(path: &Path) -> &'static Path {
    static ABSOLUTE: OnceLock<PathBuf> = OnceLock::new();
    ABSOLUTE.get_or_init(|| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()))
}

/// Appends one line. The file is opened each time: a daemon that closed all files and went on with
/// their numbers must not find our lines in its sockets, and a forked child shares nothing with us
/// but the name.
fn append(path: &Path, mut line: String) {
    static FAILED: AtomicBool = AtomicBool::new(false);
    line.push('\n');
    let written = std::fs::OpenOptions::new().append(true).create(true).open(path).and_then(|mut file| {
        // O_APPEND and one `write`: lines of processes that share the file do not mix.
        file.write_all(line.as_bytes())
    });
    if let Err(error) = written {
        // Once: the program is not at fault, and many such lines would bury its own.
        if !FAILED.swap(true, Ordering::Relaxed) {
            let path = path.display();
            let text = format!("ffi-guard: GUARD_REPORT={path}: {error}; violations are not recorded there\n");
            write_stderr(text.as_bytes());
        }
    }
}

// --- once for each place ---

/// A rule that is broken at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ReportKey {
    rule: Rule,
    function: &'static str,
    parameter: Option<usize>,
    file: &'static str,
    line: u32,
    column: u32,
    /// The trace of the free, if it is about one; else 0.
    freed: u32,
}

impl ReportKey {
    fn of(facts: &Facts) -> ReportKey {
        let freed = facts.finding.parts().wrong_free;
        let (function, parameter, file, line, column) = match &facts.call {
            Some(call) => {
                let site = call.site;
                (call.function.declaration.name, call.parameter, site.file(), site.line(), site.column())
            }
            None => (freed.map_or("no guarded call", |wrong| wrong.asked.name()), None, "?", 0, 0),
        };
        let freed = freed.map_or(0, |wrong| wrong.at.0);
        ReportKey { rule: facts.rule(), function, parameter, file, line, column, freed }
    }
}

/// What was printed, and how often it was seen.
struct Ledger {
    seen: Mutex<ReportCount>,
    /// Violations that could not be counted, because the lock was taken.
    lost: AtomicU64,
}

struct ReportCount {
    /// The process that counted: a forked child starts over, and does not repeat its parent's
    /// counts at exit.
    process: u32,
    counts: BTreeMap<ReportKey, u64>,
}

static LEDGER: Ledger = Ledger::new();

impl Ledger {
    const fn new() -> Ledger {
        Ledger { seen: Mutex::new(ReportCount { process: 0, counts: BTreeMap::new() }), lost: AtomicU64::new(0) }
    }

    fn is_first(&self, site: ReportKey) -> bool {
        let Some(mut seen) = self.seen() else {
            // Better twice than never.
            self.lost.fetch_add(1, Ordering::Relaxed);
            return true;
        };
        let count = seen.counts.entry(site).or_insert(0);
        *count += 1;
        *count == 1
    }

    fn summary(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match self.seen() {
            Some(seen) => {
                for (site, count) in seen.counts.iter().filter(|(_, count)| **count > 1) {
                    let ReportKey { rule, function, file, line, column, .. } = site;
                    let file = own_path(file).unwrap_or(file);
                    lines.push(format!(
                        "ffi-guard: {rule} in {function} at {file}:{line}:{column}: reported once, seen {count} times"
                    ));
                }
            }
            None => lines.push("ffi-guard: the counts of repeated reports were in use at exit and are lost".into()),
        }
        match self.lost.load(Ordering::Relaxed) {
            0 => {}
            lost => lines.push(format!("ffi-guard: {lost} reports were printed without being counted")),
        }
        lines
    }

    /// The counts; `None` if another thread holds them for too long. That happens in a child that
    /// was forked meanwhile: no thread of the child will ever release them.
    fn seen(&self) -> Option<MutexGuard<'_, ReportCount>> {
        for _ in 0..10_000 {
            let mut seen = match self.seen.try_lock() {
                Ok(seen) => seen,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    std::thread::yield_now();
                    continue;
                }
            };
            let process = std::process::id();
            if seen.process != process {
                seen.process = process;
                seen.counts.clear();
            }
            return Some(seen);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::super::tests::facts;
    use super::*;

    fn violation(severity: Severity) -> Violation {
        Violation::new(Facts { severity, ..facts::null() })
    }

    #[test]
    fn a_hundred_times_the_same_is_printed_once_and_counted() {
        let ledger = Ledger::new();
        let printed = (0..100).filter(|_| ledger.is_first(ReportKey::of(&facts::null()))).count();
        assert_eq!(printed, 1);
        assert!(ledger.is_first(ReportKey::of(&facts::misaligned())), "another rule is another story");
        assert!(ledger.is_first(ReportKey::of(&facts::null_on_many_lines())), "another site is another story");
        let summary = ledger.summary();
        assert_eq!(summary.len(), 1, "{summary:?}");
        assert!(summary[0].starts_with("ffi-guard: null_pointer in session_set_name at "), "{summary:?}");
        assert!(summary[0].ends_with(": reported once, seen 100 times"), "{summary:?}");
        assert_eq!(ledger.summary(), summary, "asking must not lose it");
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
    fn a_lock_that_is_never_given_back_costs_the_count_and_not_the_report() {
        let ledger = Ledger::new();
        let held = ledger.seen.lock().unwrap();
        assert!(ledger.is_first(ReportKey::of(&facts::null())));
        drop(held);
        assert_eq!(ledger.summary(), ["ffi-guard: 1 reports were printed without being counted"]);
    }

    #[test]
    fn threads_share_one_count() {
        let ledger = Ledger::new();
        let firsts = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..250 {
                        let first = ledger.is_first(ReportKey::of(&facts::null()));
                        firsts.fetch_add(usize::from(first), Ordering::Relaxed);
                    }
                });
            }
        });
        let lost = ledger.lost.load(Ordering::Relaxed);
        assert_eq!(firsts.load(Ordering::Relaxed) as u64, 1 + lost);
        assert!(ledger.summary()[0].ends_with(&format!("seen {} times", 1000 - lost)));
    }

    #[test]
    fn lines_are_appended_whole_and_a_bad_path_is_no_failure() {
        let folder = std::env::temp_dir().join(format!("ffi-guard-report-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("report.jsonl");
        let line = violation(Severity::Deny).to_json();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|_| append(&path, line.clone())));
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 200);
        assert!(text.lines().all(|read| read == line));
        append(&folder.join("no/such/folder"), line);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_hook_sees_each_violation_but_not_its_own() {
        static SEEN: AtomicUsize = AtomicUsize::new(0);
        set_report_hook(|violation| {
            SEEN.fetch_add(1, Ordering::Relaxed);
            tell_hook(violation);
        });
        let violation = violation(Severity::Deny);
        tell_hook(&violation);
        tell_hook(&violation);
        assert_eq!(SEEN.load(Ordering::Relaxed), 2);
    }
}
