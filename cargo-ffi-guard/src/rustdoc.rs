//! Stands in rustdoc's place: doc tests find the libraries that the mirrored crates are linked
//! with.

use std::process::{Command, ExitCode};

use crate::outcome;
use crate::session::Session;

/// The name under which this executable takes rustdoc's place.
pub(crate) const NAME: &str = "ffi-guard-rustdoc";

/// The variable that names the real one.
pub(crate) const VARIABLE: &str = "CARGO_FFI_GUARD_RUSTDOC";

/// Runs rustdoc.
pub(crate) fn run(session: &Session, arguments: &[String]) -> ExitCode {
    let rustdoc = std::env::var(VARIABLE).unwrap_or_else(|_| "rustdoc".into());
    let runtime = &session.runtime;
    let mut command = Command::new(&rustdoc);
    command.args(arguments);
    if arguments.iter().any(|argument| argument == "--test") {
        if !session.allocator_in_libraries {
            // Without the allocator nothing is known of Rust's memory.
            command.env("GUARD", "0");
        }
        for folder in [&runtime.dependencies, &runtime.host_dependencies] {
            command.arg(format!("-Ldependency={}", folder.display()));
        }
    }
    outcome::finish(command.status(), &rustdoc)
}
