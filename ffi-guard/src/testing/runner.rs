//! Programs of this target, started as cargo starts them.

use std::env;
use std::ffi::OsStr;
use std::process::Command;

/// Cargo's variable for the program that runs those of this target, such as an emulator.
const RUNNER: &str = env!("FFI_GUARD_RUNNER");

/// A command that runs a program of this target. If cargo's variable for that target names a runner
/// (`CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L ..."`), it starts the program,
/// as it started the running one.
pub fn command_for(program: impl AsRef<OsStr>) -> Command {
    behind(&env::var(RUNNER).unwrap_or_default(), program.as_ref())
}

/// Words are parted at spaces, as cargo does it.
fn behind(runner: &str, program: &OsStr) -> Command {
    let mut words = runner.split_whitespace();
    let Some(first) = words.next() else { return Command::new(program) };
    let mut command = Command::new(first);
    command.args(words).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &Command) -> Vec<&OsStr> {
        std::iter::once(command.get_program()).chain(command.get_args()).collect()
    }

    #[test]
    fn a_runner_is_put_before_the_program_word_by_word() {
        let program = OsStr::new("/a folder/program");
        assert_eq!(words(&behind("", program)), [program]);
        assert_eq!(words(&behind(" ", program)), [program]);
        let all = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "/a folder/program"].map(OsStr::new);
        assert_eq!(words(&behind("qemu-aarch64  -L /usr/aarch64-linux-gnu ", program)), all);
    }

    #[test]
    fn the_variable_is_that_of_this_target() {
        assert!(RUNNER.starts_with("CARGO_TARGET_") && RUNNER.ends_with("_RUNNER"), "{RUNNER}");
        let arch = if cfg!(target_arch = "x86_64") { "_X86_64_" } else { "_" };
        assert!(RUNNER.contains(arch) && !RUNNER.contains(['-', '.']), "{RUNNER}");
    }
}
