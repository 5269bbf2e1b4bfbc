//! split_library: one library that is in the process twice, and what only looks so.
#![cfg(target_os = "linux")]

use std::process::Command;

use ffi_guard_tests_split::LIBRARIES;

/// Runs a program at a level; what it printed.
fn run(program: &str, level: u8, set: impl FnOnce(&mut Command)) -> String {
    let mut command = Command::new(program);
    command.env("GUARD", level.to_string()).env("LD_LIBRARY_PATH", LIBRARIES).env_remove("LD_PRELOAD");
    set(&mut command);
    let output = command.output().expect("it starts");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("UTF-8");
    assert!(output.status.success(), "{text}");
    text
}

fn at_2(program: &str) -> String {
    run(program, 2, |_| {})
}

#[track_caller]
fn is_clean(text: &str) {
    assert!(!text.contains("ffi-guard["), "{text}");
    assert!(text.contains("version: 2"), "{text}");
}

#[test]
fn functions_of_one_block_are_bound_to_two_copies() {
    let text = at_2(env!("CARGO_BIN_EXE_split"));
    // Whichever is called: none of the calls is done.
    for name in ["new", "add", "get", "made", "version"] {
        assert!(
            text.contains(&format!("\n{name}: ffi-guard[split_library]"))
                || text.starts_with(&format!("{name}: ffi-guard[split_library]")),
            "{name} of:\n{text}"
        );
    }
    for words in [
        "`ffg_counter_new` and `ffg_counter_version` are of two copies",
        "`ffg_counter_version` and `ffg_counter_new` are of two copies",
        "bound to: libffgcounter.so",
        "both define 4 functions of one name",
    ] {
        assert!(text.contains(words), "{words} is not in:\n{text}");
    }
}

#[test]
fn two_copies_in_sight_are_a_warning_told_once() {
    for program in [env!("CARGO_BIN_EXE_twice"), env!("CARGO_BIN_EXE_shown")] {
        let text = at_2(program);
        assert_eq!(text.matches("ffi-guard[split_library]").count(), 1, "{text}");
        assert!(text.contains("its library is there twice"), "{text}");
        assert!(text.contains("version: 2") && text.contains("new: 0"), "the calls are done:\n{text}");
    }
    let text = run(env!("CARGO_BIN_EXE_twice"), 2, |command| {
        command.env("GUARD_ALLOW", "split_library");
    });
    is_clean(&text);
}

#[test]
fn one_library_is_clean() {
    is_clean(&at_2(env!("CARGO_BIN_EXE_one")));
    is_clean(&run(env!("CARGO_BIN_EXE_split"), 1, |_| {}));
}

#[test]
fn a_copy_that_is_hidden_is_clean() {
    is_clean(&at_2(env!("CARGO_BIN_EXE_hidden")));
}

#[test]
fn what_interposes_on_purpose_is_clean() {
    let text = at_2(env!("CARGO_BIN_EXE_traced"));
    is_clean(&text);
    assert!(text.contains("add: 2"), "{text}");
    // A few functions, and all of them.
    for library in ["libffgtracer.so", "libffgtwin.so"] {
        is_clean(&run(env!("CARGO_BIN_EXE_one"), 2, |command| {
            command.env("LD_PRELOAD", format!("{LIBRARIES}/{library}"));
        }));
    }
}

#[test]
fn what_a_module_opened_for_itself_is_clean() {
    is_clean(&run(env!("CARGO_BIN_EXE_hidden"), 2, |command| {
        command.arg(format!("{LIBRARIES}/libffgtwin.so"));
    }));
}

#[test]
fn two_real_sqlites_in_sight_are_a_warning_told_once() {
    let text = at_2(env!("CARGO_BIN_EXE_sqlite_shown"));
    assert_eq!(text.matches("ffi-guard[split_library]").count(), 1, "{text}");
    assert!(text.contains("its library is there twice") && text.contains("libffgstore.so"), "{text}");
    both_work(&text);
}

#[test]
fn a_real_sqlite_that_a_library_keeps_to_itself_is_clean() {
    let text = at_2(env!("CARGO_BIN_EXE_sqlite_hidden"));
    assert!(!text.contains("ffi-guard["), "{text}");
    both_work(&text);
}

#[track_caller]
fn both_work(text: &str) {
    let sum = ffi_guard_tests::sqlite::expected_sum(1_000);
    assert!(text.contains(&format!("by the program: {sum}\nby the C library: 3 rows")), "{text}");
}
