//! `cargo ffi-guard report` over the golden lines of all rules, as a user calls it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What ffi-guard itself writes for its golden reports: its own test keeps the file true.
fn lines() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ffi-guard/tests/lines.jsonl")
}

/// A folder of this test's own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn report(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-ffi-guard"));
    command.args(["ffi-guard", "report"]).args(arguments).current_dir(folder);
    command.env_remove("GUARD_SUPPRESS").env_remove("GITHUB_STEP_SUMMARY").output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Compares with a file of `tests/snapshots`, or writes it with `GUARD_BLESS=1`.
#[track_caller]
fn is_as(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    let text = text
        .replace(&format!("\"semanticVersion\": \"{}\"", env!("CARGO_PKG_VERSION")), "\"semanticVersion\": \"0.0.0\"");
    if std::env::var_os("GUARD_BLESS").is_some_and(|set| set == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(known == text, "other than {} (GUARD_BLESS=1 writes it):\n{text}", path.display());
}

#[test]
fn every_rule_in_every_form() {
    let folder = folder("forms");
    let lines = lines();
    let arguments = [
        lines.to_str().unwrap(),
        "--sarif",
        "a.sarif",
        "--junit",
        "a.xml",
        "--html",
        "a.html",
        "--json",
        "a.json",
        "--github",
    ];
    let output = report(&folder, &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    is_as("terminal.txt", &out(&output));
    is_as("report.sarif", &read("a.sarif"));
    is_as("junit.xml", &read("a.xml"));
    is_as("findings.json", &read("a.json"));
    // Each line carries the id under which it is folded.
    let ids = |text: &str, before: &str| -> BTreeSet<String> {
        text.split(before).skip(1).filter_map(|rest| rest.get(..16)).map(String::from).collect()
    };
    let known = ids(&std::fs::read_to_string(&lines).unwrap(), "\"id\":\"");
    assert_eq!(ids(&read("a.json"), "\"id\": \""), known);
    let page = read("a.html");
    for rule in ["nested_pointer", "stale_handle", "use_after_free", "leaked_ownership"] {
        assert!(page.contains(&format!("\"rule\":\"{rule}\"")), "{rule}");
    }
}

#[test]
fn one_suppressed_and_one_new_fail_for_the_new_one_alone() {
    let folder = folder("suppressed");
    let all = std::fs::read_to_string(lines()).unwrap();
    let of = |rule: &str| all.lines().find(|line| line.contains(&format!("\"rule\":\"{rule}\""))).unwrap().to_owned();
    std::fs::create_dir(folder.join("guard")).unwrap();
    let write = |name: &str, rules: &[&str]| {
        let text: String = rules.iter().map(|rule| of(rule) + "\n").collect();
        std::fs::write(folder.join("guard").join(name), text).unwrap();
    };
    write("1.jsonl", &["null_pointer", "misaligned_pointer"]);
    write("2.jsonl", &["null_pointer", "null_pointer"]);

    let entries = out(&report(&folder, &["guard", "--suppress"]));
    assert_eq!(entries.matches("[[suppress]]").count(), 2, "{entries}");
    let accepted = entries.split("\n\n").find(|entry| entry.contains("null_pointer")).unwrap();
    std::fs::write(folder.join("ffi-guard.toml"), accepted).unwrap();
    let refused = report(&folder, &["guard"]);
    assert_eq!(refused.status.code(), Some(2), "an entry without a reason is taken");
    assert!(err(&refused).contains("reason"), "{}", err(&refused));

    std::fs::write(folder.join("ffi-guard.toml"), accepted.replace("reason = \"\"", "reason = \"seen\"")).unwrap();
    let output = report(&folder, &["guard"]);
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    assert!(text.contains("ffi-guard[misaligned_pointer]") && !text.contains("ffi-guard[null_pointer]"), "{text}");
    assert!(text.ends_with("ffi-guard: 1 finding, 1 suppressed\n"), "{text}");

    let output = report(&folder, &["guard", "--json", "known.json"]);
    assert_eq!(output.status.code(), Some(1));
    let output = report(&folder, &["guard", "--baseline", "known.json"]);
    assert_eq!((output.status.code(), err(&output)), (Some(0), String::new()));
    assert!(out(&output).ends_with("ffi-guard: nothing new, 1 in the baseline, 1 suppressed\n"), "{}", out(&output));

    write("3.jsonl", &["double_free"]);
    assert_eq!(report(&folder, &["guard", "--baseline", "known.json"]).status.code(), Some(1));
}

#[test]
fn a_terminal_sees_progress_and_a_log_does_not() {
    let folder = folder("progress");
    let lines = lines();
    let quiet = report(&folder, &[lines.to_str().unwrap(), "--html", "a.html"]);
    assert_eq!(err(&quiet), "", "a log has progress in it");
    // `script` runs it on a terminal of its own, and copies what it writes.
    let tool = env!("CARGO_BIN_EXE_cargo-ffi-guard");
    let on_a_terminal = |term: &str| {
        let command = format!("'{tool}' report '{}' --html a.html >/dev/null", lines.display());
        let mut script = Command::new("script");
        script.args(["-q", "-e", "-c", &command, "/dev/null"]).current_dir(&folder).env("TERM", term);
        script.stdin(std::process::Stdio::null()).output()
    };
    match on_a_terminal("xterm") {
        Err(error) => eprintln!("skipped: a terminal: script cannot be run: {error}"),
        Ok(output) => {
            let text = out(&output);
            assert!(text.contains("\r\u{1b}[Kreading 1 of 1 files, line 1"), "{text:?}");
            assert!(text.contains("\r\u{1b}[Kwriting a.html"), "{text:?}");
            assert!(text.ends_with("\r\u{1b}[K"), "the line stays: {text:?}");
            assert_eq!(out(&on_a_terminal("dumb").unwrap()), "", "a terminal without a cursor");
        }
    }
}

#[test]
fn what_cannot_be_read_is_said_and_loses_nothing() {
    let folder = folder("broken");
    let good = std::fs::read_to_string(lines()).unwrap().lines().next().unwrap().to_owned();
    std::fs::write(folder.join("a.jsonl"), format!("{good}\n{{\"version\":9}}\n{}", &good[..40])).unwrap();
    let output = report(&folder, &["a.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    let said = err(&output);
    assert!(said.contains("a.jsonl:2: format 9, where this reads 1") && said.contains("a.jsonl:3: "), "{said}");
    assert!(out(&output).contains("ffi-guard: 1 finding\n"));
    for (arguments, why) in [
        (vec!["nowhere.jsonl"], "nowhere.jsonl: "),
        (vec!["a.jsonl", "--baseline", "none.json"], "--json none.json` makes a baseline"),
        (vec!["a.jsonl", "--baseline", "a.jsonl"], "no baseline"),
        (vec!["a.jsonl", "--sarif", "no/such/folder"], "no/such/folder: "),
        (vec!["a.jsonl", "--suppress", "0123"], "there is no such finding"),
        (vec![], "<DIR>"),
    ] {
        let output = report(&folder, &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(err(&output).contains(why), "{arguments:?}: {}", err(&output));
    }
    std::fs::create_dir(folder.join("empty")).unwrap();
    let output = report(&folder, &["empty"]);
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(0), "ffi-guard: nothing found\n"));
}
