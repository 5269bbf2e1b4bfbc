//! `GUARD_STATS` from outside: the counts are tested exactly, the times only as far as no clock
//! matters.

use std::collections::HashMap;
use std::path::Path;
use std::process::Output;

use ffi_guard::testing::command_for;

fn run(program: &Path, variables: &[(&str, &str)], steps: &[&str]) -> Output {
    let mut command = command_for(program);
    for name in std::env::vars_os().map(|(name, _)| name) {
        if name.to_str().is_some_and(|name| name.starts_with("GUARD")) {
            command.env_remove(name);
        }
    }
    let output =
        command.args(steps).envs(variables.iter().copied()).env("RUST_BACKTRACE", "0").output().expect("it runs");
    assert!(output.status.success(), "{variables:?} {steps:?}: {}\n{}\n{}", output.status, out(&output), err(&output));
    output
}

/// Runs the program with statistics on.
fn counted(level: &str, steps: &[&str]) -> Output {
    run(Path::new(env!("CARGO_BIN_EXE_counted")), &[("GUARD", level), ("GUARD_STATS", "1")], steps)
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The cells of the tables, by the function's name and the column's head.
fn table(text: &str) -> HashMap<String, HashMap<String, String>> {
    let cells = |line: &str| -> Vec<String> {
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    let mut rows = HashMap::new();
    let mut heads: Option<Vec<String>> = None;
    for line in text.lines() {
        match &heads {
            _ if !line.starts_with("  ") => heads = None,
            None => heads = Some(cells(line)),
            Some(heads) => {
                let row = cells(line);
                assert_eq!(row.len(), heads.len(), "a cell under each head: {line}");
                let name = row[0].clone();
                assert!(rows.insert(name, heads.iter().cloned().zip(row).collect()).is_none(), "a function twice");
            }
        }
    }
    rows
}

#[test]
fn what_works_on_copies_is_counted_as_well() {
    for level in ["1", "2", "3"] {
        let output = run(
            Path::new(env!("CARGO_BIN_EXE_counted")),
            &[("GUARD", level), ("GUARD_STATS", "1"), ("GUARD_COPY", "1")],
            &["threads", "say"],
        );
        let line = "read_one: 50000 calls, 0 unfinished, 200000 lent, 0 callbacks, 0 retained, 0 pinned\n";
        assert!(out(&output).contains(line), "level {level}: {}\n{}", out(&output), err(&output));
    }
}

#[test]
fn every_call_of_every_thread_is_counted_once() {
    for level in ["0", "1", "2", "3"] {
        let output = counted(level, &["threads", "say"]);
        let bytes = if level == "0" { 0 } else { 4 * 50_000 };
        let line = format!("read_one: 50000 calls, 0 unfinished, {bytes} lent, 0 callbacks, 0 retained, 0 pinned\n");
        assert!(out(&output).contains(&line), "level {level}: {}", out(&output));
        assert!(out(&output).contains(&format!("the end, level {level}\n")), "the level is what it was");
        assert_eq!(table(&err(&output))["read_one"]["calls"], "50,000", "{}", err(&output));
    }
}

#[test]
fn the_table_at_the_end_says_what_was_counted() {
    let output = counted("2", &["callbacks", "lent", "kept", "long"]);
    let stderr = err(&output);
    assert!(stderr.starts_with("ffi-guard: statistics of the border: 8 functions, level 2 (full)\n"), "{stderr}");
    let table = table(&stderr);
    let cell = |function: &str, column: &str| table[function][column].as_str();
    assert_eq!((cell("each", "calls"), cell("each", "callbacks")), ("1", "100"), "{stderr}");
    assert_eq!((cell("step", "calls"), cell("abs", "calls")), ("100", "100"), "{stderr}");
    assert!(table["step"].contains_key("in Rust") && !table["step"].contains_key("in C"), "{stderr}");
    assert_eq!((cell("process_big_data", "lent"), cell("strlen", "lent")), ("1020 B", "13 B"), "{stderr}");
    assert_eq!((cell("keep_slot", "retained"), cell("keep_slot", "pinned")), ("2", "0"), "{stderr}");
    assert_eq!((cell("read_one", "retained"), cell("read_one", "pinned")), ("0", "1"), "{stderr}");
    for column in ["in C", "a call", "checks", "crossing", "share"] {
        assert!(table["slow_func"].contains_key(column), "{column}: {stderr}");
    }
    assert!(!stderr.contains("did not come back"), "{stderr}");
    // Three hundred thousand times `pow`, against the look at one declaration and one number.
    let share = |function: &str| cell(function, "share").trim_end_matches(" %").parse::<u32>().expect("a share");
    assert!(share("slow_func") < share("abs"), "{stderr}");
}

#[test]
fn the_same_is_to_be_had_as_a_value_and_printed_at_any_time() {
    let output = counted("1", &["say", "callbacks", "say", "table", "callbacks", "say"]);
    let said = out(&output);
    assert!(said.starts_with("on: true\n"), "nothing is counted yet: {said}");
    for count in [100, 200] {
        let line = format!("step: {count} calls, 0 unfinished, 0 lent, 0 callbacks, 0 retained, 0 pinned\n");
        assert_eq!(said.matches(&line).count(), 1, "{said}");
    }
    assert_eq!(table(&said)["step"]["calls"], "100", "{said}");
    assert_eq!(table(&err(&output))["step"]["calls"], "200");
}

#[test]
fn without_the_variable_nothing_is_counted_and_nothing_said() {
    for variables in [&[("GUARD", "2")][..], &[("GUARD", "1"), ("GUARD_STATS", "0")], &[("GUARD", "0")]] {
        let output = run(Path::new(env!("CARGO_BIN_EXE_counted")), variables, &["callbacks", "say", "table"]);
        let said = out(&output);
        assert!(said.starts_with("on: false\nffi-guard: no statistics: GUARD_STATS=1 turns them on\n"), "{said}");
        assert_eq!(err(&output), "", "{variables:?}");
    }
}

#[test]
fn a_program_without_the_allocator_is_counted_as_well() {
    let output = run(Path::new(env!("CARGO_BIN_EXE_unchecked")), &[("GUARD_STATS", "1")], &[]);
    assert_eq!(out(&output), "sum 6, level 0\n");
    assert!(err(&output).contains("level 0 (off)\n"), "{}", err(&output));
    assert_eq!(table(&err(&output))["process_struct"]["calls"], "1");
}

#[test]
fn at_level_0_calls_are_counted_and_nothing_is_checked() {
    // `GUARD=2` stops this program, `GUARD=0` does not, counting or not.
    let variables = [("GUARD", "0"), ("GUARD_STATS", "1")];
    let output = run(Path::new(env!("CARGO_BIN_EXE_checked")), &variables, &["nest", "keep", "raise", "level"]);
    assert!(out(&output).starts_with("refused: level 2 (full) is above 0 (off)"), "{}", out(&output));
    assert!(out(&output).ends_with("level 0\nthe end\n"), "{}", out(&output));
    let table = table(&err(&output));
    assert_eq!(table["process_complex_struct"]["calls"], "1");
    assert!(table.values().all(|row| row["checks"] == "0"), "{}", err(&output));
}

/// A violation that is found without statistics is found with them, by the same rule and at the
/// same place.
#[test]
fn counted_calls_are_checked_like_others() {
    for (level, step, rule) in
        [("1", "nest", "nested_pointer"), ("2", "nest", "nested_pointer"), ("2", "keep", "retained_pointer")]
    {
        let report = |stats: &str| {
            let mut command = command_for(env!("CARGO_BIN_EXE_checked"));
            command.arg(step).env("GUARD", level).env("GUARD_STATS", stats).env("RUST_BACKTRACE", "0");
            let output = command.output().expect("it runs");
            assert_eq!(output.status.code(), Some(101), "{level} {step}: {}", err(&output));
            let stderr = err(&output);
            let lines = stderr.lines().take_while(|line| !line.starts_with("ffi-guard: statistics"));
            lines.filter(|line| !line.contains("0x")).map(str::to_owned).collect::<Vec<_>>()
        };
        let (without, with) = (report("0"), report("1"));
        assert!(without.iter().any(|line| line.starts_with(&format!("ffi-guard[{rule}]"))), "{without:?}");
        // The thread's number in the panic's first line differs.
        assert_eq!(without.iter().skip(2).collect::<Vec<_>>(), with.iter().skip(2).collect::<Vec<_>>());
    }
}

#[test]
fn what_is_lowered_is_counted_on() {
    let output = counted("2", &["callbacks", "lent", "lower", "callbacks", "lent", "say"]);
    let said = out(&output);
    assert!(said.contains("each: 2 calls, 0 unfinished, 0 lent, 200 callbacks,"), "{said}");
    assert!(said.contains("process_big_data: 10 calls, 0 unfinished, 1020 lent,"), "whose it is, is not asked: {said}");
    assert!(said.ends_with("the end, level 0\n"), "{said}");
}

#[test]
fn closures_are_callbacks() {
    for level in ["0", "1", "2"] {
        let said = out(&counted(level, &["closures", "say"]));
        assert!(said.contains("each: 1 calls, 0 unfinished, 0 lent, 7 callbacks,"), "{said}");
        assert!(said.contains("(closures): 7 calls, 0 unfinished,"), "{said}");
        assert!(said.contains("abs: 7 calls, 0 unfinished,"), "{said}");
    }
}

#[test]
fn calls_that_end_otherwise_are_counted_and_lose_their_time_alone() {
    for level in ["0", "1", "2"] {
        let said = out(&counted(level, &["jumps", "say"]));
        for line in ["catch_jump: 10 calls, 0 un", "jump: 10 calls, 10 un", "jumps_out: 10 calls, 10 un"] {
            assert!(said.contains(line), "level {level}: {said}");
        }
        assert!(said.contains("\njump_inside: 10 calls, 0 un") || said.starts_with("jump_inside: 10 calls, 0 un"));
        assert!(said.contains("read_one: 10 calls, 0 un"), "level {level}: {said}");
    }
    for level in ["1", "2"] {
        // Four callbacks up to the one that panics, five times.
        let said = out(&counted(level, &["panics", "say"]));
        assert!(said.contains("each: 5 calls, 0 unfinished, 0 lent, 20 callbacks,"), "{said}");
        assert!(said.contains("says_no: 20 calls, 0 unfinished,"), "{said}");

        let said = out(&counted(level, &["refused", "say"]));
        assert_eq!(said.lines().take(2).collect::<Vec<_>>(), ["Err(OutOfBounds)", "on: true"], "C was not called");
    }
}

#[test]
fn what_is_under_way_at_the_end_is_said() {
    for level in ["0", "1", "2"] {
        let stderr = err(&counted(level, &["stays", "exit"]));
        for function in ["pause", "exit"] {
            let note = format!("note: `{function}`: 1 of its calls did not come back");
            assert!(stderr.contains(&note), "level {level}: {stderr}");
            assert_eq!(table(&stderr)[function]["calls"], "1", "{stderr}");
        }
    }
}

#[test]
fn signal_handlers_lose_no_call_wherever_they_come() {
    for level in ["0", "2"] {
        let said = out(&counted(level, &["signals", "say"]));
        let made = said.lines().next().unwrap_or_default();
        let [of_main, of_handler] = made
            .split(|c: char| !c.is_ascii_digit())
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .try_into()
            .unwrap_or_else(|_| panic!("{said}"));
        assert!(said.contains(&format!("read_one: {of_main} calls, 0 unfinished,")), "level {level}: {said}");
        assert!(said.contains(&format!("abs: {of_handler} calls, 0 unfinished,")), "level {level}: {said}");
    }
}

#[test]
fn the_child_of_a_fork_counts_its_own() {
    for level in ["0", "2"] {
        let output = counted(level, &["fork", "say"]);
        let said = out(&output);
        let abs: Vec<_> = said.lines().filter(|line| line.starts_with("abs: ")).collect();
        // The child's `abs`; the parent's two declarations of it.
        let three = "abs: 3 calls, 0 unfinished, 0 lent, 0 callbacks, 0 retained, 0 pinned";
        assert!(abs.contains(&three), "level {level}: {said}");
        assert_eq!(abs.len(), 3, "level {level}: the child inherits no row: {said}");
        assert_eq!(said.matches("guarded_fork: 1 calls, 0 unfinished,").count(), 2, "it returned twice: {said}");
        assert_eq!(err(&output).matches("statistics of the border").count(), 2, "a table each: {}", err(&output));
    }
}

#[test]
fn calls_deeper_than_are_timed_are_counted() {
    let said = out(&counted("1", &["deep", "say"]));
    assert!(said.contains("each: 1000 calls, 0 unfinished,"), "{said}");
    assert!(said.contains("deeper: 1000 calls, 0 unfinished,"), "{said}");
}

#[test]
fn functions_of_one_name_are_told_apart() {
    let table = table(&err(&counted("1", &["namesakes"])));
    assert_eq!(table["counted::abs"]["calls"], "1");
    assert_eq!(table["counted::elsewhere::abs"]["calls"], "1");
}

/// The advice of slides 63 and 64. The check of each call reads 64 KiB and C returns at once, so
/// the share is far from where the advice begins, on whatever machine; and the long one is called
/// once.
#[test]
fn a_function_that_is_called_often_and_is_over_at_once_gets_advice_and_a_long_one_none() {
    let stderr = err(&counted("1", &["often", "long"]));
    let advice: Vec<_> = stderr.lines().filter(|line| line.starts_with("help: ")).collect();
    assert_eq!(advice.len(), 1, "{stderr}");
    assert!(advice[0].starts_with("help: `take` was called 110,000 times and ran for "), "{stderr}");
    assert!(stderr.contains("Move the loop around it into C"), "{stderr}");
    assert!(stderr.contains("of the crossing is checks: GUARD=0 has none"), "{stderr}");
}

/// At level 0 the language decides what a panic in a callback does, counted or not.
#[test]
fn counting_stops_no_panic_that_level_0_does_not() {
    use std::os::unix::process::ExitStatusExt as _;
    for stats in ["0", "1"] {
        let mut command = command_for(env!("CARGO_BIN_EXE_counted"));
        command.arg("panics").env("GUARD", "0").env("GUARD_STATS", stats).env("RUST_BACKTRACE", "0");
        let output = command.output().expect("it runs");
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "GUARD_STATS={stats}: {}", err(&output));
    }
}

#[test]
fn crates_that_are_left_out_are_left_out_of_the_table() {
    let variables = [("GUARD", "1"), ("GUARD_STATS", "1"), ("GUARD_CRATES", "c-fixtures")];
    let output = run(Path::new(env!("CARGO_BIN_EXE_counted")), &variables, &["callbacks"]);
    let table = table(&err(&output));
    assert_eq!(table.keys().collect::<Vec<_>>(), ["each"], "{}", err(&output));
}
