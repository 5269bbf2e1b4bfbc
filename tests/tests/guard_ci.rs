//! The guide's script for CI, run as a job would run it: on tests of this file that break a rule
//! when told to.
#![cfg(unix)]
// A `Vec` lies on the heap, where its end is known, and an array does not.
#![allow(clippy::undocumented_unsafe_blocks, clippy::useless_vec)]

use std::ffi::{c_char, c_int};
use std::fs;
use std::path::Path;
use std::process::Command;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[ffi_guard::guard]
unsafe extern "C" {
    fn atoi(#[guard(cstr)] text: *const c_char) -> c_int;
}

/// Set by the test below for the one that cargo runs.
const CHILD: &str = "FFI_GUARD_CI_CHILD";

#[test]
fn what_the_job_runs() {
    match std::env::var(CHILD).as_deref() {
        Ok("breaks a rule") => {
            // A number, and a NUL nowhere in the block.
            let text = vec![b'7'; 3];
            let _ = unsafe { atoi(text.as_ptr().cast()) };
        }
        Ok("expects it") => {
            let text = vec![b'7'; 3];
            let _ = ffi_guard::expect_violation!(ffi_guard::Rule::UnterminatedString, {
                unsafe { atoi(text.as_ptr().cast()) };
            });
        }
        Ok("fails") => panic!("it was told to"),
        _ => assert_eq!(unsafe { atoi(c"7".as_ptr()) }, 7),
    }
}

/// The script's exit status and its output.
fn job(child: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let report = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guard_ci.jsonl");
    let mut command = Command::new("bash");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("GUARD") || name == "GITHUB_ACTIONS") {
            command.env_remove(name);
        }
    }
    // The whole workspace, or cargo would build this package again with fewer features of its
    // dependencies.
    command.args(["docs/guard-ci.sh", "--quiet", "--workspace", "--test", "guard_ci"]);
    command.args(["--", "--exact", "what_the_job_runs"]);
    command.current_dir(root).env("GUARD_REPORT", &report).env("GUARD", "2").env(CHILD, child);
    let output = command.envs(variables.iter().copied()).output().expect("bash runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), printed)
}

#[test]
fn the_script_fails_by_what_is_denied_and_by_nothing_else() {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if std::env::var_os(CHILD).is_some() || !has("bash") || !has("jq") {
        eprintln!("skipped: there is no bash, or no jq");
        return;
    }
    let (status, printed) = job("keeps to it", &[]);
    assert_eq!(status, Some(0), "{printed}");
    assert!(!printed.contains("ffi-guard:"), "{printed}");

    let (status, printed) = job("expects it", &[]);
    assert_eq!(status, Some(0), "{printed}");
    assert!(!printed.contains("ffi-guard:"), "{printed}");

    let (status, printed) = job("breaks a rule", &[]);
    assert_eq!(status, Some(1), "{printed}");
    let line = "1 deny  unterminated_string  atoi  tests/tests/guard_ci.rs:";
    assert!(printed.contains(line) && !printed.contains("::error"), "{printed}");

    let (status, printed) = job("breaks a rule", &[("GITHUB_ACTIONS", "true")]);
    assert_eq!(status, Some(1), "{printed}");
    let line = "::error file=tests/tests/guard_ci.rs,line=";
    assert!(printed.contains(line) && printed.contains(",title=ffi-guard unterminated_string::`text`"), "{printed}");

    let (status, printed) = job("breaks a rule", &[("GITHUB_ACTIONS", "true"), ("GUARD_WARN", "all")]);
    assert_eq!(status, Some(0), "{printed}");
    assert!(printed.contains("::warning file="), "{printed}");

    let (status, printed) = job("fails", &[]);
    assert_eq!(status, Some(101), "{printed}");
    let _ = fs::remove_file(Path::new(env!("CARGO_TARGET_TMPDIR")).join("guard_ci.jsonl"));
}
