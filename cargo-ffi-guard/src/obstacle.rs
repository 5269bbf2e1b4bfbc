//! What stops a run without being a mistake in a program: a full disk, a folder that cannot be
//! written, a toolchain that is too old. Each gets words and a way out.

use std::io::{Error, ErrorKind};
use std::path::Path;
use std::process::ExitStatus;

/// The oldest Rust that ffi-guard is compiled with.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// The words for a file or folder that cannot be written.
pub(crate) fn cannot_write(path: &Path, error: &Error) -> String {
    let path = path.display();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => format!("{path} cannot be written: {DISK}"),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            format!("{path} cannot be written: {error}\nset CARGO_TARGET_DIR to a folder that can be")
        }
        _ => format!("{path} cannot be written: {error}"),
    }
}

const DISK: &str = "the disk is full\nfree some room, or set CARGO_TARGET_DIR to a folder on another disk; what `cargo ffi-guard` \
                    compiled is in `ffi-guard` below the target folder, and may be deleted";

/// The words for an end of rustc that says nothing of the crate that it compiled.
pub(crate) fn of_rustc<'a>(status: ExitStatus, said: impl IntoIterator<Item = &'a String>) -> Option<String> {
    // The text of the system's error, as Unix and Windows have it.
    let is_full = |line: &&String| {
        line.contains("No space left on device") || line.contains("There is not enough space on the disk")
    };
    if said.into_iter().any(|line| is_full(&line)) {
        return Some(DISK.into());
    }
    // No status: a signal ended it.
    status.code().is_none().then(|| format!("rustc was ended from outside: {status}"))
}

/// The words for a compiler that is too old, by what `rustc -vV` printed.
pub(crate) fn of_version(said: &str) -> Option<String> {
    let version = said.lines().find_map(|line| line.strip_prefix("release: "))?;
    let number = |text: &str| -> Option<(u32, u32)> {
        let mut parts = text.split(['.', '-']);
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    (number(version)? < number(OLDEST)?).then(|| {
        format!(
            "rustc {version} is too old: ffi-guard needs {OLDEST}\n\
             choose another toolchain for this run, as in `cargo +stable ffi-guard test`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_compiler_is_refused_and_a_newer_one_is_not() {
        let said = |version: &str| format!("rustc {version} (0000 2020-01-01)\nhost: x\nrelease: {version}\n");
        assert!(of_version(&said("1.75.0")).is_some_and(|words| words.starts_with("rustc 1.75.0 is too old")));
        for version in ["1.88.0", "1.95.0", "1.97.0-nightly", "2.0.0", "odd"] {
            assert_eq!(of_version(&said(version)), None, "{version}");
        }
    }
}
