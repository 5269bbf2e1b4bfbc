//! Runs this package's tests again with C's heap over ours, and those that need it.
//!
//! Cargo unifies features in one build, so the feature has a build of its own beside the common
//! one.

use std::path::Path;
use std::process::Command;

/// The tests that use the heap, what C keeps, or real libraries. (The macros, the guide and the
/// documents are the same with and without.)
const TESTS: [&str; 29] = [
    "c_heap",
    "callbacks_panics",
    "cgocheck",
    "copied",
    "four",
    "heap_levels",
    "heap_life",
    "heap_limits",
    "heap_storm",
    "levels",
    "paged",
    "paged_limits",
    "retention",
    "robust_arguments",
    "robust_callbacks",
    "robust_libc",
    "robust_signals",
    "robust_threads",
    "robust_unwinding",
    "rules",
    "slides",
    "sqlite",
    "sqlite_callbacks",
    "stacks",
    "stats",
    "tools_c_memory",
    "tools_callback",
    "tools_handle",
    "zlib",
];

/// Runs cargo's tests in a build of their own, and returns the output.
fn run(arguments: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root).args(["test", "--locked", "--no-fail-fast"]).args(arguments);
    cargo.arg("--target-dir").arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("c-heap"));
    for name in std::env::vars_os().map(|(name, _)| name) {
        if name.to_str().is_some_and(|name| name.starts_with("GUARD")) {
            cargo.env_remove(name);
        }
    }
    let output = cargo.output().expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
fn with_cs_heap_over_ours_the_tests_pass_as_well() {
    run(&["-p", "ffi-guard", "--lib", "--features", "c-heap"]);
    let mut arguments = vec!["-p", "ffi-guard-tests", "--features", "c-heap"];
    arguments.extend(TESTS.iter().flat_map(|test| ["--test", test]));
    run(&["-p", "ffi-guard-tests-system", "--features", "c-heap"]);
    let said = run(&arguments);
    assert_eq!(said.matches("test result: ok.").count(), TESTS.len(), "{said}");
}
