//! A program built with `panic = "abort"`: nothing unwinds, so a panic in a callback, or a report,
//! is printed and ends it.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Builds the example so.
fn program() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panic-abort");
    let build = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["build", "--release", "--locked", "--package", "c-fixtures", "--example", "panics", "--target-dir"])
        .arg(&target)
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
        .env("RUSTFLAGS", "")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    target.join("release/examples/panics")
}

fn run(program: &Path, argument: &str, level: &str) -> (Output, String) {
    run_with(program, argument, &[("GUARD", level)])
}

fn run_with(program: &Path, argument: &str, variables: &[(&str, &str)]) -> (Output, String) {
    let mut command = Command::new(program);
    for name in std::env::vars_os().map(|(name, _)| name) {
        if name.to_str().is_some_and(|name| name.starts_with("GUARD")) {
            command.env_remove(name);
        }
    }
    let output = command
        .arg(argument)
        .envs(variables.iter().copied())
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("the program runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, stderr)
}

#[test]
fn a_panic_or_a_report_is_printed_once_and_the_process_aborts() {
    let program = program();
    for level in ["1", "2"] {
        let (output, stderr) = run(&program, "fine", level);
        assert!(output.status.success(), "{stderr}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "C called 4 times\n");
        for (argument, says) in [
            ("panics", "the callback says no to 0"),
            ("violates", "ffi-guard[null_pointer]: `values` of `bad_first` is null"),
            ("caught", "ffi-guard[null_pointer]: `values` of `bad_first` is null"),
        ] {
            let (output, stderr) = run(&program, argument, level);
            assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{argument} at level {level}: {stderr}");
            assert_eq!(stderr.matches(says).count(), 1, "{argument} at level {level}: {stderr}");
            let why = "`catch` cannot return the report that follows";
            assert_eq!(stderr.contains(why), argument == "caught", "{argument} at level {level}: {stderr}");
        }
    }
}

#[test]
fn reported_a_violation_inside_catch_is_as_one_outside() {
    let program = program();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panic-abort.jsonl");
    let _ = std::fs::remove_file(&path);
    let file = path.to_str().expect("UTF-8");
    // `fine` breaks no rule; what `caught` breaks is C's to crash by, so it is not let through.
    let (_, stderr) = run_with(&program, "caught", &[("GUARD", "1"), ("GUARD_REPORT", file)]);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("no file: {stderr}"));
    assert!(text.contains("\"caught\":false"), "nothing was caught: {text}");
    let variables = [("GUARD", "1"), ("GUARD_WARN", "null_pointer")];
    let (_, stderr) = run_with(&program, "caught", &variables);
    assert!(!stderr.contains("`catch` cannot return"), "a warning is no panic: {stderr}");
}
