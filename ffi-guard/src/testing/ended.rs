//! How a process ended, and what it reported.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Output;

use crate::platform::process::signal_of;
use crate::rule::Rule;

/// The number of `SIGABRT`, on every system that has signals.
const ABORT: i32 = 6;
/// With this code Windows ends a process that aborts.
const FAIL_FAST: i32 = 0xC000_0409_u32 as i32;
/// With this code a test program says that a test has failed.
const FAILED: i32 = 101;

/// How the process of a [`Child`](super::Child) ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    code: Option<i32>,
    signal: Option<i32>,
    stdout: String,
    stderr: String,
    reports: Vec<Reported>,
}

/// A violation that the process of a [`Child`](super::Child) reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    rule: Rule,
    json: String,
}

impl Ended {
    pub(super) fn new(output: Output, lines: &str) -> Ended {
        Ended {
            code: output.status.code(),
            signal: signal_of(output.status),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            reports: lines.lines().filter_map(Reported::of).collect(),
        }
    }

    /// True if the closure returned, and nothing was found at the end of the process.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// True if the closure panicked.
    #[must_use]
    pub fn panicked(&self) -> bool {
        self.code == Some(FAILED)
    }

    /// True if the process was aborted.
    #[must_use]
    pub fn aborted(&self) -> bool {
        self.signal == Some(ABORT) || self.code == Some(FAIL_FAST)
    }

    /// The code with which it exited; `None` if a signal ended it.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.code
    }

    /// The signal that ended it.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        self.signal
    }

    /// What it wrote to standard output, the test harness's lines included.
    #[must_use]
    pub fn stdout(&self) -> &str {
        &self.stdout
    }

    /// What it wrote to standard error.
    #[must_use]
    pub fn stderr(&self) -> &str {
        &self.stderr
    }

    /// The violations that it reported, in order.
    #[must_use]
    pub fn reports(&self) -> &[Reported] {
        &self.reports
    }
}

/// All of it, for the message of an assertion.
impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.signal, self.code) {
            (Some(signal), _) => writeln!(f, "ended by signal {signal}")?,
            (None, Some(code)) => writeln!(f, "exited with {code}")?,
            (None, None) => writeln!(f, "ended")?,
        }
        write!(f, "{}\n{}", self.stdout.trim(), self.stderr.trim())
    }
}

impl Reported {
    /// The violation in a line of `GUARD_REPORT`; `None` for a line that has none.
    fn of(line: &str) -> Option<Reported> {
        let rule = member(line, "rule")?.parse().ok()?;
        Some(Reported { rule, json: line.to_owned() })
    }

    /// The rule that was broken.
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// The foreign function, or the callback.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        value(&self.json, "\"function\":{\"name\":\"")
    }

    /// The report, as a terminal shows it.
    #[must_use]
    pub fn text(&self) -> String {
        member(&self.json, "text").map(unescaped).unwrap_or_default()
    }

    /// The line of `GUARD_REPORT`.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }
}

/// A text of the outermost object, as it is written. No text of our own lines can hold this: its
/// quotes are escaped.
fn member<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    value(line, &format!(",\"{key}\":\""))
}

fn value<'a>(line: &'a str, before: &str) -> Option<&'a str> {
    let rest = &line[line.find(before)? + before.len()..];
    let mut escaped = false;
    let end = rest.find(|c| match (escaped, c) {
        (false, '"') => true,
        (false, '\\') => {
            escaped = true;
            false
        }
        _ => {
            escaped = false;
            false
        }
    })?;
    Some(&rest[..end])
}

/// The text that our own JSON writes so.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let escape = if c == '\\' { rest.next() } else { None };
        match escape {
            None => out.push(c),
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let digits: String = rest.by_ref().take(4).collect();
                out.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
            }
            Some(other) => out.push(other),
        }
    }
    out
}

/// Writes how processes ended, for another one that reads it by [`read_all`].
pub(super) fn write_all(ended: &[Ended], path: &Path) -> io::Result<()> {
    let mut text = String::new();
    let number = |number: Option<i32>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    for it in ended {
        let lines: String = it.reports.iter().map(|report| format!("{}\n", report.json)).collect();
        let lengths = [it.stdout.len(), it.stderr.len(), lines.len()].map(|length| length.to_string()).join(" ");
        text += &format!("{} {} {lengths}\n{}{}{lines}", number(it.code), number(it.signal), it.stdout, it.stderr);
    }
    fs::write(path, text)
}

/// Reads what [`write_all`] wrote.
pub(super) fn read_all(path: &Path) -> Vec<Ended> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let (mut rest, mut ended) = (text.as_str(), Vec::new());
    while let Some((head, after)) = rest.split_once('\n') {
        let mut words = head.split(' ');
        let mut next = || words.next().unwrap_or_default();
        let (code, signal) = (next().parse().ok(), next().parse().ok());
        let mut after = after;
        let mut piece = || {
            let (piece, others) = after.split_at_checked(next().parse().unwrap_or(0)).unwrap_or((after, ""));
            after = others;
            piece
        };
        let (stdout, stderr, lines) = (piece().to_owned(), piece().to_owned(), piece());
        ended.push(Ended { code, signal, stdout, stderr, reports: lines.lines().filter_map(Reported::of).collect() });
        rest = after;
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_comes_back() {
        let report = |text: &str| {
            let line = format!("{{\"version\":1,\"guard\":\"0\",\"rule\":\"double_free\",\"text\":\"{text}\"}}");
            Reported::of(&line).unwrap()
        };
        let one = Ended {
            code: None,
            signal: Some(6),
            stdout: "1 2 3\n".into(),
            stderr: String::new(),
            reports: vec![report("a"), report("b")],
        };
        let two = Ended { code: Some(0), signal: None, stdout: String::new(), stderr: "é\n".into(), reports: vec![] };
        let path = std::env::temp_dir().join(format!("ffi-guard-ended-{}", std::process::id()));
        write_all(&[one.clone(), two.clone()], &path).unwrap();
        assert_eq!(read_all(&path), [one, two]);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_report_is_read_back() {
        let line = r#"{"version":1,"guard":"0","rule":"null_pointer","message":"\"rule\":\"x\" \\","function":{"name":"f","module":"m"},"text":"a\n\"b\" \u2028\t\\"}"#;
        let reported = Reported::of(line).unwrap();
        assert_eq!((reported.rule(), reported.function()), (Rule::NullPointer, Some("f")));
        assert_eq!(reported.text(), "a\n\"b\" \u{2028}\t\\");
        assert!(Reported::of(r#"{"version":1,"guard":"0","repeated":[{"rule":"null_pointer"}]}"#).is_none());
    }
}
