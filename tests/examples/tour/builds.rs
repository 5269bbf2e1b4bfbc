//! Slides 66 to 81: what is built, how, and how often.
//!
//! Most of these rows build something with cargo. They use the packages of the tour's own build and
//! no network, so that each takes only seconds.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ffi_guard::Rule;
use ffi_guard_tests::rebuild::{Rebuilt, after_a_change_of_rust};
use ffi_guard_tests::small_build::{SmallBuild, cargo};
use hashpass::{Limits, Password};

use crate::process::{bare, came_of};
use crate::row::{Expected, Outcome, Plan, Row};

/// The target of slide 75.
const MUSL: &str = "x86_64-unknown-linux-musl";

pub(crate) const ROWS: &[Row] = &[
    Row { slides: &[66..=68], what: "hashpass over libsodium", plan: Plan::Here(hash, Expected::Clean) },
    Row {
        slides: &[69..=71],
        what: "after a change of Rust, no C is compiled",
        plan: Plan::Built(rebuild, Expected::Clean),
    },
    Row {
        slides: &[72..=72, 78..=78],
        what: "hashpass built without the network, libsodium in it",
        plan: Plan::Built(offline, Expected::Clean),
    },
    Row {
        slides: &[74..=74],
        what: "a static executable is checked",
        plan: Plan::Built(static_gnu, Expected::Violates(Rule::RetainedPointer, "`someReference`")),
    },
    Row {
        slides: &[75..=75],
        what: "the same with musl",
        plan: Plan::Built(static_musl, Expected::Violates(Rule::RetainedPointer, "`someReference`")),
    },
    Row {
        slides: &[80..=80],
        what: "built for other targets, and run by an emulator",
        plan: Plan::Built(cross, Expected::Clean),
    },
    Row {
        slides: &[3..=3, 81..=81],
        what: "two builds in two folders",
        plan: Plan::Built(reproducible, Expected::Clean),
    },
];

fn hash() -> String {
    let password = Password::new(b"Correct Horse Battery Staple".to_vec()).expect("a password");
    let other = Password::new(b"Correct Horse Battery Stable".to_vec()).expect("a password");
    let hashed = hashpass::hash(&password, Limits::Interactive).expect("64 MiB");
    assert!(hashpass::verify(&hashed, &password), "libsodium knows its hash again");
    assert!(!hashpass::verify(&hashed, &other), "and no other password's");
    ffi_guard::checkpoint();
    hashed
}

fn rebuild() -> Outcome {
    match after_a_change_of_rust(&target(), is_release()) {
        Ok(Rebuilt { hashpass: true, sodium: false }) => {
            Outcome::Clean("hashpass was compiled again, sodium-sys and libsodium were not".into())
        }
        Ok(rebuilt) => Outcome::Failed(format!("compiled again: {rebuilt:?}")),
        Err(said) => Outcome::Failed(said),
    }
}

fn offline() -> Outcome {
    let fetched = Command::new(cargo()).args(["fetch", "--locked", "--offline"]).current_dir(root()).output();
    if !fetched.is_ok_and(|output| output.status.success()) {
        return Outcome::Skipped("not every package is here: `cargo fetch` brings them".into());
    }
    let program = match build("build", "hashpass", None, &[]) {
        Ok(program) => program,
        Err(said) => return Outcome::Failed(said),
    };
    let shared = b"libsodium.so";
    match fs::read(&program) {
        Ok(bytes) if bytes.windows(shared.len()).any(|bytes| bytes == shared) => {
            Outcome::Failed("it asks for the system's libsodium".into())
        }
        Ok(_) => match came_of(bare(&program).args(["--", "secret"]).env("GUARD", "2")) {
            Outcome::Clean(hashed) => Outcome::Clean(format!("it asks for no libsodium.so: {hashed}")),
            other => other,
        },
        Err(error) => Outcome::Failed(format!("{}: {error}", program.display())),
    }
}

fn static_gnu() -> Outcome {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return Outcome::Skipped("this is not Linux with glibc".into());
    }
    let libc = Command::new("cc").arg("-print-file-name=libc.a").output();
    // A compiler that has no such file prints the name alone.
    if !libc.is_ok_and(|output| output.stdout.starts_with(b"/")) {
        return Outcome::Skipped("there is no libc.a (Debian: libc6-dev)".into());
    }
    // Executables at fixed addresses are what file(1) calls statically linked, and no static-pie.
    let flags = ["-C", "target-feature=+crt-static", "-C", "relocation-model=static"];
    static_keep(build("rustc", "c-fixtures", None, &flags))
}

fn static_musl() -> Outcome {
    let is_installed = installed().is_some_and(|(_, targets)| targets.iter().any(|target| target == MUSL));
    if !is_installed {
        return other_targets(&["keep"], "");
    }
    if Command::new("musl-gcc").arg("--version").output().is_err() {
        return other_targets(&["keep"], "there is no musl-gcc (Debian: musl-tools); ");
    }
    let flags = ["-C", "relocation-model=static"];
    static_keep(build("rustc", "c-fixtures", Some(MUSL), &flags))
}

/// Runs `tests/targets/run.sh`, if the folder that it makes is there: a Debian with the Rust and
/// the C of other targets. `lacks` is what this machine has not.
fn other_targets(arguments: &[&str], lacks: &str) -> Outcome {
    let mut script = Command::new("bash");
    script.arg(root().join("tests/targets/run.sh")).args(arguments);
    // The caller's own level is this program's.
    script.env("GUARD", "2").env("FFI_GUARD_TARGETS_MAKE", "0");
    match came_of(&mut script) {
        Outcome::Clean(said) => match said.trim().strip_prefix("skipped: other targets: ") {
            Some(why) => Outcome::Skipped(format!("{lacks}{why}")),
            None => {
                Outcome::Clean(said.lines().filter_map(|line| line.strip_prefix("ok: ")).collect::<Vec<_>>().join("\n"))
            }
        },
        other => other,
    }
}

/// The fixture whose C keeps a pointer, as a static executable: that it is one, and what the guard
/// finds in it.
fn static_keep(built: Result<PathBuf, String>) -> Outcome {
    let program = match built {
        Ok(program) => program,
        Err(said) => return Outcome::Failed(said),
    };
    let said = match Command::new("file").arg(&program).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(_) => return Outcome::Skipped("there is no file(1) to say that it is static".into()),
    };
    if !said.contains("statically linked") {
        return Outcome::Failed(said);
    }
    came_of(bare(&program).env("GUARD", "2"))
}

fn cross() -> Outcome {
    let Some((host, mut targets)) = installed() else {
        return Outcome::Failed("rustc does not say what is installed".into());
    };
    // The library is written for 64 bits and an operating system.
    targets.retain(|target| {
        let bits = target.starts_with("x86_64-") || target.starts_with("aarch64-");
        *target != host
            && bits
            && ["-linux-", "-apple-darwin", "-windows-"].iter().any(|system| target.contains(system))
    });
    for target in &targets {
        let mut check = Command::new(cargo());
        check.args(["check", "--quiet", "--locked", "--offline", "--package", "ffi-guard", "--target", target]);
        match check.arg("--target-dir").arg(self::target()).current_dir(root()).output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => return Outcome::Failed(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => return Outcome::Failed(format!("cargo does not run: {error}")),
        }
    }
    match (other_targets(&["programs", "arm64", "windows"], ""), targets.is_empty()) {
        (Outcome::Skipped(why), true) => Outcome::Skipped(format!("no other target is installed; {why}")),
        (Outcome::Skipped(_), false) => Outcome::Clean(format!("cargo check for {}", targets.join(", "))),
        (outcome, _) => outcome,
    }
}

fn reproducible() -> Outcome {
    let programs = ["one", "another"].map(|name| {
        let folder = target().join("tmp/tour").join(name);
        SmallBuild::write(&folder)?.build(true)
    });
    match programs {
        [Ok(one), Ok(another)] if one == another => {
            Outcome::Clean(format!("the same {} bytes, debug information and C included", one.len()))
        }
        [Ok(_), Ok(_)] => Outcome::Failed("the programs differ".into()),
        [Err(said), _] | [_, Err(said)] => Outcome::Failed(said),
    }
}

/// The workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a package of the workspace")
}

/// The folder that the tour was built in: `target/debug/examples/tour` lies three below it.
fn target() -> PathBuf {
    let tour = env::current_exe().expect("a running program has a path");
    tour.ancestors().nth(3).expect("cargo put it there").to_path_buf()
}

/// True if the tour was built with `--release`. What it builds is then built with it too, because
/// those packages are already there.
fn is_release() -> bool {
    env::current_exe().is_ok_and(|tour| tour.ancestors().nth(2).is_some_and(|folder| folder.ends_with("release")))
}

/// Builds the example of a package with cargo, without the network, and returns its path.
fn build(verb: &str, package: &str, triple: Option<&str>, flags: &[&str]) -> Result<PathBuf, String> {
    let example = if package == "c-fixtures" { "keep" } else { package };
    let mut command = Command::new(cargo());
    command.current_dir(root()).args([verb, "--locked", "--offline", "--package", package, "--example", example]);
    command.args(is_release().then_some("--release")).arg("--target-dir").arg(target());
    if let Some(triple) = triple {
        command.args(["--target", triple]);
    }
    if !flags.is_empty() {
        command.arg("--").args(flags);
    }
    let output = command.output().map_err(|error| format!("cargo does not run: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let profile = if is_release() { "release" } else { "debug" };
    Ok(target().join(triple.unwrap_or_default()).join(profile).join("examples").join(example))
}

/// This machine's target, and those whose standard library is installed.
fn installed() -> Option<(String, Vec<String>)> {
    let rustc = |arguments: &[&str]| {
        let output = Command::new("rustc").args(arguments).current_dir(root()).output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    let version = rustc(&["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "))?.to_owned();
    let folder = Path::new(rustc(&["--print", "sysroot"])?.trim()).join("lib/rustlib");
    let entries = fs::read_dir(folder).ok()?.flatten();
    let mut targets: Vec<String> = entries
        .filter(|entry| entry.path().join("lib").is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    targets.sort();
    Some((host, targets))
}
