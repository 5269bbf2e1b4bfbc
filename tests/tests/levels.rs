//! The variables of the environment, each with its effect and its error, on whole programs.

use std::process::Output;

use ffi_guard::testing::command_for;

fn run(program: &str, variables: &[(&str, &str)], steps: &[&str]) -> Output {
    let mut command = command_for(program);
    for name in std::env::vars_os().map(|(name, _)| name) {
        if name.to_str().is_some_and(|name| name.starts_with("GUARD")) {
            command.env_remove(name);
        }
    }
    command.args(steps).envs(variables.iter().copied()).env("RUST_BACKTRACE", "0").output().expect("the program runs")
}

fn checked(variables: &[(&str, &str)], steps: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_checked"), variables, steps)
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_value_that_is_none_is_named_and_the_program_does_not_start() {
    for (variable, value, says) in [
        ("GUARD", "7", "0 (off), 1 (arguments), 2 (full) or 3 (paged)"),
        ("GUARD", "on", "0 (off), 1 (arguments), 2 (full) or 3 (paged)"),
        ("GUARD", "", "0 (off), 1 (arguments), 2 (full) or 3 (paged)"),
        ("GUARD_ALLOW", "nested", "nested_pointer"),
        ("GUARD_WARN", "everything", "nested_pointer"),
        ("GUARD_DENY", "Nested_Pointer", "nested_pointer"),
        ("GUARD_ON_VIOLATION", "die", "panic, abort or report"),
        ("GUARD_REPORT", "", "path"),
        ("GUARD_CALLED", "", "path"),
        ("GUARD_SUPPRESS", "", "path"),
        ("GUARD_STATS", "yes", "0 or 1"),
        ("GUARD_STATS", "2", "0 or 1"),
        ("GUARD_SAMPLE", "many", "whole number"),
        ("GUARD_COPY", "2", "0 or 1"),
        ("GUARD_LOOK", "always", "budget or each"),
        ("GUARD_BACKTRACE", "short", "0, 1 or full"),
        ("GUARD_QUARANTINE", "64MB", "K, M or G"),
    ] {
        let output = checked(&[(variable, value)], &["level"]);
        let stderr = err(&output);
        assert_eq!(output.status.code(), Some(2), "{variable}={value}: {stderr}");
        assert_eq!(out(&output), "", "{variable}={value}: nothing of the program ran");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with(&format!("ffi-guard: {variable}={value}")), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
}

#[test]
fn unset_is_level_2_with_the_allocator_in_a_debug_build_and_0_without() {
    let expected = if cfg!(debug_assertions) { "level 2" } else { "level 0" };
    assert!(out(&checked(&[], &["level"])).contains(expected));
    let output = run(env!("CARGO_BIN_EXE_unchecked"), &[], &[]);
    assert_eq!(out(&output), "sum 6, level 0\n");
    assert!(output.status.success());
}

#[test]
fn each_level_is_what_was_asked_for() {
    for level in ["0", "1", "2", "3"] {
        assert!(out(&checked(&[("GUARD", level)], &["level"])).contains(&format!("level {level}\n")));
    }
}

#[test]
fn copies_are_made_without_a_word() {
    for level in ["0", "1", "2"] {
        let output = checked(&[("GUARD", level), ("GUARD_COPY", "1")], &["level"]);
        assert!(output.status.success() && out(&output).ends_with("the end\n"), "{}", err(&output));
        assert_eq!(err(&output), "");
    }
}

#[test]
fn checks_without_the_allocator_stop_the_program_with_the_lines_to_add() {
    let output = run(env!("CARGO_BIN_EXE_unchecked"), &[("GUARD", "1")], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(out(&output), "", "the guarded call did not run");
    let stderr = err(&output);
    assert!(stderr.contains("#[global_allocator]\n"), "{stderr}");
    assert!(stderr.contains("static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();"), "{stderr}");
    assert!(run(env!("CARGO_BIN_EXE_unchecked"), &[("GUARD", "0")], &[]).status.success());
}

#[test]
fn the_level_can_be_lowered_and_not_raised_above_what_is_tracked() {
    let output = checked(&[("GUARD", "1")], &["raise", "level", "lower", "nest"]);
    assert!(out(&output).contains("refused: level 2 (full) is above 1 (arguments)"), "{}", out(&output));
    assert!(out(&output).contains("level 1\n") && out(&output).contains("lowered: Ok(())\n"));
    assert!(out(&output).ends_with("the end\n"), "level 0 checks nothing: {}", err(&output));
    assert!(out(&checked(&[("GUARD", "2")], &["lower", "raise", "level"])).contains("raised\nlevel 2\n"));
    assert!(out(&checked(&[("GUARD", "0")], &["raise"])).contains("refused: level 2 (full) is above 0 (off)"));
}

#[test]
fn what_each_level_checks() {
    for (level, step, found) in [
        ("0", "nest", false),
        ("1", "nest", true),
        ("2", "nest", true),
        ("0", "keep", false),
        ("1", "keep", false),
        ("2", "keep", true),
    ] {
        let output = checked(&[("GUARD", level)], &[step]);
        assert_eq!(output.status.code(), Some(if found { 101 } else { 0 }), "{level} {step}: {}", err(&output));
    }
}

#[test]
fn a_panic_carries_the_report_and_names_the_caller() {
    let stderr = err(&checked(&[("GUARD", "1")], &["nest"]));
    assert!(stderr.contains("panicked at tests/src/bin/checked.rs:"), "{stderr}");
    assert!(stderr.contains("\nffi-guard[nested_pointer]: "), "{stderr}");
    assert!(stderr.contains("process_complex_struct"), "{stderr}");
}

#[test]
fn on_violation_abort_and_report() {
    use std::os::unix::process::ExitStatusExt;
    let output = checked(&[("GUARD", "1"), ("GUARD_ON_VIOLATION", "abort")], &["nest"]);
    assert_eq!(output.status.signal(), Some(6), "{}", err(&output));
    assert!(err(&output).starts_with("ffi-guard[nested_pointer]: "), "{}", err(&output));

    let output = checked(&[("GUARD", "1"), ("GUARD_ON_VIOLATION", "report")], &["nest"]);
    assert!(output.status.success() && out(&output).ends_with("the end\n"));
    assert!(err(&output).starts_with("ffi-guard[nested_pointer]: "), "{}", err(&output));
}

#[test]
fn the_same_rule_at_the_same_site_is_printed_once_and_counted() {
    let output = checked(&[("GUARD", "1"), ("GUARD_WARN", "nested_pointer")], &["again"]);
    let stderr = err(&output);
    assert!(output.status.success());
    assert_eq!(stderr.matches("ffi-guard[nested_pointer]: ").count(), 1, "{stderr}");
    assert!(
        stderr.lines().last().is_some_and(|line| line.contains("nested_pointer") && line.contains("100")),
        "{stderr}"
    );
}

#[test]
fn severities_from_the_environment() {
    let one = |variables: &[(&str, &str)]| checked(&[&[("GUARD", "2")], variables].concat(), &["nest"]);
    let allowed = one(&[("GUARD_ALLOW", "nested_pointer")]);
    assert!(allowed.status.success() && err(&allowed).is_empty(), "{}", err(&allowed));
    let warned = one(&[("GUARD_WARN", "all")]);
    assert!(warned.status.success() && err(&warned).contains("ffi-guard[nested_pointer]"));
    assert_eq!(one(&[("GUARD_WARN", "all"), ("GUARD_DENY", "nested_pointer")]).status.code(), Some(101));
    let other = one(&[("GUARD_ALLOW", "all"), ("GUARD_DENY", "retained_pointer")]);
    assert!(other.status.success() && err(&other).is_empty(), "{}", err(&other));
}

#[test]
fn the_report_file_gets_one_json_object_a_violation() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.jsonl");
    let _ = std::fs::remove_file(&path);
    let file = path.to_str().expect("UTF-8");
    for _ in 0..2 {
        let variables = [("GUARD", "2"), ("GUARD_REPORT", file), ("GUARD_ON_VIOLATION", "report")];
        assert!(checked(&variables, &["nest", "keep"]).status.success());
    }
    assert_eq!(checked(&[("GUARD", "2"), ("GUARD_REPORT", file)], &["keep"]).status.code(), Some(101));
    let text = std::fs::read_to_string(&path).expect("the file was made");
    let rules: Vec<String> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("JSON")["rule"].as_str().unwrap().to_string()
        })
        .collect();
    let expected = ["nested_pointer", "retained_pointer", "nested_pointer", "retained_pointer", "retained_pointer"];
    assert_eq!(rules, expected);
}

#[test]
fn a_report_file_that_cannot_be_written_loses_nothing_else() {
    let output = checked(&[("GUARD", "1"), ("GUARD_REPORT", "/nowhere/report.jsonl")], &["nest"]);
    assert_eq!(output.status.code(), Some(101));
    assert!(err(&output).contains("ffi-guard[nested_pointer]: ") && err(&output).contains("/nowhere/report.jsonl"));
}

#[test]
fn a_suppressed_finding_is_counted_and_the_others_are_told() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (path, report) = (folder.join("suppress.toml"), folder.join("suppress.jsonl"));
    let file = path.to_str().expect("UTF-8");
    let variables = [("GUARD", "2"), ("GUARD_SUPPRESS", file), ("GUARD_REPORT", report.to_str().expect("UTF-8"))];
    let kept = "[[suppress]]\nrule = 'retained_pointer'\ncrate = 'c-fixtures'\nreason = 'it is the fixture\\'s work'\n";
    std::fs::write(&path, kept.replace("\\'", "")).expect("written");
    let _ = std::fs::remove_file(&report);
    let output = checked(&variables, &["keep", "keep"]);
    assert!(output.status.success(), "{}", err(&output));
    assert!(err(&output).contains("findings are suppressed (GUARD_SUPPRESS)"), "{}", err(&output));
    let text = std::fs::read_to_string(&report).expect("the file was made");
    let first: serde_json::Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["suppressed"], "it is the fixtures work");
    let output = checked(&variables, &["nest"]);
    assert_eq!(output.status.code(), Some(101), "another rule: {}", err(&output));
    std::fs::write(&path, kept.replace("reason", "rason").replace("\\'", "")).expect("written");
    let output = checked(&variables, &["keep"]);
    assert_eq!(output.status.code(), Some(101), "{}", err(&output));
    assert!(
        err(&output).contains("suppress.toml:4: there is no key `rason`; nothing is suppressed"),
        "{}",
        err(&output)
    );
}

#[test]
fn the_functions_that_are_called_are_listed_once_a_process() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("called.txt");
    let file = path.to_str().expect("UTF-8");
    for level in ["1", "2"] {
        let _ = std::fs::remove_file(&path);
        let variables = [("GUARD", level), ("GUARD_CALLED", file), ("GUARD_ALLOW", "all")];
        assert!(checked(&variables, &["nest", "nest", "keep"]).status.success());
        let text = std::fs::read_to_string(&path).expect("the file was made");
        let mut lines: Vec<&str> = text.lines().collect();
        let count = lines.len();
        assert!(lines.contains(&"c_fixtures store_reference"), "{text}");
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), count, "{text}");
    }
    let output =
        checked(&[("GUARD", "1"), ("GUARD_CALLED", "/nowhere/called"), ("GUARD_ALLOW", "all")], &["nest", "keep"]);
    assert!(output.status.success());
    assert_eq!(err(&output).matches("GUARD_CALLED=/nowhere/called").count(), 1, "{}", err(&output));
}

#[test]
fn only_the_crates_that_are_named_are_checked() {
    let others = [("GUARD", "2"), ("GUARD_CRATES", "my-app")];
    assert!(checked(&others, &["nest", "keep"]).status.success());
    assert_eq!(checked(&[("GUARD", "2"), ("GUARD_CRATES", "my-app,c-fixtures")], &["nest"]).status.code(), Some(101));
}

#[test]
fn a_trace_tells_how_each_argument_was_understood() {
    let stderr =
        err(&checked(&[("GUARD", "2"), ("GUARD_TRACE", "store_reference"), ("GUARD_ALLOW", "all")], &["keep", "nest"]));
    let lines: Vec<_> = stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    assert!(
        lines[0].starts_with("ffi-guard: trace store_reference(s: byte 0 of a 12-byte live Rust block, 12 lent) at")
    );
    assert!(lines[0].contains("tests/src/bin/checked.rs:"), "{stderr}");
}

#[test]
fn the_hook_sees_every_violation_and_catch_makes_it_a_value() {
    let output = checked(&[("GUARD", "1"), ("GUARD_ON_VIOLATION", "abort")], &["hook", "catch"]);
    assert_eq!(out(&output), "hook: nested_pointer\ncaught: Err(NestedPointer)\nthe end\n");
    assert_eq!(err(&output), "");
    let output = checked(&[("GUARD", "1"), ("GUARD_WARN", "all")], &["hook", "nest"]);
    assert_eq!(out(&output), "hook: nested_pointer\nthe end\n");
}
