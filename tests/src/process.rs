//! Runs a test in a process of its own: the level is fixed when a process begins, and a violation
//! that no test catches ends the process.

use std::env;
use std::process::{Command, Output};

use ffi_guard::testing::command_for;

/// Set in the process that [`run_self`] starts.
const CHILD: &str = "FFI_GUARD_TESTS_CHILD";

/// Set if every such process must work on copies as well: `GUARD_COPY=1`.
pub const COPY: &str = "FFI_GUARD_TESTS_COPY";

/// Set by `tests/targets/run.sh` where an emulator runs the tests, many times slower.
const EMULATED: &str = "FFI_GUARD_TESTS_EMULATED";

/// The first count, or the second one if an emulator runs the tests: of threads or of rounds, for
/// tests that take the emulator minutes otherwise.
#[must_use]
pub fn unless_emulated<T>(count: T, emulated: T) -> T {
    if env::var_os(EMULATED).is_some() { emulated } else { count }
}

/// True if this process was started by [`run_self`].
#[must_use]
pub fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Runs one test of the running test binary again, alone, in a process with these variables and no
/// others of ours.
///
/// # Panics
///
/// If the binary cannot be started, or knows no such test: a misspelt name must not pass for a
/// clean run.
#[must_use]
pub fn run_self(test: &str, variables: &[(&str, &str)]) -> Output {
    let output = run_self_behind("", test, variables);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("running 1 test"), "no test is named {test:?}:\n{said}");
    output
}

/// Runs one test like [`run_self`], after a piece of shell such as `ulimit -v 60000;`. The caller
/// checks the result.
///
/// # Panics
///
/// If there is no shell.
#[must_use]
pub fn run_self_behind(shell: &str, test: &str, variables: &[(&str, &str)]) -> Output {
    let binary = env::current_exe().expect("a running program has a path");
    let run = command_for(binary);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{shell} exec \"$@\"")).arg("sh").arg(run.get_program()).args(run.get_args());
    command.args([test, "--exact", "--nocapture", "--include-ignored", "--test-threads=1"]);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name == "GUARD" || name.starts_with("GUARD_")) {
            command.env_remove(name);
        }
    }
    if env::var_os(COPY).is_some() {
        command.env("GUARD_COPY", "1");
    }
    command.env(CHILD, "1").envs(variables.iter().copied());
    command.output().expect("a test binary runs again")
}

/// The text that a process wrote to stderr.
#[must_use]
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// In a test: runs `body` at this level in a process of its own, and expects it to come to a good
/// end there.
///
/// `test` is the name of the calling test, as `cargo test` prints it.
///
/// # Panics
///
/// If the body failed; with all that it printed.
pub fn at_level(test: &str, level: &str, body: impl FnOnce()) {
    with_variables(test, &[("GUARD", level)], body);
}

/// In a test: runs `body` in a process of its own with these variables, and expects it to come to a
/// good end there.
///
/// # Panics
///
/// As [`at_level`].
pub fn with_variables(test: &str, variables: &[(&str, &str)], body: impl FnOnce()) {
    if is_child() {
        return body();
    }
    let output = run_self(test, variables);
    assert!(
        output.status.success(),
        "{test} with {variables:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs `body` at level 1 and at level 2, each in a process of its own.
///
/// # Panics
///
/// As [`at_level`].
pub fn at_both_levels(test: &str, body: impl Fn()) {
    at_levels(test, &["1", "2"], body);
}

/// Runs `body` at every level that checks, each in a process of its own.
///
/// # Panics
///
/// As [`at_level`].
pub fn at_checked_levels(test: &str, body: impl Fn()) {
    at_levels(test, &["1", "2", "3"], body);
}

/// Runs `body` at each of these levels, each in a process of its own.
///
/// # Panics
///
/// As [`at_level`].
pub fn at_levels(test: &str, levels: &[&str], body: impl Fn()) {
    for level in levels {
        at_level(test, level, &body);
        if is_child() {
            return;
        }
    }
}

/// Ends this process with SIGALRM if it still runs in a minute (ten in an emulator), so that a test
/// that deadlocks fails instead of hanging.
pub fn end_if_stuck() {
    // SAFETY: no precondition.
    unsafe { libc::alarm(unless_emulated(60, 600)) };
}

/// Writes a line to stderr without the test harness or Rust's runtime, which may be gone already.
pub fn say(line: &str) {
    let line = format!("{line}\n");
    // SAFETY: a live buffer and its length.
    unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) };
}
