//! What `#[ffi_guard::test]` runs.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::process::{ExitCode, Output};

use super::child::{self, EnvironmentOfRules};
use crate::config;
use crate::delivery::test_scope::{TestScope, print_all, raise_all};
use crate::level::{Level, level};
use crate::platform::process;
use crate::rule::{Rule, Severity};

/// A test, as its attribute describes it.
#[derive(Debug)]
pub struct Test {
    /// The crate, the modules and the function, joined by `::`.
    pub path: &'static str,
    /// The level to run at.
    pub level: Option<Level>,
    /// Whether every call is looked after at once, as by `GUARD_LOOK=each`; `None` is as in this
    /// process.
    pub look_each: Option<bool>,
    /// Whether it has a process of its own in any case.
    pub process: bool,
    /// Severities of rules.
    pub rules: &'static [(Rule, Severity)],
    /// Whether `#[should_panic]` stands on it.
    pub should_panic: ShouldPanic,
}

/// What `#[should_panic]` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShouldPanic {
    /// It is not there.
    No,
    /// Any panic.
    Yes,
    /// A panic with this text.
    With(&'static str),
}

/// What a test may return if it may run in another process, whose value does not come back.
#[diagnostic::on_unimplemented(
    message = "a test that runs in a process of its own cannot return `{Self}`",
    note = "it may return `()`, `ExitCode`, or a `Result` of these"
)]
pub trait Passed {
    /// The value that says so.
    fn passed() -> Self;
}

impl Passed for () {
    fn passed() {}
}

impl Passed for ExitCode {
    fn passed() -> ExitCode {
        ExitCode::SUCCESS
    }
}

impl<T: Passed, E> Passed for Result<T, E> {
    fn passed() -> Result<T, E> {
        Ok(T::passed())
    }
}

thread_local! {
    /// Name of the test that is open on this thread, as the test harness knows it.
    static NAME: RefCell<Option<&'static str>> = const { RefCell::new(None) };
}

/// The name of the test that is open on the calling thread.
pub(super) fn current() -> Option<&'static str> {
    NAME.try_with(|name| *name.borrow()).ok().flatten()
}

impl Test {
    /// The name by which the test harness knows it: without the crate.
    fn name(&self) -> &'static str {
        self.path.split_once("::").map_or(self.path, |(_, name)| name)
    }

    fn needs_process(&self) -> bool {
        self.process
            || !self.rules.is_empty()
            || self.level.is_some_and(|wanted| wanted != level())
            || self.look_each.is_some_and(|each| each != config::settings().look_each)
    }
}

/// Runs a test in this process, and ends it with a checkpoint.
///
/// # Panics
///
/// With the body's panic, or with the report of what the test has left.
#[track_caller]
pub fn run_here<R>(test: &Test, body: fn() -> R) -> R {
    match run_in_scope(test, body) {
        Ok(value) => value,
        Err(denied) => {
            raise_all(denied);
            // Under a panic that unwinds already, `raise_all` prints and comes back.
            panic!("the test has left what is reported above")
        }
    }
}

/// Runs the body. `Err`: what the test has left, if the body came to a good end.
fn run_in_scope<R>(test: &Test, body: fn() -> R) -> Result<R, Vec<crate::Violation>> {
    let before = NAME.replace(Some(test.name()));
    let scope = TestScope::begin(child::is_alone());
    let outcome = panic::catch_unwind(AssertUnwindSafe(body));
    let denied = scope.end();
    NAME.set(before);
    match outcome {
        Ok(value) if denied.is_empty() => Ok(value),
        Ok(_) => Err(denied),
        Err(panic) => {
            if !denied.is_empty() {
                print_all(denied);
                if test.should_panic != ShouldPanic::No {
                    process::say(format_args!("{} panicked, and left what is reported above", test.name()));
                    return Err(Vec::new());
                }
            }
            panic::resume_unwind(panic)
        }
    }
}

/// Runs a test as [`run_here`] does, or again in a process of its own if it asks for another level,
/// for severities, or for a process.
///
/// # Panics
///
/// With the body's panic, with the report of what the test has left, or with what the other process
/// said.
#[track_caller]
pub fn run<R: Passed>(test: &Test, body: fn() -> R) -> R {
    if cfg!(ffi_guard_off) || child::is_this(test.name()) || !test.needs_process() {
        return run_whatever_it_expects(test, body);
    }
    let level = test.level.map(|level| (level as u8).to_string());
    let rules = EnvironmentOfRules::of_this_process().with(test.rules);
    let output = child::again(test.name(), |command| {
        if let Some(level) = &level {
            command.env("GUARD", level);
        }
        if let Some(each) = test.look_each {
            command.env("GUARD_LOOK", if each { "each" } else { "budget" });
        }
        rules.set(command);
    });
    if output.status.success() {
        show(&output);
        match test.should_panic {
            ShouldPanic::No => {}
            ShouldPanic::Yes => panic::resume_unwind(Box::new("as it should, in another process")),
            ShouldPanic::With(text) => panic::resume_unwind(Box::new(text)),
        }
        return R::passed();
    }
    let said = said(&output);
    let failure = format!("{} failed in a process of its own ({})\n{said}", test.name(), output.status);
    if test.should_panic != ShouldPanic::No {
        // A panic would pass for the one that is expected.
        eprintln!("{failure}");
        return R::passed();
    }
    panic!("{failure}")
}

/// Runs a test that may have `#[should_panic]`. What it has left fails it all the same: where a
/// panic would pass for the expected one, it returns without.
#[track_caller]
fn run_whatever_it_expects<R: Passed>(test: &Test, body: fn() -> R) -> R {
    match run_in_scope(test, body) {
        Ok(value) => value,
        Err(denied) if test.should_panic == ShouldPanic::Yes => {
            print_all(denied);
            R::passed()
        }
        Err(denied) => {
            raise_all(denied);
            R::passed()
        }
    }
}

/// Passes on what a process said that came to a good end: reports of warnings as they are, the rest
/// as the test's own output.
fn show(output: &Output) {
    print!("{}", String::from_utf8_lossy(&output.stdout));
    let said = String::from_utf8_lossy(&output.stderr);
    match said.lines().any(|line| line.starts_with("ffi-guard")) {
        true => process::write_stderr(said.as_bytes()),
        false => eprint!("{said}"),
    }
}

fn said(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{}\n{}", out.trim(), err.trim())
}
