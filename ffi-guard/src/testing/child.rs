//! The running test once more, alone, in a process of its own.

use std::any::type_name;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ended::{self, Ended};
use super::runner::command_for;
use super::test;
use crate::level::Level;
use crate::report;
use crate::rule::{Rule, Severity};

/// Names the test that a process was started for by [`again`].
const TEST: &str = "FFI_GUARD_TEST";
/// Names the folder of a process that [`Child::run`] has started.
const FOLDER: &str = "FFI_GUARD_CHILD";

/// In that folder: how the earlier closures of the test ended, in order.
const EARLIER: &str = "earlier";
/// In that folder: the file is there once the closure was reached.
const REACHED: &str = "reached";
/// In that folder: what was reported.
const REPORT: &str = "report.jsonl";

/// True if this process was started for this test.
pub(super) fn is_this(name: &str) -> bool {
    env::var_os(TEST).is_some_and(|test| test == name)
}

/// True if this process is known to run one test alone.
pub(super) fn is_alone() -> bool {
    env::var_os(TEST).is_some() || env::var_os("NEXTEST_EXECUTION_MODE").is_some_and(|mode| mode == "process-per-test")
}

/// Runs a test of this program again, in a process of its own.
///
/// # Panics
///
/// If the program cannot be started, or knows no such test.
#[track_caller]
pub(super) fn again(name: &str, change: impl FnOnce(&mut Command)) -> Output {
    let program = env::current_exe().unwrap_or_else(|error| panic!("this program's own path: {error}"));
    let mut command = command_for(&program);
    command.args([name, "--exact", "--nocapture", "--include-ignored", "--test-threads=1"]);
    command.env(TEST, name).stdin(Stdio::null());
    change(&mut command);
    let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    // A wrong name must not pass for a clean run. A process that was killed may have said nothing.
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        !output.status.success() || said.contains("running 1 test"),
        "this program knows no test named `{name}`; a process of its own needs the usual test harness:\n{said}"
    );
    output
}

/// The three variables with severities of rules.
pub(super) struct EnvironmentOfRules(BTreeMap<&'static str, Vec<String>>);

fn variable(severity: Severity) -> &'static str {
    match severity {
        Severity::Allow => "GUARD_ALLOW",
        Severity::Warn => "GUARD_WARN",
        Severity::Deny => "GUARD_DENY",
    }
}

impl EnvironmentOfRules {
    pub(super) fn of_this_process() -> EnvironmentOfRules {
        let lists = [Severity::Allow, Severity::Warn, Severity::Deny].map(|severity| {
            let list = env::var(variable(severity)).unwrap_or_default();
            let items = list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned);
            (variable(severity), items.collect())
        });
        EnvironmentOfRules(BTreeMap::from(lists))
    }

    /// With these on top.
    pub(super) fn with(mut self, rules: &[(Rule, Severity)]) -> EnvironmentOfRules {
        for (rule, severity) in rules {
            self.0.values_mut().for_each(|list| list.retain(|item| item != rule.name()));
            self.0.entry(variable(*severity)).or_default().push(rule.name().to_owned());
        }
        self
    }

    pub(super) fn set(&self, command: &mut Command) {
        for (variable, list) in self.0.iter().filter(|(_, list)| !list.is_empty()) {
            command.env(variable, list.join(","));
        }
        for (variable, _) in self.0.iter().filter(|(_, list)| list.is_empty()) {
            command.env_remove(variable);
        }
    }
}

/// A process for what ends one: `abort`, a signal, an exit code, a report where nothing can unwind.
///
/// It is the running test once more, up to the call of [`run`](Child::run), which runs the closure
/// there and nothing after it. What the test does before, it does in that process as well; earlier
/// calls of `run` return there what they returned here.
///
/// The settings of the running process are not taken over: the process has the default ones, at
/// level 2, and what is set here.
///
/// ```no_run
/// use ffi_guard::{Level, Rule, testing::Child};
///
/// # unsafe extern "C" { fn free(pointer: *mut u8); }
/// // In a test:
/// let ended = Child::new().level(Level::Arguments).run(|| {
///     // SAFETY: none: that is what is looked at.
///     unsafe { free(Box::into_raw(Box::new(7_u8))) };
/// });
/// assert!(ended.aborted(), "{ended}");
/// assert_eq!(ended.reports()[0].rule(), Rule::AllocDeallocMismatch);
/// ```
#[derive(Clone, Debug)]
#[must_use = "`run` starts it"]
pub struct Child {
    variables: Vec<(OsString, OsString)>,
}

/// The closures of a test that have run already.
struct Runs {
    test: String,
    ended: Vec<Ended>,
    /// How many of them were asked for in this process.
    asked: usize,
}

thread_local! {
    static RUNS: RefCell<Runs> = const { RefCell::new(Runs { test: String::new(), ended: Vec::new(), asked: 0 }) };
}

impl Default for Child {
    fn default() -> Child {
        Child::new()
    }
}

impl Child {
    /// A process at level 2.
    pub fn new() -> Child {
        Child { variables: Vec::new() }.level(Level::Full)
    }

    /// The level of its checks.
    pub fn level(self, level: Level) -> Child {
        self.env("GUARD", (level as u8).to_string())
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Child {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Runs the closure in that process, and waits for its end. A closure that returns ends the
    /// process with code 0, after what runs at the end of every process; one that panics fails the
    /// test there, with code 101.
    ///
    /// What was reported there stands in this process's `GUARD_REPORT` as caught.
    ///
    /// # Panics
    ///
    /// If the process cannot be started, or ends before it reaches the closure.
    #[track_caller]
    pub fn run<F: FnOnce()>(self, body: F) -> Ended {
        let name = name_of::<F>();
        let number = RUNS.with_borrow_mut(|runs| runs.ask(&name));
        if is_this(&name)
            && let Some(folder) = env::var_os(FOLDER).map(PathBuf::from)
        {
            let earlier = ended::read_all(&folder.join(EARLIER));
            match earlier.len() == number {
                true => run_and_exit(&folder, body),
                false => {
                    return earlier.into_iter().nth(number).unwrap_or_else(|| {
                        panic!("a `Child` inside the closure of another one: run them one after the other")
                    });
                }
            }
        }
        let folder = folder();
        let earlier = RUNS.with_borrow(|runs| ended::write_all(&runs.ended, &folder.join(EARLIER)));
        earlier.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let output = again(&name, |command| {
            for (variable, _) in env::vars_os() {
                if variable.to_str().is_some_and(|name| name == "GUARD" || name.starts_with("GUARD_")) {
                    command.env_remove(variable);
                }
            }
            command.env("GUARD_REPORT", folder.join(REPORT)).env(FOLDER, &folder).envs(self.variables.clone());
        });
        let reached = folder.join(REACHED).is_file();
        let lines = fs::read_to_string(folder.join(REPORT)).unwrap_or_default();
        let _ = fs::remove_dir_all(&folder);
        let ended = Ended::new(output, &lines);
        assert!(reached, "`{name}` in a process of its own ended before it came here\n{ended}");
        lines.lines().for_each(report::record_of_child);
        RUNS.with_borrow_mut(|runs| runs.ended.push(ended.clone()));
        ended
    }
}

impl Runs {
    /// Number of this call among those of the test.
    fn ask(&mut self, test: &str) -> usize {
        if self.test != test {
            *self = Runs { test: test.to_owned(), ended: Vec::new(), asked: 0 };
        }
        self.asked += 1;
        self.asked - 1
    }
}

fn run_and_exit(folder: &Path, body: impl FnOnce()) -> ! {
    fs::write(folder.join(REACHED), "").unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    body();
    std::process::exit(0)
}

/// The name of the running test: that of its attribute; of its thread, which test harnesses name
/// so; or of the function that holds the closure.
fn name_of<F>() -> String {
    if let Some(name) = test::current() {
        return name.to_owned();
    }
    let thread = std::thread::current();
    match thread.name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => {
            let path = type_name::<F>();
            let path = path.split("::{{closure}}").next().unwrap_or(path);
            path.split_once("::").map_or(path, |(_, name)| name).to_owned()
        }
    }
}

/// A new folder.
fn folder() -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("ffi-guard-child-{}-{number}", std::process::id()));
        match fs::create_dir(&folder) {
            Ok(()) => return folder,
            // Left by an earlier process of this number.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => panic!("{}: {error}", folder.display()),
        }
    }
}
