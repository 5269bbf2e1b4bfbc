//! The example `hashpass`, as a user runs it: a release build, at every level of the guard.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use hashpass::Password;

/// The beginning of a hash with the interactive limits.
const INTERACTIVE: &str = "$argon2id$v=19$m=65536,t=2,p=1$";

/// The program, built. `tests/machine_code.rs` compiles the library there in release mode too, with
/// the same flags.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("machine-code-on");
        let build = Command::new(env!("CARGO"))
            .current_dir(root)
            .args(["build", "--release", "--locked", "--package", "hashpass", "--example", "hashpass", "--target-dir"])
            .arg(&target)
            .env("RUSTFLAGS", "")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .output()
            .expect("cargo runs");
        assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
        target.join("release/examples/hashpass")
    })
}

/// Runs the program with these arguments and this standard input, at this level and with no other
/// variable of the guard's.
fn run<S: AsRef<OsStr>>(level: &str, arguments: &[S], input: &[u8]) -> Output {
    feed(Command::new(program()).args(arguments), level, input)
}

fn feed(command: &mut Command, level: &str, input: &[u8]) -> Output {
    for name in std::env::vars_os().map(|(name, _)| name) {
        if name.to_str().is_some_and(|name| name.starts_with("GUARD")) {
            command.env_remove(name);
        }
    }
    command.env("GUARD", level).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    // The program stops reading when it has read enough.
    let _ = child.stdin.take().expect("piped").write_all(input);
    child.wait_with_output().expect("the program ends")
}

/// The hash that the program printed; there must be nothing else and no report.
#[track_caller]
fn hash(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert!(!said.contains("ffi-guard["), "{said}");
    let printed = String::from_utf8(output.stdout.clone()).expect("ASCII");
    printed.strip_suffix('\n').expect("one line").to_owned()
}

fn password(bytes: &[u8]) -> Password {
    Password::new(bytes.to_vec()).expect("a password")
}

/// Expects a refusal with status 2, these words and nothing on standard output.
#[track_caller]
fn refused(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with(&format!("hashpass: {words}")), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_password_is_hashed_at_every_level_and_nothing_is_reported() {
    let mut hashes = Vec::new();
    for level in ["0", "1", "2", "3"] {
        let hashed = hash(&run(level, &["Correct Horse Battery Staple"], b""));
        assert!(hashed.starts_with(INTERACTIVE), "{hashed}");
        assert!(hashpass::verify(&hashed, &password(b"Correct Horse Battery Staple")), "{hashed}");
        assert!(!hashpass::verify(&hashed, &password(b"Correct Horse Battery Stapler")), "{hashed}");
        hashes.push(hashed);
    }
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 4, "each hash has a salt of its own");
}

#[test]
fn a_password_comes_by_standard_input_without_the_end_of_its_line() {
    for input in ["secret", "secret\n", "secret\r\n"] {
        let hashed = hash(&run::<&str>("2", &[], input.as_bytes()));
        assert!(hashpass::verify(&hashed, &password(b"secret")), "{input:?}");
    }
}

#[test]
fn what_begins_like_a_flag_is_a_password_after_two_dashes() {
    let hashed = hash(&run("2", &["--", "--sensitive"], b""));
    assert!(hashed.starts_with(INTERACTIVE), "{hashed}");
    assert!(hashpass::verify(&hashed, &password(b"--sensitive")));
}

#[test]
#[cfg(unix)]
fn bytes_that_are_no_text_are_a_password_too() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = vec![0xff, b'x', 0xfe];
    let hashed = hash(&run("2", &[OsString::from_vec(bytes.clone())], b""));
    assert!(hashpass::verify(&hashed, &password(&bytes)));
}

#[test]
fn the_longest_password_is_taken_and_one_byte_more_is_not() {
    let longest = vec![b'p'; Password::MAX];
    for end in ["", "\n", "\r\n"] {
        let input = [&longest, end.as_bytes()].concat();
        assert!(hashpass::verify(&hash(&run::<&str>("1", &[], &input)), &password(&longest)), "{end:?}");
        let input = [b"p", &longest[..], end.as_bytes()].concat();
        refused(&run::<&str>("1", &[], &input), "the password is longer than 4096 bytes\n");
    }
    refused(&run::<&str>("1", &[], &vec![b'p'; 1 << 20]), "the password is longer than 4096 bytes\n");
    refused(&run("1", &["p".repeat(4097)], b""), "the password is longer than 4096 bytes\n");
}

#[test]
fn what_is_no_password_is_refused() {
    refused(&run::<&str>("2", &[], b""), "no password\n");
    refused(&run::<&str>("2", &[], b"\n"), "no password\n");
    refused(&run("2", &[""], b"not looked at"), "no password\n");
    refused(&run::<&str>("2", &[], b"ab\0c\n"), "the password has a NUL after 2 bytes");
    refused(&run::<&str>("2", &[], b"one\ntwo\n"), "more than one line on standard input");
}

#[test]
fn what_is_no_command_is_refused() {
    refused(&run("2", &["--sensitve", "x"], b""), "unknown flag `--sensitve`");
    refused(&run("2", &["-v"], b""), "unknown flag `-v`");
    refused(&run("2", &["two", "words"], b""), "two passwords");
}

#[test]
fn help_is_no_mistake() {
    let output = run("2", &["--help"], b"");
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Usage: hashpass"));
}

/// The bytes that the system has for a program, if it says so.
#[cfg(target_os = "linux")]
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

#[test]
#[cfg(target_os = "linux")]
fn sensitive_takes_a_gigabyte() {
    if available().is_none_or(|bytes| bytes < 3 << 30) {
        eprintln!("skipped: there are no 3 GiB of memory to be had");
        return;
    }
    let hashed = hash(&run("2", &["--sensitive", "secret"], b""));
    assert!(hashed.starts_with("$argon2id$v=19$m=1048576,t=4,p=1$"), "{hashed}");
}

#[test]
#[cfg(target_os = "linux")]
fn where_there_is_no_memory_it_says_so() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 900000; exec \"$0\" --sensitive secret"]).arg(program());
    for level in ["0", "2"] {
        let output = feed(&mut command, level, b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("hashpass: there is no memory for the hash: it takes 1 GiB\n"), "{said}");
        assert!(output.stdout.is_empty());
    }
}
