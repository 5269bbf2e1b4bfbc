//! What long work does just now, on one line of the terminal, which it leaves empty. A log, which no
//! terminal shows, gets nothing.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Time between two texts.
const PAUSE: Duration = Duration::from_millis(100);

/// Columns that a text may have.
const COLUMNS: usize = 72;

/// The line on the terminal. Dropped, it is empty.
#[derive(Debug)]
pub struct Progress {
    /// Whether standard error is a terminal that moves its cursor.
    shown: bool,
    /// When something was written last.
    last: Option<Instant>,
}

impl Progress {
    /// Nothing is written yet.
    #[must_use]
    pub fn new() -> Progress {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        Progress { shown: std::io::stderr().is_terminal() && !is_dumb, last: None }
    }

    /// Shows what is done now, if the last text has been there long enough to be read.
    pub fn show(&mut self, text: impl FnOnce() -> String) {
        if !self.shown || self.last.is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        let text: String = text().chars().map(|c| if c.is_control() { ' ' } else { c }).take(COLUMNS).collect();
        self.write(&format!("\r\x1b[K{text}"));
        self.last = Some(Instant::now());
    }

    fn write(&self, text: &str) {
        let mut stderr = std::io::stderr().lock();
        // If the terminal is gone there is nowhere left to say so.
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }
}

impl Default for Progress {
    fn default() -> Progress {
        Progress::new()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.last.is_some() {
            self.write("\r\x1b[K");
        }
    }
}
