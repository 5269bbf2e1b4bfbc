//! `cargo ffi-guard`: a program, or its tests, with the extern blocks of all its crates under the
//! guard, with no source change.
//!
//! One executable has three roles. Cargo starts it as a subcommand ([`driver`]); the cargo that
//! this starts runs it in rustc's place ([`wrapper`]) and, under another name, in rustdoc's
//! ([`rustdoc`]). What the first decides reaches the others through a file ([`session`]).
//!
//! ```text
//!  cargo ffi-guard test ── driver ── runtime: ffi-guard itself, built once
//!                            └── cargo test ── wrapper, for each crate
//!                                                ├── mirror: the package's files, of which
//!                                                │     rewrite put the attribute on each block
//!                                                ├── rustc
//!                                                ├── diagnostics: what must keep its type
//!                                                └── obstacle: what is no fault of the crate
//! ```

mod abi;
mod audit;
mod c_library;
mod callbacks;
mod cargo_options;
mod cli;
mod config;
mod coverage;
mod diagnostics;
mod driver;
mod exports;
mod fix;
mod learned;
mod mirror;
mod obstacle;
mod outcome;
mod reporting;
mod rewrite;
mod runtime;
mod rustdoc;
mod session;
mod taken;
mod unit;
mod wrapper;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = match std::env::args_os().map(|argument| argument.into_string()).collect() {
        Ok(arguments) => arguments,
        Err(argument) => {
            eprintln!("error: not UTF-8: {}", argument.display());
            return ExitCode::from(2);
        }
    };
    let own_name = arguments.first().map(String::as_str).unwrap_or_default();
    if std::env::var_os(runtime::VARIABLE).is_some() && arguments.len() > 1 {
        return wrapper::run_for_runtime(&arguments[1..]);
    }
    if let Some(session) = session::of_this_process() {
        if Path::new(own_name).file_stem().is_some_and(|name| name == rustdoc::NAME) {
            return rustdoc::run(&session, &arguments[1..]);
        }
        if arguments.get(1).is_some_and(|word| is_rustc(word)) {
            return wrapper::run(&session, &arguments[1..]);
        }
    }
    driver::run(&arguments[1..])
}

/// True for the path of a compiler, which is how cargo begins a wrapper's arguments.
fn is_rustc(word: &str) -> bool {
    let name = Path::new(word).file_stem().and_then(|name| name.to_str());
    word != "ffi-guard" && name.is_some_and(|name| !name.starts_with('-') && name.contains("rustc"))
}
