//! The file of `GUARD_REPORT`: it is bounded, it is not waited for, and it ends no program.
#![cfg(unix)]

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use ffi_guard::testing::command_for;
use serde_json::Value;

/// A path for this test alone, where nothing is.
fn path(name: &str) -> PathBuf {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&path);
    path
}

fn fifo(name: &str) -> PathBuf {
    let path = path(name);
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo is there");
    assert!(made.success());
    path
}

/// The program that breaks rules, with its report in a file.
fn checked(report: &std::path::Path, variables: &[(&str, &str)], steps: &[&str]) -> Command {
    let mut command = command_for(env!("CARGO_BIN_EXE_checked"));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("GUARD")) {
            command.env_remove(name);
        }
    }
    command.args(steps).env("GUARD", "2").env("GUARD_REPORT", report).envs(variables.iter().copied());
    // SAFETY: `alarm` may be called between `fork` and `exec`; it ends a program that waits for
    // good.
    unsafe {
        command.pre_exec(|| {
            libc::alarm(120);
            Ok(())
        });
    }
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn ends_well(output: &Output) {
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.ends_with("the end\n"), "{}\n{}", output.status, stderr(output));
}

fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("the file is there");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

const REPORT: (&str, &str) = ("GUARD_ON_VIOLATION", "report");

#[test]
fn a_place_is_written_once_and_counted_at_exit() {
    let path = path("counted.jsonl");
    ends_well(&checked(&path, &[REPORT], &["again", "keep", "again"]).output().expect("it runs"));
    let lines = lines(&path);
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert_eq!((&lines[0]["rule"], &lines[1]["rule"]), (&"nested_pointer".into(), &"retained_pointer".into()));
    let counts = lines[2]["repeated"].as_array().expect("the counts");
    assert_eq!(counts.len(), 1, "what was seen once is not repeated: {counts:#?}");
    assert_eq!((&counts[0]["rule"], &counts[0]["seen"]), (&"nested_pointer".into(), &200.into()));
    assert_eq!((&counts[0]["site"], &counts[0]["caught"]), (&lines[0]["site"], &false.into()));
    assert_eq!(counts[0]["function"], lines[0]["function"]["name"]);
    assert_eq!(counts[0]["parameter"], lines[0]["parameter"]["index"]);
}

#[test]
fn what_a_test_expects_does_not_hide_what_comes_without() {
    let path = path("caught.jsonl");
    ends_well(&checked(&path, &[REPORT], &["catch", "catch", "nest", "nest"]).output().expect("it runs"));
    let lines = lines(&path);
    let caught: Vec<_> = lines.iter().map(|line| line["caught"].clone()).collect();
    assert_eq!(caught, [Value::Bool(true), Value::Bool(false), Value::Null], "{lines:#?}");
    let counts = lines[2]["repeated"].as_array().expect("the counts");
    let counts: Vec<_> = counts.iter().map(|it| (it["caught"].clone(), it["seen"].clone())).collect();
    assert_eq!(counts, [(false.into(), 2.into()), (true.into(), 2.into())]);
}

#[test]
fn the_counts_are_written_before_an_abort() {
    let path = path("aborted.jsonl");
    let variables = [("GUARD_ON_VIOLATION", "abort"), ("GUARD_WARN", "nested_pointer")];
    let output = checked(&path, &variables, &["again", "keep"]).output().expect("it runs");
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{}", stderr(&output));
    let lines = lines(&path);
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert_eq!(lines[2]["repeated"][0]["seen"], 100);
}

#[test]
fn a_fifo_that_nothing_reads_is_not_waited_for() {
    let path = fifo("unread.fifo");
    for level in ["1", "3"] {
        let output = checked(&path, &[REPORT, ("GUARD", level)], &["again", "keep"]).output().expect("it runs");
        ends_well(&output);
        let said = stderr(&output);
        let told = format!("GUARD_REPORT={}: nothing reads from it; violations are not recorded there", path.display());
        assert_eq!(said.matches(&told).count(), 1, "{said}");
        assert!(said.contains("ffi-guard[nested_pointer]"), "{said}");
    }
}

/// Both ends of a FIFO, so that opening it does not wait.
fn both_ends(path: &std::path::Path) -> File {
    OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path).expect("the FIFO opens")
}

#[test]
fn a_fifo_with_a_reader_gets_the_lines() {
    let path = fifo("read.fifo");
    let mut ends = both_ends(&path);
    ends_well(&checked(&path, &[REPORT], &["again"]).output().expect("it runs"));
    let mut bytes = vec![0; 65536];
    let n = ends.read(&mut bytes).expect("something was written");
    let text = String::from_utf8_lossy(&bytes[..n]).into_owned();
    assert_eq!(text.lines().count(), 2, "{text}");
    text.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).expect("JSON")));
}

#[test]
fn a_fifo_whose_reader_stands_still_is_given_up() {
    let path = fifo("full.fifo");
    let mut ends = both_ends(&path);
    while ends.write(&[b'\n'; 4096]).is_ok() {}
    let output = checked(&path, &[REPORT], &["nest", "keep"]).output().expect("it runs");
    ends_well(&output);
    let said = stderr(&output);
    assert_eq!(said.matches("its reader makes no room").count(), 1, "{said}");
}

/// Has the program run with a limit of 0 for the size of the files that it writes.
fn without_room(command: &mut Command) -> &mut Command {
    // SAFETY: `setrlimit` may be called between `fork` and `exec`.
    unsafe {
        command.pre_exec(|| {
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::setrlimit(libc::RLIMIT_FSIZE, &raw const none);
            Ok(())
        })
    }
}

#[test]
fn a_limit_of_the_file_size_ends_no_program() {
    let path = path("limited.jsonl");
    for level in ["1", "2"] {
        let mut command = checked(&path, &[REPORT, ("GUARD", level)], &["again", "keep"]);
        let output = without_room(&mut command).output().expect("it runs");
        ends_well(&output);
        assert_eq!(stderr(&output).matches("violations are not recorded there").count(), 1, "{}", stderr(&output));
    }
    // Standard error may be such a file as well.
    let said = File::create(self::path("limited.txt")).expect("a file");
    let mut command = checked(&path, &[REPORT, ("GUARD_STATS", "1")], &["again"]);
    ends_well(&without_room(&mut command).stderr(said).output().expect("it runs"));
}

#[test]
fn a_pipe_without_a_reader_ends_no_program() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = checked(&path("piped.jsonl"), &[REPORT], &["pipes kill", "again"]);
    ends_well(&command.stderr(Stdio::from(writer)).output().expect("it runs"));
}
