//! A program as it is shipped, optimised and with symbols but without debug information: C's
//! variables are found in it and named, whichever linker made it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds an example of `c-fixtures` for release, with these flags of rustc's.
fn build(example: &str, flags: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    // `tests/machine_code.rs` compiles the library there in release mode too, with the same flags.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("machine-code-on");
    let build = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["rustc", "--release", "--locked", "--package", "c-fixtures", "--example", example, "--target-dir"])
        .arg(&target)
        .arg("--")
        .args(flags)
        .env("RUSTFLAGS", "")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    target.join("release/examples").join(example)
}

/// Runs a program at this level. Its exit code, and what it wrote to standard error.
fn run(program: &Path, argument: &str, level: &str) -> (Option<i32>, String) {
    let mut program = Command::new(program);
    for name in std::env::vars_os().map(|(name, _)| name) {
        if name.to_str().is_some_and(|name| name.starts_with("GUARD")) {
            program.env_remove(name);
        }
    }
    let output = program.arg(argument).env("GUARD", level).env("RUST_BACKTRACE", "0").output();
    let output = output.expect("the program runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Runs the example, linked with these flags, at level 2. What it wrote to standard error.
fn keep(flags: &[&str]) -> String {
    let (code, stderr) = run(&build("keep", flags), "", "2");
    assert_eq!(code, Some(101), "{flags:?}: {stderr}");
    stderr
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn a_kept_pointer_is_found_in_a_release_build_and_the_variable_named() {
    for flags in [&[][..], &["-Clink-arg=-fuse-ld=bfd"]] {
        let stderr = keep(flags);
        assert!(stderr.contains("ffi-guard[retained_pointer]: "), "{flags:?}: {stderr}");
        assert!(stderr.contains("`someReference`"), "{flags:?}: {stderr}");
    }
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn a_stripped_program_loses_no_check_of_its_stack() {
    for flags in [&[][..], &["-Cstrip=symbols"], &["-Cstrip=symbols", "-Clink-arg=-fuse-ld=bfd"]] {
        let program = build("stripped", flags);
        for (argument, rule, levels) in [
            ("nested", "nested_pointer", &["1", "2"][..]),
            ("further-up", "nested_pointer", &["1", "2"]),
            ("written", "write_through_const", &["2"]),
        ] {
            for level in levels {
                let (code, stderr) = run(&program, argument, level);
                assert!(stderr.contains(&format!("ffi-guard[{rule}]: ")), "{flags:?}, {argument}, {level}: {stderr}");
                assert_eq!(code, Some(101), "{flags:?}, {argument}, {level}: {stderr}");
            }
        }
        for level in ["1", "2"] {
            let (code, stderr) = run(&program, "right", level);
            assert_eq!(code, Some(0), "{flags:?}, {level}: {stderr}");
            assert!(!stderr.contains("ffi-guard["), "{flags:?}, {level}: {stderr}");
        }
    }
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn variadic_functions_are_checked_in_a_release_build() {
    for flags in [&[][..], &["-Clink-arg=-fuse-ld=bfd"], &["-Cstrip=symbols"]] {
        let program = build("variadic", flags);
        let (code, stderr) = run(&program, "", "2");
        assert_eq!(code, Some(101), "{flags:?}: {stderr}");
        assert!(stderr.contains("ffi-guard[unterminated_string]: `arg5` of `print`"), "{flags:?}: {stderr}");
        // The program ends before that call.
        let (code, stderr) = run(&program, "", "0");
        assert_eq!(code, Some(0), "{flags:?}: {stderr}");
    }
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn a_release_build_lists_its_guarded_functions_whether_it_calls_them_or_not() {
    let list = |flags: &[&str]| {
        let output = Command::new(build("listed", flags)).env("GUARD", "1").output().expect("the program runs");
        String::from_utf8(output.stdout).expect("names")
    };
    let all = list(&[]);
    for function in ["c_fixtures store_reference", "c_fixtures slow_func"] {
        assert!(all.lines().any(|line| line == function), "no {function} in:\n{all}");
    }
    assert!(all.lines().count() > 100, "{all}");
    for flags in [&["-Clink-arg=-fuse-ld=bfd"][..], &["-Cstrip=symbols"], &["-Clink-arg=-Wl,--gc-sections"]] {
        assert_eq!(list(flags), all, "{flags:?}");
    }
}
