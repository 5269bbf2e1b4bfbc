//! Messages of the guard about itself on stderr.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Prints a line on stderr, once for each text in the life of the process.
pub(crate) fn say_once(text: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let new = super::fork_gate::run(|| SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned()));
    if new {
        // One write, so that the line stays whole among other threads'.
        super::process::write_stderr(format!("ffi-guard: {text}\n").as_bytes());
    }
}
