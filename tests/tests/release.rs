//! A program as it is shipped, optimised and with symbols but without debug information: C's
//! variables are found in it and named, whichever linker made it.

use std::path::Path;
use std::process::Command;

/// Runs the example, linked with these flags, at level 2. What it wrote to standard error.
fn keep(flags: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    // `tests/machine_code.rs` compiles the library there in release mode too, with the same flags.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("machine-code-on");
    let build = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["rustc", "--release", "--locked", "--package", "c-fixtures", "--example", "keep", "--target-dir"])
        .arg(&target)
        .arg("--")
        .args(flags)
        .env("RUSTFLAGS", "")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let mut program = Command::new(target.join("release/examples/keep"));
    for name in std::env::vars_os().map(|(name, _)| name) {
        if name.to_str().is_some_and(|name| name.starts_with("GUARD")) {
            program.env_remove(name);
        }
    }
    let output = program.env("GUARD", "2").env("RUST_BACKTRACE", "0").output().expect("the program runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(101), "{flags:?}: {stderr}");
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
