//! A run of rustc: what it says is held back until it is known what it is worth.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use crate::diagnostics;

/// The end of an attempt: rustc's status, and the lines that cargo has not been given.
pub(crate) struct Outcome {
    pub status: ExitStatus,
    pub held: Vec<String>,
}

/// Runs rustc and reads what it says. Artifacts are passed on at once: cargo starts other crates
/// by them.
pub(crate) fn listen(command: &mut Command) -> std::io::Result<Outcome> {
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let mut held = Vec::new();
    if let Some(said) = child.stderr.take() {
        for line in BufReader::new(said).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            if diagnostics::is_for_cargo(&line) { pass_on(&[line]) } else { held.push(line) }
        }
    }
    Ok(Outcome { status: child.wait()?, held })
}

/// Gives lines to cargo.
pub(crate) fn pass_on(lines: &[String]) {
    let mut out = std::io::stderr().lock();
    for line in lines {
        // Cargo has gone away: there is nothing left to tell.
        let _ = writeln!(out, "{line}");
    }
}

/// Ends as rustc ended.
pub(crate) fn finish(status: std::io::Result<ExitStatus>, program: &str) -> ExitCode {
    match status {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(101)),
        Err(error) => {
            eprintln!("error: ffi-guard: {program} cannot be run: {error}");
            ExitCode::from(101)
        }
    }
}
