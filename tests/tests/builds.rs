//! Builds: C is compiled once, and two folders make the same program. `.ci/optional/builds.sh` has
//! what takes longer.

use std::fs;
use std::path::{Path, PathBuf};

use ffi_guard_tests::rebuild::{Rebuilt, after_a_change_of_rust};
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
    let rebuilt = after_a_change_of_rust(&folder("machine-code-on"), true).expect("built");
    assert_eq!(rebuilt, Rebuilt { hashpass: true, sodium: false });
}
