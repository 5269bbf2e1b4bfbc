//! A test in a process of its own: the level is read once, limits and crashes are the whole process's.

use std::process::{Command, Output};

const CHILD: &str = "FFI_GUARD_TEST_CHILD";

/// Whether this process was started to run the body of this test.
#[must_use]
pub fn is_child(test: &str) -> bool {
    std::env::var(CHILD).is_ok_and(|name| name == test)
}

/// Runs this test alone in a new process, with the variables set, behind `shell` (such as `ulimit -v 1000000;`).
#[must_use]
pub fn run_child(test: &str, shell: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{shell} exec \"$@\"")).arg("sh").arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    for name in ["GUARD", "GUARD_QUARANTINE", "GUARD_BACKTRACE"] {
        command.env_remove(name);
    }
    command.env(CHILD, test).envs(variables.iter().copied()).output().unwrap()
}

/// What a process wrote to stderr.
#[must_use]
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs `body` in a process for each value of `GUARD`, which must end well.
pub fn at_levels(test: &str, levels: &[&str], body: impl FnOnce()) {
    if is_child(test) {
        return body();
    }
    for level in levels {
        let output = run_child(test, "", &[("GUARD", level)]);
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && printed.contains("1 passed"),
            "GUARD={level}: {}\n{printed}\n{}",
            output.status,
            stderr(&output)
        );
    }
}
