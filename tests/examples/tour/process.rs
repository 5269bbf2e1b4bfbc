//! Rows in a process of their own, because the level is fixed when a process begins.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::row::{Outcome, Plan};
use crate::table;

/// The hidden argument before a row's index.
pub(crate) const ROW: &str = "--row";

/// Runs one row's program as a user's would run, without catching what the guard throws.
pub(crate) fn run_row(index: &str) -> ExitCode {
    let row = index.parse().ok().and_then(|index: usize| table::rows().get(index).map(|&(_, row)| row));
    match row.map(|row| &row.plan) {
        Some(&Plan::Here(program, _) | &Plan::At(_, program, _) | &Plan::Counted(_, program, _)) => {
            println!("{}", program());
            ExitCode::SUCCESS
        }
        Some(Plan::Built(..) | Plan::Whole(..)) | None => {
            eprintln!("tour: row {index} does not run");
            ExitCode::from(2)
        }
    }
}

/// Runs one row with these variables, and reads the result from its exit status and output.
pub(crate) fn run_at(variables: &[(&str, &str)], index: usize) -> Outcome {
    came_of(own(&[ROW, &index.to_string()]).envs(variables.iter().copied()))
}

/// Runs a program, and reads the result from its exit status and output.
pub(crate) fn came_of(command: &mut Command) -> Outcome {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            return Outcome::Failed(format!("{} does not start: {error}", command.get_program().display()));
        }
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        return Outcome::Clean(said);
    }
    let report = complained.find("ffi-guard[").map(|start| &complained[start..]);
    let rule = report.and_then(|report| report["ffi-guard[".len()..].split_once(']'));
    match (report, rule) {
        (Some(report), Some((rule, _))) => Outcome::Violation(rule.into(), report.into()),
        _ => Outcome::Failed(format!("{}\n{said}{complained}", output.status)),
    }
}

/// Runs the table at level 2, which is what a debug build has by itself. A release build has 0:
/// then it runs itself again and says what a user would say.
pub(crate) fn at_full_level(tour: impl FnOnce() -> ExitCode) -> ExitCode {
    match env::var_os("GUARD") {
        None if cfg!(debug_assertions) => tour(),
        Some(guard) if guard == "2" || guard == "3" => tour(),
        None => {
            let arguments: Vec<_> = env::args_os().skip(1).collect();
            match own(&arguments).env("GUARD", "2").status() {
                Ok(status) => ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)),
                Err(error) => {
                    eprintln!("tour: cannot start itself: {error}");
                    ExitCode::FAILURE
                }
            }
        }
        Some(guard) => {
            eprintln!("tour: GUARD is {}: the table is that of level 2; unset it, or set it to 2", guard.display());
            ExitCode::from(2)
        }
    }
}

/// A command that runs this program again.
fn own<S: AsRef<OsStr>>(arguments: &[S]) -> Command {
    let mut command = bare(&env::current_exe().expect("a running program has a path"));
    command.args(arguments);
    command
}

/// Removes the guard's variables except those that the row sets: the table expects reports that go
/// to stderr and panic.
pub(crate) fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name == "GUARD" || name.starts_with("GUARD_")) {
            command.env_remove(name);
        }
    }
    // A backtrace of Rust's own would stand in the middle of what is read here.
    command.env("RUST_BACKTRACE", "0");
    command
}
