//! The four programs of README.md, on which AddressSanitizer and Valgrind print nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Builds the example and returns its path: with or without C's heap over ours, as this test is.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--quiet",
            "--locked",
            "--example",
            "four",
            "-p",
            "ffi-guard-tests",
            "--message-format",
            "json",
        ]);
        if cfg!(feature = "c-heap") {
            cargo.args(["--features", "c-heap"]);
        }
        // The folder of this very build.
        let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
        cargo.arg("--target-dir").arg(tmp.parent().expect("in the target folder"));
        let output = cargo.output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8(output.stdout).expect("UTF-8");
        let objects = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let mut paths = objects.filter_map(|object| Some(PathBuf::from(object["executable"].as_str()?)));
        paths.next().expect("it was built")
    })
}

fn run(arguments: &[&str], level: Option<&str>) -> Output {
    let mut command = Command::new(program());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("GUARD")) {
            command.env_remove(name);
        }
    }
    command.args(arguments).envs(level.map(|level| ("GUARD", level)));
    command.output().expect("it runs")
}

#[test]
fn all_four_are_found() {
    let output = run(&[], None);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("4 of 4 found at level 2 (full)"), "{said}");
    let mallocs =
        if cfg!(feature = "c-heap") { "a 15-byte block of C's heap" } else { "memory that Rust never allocated" };
    for report in [
        "ffi-guard[alloc_dealloc_mismatch]: `free` got a 40-byte block of Rust's heap",
        &format!("ffi-guard[alloc_dealloc_mismatch]: `dealloc` got {mallocs}"),
        "ffi-guard[alloc_dealloc_mismatch]: a 40-byte block was freed as one of 8 bytes",
        "ffi-guard[retained_pointer]: C kept `values` after `keep` returned",
    ] {
        assert!(said.lines().any(|line| line.trim() == report), "no {report} in\n{said}");
    }
}

#[test]
fn three_of_them_at_level_1() {
    let output = run(&[], Some("1"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("3 of 4 found at level 1"), "{said}");
}

#[test]
fn without_the_guard_nothing_is_said() {
    for program in ["c_frees_a_box", "rust_drops_cs_block", "forty_bytes_dropped_as_eight", "c_keeps_a_dead_box"] {
        let output = run(&[program], Some("0"));
        assert!(output.status.success() && output.stderr.is_empty(), "{program}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("it came to its end"), "{program}: {output:?}");
    }
}

#[test]
fn a_misspelt_name_is_no_clean_run() {
    assert_eq!(run(&["c_frees_a_bux"], None).status.code(), Some(2));
}
