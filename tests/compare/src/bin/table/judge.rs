//! The verdict on a run, read from its exit status and its output.

use std::os::unix::process::ExitStatusExt;
use std::process::Output;

/// The form of a tool's reports.
#[derive(Clone, Copy)]
pub(crate) enum Judge {
    /// There is no tool.
    Nobody,
    /// A line with `ffi-guard[rule]`.
    Guard,
    /// A line with `SUMMARY: AddressSanitizer: kind`.
    Asan,
    /// `ERROR SUMMARY: n errors`, and above it what they are.
    Memcheck,
}

/// The verdict on a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The tool reports it, and calls it so.
    Found(String),
    /// The program ended by this signal. A tool that tells where is not better off than the core
    /// file.
    Crashed(i32),
    /// The program ended by itself with an exit status other than 0, and without a reason.
    Ended(i32),
    /// Silence, and exit status 0.
    Nothing,
}

/// The names of memcheck's errors that occur here.
const MEMCHECK_KINDS: [&str; 9] = [
    "Invalid read",
    "Invalid write",
    "Invalid free",
    "Mismatched free",
    "Conditional jump or move depends on uninitialised value",
    "Use of uninitialised value",
    "Syscall param",
    "definitely lost",
    "Source and destination overlap",
];

impl Judge {
    pub(crate) fn of(self, output: &Output) -> Result<Outcome, String> {
        let said = String::from_utf8_lossy(&output.stderr);
        let otherwise = match (output.status.code(), output.status.signal()) {
            (_, Some(signal)) => Outcome::Crashed(signal),
            (Some(0), _) => Outcome::Nothing,
            (code, _) => Outcome::Ended(code.unwrap_or(-1)),
        };
        match self {
            Self::Nobody => Ok(otherwise),
            Self::Guard => Ok(after(&said, "ffi-guard[", ']').map_or(otherwise, Outcome::Found)),
            Self::Asan => asan(&said, otherwise),
            Self::Memcheck => memcheck(&said, otherwise),
        }
    }
}

/// The text between `start` and `end`.
fn after(text: &str, start: &str, end: char) -> Option<String> {
    Some(text.split_once(start)?.1.split(end).next()?.to_owned())
}

fn asan(said: &str, otherwise: Outcome) -> Result<Outcome, String> {
    if said.contains("LeakSanitizer has encountered a fatal error") {
        return Err(format!("AddressSanitizer cannot look for leaks here:\n{said}"));
    }
    let Some(summary) = after(said, "SUMMARY: AddressSanitizer: ", '\n') else { return Ok(otherwise) };
    let kind = if summary.contains("leaked") { "leak" } else { summary.split(' ').next().unwrap_or_default() };
    let signals = [("SEGV", libc_signal::SEGV), ("BUS", libc_signal::BUS)];
    let crash = signals.iter().find(|(name, _)| *name == kind);
    Ok(crash.map_or_else(|| Outcome::Found(kind.to_owned()), |&(_, signal)| Outcome::Crashed(signal)))
}

fn memcheck(said: &str, otherwise: Outcome) -> Result<Outcome, String> {
    // "2 errors from 1 contexts": an instruction that fails twice is one.
    let summary = after(said, "ERROR SUMMARY: ", '(').unwrap_or_default();
    let errors = after(&summary, "from ", ' ').and_then(|errors| errors.parse::<u32>().ok());
    let errors = errors.ok_or_else(|| format!("memcheck did not come to its end:\n{said}"))?;
    // The access that kills the program is an error as well: that one alone is the crash.
    let crashed = said.contains("Process terminating with default action of signal");
    if errors == 0 || errors == 1 && crashed {
        return Ok(otherwise);
    }
    let kind = said.lines().find_map(|line| MEMCHECK_KINDS.iter().find(|kind| line.contains(**kind)));
    Ok(Outcome::Found((*kind.unwrap_or(&"another error")).to_owned()))
}

/// The numbers of Linux, which ASan tells by name.
mod libc_signal {
    pub(super) const BUS: i32 = 7;
    pub(super) const SEGV: i32 = 11;
}
