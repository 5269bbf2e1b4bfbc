//! The list of all declarations beside C's, in a file: for `cargo ffi-guard abi`, which runs the
//! program for this alone.

use std::fmt::Write as _;
use std::panic::Location;
use std::path::Path;

use super::json::Json;
use crate::declarations::{Beside, Compared, ComparedResult, compare_each};
use crate::platform::process;
use crate::reentry::Reentry;

/// The variable that names the request.
const REQUEST: &str = "CARGO_FFI_GUARD_COMPARE";

/// Compares all declarations and exports, and ends the process, if the variable names a request: a
/// file of lines
///
/// ```text
/// into PATH
/// library CRATE PATH
/// library-of-all PATH
/// probe PATH
/// ```
///
/// of which the first says where the list is written, a JSON object for each function.
#[track_caller]
pub fn compare_if_asked() {
    let Some(request) = std::env::var_os(REQUEST) else { return };
    let _inside = Reentry::enter();
    let status = match answer(Path::new(&request), Location::caller()) {
        Ok(()) => 0,
        Err(error) => {
            process::say(format_args!("{REQUEST}={}: {error}", Path::new(&request).display()));
            2
        }
    };
    // What runs at exit is of a program that has run.
    process::exit_now(status)
}

fn answer(request: &Path, location: &'static Location<'static>) -> Result<(), String> {
    let text = std::fs::read_to_string(request).map_err(|error| error.to_string())?;
    let (mut into, mut beside, mut list) = (None, Beside::default(), String::new());
    for line in text.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let is_read = match (word, rest.split_once(' ')) {
            ("into", _) => {
                into = Some(rest);
                true
            }
            ("library", Some((krate, path))) => beside.add_library(krate, Path::new(path)),
            ("library-of-all", _) => beside.add_library("", Path::new(rest)),
            ("probe", _) => beside.add_probe(Path::new(rest)),
            _ => return Err(format!("no such line: {line}")),
        };
        if !is_read {
            let _ = writeln!(list, "{}", unread(rest));
        }
    }
    let into = into.ok_or("it says not where to write")?;
    for compared in compare_each(&beside, location) {
        list += &object(&compared);
        list.push('\n');
    }
    std::fs::write(into, list).map_err(|error| format!("{into}: {error}"))
}

/// The line of a file that is no library of this system.
fn unread(what: &str) -> String {
    let mut json = Json::default();
    json.open();
    json.text("unread", what);
    json.close();
    json.out
}

fn object(compared: &Compared) -> String {
    let Compared { function, library, result } = compared;
    let mut json = Json::default();
    json.open();
    json.text("crate", function.crate_name());
    json.text("module", function.module());
    json.text("name", function.name());
    json.text_or_null("symbol", function.symbol());
    json.text("file", function.file());
    json.number("line", function.line());
    json.raw("export", if function.is_callback() { "true" } else { "false" });
    json.text_or_null("library", library.as_deref());
    match result {
        ComparedResult::Same { other_sign } => {
            json.text("result", "same");
            json.number("other_sign", other_sign);
        }
        ComparedResult::Differs(None) => json.text("result", "allowed"),
        ComparedResult::Differs(Some(violation)) => {
            json.text("result", "differs");
            json.raw("report", &violation.to_json());
        }
        ComparedResult::NotCompared(reason) => {
            json.text("result", "not_compared");
            json.text("reason", reason.name());
            json.text("why", reason.as_str());
        }
    }
    json.close();
    json.out
}
