//! The file of `GUARD_REPORT`: one JSON object for each place that breaks a rule, and one at exit
//! that says how often they were seen.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::json;
use super::ledger::{Ledger, ReportKey};
use crate::config::settings;
use crate::facts::Violation;
use crate::platform::process;
use crate::reentry::Reentry;
use crate::stats::Stats;

/// The places that the file has.
static WRITTEN: Ledger = Ledger::new();

/// Milliseconds that the reader of a FIFO gets to make room.
const PATIENCE: i32 = 1000;

/// Appends a violation, if its place is not in the file yet, and counts it. `caught`: the program
/// gets it as a value, since a test expects it; a job in CI leaves it out. True if the place was
/// there: a line at exit says how often it was seen.
pub(super) fn append(violation: &Violation, caught: bool) -> bool {
    if settings().report_path().is_none() {
        return false;
    }
    let count = WRITTEN.count(ReportKey::of(violation.facts(), caught));
    if count == 1 {
        append_object(violation.to_json(), caught);
    }
    count > 1
}

/// Appends a violation that the project accepts, if its place is not in the file yet, and counts
/// it.
pub(super) fn append_suppressed(violation: &Violation, reason: &str) {
    let key = ReportKey::of(violation.facts(), false);
    if settings().report_path().is_some() && WRITTEN.count(key) == 1 {
        let object = json::with(violation.to_json(), "suppressed", reason);
        append_object(object, false);
    }
}

/// Appends one object without counting it.
pub(super) fn append_object(mut object: String, caught: bool) {
    object.truncate(object.len().saturating_sub("}".len()));
    object.push_str(if caught { ",\"caught\":true}" } else { ",\"caught\":false}" });
    append_line(object);
}

/// Appends how often places were seen that are in the file, as one object.
pub(super) fn append_counts() {
    if settings().report_path().is_none() {
        return;
    }
    let Some(repeated) = WRITTEN.repeated() else { return };
    if !repeated.is_empty() {
        append_line(json::counts(&repeated));
    }
}

/// Appends the counters of the border, as one object.
pub(super) fn append_statistics(stats: &Stats) {
    if settings().report_path().is_some() && !stats.functions().is_empty() {
        append_line(json::statistics(stats));
    }
}

/// Appends a line of another process that a test has started, as one that is expected.
pub(crate) fn record_of_child(line: &str) {
    if let Some(object) = line.strip_suffix(",\"caught\":false}") {
        let _own = Reentry::enter();
        append_line(format!("{object},\"caught\":true}}"));
    }
}

fn append_line(line: String) {
    static FAILED: AtomicBool = AtomicBool::new(false);
    let Some(path) = settings().report_path() else { return };
    let path = absolute(path);
    let patience = if FAILED.load(Ordering::Relaxed) { 0 } else { PATIENCE };
    if let Err(error) = write(path, line, patience)
        // Once: the program is not at fault, and many such lines would bury its own.
        && !FAILED.swap(true, Ordering::Relaxed)
    {
        let path = path.display();
        let why = match error {
            _ if process::has_no_reader(&error) => "nothing reads from it".to_owned(),
            _ if error.kind() == io::ErrorKind::WouldBlock => "its reader makes no room".to_owned(),
            error => error.to_string(),
        };
        process::write_stderr(
            format!("ffi-guard: GUARD_REPORT={path}: {why}; violations are not recorded there\n").as_bytes(),
        );
    }
}

/// Appends one line.
fn write(path: &Path, mut line: String, patience: i32) -> io::Result<()> {
    line.push('\n');
    process::append(path, line.as_bytes(), patience)
}

/// The path as it was meant when the first violation came: a daemon that changes its folder keeps
/// its file.
fn absolute(path: &Path) -> &'static Path {
    static ABSOLUTE: OnceLock<PathBuf> = OnceLock::new();
    ABSOLUTE.get_or_init(|| {
        let path = filled_in(&path.to_string_lossy());
        std::path::absolute(&path).unwrap_or(path)
    })
}

/// The path with `%p` as the process's number, `%e` as the name of its executable and `%t` as the
/// time in seconds since 1970; `%%` is `%`.
fn filled_in(path: &str) -> PathBuf {
    let mut filled = String::new();
    let mut rest = path.chars();
    while let Some(c) = rest.next() {
        match (c, rest.clone().next()) {
            ('%', Some('p')) => filled.push_str(&std::process::id().to_string()),
            ('%', Some('e')) => filled.push_str(&executable()),
            ('%', Some('t')) => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                filled.push_str(&since.as_secs().to_string());
            }
            ('%', Some('%')) => filled.push('%'),
            (c, _) => {
                filled.push(c);
                continue;
            }
        }
        rest.next();
    }
    filled.into()
}

fn executable() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tests::facts;
    use super::*;

    #[test]
    fn a_path_may_name_the_process() {
        let id = std::process::id();
        let expected = PathBuf::from(format!("/r/{}-{id}-100%.jsonl%", executable()));
        assert_eq!(filled_in("/r/%e-%p-100%%.jsonl%"), expected);
        assert!(
            filled_in("%t").to_str().is_some_and(|time| time.parse::<u64>().is_ok_and(|time| time > 1_700_000_000))
        );
    }

    #[test]
    fn lines_are_appended_whole_and_a_bad_path_is_an_error() {
        let folder = std::env::temp_dir().join(format!("ffi-guard-report-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("report.jsonl");
        let line = Violation::new(facts::null()).to_json();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|_| write(&path, line.clone(), 0).unwrap()));
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 200);
        assert!(text.lines().all(|read| read == line));
        assert!(write(&folder.join("no/such/folder"), line, 0).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
