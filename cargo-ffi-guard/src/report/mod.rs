//! From the lines of `GUARD_REPORT` to a team's report.
//!
//! ```text
//!  *.jsonl ── line ── fold (enclosing) ── Report ──┬── terminal
//!                                                  ├── sarif, junit, github, html
//!             suppress, baseline ──────────────────┘── saved
//! ```
//!
//! The same defect is met by many processes, on many lines that move: it is one [`Finding`] here.
//!
//! # Examples
//!
//! ```
//! use cargo_ffi_guard::report::Report;
//!
//! let line = r#"{"version":1,"guard":"0.1.0","rule":"null_pointer","severity":"deny",
//!     "message":"`s` of `strlen` is null","function":{"name":"strlen","module":"text_sys"},
//!     "parameter":{"index":0,"name":"s"},"site":{"file":"src/main.rs","line":4,"column":5},
//!     "caught":false}"#.replace('\n', "");
//! let report = Report::of_lines([line.as_str(), line.as_str()]).unwrap();
//! assert_eq!(report.findings.len(), 1);
//! assert_eq!(report.findings[0].count, 2);
//! assert!(report.fails());
//! ```

pub mod baseline;
mod enclosing;
mod fold;
pub mod github;
pub mod html;
pub mod junit;
mod line;
mod rules;
pub mod sarif;
pub mod suppress;
pub mod terminal;

use std::path::{Path, PathBuf};

use crate::progress::Progress;

pub use fold::{Finding, Standing};
pub use line::{Call, Crossing, Frame, Line, Place, Violation};

/// Everything that was found, each defect once; the worst first.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The findings.
    pub findings: Vec<Finding>,
    /// How often each guarded function was called, and what that took, as far as processes ran
    /// with `GUARD_STATS=1`.
    pub crossings: Vec<Crossing>,
    /// Violations that the program got as values, which a test expects: they are not findings.
    pub caught: u64,
    /// Lines that are no objects of this format, as `file:line: why`. A process that was killed
    /// leaves half a line.
    pub unread: Vec<String>,
}

impl Report {
    /// Folds lines. Places are not looked up in sources.
    ///
    /// # Errors
    ///
    /// A line that is no object of the format.
    pub fn of_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Report, String> {
        let mut folding = fold::Folding::new(None);
        lines.into_iter().filter(|line| !line.trim().is_empty()).try_for_each(|line| folding.add(Line::read(line)?))?;
        Ok(folding.finish())
    }

    /// Reads files, and in folders each file that ends in `.jsonl`. `checkout` is the folder that
    /// relative paths of the program's sources count from.
    ///
    /// # Errors
    ///
    /// A file or folder that cannot be read. A folder without such files is what a clean run leaves.
    pub fn read(paths: &[PathBuf], checkout: &Path) -> Result<Report, String> {
        let mut folding = fold::Folding::new(Some(checkout));
        let (mut unread, mut progress, files) = (Vec::new(), Progress::new(), files(paths)?);
        for (index, file) in files.iter().enumerate() {
            let text = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
            for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
                let line = String::from_utf8_lossy(line);
                if line.trim().is_empty() {
                    continue;
                }
                progress.show(|| format!("reading {} of {} files, line {}", index + 1, files.len(), number + 1));
                if let Err(why) = Line::read(&line).and_then(|line| folding.add(line)) {
                    unread.push(format!("{}:{}: {why}", file.display(), number + 1));
                }
            }
        }
        Ok(Report { unread, ..folding.finish() })
    }

    /// True if a run ought to fail: a denied finding is neither suppressed nor in the baseline.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.findings.iter().any(Finding::fails)
    }
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
            let mut found: Vec<PathBuf> = entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|file| file.extension().is_some_and(|it| it == "jsonl"))
                .collect();
            // The system lists them in any order.
            found.sort();
            files.extend(found);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}
