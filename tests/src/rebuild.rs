//! Finds out what cargo compiles again after a change in `hashpass`: slides 69 and 70.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::process::Command;

use crate::small_build::cargo;

/// Which of the two packages were compiled again.
#[derive(Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The Rust that was changed was compiled.
    pub hashpass: bool,
    /// The package with libsodium was compiled, or its C was.
    pub sodium: bool,
}

/// Builds `hashpass` in this target folder, changes it, and builds it again.
///
/// # Errors
///
/// If cargo fails; with what it says.
pub fn after_a_change_of_rust(target: &Path, release: bool) -> Result<Rebuilt, String> {
    let build = |changes: &[&str]| {
        let mut command = Command::new(cargo());
        command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        command.args(["rustc", "--locked", "--offline", "--package", "hashpass", "--lib", "--message-format=json"]);
        command.args(release.then_some("--release")).arg("--target-dir").arg(target).arg("--").args(changes);
        let output = command.output().map_err(|error| format!("cargo does not run: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    build(&[])?;
    // Like a change of the source, this makes another package of it, one that no earlier run has
    // left.
    let change = format!("change_{:x}", RandomState::new().build_hasher().finish());
    let messages = build(&["--cfg", &change])?;
    let artifact = |name: &str| {
        let name = format!("\"name\":\"{name}\"");
        let found = messages.lines().find(|line| line.contains("\"compiler-artifact\"") && line.contains(&name));
        found.ok_or_else(|| format!("cargo says nothing of {name}:\n{messages}"))
    };
    // It is there when the build script that makes it was run, now or earlier.
    if !messages.contains("\"linked_libs\":[\"static=sodium\"]") {
        return Err(format!("no build script made libsodium:\n{messages}"));
    }
    let compiled = |line: &str| line.contains("\"fresh\":false");
    let rebuilt = Rebuilt { hashpass: compiled(artifact("hashpass")?), sodium: compiled(artifact("sodium_sys")?) };
    // No later run builds that change again.
    for file in artifact("hashpass")?.split('"').filter(|word| word.contains("libhashpass-")) {
        let _ = fs::remove_file(file);
    }
    Ok(rebuilt)
}
