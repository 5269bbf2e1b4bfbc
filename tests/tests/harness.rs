//! `ffi_guard::testing`: which test fails for what is left, and what ends a process, looked at from
//! outside. The tests of [`programs`] are ignored, since some are meant to fail: the others run
//! them.

use std::process::{Command, Output};

use c_fixtures::buffer_overflow::{poke_remembered, remember};
use c_fixtures::leaked_ownership::bad_open_named as warned_open;
use c_fixtures::leaked_ownership::denied::bad_open_named as open;
use c_fixtures::slides::{ComplexStruct, SomeStruct, process_complex_struct};
use ffi_guard::testing::{Child, assert_clean, command_for};
use ffi_guard::{Level, Rule, catch, level};
use serial_test::serial;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// Gives C a text that it neither frees nor gives back: `leaked_ownership`, which a checkpoint
/// finds.
fn leave() {
    // SAFETY: a text, which is never freed.
    unsafe { open(c"left".to_owned().into_raw()) };
}

/// The same for a declaration that leaves the rule's severity at a warning.
fn leave_warned() {
    // SAFETY: a text, which is never freed.
    unsafe { warned_open(c"left".to_owned().into_raw()) };
}

/// Has C write past the end of a block which no call is lent at that time.
fn overrun() -> Box<[u8; 24]> {
    let mut block = Box::new([0_u8; 24]);
    // SAFETY: the block outlives both calls; one byte behind it is the canary's.
    unsafe { remember(block.as_mut_ptr()) };
    poke_remembered(24, 1);
    block
}

/// Breaks `nested_pointer`.
fn nest() {
    let mut some = Box::new(SomeStruct { a: 1, b: 2, c: 3 });
    let complex = Box::new(ComplexStruct { x: &raw mut *some, y: std::ptr::null_mut() });
    // SAFETY: both boxes outlive the call.
    unsafe { process_complex_struct(&raw const *complex) };
}

/// Tests that others of this file run.
mod programs {
    use std::sync::Barrier;

    use super::*;

    #[ffi_guard::test]
    #[ignore = "run by another test"]
    fn a_leaves() {
        leave();
    }

    #[ffi_guard::test]
    #[ignore = "run by another test"]
    fn b_is_clean() {}

    #[test]
    #[ignore = "run by another test"]
    fn c_leaves_without_the_attribute() {
        leave();
    }

    #[ignore = "run by another test"]
    #[ffi_guard::test]
    fn d_is_clean() {
        ffi_guard::checkpoint();
    }

    static MEET: Barrier = Barrier::new(2);

    #[ffi_guard::test]
    #[ignore = "run by another test"]
    fn e_looks_while_another_has_left() {
        MEET.wait();
        ffi_guard::checkpoint();
        MEET.wait();
    }

    #[ffi_guard::test]
    #[ignore = "run by another test"]
    fn f_leaves_while_another_looks() {
        leave();
        MEET.wait();
        MEET.wait();
    }

    #[ffi_guard::test]
    #[ignore = "run by another test"]
    fn its_helper_leaves() {
        std::thread::spawn(leave).join().unwrap();
    }

    #[ffi_guard::test(process)]
    #[ignore = "run by another test"]
    fn its_helper_leaves_in_a_process_of_its_own() {
        std::thread::spawn(leave).join().unwrap();
    }

    #[ffi_guard::test]
    #[ignore = "run by another test"]
    fn overruns() {
        overrun();
    }

    #[ffi_guard::test]
    #[ignore = "run by another test"]
    fn overruns_and_frees_no_more() {
        std::mem::forget(overrun());
    }

    #[ffi_guard::test]
    #[ignore = "run by another test"]
    fn frees_with_another_layout() {
        let block = Box::into_raw(Box::new([0_u8; 24]));
        // SAFETY: none: the layout is wrong, which the guard refuses.
        unsafe { std::alloc::dealloc(block.cast(), std::alloc::Layout::new::<[u8; 8]>()) };
    }

    #[ffi_guard::test]
    #[ignore = "run by another test"]
    fn leaves_twice() {
        leave();
        open_at_another_place();
    }

    fn open_at_another_place() {
        // SAFETY: a text, which is never freed.
        unsafe { open(c"left too".to_owned().into_raw()) };
    }

    #[ffi_guard::test]
    #[ignore = "run by another test"]
    fn breaks_a_rule() {
        leave();
        nest();
    }

    #[ffi_guard::test]
    #[ignore = "run by another test"]
    fn warns() {
        leave_warned();
    }

    #[ffi_guard::test(rules(deny(leaked_ownership)))]
    #[ignore = "run by another test"]
    fn is_denied_what_others_are_warned_of() {
        leave_warned();
    }

    #[ffi_guard::test(rules(allow(nested_pointer)))]
    #[ignore = "run by another test"]
    fn is_allowed_what_others_are_denied() {
        nest();
    }

    #[ffi_guard::test(level = 0)]
    #[ignore = "run by another test"]
    fn at_level_0() {
        nest();
        assert_eq!(level(), Level::Off);
    }

    #[ffi_guard::test(level = 3)]
    #[ignore = "run by another test"]
    fn at_level_3() {
        assert_eq!(level(), Level::Paged);
    }

    #[ffi_guard::test(level = 1)]
    #[ignore = "run by another test"]
    fn panics_at_level_1() {
        assert_eq!(level(), Level::Arguments);
        nest();
    }

    #[ffi_guard::test(process)]
    #[ignore = "run by another test"]
    fn aborts_in_a_process_of_its_own() {
        std::process::abort();
    }

    #[ffi_guard::test]
    #[ignore = "run by another test"]
    fn returns_an_error() -> Result<(), String> {
        Err("no".into())
    }

    #[ffi_guard::test]
    #[ignore = "run by another test"]
    fn returns_without_an_error_and_leaves() -> Result<(), String> {
        leave();
        Ok(())
    }

    #[ffi_guard::test(level = 1)]
    #[ignore = "run by another test"]
    fn returns_an_error_at_level_1() -> Result<(), String> {
        Err("no".into())
    }

    #[ffi_guard::test(level = 1)]
    #[ignore = "run by another test"]
    fn returns_without_an_error_at_level_1() -> Result<(), String> {
        Ok(())
    }

    #[ffi_guard::test]
    #[ignore = "run by another test"]
    #[should_panic]
    fn should_panic_and_does() {
        panic!("as it should");
    }

    #[ffi_guard::test]
    #[should_panic]
    #[ignore = "run by another test"]
    fn should_panic_and_leaves_too() {
        leave();
        panic!("as it should");
    }

    #[should_panic(expected = "as it should")]
    #[ffi_guard::test]
    #[ignore = "run by another test"]
    fn should_panic_with_words_and_leaves_too() {
        leave();
        panic!("as it should");
    }

    #[ffi_guard::test]
    #[should_panic]
    #[ignore = "run by another test"]
    fn should_panic_and_leaves_instead() {
        leave();
    }

    #[ffi_guard::test]
    #[should_panic(expected = "ffi-guard[leaked_ownership]")]
    #[ignore = "run by another test"]
    fn should_panic_for_what_it_leaves() {
        leave();
    }

    #[ffi_guard::test(level = 1)]
    #[should_panic(expected = "ffi-guard[nested_pointer]")]
    #[ignore = "run by another test"]
    fn should_panic_at_level_1() {
        nest();
    }

    #[ffi_guard::test(level = 1)]
    #[should_panic]
    #[ignore = "run by another test"]
    fn should_panic_at_level_1_and_does_not() {}

    #[ffi_guard::test]
    #[serial]
    #[ignore = "run by another test"]
    fn serial_and_leaves() {
        leave();
    }

    #[serial]
    #[ffi_guard::test]
    #[ignore = "run by another test"]
    fn serial_from_above_and_leaves() {
        leave();
    }

    #[ffi_guard::test(level = 1)]
    #[serial]
    #[ignore = "run by another test"]
    fn serial_at_level_1() {
        assert_eq!(level(), Level::Arguments);
    }
}

/// The tests of [`programs`] whose names are given, in one process.
struct Run {
    output: Output,
    stdout: String,
    stderr: String,
}

impl Run {
    fn of(threads: &str, names: &[&str]) -> Run {
        let mut command = command_for(std::env::current_exe().unwrap());
        command.args(["--exact", "--ignored", "--test-threads", threads]);
        command.args(names.iter().map(|name| format!("programs::{name}")));
        Run::by(command)
    }

    fn by(mut command: Command) -> Run {
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("GUARD") || text.starts_with("NEXTEST") || text.starts_with("FFI_GUARD") {
                command.env_remove(&name);
            }
        }
        let output = command.env("GUARD", "2").output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        Run { output, stdout, stderr }
    }

    fn all(&self) -> String {
        format!("{}\n{}\n{}", self.output.status, self.stdout, self.stderr)
    }

    #[track_caller]
    fn says(&self, name: &str, how: &str) -> &Run {
        let line = format!("test programs::{name} ");
        let found = self.stdout.lines().any(|said| said.starts_with(&line) && said.ends_with(how));
        assert!(found, "{name} is not {how}: {}", self.all());
        self
    }

    #[track_caller]
    fn passed(&self, name: &str) -> &Run {
        self.says(name, "ok")
    }

    #[track_caller]
    fn failed(&self, name: &str) -> &Run {
        self.says(name, "FAILED")
    }

    #[track_caller]
    fn has(&self, words: &str) -> &Run {
        assert!(self.stdout.contains(words) || self.stderr.contains(words), "no `{words}`: {}", self.all());
        self
    }
}

#[test]
fn what_is_left_fails_the_test_that_lent_it_and_not_the_next() {
    for threads in ["1", "2"] {
        let run = Run::of(threads, &["a_leaves", "b_is_clean"]);
        run.failed("a_leaves").passed("b_is_clean").has("ffi-guard[leaked_ownership]").has("tests/tests/harness.rs:");
        assert_eq!(run.output.status.code(), Some(101), "{}", run.all());
    }
}

#[test]
fn what_a_test_without_the_attribute_left_is_told_at_the_end() {
    let run = Run::of("1", &["c_leaves_without_the_attribute", "d_is_clean"]);
    run.passed("c_leaves_without_the_attribute").passed("d_is_clean");
    run.has("ffi-guard[leaked_ownership]").has("found at exit");
    assert!(!run.output.status.success());
}

#[test]
fn a_finding_of_another_test_is_passed_on_to_it() {
    let run = Run::of("2", &["e_looks_while_another_has_left", "f_leaves_while_another_looks"]);
    run.passed("e_looks_while_another_has_left").failed("f_leaves_while_another_looks");
    assert_eq!(run.stdout.matches("ffi-guard[leaked_ownership]").count(), 1, "{}", run.all());
}

#[test]
fn what_a_helper_thread_left_fails_its_test_if_the_process_is_the_tests() {
    let run = Run::of("2", &["its_helper_leaves", "its_helper_leaves_in_a_process_of_its_own", "b_is_clean"]);
    run.passed("its_helper_leaves").passed("b_is_clean").failed("its_helper_leaves_in_a_process_of_its_own");
    run.has("found at exit");
}

#[test]
fn what_is_found_where_nothing_can_unwind_fails_the_test_and_does_not_end_the_process() {
    let names = ["overruns", "overruns_and_frees_no_more", "frees_with_another_layout", "b_is_clean"];
    let run = Run::of("1", &names);
    names[..3].iter().for_each(|name| _ = run.failed(name));
    run.passed("b_is_clean").has("ffi-guard[buffer_overflow]").has("ffi-guard[alloc_dealloc_mismatch]");
    assert_eq!(run.output.status.code(), Some(101), "{}", run.all());
}

#[test]
fn all_that_a_test_left_is_reported() {
    let run = Run::of("1", &["leaves_twice"]);
    run.failed("leaves_twice");
    let reports = run.all().matches("\nsummary: ffi-guard: leaked_ownership").count();
    assert_eq!(reports, 2, "{}", run.all());
    let run = Run::of("1", &["breaks_a_rule", "warns"]);
    run.failed("breaks_a_rule").has("ffi-guard[nested_pointer]").has("ffi-guard[leaked_ownership]");
    run.passed("warns");
}

#[test]
fn a_test_may_ask_for_a_level_and_for_severities() {
    let run = Run::of(
        "2",
        &[
            "is_denied_what_others_are_warned_of",
            "is_allowed_what_others_are_denied",
            "at_level_0",
            "at_level_3",
            "panics_at_level_1",
            "aborts_in_a_process_of_its_own",
        ],
    );
    run.failed("is_denied_what_others_are_warned_of").passed("is_allowed_what_others_are_denied");
    run.passed("at_level_0").passed("at_level_3").failed("panics_at_level_1");
    run.failed("aborts_in_a_process_of_its_own").has("in a process of its own (signal: 6");
    run.has("ffi-guard[nested_pointer]").has("ffi-guard[leaked_ownership]");
}

#[test]
fn tests_that_return_a_result_do() {
    let run = Run::of(
        "2",
        &[
            "returns_an_error",
            "returns_without_an_error_and_leaves",
            "returns_an_error_at_level_1",
            "returns_without_an_error_at_level_1",
        ],
    );
    run.failed("returns_an_error").failed("returns_without_an_error_and_leaves");
    run.failed("returns_an_error_at_level_1").passed("returns_without_an_error_at_level_1");
}

#[test]
fn what_is_left_does_not_pass_for_the_panic_that_is_expected() {
    let run = Run::of(
        "2",
        &[
            "should_panic_and_does",
            "should_panic_and_leaves_too",
            "should_panic_with_words_and_leaves_too",
            "should_panic_and_leaves_instead",
            "should_panic_for_what_it_leaves",
            "should_panic_at_level_1",
            "should_panic_at_level_1_and_does_not",
        ],
    );
    run.passed("should_panic_and_does").failed("should_panic_and_leaves_too");
    run.failed("should_panic_with_words_and_leaves_too").failed("should_panic_and_leaves_instead");
    run.passed("should_panic_for_what_it_leaves").passed("should_panic_at_level_1");
    run.failed("should_panic_at_level_1_and_does_not");
}

#[test]
fn serial_stands_above_or_below() {
    let run = Run::of("2", &["serial_and_leaves", "serial_from_above_and_leaves", "serial_at_level_1"]);
    run.failed("serial_and_leaves").failed("serial_from_above_and_leaves").passed("serial_at_level_1");
}

#[test]
fn under_nextest_each_test_answers_for_its_process() {
    let has_nextest = Command::new(env!("CARGO")).args(["nextest", "--version"]).output();
    if !has_nextest.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: cargo-nextest is not installed");
        return;
    }
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    command.args(["nextest", "run", "--offline", "--package", "ffi-guard-tests", "--test", "harness"]);
    command.args(["--run-ignored", "only", "--no-fail-fast", "--color", "never"]);
    if cfg!(feature = "c-heap") {
        command.args(["--features", "c-heap"]);
    }
    let names = ["a_leaves", "b_is_clean", "its_helper_leaves", "at_level_3", "should_panic_for_what_it_leaves"];
    let tests = names.map(|name| format!("test(=programs::{name})")).join(" + ");
    let run = Run::by({
        command.args(["-E", &tests]);
        command
    });
    let says = |word: &str, name: &str| {
        let is = |line: &&str| line.trim_start().starts_with(word) && line.ends_with(&format!(" programs::{name}"));
        assert!(run.stderr.lines().find(is).is_some(), "{name} is not {word}: {}", run.all());
    };
    says("FAIL", "a_leaves");
    says("PASS", "b_is_clean");
    says("FAIL", "its_helper_leaves");
    says("PASS", "at_level_3");
    says("PASS", "should_panic_for_what_it_leaves");
}

/// The text of the panic of `body`.
fn panic_of(body: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).expect_err("it panics");
    *panic.downcast::<String>().expect("a text")
}

#[ffi_guard::test(level = 2)]
fn a_block_is_clean_or_fails_with_all_that_was_found() {
    assert_eq!(assert_clean!({ 7 }), 7);
    assert_eq!(assert_clean!(2 + 2), 4);
    let text = panic_of(|| assert_clean!({ leave() }));
    assert!(text.starts_with("assert_clean!: 1 violation in the block\nffi-guard[leaked_ownership]"), "{text}");
    // A warning fails it as well, and what stops the block does not hide what it has left.
    let text = panic_of(|| {
        assert_clean!({
            leave_warned();
            nest();
        })
    });
    assert!(text.starts_with("assert_clean!: 2 violations in the block\nffi-guard[nested_pointer]"), "{text}");
    assert!(text.contains("\nsummary: ffi-guard: leaked_ownership in bad_open_named at "), "{text}");
    let text = panic_of(|| drop(assert_clean!({ overrun() })));
    assert!(text.contains("ffi-guard[buffer_overflow]"), "{text}");
    // A panic of the block's own goes through.
    assert_eq!(panic_of(|| assert_clean!({ panic!("{}", "its own") })), "its own");
    // What is expected inside is not the block's.
    assert_clean!({ catch(nest).expect_err("nested") });
    let kept = assert_clean!({ Box::new(7) });
    assert_eq!(*kept, 7);
}

#[ffi_guard::test(level = 2)]
#[should_panic(expected = "ffi-guard[leaked_ownership]")]
fn what_came_before_the_block_is_the_tests() {
    leave();
    assert_clean!({});
}

#[ffi_guard::test(level = 2, rules(allow(nested_pointer)))]
fn what_is_allowed_is_clean() {
    assert_clean!({ nest() });
}

#[test]
fn the_end_of_a_process_is_looked_at_from_outside() {
    let before = std::cell::Cell::new(0);
    before.set(before.get() + 1);
    let ended = Child::new().run(|| std::process::abort());
    assert!(ended.aborted() && !ended.succeeded() && !ended.panicked(), "{ended}");
    let ended = Child::new().run(|| std::process::exit(7));
    assert_eq!((ended.code(), ended.signal()), (Some(7), None), "{ended}");
    let ended = Child::new().run(|| panic!("so"));
    assert!(ended.panicked() && ended.stderr().contains("so"), "{ended}");
    for level in [Level::Off, Level::Arguments, Level::Full, Level::Paged] {
        let ended = Child::new().level(level).run(|| {
            assert_eq!(ffi_guard::level(), level);
            println!("at level {level}");
        });
        assert!(ended.succeeded() && ended.stdout().contains(&format!("at level {level}")), "{ended}");
    }
    // What the test does before is done in each process again.
    let ended = Child::new().run(|| std::process::exit(before.get()));
    assert_eq!(ended.code(), Some(1), "{ended}");
    let ended = Child::new().env("GUARD_ON_VIOLATION", "abort").run(nest);
    assert!(ended.aborted(), "{ended}");
    let [report] = ended.reports() else { panic!("{ended}") };
    assert_eq!((report.rule(), report.function()), (Rule::NestedPointer, Some("process_complex_struct")));
    assert!(report.text().starts_with("ffi-guard[nested_pointer]: "), "{}", report.text());
    assert!(report.json().contains("\"caught\":false"));
}

#[test]
fn what_is_found_at_the_end_of_a_process_is_reported() {
    let ended = Child::new().run(leave);
    assert!(ended.aborted() && ended.stderr().contains("found at exit"), "{ended}");
    assert_eq!(ended.reports().first().map(ffi_guard::testing::Reported::rule), Some(Rule::LeakedOwnership), "{ended}");
}

#[ffi_guard::test(level = 1)]
fn a_process_may_be_started_under_the_attribute() {
    let before = level();
    let ended = Child::new().level(Level::Paged).run(|| assert_eq!(level(), Level::Paged));
    assert_eq!(before, Level::Arguments);
    assert!(ended.succeeded(), "{ended}");
}

#[cfg(unix)]
#[test]
fn a_signal_that_ends_a_process_is_named() {
    // SAFETY: no precondition.
    let ended = Child::new().run(|| unsafe { _ = libc::raise(libc::SIGKILL) });
    assert_eq!((ended.code(), ended.signal()), (None, Some(libc::SIGKILL)), "{ended}");
}

#[test]
#[should_panic(expected = "ended before it came here")]
fn a_process_that_does_not_reach_the_closure_is_an_error() {
    if std::env::var_os("FFI_GUARD_CHILD").is_some() {
        std::process::exit(3);
    }
    let _ = Child::new().run(|| ());
}
