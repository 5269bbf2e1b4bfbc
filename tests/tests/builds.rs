//! Builds: C is compiled once, and two folders make the same program. `.ci/optional/builds.sh` has what takes longer.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;

use ffi_guard_tests::small_build::SmallBuild;

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
#[cfg(unix)]
fn a_change_of_rust_compiles_no_c_and_a_change_of_c_does() {
    let at = folder("small-rebuild");
    let build = SmallBuild::write(&at).expect("written");
    let first = build.build(false).expect("built");
    assert_eq!(build.compiled(), 1);
    build.change_the_rust().expect("written");
    let second = build.build(false).expect("built");
    assert!(first != second, "the change is in the program");
    assert_eq!(build.compiled(), 1, "C was compiled for a change of Rust");
    fs::write(at.join("answer-sys/answer.c"), "int answer(void) { return 43; }\n").expect("written");
    build.build(false).expect("built");
    assert_eq!(build.compiled(), 2, "a change of C was not seen");
}

#[test]
#[cfg(target_os = "linux")]
fn two_folders_make_the_same_program_once_their_names_are_left_out() {
    let builds =
        ["small-one", "small-two-with-a-longer-name"].map(|name| SmallBuild::write(&folder(name)).expect("written"));
    let programs = |remapped| builds.each_ref().map(|build| build.build(remapped).expect("built"));
    let [one, two] = programs(false);
    assert!(one != two, "debug information holds folders: if it does not, this test says nothing");
    let [one, two] = programs(true);
    assert!(one == two, "the programs differ");
}

/// The real libsodium, in the release build that other tests make use of, too.
#[test]
fn libsodium_is_compiled_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let target = folder("machine-code-on");
    let build = |cfg: &str| -> Vec<serde_json::Value> {
        let output = Command::new(env!("CARGO"))
            .current_dir(root)
            .args(["rustc", "--release", "--locked", "--package", "hashpass", "--lib", "--message-format=json"])
            .arg("--target-dir")
            .arg(&target)
            .args(["--", "--cfg", cfg])
            .env("RUSTFLAGS", "")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).expect("JSON is UTF-8");
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let fresh = |messages: &[serde_json::Value], name: &str| {
        let of = |message: &&serde_json::Value| {
            message["reason"] == "compiler-artifact" && message["target"]["name"] == name
        };
        messages.iter().find(of).unwrap_or_else(|| panic!("{name} was not built"))["fresh"] == true
    };
    build("before_the_change");
    // As a change of the source does, this makes another package of it; one that no earlier run of the test has left.
    let messages = build(&format!("change_{:x}", RandomState::new().build_hasher().finish()));
    assert!(!fresh(&messages, "hashpass"), "the change was not seen");
    assert!(fresh(&messages, "sodium_sys"), "the package with the C was compiled again");
    let library = |message: &&serde_json::Value| {
        message["reason"] == "build-script-executed" && message["linked_libs"][0] == "static=sodium"
    };
    assert!(messages.iter().any(|message| library(&message)), "no build script built libsodium");
}
